// SPDX-License-Identifier: GPL-2.0
/*
 * How long messages take: each is counted, as long as the test itself sees it
 * take, and only when that is wanted; and counters that begin at zero.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "genl.h"
#include "harness.h"
#include "lib.h"

#define BUCKETS	160

/**
 * struct took - one histogram
 * @count: how often
 * @sum: nanoseconds
 * @buckets: by time
 */
struct took {
	__u64	count;
	__u64	sum;
	__u64	buckets[BUCKETS];
};

FIXTURE(latency) {
	struct blipmq_genl	g;
	__u32			enabled;
	struct took		routing;
	struct took		waiting;
	struct took		total;
	int			a;
	int			b;
};

static int latency_set(struct blipmq_genl *g, __u32 enabled)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;

	nlh = blipmq_genl_new(g, buffer, BLIPMQ_CMD_LATENCY_SET);
	mnl_attr_put_u32(nlh, BLIPMQ_A_LATENCY_ENABLED, enabled);
	return blipmq_genl_run(g, nlh, NULL, NULL);
}

static int reset(struct blipmq_genl *g, int attr)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;

	nlh = blipmq_genl_new(g, buffer, BLIPMQ_CMD_RESET);
	if (attr)
		mnl_attr_put(nlh, (uint16_t)attr, 0, NULL);
	return blipmq_genl_run(g, nlh, NULL, NULL);
}

FIXTURE_SETUP(latency)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, blipmq_genl_open(&self->g));
	self->a = lib_packet();
	self->b = lib_packet();
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
}

FIXTURE_TEARDOWN(latency)
{
	close(self->a);
	close(self->b);
	blipmq_genl_close(&self->g);
}

static int take_histogram(const struct nlattr *attr, void *data)
{
	struct took *t = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_HISTOGRAM_COUNT:
		t->count = mnl_attr_get_u64(attr);
		break;
	case BLIPMQ_A_HISTOGRAM_SUM:
		t->sum = mnl_attr_get_u64(attr);
		break;
	case BLIPMQ_A_HISTOGRAM_BUCKETS:
		memcpy(t->buckets, mnl_attr_get_payload(attr),
		       mnl_attr_get_payload_len(attr));
		break;
	}
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *data)
{
	FIXTURE_DATA(latency) *self = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_LATENCY_ENABLED:
		self->enabled = mnl_attr_get_u32(attr);
		break;
	case BLIPMQ_A_LATENCY_ROUTING:
		return mnl_attr_parse_nested(attr, take_histogram,
					     &self->routing);
	case BLIPMQ_A_LATENCY_WAITING:
		return mnl_attr_parse_nested(attr, take_histogram,
					     &self->waiting);
	case BLIPMQ_A_LATENCY_TOTAL:
		return mnl_attr_parse_nested(attr, take_histogram,
					     &self->total);
	}
	return MNL_CB_OK;
}

static int take_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_attr, data);
}

static bool took_adds_up(const struct took *t)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < BUCKETS; i++)
		sum += t->buckets[i];
	return sum == t->count;
}

/* Return: false also when a count is not the sum of its buckets. */
static bool look(FIXTURE_DATA(latency) *self)
{
	memset(&self->routing, 0, sizeof(self->routing));
	memset(&self->waiting, 0, sizeof(self->waiting));
	memset(&self->total, 0, sizeof(self->total));
	if (blipmq_genl_request(&self->g, BLIPMQ_CMD_LATENCY_GET, take_reply,
				self))
		return false;
	return took_adds_up(&self->routing) && took_adds_up(&self->waiting) &&
	       took_adds_up(&self->total);
}

/* All counts: what is read is measured both from the queue and from the call. */
#define EXPECT_COUNTS(enqueued, delivered) do {				\
	ASSERT_TRUE(look(self));					\
	EXPECT_EQ(enqueued, self->routing.count);			\
	EXPECT_EQ(delivered, self->waiting.count);			\
	EXPECT_EQ(self->waiting.count, self->total.count);		\
	EXPECT_LE(self->waiting.sum, self->total.sum);			\
} while (0)

static __u64 bucket_begins(int i)
{
	return i < 4 ? (__u64)i : (__u64)(4 + i % 4) << (i / 4 - 1);
}

/* Nothing took less than @from nanoseconds, or more than @to, by its bucket. */
static bool took_between(const struct took *t, __u64 from, __u64 to)
{
	int i;

	for (i = 0; i < BUCKETS; i++) {
		if (!t->buckets[i])
			continue;
		if (bucket_begins(i + 1) > from && bucket_begins(i) <= to)
			continue;
		lib_say("%llu took %llu ns and more, expected %llu to %llu",
			(unsigned long long)t->buckets[i],
			(unsigned long long)bucket_begins(i),
			(unsigned long long)from, (unsigned long long)to);
		return false;
	}
	return t->count * from <= t->sum && t->sum <= t->count * to;
}

static __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000 + (__u64)t.tv_nsec;
}

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static int read_all(int fd)
{
	int n = 0;
	char c;

	while (recv(fd, &c, 1, MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

TEST_F(latency, nothing_unless_it_is_wanted)
{
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "a", NULL));
	ASSERT_EQ(1, lib_sendto(self->a, "a", "x", 1));
	EXPECT_COUNTS(0, 0);
	EXPECT_EQ(0, self->enabled);
	EXPECT_EQ(-ERANGE, latency_set(&self->g, 2));
	ASSERT_EQ(0, latency_set(&self->g, 1));
	/* What was under way is not measured. */
	EXPECT_EQ(1, read_all(self->b));
	EXPECT_COUNTS(0, 0);
	EXPECT_EQ(1, self->enabled);
	ASSERT_EQ(1, lib_sendto(self->a, "a", "x", 1));
	ASSERT_EQ(0, latency_set(&self->g, 0));
	ASSERT_EQ(1, lib_sendto(self->a, "a", "x", 1));
	EXPECT_EQ(2, read_all(self->b));
	EXPECT_COUNTS(1, 1);
	EXPECT_EQ(0, self->enabled);
}

TEST_F(latency, each_is_counted)
{
	int c = lib_packet(), i;
	struct lib_peer p;

	ASSERT_EQ(0, latency_set(&self->g, 1));
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "x.*", NULL));
	ASSERT_EQ(0, lib_subscription(c, BLIPMQ_SUBSCRIBE, "x.y", NULL));
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "x.y", "x", 1));
	EXPECT_COUNTS(200, 0);
	EXPECT_EQ(100, read_all(c));
	EXPECT_COUNTS(200, 100);
	/* Bundles of many, of which some go nowhere. */
	for (i = 0; i < 100; i++)
		lib_put_pub(&p, 0, i & 1 ? "x.z" : "nowhere", 0, "x", 1);
	ASSERT_TRUE(lib_send(&p));
	ASSERT_TRUE(lib_sync(&p));
	EXPECT_COUNTS(250, 100);
	EXPECT_EQ(150, read_all(self->b));
	EXPECT_COUNTS(250, 250);
	/* What is dropped was queued, but is not read. */
	ASSERT_TRUE(lib_set_u32(self->b, BLIPMQ_QUEUE_MESSAGES, 10));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "x.z", "x", 1));
	EXPECT_EQ(10, read_all(self->b));
	EXPECT_COUNTS(350, 260);
	/* Nor is what there is no room for. */
	ASSERT_TRUE(lib_set_u32(self->b, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_DROP_NEW));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "x.z", "x", 1));
	EXPECT_EQ(10, read_all(self->b));
	EXPECT_COUNTS(360, 270);
	ASSERT_TRUE(lib_set_u32(self->b, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_CONFLATE));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "x.z", "x", 1));
	EXPECT_EQ(1, read_all(self->b));
	EXPECT_COUNTS(460, 271);
	EXPECT_TRUE(lib_status_law());
	lib_close(&p);
	close(c);
}

/* One member of a group each, and through a worker. */
TEST_F(latency, groups_and_workers)
{
	int c = lib_packet(), i;

	ASSERT_EQ(0, latency_set(&self->g, 1));
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "x", "gr"));
	ASSERT_EQ(0, lib_subscription(c, BLIPMQ_SUBSCRIBE, "x", "gr"));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "x", "x", 1));
	EXPECT_COUNTS(100, 0);
	EXPECT_EQ(100, read_all(self->b) + read_all(c));
	EXPECT_COUNTS(100, 100);
	ASSERT_EQ(0, lib_lane_set(NULL, BLIPMQ_LANE_MODE_WORKER, -1));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "x", "x", 1));
	ASSERT_EQ(0, lib_lanes_direct());
	EXPECT_COUNTS(200, 100);
	EXPECT_EQ(100, read_all(self->b) + read_all(c));
	EXPECT_COUNTS(200, 200);
	close(c);
}

/* As long as it was seen to take, by the same clock. */
TEST_F(latency, how_long)
{
	__u64 before, after, most = 0, waited_least = ~0ULL, waited_most = 0;
	__u64 begin, end;
	char c;
	int i;

	ASSERT_EQ(0, latency_set(&self->g, 1));
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "a", NULL));
	for (i = 0; i < 20; i++) {
		before = now();
		ASSERT_EQ(1, lib_sendto(self->a, "a", "x", 1));
		after = now();
		pause_ms(i);
		begin = now();
		ASSERT_EQ(1, recv(self->b, &c, 1, MSG_DONTWAIT));
		end = now();
		if (after - before > most)
			most = after - before;
		if (begin - after < waited_least)
			waited_least = begin - after;
		if (end - before > waited_most)
			waited_most = end - before;
	}
	EXPECT_COUNTS(20, 20);
	EXPECT_TRUE(took_between(&self->routing, 1, most));
	EXPECT_TRUE(took_between(&self->waiting, waited_least, waited_most));
	EXPECT_TRUE(took_between(&self->total, waited_least, waited_most));
	/* With one queue there is nothing between the two, and nothing twice. */
	EXPECT_EQ(self->routing.sum + self->waiting.sum, self->total.sum);
	EXPECT_LT(self->waiting.sum, self->total.sum);
}

/**
 * struct later - a read after a while, so that who waits for room waits for so long
 * @fd: where from
 * @waited: nanoseconds for which the process's first thread slept, at least
 */
struct later {
	int	fd;
	__u64	waited;
};

static void *read_later(void *arg)
{
	struct later *l = arg;
	__u64 since;
	char c;

	lib_wait_asleep(getpid());
	since = now();
	pause_ms(300);
	l->waited += now() - since;
	recv(l->fd, &c, 1, 0);
	return NULL;
}

/* A wait for a queue that blocks is the reader's time, not the broker's. */
TEST_F(latency, a_queue_that_blocks)
{
	struct later l = { .fd = self->b };
	__u64 before, called = 0;
	pthread_t thread;
	struct lib_peer p;
	int i;

	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_TRUE(lib_set_u32(self->b, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(lib_set_u32(self->b, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "a", NULL));
	ASSERT_EQ(1, lib_sendto(self->a, "a", "x", 1));
	ASSERT_EQ(0, latency_set(&self->g, 1));
	lib_put_pub(&p, 0, "a", 0, "x", 1);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_later,
					    &l));
		before = now();
		ASSERT_TRUE(i ? lib_send(&p) :
				lib_sendto(self->a, "a", "x", 1) == 1);
		called += now() - before;
		ASSERT_EQ(0, pthread_join(thread, NULL));
	}
	EXPECT_COUNTS(2, 1);
	EXPECT_LT(0, self->routing.sum);
	EXPECT_GE(called - l.waited, self->routing.sum);
	EXPECT_EQ(1, read_all(self->b));
	EXPECT_COUNTS(2, 2);
	lib_close(&p);
}

/* What counts is the call that ends a frame, not the one that begins it. */
TEST_F(latency, a_frame_that_comes_in_pieces)
{
	__u64 before, after;
	struct lib_peer p;

	ASSERT_EQ(0, latency_set(&self->g, 1));
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "a", NULL));
	lib_put_pub(&p, 0, "a", 0, "hello", 5);
	ASSERT_EQ(12, send(p.fd, p.out, 12, 0));
	pause_ms(500);
	before = now();
	ASSERT_LT(0, send(p.fd, p.out + 12, p.out_len - 12, 0));
	after = now();
	EXPECT_COUNTS(1, 0);
	EXPECT_TRUE(took_between(&self->routing, 1, after - before));
	p.out_len = 0;
	lib_close(&p);
}

TEST_F(latency, retained_values_wait_for_nothing)
{
	int c;

	ASSERT_EQ(0, latency_set(&self->g, 1));
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "a", NULL));
	ASSERT_EQ(1, lib_retain(self->a, "a", "x", 1));
	EXPECT_COUNTS(1, 0);
	c = lib_packet();
	ASSERT_EQ(0, lib_subscription(c, BLIPMQ_SUBSCRIBE, "a", NULL));
	EXPECT_EQ(1, read_all(c));
	EXPECT_COUNTS(1, 0);
	EXPECT_EQ(1, read_all(self->b));
	EXPECT_COUNTS(1, 1);
	close(c);
}

static bool ends;

static void *publish_all_the_time(void *arg)
{
	int fd = *(int *)arg;

	while (!__atomic_load_n(&ends, __ATOMIC_RELAXED))
		lib_sendto(fd, "a", "x", 1);
	return NULL;
}

/* Switched, looked at and reset under load: nothing is lost or wrong. */
TEST_F(latency, under_load)
{
	pthread_t thread;
	int i;

	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "a", NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, publish_all_the_time,
				    &self->a));
	for (i = 0; i < lib_rounds(200); i++) {
		ASSERT_EQ(0, latency_set(&self->g, i & 1));
		read_all(self->b);
		ASSERT_EQ(0, reset(&self->g, 0));
	}
	__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_TRUE(lib_status_law());
	read_all(self->b);
	EXPECT_TRUE(lib_status_law());
	ASSERT_TRUE(look(self));
}

TEST_F(latency, reset_is_for_counters_alone)
{
	struct blipmq_socket_stats stats;
	int i;

	ASSERT_EQ(0, latency_set(&self->g, 1));
	ASSERT_TRUE(lib_set_u32(self->b, BLIPMQ_QUEUE_MESSAGES, 10));
	ASSERT_EQ(0, lib_subscription(self->b, BLIPMQ_SUBSCRIBE, "a", NULL));
	for (i = 0; i < 15; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "a", "x", 1));
	ASSERT_EQ(1, lib_sendto(self->a, "nowhere", "x", 1));
	EXPECT_EQ(15, lib_status_of("totals.matched"));
	EXPECT_EQ(5, lib_status_of("totals.dropped-overflow"));
	EXPECT_EQ(1, lib_status_of("totals.unrouted"));
	ASSERT_EQ(0, reset(&self->g, BLIPMQ_A_RESET_LATENCY));
	EXPECT_COUNTS(0, 0);
	EXPECT_EQ(0, self->routing.sum);
	EXPECT_EQ(1, self->enabled);
	EXPECT_EQ(15, lib_status_of("totals.matched"));

	ASSERT_EQ(0, reset(&self->g, BLIPMQ_A_RESET_TOTALS));
	EXPECT_EQ(0, lib_status_of("totals.published"));
	EXPECT_EQ(0, lib_status_of("totals.published-bytes"));
	EXPECT_EQ(0, lib_status_of("totals.unrouted"));
	EXPECT_EQ(0, lib_status_of("totals.dropped-overflow"));
	/* What is queued is still there. */
	EXPECT_EQ(10, lib_status_of("totals.matched"));
	EXPECT_EQ(10, lib_status_of("totals.queued-messages"));
	EXPECT_EQ(2, lib_status_of("sockets"));
	EXPECT_TRUE(lib_status_law());
	EXPECT_EQ(10, read_all(self->b));
	EXPECT_EQ(10, lib_status_of("totals.delivered"));
	EXPECT_TRUE(lib_status_law());
	EXPECT_COUNTS(0, 10);
	/* A socket's own counters are its program's. */
	ASSERT_TRUE(lib_stats(self->b, &stats));
	EXPECT_EQ(15, stats.matched);
	EXPECT_TRUE(lib_law(&stats));
	/* Closing it changes no sum. */
	close(self->b);
	self->b = lib_packet();
	EXPECT_EQ(10, lib_status_of("totals.matched"));
	EXPECT_TRUE(lib_status_law());
	ASSERT_EQ(0, reset(&self->g, 0));
	EXPECT_COUNTS(0, 0);
	EXPECT_EQ(0, lib_status_of("totals.matched"));
}

static int others_may_look(void *arg)
{
	struct blipmq_genl g;

	if (blipmq_genl_open(&g))
		return 1;
	if (latency_set(&g, 1) != -EPERM || latency_set(&g, 0) != -EPERM)
		return 2;
	if (reset(&g, 0) != -EPERM)
		return 3;
	return blipmq_genl_request(&g, BLIPMQ_CMD_LATENCY_GET, take_reply, arg) ?
		4 : 0;
}

TEST_F(latency, who_may_do_what)
{
	ASSERT_EQ(0, latency_set(&self->g, 1));
	EXPECT_EQ(0, lib_as_user(1001, 0, others_may_look, self));
	EXPECT_EQ(0, lib_as_user(1001, CLONE_NEWUSER, others_may_look, self));
	ASSERT_TRUE(look(self));
	EXPECT_EQ(1, self->enabled);
	/* Another namespace has its own. */
	blipmq_genl_close(&self->g);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, blipmq_genl_open(&self->g));
	ASSERT_TRUE(look(self));
	EXPECT_EQ(0, self->enabled);
}

TEST_HARNESS_MAIN
