// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: what comes from the broker, and waiting for it.
 */
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

#define WAIT_MS	15

static int receive_flags(struct calls_thread *t)
{
	static const int flags[] = {
		MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_OOB, MSG_ERRQUEUE,
		MSG_CMSG_CLOEXEC, MSG_WAITFORONE, MSG_PEEK | MSG_TRUNC,
		MSG_PEEK, MSG_PEEK | MSG_WAITALL,
	};
	u8 choice = calls_u8(t);
	int wait = choice % 2 ? MSG_DONTWAIT : 0;

	if (choice < 140)
		return wait;
	if (choice < 245)
		return wait | flags[calls_u8(t) %
				    (sizeof(flags) / sizeof(flags[0]))];
	return (int)calls_u32(t);
}

static int receiver(struct calls_thread *t)
{
	return calls_u8(t) % 2 ? calls_packet(t) : calls_stream(t);
}

void calls_read(struct calls_thread *t)
{
	int fd = receiver(t);
	size_t len = calls_len(t);
	struct iovec iov[3] = { { .iov_len = len / 3 }, { .iov_len = 0 },
				{ .iov_len = len } };
	u8 choice = calls_u8(t);

	switch (choice % 8) {
	case 0:
		iov[0].iov_base = calls_place(t, iov[0].iov_len);
		iov[2].iov_base = calls_place(t, iov[2].iov_len);
		calls_result(t, readv(fd, iov, 3));
		break;
	case 1:
	case 2:
		calls_result(t, recv(fd, calls_place(t, len), len,
				     receive_flags(t)));
		break;
	default:
		calls_result(t, read(fd, choice < 200 ? t->memory :
				     calls_place(t, len), len));
	}
}

/* As calls_send.c makes messages, with room to receive. */
struct room {
	struct sockaddr_storage	name;
	u8			controls[512] __attribute__((aligned(8)));
	struct iovec		iov[2];
};

static void make_room(struct calls_thread *t, struct room *r,
		      struct msghdr *msg)
{
	u8 choice = calls_u8(t);
	unsigned int i;

	memset(msg, 0, sizeof(*msg));
	if (choice % 4) {
		msg->msg_name = &r->name;
		msg->msg_namelen = choice < 200 ? sizeof(r->name) :
				   choice % 130;
	}
	if (choice & 4) {
		msg->msg_controllen = choice < 200 ? sizeof(r->controls) :
				      calls_u8(t);
		msg->msg_control = choice < 248 ? r->controls :
				   calls_place(t, msg->msg_controllen);
	}
	msg->msg_iovlen = 1 + choice / 8 % 2;
	msg->msg_iov = r->iov;
	for (i = 0; i < 2; i++) {
		r->iov[i].iov_len = calls_len(t);
		r->iov[i].iov_base = choice < 220 ? t->memory :
				     calls_place(t, r->iov[i].iov_len);
	}
}

void calls_recvmsg(struct calls_thread *t)
{
	int fd = receiver(t);
	struct msghdr msg;
	struct room room;

	make_room(t, &room, &msg);
	calls_result(t, recvmsg(fd, &msg, receive_flags(t)));
}

void calls_recvmmsg(struct calls_thread *t)
{
	struct timespec ts = { .tv_nsec = WAIT_MS * 1000000L };
	unsigned int n = 1 + calls_u8(t) % 4, i;
	int fd = receiver(t);
	struct mmsghdr msgs[4] = { 0 };
	struct room rooms[4];

	for (i = 0; i < n; i++)
		make_room(t, &rooms[i], &msgs[i].msg_hdr);
	calls_result(t, recvmmsg(fd, msgs, n, receive_flags(t), &ts));
}

void calls_poll(struct calls_thread *t)
{
	struct timeval tv = { .tv_usec = WAIT_MS * 1000L };
	unsigned int n = 1 + calls_u8(t) % 8, i;
	struct pollfd p[8];
	fd_set in, out, odd;

	for (i = 0; i < n; i++) {
		p[i].fd = calls_any(t);
		p[i].events = (short)(calls_u8(t) | calls_u8(t) << 8);
	}
	if (calls_u8(t) % 4) {
		calls_result(t, poll(p, n, calls_u8(t) % WAIT_MS));
		return;
	}
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&odd);
	for (i = 0; i < n; i++)
		FD_SET(p[i].fd, i % 3 == 0 ? &in : i % 3 == 1 ? &out : &odd);
	calls_result(t, select(CALLS_FD + CALLS_FDS, &in, &out, &odd, &tv));
}

/* A new set, used and forgotten; or one that stays while its sockets go. */
void calls_epoll(struct calls_thread *t)
{
	static const u32 ways[] = {
		0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT,
		EPOLLEXCLUSIVE, EPOLLRDHUP | EPOLLPRI,
	};
	struct epoll_event e = { 0 }, events[8];
	unsigned int n = 1 + calls_u8(t) % 6, i;
	u8 choice = calls_u8(t);
	int set = choice % 4 ? epoll_create1(EPOLL_CLOEXEC) : calls_other(t);
	int fd;

	for (i = 0; i < n; i++) {
		fd = calls_any(t);
		e.events = EPOLLIN | ways[calls_u8(t) % 6];
		if (calls_u8(t) % 2)
			e.events |= EPOLLOUT;
		calls_result(t, epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
		if (choice >= 200)
			calls_result(t, epoll_ctl(set, 1 + calls_u8(t) % 3,
						  fd, &e));
	}
	calls_result(t, epoll_wait(set, events, 8, calls_u8(t) % WAIT_MS));
	if (!(choice % 4))
		return;
	if (choice & 8)
		calls_keep(set, calls_other(t));
	else
		close(set);
}
