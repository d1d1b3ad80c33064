/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Large fan-outs of workers, shared with other CPUs.
 */
#ifndef _BLIPMQ_DELIVER_H
#define _BLIPMQ_DELIVER_H

#include <linux/skbuff.h>

struct blipmq_deliver;
struct blipmq_set;

/* Threads beside the worker's own. */
#define BLIPMQ_DELIVER_HANDS	7U

/* To wake a thread costs as much as some tens of legs: each is to have more. */
#define BLIPMQ_DELIVER_LEGS	256U

void blipmq_deliver_allow(struct blipmq_deliver *d, bool allowed);
bool blipmq_deliver_wanted(const struct blipmq_deliver *d,
			   const struct blipmq_set *set);
u32 blipmq_deliver_set(struct blipmq_deliver *d, struct sk_buff *b,
		       struct blipmq_set *set, u64 mask);
u64 blipmq_deliver_shared(const struct blipmq_deliver *d);
struct blipmq_deliver *blipmq_deliver_alloc(int node);
void blipmq_deliver_free(struct blipmq_deliver *d);
int blipmq_deliver_init(void);
void blipmq_deliver_exit(void);

#endif /* _BLIPMQ_DELIVER_H */
