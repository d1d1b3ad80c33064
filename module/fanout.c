// SPDX-License-Identifier: GPL-2.0
/*
 * Fan-out. A bundle with one topic and one set goes straight to the set's
 * legs. For any other one the masks are gathered by leg first, so that each
 * leg gets one push, in the order of the frames, and nothing twice.
 */
#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "bundle.h"
#include "fanout.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "topic.h"

/* A walk over more legs than this lets others run in between. */
#define WALK_LEGS	1024U

/* References are taken ahead, so many at a time. */
#define REFS_AHEAD	32U

/* A gathering table larger than this is not kept. */
#define GATHER_KEEP_BITS	12U

/**
 * struct gather_leg - what a leg gets of the bundle
 * @queue: the leg, NULL where the table is free
 * @mask: its frames
 */
struct gather_leg {
	struct blipmq_queue	*queue;
	u64			mask;
};

/**
 * struct blipmq_gather - masks by leg, a hash table with open addressing
 * @bits: log2 of the entries in @legs
 * @used: those that are taken
 * @legs: the entries, all free between bundles
 */
struct blipmq_gather {
	u32			bits;
	u32			used;
	struct gather_leg	legs[];
};

/**
 * struct pusher - hands out references of a bundle
 * @b: the bundle
 * @refs: references that are taken and not handed out
 */
struct pusher {
	struct sk_buff	*b;
	u32		refs;
};

static void pusher_push(struct pusher *p, struct blipmq_queue *q, u64 mask)
{
	if (!p->refs) {
		blipmq_bundle_get(p->b, REFS_AHEAD);
		p->refs = REFS_AHEAD;
	}
	if (blipmq_queue_push(q, p->b, mask))
		p->refs--;
}

/* The caller's own reference keeps the bundle. */
static void pusher_end(struct pusher *p)
{
	if (p->refs)
		WARN_ON_ONCE(refcount_sub_and_test(p->refs, &p->b->users));
}

/*
 * Push to all legs of a set. Chunks stay as long as their set, so the walk
 * may leave the RCU section between them if it holds the set.
 *
 * Return: legs that were walked.
 */
static u32 fanout_set(struct pusher *p, struct blipmq_set *set, u64 mask)
{
	bool large = READ_ONCE(set->count) > WALK_LEGS;
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	u32 i, legs = 0, rest = WALK_LEGS;

	/* Zero: the topic was removed a moment ago, with nobody on it. */
	if (large && !refcount_inc_not_zero(&set->refs))
		return 0;
	for (chunk = rcu_dereference(set->first); chunk;
	     chunk = rcu_dereference(chunk->next)) {
		for (i = 0; i < chunk->nr_slots; i++) {
			q = rcu_dereference(chunk->legs[i]);
			if (!q)
				continue;
			pusher_push(p, q, mask);
			legs++;
		}
		if (large && legs >= rest) {
			rest = legs + WALK_LEGS;
			rcu_read_unlock();
			cond_resched();
			rcu_read_lock();
		}
	}
	if (large)
		blipmq_set_put(set);
	return legs;
}

static void gather_clear(struct blipmq_gather *g)
{
	memset(g->legs, 0, sizeof(*g->legs) << g->bits);
	g->used = 0;
}

/**
 * blipmq_gather_free() - free a socket's table
 * @gather: the table, or NULL
 */
void blipmq_gather_free(struct blipmq_gather *gather)
{
	kvfree(gather);
}

static struct blipmq_gather *gather_alloc(u32 legs)
{
	u32 bits = ilog2(roundup_pow_of_two(2 * legs + 16));
	struct blipmq_gather *g;

	g = kvzalloc(struct_size(g, legs, 1UL << bits), GFP_KERNEL_ACCOUNT);
	if (g)
		g->bits = bits;
	return g;
}

static bool gather_add(struct blipmq_gather *g, struct blipmq_queue *q,
		       u64 mask)
{
	u32 last = (1U << g->bits) - 1;
	u32 i = hash_ptr(q, g->bits);

	while (g->legs[i].queue != q) {
		if (!g->legs[i].queue) {
			if (g->used > last / 4 * 3)
				return false;
			g->used++;
			g->legs[i].queue = q;
			break;
		}
		i = (i + 1) & last;
	}
	g->legs[i].mask |= mask;
	return true;
}

static bool gather_set(struct blipmq_gather *g, struct blipmq_set *set,
		       u64 mask)
{
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	u32 i;

	for (chunk = rcu_dereference(set->first); chunk;
	     chunk = rcu_dereference(chunk->next)) {
		for (i = 0; i < chunk->nr_slots; i++) {
			q = rcu_dereference(chunk->legs[i]);
			if (q && !gather_add(g, q, mask))
				return false;
		}
	}
	return true;
}

/*
 * Gather the masks of all topics.
 *
 * @needed: set to the room that is wanted when the table is too small
 * @routed: set to the frames that somebody wants
 */
static bool gather_topics(struct blipmq_net *ns, struct blipmq_gather *g,
			  const struct blipmq_batch_topic *topics,
			  u32 nr_topics, u32 *needed, u64 *routed)
{
	const struct blipmq_route *route;
	struct blipmq_topic *topic;
	u32 i, k, legs, sum = 0;
	bool fits = g;

	*routed = 0;
	for (i = 0; i < nr_topics; i++) {
		topic = blipmq_topic_find(ns, topics[i].name, topics[i].len);
		if (!topic)
			continue;
		route = rcu_dereference(topic->route);
		legs = blipmq_route_legs(route);
		if (!legs)
			continue;
		sum += legs;
		*routed |= topics[i].mask;
		for (k = 0; fits && k < route->nr_sets; k++)
			fits = gather_set(g, route->sets[k], topics[i].mask);
	}
	*needed = sum;
	return fits || !sum;
}

static void gather_push(struct blipmq_gather *g, struct pusher *p)
{
	u32 i;

	if (!g || !g->used)
		return;
	for (i = 0; i >> g->bits == 0; i++)
		if (g->legs[i].queue)
			pusher_push(p, g->legs[i].queue, g->legs[i].mask);
}

/*
 * No memory for a table: push frame by frame, which keeps the order and
 * costs more. A leg that several sets of a route share cannot be told here,
 * so only routes of one set are served; for the others it is as if the
 * messages had come before the subscription.
 */
static u64 fanout_frames(struct blipmq_net *ns, struct pusher *p,
			 const struct blipmq_batch_topic *topics,
			 u32 nr_topics)
{
	const struct blipmq_route *route;
	struct blipmq_topic *topic;
	u64 bit, routed = 0;
	u32 i;

	for (bit = 1; bit; bit <<= 1) {
		for (i = 0; i < nr_topics && !(topics[i].mask & bit); i++)
			;
		if (i == nr_topics)
			continue;
		topic = blipmq_topic_find(ns, topics[i].name, topics[i].len);
		if (!topic)
			continue;
		route = rcu_dereference(topic->route);
		if (route->nr_sets == 1 && fanout_set(p, route->sets[0], bit))
			routed |= bit;
	}
	return routed;
}

static u64 fanout_gathered(struct blipmq_sock *bs, struct pusher *p,
			   const struct blipmq_batch_topic *topics,
			   u32 nr_topics)
{
	struct blipmq_gather *g = bs->gather;
	u32 needed;
	u64 routed;

	rcu_read_lock();
	while (!gather_topics(bs->ns, g, topics, nr_topics, &needed,
			      &routed)) {
		rcu_read_unlock();
		blipmq_gather_free(g);
		g = gather_alloc(needed);
		bs->gather = g;
		rcu_read_lock();
		if (!g) {
			routed = fanout_frames(bs->ns, p, topics, nr_topics);
			rcu_read_unlock();
			return routed;
		}
	}
	gather_push(g, p);
	rcu_read_unlock();

	if (g && g->bits > GATHER_KEEP_BITS) {
		blipmq_gather_free(g);
		bs->gather = NULL;
	} else if (g) {
		gather_clear(g);
	}
	return routed;
}

static bool fanout_direct(struct blipmq_sock *bs, struct pusher *p,
			  const struct blipmq_batch_topic *t, u64 *routed)
{
	const struct blipmq_route *route;
	struct blipmq_topic *topic;
	bool done = true;

	*routed = 0;
	rcu_read_lock();
	topic = blipmq_topic_find(bs->ns, t->name, t->len);
	if (topic) {
		route = rcu_dereference(topic->route);
		done = route->nr_sets == 1;
		if (done && fanout_set(p, route->sets[0], t->mask))
			*routed = t->mask;
	}
	rcu_read_unlock();
	return done;
}

/**
 * blipmq_fanout() - hand a bundle to everybody who wants a part of it
 * @bs: the publisher
 * @b: a sealed bundle; the caller keeps its reference
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics, at least one
 *
 * Context: the publisher's tx_lock is held; may sleep.
 */
void blipmq_fanout(struct blipmq_sock *bs, struct sk_buff *b,
		   const struct blipmq_batch_topic *topics, u32 nr_topics)
{
	struct pusher p = { .b = b };
	u64 all = 0, routed;
	u32 i;

	lockdep_assert_held(&bs->tx_lock);
	if (nr_topics > 1 || !fanout_direct(bs, &p, topics, &routed))
		routed = fanout_gathered(bs, &p, topics, nr_topics);
	pusher_end(&p);

	for (i = 0; i < nr_topics; i++)
		all |= topics[i].mask;
	if (all != routed)
		blipmq_count(&bs->unrouted, hweight64(all & ~routed));
}
