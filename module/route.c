// SPDX-License-Identifier: GPL-2.0
/*
 * Routes are made by matching a topic with all patterns, and hold the sets
 * that they name.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "route.h"

/* A bundle has up to 64 topics, which are confirmed without a pause. */
#define CONFIRM_SETS	8192U

static struct blipmq_route *route_alloc(u32 room)
{
	struct blipmq_route *route;

	route = kvmalloc(struct_size(route, sets, room), GFP_KERNEL_ACCOUNT);
	if (!route)
		return NULL;
	refcount_set(&route->refs, 1);
	route->nr_sets = 0;
	return route;
}

/*
 * Hold what matches now, as far as there is room.
 *
 * Return: how much there was.
 */
static u32 route_fill(struct blipmq_route *route, u32 room,
		      struct blipmq_trie *trie, struct blipmq_set *exact,
		      const u8 *topic, u8 len)
{
	struct blipmq_trie_walk w;
	struct blipmq_set *set = exact;
	u32 n = 0;

	rcu_read_lock();
	blipmq_trie_walk_start(&w, trie, topic, len);
	if (!set)
		set = blipmq_trie_walk_next(&w);
	for (; set; set = blipmq_trie_walk_next(&w)) {
		/* One that is going has no legs, and the trie says so soon. */
		if (!refcount_inc_not_zero(&set->refs))
			continue;
		if (n < room)
			route->sets[route->nr_sets++] = set;
		else
			blipmq_set_put(set);
		n++;
	}
	rcu_read_unlock();
	smp_mb();	/* pairs with the one in blipmq_trie_put() */
	return n;
}

static void route_release_sets(struct blipmq_route *route)
{
	u32 i;

	for (i = 0; i < route->nr_sets; i++)
		blipmq_set_put(route->sets[i]);
}

/**
 * blipmq_route_match() - all sets that match a topic
 * @trie: the patterns
 * @exact: those who subscribed to exactly this topic, or NULL
 * @topic: its bytes
 * @len: how many
 *
 * A pattern that comes while this is going on may be missing; the generation
 * in the route is then an old one.
 *
 * Context: may sleep.
 * Return: the route with one reference, or NULL.
 */
struct blipmq_route *blipmq_route_match(struct blipmq_trie *trie,
					struct blipmq_set *exact,
					const u8 *topic, u8 len)
{
	const unsigned long *generation;
	struct blipmq_route *route;
	u32 room = 2, n;

	generation = blipmq_trie_generation(trie, topic, len);
	for (;;) {
		route = route_alloc(room);
		if (!route)
			return NULL;
		/* Pairs with the release in trie_changed(). */
		route->seen = smp_load_acquire(generation);
		n = route_fill(route, room, trie, exact, topic, len);
		if (n <= room)
			break;
		route_release_sets(route);
		kvfree(route);
		room = n;
		/* Where many patterns look alike the walk took its time. */
		cond_resched();
	}
	route->only = route->nr_sets == 1 ? route->sets[0] : NULL;
	return route;
}

/**
 * blipmq_route_confirm() - does a route still name what matches?
 * @route: the route
 * @trie: the patterns
 * @exact: as for blipmq_route_match()
 * @topic: its bytes
 * @len: how many
 * @steps: nodes of the trie that were looked at are added to it
 *
 * If so the route knows it from now on.
 *
 * Context: an RCU read-side section.
 * Return: false when it has to be made again, as a large one always has: that
 * may sleep between topics.
 */
bool blipmq_route_confirm(struct blipmq_route *route, struct blipmq_trie *trie,
			  struct blipmq_set *exact, const u8 *topic, u8 len,
			  u32 *steps)
{
	struct blipmq_trie_walk w;
	struct blipmq_set *set = exact;
	unsigned long seen;
	bool same = true;
	u32 n = 0;

	if (route->nr_sets > CONFIRM_SETS)
		return false;
	/* Pairs with the release in trie_changed(). */
	seen = smp_load_acquire(blipmq_trie_generation(trie, topic, len));
	blipmq_trie_walk_start(&w, trie, topic, len);
	if (!set)
		set = blipmq_trie_walk_next(&w);
	for (; set; set = blipmq_trie_walk_next(&w)) {
		same = n < route->nr_sets && route->sets[n] == set;
		if (!same)
			break;
		n++;
	}
	*steps += w.steps;
	if (!same || n != route->nr_sets)
		return false;
	WRITE_ONCE(route->seen, seen);
	return true;
}

/**
 * blipmq_route_has_dead() - does a route name patterns that are gone?
 * @route: the route
 *
 * Context: an RCU read-side section, or the route is held.
 */
bool blipmq_route_has_dead(const struct blipmq_route *route)
{
	u32 i;

	for (i = 0; i < route->nr_sets; i++)
		if (READ_ONCE(route->sets[i]->dead))
			return true;
	return false;
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
	if (!refcount_dec_and_test(&route->refs))
		return;
	route_release_sets(route);
	kvfree_rcu(route, rcu);
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

/**
 * blipmq_route_slots() - how much a walk of a route looks at
 * @route: the route
 *
 * Legs that left leave their slots behind.
 *
 * Context: an RCU read-side section.
 * Return: the sum over its sets, outdated at once.
 */
u32 blipmq_route_slots(const struct blipmq_route *route)
{
	u32 i, slots = 0;

	for (i = 0; i < route->nr_sets; i++)
		slots += READ_ONCE(route->sets[i]->slots);
	return slots;
}
