/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A route: the subscriber sets that match a topic.
 */
#ifndef _BLIPMQ_ROUTE_H
#define _BLIPMQ_ROUTE_H

#include <linux/rcupdate.h>
#include <linux/refcount.h>

#include "set.h"

/**
 * struct blipmq_route - an immutable array of sets, replaced as a whole
 * @rcu: frees it
 * @refs: the topic's, and those of walks that sleep
 * @nr_sets: sets in @sets
 * @sets: the sets, each with a reference of the route's own
 */
struct blipmq_route {
	struct rcu_head		rcu;
	refcount_t		refs;
	u32			nr_sets;
	struct blipmq_set	*sets[];
};

struct blipmq_route *blipmq_route_create(struct blipmq_set **sets, u32 nr_sets);
void blipmq_route_put(struct blipmq_route *route);
u32 blipmq_route_legs(const struct blipmq_route *route);

#endif /* _BLIPMQ_ROUTE_H */
