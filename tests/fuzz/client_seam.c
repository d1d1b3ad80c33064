// SPDX-License-Identifier: GPL-2.0
/*
 * A network that cuts, delays and breaks as the input says.
 */
#include <errno.h>

#include "../../userlib/internal.h"
#include "client_seam.h"

/* No descriptor of this process has such a number. */
#define SEAM_FD		1000000

struct seam seam;

u8 seam_choice(void)
{
	return seam.script[seam.script_at++ % seam.script_len];
}

static size_t piece(u8 choice, size_t most)
{
	static const size_t sizes[] = { 1, 3, 8, 13, 64, 300, 4096, SIZE_MAX };
	size_t n = sizes[choice % (sizeof(sizes) / sizeof(sizes[0]))];

	return n < most ? n : most;
}

int __wrap_blipmq_address_open(struct blipmq *b, const char *address,
			       int timeout_ms)
{
	b->network = seam.network;
	b->connect_end = blipmq_end_ms(timeout_ms);
	return SEAM_FD;
}

ssize_t __wrap_recv(int fd, void *to, size_t room, int flags)
{
	u8 choice = seam_choice();
	bool sure = seam.sure;
	size_t n;

	FUZZ_CHECK(fd == SEAM_FD && flags == MSG_DONTWAIT && room);
	seam.sure = false;
	if (!sure && choice >= 0xe0) {
		errno = choice & 1 ? EAGAIN : EINTR;
		return -1;
	}
	n = piece(choice, room);
	if (n > seam.len - seam.given)
		n = seam.len - seam.given;
	if (!n && seam.end != SEAM_EOF) {
		errno = seam.end == SEAM_RESET ? ECONNRESET : EAGAIN;
		return -1;
	}
	memcpy(to, seam.stream + seam.given, n);
	seam.given += n;
	return (ssize_t)n;
}

static void sent_room(size_t more)
{
	if (seam.sent_size - seam.sent_len >= more)
		return;
	seam.sent_size = 2 * (seam.sent_len + more);
	seam.sent = realloc(seam.sent, seam.sent_size);
	FUZZ_CHECK(seam.sent);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	size_t i, n, total = 0, all = 0, part;
	u8 choice = seam_choice();
	bool sure = seam.sure;

	FUZZ_CHECK(fd == SEAM_FD && flags == (MSG_DONTWAIT | MSG_NOSIGNAL));
	seam.sure = false;
	if (choice >= 0xfc) {
		errno = EPIPE;
		return -1;
	}
	if (!sure && choice >= 0xd0) {
		errno = EAGAIN;
		return -1;
	}
	for (i = 0; i < msg->msg_iovlen; i++)
		all += msg->msg_iov[i].iov_len;
	/* A write of thousands of bytes does not take thousands of calls. */
	n = piece(choice, all);
	if (n < all / 16)
		n = all / 16;
	sent_room(n);
	for (i = 0; total < n; i++) {
		part = msg->msg_iov[i].iov_len;
		if (part > n - total)
			part = n - total;
		if (part)
			memcpy(seam.sent + seam.sent_len,
			       msg->msg_iov[i].iov_base, part);
		seam.sent_len += part;
		total += part;
	}
	return (ssize_t)n;
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
	bool more = seam.given < seam.len || seam.end != SEAM_SILENCE;

	/* All that has no deadline was given one, so -1 would be for ever. */
	FUZZ_CHECK(n == 1 && p->fd == SEAM_FD && timeout_ms >= 0);
	seam.now++;
	if (!seam.sure && seam_choice() == 0xff) {
		seam.sure = true;
		errno = EINTR;
		return -1;
	}
	p->revents = (short)((more ? POLLIN : 0) | POLLOUT);
	p->revents &= p->events;
	seam.sure = p->revents != 0;
	if (!p->revents)
		seam.now += timeout_ms;
	return p->revents != 0;
}

int __wrap_shutdown(int fd, int how)
{
	FUZZ_CHECK(fd == SEAM_FD && how == SHUT_WR);
	return 0;
}

int __wrap_close(int fd)
{
	return fd == SEAM_FD ? 0 : __real_close(fd);
}

s64 __wrap_blipmq_now_ms(void)
{
	return ++seam.now;
}

s64 __wrap_blipmq_now_coarse_ms(void)
{
	seam.now += seam_choice() & 7;
	return seam.now;
}
