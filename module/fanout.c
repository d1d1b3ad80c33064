// SPDX-License-Identifier: GPL-2.0
/*
 * Fan-out. A bundle with one topic and one set goes straight to the set's
 * legs. For any other one the masks are gathered by leg first, so that each
 * leg gets one push, in the order of the frames, and nothing twice.
 */
#include <linux/bitops.h>
#include <linux/sched.h>

#include "bundle.h"
#include "fanout.h"
#include "gather.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "topic.h"

/* More legs than this in one RCU section keep others waiting too long. */
#define WALK_LEGS	1024U

/* As many of them may be looked at when gathering, which is cheaper. */
#define GATHER_LEGS	(8 * WALK_LEGS)

/* The table that is kept with a publisher has room for WALK_LEGS. */
#define GATHER_BITS	12U

/* References are taken ahead, so many at a time. */
#define REFS_AHEAD	32U

/**
 * blipmq_pusher_push() - push the bundle to a leg
 * @p: hands out its references
 * @q: the leg
 * @mask: the frames
 *
 * Context: an RCU read-side section.
 */
void blipmq_pusher_push(struct blipmq_pusher *p, struct blipmq_queue *q,
			u64 mask)
{
	if (!p->refs) {
		blipmq_bundle_get(p->b, REFS_AHEAD);
		p->refs = REFS_AHEAD;
	}
	if (blipmq_queue_push(q, p->b, mask))
		p->refs--;
}

/* The caller's own reference keeps the bundle. */
static void pusher_end(struct blipmq_pusher *p)
{
	if (p->refs)
		WARN_ON_ONCE(refcount_sub_and_test(p->refs, &p->b->users));
}

static struct blipmq_topic *batch_find(struct blipmq_net *ns,
				       const struct sk_buff *b,
				       const struct blipmq_batch_topic *t)
{
	return blipmq_topic_find(ns, blipmq_batch_name(b, t), t->len);
}

/*
 * Push to all legs of a set. Chunks stay as long as their set, so the walk
 * may leave the RCU section between them if it holds the set.
 *
 * Return: legs that were walked.
 */
static u32 fanout_set(struct blipmq_pusher *p, struct blipmq_set *set, u64 mask)
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
			blipmq_pusher_push(p, q, mask);
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
			if (q && blipmq_gather_add(g, q, mask) ==
					 BLIPMQ_GATHER_FULL)
				return false;
		}
	}
	return g->used <= WALK_LEGS;
}

/*
 * Gather the masks of all topics.
 *
 * @seen: set to the legs of all topics, those that are on several of them
 *	counted for each
 * @routed: set to the frames that somebody wants
 *
 * Return: false when the table is too small, or the legs are too many.
 */
static bool gather_topics(struct blipmq_net *ns, struct blipmq_gather *g,
			  const struct sk_buff *b,
			  const struct blipmq_batch_topic *topics,
			  u32 nr_topics, u32 *seen, u64 *routed)
{
	const struct blipmq_route *route;
	struct blipmq_topic *topic;
	u32 i, k, legs, sum = 0;
	bool fits = g;

	*routed = 0;
	for (i = 0; i < nr_topics; i++) {
		topic = batch_find(ns, b, &topics[i]);
		if (!topic)
			continue;
		route = rcu_dereference(topic->route);
		legs = blipmq_route_legs(route);
		if (!legs)
			continue;
		sum += legs;
		*routed |= topics[i].mask;
		fits = fits && sum <= GATHER_LEGS;
		for (k = 0; fits && k < route->nr_sets; k++)
			fits = gather_set(g, route->sets[k], topics[i].mask);
	}
	*seen = sum;
	return fits || !sum;
}

static void gather_push(struct blipmq_gather *g, struct blipmq_pusher *p)
{
	u32 i;

	if (!g || !g->used)
		return;
	for (i = 0; i >> g->bits == 0; i++)
		if (g->legs[i].queue)
			blipmq_pusher_push(p, g->legs[i].queue,
					   g->legs[i].mask);
	blipmq_gather_clear(g);
}

/*
 * No memory for a table: push frame by frame, which keeps the order and
 * costs more. A leg that several sets of a route share cannot be told here,
 * so only routes of one set are served; for the others it is as if the
 * messages had come before the subscription.
 */
static u64 fanout_frames(struct blipmq_net *ns, struct blipmq_pusher *p,
			 const struct blipmq_batch_topic *topics,
			 u32 nr_topics)
{
	const struct blipmq_route *route;
	const struct sk_buff *b = p->b;
	struct blipmq_topic *topic;
	u64 bit, routed = 0;
	u32 i;

	rcu_read_lock();
	for (bit = 1; bit; bit <<= 1) {
		for (i = 0; i < nr_topics && !(topics[i].mask & bit); i++)
			;
		if (i == nr_topics)
			continue;
		topic = batch_find(ns, b, &topics[i]);
		if (!topic)
			continue;
		route = rcu_dereference(topic->route);
		if (route->nr_sets == 1 && fanout_set(p, route->sets[0], bit))
			routed |= bit;
	}
	rcu_read_unlock();
	return routed;
}

static u64 fanout_gathered(struct blipmq_sock *bs, struct blipmq_pusher *p,
			   const struct blipmq_batch_topic *topics,
			   u32 nr_topics)
{
	struct blipmq_gather *g = bs->gather;
	bool done, many = false;
	u64 routed;
	u32 legs;

	for (;;) {
		rcu_read_lock();
		done = gather_topics(bs->ns, g, p->b, topics, nr_topics,
				     &legs, &routed);
		if (done)
			gather_push(g, p);
		rcu_read_unlock();
		if (done)
			return routed;
		if (g)
			blipmq_gather_clear(g);
		/* A table that is as large as it gets here was too small. */
		many = legs > GATHER_LEGS || (g && g->bits >= GATHER_BITS);
		if (many)
			break;
		blipmq_gather_free(g);
		g = blipmq_gather_alloc(min(legs, WALK_LEGS));
		bs->gather = g;
		if (!g)
			break;
	}
	if (many && !blipmq_fanout_many(bs->ns, p, topics, nr_topics, legs,
					&routed))
		return routed;
	return fanout_frames(bs->ns, p, topics, nr_topics);
}

static bool fanout_direct(struct blipmq_sock *bs, struct blipmq_pusher *p,
			  const struct blipmq_batch_topic *t, u64 *routed)
{
	const struct blipmq_route *route;
	struct blipmq_topic *topic;
	bool done = true;

	*routed = 0;
	rcu_read_lock();
	topic = batch_find(bs->ns, p->b, t);
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
	struct blipmq_pusher p = { .b = b };
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
