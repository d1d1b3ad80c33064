// SPDX-License-Identifier: GPL-2.0
/*
 * The receive queue of a real socket: order, limits, losses where they stand,
 * and the end. Random runs have a list of messages as their twin.
 */
#include <linux/bitops.h>
#include <linux/net.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "bundle.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "suites.h"

#define STEPS		20000
#define TWIN_MAX	256

/**
 * struct queue_twin - a queue by the slow and obvious way
 * @masks: entries, the oldest first
 * @lost: messages that were lost directly before each
 * @nr: entries
 * @messages: messages in all of them
 * @tail_lost: messages lost behind the last one
 */
struct queue_twin {
	u64	masks[TWIN_MAX];
	u64	lost[TWIN_MAX];
	u32	nr;
	u32	messages;
	u64	tail_lost;
};

static struct blipmq_queue *queue_open(struct kunit *test,
				       struct socket **sock)
{
	struct blipmq_sock *bs;

	KUNIT_ASSERT_EQ(test, 0, sock_create(blipmq_family, SOCK_STREAM, 0,
					     sock));
	bs = blipmq_sk((*sock)->sk);
	KUNIT_ASSERT_EQ(test, 0, blipmq_queue_open(&bs->queue));
	return &bs->queue;
}

/* Frames that hold nothing: the queue does not look into them. */
static bool queue_push(struct kunit *test, struct blipmq_queue *q, u64 mask)
{
	struct blipmq_sender *s = blipmq_queue_sock(q)->sender;
	struct sk_buff *b = blipmq_bundle_alloc(s, 64, GFP_KERNEL);
	bool kept;

	KUNIT_ASSERT_NOT_NULL(test, b);
	blipmq_bundle_seal(b, 64, BLIPMQ_BUNDLE_FRAMES);
	rcu_read_lock();
	kept = blipmq_queue_push(q, b, mask) == BLIPMQ_PUSH_KEPT;
	rcu_read_unlock();
	if (!kept)
		blipmq_bundle_put(b);
	return kept;
}

static bool queue_pop(struct blipmq_queue *q, struct blipmq_entry *entry)
{
	if (!blipmq_queue_pop(q, entry))
		return false;
	blipmq_queue_release(q, hweight64(entry->mask),
			     blipmq_bundle_cb(entry->bundle)->charge);
	blipmq_bundle_put(entry->bundle);
	return true;
}

static void queue_expect_usage(struct kunit *test, struct blipmq_queue *q,
			       u64 want)
{
	u64 messages, bytes;

	blipmq_queue_usage(q, &messages, &bytes);
	KUNIT_ASSERT_EQ(test, messages, want);
	KUNIT_ASSERT_EQ(test, !bytes, !messages);
}

/* Over the sizes at which rings are chained, and back. */
static void queue_order(struct kunit *test)
{
	struct blipmq_entry entry;
	struct blipmq_queue *q;
	struct socket *sock;
	u32 i, n;

	q = queue_open(test, &sock);
	blipmq_queue_set_limits(q, 100000, SZ_256M);
	for (n = 1; n < 6000; n = n * 3 + 1) {
		for (i = 0; i < n; i++)
			KUNIT_ASSERT_TRUE(test, queue_push(test, q, i + 1));
		KUNIT_EXPECT_TRUE(test, blipmq_queue_readable(q));
		for (i = 0; i < n; i++) {
			KUNIT_ASSERT_TRUE(test, queue_pop(q, &entry));
			KUNIT_ASSERT_EQ(test, entry.mask, (u64)i + 1);
			KUNIT_ASSERT_EQ(test, entry.lost, 0ULL);
		}
		KUNIT_EXPECT_FALSE(test, queue_pop(q, &entry));
		queue_expect_usage(test, q, 0);
	}
	sock_release(sock);
}

/* What the slow way makes of a push. */
static void twin_push(struct queue_twin *t, u64 mask, u32 limit)
{
	u32 n = hweight64(mask);
	u64 gap;

	t->messages += n;
	while (t->messages > limit && t->nr) {
		u32 gone = hweight64(t->masks[0]);

		gap = t->lost[0] + gone;
		t->messages -= gone;
		t->nr--;
		memmove(t->masks, t->masks + 1, t->nr * sizeof(u64));
		memmove(t->lost, t->lost + 1, t->nr * sizeof(u64));
		if (t->nr)
			t->lost[0] += gap;
		else
			t->tail_lost += gap;
	}
	/* Too many at once: the newest stay. */
	while (hweight64(mask) > limit) {
		mask &= mask - 1;
		t->messages--;
		t->tail_lost++;
	}
	t->masks[t->nr] = mask;
	t->lost[t->nr++] = t->tail_lost;
	t->tail_lost = 0;
}

static void twin_pop(struct kunit *test, struct queue_twin *t,
		     struct blipmq_queue *q)
{
	struct blipmq_entry entry;

	if (!queue_pop(q, &entry)) {
		KUNIT_ASSERT_EQ(test, t->nr, 0U);
		KUNIT_ASSERT_EQ(test, blipmq_queue_take_lost(q), t->tail_lost);
		t->tail_lost = 0;
		return;
	}
	KUNIT_ASSERT_GT(test, t->nr, 0U);
	KUNIT_ASSERT_EQ(test, entry.mask, t->masks[0]);
	KUNIT_ASSERT_EQ(test, entry.lost, t->lost[0]);
	t->messages -= hweight64(t->masks[0]);
	t->nr--;
	memmove(t->masks, t->masks + 1, t->nr * sizeof(u64));
	memmove(t->lost, t->lost + 1, t->nr * sizeof(u64));
}

static void queue_random(struct kunit *test)
{
	struct queue_twin *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u64 pushed = 0, popped = 0;
	struct blipmq_queue *q;
	struct rnd_state rnd;
	struct socket *sock;
	u32 limit = 100;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	q = queue_open(test, &sock);
	blipmq_queue_set_limits(q, limit, SZ_256M);
	for (i = 0; i < STEPS; i++) {
		u64 mask = prandom_u32_state(&rnd) &
			   prandom_u32_state(&rnd);

		if (blipmq_test_below(&rnd, 100) < (i / 500 % 2 ? 60 : 40)) {
			mask |= 1ULL << 63;
			pushed += hweight64(mask);
			KUNIT_ASSERT_TRUE(test, queue_push(test, q, mask));
			twin_push(t, mask, limit);
		} else {
			u32 before = t->messages;

			twin_pop(test, t, q);
			popped += before - t->messages;
		}
		queue_expect_usage(test, q, t->messages);
		if (i % 1000 == 999 && !t->nr) {
			limit = 1 + blipmq_test_below(&rnd, 150);
			blipmq_queue_set_limits(q, limit, SZ_256M);
		}
	}
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&q->matched), pushed);
	KUNIT_EXPECT_EQ(test, pushed, popped + t->messages +
				      q->dropped[BLIPMQ_DROP_OVERFLOW]);
	KUNIT_EXPECT_GT(test, q->dropped[BLIPMQ_DROP_OVERFLOW], 0ULL);
	sock_release(sock);
}

static void queue_byte_limit(struct kunit *test)
{
	struct blipmq_queue *q;
	struct socket *sock;
	u64 messages, bytes;
	int i;

	q = queue_open(test, &sock);
	blipmq_queue_set_limits(q, 100000, 20000);
	for (i = 0; i < 500; i++) {
		KUNIT_ASSERT_TRUE(test, queue_push(test, q, 1));
		blipmq_queue_usage(q, &messages, &bytes);
		KUNIT_ASSERT_LE(test, bytes, 20000ULL);
	}
	KUNIT_EXPECT_EQ(test, messages + q->dropped[BLIPMQ_DROP_OVERFLOW],
			500ULL);
	/* Alone, a message may exceed the limit. */
	blipmq_queue_set_limits(q, 100000, 1);
	queue_expect_usage(test, q, 1);
	KUNIT_EXPECT_TRUE(test, queue_push(test, q, 1));
	queue_expect_usage(test, q, 1);
	sock_release(sock);
}

static void queue_sealed(struct kunit *test)
{
	struct blipmq_entry entry;
	struct blipmq_queue *q;
	struct socket *sock;
	int i;

	q = queue_open(test, &sock);
	for (i = 0; i < 50; i++)
		queue_push(test, q, 1);
	KUNIT_EXPECT_FALSE(test, blipmq_queue_drained(q));
	blipmq_queue_seal(q);
	KUNIT_EXPECT_FALSE(test, queue_push(test, q, 1));
	for (i = 0; i < 50; i++) {
		KUNIT_EXPECT_FALSE(test, blipmq_queue_drained(q));
		KUNIT_ASSERT_TRUE(test, queue_pop(q, &entry));
	}
	KUNIT_EXPECT_TRUE(test, blipmq_queue_drained(q));
	KUNIT_EXPECT_EQ(test, atomic64_read(&q->matched), 50LL);
	KUNIT_EXPECT_EQ(test, blipmq_queue_open(q), -EPIPE);
	sock_release(sock);
}

static void queue_closed(struct kunit *test)
{
	struct blipmq_entry entry;
	struct blipmq_queue *q;
	struct socket *sock;
	int i;

	q = queue_open(test, &sock);
	for (i = 0; i < 50; i++)
		queue_push(test, q, 3);
	KUNIT_ASSERT_TRUE(test, queue_pop(q, &entry));
	blipmq_queue_close(q);
	blipmq_queue_close(q);
	KUNIT_EXPECT_FALSE(test, queue_push(test, q, 1));
	KUNIT_EXPECT_FALSE(test, queue_pop(q, &entry));
	KUNIT_EXPECT_TRUE(test, blipmq_queue_drained(q));
	KUNIT_EXPECT_EQ(test, q->dropped[BLIPMQ_DROP_CLOSED], 98ULL);
	KUNIT_EXPECT_EQ(test, blipmq_queue_take_lost(q), 0ULL);
	queue_expect_usage(test, q, 0);
	sock_release(sock);
}

static struct kunit_case queue_test_cases[] = {
	KUNIT_CASE(queue_order),
	KUNIT_CASE(queue_random),
	KUNIT_CASE(queue_byte_limit),
	KUNIT_CASE(queue_sealed),
	KUNIT_CASE(queue_closed),
	{}
};

struct kunit_suite blipmq_queue_suite = {
	.name = "blipmq_queue",
	.test_cases = queue_test_cases,
};
