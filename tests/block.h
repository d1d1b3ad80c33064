/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the policy block share: a publisher and a subscriber, each of
 * either kind, and a child that publishes and waits.
 */
#ifndef _BLIPMQ_TESTS_BLOCK_H
#define _BLIPMQ_TESTS_BLOCK_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"block.t"
#define NOBODY	65534

FIXTURE(block) {
	struct lib_peer pub;	/* .fd alone, for packet sockets */
	struct lib_peer sub;
	bool packet_pub;
	bool packet_sub;
};

FIXTURE_VARIANT(block) {
	bool packet_pub;
	bool packet_sub;
};

FIXTURE_VARIANT_ADD(block, stream_to_stream) {
	.packet_pub = false,
	.packet_sub = false,
};

FIXTURE_VARIANT_ADD(block, stream_to_seqpacket) {
	.packet_pub = false,
	.packet_sub = true,
};

FIXTURE_VARIANT_ADD(block, seqpacket_to_stream) {
	.packet_pub = true,
	.packet_sub = false,
};

FIXTURE_VARIANT_ADD(block, seqpacket_to_seqpacket) {
	.packet_pub = true,
	.packet_sub = true,
};

/* A subscriber that blocks publishers once @limit messages wait. */
static inline bool subscriber(struct lib_peer *p, bool packet,
			      const char *topic, u32 limit)
{
	if (!packet)
		return lib_open(p, LIB_LOCAL) >= 0 &&
		       lib_option(p, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK) &&
		       lib_option(p, BLIPMQ_QUEUE_MESSAGES, limit) &&
		       lib_subscribe(p, topic);
	p->fd = lib_packet();
	return p->fd >= 0 &&
	       lib_set_u32(p->fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK) &&
	       lib_set_u32(p->fd, BLIPMQ_QUEUE_MESSAGES, limit) &&
	       !lib_subscription(p->fd, BLIPMQ_SUBSCRIBE, topic, NULL);
}

FIXTURE_SETUP(block)
{
	self->packet_pub = variant->packet_pub;
	self->packet_sub = variant->packet_sub;
	if (variant->packet_pub)
		self->pub.fd = lib_packet();
	else
		lib_open(&self->pub, LIB_LOCAL);
	ASSERT_LE(0, self->pub.fd);
	ASSERT_TRUE(subscriber(&self->sub, variant->packet_sub, TOPIC, 4));
}

FIXTURE_TEARDOWN(block)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

/* Returns 0 or -errno. */
static inline int send_to(int fd, bool packet, const char *topic, u32 number,
			  int flags)
{
	struct lib_peer p = { .fd = fd };
	struct sockaddr_blipmq sa;
	u8 payload[4];
	ssize_t n, len;

	blipmq_put_le32(payload, number);
	if (packet) {
		socklen_t sa_len = lib_address(&sa, topic);

		len = sizeof(payload);
		n = sendto(fd, payload, sizeof(payload), flags | MSG_NOSIGNAL,
			   (struct sockaddr *)&sa, sa_len);
	} else {
		lib_put_pub(&p, 0, topic, 0, payload, sizeof(payload));
		len = (ssize_t)p.out_len;
		n = send(fd, p.out, p.out_len, flags | MSG_NOSIGNAL);
		free(p.out);
	}
	if (n == len)
		return 0;
	return n < 0 ? -errno : -EIO;
}

static inline int publish(FIXTURE_DATA(block) *self, u32 number, int flags)
{
	return send_to(self->pub.fd, self->packet_pub, TOPIC, number, flags);
}

/*
 * A message and not a byte of the next one, which stays in the kernel's queue.
 * Returns its number, or -1.
 */
static inline long take(int fd, bool packet)
{
	struct blipmq_frame f;
	u8 b[64];
	ssize_t rest;

	if (packet)
		return recv(fd, b, sizeof(b), 0) == 4 ?
		       (long)blipmq_get_le32(b) : -1;
	if (recv(fd, b, BLIPMQ_FRAME_HEADER, MSG_WAITALL) !=
	    BLIPMQ_FRAME_HEADER)
		return -1;
	blipmq_frame_decode(&f, b);
	rest = (ssize_t)f.size - BLIPMQ_FRAME_HEADER;
	if (f.op != BLIPMQ_OP_MSG || rest > (ssize_t)sizeof(b) ||
	    recv(fd, b, (size_t)rest, MSG_WAITALL) != rest)
		return -1;
	return (long)blipmq_get_le32(b + f.topic_len + 8);
}

static inline bool takes(FIXTURE_DATA(block) *self, u32 from, u32 to)
{
	for (; from < to; from++) {
		long got = take(self->sub.fd, self->packet_sub);

		if (got != (long)from) {
			lib_say("expected %u, got %ld", from, got);
			return false;
		}
	}
	return true;
}

static inline bool writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT;
}

static inline bool counted(int fd, u64 matched, u64 queued)
{
	struct blipmq_socket_stats s;

	if (!lib_stats(fd, &s) || !lib_law(&s))
		return false;
	if (s.matched == matched && s.queued_messages == queued &&
	    s.delivered == matched - queued)
		return true;
	lib_say("matched %llu, delivered %llu, queued %llu",
		(unsigned long long)s.matched,
		(unsigned long long)s.delivered,
		(unsigned long long)s.queued_messages);
	return false;
}

static inline bool fill(FIXTURE_DATA(block) *self)
{
	u32 i;

	for (i = 0; i < 4; i++)
		if (publish(self, i, 0))
			return false;
	return true;
}

/* What a child that publishes [from, to) and waits as needed ended with. */
static inline pid_t publisher(FIXTURE_DATA(block) *self, u32 from, u32 to)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	close(self->sub.fd);
	for (; from < to; from++)
		if (publish(self, from, 0))
			_exit(errno == EINTR ? 2 : 1);
	_exit(0);
}

static inline int status_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ?
	       WEXITSTATUS(status) : -1;
}

#endif /* _BLIPMQ_TESTS_BLOCK_H */
