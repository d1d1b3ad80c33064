/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A route: the subscriber sets that match a topic.
 */
#ifndef _BLIPMQ_ROUTE_H
#define _BLIPMQ_ROUTE_H

#include <linux/rcupdate.h>
#include <linux/refcount.h>

#include "set.h"
#include "trie.h"

/**
 * struct blipmq_route - an immutable array of sets, replaced as a whole
 * @rcu: frees it
 * @refs: the topic's, and those of walks that sleep
 * @nr_sets: sets in @sets
 * @seen: the trie's generation at which they were all that match; 0 for none
 * @only: the set, when there is just one
 * @sets: the sets, each with a reference of the route's own
 */
struct blipmq_route {
	struct rcu_head		rcu;
	refcount_t		refs;
	u32			nr_sets;
	unsigned long		seen;
	struct blipmq_set	*only;
	struct blipmq_set	*sets[];
};

struct blipmq_route * __must_check
blipmq_route_match(struct blipmq_trie *trie, struct blipmq_set *exact,
		   const u8 *topic, u8 len);
bool blipmq_route_confirm(struct blipmq_route *route, struct blipmq_trie *trie,
			  struct blipmq_set *exact, const u8 *topic, u8 len,
			  u32 *steps);
bool blipmq_route_has_dead(const struct blipmq_route *route);
void blipmq_route_put(struct blipmq_route *route);
u32 blipmq_route_legs(const struct blipmq_route *route);
u32 blipmq_route_slots(const struct blipmq_route *route);

#endif /* _BLIPMQ_ROUTE_H */
