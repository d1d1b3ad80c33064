// SPDX-License-Identifier: GPL-2.0
/*
 * The conversation: every operation of the wire protocol, over a local
 * SOCK_STREAM socket and over TCP.
 */
#include <errno.h>
#include <sys/socket.h>

#include "harness.h"
#include "lib.h"

FIXTURE(talk) {
	struct lib_peer a;
	struct lib_peer b;
};

FIXTURE_VARIANT(talk) {
	enum lib_way way;
};

FIXTURE_VARIANT_ADD(talk, local) {
	.way = LIB_LOCAL,
};

FIXTURE_VARIANT_ADD(talk, tcp) {
	.way = LIB_TCP,
};

FIXTURE_SETUP(talk)
{
	ASSERT_LE(0, lib_open(&self->a, variant->way));
	ASSERT_LE(0, lib_open(&self->b, variant->way));
}

FIXTURE_TEARDOWN(talk)
{
	lib_close(&self->a);
	lib_close(&self->b);
}

TEST_F(talk, publish_and_subscribe)
{
	u64 id, next;

	ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
	lib_put_pub(&self->a, 0, "s.t", 1, "one", 3);
	lib_put_pub(&self->a, 0, "s.other", 1, "not this", 8);
	lib_put_pub(&self->a, 0, "s.t", 1, "", 0);
	ASSERT_TRUE(lib_send(&self->a));
	EXPECT_TRUE(lib_expect_msg(&self->b, "s.t", "one", 3, &id));
	EXPECT_TRUE(lib_expect_msg(&self->b, "s.t", "", 0, &next));
	EXPECT_EQ(id >> 40, next >> 40);
	EXPECT_LT(id, next);
	EXPECT_TRUE(lib_sync(&self->a));
	EXPECT_TRUE(lib_sync(&self->b));
}

/* ACK carries the tag of its PUB, and comes in the order of the frames. */
TEST_F(talk, confirm_carries_the_tag)
{
	static const u32 tags[] = { 0, 1, 0x80000000, 0xffffffff, 77 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tags); i++)
		lib_put_pub(&self->a, BLIPMQ_FLAG_CONFIRM, "s.t", tags[i], "x",
			    1);
	lib_put_pub(&self->a, 0, "s.t", 5, "unconfirmed", 11);
	lib_put(&self->a, BLIPMQ_OP_PING, 0, NULL, "p", 1);
	lib_put_pub(&self->a, BLIPMQ_FLAG_CONFIRM, "s.t.u", 6, "x", 1);
	ASSERT_TRUE(lib_send(&self->a));
	for (i = 0; i < ARRAY_SIZE(tags); i++)
		EXPECT_TRUE(lib_expect_ack(&self->a, tags[i], "s.t"));
	EXPECT_TRUE(lib_expect_pong(&self->a, "p", 1));
	EXPECT_TRUE(lib_expect_ack(&self->a, 6, "s.t.u"));
}

/* What was confirmed is with the subscriber: nothing more need happen. */
TEST_F(talk, confirmed_means_routed)
{
	int fd = lib_packet();
	char c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "s.t", NULL));
	ASSERT_TRUE(lib_publish(&self->a, "s.t", "x", 1));
	EXPECT_EQ(1, recv(fd, &c, 1, MSG_DONTWAIT));
	close(fd);
}

TEST_F(talk, subscribe_confirmed_is_subscribed)
{
	int fd = lib_packet();
	int i;

	ASSERT_LE(0, fd);
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
		ASSERT_EQ(1, lib_sendto(fd, "s.t", "x", 1));
		ASSERT_TRUE(lib_expect_msg(&self->b, "s.t", "x", 1, NULL));
		ASSERT_TRUE(lib_unsubscribe(&self->b, "s.t"));
		ASSERT_EQ(8, lib_sendto(fd, "s.t", "not this", 8));
		ASSERT_TRUE(lib_sync(&self->b));
	}
	close(fd);
}

TEST_F(talk, subscribed_twice_delivered_once)
{
	ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
	ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
	ASSERT_TRUE(lib_publish(&self->a, "s.t", "x", 1));
	EXPECT_TRUE(lib_expect_msg(&self->b, "s.t", "x", 1, NULL));
	ASSERT_TRUE(lib_unsubscribe(&self->b, "s.t"));
	ASSERT_TRUE(lib_publish(&self->a, "s.t", "y", 1));
	EXPECT_TRUE(lib_sync(&self->b));
	/* Its answer may overtake messages. */
	EXPECT_TRUE(lib_expect_silence(&self->b));
}

TEST_F(talk, own_messages_come_back)
{
	u64 id;

	ASSERT_TRUE(lib_subscribe(&self->a, "s.t"));
	lib_put_pub(&self->a, 0, "s.t", 0, "mine", 4);
	ASSERT_TRUE(lib_send(&self->a));
	EXPECT_TRUE(lib_expect_msg(&self->a, "s.t", "mine", 4, &id));
}

/* All in one write: each frame sees what those before it did. */
TEST_F(talk, frames_take_effect_in_order)
{
	static const char * const want[] = { "first", "second" };
	bool answered = false;
	struct lib_frame in;
	int messages = 0;

	lib_put_pub(&self->a, 0, "s.t", 0, "early", 5);
	lib_put(&self->a, BLIPMQ_OP_SUB, 0, "s.t", NULL, 0);
	lib_put_pub(&self->a, 0, "s.t", 0, "first", 5);
	lib_put_pub(&self->a, 0, "s.t", 0, "second", 6);
	lib_put(&self->a, BLIPMQ_OP_UNSUB, 0, "s.t", NULL, 0);
	lib_put_pub(&self->a, 0, "s.t", 0, "late", 4);
	lib_put(&self->a, BLIPMQ_OP_PING, 0, NULL, "end", 3);
	ASSERT_TRUE(lib_send(&self->a));
	/* Answers may overtake messages: both are looked for. */
	while (!answered || messages < 2) {
		ASSERT_EQ(1, lib_next(&self->a, &in));
		if (in.f.op == BLIPMQ_OP_PONG) {
			ASSERT_FALSE(answered);
			answered = true;
			continue;
		}
		ASSERT_EQ(BLIPMQ_OP_MSG, in.f.op);
		ASSERT_GT(2, messages);
		ASSERT_EQ(8 + strlen(want[messages]), in.body_len);
		EXPECT_EQ(0, memcmp(in.body + 8, want[messages],
				    strlen(want[messages])));
		messages++;
	}
	EXPECT_TRUE(lib_sync(&self->a));
	EXPECT_TRUE(lib_expect_silence(&self->a));
}

/* What a SUB takes in is everything after its ACK, in the sender's order. */
TEST_F(talk, order_over_many_topics)
{
	char topic[16], text[16];
	u64 id, last = 0;
	int i, k;

	for (i = 0; i < 7; i++) {
		snprintf(topic, sizeof(topic), "s.t.%d", i);
		ASSERT_TRUE(lib_subscribe(&self->b, topic));
	}
	for (k = 0; k < 10; k++) {
		for (i = 0; i < 70; i++) {
			snprintf(topic, sizeof(topic), "s.t.%d", i % 7);
			snprintf(text, sizeof(text), "%d", k * 70 + i);
			lib_put_pub(&self->a, 0, topic, 0, text, strlen(text));
		}
		ASSERT_TRUE(lib_send(&self->a));
	}
	for (i = 0; i < 700; i++) {
		snprintf(topic, sizeof(topic), "s.t.%d", i % 70 % 7);
		snprintf(text, sizeof(text), "%d", i);
		ASSERT_TRUE(lib_expect_msg(&self->b, topic, text, strlen(text),
					   &id));
		if (last)
			ASSERT_EQ(last + 1, id);
		last = id;
	}
}

TEST_F(talk, quit_drains_then_ends)
{
	int i;

	ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
	for (i = 0; i < 100; i++)
		lib_put_pub(&self->a, 0, "s.t", 0, "x", 1);
	ASSERT_TRUE(lib_send(&self->a));
	ASSERT_TRUE(lib_sync(&self->a));
	/* Nothing that follows a QUIT is looked at; a local one is told. */
	lib_put(&self->b, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
	if (variant->way == LIB_TCP)
		lib_put(&self->b, BLIPMQ_OP_PING, 0, NULL, "late", 4);
	ASSERT_TRUE(lib_send(&self->b));
	if (variant->way == LIB_LOCAL) {
		EXPECT_EQ(-1, send(self->b.fd, "late", 4, MSG_NOSIGNAL));
		EXPECT_EQ(EPIPE, errno);
	}
	for (i = 0; i < 100; i++)
		ASSERT_TRUE(lib_expect_msg(&self->b, "s.t", "x", 1, NULL));
	EXPECT_TRUE(lib_expect_eof(&self->b));
}

TEST_F(talk, shutdown_is_a_quit)
{
	int i, ret, messages = 0, acks = 0;
	struct lib_frame in;

	ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
	for (i = 0; i < 100; i++)
		lib_put_pub(&self->a, 0, "s.t", 0, "x", 1);
	ASSERT_TRUE(lib_send(&self->a));
	ASSERT_TRUE(lib_sync(&self->a));
	/* Sent before the end, it has its effect. */
	lib_put_pub(&self->b, BLIPMQ_FLAG_CONFIRM, "s.other", 9, "x", 1);
	ASSERT_TRUE(lib_send(&self->b));
	ASSERT_EQ(0, shutdown(self->b.fd, SHUT_WR));
	while ((ret = lib_next(&self->b, &in)) == 1) {
		messages += in.f.op == BLIPMQ_OP_MSG;
		acks += in.f.op == BLIPMQ_OP_ACK;
	}
	EXPECT_EQ(0, ret);
	EXPECT_EQ(100, messages);
	EXPECT_EQ(1, acks);
}

/* After QUIT nothing more is delivered to the one who quit. */
TEST_F(talk, quit_ends_the_subscription)
{
	struct blipmq_socket_stats stats;
	int fd = lib_packet();

	ASSERT_LE(0, fd);
	ASSERT_TRUE(lib_subscribe(&self->b, "s.quit"));
	lib_put(&self->b, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
	ASSERT_TRUE(lib_send(&self->b));
	ASSERT_TRUE(lib_expect_eof(&self->b));
	ASSERT_EQ(1, lib_sendto(fd, "s.quit", "x", 1));
	ASSERT_TRUE(lib_stats(fd, &stats));
	EXPECT_EQ(1ULL, stats.unrouted);
	close(fd);
}

/* A partial frame at the end is thrown away, and harms nobody. */
TEST_F(talk, partial_frame_at_the_end)
{
	long long before = lib_status_of("totals.partial");

	ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
	lib_put_pub(&self->a, 0, "s.t", 0, "whole", 5);
	lib_put_pub(&self->a, 0, "s.t", 0, "cut off here", 12);
	self->a.out_len -= 4;
	ASSERT_TRUE(lib_send(&self->a));
	lib_close(&self->a);
	EXPECT_TRUE(lib_expect_msg(&self->b, "s.t", "whole", 5, NULL));
	EXPECT_TRUE(lib_status_wait("totals.partial", before + 1));
	EXPECT_TRUE(lib_sync(&self->b));
	EXPECT_TRUE(lib_expect_silence(&self->b));
}

/* ERR goes to who caused it, in its place among the answers. */
TEST_F(talk, errors_in_order)
{
	lib_put_pub(&self->a, BLIPMQ_FLAG_CONFIRM, "s.t", 1, "x", 1);
	lib_put_pub(&self->a, 0, "s..t", 2, "x", 1);
	lib_put(&self->a, BLIPMQ_OP_UNSUB, 0, "s.t", NULL, 0);
	lib_put(&self->a, BLIPMQ_OP_SUB, 1, "s.>.t", NULL, 0);
	lib_put_pub(&self->a, BLIPMQ_FLAG_CONFIRM, "s.t", 3, "x", 1);
	ASSERT_TRUE(lib_send(&self->a));
	EXPECT_TRUE(lib_expect_ack(&self->a, 1, "s.t"));
	EXPECT_TRUE(lib_expect_err(&self->a, 422, 2, "s..t"));
	EXPECT_TRUE(lib_expect_err(&self->a, 404, 0, "s.t"));
	EXPECT_TRUE(lib_expect_err(&self->a, 422, 0, "s.>.t"));
	EXPECT_TRUE(lib_expect_ack(&self->a, 3, "s.t"));
	EXPECT_TRUE(lib_sync(&self->a));
}

/* The frame that ends a connection takes nothing back and lets none after. */
TEST_F(talk, fatal_error_after_valid_frames)
{
	static const u8 bad[8] = { 8, 0, 0, 0, 0xf0, 0, 0, 0 };

	ASSERT_TRUE(lib_subscribe(&self->b, "s.t"));
	lib_put_pub(&self->a, BLIPMQ_FLAG_CONFIRM, "s.t", 4, "before", 6);
	lib_raw(&self->a, bad, sizeof(bad));
	lib_put_pub(&self->a, BLIPMQ_FLAG_CONFIRM, "s.t", 5, "after", 5);
	ASSERT_TRUE(lib_send(&self->a));
	EXPECT_TRUE(lib_expect_ack(&self->a, 4, "s.t"));
	EXPECT_TRUE(lib_expect_err(&self->a, 400, 0, ""));
	EXPECT_TRUE(lib_expect_eof(&self->a));
	EXPECT_TRUE(lib_expect_msg(&self->b, "s.t", "before", 6, NULL));
	EXPECT_TRUE(lib_sync(&self->b));
}

TEST_HARNESS_MAIN
