// SPDX-License-Identifier: GPL-2.0
/*
 * Queue groups: each message goes to one member, in turn; to those that have
 * room, and to those that are alive.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "reader.h"

#define MEMBERS	3

FIXTURE(groups) {
	struct lib_peer pub;
	struct reader r[MEMBERS];
};

FIXTURE_VARIANT(groups) {
	enum reader_way way[MEMBERS];
};

FIXTURE_VARIANT_ADD(groups, stream) {
	.way = { READER_STREAM, READER_STREAM, READER_STREAM },
};

FIXTURE_VARIANT_ADD(groups, tcp) {
	.way = { READER_TCP, READER_TCP, READER_TCP },
};

FIXTURE_VARIANT_ADD(groups, packet) {
	.way = { READER_PACKET, READER_PACKET, READER_PACKET },
};

FIXTURE_VARIANT_ADD(groups, mixed) {
	.way = { READER_PACKET, READER_TCP, READER_STREAM },
};

FIXTURE_SETUP(groups)
{
	int i;

	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	for (i = 0; i < MEMBERS; i++)
		ASSERT_TRUE(reader_open(&self->r[i], variant->way[i]));
}

FIXTURE_TEARDOWN(groups)
{
	int i;

	for (i = 0; i < MEMBERS; i++)
		reader_close(&self->r[i]);
	lib_close(&self->pub);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	EXPECT_TRUE(lib_status_law());
}

/* One write of @n numbers to @topics in turns. */
static bool publish(struct lib_peer *p, u32 n, const char * const *topics,
		    u32 nr_topics)
{
	u8 payload[4];
	u32 i;

	for (i = 0; i < n; i++) {
		blipmq_put_le32(payload, i);
		lib_put_pub(p, 0, topics[i % nr_topics], 0, payload, 4);
	}
	return lib_sync(p);
}

static const char * const one[] = { "gr.a" };
static const char * const two[] = { "gr.a", "gr.b" };

static bool each_has(struct reader *r, int nr, int want)
{
	bool ok = true;
	int i, n;

	for (i = 0; i < nr; i++) {
		n = reader_count(&r[i]);
		if (n != want) {
			lib_say("member %d has %d messages, not %d", i, n,
				want);
			ok = false;
		}
	}
	return ok;
}

/* One at a time, all at once, and anything between: all get as many. */
TEST_F(groups, in_turn)
{
	static const u32 sizes[] = { 1, 2, 3, 4, 7, 10, 64, 100 };
	u32 i, k;

	for (i = 0; i < MEMBERS; i++)
		ASSERT_TRUE(reader_subscribe(&self->r[i], "gr.a", "workers"));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (k = 0; k < MEMBERS; k++)
			ASSERT_TRUE(publish(&self->pub, sizes[i], one, 1));
		EXPECT_TRUE(each_has(self->r, MEMBERS, (int)sizes[i])) {
			TH_LOG("%u at a time", sizes[i]);
		}
	}
}

/* A member sees its messages in the publisher's order, over several topics. */
TEST_F(groups, order)
{
	u32 i, n, last[MEMBERS], total = 0;
	char topic[256];
	u8 payload[4];
	int k;

	for (i = 0; i < MEMBERS; i++)
		ASSERT_TRUE(reader_subscribe(&self->r[i], "gr.*", "workers"));
	ASSERT_TRUE(publish(&self->pub, 60, two, 2));
	for (i = 0; i < MEMBERS; i++) {
		for (k = 0; k < 20; k++) {
			ASSERT_EQ(4, reader_next(&self->r[i], topic, payload,
						 4));
			n = blipmq_get_le32(payload);
			EXPECT_STREQ(two[n % 2], topic);
			if (k)
				EXPECT_LT(last[i], n);
			last[i] = n;
			total += n;
		}
		EXPECT_TRUE(reader_expect_nothing(&self->r[i]));
	}
	EXPECT_EQ(60U * 59 / 2, total);
}

/* A group is its pattern and its name. */
TEST_F(groups, identity)
{
	ASSERT_TRUE(reader_subscribe(&self->r[0], "gr.a", "x"));
	ASSERT_TRUE(reader_subscribe(&self->r[1], "gr.a", "y"));
	ASSERT_TRUE(reader_subscribe(&self->r[2], "gr.*", "x"));
	ASSERT_TRUE(publish(&self->pub, 10, one, 1));
	EXPECT_TRUE(each_has(self->r, MEMBERS, 10));
	/* Again is confirmed and changes nothing; one UNSUB ends it. */
	ASSERT_TRUE(reader_subscribe(&self->r[0], "gr.a", "x"));
	ASSERT_TRUE(publish(&self->pub, 10, one, 1));
	EXPECT_TRUE(each_has(self->r, MEMBERS, 10));
	EXPECT_TRUE(reader_refused(&self->r[0], BLIPMQ_UNSUBSCRIBE, "gr.a",
				   NULL, ENOENT));
	EXPECT_TRUE(reader_refused(&self->r[0], BLIPMQ_UNSUBSCRIBE, "gr.a",
				   "y", ENOENT));
	EXPECT_TRUE(reader_refused(&self->r[0], BLIPMQ_UNSUBSCRIBE, "gr.*",
				   "x", ENOENT));
	ASSERT_TRUE(reader_unsubscribe(&self->r[0], "gr.a", "x"));
	ASSERT_TRUE(publish(&self->pub, 10, one, 1));
	EXPECT_TRUE(each_has(self->r, 1, 0));
	EXPECT_TRUE(each_has(self->r + 1, 2, 10));
	EXPECT_TRUE(reader_refused(&self->r[0], BLIPMQ_SUBSCRIBE, "gr.a",
				   "*", EINVAL));
	EXPECT_TRUE(reader_refused(&self->r[0], BLIPMQ_SUBSCRIBE, "gr.a",
				   "x..y", EINVAL));
}

/* Once for the plain subscriptions, and once more for each group. */
TEST_F(groups, beside_plain)
{
	ASSERT_TRUE(reader_subscribe(&self->r[0], "gr.a", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r[0], "gr.*", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r[0], "gr.a", "x"));
	ASSERT_TRUE(reader_subscribe(&self->r[0], "gr.>", "y"));
	ASSERT_TRUE(reader_subscribe(&self->r[1], "gr.>", "y"));
	ASSERT_TRUE(publish(&self->pub, 20, one, 1));
	EXPECT_TRUE(each_has(self->r, 1, 20 + 20 + 10));
	EXPECT_TRUE(each_has(self->r + 1, 1, 10));
	ASSERT_TRUE(reader_unsubscribe(&self->r[0], "gr.a", "x"));
	ASSERT_TRUE(publish(&self->pub, 20, two, 2));
	EXPECT_TRUE(each_has(self->r, 1, 20 + 10));
	EXPECT_TRUE(each_has(self->r + 1, 1, 10));
}

/* -1: the law does not hold. */
static long long overflow(struct reader *r, int nr)
{
	struct blipmq_socket_stats s;
	long long sum = 0;
	int i;

	for (i = 0; i < nr; i++) {
		if (!lib_stats(r[i].fd, &s) || !lib_law(&s))
			return -1;
		sum += (long long)s.dropped_overflow;
	}
	return sum;
}

/* Who is full is passed over; when all are, each under its own policy. */
TEST_F(groups, full)
{
	u32 limit[MEMBERS] = { 5, 50, 100 }, i;
	struct blipmq_socket_stats s;

	/* What a proxy has read is not in a queue any more. */
	for (i = 0; i < MEMBERS; i++)
		if (variant->way[i] == READER_TCP)
			SKIP(return, "the reader is a TCP client");
	for (i = 0; i < MEMBERS; i++) {
		ASSERT_TRUE(reader_set_limits(&self->r[i], limit[i], 1 << 20));
		ASSERT_TRUE(reader_subscribe(&self->r[i], "gr.a", "x"));
	}
	/* At once, and then what is left one at a time. */
	ASSERT_TRUE(publish(&self->pub, 140, one, 1));
	EXPECT_EQ(0, overflow(self->r, MEMBERS));
	for (i = 0; i < 15; i++)
		ASSERT_TRUE(publish(&self->pub, 1, one, 1));
	EXPECT_EQ(0, overflow(self->r, MEMBERS));
	for (i = 0; i < MEMBERS; i++) {
		ASSERT_TRUE(lib_stats(self->r[i].fd, &s));
		EXPECT_EQ(limit[i], s.queued_messages);
	}
	for (i = 0; i < 9; i++)
		ASSERT_TRUE(publish(&self->pub, 1, one, 1));
	/* Who drops many that came together has room again. */
	EXPECT_LT(0, overflow(self->r, MEMBERS));
}

/* Members come and go: who is left gets all; nobody left, nothing routed. */
TEST_F(groups, members_leave)
{
	long long unrouted;
	u32 i;

	for (i = 0; i < MEMBERS; i++)
		ASSERT_TRUE(reader_subscribe(&self->r[i], "gr.a", "x"));
	ASSERT_TRUE(publish(&self->pub, 30, one, 1));
	EXPECT_TRUE(each_has(self->r, 3, 10));
	ASSERT_TRUE(reader_unsubscribe(&self->r[1], "gr.a", "x"));
	ASSERT_TRUE(publish(&self->pub, 30, one, 1));
	EXPECT_TRUE(each_has(self->r + 1, 1, 0));
	EXPECT_EQ(15, reader_count(&self->r[0]));
	EXPECT_EQ(15, reader_count(&self->r[2]));
	reader_close(&self->r[0]);
	EXPECT_TRUE(lib_status_wait("subscriptions", 1));
	ASSERT_TRUE(publish(&self->pub, 30, one, 1));
	EXPECT_EQ(30, reader_count(&self->r[2]));
	ASSERT_TRUE(reader_unsubscribe(&self->r[2], "gr.a", "x"));
	unrouted = lib_status_of("totals.unrouted");
	ASSERT_TRUE(publish(&self->pub, 30, one, 1));
	EXPECT_EQ(unrouted + 30, lib_status_of("totals.unrouted"));
	EXPECT_TRUE(each_has(self->r + 1, 2, 0));
	ASSERT_TRUE(reader_open(&self->r[0], variant->way[0]));
}

TEST_HARNESS_MAIN
