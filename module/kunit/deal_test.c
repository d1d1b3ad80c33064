// SPDX-License-Identifier: GPL-2.0
/*
 * Dealing: who of a queue group gets which frames. Room is what the queues of
 * real sockets have.
 */
#include <linux/bitops.h>
#include <linux/net.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "bundle.h"
#include "fanout.h"
#include "netns.h"
#include "queue.h"
#include "sender.h"
#include "set.h"
#include "sock.h"
#include "suites.h"

#define MEMBERS	7

/**
 * struct table - a group
 * @set: its set
 * @socks: the members
 * @legs: where they stand
 * @taken: messages that each was given
 */
struct table {
	struct blipmq_set	*set;
	struct socket		*socks[MEMBERS];
	struct blipmq_leg	legs[MEMBERS];
	u64			taken[MEMBERS];
};

static struct blipmq_queue *deal_queue(struct table *t, u32 n)
{
	return &blipmq_sk(t->socks[n]->sk)->queue;
}

static void deal_open(struct kunit *test, struct table *t)
{
	u32 i;

	memset(t, 0, sizeof(*t));
	t->set = blipmq_set_create_group();
	KUNIT_ASSERT_NOT_NULL(test, t->set);
	for (i = 0; i < MEMBERS; i++) {
		KUNIT_ASSERT_EQ(test, 0, sock_create(blipmq_family, SOCK_STREAM,
						     0, &t->socks[i]));
		KUNIT_ASSERT_EQ(test, 0, blipmq_queue_open(deal_queue(t, i)));
		KUNIT_ASSERT_EQ(test, 0, blipmq_set_join(t->set,
							 deal_queue(t, i),
							 &t->legs[i]));
	}
}

static void deal_close(struct table *t)
{
	u32 i;

	for (i = 0; i < MEMBERS; i++) {
		blipmq_set_leave(t->set, &t->legs[i]);
		sock_release(t->socks[i]);
	}
	blipmq_set_put(t->set);
}

/* Deal @frames frames. Return: those that nobody took. */
static u64 deal(struct kunit *test, struct table *t, u32 frames)
{
	struct blipmq_pusher p = { };
	struct blipmq_sender *s;
	struct sk_buff *b;
	u64 rest;

	/* Of nobody's socket: the members may all have closed theirs. */
	s = blipmq_sender_create(blipmq_net_of(&init_net), GLOBAL_ROOT_UID,
				 GLOBAL_ROOT_GID, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	b = blipmq_bundle_alloc(s, 64, GFP_KERNEL);
	blipmq_sender_retire(s);
	KUNIT_ASSERT_NOT_NULL(test, b);
	p.b = b;
	blipmq_bundle_seal(b, 64, BLIPMQ_BUNDLE_FRAMES);
	rcu_read_lock();
	rest = blipmq_deal(&p, t->set, blipmq_bundle_mask(frames));
	rcu_read_unlock();
	if (p.refs)
		KUNIT_EXPECT_FALSE(test, refcount_sub_and_test(p.refs,
							       &b->users));
	blipmq_bundle_put(b);
	return rest;
}

/* Take all that the members have. Return: the frames, each of which once. */
static u64 deal_collect(struct kunit *test, struct table *t, u32 pushes)
{
	struct blipmq_entry entry;
	u64 all = 0;
	u32 i, n;

	for (i = 0; i < MEMBERS; i++) {
		for (n = 0; blipmq_queue_pop(deal_queue(t, i), &entry); n++) {
			KUNIT_EXPECT_EQ(test, all & entry.mask, 0ULL);
			all |= entry.mask;
			t->taken[i] += hweight64(entry.mask);
			blipmq_queue_release(deal_queue(t, i),
					     hweight64(entry.mask),
					     blipmq_bundle_cb(entry.bundle)->charge);
			blipmq_bundle_put(entry.bundle);
		}
		KUNIT_EXPECT_LE(test, n, pushes);
	}
	return all;
}

/* Bundles of every size: each frame once, one push each, and all even. */
static void deal_even(struct kunit *test)
{
	struct rnd_state rnd;
	u64 total = 0;
	struct table t;
	u32 i, frames;

	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	deal_open(test, &t);
	for (i = 0; i < 2000; i++) {
		frames = 1 + blipmq_test_below(&rnd, BLIPMQ_BUNDLE_FRAMES);
		total += frames;
		KUNIT_ASSERT_EQ(test, deal(test, &t, frames), 0ULL);
		KUNIT_ASSERT_EQ(test, deal_collect(test, &t, 1),
				blipmq_bundle_mask(frames));
	}
	for (i = 0; i < MEMBERS; i++) {
		KUNIT_EXPECT_GE(test, t.taken[i], total / MEMBERS);
		KUNIT_EXPECT_LE(test, t.taken[i], total / MEMBERS + 1);
	}
	deal_close(&t);
}

/* Some are full or closed: the others get all. */
static void deal_passes_over(struct kunit *test)
{
	struct table t;
	u32 i;

	deal_open(test, &t);
	blipmq_queue_set_limits(deal_queue(&t, 0), 1, SZ_1M);
	blipmq_queue_set_limits(deal_queue(&t, 1), 3, SZ_1M);
	blipmq_queue_seal(deal_queue(&t, 2));
	blipmq_queue_close(deal_queue(&t, 3));
	KUNIT_EXPECT_EQ(test, deal(test, &t, 64), 0ULL);
	KUNIT_EXPECT_EQ(test, deal_collect(test, &t, 2), ~0ULL);
	KUNIT_EXPECT_EQ(test, t.taken[0], 1ULL);
	KUNIT_EXPECT_EQ(test, t.taken[1], 3ULL);
	KUNIT_EXPECT_EQ(test, t.taken[2] + t.taken[3], 0ULL);
	for (i = 4; i < MEMBERS; i++)
		KUNIT_EXPECT_GE(test, t.taken[i], 19ULL);
	deal_close(&t);
}

/* All are full: each takes its share under its own policy. */
static void deal_overflows(struct kunit *test)
{
	struct table t;
	u64 lost = 0;
	u32 i;

	deal_open(test, &t);
	for (i = 0; i < MEMBERS; i++)
		blipmq_queue_set_limits(deal_queue(&t, i), 2, SZ_1M);
	for (i = 0; i < 3 * MEMBERS; i++)
		KUNIT_EXPECT_EQ(test, deal(test, &t, 1), 0ULL);
	for (i = 0; i < MEMBERS; i++) {
		lost += deal_queue(&t, i)->lost;
		KUNIT_EXPECT_EQ(test, deal_queue(&t, i)->lost, 1ULL);
		KUNIT_EXPECT_EQ(test, atomic64_read(&deal_queue(&t, i)->matched),
				3LL);
	}
	KUNIT_EXPECT_EQ(test, lost, (u64)MEMBERS);
	deal_close(&t);
}

/* Nobody is there, or nobody is alive. */
static void deal_nobody(struct kunit *test)
{
	struct table t;
	u32 i;

	deal_open(test, &t);
	for (i = 0; i < MEMBERS; i++)
		blipmq_queue_seal(deal_queue(&t, i));
	KUNIT_EXPECT_EQ(test, deal(test, &t, 5), 31ULL);
	deal_close(&t);

	t.set = blipmq_set_create_group();
	KUNIT_ASSERT_NOT_NULL(test, t.set);
	KUNIT_EXPECT_EQ(test, deal(test, &t, 5), 31ULL);
	blipmq_set_put(t.set);
}

/* More than are looked at in one go, of whom the last alone has room. */
static void deal_crowd(struct kunit *test)
{
	struct blipmq_leg *legs;
	struct socket *sock;
	struct table t;
	u32 i, n = 2000;

	deal_open(test, &t);
	KUNIT_ASSERT_EQ(test, 0, sock_create(blipmq_family, SOCK_STREAM, 0,
					     &sock));
	legs = kunit_kcalloc(test, n, sizeof(*legs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, legs);
	for (i = 0; i < MEMBERS; i++)
		blipmq_set_leave(t.set, &t.legs[i]);
	/* One that is closed, in many places. */
	blipmq_queue_seal(&blipmq_sk(sock->sk)->queue);
	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, 0,
				blipmq_set_join(t.set,
						&blipmq_sk(sock->sk)->queue,
						&legs[i]));
	KUNIT_EXPECT_EQ(test, deal(test, &t, 5), 31ULL);
	for (i = 0; i < MEMBERS; i++)
		KUNIT_ASSERT_EQ(test, 0,
				blipmq_set_join(t.set, deal_queue(&t, i),
						&t.legs[i]));
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, deal(test, &t, 64), 0ULL);
		KUNIT_EXPECT_EQ(test, deal_collect(test, &t, 64), ~0ULL);
	}
	for (i = 0; i < n; i++)
		blipmq_set_leave(t.set, &legs[i]);
	sock_release(sock);
	deal_close(&t);
}

static struct kunit_case deal_test_cases[] = {
	KUNIT_CASE(deal_even),
	KUNIT_CASE(deal_passes_over),
	KUNIT_CASE(deal_overflows),
	KUNIT_CASE(deal_nobody),
	KUNIT_CASE(deal_crowd),
	{}
};

struct kunit_suite blipmq_deal_suite = {
	.name = "blipmq_deal",
	.test_cases = deal_test_cases,
};
