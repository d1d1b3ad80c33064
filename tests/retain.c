// SPDX-License-Identifier: GPL-2.0
/*
 * Retained values: the last one of each topic, first for whoever subscribes.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "reader.h"

FIXTURE(retain) {
	struct lib_peer pub;
	struct reader r;
};

FIXTURE_VARIANT(retain) {
	enum reader_way way;
};

FIXTURE_VARIANT_ADD(retain, stream) { .way = READER_STREAM };
FIXTURE_VARIANT_ADD(retain, tcp) { .way = READER_TCP };
FIXTURE_VARIANT_ADD(retain, packet) { .way = READER_PACKET };

static bool open_reader(struct reader *r, enum reader_way way)
{
	return reader_open(r, way) &&
	       (way != READER_PACKET ||
		lib_set_u32(r->fd, BLIPMQ_INFO, BLIPMQ_INFO_RETAINED));
}

FIXTURE_SETUP(retain)
{
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	ASSERT_TRUE(open_reader(&self->r, variant->way));
}

static bool retain(struct lib_peer *p, const char *topic, const void *payload,
		   size_t len)
{
	lib_put_pub(p, BLIPMQ_FLAG_RETAIN | BLIPMQ_FLAG_CONFIRM, topic, 5,
		    payload, len);
	return lib_send(p) && lib_expect_ack(p, 5, topic);
}

static const char * const topics[] = { "rt.a", "rt.b", "rt.c.d", "rt.e" };

FIXTURE_TEARDOWN(retain)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(topics); i++)
		EXPECT_TRUE(retain(&self->pub, topics[i], "", 0));
	reader_close(&self->r);
	lib_close(&self->pub);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	/* Nothing is kept when all is cleared. */
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	EXPECT_TRUE(lib_status_law());
}

static bool expect(struct reader *r, const char *topic, const char *payload,
		   bool retained)
{
	if (!reader_expect(r, topic, payload, strlen(payload)))
		return false;
	if (r->retained != retained)
		lib_say("%s of %s is %sretained", payload, topic,
			r->retained ? "" : "not ");
	return r->retained == retained;
}

static bool subscribe(struct reader *r, const char *pattern)
{
	return reader_subscribe(r, pattern, NULL);
}

TEST_F(retain, last_value)
{
	ASSERT_TRUE(retain(&self->pub, "rt.a", "one", 3));
	ASSERT_TRUE(retain(&self->pub, "rt.a", "two", 3));
	ASSERT_TRUE(lib_publish(&self->pub, "rt.a", "passing", 7));
	ASSERT_TRUE(subscribe(&self->r, "rt.a"));
	EXPECT_TRUE(expect(&self->r, "rt.a", "two", true));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	/* What comes now is no retained value to those who are there. */
	ASSERT_TRUE(retain(&self->pub, "rt.a", "three", 5));
	EXPECT_TRUE(expect(&self->r, "rt.a", "three", false));
	/* Again is not new; what was ended is. */
	ASSERT_TRUE(subscribe(&self->r, "rt.a"));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	ASSERT_TRUE(reader_unsubscribe(&self->r, "rt.a", NULL));
	ASSERT_TRUE(subscribe(&self->r, "rt.a"));
	EXPECT_TRUE(expect(&self->r, "rt.a", "three", true));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

TEST_F(retain, cleared)
{
	ASSERT_TRUE(retain(&self->pub, "rt.a", "one", 3));
	ASSERT_TRUE(retain(&self->pub, "rt.a", "", 0));
	ASSERT_TRUE(retain(&self->pub, "rt.a", "", 0));
	ASSERT_TRUE(subscribe(&self->r, "rt.a"));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	/* An empty message is one all the same. */
	ASSERT_TRUE(retain(&self->pub, "rt.a", "", 0));
	EXPECT_TRUE(expect(&self->r, "rt.a", "", false));
}

/* A new subscription's value is older than what waits already. */
TEST_F(retain, does_not_replace)
{
	struct blipmq_socket_stats stats;
	int fd = lib_packet();
	struct lib_message m;
	char got[16];

	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_CONFLATE));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_INFO, BLIPMQ_INFO_RETAINED));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "rt.a", NULL));
	ASSERT_TRUE(retain(&self->pub, "rt.a", "value", 5));
	ASSERT_TRUE(retain(&self->pub, "rt.b", "other", 5));
	ASSERT_TRUE(lib_publish(&self->pub, "rt.a", "new", 3));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "rt.*", NULL));
	EXPECT_EQ(3, lib_recvmsg(fd, &m, got, sizeof(got), MSG_DONTWAIT));
	EXPECT_EQ(0, memcmp(got, "new", 3));
	EXPECT_FALSE(m.retained);
	EXPECT_EQ(5, lib_recvmsg(fd, &m, got, sizeof(got), MSG_DONTWAIT));
	EXPECT_EQ(0, memcmp(got, "other", 5));
	EXPECT_TRUE(m.retained);
	EXPECT_EQ(-EAGAIN, lib_recvmsg(fd, &m, got, sizeof(got),
				       MSG_DONTWAIT));
	EXPECT_TRUE(lib_stats(fd, &stats) && lib_law(&stats));
	EXPECT_EQ(2, stats.dropped_conflated);
	close(fd);
}

TEST_F(retain, patterns)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(topics); i++)
		ASSERT_TRUE(retain(&self->pub, topics[i], topics[i],
				   strlen(topics[i])));
	ASSERT_TRUE(subscribe(&self->r, "rt.*"));
	EXPECT_TRUE(expect(&self->r, "rt.a", "rt.a", true));
	EXPECT_TRUE(expect(&self->r, "rt.b", "rt.b", true));
	EXPECT_TRUE(expect(&self->r, "rt.e", "rt.e", true));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	ASSERT_TRUE(reader_unsubscribe(&self->r, "rt.*", NULL));
	ASSERT_TRUE(subscribe(&self->r, "rt.c.>"));
	EXPECT_TRUE(expect(&self->r, "rt.c.d", "rt.c.d", true));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	/* Members of a queue group get none. */
	ASSERT_TRUE(reader_subscribe(&self->r, "rt.*", "group"));
	ASSERT_TRUE(reader_subscribe(&self->r, "rt.a", "group"));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

/* Among others in one write, small and large. */
TEST_F(retain, in_a_write)
{
	static char large[100000];

	memset(large, 'l', sizeof(large));
	lib_put_pub(&self->pub, 0, "rt.b", 0, "plain", 5);
	lib_put_pub(&self->pub, BLIPMQ_FLAG_RETAIN, "rt.a", 0, "a1", 2);
	lib_put_pub(&self->pub, BLIPMQ_FLAG_RETAIN, "rt.b", 0, "b1", 2);
	lib_put_pub(&self->pub, 0, "rt.b", 0, "plain", 5);
	lib_put_pub(&self->pub, BLIPMQ_FLAG_RETAIN, "rt.a", 0, "a2", 2);
	lib_put_pub(&self->pub, BLIPMQ_FLAG_RETAIN, "rt.e", 0, large,
		    sizeof(large));
	ASSERT_TRUE(lib_sync(&self->pub));
	ASSERT_TRUE(subscribe(&self->r, "rt.a"));
	EXPECT_TRUE(expect(&self->r, "rt.a", "a2", true));
	ASSERT_TRUE(subscribe(&self->r, "rt.b"));
	EXPECT_TRUE(expect(&self->r, "rt.b", "b1", true));
	ASSERT_TRUE(subscribe(&self->r, "rt.e"));
	{
		static char got[sizeof(large)];
		char topic[256];

		EXPECT_EQ((int)sizeof(large),
			  reader_next(&self->r, topic, got, sizeof(got)));
		EXPECT_TRUE(self->r.retained);
		EXPECT_EQ(0, memcmp(got, large, sizeof(large)));
	}
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

TEST_F(retain, by_packet)
{
	int fd = lib_packet();

	EXPECT_EQ(3, lib_retain(fd, "rt.a", "one", 3));
	EXPECT_EQ(-EINVAL, lib_retain(fd, "rt..a", "one", 3));
	close(fd);
	ASSERT_TRUE(subscribe(&self->r, "rt.a"));
	EXPECT_TRUE(expect(&self->r, "rt.a", "one", true));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

/* A limit of the publisher: an error before any effect. */
TEST_F(retain, limit)
{
	static char large[1 << 20];
	struct lib_peer p;
	char topic[32];
	int fd, i, sent;

	if (variant->way != READER_PACKET)
		SKIP(return, "it is the publisher's, whoever reads");
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	fd = lib_packet();
	for (sent = 0; sent < 100; sent++) {
		snprintf(topic, sizeof(topic), "rt.limit.%d", sent);
		i = (int)lib_retain(fd, topic, large, sizeof(large));
		if (i < 0)
			break;
	}
	/* A user that is alone has half of it. */
	EXPECT_EQ(-EDQUOT, i);
	EXPECT_LT(10, sent);
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	lib_put_pub(&p, BLIPMQ_FLAG_RETAIN, "rt.limit.more", 9, large,
		    sizeof(large));
	EXPECT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_err(&p, 429, 9, "rt.limit.more"));
	/* One may take the place of another, and one that goes makes room. */
	EXPECT_EQ((ssize_t)sizeof(large),
		  lib_retain(fd, "rt.limit.0", large, sizeof(large)));
	EXPECT_EQ(0, lib_retain(fd, "rt.limit.1", "", 0));
	EXPECT_EQ((ssize_t)sizeof(large),
		  lib_retain(fd, "rt.limit.more", large, sizeof(large)));
	EXPECT_EQ(0, lib_retain(fd, "rt.limit.more", "", 0));
	for (i = 0; i < sent; i++) {
		snprintf(topic, sizeof(topic), "rt.limit.%d", i);
		EXPECT_EQ(0, lib_retain(fd, topic, "", 0));
	}
	lib_close(&p);
	close(fd);
}

/* Values whose time is over are in nobody's way, though nobody joins. */
TEST(limit_and_time_to_live)
{
	static char large[1 << 20];
	char topic[32];
	ssize_t n = 0;
	int fd, i;

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, lib_limit_set("limits.retained-bytes", 24 << 20));
	fd = lib_packet();
	EXPECT_TRUE(lib_set_u32(fd, BLIPMQ_TTL, 1));
	for (i = 0; i < 40 && n >= 0; i++) {
		snprintf(topic, sizeof(topic), "rt.limit.%d", i);
		n = lib_retain(fd, topic, large, sizeof(large));
		usleep(2000);
	}
	EXPECT_EQ((ssize_t)sizeof(large), n);
	/* Those whose time is not over are. */
	EXPECT_TRUE(lib_set_u32(fd, BLIPMQ_TTL, 3600000));
	for (i = 0; i < 80 && n >= 0; i++) {
		snprintf(topic, sizeof(topic), "rt.limit.%d", i);
		n = lib_retain(fd, topic, large, sizeof(large));
	}
	EXPECT_EQ(-EDQUOT, n);
	EXPECT_GT(i, 6);
	close(fd);
}

struct flow {
	u32	begun;
	u32	most;
	bool	enough;
};

static void *flow(void *arg)
{
	struct flow *f = arg;
	int fd = lib_packet();
	u8 payload[4];
	u32 n = 0;

	while (!__atomic_load_n(&f->enough, __ATOMIC_SEQ_CST)) {
		if (n >= __atomic_load_n(&f->most, __ATOMIC_SEQ_CST)) {
			sched_yield();
			continue;
		}
		__atomic_store_n(&f->begun, ++n, __ATOMIC_SEQ_CST);
		blipmq_put_le32(payload, n);
		if (n % 3)
			lib_retain(fd, "rt.a", payload, 4);
		else
			lib_sendto(fd, "rt.a", payload, 4);
	}
	close(fd);
	return NULL;
}

/*
 * First the last value, then what comes after it, and nothing missing, twice
 * or older.
 */
TEST_F(retain, while_others_publish)
{
	static const char * const ways[] = { "rt.a", "rt.*", "*.a", ">" };
	const u32 rounds = (u32)lib_rounds(60);
	struct flow f = { .most = 10 };
	pthread_t thread;
	char topic[256];
	u32 i, n, k, most;
	u8 payload[4];

	ASSERT_EQ(0, pthread_create(&thread, NULL, flow, &f));
	while (__atomic_load_n(&f.begun, __ATOMIC_SEQ_CST) < 10)
		sched_yield();
	for (i = 0; i < rounds; i++) {
		struct reader r;

		ASSERT_TRUE(open_reader(&r, variant->way));
		ASSERT_TRUE(reader_set_limits(&r, 1 << 20, 16 << 20));
		__atomic_store_n(&f.most, UINT32_MAX, __ATOMIC_SEQ_CST);
		usleep(1000);
		ASSERT_TRUE(subscribe(&r, ways[i % 4]));
		most = __atomic_load_n(&f.begun, __ATOMIC_SEQ_CST) + 20;
		__atomic_store_n(&f.most, most, __ATOMIC_SEQ_CST);
		ASSERT_EQ(4, reader_next(&r, topic, payload, 4));
		ASSERT_TRUE(r.retained);
		n = blipmq_get_le32(payload);
		/* A passing message may lie between the value and the next. */
		for (k = n; k < most;) {
			ASSERT_EQ(4, reader_next(&r, topic, payload, 4));
			ASSERT_FALSE(r.retained);
			if (k == n && (k + 1) % 3 == 0 &&
			    blipmq_get_le32(payload) == k + 2)
				k++;
			ASSERT_EQ(++k, blipmq_get_le32(payload));
		}
		reader_close(&r);
	}
	__atomic_store_n(&f.enough, true, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, pthread_join(thread, NULL));
}

TEST_HARNESS_MAIN
