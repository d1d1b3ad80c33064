// SPDX-License-Identifier: GPL-2.0
/*
 * What bounds a local stream: its queue, its answers, and its end after an
 * error.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"l.t"

FIXTURE(limits) {
	struct lib_peer pub;
	struct lib_peer sub;
};

FIXTURE_SETUP(limits)
{
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	ASSERT_LE(0, lib_open(&self->sub, LIB_LOCAL));
	ASSERT_TRUE(lib_subscribe(&self->sub, TOPIC));
}

FIXTURE_TEARDOWN(limits)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

/* OPTION sets what setsockopt() sets, and getsockopt() shows it. */
TEST_F(limits, options_are_the_sockets)
{
	ASSERT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_MESSAGES, 9));
	EXPECT_EQ(9U, lib_get_u32(self->sub.fd, BLIPMQ_QUEUE_MESSAGES));
	ASSERT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_BYTES, 70000));
	EXPECT_EQ(70000U, lib_get_u32(self->sub.fd, BLIPMQ_QUEUE_BYTES));
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_QUEUE_MESSAGES, 11));
	EXPECT_EQ(11U, lib_get_u32(self->sub.fd, BLIPMQ_QUEUE_MESSAGES));
}

TEST_F(limits, option_over_the_maximum)
{
	long long max = lib_status_of("limits.queue-messages-max");

	lib_put_option(&self->sub, BLIPMQ_QUEUE_MESSAGES, (u32)max + 1);
	ASSERT_TRUE(lib_send(&self->sub));
	EXPECT_TRUE(lib_expect_err(&self->sub, 422, 0, ""));
	EXPECT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_MESSAGES, (u32)max));
}

/* SUBSCRIBE as an option works on a stream, too. */
TEST_F(limits, subscribe_by_option)
{
	ASSERT_EQ(0, lib_subscription(self->sub.fd, BLIPMQ_SUBSCRIBE, "l.opt",
				      NULL));
	ASSERT_TRUE(lib_publish(&self->pub, "l.opt", "x", 1));
	EXPECT_TRUE(lib_expect_msg(&self->sub, "l.opt", "x", 1, NULL));
	EXPECT_TRUE(lib_unsubscribe(&self->sub, "l.opt"));
}

/*
 * Answers that nobody reads stop the input, at 64 KiB, and only of this one
 * connection; reading lets it go on, and every answer is there.
 */
TEST_F(limits, unread_answers_stop_the_input)
{
	struct lib_peer *p = &self->pub;
	size_t done = 0, sent = 0;
	int i, pings = 4000;
	char body[64];
	u64 bound;

	for (i = 0; i < pings; i++) {
		memset(body, 'a' + i % 26, sizeof(body));
		snprintf(body, sizeof(body), "%d", i);
		lib_put(p, BLIPMQ_OP_PING, 0, NULL, body, sizeof(body));
	}
	while (done < p->out_len) {
		ssize_t n = send(p->fd, p->out + done, p->out_len - done,
				 MSG_DONTWAIT);

		if (n < 0)
			break;
		done += (size_t)n;
	}
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_GT(p->out_len, done);
	EXPECT_EQ(0, poll(&(struct pollfd){ .fd = p->fd, .events = POLLOUT },
			  1, 0));
	/* What was taken is at most what the limit allows, and one write. */
	bound = 2ULL * (u64)lib_status_of("limits.answer-bytes") + 65536;
	EXPECT_GT(bound, done);
	/* The others notice nothing. */
	EXPECT_TRUE(lib_sync(&self->sub));

	sent = done;
	for (i = 0; i < pings; i++) {
		memset(body, 'a' + i % 26, sizeof(body));
		snprintf(body, sizeof(body), "%d", i);
		ASSERT_TRUE(lib_expect_pong(p, body, sizeof(body)));
		while (sent < p->out_len) {
			ssize_t n = send(p->fd, p->out + sent,
					 p->out_len - sent, MSG_DONTWAIT);

			if (n < 0)
				break;
			sent += (size_t)n;
		}
	}
	EXPECT_EQ(p->out_len, sent);
}

/* Messages go on while the answers are not read: input is what stops. */
TEST_F(limits, writes_that_wait_for_answers_can_time_out)
{
	struct timeval tv = { .tv_usec = 50000 };
	char body[64] = "";
	int i;

	ASSERT_EQ(0, setsockopt(self->pub.fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	for (i = 0; i < 4000; i++) {
		lib_put(&self->pub, BLIPMQ_OP_PING, 0, NULL, body, 64);
		if (send(self->pub.fd, self->pub.out, self->pub.out_len, 0) !=
		    (ssize_t)self->pub.out_len)
			break;
		self->pub.out_len = 0;
	}
	EXPECT_GT(4000, i);
	EXPECT_EQ(EAGAIN, errno);
}

/* Small answers, each to a write of its own, share buffers. */
TEST_F(limits, small_answers_take_little_memory)
{
	long long before = lib_status_of("memory-bytes");
	struct lib_peer *p = &self->pub;
	int i, pings = 3000;

	ASSERT_LE(0, before);
	for (i = 0; i < pings; i++) {
		lib_put(p, BLIPMQ_OP_PING, 0, NULL, "1234", 4);
		ASSERT_TRUE(lib_send(p));
	}
	EXPECT_GT(256 * 1024, lib_status_of("memory-bytes") - before);
	for (i = 0; i < pings; i++)
		ASSERT_TRUE(lib_expect_pong(p, "1234", 4));
	/* A buffer for the next answer is kept, and some to be used again. */
	EXPECT_GE(before + 20 * 1024, lib_status_of("memory-bytes"));
}

/*
 * After an error that ends the connection: the ERR, the end, and for up to a
 * second writes that lead nowhere; then EPIPE.
 */
/*
 * Room that was reserved for an answer and not used, behind answers that go to
 * those that wait, is no reason to show nothing more.
 */
TEST_F(limits, room_for_an_answer_that_is_not_given)
{
	struct lib_peer p;
	u32 i, n;

	for (n = 0; n < 24; n++) {
		ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
		lib_put(&p, BLIPMQ_OP_PING, 0, NULL, "a", 1);
		ASSERT_TRUE(lib_send(&p));
		for (i = 0; i < n; i++)
			lib_put_pub(&p, 0, "no topic", i, "x", 1);
		/* Only for what may be refused; and it ends the bundle. */
		lib_put_pub(&p, BLIPMQ_FLAG_RETAIN, "limits.none", 0, "", 0);
		lib_put(&p, BLIPMQ_OP_PING, 0, NULL, "b", 1);
		ASSERT_TRUE(lib_send(&p));
		EXPECT_TRUE(lib_expect_pong(&p, "a", 1));
		for (i = 0; i < n; i++)
			ASSERT_TRUE(lib_expect_err(&p, BLIPMQ_CODE_INVALID, i,
						   "no topic"));
		ASSERT_TRUE(lib_expect_pong(&p, "b", 1)) {
			TH_LOG("behind %u", n);
		}
		lib_close(&p);
	}
}

TEST_F(limits, after_a_fatal_error)
{
	const struct timespec tick = { .tv_nsec = 20000000 };
	static const u8 bad[8] = { 8, 0, 0, 0, 0xf0, 0, 0, 0 };
	struct blipmq_socket_stats stats;
	struct lib_peer *p = &self->pub;
	time_t deadline = time(NULL) + LIB_HANG_MS / 1000;
	ssize_t n;

	ASSERT_TRUE(lib_subscribe(p, "l.p"));
	lib_raw(p, bad, sizeof(bad));
	ASSERT_TRUE(lib_send(p));
	/* At once: it goes nowhere, but it is not refused yet. */
	lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, TOPIC, 1, "late", 4);
	EXPECT_EQ((ssize_t)p->out_len, send(p->fd, p->out, p->out_len,
					    MSG_NOSIGNAL));
	EXPECT_TRUE(lib_expect_err(p, 400, 0, ""));
	EXPECT_TRUE(lib_expect_eof(p));
	EXPECT_TRUE(lib_expect_eof(p));
	do {
		nanosleep(&tick, NULL);
		n = send(p->fd, p->out, p->out_len, MSG_NOSIGNAL);
	} while (n > 0 && time(NULL) < deadline);
	EXPECT_EQ(-1, n);
	EXPECT_EQ(EPIPE, errno);
	/* Nothing of it was published, nothing more is delivered. */
	ASSERT_TRUE(lib_stats(p->fd, &stats));
	EXPECT_EQ(0ULL, stats.published);
	EXPECT_TRUE(lib_sync(&self->sub));
	EXPECT_TRUE(lib_publish(&self->sub, "l.p", "x", 1));
	ASSERT_TRUE(lib_stats(p->fd, &stats));
	EXPECT_EQ(0ULL, stats.matched);
}

/* A stream has no address and no peer. */
TEST_F(limits, addresses_mean_nothing_to_a_stream)
{
	struct sockaddr_blipmq sa;
	socklen_t len = lib_address(&sa, TOPIC);

	EXPECT_EQ(-1, bind(self->pub.fd, (void *)&sa, len));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, sendto(self->pub.fd, "x", 1, 0, (void *)&sa, len));
	EXPECT_TRUE(errno == EOPNOTSUPP || errno == EISCONN ||
		    errno == EINVAL);
	EXPECT_TRUE(lib_sync(&self->sub));
}

/* The counters of a stream tell frames and bytes exactly. */
TEST_F(limits, counters)
{
	struct blipmq_socket_stats pub, sub;
	int i;

	for (i = 0; i < 10; i++)
		lib_put_pub(&self->pub, 0, TOPIC, 0, "12345", 5);
	lib_put_pub(&self->pub, 0, "l.nobody", 0, "12345", 5);
	lib_put_pub(&self->pub, 0, "l..x", 0, "12345", 5);
	ASSERT_TRUE(lib_send(&self->pub));
	ASSERT_TRUE(lib_expect_err(&self->pub, 422, 0, "l..x"));
	ASSERT_TRUE(lib_stats(self->pub.fd, &pub));
	EXPECT_EQ(11ULL, pub.published);
	EXPECT_EQ(10ULL * (8 + 3 + 8 + 5) + 8 + 8 + 8 + 5,
		  pub.published_bytes);
	EXPECT_EQ(1ULL, pub.unrouted);
	EXPECT_EQ(1ULL, pub.refused);
	ASSERT_TRUE(lib_stats(self->sub.fd, &sub));
	EXPECT_EQ(10ULL, sub.matched);
	EXPECT_EQ(10ULL, sub.queued_messages);
	EXPECT_EQ(0ULL, sub.delivered);
	for (i = 0; i < 10; i++)
		ASSERT_TRUE(lib_expect_msg(&self->sub, TOPIC, "12345", 5,
					   NULL));
	ASSERT_TRUE(lib_stats(self->sub.fd, &sub));
	EXPECT_EQ(10ULL, sub.delivered);
	EXPECT_EQ(10ULL * (8 + 3 + 8 + 5), sub.delivered_bytes);
	EXPECT_EQ(0ULL, sub.queued_messages);
	EXPECT_EQ(0ULL, sub.queued_bytes);
	EXPECT_TRUE(lib_law(&sub));
}

TEST_HARNESS_MAIN
