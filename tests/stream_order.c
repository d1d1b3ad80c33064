// SPDX-License-Identifier: GPL-2.0
/*
 * What a stream reads next: frames whole, what a peek has shown first, answers
 * soon, and a LOST directly before the message that follows the gap.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"order.t"
/* The frame of a message of four bytes. */
#define FRAME	(8 + sizeof(TOPIC) - 1 + 8 + 4)

FIXTURE(order) {
	struct lib_peer pub;
	struct lib_peer sub;
};

FIXTURE_SETUP(order)
{
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	ASSERT_LE(0, lib_open(&self->sub, LIB_LOCAL));
	ASSERT_TRUE(lib_subscribe(&self->sub, TOPIC));
}

FIXTURE_TEARDOWN(order)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

/* One write, so one bundle, of messages "m000" and so on. */
static bool publish(struct lib_peer *p, int first, int count)
{
	char payload[16];
	int i;

	for (i = first; i < first + count; i++) {
		snprintf(payload, sizeof(payload), "m%03d", i);
		lib_put_pub(p, i == first + count - 1 ?
			    BLIPMQ_FLAG_CONFIRM : 0, TOPIC, (u32)i, payload, 4);
	}
	return lib_send(p) && lib_expect_ack(p, (u32)(first + count - 1),
					     TOPIC);
}

static bool ping(struct lib_peer *p)
{
	lib_put(p, BLIPMQ_OP_PING, 0, NULL, "ping", 4);
	return lib_send(p);
}

static bool expect(struct lib_peer *p, int number)
{
	char payload[16];

	snprintf(payload, sizeof(payload), "m%03d", number);
	return lib_expect_msg(p, TOPIC, payload, 4, NULL);
}

TEST_F(order, an_answer_comes_before_what_is_queued)
{
	ASSERT_TRUE(publish(&self->pub, 0, 3));
	ASSERT_TRUE(ping(&self->sub));
	EXPECT_TRUE(lib_expect_pong(&self->sub, "ping", 4));
	EXPECT_TRUE(expect(&self->sub, 0));
}

TEST_F(order, a_peeked_message_is_read_next)
{
	u8 seen[FRAME], got[FRAME];

	ASSERT_TRUE(publish(&self->pub, 0, 3));
	ASSERT_EQ((ssize_t)FRAME, recv(self->sub.fd, seen, sizeof(seen),
				       MSG_PEEK));
	ASSERT_TRUE(ping(&self->sub));
	ASSERT_EQ((ssize_t)FRAME, recv(self->sub.fd, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(seen, got, sizeof(got)));
	EXPECT_TRUE(lib_expect_pong(&self->sub, "ping", 4));
	EXPECT_TRUE(expect(&self->sub, 1));
	EXPECT_TRUE(expect(&self->sub, 2));
}

/* However much there is room for: what a peek shows, a read returns. */
TEST_F(order, a_peek_shows_no_more_than_is_sure)
{
	u8 seen[8 * FRAME], got[8 * FRAME];
	ssize_t n;

	ASSERT_TRUE(publish(&self->pub, 0, 5));
	n = recv(self->sub.fd, seen, sizeof(seen), MSG_PEEK);
	ASSERT_LT(0, n);
	ASSERT_TRUE(ping(&self->sub));
	ASSERT_LE(n, recv(self->sub.fd, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(seen, got, (size_t)n));
}

TEST_F(order, a_peeked_answer_is_read_next)
{
	u8 seen[12], got[12];

	ASSERT_TRUE(ping(&self->sub));
	ASSERT_EQ(12, recv(self->sub.fd, seen, sizeof(seen), MSG_PEEK));
	ASSERT_TRUE(publish(&self->pub, 0, 1));
	ASSERT_EQ(12, recv(self->sub.fd, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(seen, got, sizeof(got)));
	EXPECT_TRUE(expect(&self->sub, 0));
}

TEST_F(order, a_begun_frame_is_finished_first)
{
	u8 got[FRAME];
	ssize_t n;

	ASSERT_TRUE(publish(&self->pub, 0, 3));
	ASSERT_EQ(1, recv(self->sub.fd, got, 1, 0));
	ASSERT_TRUE(ping(&self->sub));
	n = recv(self->sub.fd, got + 1, FRAME - 1, 0);
	ASSERT_EQ((ssize_t)FRAME - 1, n);
	EXPECT_EQ(0, memcmp(got + FRAME - 4, "m000", 4));
	EXPECT_TRUE(lib_expect_pong(&self->sub, "ping", 4));
	EXPECT_TRUE(expect(&self->sub, 1));
	EXPECT_TRUE(expect(&self->sub, 2));
}

TEST_F(order, a_lost_and_its_message_stay_together)
{
	u8 got[16];

	ASSERT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_MESSAGES, 2));
	ASSERT_TRUE(publish(&self->pub, 0, 1));
	ASSERT_TRUE(publish(&self->pub, 1, 1));
	ASSERT_TRUE(publish(&self->pub, 2, 1));
	ASSERT_TRUE(publish(&self->pub, 3, 1));
	ASSERT_EQ(16, recv(self->sub.fd, got, sizeof(got), 0));
	EXPECT_EQ(BLIPMQ_OP_LOST << 4, got[4]);
	EXPECT_EQ(2ULL, blipmq_get_le64(got + 8));
	ASSERT_TRUE(ping(&self->sub));
	EXPECT_TRUE(expect(&self->sub, 2));
	EXPECT_TRUE(lib_expect_pong(&self->sub, "ping", 4));
	EXPECT_TRUE(expect(&self->sub, 3));
}

/* A read into nothing fails, and takes nothing with it. */
TEST_F(order, a_fault_takes_nothing)
{
	ASSERT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(publish(&self->pub, 0, 1));
	ASSERT_TRUE(publish(&self->pub, 1, 1));
	EXPECT_EQ(-1, recv(self->sub.fd, (void *)1, 8, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, recv(self->sub.fd, (void *)1, 8, MSG_PEEK));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_TRUE(ping(&self->sub));
	EXPECT_EQ(-1, recv(self->sub.fd, (void *)1, 8, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(lib_expect_pong(&self->sub, "ping", 4));
	EXPECT_TRUE(lib_expect_lost(&self->sub, 1));
	EXPECT_TRUE(expect(&self->sub, 1));
}

/* An error that ends the connection waits for the begun frame, for no other. */
TEST_F(order, a_fatal_error_comes_soon)
{
	static const u8 bad[8] = { 8, 0, 0, 0, 0xf0, 0, 0, 0 };
	struct blipmq_socket_stats stats;
	u8 got[FRAME];

	ASSERT_TRUE(publish(&self->pub, 0, 40));
	ASSERT_EQ(1, recv(self->sub.fd, got, 1, 0));
	lib_raw(&self->sub, bad, sizeof(bad));
	ASSERT_TRUE(lib_send(&self->sub));
	ASSERT_EQ((ssize_t)FRAME - 1, recv(self->sub.fd, got + 1, FRAME - 1,
					   MSG_WAITALL));
	EXPECT_EQ(0, memcmp(got + FRAME - 4, "m000", 4));
	EXPECT_TRUE(lib_expect_err(&self->sub, 400, 0, ""));
	EXPECT_TRUE(lib_expect_eof(&self->sub));
	ASSERT_TRUE(lib_stats(self->sub.fd, &stats));
	EXPECT_EQ(1ULL, stats.delivered);
	EXPECT_EQ(40ULL, stats.matched);
}

/* A QUIT behind which messages wait: all of them, then the end. */
TEST_F(order, the_end_comes_last)
{
	struct pollfd pfd = { .fd = self->sub.fd, .events = POLLIN };
	int i;

	ASSERT_TRUE(publish(&self->pub, 0, 40));
	lib_put(&self->sub, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
	ASSERT_TRUE(lib_send(&self->sub));
	/* It takes no more. */
	ASSERT_TRUE(publish(&self->pub, 40, 1));
	ASSERT_EQ(1, poll(&pfd, 1, LIB_HANG_MS));
	EXPECT_EQ(0, pfd.revents & POLLHUP);
	for (i = 0; i < 40; i++)
		ASSERT_TRUE(expect(&self->sub, i));
	EXPECT_TRUE(lib_expect_eof(&self->sub));
	ASSERT_EQ(1, poll(&pfd, 1, LIB_HANG_MS));
	EXPECT_NE(0, pfd.revents & POLLHUP);
}

TEST_HARNESS_MAIN
