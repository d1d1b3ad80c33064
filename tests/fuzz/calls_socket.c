// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: sockets, their options and addresses, their end.
 */
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/filter.h>

#include "calls.h"

/* Most sockets wait a moment only; a signal ends the calls of the others. */
static void set_timeouts(int fd)
{
	struct timeval tv = { .tv_usec = 20000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

/* A fresh socket where one of its type belongs, or none. */
void calls_renew(int number, bool open)
{
	int type = number < CALLS_FD + CALLS_STREAMS ? SOCK_STREAM :
		   SOCK_SEQPACKET;
	int fd;

	if (!open || number >= CALLS_FD + CALLS_STREAMS + CALLS_PACKETS) {
		close(number);
		return;
	}
	fd = socket(AF_BLIPMQ, type | SOCK_CLOEXEC, 0);
	set_timeouts(fd);
	if (type == SOCK_SEQPACKET)
		lib_subscription(fd, BLIPMQ_SUBSCRIBE, "f.a", NULL);
	calls_keep(fd, number);
}

static void open_odd(struct calls_thread *t)
{
	int type = calls_u8(t) % 12 | (int)(calls_u32(t) & 0xfffff0);
	int protocol = calls_u8(t) % 32;
	int fd;

	fd = socket(AF_BLIPMQ, type, protocol);
	calls_result(t, fd);
	calls_keep(fd, calls_other(t));
}

void calls_open(struct calls_thread *t)
{
	u8 choice = calls_u8(t);
	int type = choice & 1 ? SOCK_STREAM : SOCK_SEQPACKET;
	int fd, number;

	if (choice >= 250) {
		open_odd(t);
		return;
	}
	number = type == SOCK_STREAM ? CALLS_FD : CALLS_FD + CALLS_STREAMS;
	number += calls_u8(t) % CALLS_STREAMS;
	fd = socket(AF_BLIPMQ, type | SOCK_CLOEXEC |
		    (choice & 2 ? SOCK_NONBLOCK : 0), 0);
	calls_result(t, fd);
	if (choice & 12)
		set_timeouts(fd);
	calls_keep(fd, number);
}

void calls_close(struct calls_thread *t)
{
	calls_result(t, close(calls_any(t)));
}

void calls_subscribe(struct calls_thread *t)
{
	union {
		struct blipmq_subscription s;
		u8 bytes[1024];
	} u = { .s = { .flags = 0 } };
	int option = calls_u8(t) % 4 ? BLIPMQ_SUBSCRIBE : BLIPMQ_UNSUBSCRIBE;
	int fd = calls_u8(t) % 4 ? calls_packet(t) : calls_stream(t);
	size_t len = calls_pattern(t, u.s.names);
	u8 choice = calls_u8(t);

	u.s.pattern_len = (u8)len;
	if (choice < 60) {
		u.s.group_len = 1;
		u.s.names[len++] = (u8)('g' + choice % 2);
	}
	if (choice >= 250)
		u.s.flags = choice;
	if (choice >= 244)
		u.s.group_len = choice;
	len += sizeof(u.s);
	if (choice >= 236 && choice < 244)
		len = calls_len(t) % sizeof(u);
	calls_result(t, setsockopt(fd, SOL_BLIPMQ, option,
				   choice >= 232 && choice < 236 ?
				   calls_put(t, &u, len) : &u,
				   (socklen_t)len));
}

/* A value of the right size, or not, that an option may take, or not. */
static socklen_t option_value(struct calls_thread *t, void *value, size_t room)
{
	static const u32 numbers[] = {
		0, 1, 2, 3, 4, 5, 7, 8, 10, 100, 1024, 65536, 1U << 20,
		256U << 20, 0x7fffffff, 0x80000000, 0xffffffff,
	};
	u8 choice = calls_u8(t);
	u32 number = numbers[choice % (sizeof(numbers) / sizeof(numbers[0]))];

	memset(value, choice, room);
	memcpy(value, &number, sizeof(number));
	if (choice < 180)
		return sizeof(number);
	if (choice < 200)
		return sizeof(struct blipmq_identity);
	if (choice < 220)
		return (socklen_t)calls_topic(t, value);
	if (choice < 250)
		return (socklen_t)(calls_len(t) % room);
	return calls_u32(t);
}

void calls_set_option(struct calls_thread *t)
{
	int fd = calls_u8(t) % 2 ? calls_packet(t) : calls_stream(t);
	int option = calls_u8(t) % 14;
	u8 value[1024] = { 0 };
	socklen_t len = option_value(t, value, sizeof(value));
	int level = calls_u8(t) < 250 ? SOL_BLIPMQ : (int)calls_u32(t);
	u8 *place = calls_put(t, value, len < sizeof(value) ?
			      len : sizeof(value));

	calls_result(t, setsockopt(fd, level, option, place, len));
}

static void get(struct calls_thread *t, int fd, int level, int option)
{
	socklen_t len = (socklen_t)calls_len(t);
	u8 choice = calls_u8(t);

	if (choice >= 250)
		len = calls_u32(t);
	calls_result(t, getsockopt(fd, level, option, calls_place(t, len),
				   choice == 249 ? NULL : &len));
}

void calls_get_option(struct calls_thread *t)
{
	int fd = calls_u8(t) % 2 ? calls_packet(t) : calls_stream(t);
	int option = calls_u8(t) % 14;

	get(t, fd, SOL_BLIPMQ, option);
}

static void attach_filter(struct calls_thread *t, int fd)
{
	u32 value = calls_u8(t) % 3 ? 0xffffffff : calls_u8(t);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD + BPF_W + BPF_LEN, 0),
		BPF_STMT(BPF_RET + BPF_K, value),
	};
	struct sock_fprog program = {
		.len = (unsigned short)(1 + calls_u8(t) % 2), .filter = code,
	};

	calls_result(t, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
				   sizeof(program)));
}

void calls_set_socket(struct calls_thread *t)
{
	int fd = calls_any(t), option;
	struct timeval tv = { 0 };
	u8 value[1024], choice = calls_u8(t);
	socklen_t len;

	switch (choice % 8) {
	case 0:
		attach_filter(t, fd);
		return;
	case 1:
		tv.tv_usec = calls_u8(t) * 200;
		calls_result(t, setsockopt(fd, SOL_SOCKET, choice & 8 ?
					   SO_RCVTIMEO : SO_SNDTIMEO, &tv,
					   sizeof(tv)));
		return;
	}
	option = choice % 8 == 2 ? SO_RCVLOWAT : choice % 8 == 3 ? SO_RCVBUF :
		 calls_u8(t) % 84;
	len = option_value(t, value, sizeof(value));
	calls_result(t, setsockopt(fd, SOL_SOCKET, option,
				   calls_put(t, value, len < sizeof(value) ?
					     len : sizeof(value)), len));
}

void calls_get_socket(struct calls_thread *t)
{
	int fd = calls_any(t);

	get(t, fd, SOL_SOCKET, calls_u8(t) % 84);
}

static void connect_or_bind(struct calls_thread *t, u8 choice)
{
	struct sockaddr_storage room = { 0 };
	struct sockaddr_blipmq *sa = (struct sockaddr_blipmq *)&room;
	size_t head = offsetof(struct sockaddr_blipmq, sbm_topic);
	int fd = calls_packet(t);
	u8 topic[256];
	size_t len = calls_topic(t, topic);
	socklen_t size;
	void *place;

	sa->sbm_family = AF_BLIPMQ;
	if (choice >= 240)
		sa->sbm_family = AF_UNSPEC;
	else if (choice >= 235)
		sa->sbm_family = (__kernel_sa_family_t)calls_u8(t);
	memcpy(sa->sbm_topic, topic, len < 126 ? len : 126);
	size = (socklen_t)(head + len);
	if (choice >= 225 && choice < 235)
		size = (socklen_t)(calls_len(t) % 200);
	if (size > sizeof(room))
		size = sizeof(room);
	place = calls_put(t, &room, size);
	if (choice & 8)
		calls_result(t, connect(fd, place, size));
	else
		calls_result(t, bind(fd, place, size));
}

static void get_name(struct calls_thread *t, u8 choice)
{
	int fd = choice & 8 ? calls_packet(t) : calls_stream(t);
	socklen_t len = (socklen_t)calls_len(t);
	void *place = calls_place(t, len);

	if (choice & 16)
		calls_result(t, getsockname(fd, place, &len));
	else
		calls_result(t, getpeername(fd, place, &len));
}

void calls_address(struct calls_thread *t)
{
	u8 choice = calls_u8(t);
	int pair[2] = { -1, -1 };

	switch (choice % 8) {
	case 0:
		get_name(t, choice);
		break;
	case 1:
		calls_result(t, listen(calls_any(t), calls_u8(t)));
		break;
	case 2:
		calls_result(t, accept(calls_any(t), NULL, NULL));
		break;
	case 3:
		calls_result(t, socketpair(AF_BLIPMQ, choice & 8 ?
					   SOCK_STREAM : SOCK_SEQPACKET, 0,
					   pair));
		break;
	default:
		connect_or_bind(t, choice);
	}
}

void calls_shutdown(struct calls_thread *t)
{
	int fd = calls_any(t);
	int how = calls_u8(t) < 240 ? calls_u8(t) % 3 : (int)calls_u32(t);

	calls_result(t, shutdown(fd, how));
}
