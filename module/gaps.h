/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where in a receive queue messages were lost, and how many: what a reader is
 * told stands just before the first message after a gap.
 */
#ifndef _BLIPMQ_GAPS_H
#define _BLIPMQ_GAPS_H

#include <linux/types.h>

/* Gaps that need no memory: one at each end of the queue. */
#define BLIPMQ_GAPS_FEW	2U

/* More than a queue of the default limits can have, and 64 KiB. */
#define BLIPMQ_GAPS_MAX	4096U

struct mem_cgroup;

/**
 * struct blipmq_gap - messages that were lost side by side
 * @end: the position of the first message behind them
 * @lost: how many they were
 */
struct blipmq_gap {
	u64	end;
	u64	lost;
};

/**
 * struct blipmq_gaps - gaps that were not reported, the oldest first
 * @more: a ring of @room gaps, or NULL while @few is it
 * @first: where in the ring the oldest is
 * @nr: how many there are
 * @room: how many fit, a power of two
 * @few: the ring to begin with
 *
 * Positions rise from gap to gap. The caller's lock guards all.
 */
struct blipmq_gaps {
	struct blipmq_gap	*more;
	u32			first;
	u32			nr;
	u32			room;
	struct blipmq_gap	few[BLIPMQ_GAPS_FEW];
};

void blipmq_gaps_init(struct blipmq_gaps *g);
void blipmq_gaps_destroy(struct blipmq_gaps *g);
void blipmq_gaps_add_first(struct blipmq_gaps *g, u64 end, u64 lost,
			   struct mem_cgroup *payer);
void blipmq_gaps_add_last(struct blipmq_gaps *g, u64 end, u64 lost,
			  struct mem_cgroup *payer);
u64 blipmq_gaps_take(struct blipmq_gaps *g, u64 pos);

#endif /* _BLIPMQ_GAPS_H */
