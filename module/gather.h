/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which frames of a bundle each leg gets, gathered from several topics: a hash
 * table by leg with open addressing. A queue group stands in it like a leg: who
 * of it gets what is seen when all of its frames are known.
 */
#ifndef _BLIPMQ_GATHER_H
#define _BLIPMQ_GATHER_H

#include <linux/bitmap.h>

#include "set.h"
#include "types.h"

/**
 * struct blipmq_gather_leg - what a leg gets of the bundle
 * @queue: the leg, or a queue group, see blipmq_gather_group(); NULL where the
 *	table is free
 * @mask: its frames
 */
struct blipmq_gather_leg {
	struct blipmq_queue	*queue;
	u64			mask;
};

/**
 * struct blipmq_gather - masks by leg
 * @bits: log2 of the entries in @legs
 * @used: those that are taken
 * @credited: some are marked, see blipmq_gather_credits()
 * @legs: the entries, all free between bundles
 */
struct blipmq_gather {
	u32				bits;
	u32				used;
	bool				credited;
	struct blipmq_gather_leg	legs[];
};

enum blipmq_gather_result {
	BLIPMQ_GATHER_OLD,	/* the leg was there already */
	BLIPMQ_GATHER_NEW,	/* it is there now */
	BLIPMQ_GATHER_FULL,	/* there is no room for it */
};

/**
 * blipmq_gather_credits() - which legs gave a credit, one bit each
 * @g: the table
 *
 * Return: the bits, which stand behind the entries.
 */
static inline unsigned long *blipmq_gather_credits(struct blipmq_gather *g)
{
	return (unsigned long *)(g->legs + (1UL << g->bits));
}

static inline void blipmq_gather_mark_credit(struct blipmq_gather *g, u32 i)
{
	g->credited = true;
	__set_bit(i, blipmq_gather_credits(g));
}

static inline bool blipmq_gather_has_credit(struct blipmq_gather *g, u32 i)
{
	return unlikely(g->credited) && test_bit(i, blipmq_gather_credits(g));
}

static inline void blipmq_gather_clear_credits(struct blipmq_gather *g)
{
	if (unlikely(g->credited))
		bitmap_zero(blipmq_gather_credits(g), 1UL << g->bits);
	g->credited = false;
}

/* Sets are aligned, so the lowest bit is free to tell them from queues. */
#define BLIPMQ_GATHER_GROUP	1UL

/* What a queue group is called in the table. */
static inline struct blipmq_queue *
blipmq_gather_group(const struct blipmq_set *set)
{
	return (struct blipmq_queue *)((unsigned long)set |
				       BLIPMQ_GATHER_GROUP);
}

/* The queue group that is meant, or NULL for a queue. */
static inline struct blipmq_set *
blipmq_gather_is_group(const struct blipmq_queue *q)
{
	unsigned long name = (unsigned long)q;

	if (likely(!(name & BLIPMQ_GATHER_GROUP)))
		return NULL;
	return (struct blipmq_set *)(name & ~BLIPMQ_GATHER_GROUP);
}

struct blipmq_gather *blipmq_gather_alloc(u32 legs);
void blipmq_gather_free(struct blipmq_gather *g);
int blipmq_gather_find(const struct blipmq_gather *g,
		       const struct blipmq_queue *q);
void blipmq_gather_clear(struct blipmq_gather *g);
struct blipmq_gather *blipmq_gather_larger(struct blipmq_gather *g);
enum blipmq_gather_result blipmq_gather_add(struct blipmq_gather *g,
					    struct blipmq_queue *q, u64 mask);

#endif /* _BLIPMQ_GATHER_H */
