// SPDX-License-Identifier: GPL-2.0
/*
 * The ring: its ends, random runs beside an array, and producers and consumers
 * at once.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "ring.h"
#include "suites.h"

#define STEPS		200000
#define PRODUCERS	3
#define CONSUMERS	2
#define EACH		30000U

static struct blipmq_ring *ring_of(struct kunit *test, u32 slots, u64 start)
{
	struct blipmq_ring *ring;

	ring = kunit_kzalloc(test, blipmq_ring_bytes(slots), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring);
	blipmq_ring_init(ring, slots, start);
	return ring;
}

static void *item(u64 n)
{
	return (void *)(unsigned long)n;
}

static void ring_ends(struct kunit *test)
{
	static const u64 starts[] = { 0, 1, 15, 1ULL << 32, (1ULL << 40) - 3 };
	struct blipmq_slot slot;
	int s, i, lap;

	for (s = 0; s < ARRAY_SIZE(starts); s++) {
		struct blipmq_ring *ring = ring_of(test, 8, starts[s]);

		KUNIT_EXPECT_FALSE(test, blipmq_ring_pop(ring, &slot));
		for (lap = 0; lap < 5; lap++) {
			for (i = 0; i < 8; i++)
				KUNIT_ASSERT_EQ(test, BLIPMQ_RING_OK,
						blipmq_ring_push(ring,
								 item(i + 1),
								 i));
			KUNIT_EXPECT_EQ(test, BLIPMQ_RING_FULL,
					blipmq_ring_push(ring, item(9), 9));
			for (i = 0; i < 8; i++) {
				KUNIT_ASSERT_TRUE(test,
						  blipmq_ring_readable(ring));
				KUNIT_ASSERT_TRUE(test, blipmq_ring_pop(ring,
								 &slot));
				KUNIT_EXPECT_PTR_EQ(test, slot.bundle,
						    item(i + 1));
				KUNIT_EXPECT_EQ(test, slot.mask, (u64)i);
				KUNIT_EXPECT_EQ(test, slot.seq,
						starts[s] + 8 * lap + i);
			}
			KUNIT_EXPECT_FALSE(test, blipmq_ring_readable(ring));
			KUNIT_EXPECT_FALSE(test, blipmq_ring_pop(ring, &slot));
		}
	}
}

static void ring_closed(struct kunit *test)
{
	struct blipmq_ring *ring = ring_of(test, 4, 7);
	struct blipmq_slot slot;

	blipmq_ring_push(ring, item(1), 1);
	KUNIT_EXPECT_FALSE(test, blipmq_ring_finished(ring));
	KUNIT_EXPECT_EQ(test, blipmq_ring_close(ring), 8ULL);
	KUNIT_EXPECT_EQ(test, blipmq_ring_close(ring), 8ULL);
	KUNIT_EXPECT_EQ(test, BLIPMQ_RING_IS_CLOSED,
			blipmq_ring_push(ring, item(2), 1));
	KUNIT_EXPECT_FALSE(test, blipmq_ring_finished(ring));
	KUNIT_EXPECT_TRUE(test, blipmq_ring_pop(ring, &slot));
	KUNIT_EXPECT_TRUE(test, blipmq_ring_finished(ring));
}

/* A producer that reserved and did not commit: nobody reads, nobody waits. */
static void ring_uncommitted(struct kunit *test)
{
	struct blipmq_ring *ring = ring_of(test, 4, 0);
	struct blipmq_slot slot;
	int i;

	ring->tail = 1;
	KUNIT_EXPECT_FALSE(test, blipmq_ring_readable(ring));
	KUNIT_EXPECT_FALSE(test, blipmq_ring_pop(ring, &slot));
	for (i = 1; i < 4; i++)
		KUNIT_ASSERT_EQ(test, BLIPMQ_RING_OK,
				blipmq_ring_push(ring, item(i), i));
	KUNIT_EXPECT_EQ(test, BLIPMQ_RING_FULL,
			blipmq_ring_push(ring, item(4), 4));
	KUNIT_EXPECT_FALSE(test, blipmq_ring_pop(ring, &slot));
	blipmq_ring_close(ring);
	KUNIT_EXPECT_FALSE(test, blipmq_ring_finished(ring));
	ring->slots[0].bundle = item(9);
	ring->slots[0].seq = 1;
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, blipmq_ring_pop(ring, &slot));
		KUNIT_EXPECT_PTR_EQ(test, slot.bundle, item(i ?: 9));
	}
	KUNIT_EXPECT_TRUE(test, blipmq_ring_finished(ring));
}

static void ring_random(struct kunit *test)
{
	struct blipmq_ring *ring = ring_of(test, 16, 5);
	u64 first = 5, next = 5;
	struct blipmq_slot slot;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	for (i = 0; i < STEPS; i++) {
		/* Drifts between empty and full. */
		bool push = blipmq_test_below(&rnd, 100) <
			    (i / 100 % 2 ? 70 : 30);

		if (push) {
			bool ok = blipmq_ring_push(ring, item(next + 1),
						   ~next) == BLIPMQ_RING_OK;

			KUNIT_ASSERT_EQ(test, ok, next - first < 16);
			next += ok;
		} else {
			bool ok = blipmq_ring_pop(ring, &slot);

			KUNIT_ASSERT_EQ(test, ok, next != first);
			if (!ok)
				continue;
			KUNIT_ASSERT_PTR_EQ(test, slot.bundle,
					    item(first + 1));
			KUNIT_ASSERT_EQ(test, slot.mask, ~first);
			KUNIT_ASSERT_EQ(test, slot.seq, first);
			first++;
		}
	}
}

/**
 * struct contest - producers and consumers of one ring
 * @ring: the ring
 * @popped: items that were popped, by all
 * @seen: how often each item was popped
 * @wrong: items that came out of order or twice
 * @done: each thread completes it
 */
struct contest {
	struct blipmq_ring	*ring;
	atomic_t		popped;
	u8			*seen;
	atomic_t		wrong;
	struct completion	done;
};

/**
 * struct contestant - one thread of a contest
 * @c: the contest
 * @number: of the producer
 */
struct contestant {
	struct contest	*c;
	u32		number;
};

static int contest_produce(void *arg)
{
	struct contestant *me = arg;
	u32 i;

	for (i = 0; i < EACH;) {
		u64 n = (u64)me->number * EACH + i;

		if (blipmq_ring_push(me->c->ring, item(n + 1), ~n) ==
		    BLIPMQ_RING_OK)
			i++;
		else
			cond_resched();
	}
	complete(&me->c->done);
	return 0;
}

static int contest_consume(void *arg)
{
	struct contestant *me = arg;
	s64 last[PRODUCERS] = { -1, -1, -1 };
	struct contest *c = me->c;
	struct blipmq_slot slot;
	u64 n;

	while (atomic_read(&c->popped) < PRODUCERS * EACH) {
		if (!blipmq_ring_pop(c->ring, &slot)) {
			cond_resched();
			continue;
		}
		atomic_inc(&c->popped);
		n = (unsigned long)slot.bundle - 1;
		if (n >= PRODUCERS * EACH || slot.mask != ~n ||
		    xchg(&c->seen[n], 1) ||
		    (s64)(n % EACH) <= last[n / EACH]) {
			atomic_inc(&c->wrong);
			continue;
		}
		last[n / EACH] = n % EACH;
	}
	complete(&c->done);
	return 0;
}

static void ring_contest(struct kunit *test)
{
	struct contestant who[PRODUCERS + CONSUMERS];
	struct task_struct *task;
	struct contest c = {};
	int i;

	c.ring = ring_of(test, 16, 0);
	c.seen = kunit_kzalloc(test, PRODUCERS * EACH, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, c.seen);
	init_completion(&c.done);
	for (i = 0; i < PRODUCERS + CONSUMERS; i++) {
		who[i].c = &c;
		who[i].number = i;
		task = kthread_run(i < PRODUCERS ? contest_produce :
						   contest_consume,
				   &who[i], "ring-contest/%d", i);
		/* Without all of them the others would never end. */
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	}
	for (i = 0; i < PRODUCERS + CONSUMERS; i++)
		wait_for_completion(&c.done);
	KUNIT_EXPECT_EQ(test, atomic_read(&c.popped), PRODUCERS * EACH);
	KUNIT_EXPECT_EQ(test, atomic_read(&c.wrong), 0);
}

static struct kunit_case ring_test_cases[] = {
	KUNIT_CASE(ring_ends),
	KUNIT_CASE(ring_closed),
	KUNIT_CASE(ring_uncommitted),
	KUNIT_CASE(ring_random),
	KUNIT_CASE_SLOW(ring_contest),
	{}
};

struct kunit_suite blipmq_ring_suite = {
	.name = "blipmq_ring",
	.test_cases = ring_test_cases,
};
