// SPDX-License-Identifier: GPL-2.0
/*
 * A stream, local or over TCP, whose frames a full queue holds up: those that
 * fit are taken, each is confirmed once, and the others can come again.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"block.s"
/* Header, topic, fixed part and payload of the frames here. */
#define FRAME	(8 + 7 + 8 + 4)

FIXTURE(frames) {
	struct lib_peer pub;
	int sub;
};

FIXTURE_SETUP(frames)
{
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	self->sub = lib_packet();
	ASSERT_LE(0, self->sub);
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_MESSAGES, 5));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO, BLIPMQ_INFO_ID));
	ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE, TOPIC,
				      NULL));
}

FIXTURE_TEARDOWN(frames)
{
	lib_close(&self->pub);
	close(self->sub);
}

static void put(struct lib_peer *p, u32 from, u32 to, u8 flags)
{
	u8 payload[4];

	for (; from < to; from++) {
		blipmq_put_le32(payload, from);
		lib_put_pub(p, flags, TOPIC, from, payload, sizeof(payload));
	}
}

/* Messages [from, to), their ids without a hole. */
static bool takes(int fd, u32 from, u32 to)
{
	static u64 last;
	struct lib_message m;
	u8 payload[4];

	for (; from < to; from++) {
		if (lib_recvmsg(fd, &m, payload, sizeof(payload), 0) != 4 ||
		    blipmq_get_le32(payload) != from ||
		    (from && m.id != last + 1)) {
			lib_say("expected %u, got %zd bytes, %u, id %llu after %llu",
				from, m.len, blipmq_get_le32(payload),
				(unsigned long long)m.id,
				(unsigned long long)last);
			return false;
		}
		last = m.id;
	}
	return true;
}

static ssize_t send_some(struct lib_peer *p, size_t from)
{
	ssize_t n = send(p->fd, p->out + from, p->out_len - from,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

TEST_F(frames, short_counts)
{
	size_t done;

	put(&self->pub, 0, 12, 0);
	ASSERT_EQ(5 * FRAME, send_some(&self->pub, 0));
	done = 5 * FRAME;
	ASSERT_EQ(-EAGAIN, send_some(&self->pub, done));
	ASSERT_TRUE(takes(self->sub, 0, 2));
	ASSERT_EQ(2 * FRAME, send_some(&self->pub, done));
	done += 2 * FRAME;
	ASSERT_TRUE(takes(self->sub, 2, 7));
	ASSERT_EQ(5 * FRAME, send_some(&self->pub, done));
	ASSERT_TRUE(takes(self->sub, 7, 12));
}

/* A frame that is not taken is not confirmed; one that is, once. */
TEST_F(frames, confirmed_once)
{
	struct blipmq_socket_stats s;
	u8 more[] = "more";
	size_t done;
	u32 i;

	lib_put(&self->pub, BLIPMQ_OP_PING, 0, NULL, "first", 5);
	put(&self->pub, 0, 5, BLIPMQ_FLAG_CONFIRM);
	/* A bundle that is refused in part and taken back as a whole. */
	put(&self->pub, 5, 6, BLIPMQ_FLAG_CONFIRM);
	lib_put_pub(&self->pub, BLIPMQ_FLAG_CONFIRM, "a..b", 99, more, 4);
	lib_put(&self->pub, BLIPMQ_OP_SUB, 0, "c..d", NULL, 0);
	put(&self->pub, 6, 7, BLIPMQ_FLAG_CONFIRM);
	lib_put(&self->pub, BLIPMQ_OP_PING, 0, NULL, "last", 4);
	done = (size_t)send_some(&self->pub, 0);
	ASSERT_EQ(13 + 5 * FRAME, (ssize_t)done);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(-EAGAIN, send_some(&self->pub, done));
	ASSERT_TRUE(lib_expect_pong(&self->pub, "first", 5));
	for (i = 0; i < 5; i++)
		ASSERT_TRUE(lib_expect_ack(&self->pub, i, TOPIC));
	ASSERT_TRUE(takes(self->sub, 0, 5));
	ASSERT_EQ((ssize_t)(self->pub.out_len - done),
		  send_some(&self->pub, done));
	self->pub.out_len = 0;
	ASSERT_TRUE(lib_expect_ack(&self->pub, 5, TOPIC));
	ASSERT_TRUE(lib_expect_err(&self->pub, 422, 99, "a..b"));
	ASSERT_TRUE(lib_expect_err(&self->pub, 422, 0, "c..d"));
	ASSERT_TRUE(lib_expect_ack(&self->pub, 6, TOPIC));
	ASSERT_TRUE(lib_expect_pong(&self->pub, "last", 4));
	ASSERT_TRUE(takes(self->sub, 5, 7));
	EXPECT_TRUE(lib_expect_silence(&self->pub));
	ASSERT_TRUE(lib_stats(self->pub.fd, &s));
	EXPECT_EQ(2ULL, s.refused);
}

/* Of a frame that comes in pieces, the last byte waits. */
TEST_F(frames, in_pieces)
{
	struct blipmq_socket_stats s;
	ssize_t n;
	size_t cut;

	for (cut = 1; cut < FRAME; cut++) {
		put(&self->pub, 0, 6, BLIPMQ_FLAG_CONFIRM);
		n = send_some(&self->pub, 0);
		ASSERT_EQ(5 * FRAME, n);
		n = send(self->pub.fd, self->pub.out + n, cut, MSG_DONTWAIT);
		ASSERT_EQ((ssize_t)cut, n);
		n = send_some(&self->pub, 5 * FRAME + cut);
		if (cut < FRAME - 1)
			ASSERT_EQ((ssize_t)(FRAME - cut - 1), n);
		ASSERT_EQ(-EAGAIN, send_some(&self->pub, 6 * FRAME - 1));
		ASSERT_TRUE(lib_stats(self->pub.fd, &s));
		ASSERT_EQ((cut - 1) * 6 + 5, s.published);
		ASSERT_TRUE(takes(self->sub, 0, 5));
		ASSERT_EQ(1, send_some(&self->pub, 6 * FRAME - 1));
		ASSERT_TRUE(takes(self->sub, 5, 6));
		for (n = 0; n < 6; n++)
			ASSERT_TRUE(lib_expect_ack(&self->pub, (u32)n, TOPIC));
		self->pub.out_len = 0;
	}
	EXPECT_TRUE(lib_expect_silence(&self->pub));
}

/* Limits below a bundle, in messages and in bytes. */
TEST_F(frames, bundles_larger_than_the_queue)
{
	u32 limit;
	pid_t pid;
	int status;

	for (limit = 0; limit < 4; limit++) {
		ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_MESSAGES,
					limit ? limit : 100));
		ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_BYTES,
					limit ? 65536 : 1));
		put(&self->pub, 0, 640, 0);
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(!lib_send(&self->pub));
		self->pub.out_len = 0;
		ASSERT_TRUE(takes(self->sub, 0, 640));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
	}
}

/* The proxy stops reading a client whose messages have no room. */
TEST_F(frames, over_tcp)
{
	struct blipmq_socket_stats s;
	struct lib_peer tcp;
	u32 total = 20000, i;
	struct lib_message m;
	u8 payload[4];
	int status;
	pid_t pid;

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_MESSAGES, 50));
	ASSERT_LE(0, lib_open(&tcp, LIB_TCP));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		put(&tcp, 0, total, 0);
		_exit(!lib_send(&tcp));
	}
	for (i = 0; i < total; i++) {
		ASSERT_EQ(4, lib_recvmsg(self->sub, &m, payload,
					 sizeof(payload), 0));
		ASSERT_EQ(i, blipmq_get_le32(payload));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_TRUE(lib_stats(self->sub, &s));
	EXPECT_EQ(total, s.matched);
	EXPECT_EQ(total, s.delivered);
	lib_close(&tcp);
}

TEST_HARNESS_MAIN
