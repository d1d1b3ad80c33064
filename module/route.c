// SPDX-License-Identifier: GPL-2.0
/*
 * Routes hold the sets that they name.
 */
#include <linux/slab.h>

#include "route.h"

/**
 * blipmq_route_create() - name some sets
 * @sets: the sets
 * @nr_sets: how many
 *
 * Context: may sleep.
 * Return: the route with one reference, or NULL.
 */
struct blipmq_route *blipmq_route_create(struct blipmq_set **sets, u32 nr_sets)
{
	struct blipmq_route *route;
	u32 i;

	route = kmalloc(struct_size(route, sets, nr_sets), GFP_KERNEL_ACCOUNT);
	if (!route)
		return NULL;
	refcount_set(&route->refs, 1);
	route->nr_sets = nr_sets;
	for (i = 0; i < nr_sets; i++) {
		refcount_inc(&sets[i]->refs);
		route->sets[i] = sets[i];
	}
	return route;
}

/**
 * blipmq_route_put() - give up a reference
 * @route: the route, which no new reader can find when this is the last one
 *
 * Its sets outlive it by a grace period of their own, so that readers may
 * finish their walk.
 *
 * Context: any.
 */
void blipmq_route_put(struct blipmq_route *route)
{
	u32 i;

	if (!refcount_dec_and_test(&route->refs))
		return;
	for (i = 0; i < route->nr_sets; i++)
		blipmq_set_put(route->sets[i]);
	kfree_rcu(route, rcu);
}

/**
 * blipmq_route_legs() - about how many legs a route has
 * @route: the route
 *
 * Context: an RCU read-side section.
 * Return: the sum over its sets, outdated at once.
 */
u32 blipmq_route_legs(const struct blipmq_route *route)
{
	u32 i, legs = 0;

	for (i = 0; i < route->nr_sets; i++)
		legs += READ_ONCE(route->sets[i]->count);
	return legs;
}
