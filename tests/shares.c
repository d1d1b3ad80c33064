// SPDX-License-Identifier: GPL-2.0
/*
 * Who pays for what waits: a user's receivers have a share of the namespace,
 * and a publisher a limit of bytes in flight. Neither stops anybody else.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define KIB	1024U
#define MIB	(1024U * KIB)

/* What the users share here, and how far off the counts may be. */
#define BUDGET	(8 * MIB)
#define SLACK	(512 * KIB)

#define PART	(128 * KIB)

/* Limits that the tests change, with what they were. */
static const char * const changed[] = {
	"limits.share-bytes", "limits.flight-bytes", "limits.user-topics",
	"limits.user-patterns", "limits.retained-messages",
	"limits.retained-bytes",
};

#define CHANGED	(sizeof(changed) / sizeof(changed[0]))

FIXTURE(shares) {
	long long old[CHANGED];
	int pub;
	int alice;
	int bob;
	u8 *payload;
};

/* A socket of somebody else; the tests run as root. */
static int socket_of(uid_t uid)
{
	int fd;

	if (seteuid(uid))
		return -1;
	fd = lib_packet();
	return seteuid(0) ? -1 : fd;
}

FIXTURE_SETUP(shares)
{
	size_t i;

	self->payload = calloc(1, PART);
	ASSERT_NE(NULL, self->payload);
	for (i = 0; i < CHANGED; i++)
		self->old[i] = lib_status_of(changed[i]);
	ASSERT_EQ(0, lib_limit_set("limits.share-bytes", BUDGET));
	self->pub = lib_packet();
	self->alice = socket_of(1001);
	self->bob = socket_of(1002);
	ASSERT_LE(0, self->pub);
	ASSERT_LE(0, self->alice);
	ASSERT_LE(0, self->bob);
}

FIXTURE_TEARDOWN(shares)
{
	size_t i;

	close(self->pub);
	close(self->alice);
	close(self->bob);
	free(self->payload);
	for (i = 0; i < CHANGED; i++)
		EXPECT_EQ(0, lib_limit_set(changed[i],
					   (unsigned long long)self->old[i]));
}

static bool subscribe(int fd, const char *topic)
{
	return lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, 16 * MIB) &&
	       lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 100000) &&
	       !lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL);
}

static u64 queued(int fd)
{
	struct blipmq_socket_stats stats;

	return lib_stats(fd, &stats) ? stats.queued_bytes : 0;
}

/* -1: the law does not hold. */
static long long dropped(int fd)
{
	struct blipmq_socket_stats stats;

	if (!lib_stats(fd, &stats) || !lib_law(&stats))
		return -1;
	return (long long)stats.dropped_overflow;
}

/* Publishes as much as @bytes; false when that was refused. */
static bool flood(int fd, const char *topic, const u8 *payload, u32 bytes)
{
	u32 sent;

	for (sent = 0; sent < bytes; sent += PART)
		if (lib_sendto(fd, topic, payload, PART) != PART)
			return false;
	return true;
}

TEST_F(shares, who_never_reads_stops_nobody)
{
	char c;

	ASSERT_TRUE(subscribe(self->alice, "shares.a"));
	ASSERT_TRUE(subscribe(self->bob, "shares.b"));
	/* Twice what all may hold, and nothing is refused. */
	ASSERT_TRUE(flood(self->pub, "shares.a", self->payload, 2 * BUDGET));
	EXPECT_GE(BUDGET / 2 + SLACK, queued(self->alice));
	EXPECT_LE(BUDGET / 2 - SLACK, queued(self->alice));
	EXPECT_LT(0, dropped(self->alice));
	/* What others have left is shared in the same way. */
	ASSERT_EQ(1, lib_sendto(self->pub, "shares.b", "b", 1));
	EXPECT_EQ(1, recv(self->bob, &c, 1, MSG_DONTWAIT));
	ASSERT_TRUE(flood(self->pub, "shares.b", self->payload, BUDGET));
	EXPECT_GE(BUDGET / 4 + SLACK, queued(self->bob));
	EXPECT_LE(BUDGET / 4 - SLACK, queued(self->bob));
	EXPECT_LT(0, dropped(self->bob));
}

TEST_F(shares, all_sockets_of_a_user_count)
{
	int more = socket_of(1001);

	ASSERT_LE(0, more);
	ASSERT_TRUE(subscribe(self->alice, "shares.a"));
	ASSERT_TRUE(subscribe(more, "shares.more"));
	ASSERT_TRUE(flood(self->pub, "shares.a", self->payload, BUDGET));
	ASSERT_TRUE(flood(self->pub, "shares.more", self->payload, BUDGET));
	EXPECT_GE(BUDGET / 2 + SLACK, queued(self->alice) + queued(more));
	EXPECT_LT(0, dropped(more));
	/* What is closed is free again. */
	close(self->alice);
	self->alice = socket_of(1001);
	ASSERT_TRUE(flood(self->pub, "shares.more", self->payload, BUDGET));
	EXPECT_LE(BUDGET / 2 - SLACK, queued(more));
	close(more);
}

/* What was read is free again, while the socket lives on. */
TEST_F(shares, a_reader_gives_back)
{
	int more = socket_of(1001);
	static char buf[PART];
	unsigned int i;

	ASSERT_LE(0, more);
	ASSERT_TRUE(subscribe(self->alice, "shares.a"));
	ASSERT_TRUE(subscribe(more, "shares.more"));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(flood(self->pub, "shares.a", self->payload, BUDGET));
		EXPECT_LE(BUDGET / 2 - SLACK, queued(self->alice));
		while (recv(self->alice, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		EXPECT_EQ(EAGAIN, errno);
		ASSERT_TRUE(flood(self->pub, "shares.more", self->payload,
				  BUDGET));
		EXPECT_LE(BUDGET / 2 - SLACK, queued(more));
		while (recv(more, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	close(more);
}

/* Who acts for somebody else takes what waits along. */
TEST_F(shares, identity_moves_what_waits)
{
	struct blipmq_identity bob = { .uid = 1002, .gid = 1002, .name = "b" };

	ASSERT_TRUE(subscribe(self->alice, "shares.a"));
	ASSERT_TRUE(subscribe(self->bob, "shares.b"));
	ASSERT_TRUE(flood(self->pub, "shares.a", self->payload, BUDGET));
	ASSERT_EQ(0, setsockopt(self->alice, SOL_BLIPMQ, BLIPMQ_IDENTITY, &bob,
				sizeof(bob)));
	ASSERT_TRUE(flood(self->pub, "shares.b", self->payload, BUDGET));
	EXPECT_GE(SLACK, queued(self->bob));
	close(self->alice);
	self->alice = socket_of(1001);
	ASSERT_TRUE(flood(self->pub, "shares.b", self->payload, BUDGET));
	EXPECT_LE(BUDGET / 2 - SLACK, queued(self->bob));
}

TEST_F(shares, bytes_in_flight_of_a_packet_publisher)
{
	static char buf[PART];
	int other = lib_packet();

	ASSERT_EQ(0, lib_limit_set("limits.flight-bytes", MIB));
	ASSERT_TRUE(subscribe(self->alice, "shares.a"));
	EXPECT_FALSE(flood(self->pub, "shares.a", self->payload, 4 * MIB));
	EXPECT_EQ(-ENOBUFS, lib_sendto(self->pub, "shares.a", "x", 1));
	EXPECT_GE(MIB + 2 * PART, queued(self->alice));
	/* Nobody else is concerned, and reading ends it. */
	EXPECT_EQ(1, lib_sendto(other, "shares.a", "x", 1));
	while (recv(self->alice, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	EXPECT_EQ(1, lib_sendto(self->pub, "shares.a", "x", 1));
	EXPECT_EQ(0, dropped(self->alice));
	close(other);
}

/* A message larger than the limit comes through when nothing is in flight. */
TEST_F(shares, a_large_message_alone)
{
	ASSERT_EQ(0, lib_limit_set("limits.flight-bytes", 4096));
	ASSERT_TRUE(subscribe(self->alice, "shares.a"));
	EXPECT_EQ(PART, lib_sendto(self->pub, "shares.a", self->payload, PART));
	EXPECT_EQ(-ENOBUFS, lib_sendto(self->pub, "shares.a", "x", 1));
}

static void flight_of_stream(struct __test_metadata *_metadata,
			     enum lib_way way, int reader, const u8 *payload)
{
	static char buf[PART];
	struct lib_frame in;
	struct lib_peer p;
	unsigned int tag;
	bool told = false;

	ASSERT_LE(0, lib_open(&p, way));
	ASSERT_EQ(0, lib_limit_set("limits.flight-bytes", MIB));
	ASSERT_TRUE(subscribe(reader, "shares.s"));
	for (tag = 1; tag <= 32 && !told; tag++) {
		lib_put_pub(&p, BLIPMQ_FLAG_CONFIRM, "shares.s", tag, payload,
			    PART);
		ASSERT_TRUE(lib_send(&p));
		ASSERT_EQ(1, lib_next(&p, &in));
		told = in.f.op != BLIPMQ_OP_ACK;
	}
	ASSERT_TRUE(told);
	EXPECT_EQ(BLIPMQ_OP_ERR, in.f.op);
	EXPECT_EQ(429, blipmq_get_le16(in.body + 4));
	EXPECT_LE(MIB, queued(reader));
	EXPECT_GE(MIB + 2 * PART, queued(reader));
	lib_put_pub(&p, BLIPMQ_FLAG_CONFIRM, "shares.s", 77, "x", 1);
	ASSERT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_err(&p, 429, 77, "shares.s"));
	EXPECT_TRUE(lib_sync(&p));
	while (recv(reader, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	lib_put_pub(&p, BLIPMQ_FLAG_CONFIRM, "shares.s", 78, "x", 1);
	ASSERT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_ack(&p, 78, "shares.s"));
	EXPECT_EQ(0, dropped(reader));
	lib_close(&p);
}

TEST_F(shares, bytes_in_flight_of_a_stream)
{
	flight_of_stream(_metadata, LIB_LOCAL, self->alice, self->payload);
}

TEST_F(shares, bytes_in_flight_over_tcp)
{
	flight_of_stream(_metadata, LIB_TCP, self->alice, self->payload);
}

TEST_F(shares, topics_of_a_user)
{
	struct lib_peer p;

	ASSERT_EQ(0, lib_limit_set("limits.user-topics", 2));
	ASSERT_TRUE(subscribe(self->alice, "shares.t.1"));
	ASSERT_TRUE(subscribe(self->alice, "shares.t.2"));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "shares.t.3", NULL));
	/* Those of others are free; one that was left is, too. */
	ASSERT_TRUE(subscribe(self->bob, "shares.t.3"));
	EXPECT_TRUE(subscribe(self->alice, "shares.t.3"));
	EXPECT_EQ(0, lib_subscription(self->alice, BLIPMQ_UNSUBSCRIBE,
				      "shares.t.1", NULL));
	EXPECT_TRUE(subscribe(self->alice, "shares.t.4"));

	ASSERT_EQ(0, seteuid(1003));
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_TRUE(lib_subscribe(&p, "shares.t.5"));
	EXPECT_TRUE(lib_subscribe(&p, "shares.t.6"));
	lib_put(&p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, "shares.t.7", NULL, 0);
	ASSERT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_err(&p, 429, 0, "shares.t.7"));
	EXPECT_TRUE(lib_sync(&p));
	lib_close(&p);
}

/* A value that was there first, and is cleared, hides no subscriber. */
TEST_F(shares, topics_of_values)
{
	ASSERT_EQ(0, lib_limit_set("limits.user-topics", 1));
	ASSERT_EQ(1, lib_retain(self->alice, "shares.v.1", "x", 1));
	ASSERT_EQ(1, lib_retain(self->alice, "shares.v.2", "x", 1));
	EXPECT_TRUE(subscribe(self->alice, "shares.v.1"));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "shares.v.2", NULL));
	ASSERT_EQ(0, lib_retain(self->alice, "shares.v.1", "", 0));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "shares.v.2", NULL));
	/* A value that stays does not count for who has left. */
	ASSERT_EQ(1, lib_retain(self->alice, "shares.v.1", "x", 1));
	EXPECT_EQ(0, lib_subscription(self->alice, BLIPMQ_UNSUBSCRIBE,
				      "shares.v.1", NULL));
	EXPECT_TRUE(subscribe(self->alice, "shares.v.2"));
	ASSERT_EQ(0, lib_retain(self->alice, "shares.v.1", "", 0));
	ASSERT_EQ(0, lib_retain(self->alice, "shares.v.2", "", 0));
}

/* A value that is refused brings none; idle ones of other tests may go meanwhile. */
TEST_F(shares, values_refused_bring_no_topic)
{
	long long topics;

	ASSERT_EQ(0, lib_limit_set("limits.retained-messages", 0));
	topics = lib_status_of("topics");
	EXPECT_EQ(-ENOBUFS, lib_retain(self->alice, "shares.w.1", "x", 1));
	EXPECT_GE(topics, lib_status_of("topics"));
}

TEST_F(shares, patterns_of_a_user)
{
	ASSERT_EQ(0, lib_limit_set("limits.user-patterns", 2));
	ASSERT_TRUE(subscribe(self->alice, "shares.*.1"));
	EXPECT_EQ(0, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
				      "shares.g", "group"));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "shares.*.2.>", NULL));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "shares.g", "other"));
	/* Topics are counted apart; patterns of others are free. */
	EXPECT_TRUE(subscribe(self->alice, "shares.1"));
	ASSERT_TRUE(subscribe(self->bob, "shares.*.2.>"));
	EXPECT_TRUE(subscribe(self->alice, "shares.*.2.>"));
	/* One that was left is free, too. */
	EXPECT_EQ(0, lib_subscription(self->alice, BLIPMQ_UNSUBSCRIBE,
				      "shares.*.1", NULL));
	EXPECT_TRUE(subscribe(self->alice, ">"));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "*", NULL));
}

/* What they may cost is what counts. */
TEST_F(shares, long_patterns_of_a_user)
{
	ASSERT_EQ(0, lib_limit_set("limits.user-patterns", 3));
	ASSERT_TRUE(subscribe(self->alice, "a.*.a.*.a.*.a.*.a"));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "b.*.a.*.a.*.a.*.a", NULL));
	EXPECT_TRUE(subscribe(self->alice, "a.*.a.*.a.*.a.*"));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "a.*", NULL));
	EXPECT_EQ(0, lib_subscription(self->alice, BLIPMQ_UNSUBSCRIBE,
				      "a.*.a.*.a.*.a.*.a", NULL));
	EXPECT_TRUE(subscribe(self->alice, "a.*"));
	EXPECT_TRUE(subscribe(self->alice, "b.*"));
	EXPECT_EQ(-EDQUOT, lib_subscription(self->alice, BLIPMQ_SUBSCRIBE,
					    "c.*", NULL));
}

/* Half of what the others have left, of both numbers and bytes. */
TEST_F(shares, retained_values_of_a_user)
{
	ASSERT_EQ(0, lib_limit_set("limits.retained-messages", 4));
	EXPECT_EQ(1, lib_retain(self->alice, "shares.r.1", "x", 1));
	EXPECT_EQ(1, lib_retain(self->alice, "shares.r.2", "x", 1));
	EXPECT_EQ(-EDQUOT, lib_retain(self->alice, "shares.r.3", "x", 1));
	EXPECT_EQ(1, lib_retain(self->alice, "shares.r.2", "y", 1));
	EXPECT_EQ(1, lib_retain(self->bob, "shares.r.3", "x", 1));
	EXPECT_EQ(-EDQUOT, lib_retain(self->bob, "shares.r.4", "x", 1));
	/* A value counts for who published it last. */
	EXPECT_EQ(0, lib_retain(self->bob, "shares.r.1", "", 0));
	EXPECT_EQ(1, lib_retain(self->alice, "shares.r.4", "x", 1));
	EXPECT_EQ(3, lib_forget_retained());

	ASSERT_EQ(0, lib_limit_set("limits.retained-messages", 100));
	ASSERT_EQ(0, lib_limit_set("limits.retained-bytes", 1 << 18));
	EXPECT_EQ(100000, lib_retain(self->alice, "shares.r.1", self->payload,
				     100000));
	EXPECT_EQ(-EDQUOT, lib_retain(self->alice, "shares.r.2", self->payload,
				      50000));
	EXPECT_EQ(50000, lib_retain(self->bob, "shares.r.2", self->payload,
				    50000));
	EXPECT_EQ(2, lib_forget_retained());
}

TEST_HARNESS_MAIN
