// SPDX-License-Identifier: GPL-2.0
/*
 * The sets that routes name, and the gathering of a leg's frames from several
 * of them.
 */
#include <linux/bitops.h>

#include "gather.h"
#include "queue.h"
#include "set.h"
#include "suites.h"

#define LEGS	500
#define STEPS	20000

/* Queues that nobody pushes to: sets know their addresses only. */
static struct blipmq_queue *route_queue(u32 n)
{
	return (struct blipmq_queue *)(SZ_4K + 64UL * n);
}

static void route_expect_legs(struct kunit *test, struct blipmq_set *set,
			      const unsigned long *joined)
{
	unsigned long *seen = kunit_kcalloc(test, BITS_TO_LONGS(LEGS),
					    sizeof(long), GFP_KERNEL);
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	u32 i, n;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	rcu_read_lock();
	for (chunk = rcu_dereference(set->first); chunk;
	     chunk = rcu_dereference(chunk->next)) {
		for (i = 0; i < chunk->nr_slots; i++) {
			q = rcu_dereference(chunk->legs[i]);
			if (!q)
				continue;
			n = ((unsigned long)q - SZ_4K) / 64;
			/* Nobody stands in a set twice. */
			KUNIT_EXPECT_FALSE(test, __test_and_set_bit(n, seen));
		}
	}
	rcu_read_unlock();
	KUNIT_ASSERT_TRUE(test, bitmap_equal(seen, joined, LEGS));
	KUNIT_ASSERT_EQ(test, set->count, bitmap_weight(joined, LEGS));
	kunit_kfree(test, seen);
}

static void route_sets(struct kunit *test)
{
	struct blipmq_leg *legs = kunit_kcalloc(test, LEGS, sizeof(*legs),
						GFP_KERNEL);
	struct blipmq_set *set = blipmq_set_create();
	DECLARE_BITMAP(joined, LEGS) = {};
	struct rnd_state rnd;
	u32 i, n, bias;

	KUNIT_ASSERT_TRUE(test, legs && set);
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	for (i = 0; i < STEPS; i++) {
		/* Fills and empties. */
		bias = i / 2000 % 2 ? 8 : 2;
		n = blipmq_test_below(&rnd, LEGS);
		if (!test_bit(n, joined) &&
		    blipmq_test_below(&rnd, 10) < bias) {
			KUNIT_ASSERT_EQ(test, 0,
					blipmq_set_join(set, route_queue(n),
							&legs[n]));
			__set_bit(n, joined);
		} else if (test_bit(n, joined) &&
			   blipmq_test_below(&rnd, 10) >= bias) {
			blipmq_set_leave(set, &legs[n]);
			__clear_bit(n, joined);
		}
		if (i % 100 == 0)
			route_expect_legs(test, set, joined);
	}
	for_each_set_bit(n, joined, LEGS)
		blipmq_set_leave(set, &legs[n]);
	bitmap_zero(joined, LEGS);
	route_expect_legs(test, set, joined);
	blipmq_set_put(set);
}

static void route_gathers(struct kunit *test)
{
	u64 *masks = kunit_kcalloc(test, LEGS, sizeof(*masks), GFP_KERNEL);
	struct blipmq_gather *g = blipmq_gather_alloc(1);
	enum blipmq_gather_result result;
	struct rnd_state rnd;
	u32 i, n, used = 0;

	KUNIT_ASSERT_TRUE(test, masks && g);
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	for (i = 0; i < STEPS; i++) {
		u64 mask = 1ULL << blipmq_test_below(&rnd, 64);

		n = blipmq_test_below(&rnd, LEGS);
		result = blipmq_gather_add(g, route_queue(n), mask);
		if (result == BLIPMQ_GATHER_FULL) {
			KUNIT_ASSERT_EQ(test, masks[n], 0ULL);
			g = blipmq_gather_larger(g);
			KUNIT_ASSERT_NOT_NULL(test, g);
			result = blipmq_gather_add(g, route_queue(n), mask);
		}
		KUNIT_ASSERT_EQ(test, result, masks[n] ? BLIPMQ_GATHER_OLD :
							 BLIPMQ_GATHER_NEW);
		used += !masks[n];
		masks[n] |= mask;
	}
	KUNIT_EXPECT_EQ(test, g->used, used);
	for (i = 0; i >> g->bits == 0; i++) {
		if (!g->legs[i].queue)
			continue;
		n = ((unsigned long)g->legs[i].queue - SZ_4K) / 64;
		KUNIT_EXPECT_EQ(test, g->legs[i].mask, masks[n]);
		used--;
	}
	KUNIT_EXPECT_EQ(test, used, 0U);
	blipmq_gather_clear(g);
	KUNIT_EXPECT_EQ(test, BLIPMQ_GATHER_NEW,
			blipmq_gather_add(g, route_queue(0), 1));
	blipmq_gather_free(g);
}

static struct kunit_case route_test_cases[] = {
	KUNIT_CASE(route_sets),
	KUNIT_CASE(route_gathers),
	{}
};

struct kunit_suite blipmq_route_suite = {
	.name = "blipmq_route",
	.test_cases = route_test_cases,
};
