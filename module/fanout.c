// SPDX-License-Identifier: GPL-2.0
/*
 * Fan-out. A bundle with one topic and one set goes straight to the set's
 * legs. For any other one the masks are gathered by leg first, so that each
 * leg gets one push, in the order of the frames, and nothing twice. Where there
 * is no memory to do so, fanout_passes.c does without.
 */
#include <linux/bitops.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "bundle.h"
#include "credit.h"
#include "deliver.h"
#include "fanout.h"
#include "gather.h"
#include "lane.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "topic.h"
#include "trace.h"

/*
 * More legs than this in one RCU section keep others waiting too long; slots
 * that legs have left count as well.
 */
#define WALK_LEGS	1024U

/* As many slots may be looked at when gathering, which is cheaper. */
#define GATHER_SLOTS	(8 * WALK_LEGS)

/* The table that is kept with a publisher has room for WALK_LEGS. */
#define GATHER_BITS	12U

/* References are taken ahead, so many at a time. */
#define REFS_AHEAD	32U

/**
 * blipmq_pusher_need() - have a reference to hand out
 * @p: hands out the bundle's references
 */
void blipmq_pusher_need(struct blipmq_pusher *p)
{
	if (p->refs)
		return;
	blipmq_bundle_get(p->b, REFS_AHEAD);
	p->refs = REFS_AHEAD;
}

/**
 * blipmq_pusher_push() - push the bundle to a leg
 * @p: hands out its references
 * @q: the leg
 * @mask: the frames
 *
 * Context: an RCU read-side section.
 * Return: enum blipmq_push.
 */
enum blipmq_push blipmq_pusher_push(struct blipmq_pusher *p,
				    struct blipmq_queue *q, u64 mask)
{
	enum blipmq_push pushed;

	blipmq_pusher_need(p);
	pushed = blipmq_queue_push(q, p->b, mask);
	if (likely(pushed == BLIPMQ_PUSH_KEPT))
		p->refs--;
	return pushed;
}

/**
 * blipmq_pusher_leg() - push the bundle to a leg that was gathered
 * @p: hands out its references
 * @g: the table
 * @i: where the leg, or the queue group, stands in it; its credit is used up,
 *	if it gave one
 *
 * Context: an RCU read-side section.
 */
void blipmq_pusher_leg(struct blipmq_pusher *p, struct blipmq_gather *g, u32 i)
{
	const struct blipmq_gather_leg *leg = &g->legs[i];
	struct blipmq_set *group = blipmq_gather_is_group(leg->queue);

	if (unlikely(group)) {
		blipmq_deal(p, group, leg->mask);
		return;
	}
	if (likely(!blipmq_gather_has_credit(g, i))) {
		blipmq_pusher_push(p, leg->queue, leg->mask);
		return;
	}
	blipmq_pusher_need(p);
	if (blipmq_queue_push_charged(leg->queue, p->b, leg->mask) ==
	    BLIPMQ_PUSH_KEPT)
		p->refs--;
}

/**
 * blipmq_pusher_end() - give back the references that were not handed out
 * @p: hands out the bundle's references; the caller's own one keeps it
 */
void blipmq_pusher_end(struct blipmq_pusher *p)
{
	if (p->refs)
		WARN_ON_ONCE(refcount_sub_and_test(p->refs, &p->b->users));
}

/**
 * blipmq_batch_route() - where the frames of one topic go
 * @ns: the namespace
 * @b: the bundle
 * @t: the topic
 * @route: set to the route when it is found, else to NULL
 * @steps: what it took to find out is added to it, in nodes of the trie
 *
 * Context: an RCU read-side section, as long as the route is used.
 * Return: enum blipmq_found.
 */
enum blipmq_found blipmq_batch_route(struct blipmq_net *ns,
				     const struct sk_buff *b,
				     const struct blipmq_batch_topic *t,
				     struct blipmq_route **route, u32 *steps)
{
	const u8 *name = blipmq_batch_name(b, t);
	struct blipmq_topic *topic;

	topic = blipmq_topic_find(ns, name, t->len);
	if (likely(topic)) {
		*route = blipmq_topic_route(ns, topic, steps);
		if (unlikely(!*route))
			return BLIPMQ_FOUND_STALE;
		trace_blipmq_route(name, t->len, *route);
		return BLIPMQ_FOUND;
	}
	*route = NULL;
	if (blipmq_trie_matches(&ns->trie, name, t->len, steps))
		return BLIPMQ_FOUND_STALE;
	trace_blipmq_route(name, t->len, NULL);
	return BLIPMQ_FOUND_NOBODY;
}

/**
 * blipmq_batch_match() - make the routes that are stale
 * @ns: the namespace
 * @b: the bundle
 * @topics: its topics
 * @nr_topics: how many
 *
 * Context: may sleep.
 * Return: 0 to look again, or a negative errno when one cannot be made.
 */
int blipmq_batch_match(struct blipmq_net *ns, const struct sk_buff *b,
		       const struct blipmq_batch_topic *topics, u32 nr_topics)
{
	struct blipmq_route *route;
	enum blipmq_found found;
	u32 i, steps = 0;
	int err = 0, ret;

	for (i = 0; i < nr_topics; i++) {
		rcu_read_lock();
		found = blipmq_batch_route(ns, b, &topics[i], &route, &steps);
		rcu_read_unlock();
		cond_resched();
		if (found != BLIPMQ_FOUND_STALE)
			continue;
		ret = blipmq_topic_match(ns, blipmq_batch_name(b, &topics[i]),
					 topics[i].len);
		if (ret == -ENOMEM)
			return ret;
		/* There may be room for the others' topics, which exist. */
		if (ret)
			err = ret;
	}
	return err;
}

/*
 * A worker's, of a set with many legs. The RCU section is left meanwhile.
 *
 * Return: the frames that somebody wants.
 */
static u64 fanout_shared(struct blipmq_fan *fan, struct blipmq_pusher *p,
			 struct blipmq_set *set, u64 mask)
{
	u32 legs;

	/* Zero: the topic was removed a moment ago, with nobody on it. */
	if (!refcount_inc_not_zero(&set->refs))
		return 0;
	rcu_read_unlock();
	legs = blipmq_deliver_set(fan->deliver, p->b, set, mask);
	blipmq_set_put(set);
	rcu_read_lock();
	return legs ? mask : 0;
}

/*
 * Push to all legs of a set. Chunks stay as long as their set, so the walk
 * may leave the RCU section between them if it holds the set.
 *
 * Return: the frames that somebody wants.
 */
static u64 fanout_set(struct blipmq_fan *fan, struct blipmq_pusher *p,
		      struct blipmq_set *set, u64 mask)
{
	bool large = READ_ONCE(set->slots) > WALK_LEGS;
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	u32 i, legs = 0, slots = 0;

	if (unlikely(set->deal))
		return mask & ~blipmq_deal(p, set, mask);
	if (unlikely(fan->deliver) && blipmq_deliver_wanted(fan->deliver, set))
		return fanout_shared(fan, p, set, mask);
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
		slots += chunk->nr_slots;
		if (large && slots >= WALK_LEGS) {
			slots = 0;
			rcu_read_unlock();
			cond_resched();
			rcu_read_lock();
		}
	}
	if (large)
		blipmq_set_put(set);
	return legs ? mask : 0;
}

static bool gather_set(struct blipmq_gather *g, struct blipmq_set *set,
		       u64 mask)
{
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	u32 i;

	if (unlikely(set->deal))
		return blipmq_gather_add(g, blipmq_gather_group(set), mask) !=
		       BLIPMQ_GATHER_FULL;
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

enum gathered {
	GATHERED,		/* all is in the table */
	GATHERED_TOO_MANY,	/* the table is too small, or the legs too many */
	GATHERED_STALE,		/* a route has to be made first */
};

/**
 * struct gather_sum - what the topics of a bundle have
 * @legs: legs, those that are on several topics counted for each; some of them,
 *	when the slots are too many
 * @slots: slots that a walk of them looks at, and nodes of the trie that were;
 *	likewise, but more than GATHER_SLOTS
 * @routed: frames that somebody wants
 * @blocking: some of the legs may block the publisher
 */
struct gather_sum {
	u32	legs;
	u32	slots;
	u64	routed;
	bool	blocking;
};

/*
 * Gather the masks of all topics. However many patterns match them, only so much
 * is looked at without a pause.
 */
static enum gathered gather_topics(struct blipmq_net *ns,
				   struct blipmq_gather *g,
				   const struct sk_buff *b,
				   const struct blipmq_batch_topic *topics,
				   u32 nr_topics, struct gather_sum *sum)
{
	struct blipmq_route *route;
	enum blipmq_found found;
	u32 i, k, legs;
	bool fits = g;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < nr_topics; i++) {
		found = blipmq_batch_route(ns, b, &topics[i], &route,
					   &sum->slots);
		if (found == BLIPMQ_FOUND_STALE)
			return GATHERED_STALE;
		if (sum->slots > GATHER_SLOTS)
			return GATHERED_TOO_MANY;
		if (found == BLIPMQ_FOUND_NOBODY)
			continue;
		if (route->nr_sets > GATHER_SLOTS) {
			sum->legs += route->nr_sets;
			sum->slots += route->nr_sets;
			return GATHERED_TOO_MANY;
		}
		legs = blipmq_route_legs(route);
		if (!legs)
			continue;
		sum->legs += legs;
		sum->slots += blipmq_route_slots(route);
		sum->routed |= topics[i].mask;
		if (sum->slots > GATHER_SLOTS)
			return GATHERED_TOO_MANY;
		for (k = 0; k < route->nr_sets; k++) {
			sum->blocking |= READ_ONCE(route->sets[k]->blocking);
			fits = fits && gather_set(g, route->sets[k],
						  topics[i].mask);
		}
	}
	return fits || !sum->legs ? GATHERED : GATHERED_TOO_MANY;
}

static void gather_push(struct blipmq_gather *g, struct blipmq_pusher *p)
{
	u32 i;

	if (!g || !g->used)
		return;
	for (i = 0; i >> g->bits == 0; i++)
		if (g->legs[i].queue)
			blipmq_pusher_leg(p, g, i);
	blipmq_gather_clear(g);
}

/* A table for so many legs, in the place of one that was too small. */
static bool gather_enlarge(struct blipmq_fan *fan, u32 legs)
{
	blipmq_gather_free(fan->gather);
	fan->gather = blipmq_gather_alloc(min(legs, WALK_LEGS));
	return fan->gather;
}

static int fanout_gathered(struct blipmq_fan *fan, struct blipmq_pusher *p,
			   const struct blipmq_batch_topic *topics,
			   u32 nr_topics, u64 *routed)
{
	u32 charge = blipmq_bundle_cb(p->b)->charge;
	enum gathered gathered;
	struct gather_sum sum;
	int err, tries = 0;

	if (unlikely(fan->credits)) {
		err = blipmq_fanout_many(fan, p, topics, nr_topics,
					 fan->credits->used, routed);
		if (!err)
			return 0;
		/* They would be in the way of what comes without them. */
		blipmq_credit_give_back(fan->credits, charge);
	}
	for (;;) {
		err = 0;
		rcu_read_lock();
		gathered = gather_topics(fan->ns, fan->gather, p->b, topics,
					 nr_topics, &sum);
		if (gathered == GATHERED && sum.blocking && fan->gather &&
		    fan->publisher)
			err = blipmq_credit_take(fan->publisher, fan->gather,
						 charge);
		if (gathered == GATHERED && !err)
			gather_push(fan->gather, p);
		rcu_read_unlock();
		*routed = sum.routed;
		if (fan->gather && (gathered != GATHERED || err))
			blipmq_gather_clear(fan->gather);
		if (gathered == GATHERED)
			return err;
		if (gathered == GATHERED_STALE) {
			if (fan->publisher && fatal_signal_pending(current))
				return -EINTR;
			if (++tries < BLIPMQ_MATCH_TRIES) {
				err = blipmq_batch_match(fan->ns, p->b, topics,
							 nr_topics);
				if (!err)
					continue;
				if (err == -ENOMEM)
					break;
			}
		} else if (sum.slots <= GATHER_SLOTS &&
			   !(fan->gather && fan->gather->bits >= GATHER_BITS)) {
			if (gather_enlarge(fan, sum.legs))
				continue;
			break;
		}
		/*
		 * A table that is as large as it gets here is too small; or routes
		 * do not last, or have no room.
		 */
		err = blipmq_fanout_many(fan, p, topics, nr_topics, sum.legs,
					 routed);
		if (!err || err == -EAGAIN)
			return err;
		break;
	}
	return blipmq_fanout_passes(fan, p, topics, nr_topics, routed);
}

/*
 * A bundle with one topic and one set needs no table, when no leg blocks.
 *
 * Return: false when it does, and nothing was done.
 */
static bool fanout_single(struct blipmq_fan *fan, struct blipmq_pusher *p,
			  const struct blipmq_batch_topic *t, u64 *routed)
{
	struct blipmq_route *route;
	enum blipmq_found found;
	u32 steps = 0;
	int tries = 0;
	bool done;

	*routed = 0;
	do {
		rcu_read_lock();
		found = blipmq_batch_route(fan->ns, p->b, t, &route, &steps);
		done = !route || (route->only &&
				  likely(!READ_ONCE(route->only->blocking)));
		if (done && route)
			*routed = fanout_set(fan, p, route->only, t->mask);
		rcu_read_unlock();
		if (likely(found != BLIPMQ_FOUND_STALE))
			return done;
	} while (++tries < BLIPMQ_MATCH_TRIES &&
		 !blipmq_batch_match(fan->ns, p->b, t, 1));
	return false;
}

static u64 batch_mask(const struct blipmq_batch_topic *topics, u32 nr_topics)
{
	u64 mask = 0;
	u32 i;

	for (i = 0; i < nr_topics; i++)
		mask |= topics[i].mask;
	return mask;
}

/* Return: 0 with @unrouted set to the frames that nobody wanted; or an error. */
static __always_inline int fanout(struct blipmq_fan *fan, struct sk_buff *b,
				  const struct blipmq_batch_topic *topics,
				  u32 nr_topics, struct blipmq_retain *retain,
				  u64 *unrouted)
{
	bool orderly = retain || unlikely(READ_ONCE(fan->ns->nr_retained));
	struct blipmq_pusher p = { .b = b };
	int err = 0;
	u64 routed;

	/* With those who join and are to get retained values. */
	if (orderly && down_read_killable(&fan->ns->retain_sem))
		return -EINTR;
	/* Credits would be in the way of what comes without them. */
	if (nr_topics > 1 || unlikely(fan->credits) ||
	    !fanout_single(fan, &p, topics, &routed))
		err = fanout_gathered(fan, &p, topics, nr_topics, &routed);
	if (retain && !err)
		blipmq_retain_swap(fan->ns, retain, b);
	if (orderly)
		up_read(&fan->ns->retain_sem);
	blipmq_pusher_end(&p);
	if (unlikely(err))
		return err;

	*unrouted = batch_mask(topics, nr_topics) & ~routed;
	return 0;
}

/**
 * blipmq_fanout_direct() - hand a bundle out in the publisher's own call
 * @bs: the publisher
 * @b: a sealed bundle; the caller keeps its reference
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics, at least one
 * @retain: as blipmq_fanout() has it
 *
 * Context: tx_lock is held; may sleep. The lane is the publisher's own.
 * Return: as blipmq_fanout().
 */
int blipmq_fanout_direct(struct blipmq_sock *bs, struct sk_buff *b,
			 const struct blipmq_batch_topic *topics, u32 nr_topics,
			 struct blipmq_retain *retain)
{
	u64 unrouted;
	int err;

	err = fanout(&bs->fan, b, topics, nr_topics, retain, &unrouted);
	blipmq_lane_leave(bs);
	if (unlikely(err))
		return err;
	if (unrouted)
		blipmq_count(&bs->unrouted, hweight64(unrouted));
	return 0;
}

/**
 * blipmq_fanout_later() - hand a bundle out that its publisher has left
 * @fan: the worker's
 * @b: a sealed bundle; the caller keeps its reference
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics, at least one
 * @retain: as blipmq_fanout() has it; used up
 *
 * Context: may sleep.
 * Return: messages that nobody wanted.
 */
u32 blipmq_fanout_later(struct blipmq_fan *fan, struct sk_buff *b,
			const struct blipmq_batch_topic *topics, u32 nr_topics,
			struct blipmq_retain *retain)
{
	u64 unrouted = 0;

	/* Only publishers are blocked, or have to be told. */
	WARN_ON_ONCE(fanout(fan, b, topics, nr_topics, retain, &unrouted));
	return hweight64(unrouted);
}

/**
 * blipmq_fanout() - hand a bundle to everybody who wants a part of it
 * @bs: the publisher
 * @b: a sealed bundle; the caller keeps its reference
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics, at least one
 * @retain: the bundle's message becomes the last value of its topic; or NULL.
 *	Used up on success only
 *
 * In a worker's lane the bundle is under way on return.
 *
 * Context: the publisher's tx_lock is held; may sleep.
 * Return: 0; with nobody served -EAGAIN when a leg blocks or its lane has no
 * room, which blipmq_credit_wait() waits for, -ENOMEM when some may block
 * and it cannot be found out, or the lane needs memory, or -EINTR when it was
 * killed.
 */
int blipmq_fanout(struct blipmq_sock *bs, struct sk_buff *b,
		  const struct blipmq_batch_topic *topics, u32 nr_topics,
		  struct blipmq_retain *retain)
{
	bool held_up = blipmq_sock_is_held_up(bs);
	int err;

	lockdep_assert_held(&bs->tx_lock);
	if (trace_blipmq_publish_enabled())
		trace_blipmq_publish(bs, b, batch_mask(topics, nr_topics));
	blipmq_credit_forget(bs);
	if (likely(blipmq_lane_enter(bs)))
		err = blipmq_fanout_direct(bs, b, topics, nr_topics, retain);
	else
		err = blipmq_lane_publish(bs, b, topics, nr_topics, retain);
	/* What it waited for may be another topic's, which nobody tells it now. */
	if (unlikely(held_up) && err != -EAGAIN)
		blipmq_sock_wake_writer(bs);
	return err;
}
