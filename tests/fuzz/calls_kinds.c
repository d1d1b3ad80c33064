// SPDX-License-Identifier: GPL-2.0
/*
 * The kinds of operations, and how an operation gets its operands from its
 * bytes. Most operands are such that the call gets deep, some are not.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

const struct calls_kind calls_kinds[CALLS_KINDS] = {
	{ "open",		 18, calls_open },
	{ "close",		  6, calls_close },
	{ "subscribe",		 20, calls_subscribe },
	{ "setsockopt",		 10, calls_set_option },
	{ "getsockopt",		  8, calls_get_option },
	{ "set SOL_SOCKET",	  8, calls_set_socket },
	{ "get SOL_SOCKET",	  4, calls_get_socket },
	{ "address",		 12, calls_address },
	{ "shutdown",		  3, calls_shutdown },
	{ "write",		 26, calls_write },
	{ "write damaged",	  4, calls_write_damaged },
	{ "write cut",		  6, calls_write_cut },
	{ "sendto",		 14, calls_sendto },
	{ "sendmsg",		 12, calls_sendmsg },
	{ "sendmmsg",		  6, calls_sendmmsg },
	{ "read",		 20, calls_read },
	{ "recvmsg",		 20, calls_recvmsg },
	{ "recvmmsg",		  8, calls_recvmmsg },
	{ "poll",		  8, calls_poll },
	{ "epoll",		  6, calls_epoll },
	{ "dup",		  4, calls_dup },
	{ "fork",		  1, calls_fork },
	{ "splice",		 10, calls_splice },
	{ "pass",		  3, calls_pass },
	{ "ioctl",		  6, calls_ioctl },
	{ "file",		  5, calls_file },
	{ "netlink",		  8, calls_netlink },
	/* Alone. */
	{ "requests",		  0, calls_requests },
};

/* A byte to a kind, as often as its weight says; the sum is 256. */
static u8 wheel[256];

/* All of them, or one. */
void calls_kinds_init(void (*only)(struct calls_thread *t))
{
	unsigned int kind, i, n = 0;

	for (kind = 0; kind < CALLS_KINDS; kind++) {
		if (only && calls_kinds[kind].run == only)
			memset(wheel, (int)kind, sizeof(wheel));
		for (i = 0; !only && i < calls_kinds[kind].weight && n < 256; i++)
			wheel[n++] = (u8)kind;
	}
}

void calls_run_op(struct calls_thread *t, const u8 *op)
{
	u64 seed = 0;
	int i;

	for (i = 0; i < CALLS_OP_BYTES; i++)
		seed = seed * 257 + op[i];
	t->op = op;
	t->at = 1;
	t->more = seed | 1;
	t->kind = wheel[op[0]];
	t->progress++;
	calls_kinds[t->kind].run(t);
}

/* Another operation, made of the operands of this one; no fork of a fork. */
void calls_run_more(struct calls_thread *t)
{
	unsigned int kind = t->kind, at, i;
	u8 op[CALLS_OP_BYTES];
	const u8 *outer = t->op;
	u64 more;

	for (i = 0; i < sizeof(op); i++)
		op[i] = calls_u8(t);
	at = t->at;
	more = t->more;
	if (wheel[op[0]] != kind)
		calls_run_op(t, op);
	t->op = outer;
	t->at = at;
	t->more = more;
	t->kind = kind;
}

u8 calls_u8(struct calls_thread *t)
{
	if (t->at < CALLS_OP_BYTES)
		return t->op[t->at++];
	return (u8)(calls_random(&t->more) >> 32);
}

u32 calls_u32(struct calls_thread *t)
{
	u32 value = calls_u8(t);

	value = value << 8 | calls_u8(t);
	value = value << 8 | calls_u8(t);
	return value << 8 | calls_u8(t);
}

size_t calls_len(struct calls_thread *t)
{
	static const u32 lens[] = {
		0, 1, 4, 7, 8, 9, 16, 40, 64, 100, 255, 256, 500, 1000, 4000,
		4096, 8192, 16000, 16384, 40000, 65536, 300000, 1U << 20,
		(1U << 20) + 1,
	};
	u8 choice = calls_u8(t);

	/* The large ones cost time, and lead to the same places. */
	if (choice < 240)
		return lens[choice % 18];
	return lens[choice % (sizeof(lens) / sizeof(lens[0]))];
}

int calls_stream(struct calls_thread *t)
{
	u8 choice = calls_u8(t);

	if (choice >= 248)
		return calls_any(t);
	return CALLS_FD + choice % CALLS_STREAMS;
}

int calls_packet(struct calls_thread *t)
{
	u8 choice = calls_u8(t);

	if (choice >= 248)
		return calls_any(t);
	return CALLS_FD + CALLS_STREAMS + choice % CALLS_PACKETS;
}

int calls_other(struct calls_thread *t)
{
	return CALLS_FD + CALLS_STREAMS + CALLS_PACKETS +
	       calls_u8(t) % CALLS_OTHERS;
}

int calls_any(struct calls_thread *t)
{
	return CALLS_FD + calls_u8(t) % CALLS_FDS;
}

/* Give a new descriptor the number that operations know it by. */
int calls_keep(int fd, int number)
{
	if (fd < 0)
		return fd;
	dup3(fd, number, O_CLOEXEC);
	return close(fd);
}

/* An address for @len bytes: most can be used, some in part, some not. */
void *calls_place(struct calls_thread *t, size_t len)
{
	u8 *end = t->memory + CALLS_MEMORY;
	u8 choice = calls_u8(t);

	if (len > CALLS_MEMORY)
		len = CALLS_MEMORY;
	if (choice < 190)
		return t->memory;
	if (choice < 230)
		return end - len;
	if (choice < 244)
		return end - len / 2;
	if (choice < 248)
		return end;
	if (choice < 252)
		return NULL;
	return (void *)0xffff888000000000UL;
}

/* The same, with bytes there as far as they can be. */
void *calls_put(struct calls_thread *t, const void *bytes, size_t len)
{
	u8 *end = t->memory + CALLS_MEMORY;
	u8 *place = calls_place(t, len);

	if (place >= t->memory && place <= end) {
		if (len > (size_t)(end - place))
			len = (size_t)(end - place);
		memmove(place, bytes, len);
	}
	return place;
}

/* Returns the length of one of a few topics; some are none. */
size_t calls_topic(struct calls_thread *t, u8 *topic)
{
	static const char * const odd[] = {
		"", "f..a", "f.*", "f.>", ">", "f.\xff", "f a", ".",
	};
	u8 choice = calls_u8(t);
	const char *text;

	if (choice >= 240) {
		text = odd[choice % (sizeof(odd) / sizeof(odd[0]))];
		memcpy(topic, text, strlen(text));
		return strlen(text);
	}
	memset(topic, 'f', 255);
	if (choice >= 230)
		return 255;
	if (choice >= 220)
		return 126 + choice % 2;
	memcpy(topic, "f.a", 3);
	topic[2] = (u8)('a' + choice % 6);
	return 3;
}

/* Most often a topic, else a pattern that matches some of them. */
size_t calls_pattern(struct calls_thread *t, u8 *pattern)
{
	static const char * const wild[] = { "f.*", "*.a", "f.>", ">", "*.*" };
	u8 choice = calls_u8(t);
	const char *text;

	if (choice < 120)
		return calls_topic(t, pattern);
	text = wild[choice % (sizeof(wild) / sizeof(wild[0]))];
	memcpy(pattern, text, strlen(text));
	return strlen(text);
}

long calls_result(struct calls_thread *t, long result)
{
	int error = result < 0 ? errno : 0;

	/*
	 * The error of a later message is kept by recvmmsg() for the next call,
	 * of sockets of any family, and be it the kernel's own ERESTARTSYS.
	 */
	if (error >= CALLS_ERRNOS && calls_kinds[t->kind].run == calls_recvmmsg)
		error = EINTR;
	if (error < CALLS_ERRNOS)
		t->results[t->kind][error]++;
	else
		t->strange = error;
	return result;
}
