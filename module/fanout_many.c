// SPDX-License-Identifier: GPL-2.0
/*
 * A bundle of several topics with a great many legs, or with routes that cannot be
 * kept. It costs more than what fanout.c does, and lets others run in between:
 * routes and legs are held by reference instead of by one long RCU section.
 */
#include <linux/sched.h>
#include <linux/srcu.h>

#include "bundle.h"
#include "credit.h"
#include "fanout.h"
#include "gather.h"
#include "netns.h"
#include "queue.h"
#include "route.h"
#include "sock.h"
#include "topic.h"

/* A queue group is held by its set, a leg by its socket. */
static void many_put(struct blipmq_queue *q)
{
	struct blipmq_set *group = blipmq_gather_is_group(q);

	if (group)
		blipmq_set_put(group);
	else
		blipmq_queue_put(q);
}

/* Give up the legs, which get their frames first if @p is there. */
static void many_release(struct blipmq_gather *g, struct blipmq_pusher *p)
{
	u32 i;

	for (i = 0; i >> g->bits == 0; i++) {
		if (!g->legs[i].queue) {
			cond_resched();
			continue;
		}
		if (p) {
			rcu_read_lock();
			blipmq_pusher_leg(p, g, i);
			rcu_read_unlock();
		}
		many_put(g->legs[i].queue);
		cond_resched();
	}
}

static int many_add(struct blipmq_gather **table, struct blipmq_queue *q,
		    u64 mask)
{
	struct blipmq_gather *larger;

	for (;;) {
		switch (blipmq_gather_add(*table, q, mask)) {
		case BLIPMQ_GATHER_OLD:
			/* It is held once. */
			many_put(q);
			return 0;
		case BLIPMQ_GATHER_NEW:
			return 0;
		case BLIPMQ_GATHER_FULL:
			break;
		}
		larger = blipmq_gather_larger(*table);
		if (!larger) {
			many_put(q);
			return -ENOMEM;
		}
		*table = larger;
	}
}

/* Chunks stay as long as their set, and the route holds that. */
static int many_add_set(struct blipmq_gather **table, struct blipmq_set *set,
			u64 mask)
{
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	int err = 0;
	u32 i;

	if (set->deal) {
		/* The route holds it. */
		refcount_inc(&set->refs);
		return many_add(table, blipmq_gather_group(set), mask);
	}
	rcu_read_lock();
	for (chunk = rcu_dereference(set->first); chunk && !err;
	     chunk = rcu_dereference(chunk->next)) {
		for (i = 0; i < chunk->nr_slots && !err; i++) {
			q = rcu_dereference(chunk->legs[i]);
			if (!q || !blipmq_queue_hold(q))
				continue;
			rcu_read_unlock();
			err = many_add(table, q, mask);
			rcu_read_lock();
		}
		rcu_read_unlock();
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
	return err;
}

/*
 * There is no room for the topic, or patterns change all the time: a route for
 * this bundle alone.
 */
static int many_route_once(struct blipmq_net *ns, const struct sk_buff *b,
			   const struct blipmq_batch_topic *t,
			   struct blipmq_route **route)
{
	const u8 *name = blipmq_batch_name(b, t);
	struct blipmq_set *exact = NULL;
	struct blipmq_topic *topic;

	rcu_read_lock();
	topic = blipmq_topic_find(ns, name, t->len);
	if (topic) {
		/* Pairs with the release in topic_first_user(). */
		exact = smp_load_acquire(&topic->set);
	}
	if (exact && !refcount_inc_not_zero(&exact->refs))
		exact = NULL;
	rcu_read_unlock();
	*route = blipmq_route_match(&ns->trie, exact, name, t->len);
	if (exact)
		blipmq_set_put(exact);
	return *route ? 0 : -ENOMEM;
}

/*
 * The route of a topic, held.
 *
 * Return: 0 with a route, or with NULL when nobody wants the messages; a
 * negative errno when none can be made.
 */
static int many_route(struct blipmq_net *ns, const struct sk_buff *b,
		      const struct blipmq_batch_topic *t,
		      struct blipmq_route **route)
{
	bool held = false, made = false;
	enum blipmq_found found;
	u32 steps = 0;
	int err = 0;

	while (!err) {
		rcu_read_lock();
		found = blipmq_batch_route(ns, b, t, route, &steps);
		if (found == BLIPMQ_FOUND)
			held = refcount_inc_not_zero(&(*route)->refs);
		rcu_read_unlock();
		cond_resched();
		if (held || found == BLIPMQ_FOUND_NOBODY)
			return 0;
		/* Others change patterns faster than it can be made. */
		if (made)
			break;
		err = blipmq_batch_match(ns, b, t, 1);
		made = true;
	}
	return err == -ENOMEM ? err : many_route_once(ns, b, t, route);
}

static int many_add_topic(struct blipmq_net *ns, struct blipmq_gather **table,
			  const struct sk_buff *b,
			  const struct blipmq_batch_topic *t, u64 *routed)
{
	struct blipmq_route *route;
	u32 k;
	int err;

	err = many_route(ns, b, t, &route);
	if (err || !route)
		return err;
	if (blipmq_route_legs(route))
		*routed |= t->mask;
	for (k = 0; k < route->nr_sets && !err; k++)
		err = many_add_set(table, route->sets[k], t->mask);
	blipmq_route_put(route);
	return err;
}

/* All legs of a bundle, held, in a table; NULL when there is no memory. */
static struct blipmq_gather *
many_gather(struct blipmq_net *ns, const struct sk_buff *b,
	    const struct blipmq_batch_topic *topics, u32 nr_topics, u32 legs,
	    u64 *routed)
{
	struct blipmq_gather *g;
	int err = 0;
	u32 i;

	*routed = 0;
	g = blipmq_gather_alloc(min(legs, READ_ONCE(ns->nr_sockets)));
	if (!g)
		return NULL;
	for (i = 0; i < nr_topics && !err; i++)
		err = many_add_topic(ns, &g, b, &topics[i], routed);
	if (!err)
		return g;
	many_release(g, NULL);
	blipmq_gather_free(g);
	return NULL;
}

/*
 * Credits that were given at the ingress count for the same legs now, as far
 * as those want the same frames. The others are given back before anything is
 * pushed, which they would be in the way of.
 */
static void many_use_credits(struct blipmq_gather *g,
			     struct blipmq_gather *credits, u32 bytes)
{
	unsigned long i;
	int at;

	for_each_set_bit(i, blipmq_gather_credits(credits),
			 1UL << credits->bits) {
		at = blipmq_gather_find(g, credits->legs[i].queue);
		if (at < 0 || g->legs[at].mask != credits->legs[i].mask)
			continue;
		__clear_bit(i, blipmq_gather_credits(credits));
		blipmq_gather_mark_credit(g, at);
	}
	blipmq_credit_give_back(credits, bytes);
}

/**
 * blipmq_fanout_many() - hand out a bundle with a great many legs
 * @fan: who does
 * @p: hands out references of the bundle
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics
 * @legs: how many are expected
 * @routed: set to the frames that somebody wants
 *
 * Context: the publisher's tx_lock is held, if there is one; may sleep.
 * Return: 0; with nothing pushed -EAGAIN when a leg blocks, or -ENOMEM.
 */
int blipmq_fanout_many(struct blipmq_fan *fan, struct blipmq_pusher *p,
		       const struct blipmq_batch_topic *topics, u32 nr_topics,
		       u32 legs, u64 *routed)
{
	struct blipmq_gather *g;
	int err = -ENOMEM, srcu;

	srcu = srcu_read_lock(&fan->ns->many);
	g = many_gather(fan->ns, p->b, topics, nr_topics, legs, routed);
	if (!g)
		goto out;
	err = 0;
	if (fan->publisher)
		err = blipmq_credit_take(fan->publisher, g,
					 blipmq_bundle_cb(p->b)->charge);
	else if (fan->credits)
		many_use_credits(g, fan->credits,
				 blipmq_bundle_cb(p->b)->charge);
	many_release(g, err ? NULL : p);
	blipmq_gather_free(g);
out:
	srcu_read_unlock(&fan->ns->many, srcu);
	return err;
}

/**
 * blipmq_fanout_settle() - wait until nothing more comes to legs that have left
 * @ns: the namespace
 *
 * Context: may sleep; no publisher waits for what the caller holds.
 */
void blipmq_fanout_settle(struct blipmq_net *ns)
{
	synchronize_rcu();
	synchronize_srcu(&ns->many);
}

/**
 * blipmq_fanout_admit() - take the credits of a bundle that a worker hands out
 * @bs: the publisher
 * @b: the bundle
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics
 * @credits: set to the legs, for blipmq_fanout_give_back()
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0; with no credit taken -EAGAIN when a leg blocks, or -ENOMEM.
 */
int blipmq_fanout_admit(struct blipmq_sock *bs, struct sk_buff *b,
			const struct blipmq_batch_topic *topics, u32 nr_topics,
			struct blipmq_gather **credits)
{
	struct blipmq_gather *g;
	u64 routed;
	int err;

	g = many_gather(bs->ns, b, topics, nr_topics, 1, &routed);
	if (!g)
		return -ENOMEM;
	err = blipmq_credit_take(bs, g, blipmq_bundle_cb(b)->charge);
	if (err) {
		many_release(g, NULL);
		blipmq_gather_free(g);
		return err;
	}
	*credits = g;
	return 0;
}

/**
 * blipmq_fanout_give_back() - give back the credits that were not used
 * @credits: what blipmq_fanout_admit() set; freed
 * @bytes: the bundle's charge
 *
 * Context: may sleep.
 */
void blipmq_fanout_give_back(struct blipmq_gather *credits, u32 bytes)
{
	blipmq_credit_give_back(credits, bytes);
	many_release(credits, NULL);
	blipmq_gather_free(credits);
}
