// SPDX-License-Identifier: GPL-2.0
/*
 * Gaps: where losses are told. Random runs have a queue as their twin, each of
 * whose messages knows what was lost directly before it.
 */
#include "gaps.h"
#include "suites.h"

#define STEPS		50000
#define TWIN_MAX	512

/**
 * struct gaps_twin - a queue, and what was lost where
 * @lost: before each message, by its position
 * @head: the position of the oldest message
 * @tail: the position of the next one
 * @tail_lost: losses behind the last one
 */
struct gaps_twin {
	u64	lost[TWIN_MAX];
	u64	head;
	u64	tail;
	u64	tail_lost;
};

static u64 *twin_at(struct gaps_twin *t, u64 pos)
{
	return pos == t->tail ? &t->tail_lost : &t->lost[pos % TWIN_MAX];
}

static void twin_push(struct gaps_twin *t)
{
	t->lost[t->tail++ % TWIN_MAX] = t->tail_lost;
	t->tail_lost = 0;
}

/* The oldest goes; what was lost before it stands before the next one. */
static u64 twin_pop(struct gaps_twin *t, u64 lost)
{
	u64 before = *twin_at(t, t->head++);

	*twin_at(t, t->head) += before + lost;
	return before;
}

/* One of each, in an order that says what is expected. */
static void gaps_cases(struct kunit *test)
{
	struct blipmq_gaps g;

	blipmq_gaps_init(&g);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, U64_MAX), 0ULL);
	/* Behind message 9, in two steps, which are one gap. */
	blipmq_gaps_add_last(&g, 10, 2, NULL);
	blipmq_gaps_add_last(&g, 10, 3, NULL);
	KUNIT_EXPECT_EQ(test, g.nr, 1U);
	/* Message 0, and then 1. */
	blipmq_gaps_add_first(&g, 1, 1, NULL);
	blipmq_gaps_add_first(&g, 2, 4, NULL);
	KUNIT_EXPECT_EQ(test, g.nr, 2U);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 1), 0ULL);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 2), 5ULL);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 9), 0ULL);
	/* The one at 9 goes as its time is over, then the one at 10. */
	blipmq_gaps_add_first(&g, 10, 0, NULL);
	KUNIT_EXPECT_EQ(test, g.nr, 1U);
	blipmq_gaps_add_first(&g, 11, 0, NULL);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 10), 0ULL);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 11), 5ULL);
	/* Nothing was lost there. */
	blipmq_gaps_add_first(&g, 12, 0, NULL);
	KUNIT_EXPECT_EQ(test, g.nr, 0U);
	blipmq_gaps_destroy(&g);
}

static void gaps_random(struct kunit *test)
{
	struct gaps_twin *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct blipmq_gaps g;
	struct rnd_state rnd;
	u32 i, n, wait;
	u64 lost;

	KUNIT_ASSERT_NOT_NULL(test, t);
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	blipmq_gaps_init(&g);
	for (i = 0; i < STEPS; i++) {
		n = 1 + blipmq_test_below(&rnd, 64);
		wait = t->tail - t->head;
		switch (blipmq_test_below(&rnd, i / 2000 % 2 ? 8 : 5)) {
		case 0:
			blipmq_gaps_add_last(&g, t->tail, n, NULL);
			t->tail_lost += n;
			break;
		case 1:
			if (!wait)
				break;
			twin_pop(t, n);
			blipmq_gaps_add_first(&g, t->head, n, NULL);
			break;
		case 2:
			if (!wait)
				break;
			twin_pop(t, 0);
			blipmq_gaps_add_first(&g, t->head, 0, NULL);
			break;
		case 3:
			if (!wait)
				break;
			lost = twin_pop(t, 0);
			*twin_at(t, t->head) -= lost;
			KUNIT_ASSERT_EQ(test, lost,
					blipmq_gaps_take(&g, t->head - 1));
			break;
		default:
			if (wait < TWIN_MAX - 1)
				twin_push(t);
		}
		/* One before each message, and one behind the last. */
		KUNIT_ASSERT_LE(test, (u64)g.nr, t->tail - t->head + 1);
	}
	for (lost = t->tail_lost; t->head < t->tail; t->head++)
		lost += *twin_at(t, t->head);
	KUNIT_EXPECT_EQ(test, lost, blipmq_gaps_take(&g, U64_MAX));
	blipmq_gaps_destroy(&g);
}

/*
 * A reader has taken a message, and others evict those behind it before it asks
 * what was lost before its own.
 */
static void gaps_late_reader(struct kunit *test)
{
	struct blipmq_gaps g;
	u64 i;

	blipmq_gaps_init(&g);
	blipmq_gaps_add_first(&g, 5, 7, NULL);
	/* It takes 5; 6 to 99 are evicted, every second one by its time. */
	for (i = 6; i < 100; i++)
		blipmq_gaps_add_first(&g, i + 1, i % 2, NULL);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 5), 7ULL);
	KUNIT_EXPECT_EQ(test, g.nr, 1U);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 100), 47ULL);
	blipmq_gaps_destroy(&g);
}

/* However many there are, the memory is bounded, and the sum is true. */
static void gaps_bounded(struct kunit *test)
{
	struct blipmq_gaps g;
	u64 i, lost = 0;

	blipmq_gaps_init(&g);
	for (i = 1; i <= 3 * BLIPMQ_GAPS_MAX; i++) {
		blipmq_gaps_add_last(&g, i, i, NULL);
		lost += i;
	}
	KUNIT_EXPECT_EQ(test, g.nr, BLIPMQ_GAPS_MAX);
	KUNIT_EXPECT_EQ(test, g.room, BLIPMQ_GAPS_MAX);
	/* The first ones are exact; the others come late, and not early. */
	for (i = 1; i < BLIPMQ_GAPS_MAX; i++) {
		KUNIT_ASSERT_EQ(test, blipmq_gaps_take(&g, i), i);
		lost -= i;
	}
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 3 * BLIPMQ_GAPS_MAX - 1),
			0ULL);
	KUNIT_EXPECT_EQ(test, blipmq_gaps_take(&g, 3 * BLIPMQ_GAPS_MAX), lost);
	blipmq_gaps_destroy(&g);
}

static struct kunit_case gaps_test_cases[] = {
	KUNIT_CASE(gaps_cases),
	KUNIT_CASE(gaps_random),
	KUNIT_CASE(gaps_late_reader),
	KUNIT_CASE(gaps_bounded),
	{}
};

struct kunit_suite blipmq_gaps_suite = {
	.name = "blipmq_gaps",
	.test_cases = gaps_test_cases,
};
