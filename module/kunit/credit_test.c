// SPDX-License-Identifier: GPL-2.0
/*
 * Credits: a bundle goes to all legs that block, or to none, and who waits is
 * let go by the room that he waits for. Random runs have the messages of each
 * queue as their twin.
 */
#include <linux/bitops.h>
#include <linux/net.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "bundle.h"
#include "credit.h"
#include "gather.h"
#include "queue.h"
#include "sock.h"
#include "suites.h"

#define LEGS		5
#define LIMIT		20
#define BYTES		1000U
#define STEPS		20000

/**
 * struct credit_table - a publisher, and legs that block it
 * @socks: the legs, then the publisher
 * @g: a table of legs
 * @used: messages that each leg holds, or has given a credit for
 */
struct credit_table {
	struct socket		*socks[LEGS + 1];
	struct blipmq_gather	*g;
	u32			used[LEGS];
};

static struct blipmq_sock *credit_sock(struct credit_table *t, u32 n)
{
	return blipmq_sk(t->socks[n]->sk);
}

static u64 credit_messages(struct credit_table *t, u32 n)
{
	return blipmq_used_messages(atomic64_read(&credit_sock(t, n)->queue.used));
}

static void credit_set_policy(struct kunit *test, struct credit_table *t, u32 n,
			      u32 policy)
{
	KUNIT_ASSERT_EQ(test, 0,
			blipmq_test_set_policy(credit_sock(t, n), policy));
}

static void credit_open(struct kunit *test, struct credit_table *t)
{
	u32 i;

	memset(t, 0, sizeof(*t));
	t->g = blipmq_gather_alloc(LEGS);
	KUNIT_ASSERT_NOT_NULL(test, t->g);
	for (i = 0; i <= LEGS; i++)
		KUNIT_ASSERT_EQ(test, 0, sock_create(blipmq_family, SOCK_STREAM,
						     0, &t->socks[i]));
	for (i = 0; i < LEGS; i++) {
		KUNIT_ASSERT_EQ(test, 0,
				blipmq_queue_open(&credit_sock(t, i)->queue));
		blipmq_queue_set_limits(&credit_sock(t, i)->queue, LIMIT,
					SZ_256M);
		credit_set_policy(test, t, i, BLIPMQ_OVERFLOW_BLOCK);
	}
}

static void credit_close(struct kunit *test, struct credit_table *t)
{
	u32 i;

	mutex_lock(&credit_sock(t, LEGS)->tx_lock);
	blipmq_credit_forget(credit_sock(t, LEGS));
	mutex_unlock(&credit_sock(t, LEGS)->tx_lock);
	for (i = 0; i < LEGS; i++) {
		KUNIT_EXPECT_EQ(test, credit_sock(t, i)->queue.nr_waiting, 0U);
		KUNIT_EXPECT_EQ(test, atomic64_read(&credit_sock(t, i)->queue.used),
				0LL);
	}
	for (i = 0; i <= LEGS; i++)
		sock_release(t->socks[i]);
	blipmq_gather_free(t->g);
}

/* For each leg a mask, 0 for none. Return: what blipmq_credit_take() does. */
static int credit_take(struct credit_table *t, const u64 *masks)
{
	struct blipmq_sock *bs = credit_sock(t, LEGS);
	int err;
	u32 i;

	blipmq_gather_clear(t->g);
	for (i = 0; i < LEGS; i++)
		if (masks[i])
			blipmq_gather_add(t->g, &credit_sock(t, i)->queue,
					  masks[i]);
	mutex_lock(&bs->tx_lock);
	/* As who publishes does: it waits for something else, or nothing. */
	blipmq_credit_forget(bs);
	rcu_read_lock();
	err = blipmq_credit_take(bs, t->g, BYTES);
	rcu_read_unlock();
	mutex_unlock(&bs->tx_lock);
	return err;
}

/* As if a reader had read a bundle with so many messages. */
static void credit_read(struct credit_table *t, u32 n, u32 messages)
{
	blipmq_queue_release(&credit_sock(t, n)->queue, messages, BYTES);
}

static struct blipmq_queue *credit_waits_for(struct credit_table *t)
{
	return credit_sock(t, LEGS)->waiter.queue;
}

static void credit_cases(struct kunit *test)
{
	static const u64 all[LEGS] = { 0xf, 0xf, 0xf, 0xf, 0xf };
	static const u64 most[LEGS] = { 0, 0x1ffff };
	struct credit_table t;
	u32 i;

	credit_open(test, &t);
	/* One has no room: nobody's account has changed. */
	KUNIT_ASSERT_EQ(test, 0, credit_take(&t, most));
	blipmq_gather_clear_credits(t.g);
	KUNIT_EXPECT_EQ(test, -EAGAIN, credit_take(&t, all));
	for (i = 0; i < LEGS; i++)
		KUNIT_EXPECT_EQ(test, i == 1 ? 17ULL : 0ULL,
				credit_messages(&t, i));
	KUNIT_EXPECT_PTR_EQ(test, &credit_sock(&t, 1)->queue,
			    credit_waits_for(&t));
	KUNIT_EXPECT_EQ(test, credit_sock(&t, LEGS)->waiter.room, 3U);
	/* It goes on when there is room for it, not before. */
	blipmq_queue_release(&credit_sock(&t, 1)->queue, 0, 1);
	KUNIT_EXPECT_NOT_NULL(test, credit_waits_for(&t));
	blipmq_queue_release(&credit_sock(&t, 1)->queue, 1, 0);
	KUNIT_EXPECT_NULL(test, credit_waits_for(&t));
	KUNIT_EXPECT_EQ(test, 0, credit_take(&t, all));
	blipmq_credit_give_back(t.g, BYTES);
	blipmq_queue_release(&credit_sock(&t, 1)->queue, 16, BYTES - 1);

	/* Who blocks no more lets all go, and is not asked. */
	KUNIT_ASSERT_EQ(test, 0, credit_take(&t, most));
	blipmq_gather_clear_credits(t.g);
	KUNIT_EXPECT_EQ(test, -EAGAIN, credit_take(&t, all));
	credit_set_policy(test, &t, 1, BLIPMQ_OVERFLOW_DROP_NEW);
	KUNIT_EXPECT_NULL(test, credit_waits_for(&t));
	KUNIT_EXPECT_EQ(test, 0, credit_take(&t, all));
	blipmq_credit_give_back(t.g, BYTES);
	KUNIT_EXPECT_EQ(test, 17ULL,
			credit_messages(&t, 1));
	credit_read(&t, 1, 17);
	credit_close(test, &t);
}

/* The end of the queue that it waits for lets a publisher go. */
static void credit_ends(struct kunit *test)
{
	static const u64 most[LEGS] = { 0, 0x1ffff };
	struct credit_table t;

	credit_open(test, &t);
	KUNIT_ASSERT_EQ(test, 0, credit_take(&t, most));
	blipmq_gather_clear_credits(t.g);
	KUNIT_EXPECT_EQ(test, -EAGAIN, credit_take(&t, most));
	KUNIT_EXPECT_NOT_NULL(test, credit_waits_for(&t));
	blipmq_queue_seal(&credit_sock(&t, 1)->queue);
	KUNIT_EXPECT_NULL(test, credit_waits_for(&t));
	credit_read(&t, 1, 17);
	credit_close(test, &t);
}

static void credit_random(struct kunit *test)
{
	struct credit_table t;
	struct rnd_state rnd;
	u32 i, k, n, fits = 0, full = 0;
	u64 masks[LEGS];
	bool room;

	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	credit_open(test, &t);
	for (i = 0; i < STEPS; i++) {
		k = blipmq_test_below(&rnd, LEGS);
		if (blipmq_test_below(&rnd, 10) < 6) {
			n = min(t.used[k], 1 + blipmq_test_below(&rnd, 6));
			blipmq_queue_release(&credit_sock(&t, k)->queue, n, 0);
			t.used[k] -= n;
			continue;
		}
		room = true;
		for (k = 0; k < LEGS; k++) {
			masks[k] = prandom_u32_state(&rnd);
			masks[k] &= masks[k] >> 8 & 0xff;
			room = room && t.used[k] + hweight64(masks[k]) <= LIMIT;
		}
		KUNIT_ASSERT_EQ(test, room ? 0 : -EAGAIN,
				credit_take(&t, masks));
		KUNIT_ASSERT_EQ(test, room, !credit_waits_for(&t));
		fits += room;
		full += !room;
		for (k = 0; k < LEGS; k++) {
			if (room && masks[k]) {
				t.used[k] += hweight64(masks[k]);
				/* Of the charge, only messages stay. */
				blipmq_queue_release(&credit_sock(&t, k)->queue,
						     0, BYTES);
			}
			KUNIT_ASSERT_EQ(test, (u64)t.used[k],
					credit_messages(&t, k));
		}
		blipmq_gather_clear_credits(t.g);
	}
	KUNIT_EXPECT_GT(test, fits, 100U);
	KUNIT_EXPECT_GT(test, full, 100U);
	for (k = 0; k < LEGS; k++)
		blipmq_queue_release(&credit_sock(&t, k)->queue, t.used[k], 0);
	credit_close(test, &t);
}

static struct kunit_case credit_test_cases[] = {
	KUNIT_CASE(credit_cases),
	KUNIT_CASE(credit_ends),
	KUNIT_CASE(credit_random),
	{}
};

struct kunit_suite blipmq_credit_suite = {
	.name = "blipmq_credit",
	.test_cases = credit_test_cases,
};
