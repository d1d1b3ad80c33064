// SPDX-License-Identifier: GPL-2.0
/*
 * The table of a gathering.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "gather.h"

/**
 * blipmq_gather_alloc() - an empty table
 * @legs: how many are expected
 *
 * Context: may sleep.
 * Return: the table, or NULL.
 */
struct blipmq_gather *blipmq_gather_alloc(u32 legs)
{
	u32 bits = ilog2(roundup_pow_of_two(2 * legs + 16));
	struct blipmq_gather *g;

	g = kvzalloc(struct_size(g, legs, 1UL << bits) +
		     BITS_TO_LONGS(1UL << bits) * sizeof(long),
		     GFP_KERNEL_ACCOUNT);
	if (g)
		g->bits = bits;
	return g;
}

/**
 * blipmq_gather_free() - free a table
 * @g: the table, or NULL
 */
void blipmq_gather_free(struct blipmq_gather *g)
{
	kvfree(g);
}

/**
 * blipmq_gather_clear() - empty a table
 * @g: the table
 */
void blipmq_gather_clear(struct blipmq_gather *g)
{
	memset(g->legs, 0, sizeof(*g->legs) << g->bits);
	g->used = 0;
	blipmq_gather_clear_credits(g);
}

/**
 * blipmq_gather_add() - a leg gets some frames
 * @g: the table
 * @q: the leg
 * @mask: the frames, besides those that it has already
 *
 * Return: enum blipmq_gather_result; nothing is done when the table is full.
 */
enum blipmq_gather_result blipmq_gather_add(struct blipmq_gather *g,
					    struct blipmq_queue *q, u64 mask)
{
	u32 last = (1U << g->bits) - 1;
	u32 i = hash_ptr(q, g->bits);

	for (; g->legs[i].queue; i = (i + 1) & last) {
		if (g->legs[i].queue == q) {
			g->legs[i].mask |= mask;
			return BLIPMQ_GATHER_OLD;
		}
	}
	if (g->used > last / 4 * 3)
		return BLIPMQ_GATHER_FULL;
	g->used++;
	g->legs[i].queue = q;
	g->legs[i].mask = mask;
	return BLIPMQ_GATHER_NEW;
}

/**
 * blipmq_gather_find() - look for a leg
 * @g: the table
 * @q: the leg
 *
 * Return: where it stands, or -1.
 */
int blipmq_gather_find(const struct blipmq_gather *g,
		       const struct blipmq_queue *q)
{
	u32 last = (1U << g->bits) - 1;
	u32 i = hash_ptr((void *)q, g->bits);

	for (; g->legs[i].queue; i = (i + 1) & last)
		if (g->legs[i].queue == q)
			return i;
	return -1;
}

/**
 * blipmq_gather_larger() - a table with the same legs and more room
 * @g: the table, freed on success
 *
 * Context: may sleep.
 * Return: the larger one, or NULL with @g as it was.
 */
struct blipmq_gather *blipmq_gather_larger(struct blipmq_gather *g)
{
	struct blipmq_gather *larger = blipmq_gather_alloc(1U << g->bits);
	u32 i;

	if (!larger)
		return NULL;
	for (i = 0; i >> g->bits == 0; i++)
		if (g->legs[i].queue)
			blipmq_gather_add(larger, g->legs[i].queue,
					  g->legs[i].mask);
	blipmq_gather_free(g);
	return larger;
}
