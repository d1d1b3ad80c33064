// SPDX-License-Identifier: GPL-2.0
/*
 * module/ring.h in user space, under the load it is made for: several
 * producers, one reader, and evictors that pop from the same end. What goes in
 * comes out once, in each producer's order.
 *
 * Built with -fsanitize=thread, it has to be silent as well. Built with
 * RING_BROKEN defined, the ring is a copy without the sequences of its slots,
 * and the test passes when the checks notice.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <kselftest.h>

#ifdef RING_BROKEN
#include "ring_broken.h"
#else
#include "../module/ring.h"
#endif

#define PRODUCERS	3
#define CONSUMERS	3	/* one reader and two evictors */
#define SLOTS		16
/* Enough for millions of laps of reserve against commit, in seconds. */
#define EACH		100000

/* What went wrong. */
struct verdict {
	bool	missing;
	bool	twice;
	bool	disorder;
	bool	torn;
	bool	left;
};

static struct blipmq_ring *ring;
static u64 producers_left;
static unsigned char seen[PRODUCERS][EACH];

struct consumer {
	pthread_t	thread;
	bool		reader;
	u64		taken;
	bool		disorder;
	bool		twice;
	bool		torn;
};

/* An item: producer and number; the mask repeats it, so a torn slot shows. */
static void *item_of(u64 producer, u64 number)
{
	return (void *)(uintptr_t)((producer + 1) << 32 | number);
}

static void *produce(void *arg)
{
	u64 who = (uintptr_t)arg, i;

	for (i = 0; i < EACH; i++) {
		void *item = item_of(who, i);

		while (blipmq_ring_push(ring, item, ~(uintptr_t)item) !=
		       BLIPMQ_RING_OK)
			sched_yield();
	}
	__atomic_fetch_sub(&producers_left, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void take(struct consumer *c, const struct blipmq_slot *slot,
		 s64 *last)
{
	u64 item = (uintptr_t)slot->bundle;
	u64 who = (item >> 32) - 1, i = item & U32_MAX;

	if (who >= PRODUCERS || i >= EACH || slot->mask != ~item) {
		c->torn = true;
		return;
	}
	if (__atomic_exchange_n(&seen[who][i], 1, __ATOMIC_RELAXED))
		c->twice = true;
	/* One consumer's items of a producer only ever grow. */
	if ((s64)i <= last[who])
		c->disorder = true;
	last[who] = (s64)i;
	c->taken++;
}

static void *consume(void *arg)
{
	s64 last[PRODUCERS] = { -1, -1, -1 };
	struct consumer *c = arg;
	struct blipmq_slot slot;
	u64 left;

	do {
		left = __atomic_load_n(&producers_left, __ATOMIC_ACQUIRE);
		while (blipmq_ring_pop(ring, &slot)) {
			take(c, &slot, last);
			/* The reader is slower than those who evict. */
			if (c->reader && !(c->taken % 64))
				sched_yield();
		}
		sched_yield();
	} while (left);
	return NULL;
}

static struct blipmq_ring *new_ring(u64 slots, u64 start)
{
	struct blipmq_ring *r = aligned_alloc(64,
		(blipmq_ring_bytes(slots) + 63) & ~(size_t)63);

	if (!r)
		exit(KSFT_FAIL);
	memset(r, 0, blipmq_ring_bytes(slots));
	blipmq_ring_init(r, slots, start);
	return r;
}

static struct verdict stress(unsigned int consumers)
{
	struct consumer c[CONSUMERS] = { { .reader = true } };
	pthread_t producer[PRODUCERS];
	struct verdict v = {};
	u64 taken = 0;
	size_t i, k;

	memset(seen, 0, sizeof(seen));
	producers_left = PRODUCERS;
	ring = new_ring(SLOTS, 0);
	for (i = 0; i < consumers; i++)
		pthread_create(&c[i].thread, NULL, consume, &c[i]);
	for (i = 0; i < PRODUCERS; i++)
		pthread_create(&producer[i], NULL, produce,
			       (void *)(uintptr_t)i);
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(producer[i], NULL);
	for (i = 0; i < consumers; i++) {
		pthread_join(c[i].thread, NULL);
		taken += c[i].taken;
		v.disorder |= c[i].disorder;
		v.twice |= c[i].twice;
		v.torn |= c[i].torn;
	}
	for (i = 0; i < PRODUCERS; i++)
		for (k = 0; k < EACH; k++)
			v.missing |= !seen[i][k];
	v.missing |= taken != PRODUCERS * EACH;
	v.left = blipmq_ring_readable(ring);
	free(ring);
	return v;
}

#ifdef RING_BROKEN

/* Whether a race is hit is chance: a round that hits none is repeated. */
#define ROUNDS		200

int main(void)
{
	struct verdict v = {};
	int i;

	ksft_print_header();
	ksft_set_plan(1);
	for (i = 0; i < ROUNDS && !(v.missing || v.twice || v.torn); i++)
		v = stress(CONSUMERS);
	ksft_print_msg("round %d:%s%s%s%s\n", i, v.missing ? " missing" : "",
		       v.twice ? " twice" : "", v.disorder ? " disorder" : "",
		       v.torn ? " torn" : "");
	ksft_test_result(v.missing || v.twice || v.torn,
			 "ring: one without sequences is noticed\n");
	ksft_exit(!ksft_get_fail_cnt());
}

#else /* the ring as it is */

/* Full, empty, around the end, at any starting position. */
static bool bounds(u64 slots, u64 start)
{
	struct blipmq_ring *r = new_ring(slots, start);
	struct blipmq_slot slot;
	bool ok = !blipmq_ring_pop(r, &slot) && !blipmq_ring_readable(r);
	u64 lap, i, next = 0, out = 0;

	for (lap = 0; lap < 3; lap++) {
		for (i = 0; i < slots; i++, next++)
			ok = ok && blipmq_ring_push(r, item_of(0, next),
						    next) == BLIPMQ_RING_OK;
		ok = ok && blipmq_ring_readable(r) &&
		     blipmq_ring_push(r, r, 0) == BLIPMQ_RING_FULL;
		for (i = 0; i < slots; i++, out++)
			ok = ok && blipmq_ring_pop(r, &slot) &&
			     slot.bundle == item_of(0, out) &&
			     slot.mask == out && slot.seq == start + out;
		ok = ok && !blipmq_ring_pop(r, &slot);
		/* One more, so that the next lap begins at another slot. */
		ok = ok && blipmq_ring_push(r, item_of(0, next), next) ==
			   BLIPMQ_RING_OK && blipmq_ring_pop(r, &slot) &&
		     slot.mask == next;
		next++;
		out++;
	}
	free(r);
	return ok;
}

/* A closed ring takes nothing, gives what it holds, then is finished. */
static bool closing(void)
{
	struct blipmq_ring *r = new_ring(8, 5);
	struct blipmq_slot slot;
	bool ok;

	ok = blipmq_ring_push(r, item_of(0, 0), 0) == BLIPMQ_RING_OK &&
	     blipmq_ring_push(r, item_of(0, 1), 1) == BLIPMQ_RING_OK &&
	     !blipmq_ring_finished(r) && blipmq_ring_close(r) == 7 &&
	     blipmq_ring_close(r) == 7 &&
	     blipmq_ring_push(r, item_of(0, 2), 2) == BLIPMQ_RING_IS_CLOSED &&
	     !blipmq_ring_finished(r) &&
	     blipmq_ring_pop(r, &slot) && !slot.mask && slot.seq == 5 &&
	     blipmq_ring_pop(r, &slot) && slot.mask == 1 && slot.seq == 6 &&
	     !blipmq_ring_pop(r, &slot) && blipmq_ring_finished(r);
	free(r);
	return ok;
}

static void judge(unsigned int consumers)
{
	struct verdict v = stress(consumers);

	ksft_test_result(!v.missing, "ring: %u consumers get everything\n",
			 consumers);
	ksft_test_result(!v.twice, "ring: %u consumers get nothing twice\n",
			 consumers);
	ksft_test_result(!v.disorder,
			 "ring: %u consumers see each producer's order\n",
			 consumers);
	ksft_test_result(!v.torn, "ring: %u consumers see no torn slot\n",
			 consumers);
	ksft_test_result(!v.left, "ring: nothing is left after %u consumers\n",
			 consumers);
}

int main(void)
{
	ksft_print_header();
	ksft_set_plan(4 + 3 * 5);
	ksft_test_result(bounds(2, 0), "ring: bounds of two slots\n");
	ksft_test_result(bounds(8, 3), "ring: bounds from another position\n");
	ksft_test_result(bounds(64, 0x7fffffffff0ULL),
			 "ring: bounds at a large position\n");
	ksft_test_result(closing(), "ring: closing\n");
	judge(1);
	judge(2);
	judge(3);
	ksft_exit(!ksft_get_fail_cnt());
}

#endif /* RING_BROKEN */
