// SPDX-License-Identifier: GPL-2.0
/*
 * The gaps of a receive queue. Policies that drop the oldest widen the first
 * gap; those that drop what comes leave one behind each message that they
 * take. Messages that go from the front without being lost take the gaps before
 * them along, so there are no more gaps than messages wait, and not more than
 * BLIPMQ_GAPS_MAX.
 */
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "gaps.h"

/* Room when the two that need no memory are used. */
#define GAPS_MORE	16U

/**
 * blipmq_gaps_init() - nothing is lost
 * @g: the gaps
 */
void blipmq_gaps_init(struct blipmq_gaps *g)
{
	memset(g, 0, sizeof(*g));
	g->room = BLIPMQ_GAPS_FEW;
}

/**
 * blipmq_gaps_destroy() - free what they hold
 * @g: the gaps
 */
void blipmq_gaps_destroy(struct blipmq_gaps *g)
{
	kfree(g->more);
}

/* The gap number @i, counted from the oldest. */
static struct blipmq_gap *gaps_at(struct blipmq_gaps *g, u32 i)
{
	struct blipmq_gap *ring = g->more ?: g->few;

	return &ring[(g->first + i) & (g->room - 1)];
}

/* Have room for one more: false when there is none. */
static bool gaps_grow(struct blipmq_gaps *g, struct mem_cgroup *payer)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOMEMALLOC | __GFP_ACCOUNT |
			  __GFP_NOWARN;
	u32 room = max(2 * g->room, GAPS_MORE), i;
	struct blipmq_gap *more = NULL;
	struct mem_cgroup *old;

	if (g->nr < g->room)
		return true;
	if (room <= BLIPMQ_GAPS_MAX) {
		old = set_active_memcg(payer);
		more = kmalloc_array(room, sizeof(*more), gfp);
		set_active_memcg(old);
	}
	if (!more)
		return false;
	for (i = 0; i < g->nr; i++)
		more[i] = *gaps_at(g, i);
	kfree(g->more);
	g->more = more;
	g->room = room;
	g->first = 0;
	return true;
}

/**
 * blipmq_gaps_add_last() - messages were lost behind all that waits
 * @g: the gaps
 * @end: the position of the next message
 * @lost: how many
 * @payer: whose memory one more gap takes, which need not be the caller's
 *
 * Without memory for one more gap they are told of late, with the last one's.
 *
 * Context: the caller's spinlock is held.
 */
void blipmq_gaps_add_last(struct blipmq_gaps *g, u64 end, u64 lost,
			  struct mem_cgroup *payer)
{
	struct blipmq_gap *last = g->nr ? gaps_at(g, g->nr - 1) : NULL;

	if (last && end > last->end && gaps_grow(g, payer))
		last = NULL;
	if (!last) {
		last = gaps_at(g, g->nr++);
		last->end = end;
		last->lost = 0;
	}
	last->end = max(last->end, end);
	last->lost += lost;
}

/* Make the gap number @k, and those before it, the next ones. */
static struct blipmq_gap *gaps_insert(struct blipmq_gaps *g, u32 k)
{
	u32 i;

	g->first = (g->first - 1) & (g->room - 1);
	g->nr++;
	for (i = 0; i < k; i++)
		*gaps_at(g, i) = *gaps_at(g, i + 1);
	return gaps_at(g, k);
}

static void gaps_remove(struct blipmq_gaps *g, u32 k)
{
	for (; k; k--)
		*gaps_at(g, k) = *gaps_at(g, k - 1);
	g->first = (g->first + 1) & (g->room - 1);
	g->nr--;
}

/**
 * blipmq_gaps_add_first() - the oldest message is gone
 * @g: the gaps
 * @end: the position behind it
 * @lost: how many were lost at its position, 0 when its time was over
 * @payer: as for blipmq_gaps_add_last()
 *
 * It makes one of the gaps on both sides. One further ahead belongs to a
 * message that the reader has taken already and asks for it next.
 *
 * Context: the caller's spinlock is held.
 */
void blipmq_gaps_add_first(struct blipmq_gaps *g, u64 end, u64 lost,
			   struct mem_cgroup *payer)
{
	struct blipmq_gap *gap;
	u32 k = 0;

	while (k < g->nr && gaps_at(g, k)->end < end - 1)
		k++;
	if (k < g->nr && gaps_at(g, k)->end <= end) {
		gap = gaps_at(g, k);
		lost += gap->lost;
		if (k + 1 < g->nr && gaps_at(g, k + 1)->end <= end) {
			lost += gaps_at(g, k + 1)->lost;
			gaps_remove(g, k);
			gap = gaps_at(g, k);
		}
	} else if (!lost) {
		return;
	} else if (gaps_grow(g, payer)) {
		gap = gaps_insert(g, k);
	} else {
		gaps_at(g, min(k, g->nr - 1))->lost += lost;
		return;
	}
	gap->end = end;
	gap->lost = lost;
}

/**
 * blipmq_gaps_take() - what was lost before a message
 * @g: the gaps
 * @pos: its position; U64_MAX for all
 *
 * Context: the caller's spinlock is held.
 * Return: messages; their gaps are forgotten.
 */
u64 blipmq_gaps_take(struct blipmq_gaps *g, u64 pos)
{
	u64 lost = 0;

	while (g->nr && gaps_at(g, 0)->end <= pos) {
		lost += gaps_at(g, 0)->lost;
		g->first = (g->first + 1) & (g->room - 1);
		g->nr--;
	}
	return lost;
}
