// SPDX-License-Identifier: GPL-2.0
/*
 * Subscriptions to patterns: what matches, once for each message, from the
 * confirmation on, until the last one leaves.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "reader.h"

FIXTURE(patterns) {
	struct lib_peer pub;
	struct reader r;
	long long topics;
};

FIXTURE_VARIANT(patterns) {
	enum reader_way way;
};

FIXTURE_VARIANT_ADD(patterns, stream) { .way = READER_STREAM };
FIXTURE_VARIANT_ADD(patterns, tcp) { .way = READER_TCP };
FIXTURE_VARIANT_ADD(patterns, packet) { .way = READER_PACKET };

FIXTURE_SETUP(patterns)
{
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	ASSERT_TRUE(reader_open(&self->r, variant->way));
}

FIXTURE_TEARDOWN(patterns)
{
	reader_close(&self->r);
	lib_close(&self->pub);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	EXPECT_TRUE(lib_status_law());
}

static const struct {
	const char *pattern;
	const char *topic;
	bool matches;
} rules[] = {
	{ "*", "pt", true },
	{ "*", "pt.a", false },
	{ ">", "pt", true },
	{ ">", "pt.a.b", true },
	{ "pt.*", "pt.a", true },
	{ "pt.*", "pt", false },
	{ "pt.*", "pt.a.b", false },
	{ "pt.*", "px.a", false },
	{ "*.a", "pt.a", true },
	{ "*.a", "pt.b", false },
	{ "*.*", "pt.a", true },
	{ "*.*", "pt", false },
	{ "*.*", "pt.a.b", false },
	{ "pt.*.c", "pt.b.c", true },
	{ "pt.*.c", "pt.b.d", false },
	{ "pt.*.c", "pt.b.c.d", false },
	{ "pt.>", "pt", false },
	{ "pt.>", "pt.a", true },
	{ "pt.>", "pt.a.b.c", true },
	{ "pt.>", "pta.b", false },
	{ "pt.*.>", "pt.a", false },
	{ "pt.*.>", "pt.a.b", true },
	{ "*.>", "pt", false },
	{ "*.>", "pt.a", true },
	{ "pt.a*", "pt.ab", false },
	{ "pt.a*.*", "pt.a*.x", true },
	{ "pt.>a.*", "pt.>a.b", true },
	{ "pt.>a.*", "pt.xa.b", false },
	{ "*.*.*", "pt.\xc3\xa4.\xe2\x82\xac", true },
	{ "pt.\xc3\xa4.*", "pt.\xc3\xa4.x", true },
	{ "pt.\xc3\xa4.*", "pt.\xc3\xa5.x", false },
	{ "pt/a.*", "pt/a.b", true },
};

TEST_F_TIMEOUT(patterns, rules, 600)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		ASSERT_TRUE(reader_subscribe(&self->r, rules[i].pattern,
					     NULL));
		ASSERT_TRUE(lib_publish(&self->pub, rules[i].topic, &i, 4));
		/* The second time the topic is known, if anybody wants it. */
		ASSERT_TRUE(lib_publish(&self->pub, rules[i].topic, &i, 4));
		if (rules[i].matches) {
			EXPECT_TRUE(reader_expect_u32(&self->r, rules[i].topic,
						      (u32)i));
			EXPECT_TRUE(reader_expect_u32(&self->r, rules[i].topic,
						      (u32)i));
		}
		EXPECT_TRUE(reader_expect_nothing(&self->r)) {
			TH_LOG("%s and %s", rules[i].pattern, rules[i].topic);
		}
		ASSERT_TRUE(reader_unsubscribe(&self->r, rules[i].pattern,
					       NULL));
		ASSERT_TRUE(lib_publish(&self->pub, rules[i].topic, &i, 4));
		EXPECT_TRUE(reader_expect_nothing(&self->r));
	}
}

/* 128 tokens, which is the most. */
TEST_F(patterns, deepest)
{
	char topic[256], pattern[256];
	int i;

	for (i = 0; i < 255; i++) {
		topic[i] = i % 2 ? '.' : 'a';
		pattern[i] = i % 2 ? '.' : i % 4 ? '*' : 'a';
	}
	topic[255] = '\0';
	pattern[255] = '\0';
	ASSERT_TRUE(reader_subscribe(&self->r, pattern, NULL));
	ASSERT_TRUE(lib_publish(&self->pub, topic, "\1\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, topic, 1));
	pattern[254] = '>';
	ASSERT_TRUE(reader_subscribe(&self->r, pattern, NULL));
	ASSERT_TRUE(lib_publish(&self->pub, topic, "\2\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, topic, 2));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

static const char * const overlapping[] = {
	"pt.o.a", "pt.o.*", "pt.*.a", "*.*.*", "pt.>", ">", "pt.o.>",
};

/* One copy, however many match, alone or among others in a write. */
TEST_F(patterns, overlap)
{
	u8 payload[4];
	size_t i;
	u32 n;

	for (i = 0; i < ARRAY_SIZE(overlapping); i++) {
		ASSERT_TRUE(reader_subscribe(&self->r, overlapping[i], NULL));
		ASSERT_TRUE(lib_publish(&self->pub, "pt.o.a", "\1\0\0\0", 4));
		EXPECT_TRUE(reader_expect_u32(&self->r, "pt.o.a", 1));
	}
	for (n = 0; n < 40; n++) {
		blipmq_put_le32(payload, n);
		lib_put_pub(&self->pub, 0, n % 3 ? "pt.o.a" : "pt.o.b", 0,
			    payload, 4);
	}
	ASSERT_TRUE(lib_sync(&self->pub));
	for (n = 0; n < 40; n++)
		ASSERT_TRUE(reader_expect_u32(&self->r, n % 3 ? "pt.o.a" :
							"pt.o.b", n));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	/* As they go, one after the other, it stays at one copy. */
	for (i = 0; i < ARRAY_SIZE(overlapping); i++) {
		ASSERT_TRUE(lib_publish(&self->pub, "pt.o.a", "\2\0\0\0", 4));
		EXPECT_TRUE(reader_expect_u32(&self->r, "pt.o.a", 2));
		ASSERT_TRUE(reader_unsubscribe(&self->r, overlapping[i],
					       NULL));
	}
	ASSERT_TRUE(lib_publish(&self->pub, "pt.o.a", "\3\0\0\0", 4));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

/* Again is confirmed and changes nothing; one UNSUB ends it. */
TEST_F(patterns, twice)
{
	ASSERT_TRUE(reader_subscribe(&self->r, "pt.t.*", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r, "pt.t.*", NULL));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.t.a", "\1\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, "pt.t.a", 1));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	ASSERT_TRUE(reader_unsubscribe(&self->r, "pt.t.*", NULL));
	EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_UNSUBSCRIBE, "pt.t.*",
				   NULL, ENOENT));
	EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_UNSUBSCRIBE, "pt.t.>",
				   NULL, ENOENT));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.t.a", "\1\0\0\0", 4));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

TEST_F(patterns, invalid)
{
	static const char * const bad[] = {
		">.pt", "pt.>.a", "pt..*", ".*", "*.", "pt.> ", "pt.*\t.a",
		"pt.\xc3.*",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_SUBSCRIBE, bad[i],
					   NULL, EINVAL));
		EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_UNSUBSCRIBE,
					   bad[i], NULL, EINVAL));
	}
	EXPECT_EQ(0, lib_status_of("subscriptions"));
}

/* The last one leaves: nobody is left, and nothing stays behind. */
TEST_F(patterns, last_leaves)
{
	long long unrouted = lib_status_of("totals.unrouted");
	struct reader other;

	ASSERT_TRUE(reader_open(&other, variant->way));
	ASSERT_TRUE(reader_subscribe(&self->r, "pt.l.*", NULL));
	ASSERT_TRUE(reader_subscribe(&other, "pt.l.*", NULL));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.l.a", "\1\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, "pt.l.a", 1));
	EXPECT_TRUE(reader_expect_u32(&other, "pt.l.a", 1));
	ASSERT_TRUE(reader_unsubscribe(&self->r, "pt.l.*", NULL));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.l.a", "\2\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&other, "pt.l.a", 2));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	EXPECT_EQ(unrouted, lib_status_of("totals.unrouted"));
	reader_close(&other);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.l.a", "\3\0\0\0", 4));
	EXPECT_EQ(unrouted + 1, lib_status_of("totals.unrouted"));
	/* Back again, to a topic that is still known. */
	ASSERT_TRUE(reader_subscribe(&self->r, "pt.l.*", NULL));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.l.a", "\4\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, "pt.l.a", 4));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	EXPECT_TRUE(lib_status_wait("topics", 0));
}

/* A topic that is published to stays for as long as that lasts; then it goes. */
TEST_F(patterns, topics_come_and_go)
{
	int i;

	if (variant->way != READER_STREAM)
		SKIP(return, "topics come and go alike for all readers");
	EXPECT_TRUE(lib_status_wait("topics", 0));
	ASSERT_TRUE(reader_subscribe(&self->r, "pt.c.*", NULL));
	EXPECT_EQ(0, lib_status_of("topics"));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.x.a", "x", 1));
	EXPECT_EQ(0, lib_status_of("topics"));
	for (i = 0; i < 60; i++) {
		ASSERT_TRUE(lib_publish(&self->pub, "pt.c.a", "\1\0\0\0", 4));
		EXPECT_TRUE(reader_expect_u32(&self->r, "pt.c.a", 1));
		EXPECT_EQ(1, lib_status_of("topics"));
		usleep(100000);
	}
	EXPECT_TRUE(lib_status_wait("topics", 0));
}

/* A great many patterns, of which few match. */
TEST_F_TIMEOUT(patterns, a_great_many, 600)
{
	char pattern[64], topic[64];
	u32 i, patterns = (u32)lib_rounds_long(800, 2400);

	for (i = 0; i < patterns; i++) {
		snprintf(pattern, sizeof(pattern),
			 i % 4 ? "pt.%u.*.%u" : "*.%u.>", i / 2, i % 2);
		ASSERT_TRUE(reader_subscribe(&self->r, pattern, NULL));
	}
	EXPECT_EQ(patterns, lib_status_of("subscriptions"));
	for (i = 0; i < patterns; i += 101) {
		snprintf(topic, sizeof(topic), "pt.%u.x.%u", i / 2, i % 2);
		ASSERT_TRUE(lib_publish(&self->pub, topic, "\1\0\0\0", 4));
		EXPECT_TRUE(reader_expect_u32(&self->r, topic, 1));
	}
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	for (i = 0; i < patterns; i++) {
		snprintf(pattern, sizeof(pattern),
			 i % 4 ? "pt.%u.*.%u" : "*.%u.>", i / 2, i % 2);
		ASSERT_TRUE(reader_unsubscribe(&self->r, pattern, NULL));
	}
	EXPECT_EQ(0, lib_status_of("subscriptions"));
}

/* Patterns count as subscriptions. */
TEST_F_TIMEOUT(patterns, limit, 600)
{
	long long set = lib_status_of("limits.subscriptions"), i;
	long long limit = lib_rounds(240) + 8;
	char pattern[64];

	ASSERT_LT(0, set);
	ASSERT_EQ(0, lib_limit_set("limits.subscriptions",
				   (unsigned long long)limit));
	for (i = 0; i < limit; i++) {
		snprintf(pattern, sizeof(pattern), "pt.limit.%lld.*", i);
		ASSERT_TRUE(reader_subscribe(&self->r, pattern, NULL));
	}
	EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_SUBSCRIBE, "pt.more.*",
				   NULL, ENOBUFS));
	EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_SUBSCRIBE, "pt.more",
				   NULL, ENOBUFS));
	ASSERT_TRUE(reader_subscribe(&self->r, "pt.limit.7.*", NULL));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.more.a", "x", 1));
	ASSERT_TRUE(lib_publish(&self->pub, "pt.limit.7.a", "\1\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, "pt.limit.7.a", 1));
	ASSERT_TRUE(reader_unsubscribe(&self->r, "pt.limit.7.*", NULL));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	ASSERT_TRUE(reader_subscribe(&self->r, "pt.more.*", NULL));
	EXPECT_EQ(0, lib_limit_set("limits.subscriptions",
				   (unsigned long long)set));
}

/**
 * struct flow - a publisher in a thread
 * @topic: where to
 * @begun: the number of the message that it is at
 * @most: where it waits
 * @enough: it shall end
 * @failed: a message was not taken
 */
struct flow {
	const char	*topic;
	u32		begun;
	u32		most;
	bool		enough;
	bool		failed;
};

static void *publish(void *arg)
{
	struct flow *f = arg;
	u8 payload[4];
	int fd = lib_packet();
	u32 n = 0;

	while (!__atomic_load_n(&f->enough, __ATOMIC_SEQ_CST)) {
		if (n >= __atomic_load_n(&f->most, __ATOMIC_SEQ_CST)) {
			sched_yield();
			continue;
		}
		__atomic_store_n(&f->begun, ++n, __ATOMIC_SEQ_CST);
		blipmq_put_le32(payload, n);
		if (lib_sendto(fd, f->topic, payload, 4) != 4)
			f->failed = true;
	}
	close(fd);
	return NULL;
}

/*
 * What begins after the confirmation is received: the first message is not
 * newer than that, and none is missing from there on.
 */
TEST_F_TIMEOUT(patterns, from_the_confirmation_on, 600)
{
	static const char * const ways[] = {
		"pt.*.a", "*.f.a", "pt.f.>", ">", "*.*.*", "pt.f.a",
	};
	struct flow f = { .topic = "pt.f.a" };
	u32 i, k, begun, n, most;
	int other = lib_packet();
	pthread_t thread;
	char topic[256];
	u8 payload[4];

	ASSERT_EQ(0, pthread_create(&thread, NULL, publish, &f));
	for (i = 0; i < (u32)lib_rounds(60); i++) {
		const char *pattern = ways[i % ARRAY_SIZE(ways)];
		struct reader r;

		/* At times the topic is known by somebody else. */
		if (i % 4 == 1)
			lib_subscription(other, BLIPMQ_SUBSCRIBE, "pt.f.*",
					 NULL);
		else if (i % 4 == 3)
			lib_subscription(other, BLIPMQ_UNSUBSCRIBE, "pt.f.*",
					 NULL);
		ASSERT_TRUE(reader_open(&r, variant->way));
		/* Nothing of a moment's flow may be lost for want of room. */
		ASSERT_TRUE(reader_set_limits(&r, 1 << 20, 16 << 20));
		__atomic_store_n(&f.most, UINT32_MAX, __ATOMIC_SEQ_CST);
		ASSERT_TRUE(reader_subscribe(&r, pattern, NULL));
		begun = __atomic_load_n(&f.begun, __ATOMIC_SEQ_CST);
		most = begun + 40;
		__atomic_store_n(&f.most, most, __ATOMIC_SEQ_CST);
		ASSERT_EQ(4, reader_next(&r, topic, payload, 4));
		n = blipmq_get_le32(payload);
		ASSERT_LE(n, begun + 1);
		for (k = n + 1; k <= most; k++) {
			ASSERT_EQ(4, reader_next(&r, topic, payload, 4));
			ASSERT_EQ(k, blipmq_get_le32(payload));
		}
		reader_close(&r);
	}
	__atomic_store_n(&f.enough, true, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_FALSE(f.failed);
	close(other);
}

/* Another namespace has patterns of its own. */
TEST_F(patterns, other_namespace)
{
	int go[2], status = -1;
	pid_t pid;
	char c;

	if (variant->way == READER_TCP)
		SKIP(return, "blipmqd is in one namespace");
	ASSERT_TRUE(reader_subscribe(&self->r, ">", NULL));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct reader r;

		close(go[1]);
		if (unshare(CLONE_NEWNET) || !reader_open(&r, variant->way) ||
		    !reader_subscribe(&r, "pt.>", NULL) ||
		    lib_sendto(lib_packet(), "pt.n.in", "\1\0\0\0", 4) != 4 ||
		    !reader_expect_u32(&r, "pt.n.in", 1) ||
		    read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(!reader_expect_nothing(&r));
	}
	ASSERT_TRUE(lib_publish(&self->pub, "pt.n.out", "\2\0\0\0", 4));
	ASSERT_EQ(1, write(go[1], "", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(reader_expect_u32(&self->r, "pt.n.out", 2));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	close(go[0]);
	close(go[1]);
}

TEST_HARNESS_MAIN
