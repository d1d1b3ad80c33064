// SPDX-License-Identifier: GPL-2.0
/*
 * Fan-out where there is no memory for routes, or none for a table that holds
 * all legs: nothing may be lost without being counted.
 *
 * The legs are served in passes over a table that is there already, each pass
 * those whose hash lies in a part of all hashes. When a part has more of them
 * than the table holds, it is halved. So a leg still gets one push with all of
 * its frames, and the same hash is not met twice, since hashing an address
 * this way loses nothing of it.
 */
#include <linux/hash.h>
#include <linux/sched.h>

#include "fanout.h"
#include "gather.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "topic.h"

/**
 * struct passes - a fan-out in passes
 * @ns: the namespace
 * @p: hands out references
 * @g: the table, empty between passes
 * @bits: bits of the hash that all legs of this pass share
 * @part: their value
 * @routed: frames that somebody wants
 */
struct passes {
	struct blipmq_net	*ns;
	struct blipmq_pusher	*p;
	struct blipmq_gather	*g;
	u32			bits;
	u64			part;
	u64			routed;
};

static bool pass_has(const struct passes *s, const void *leg)
{
	u64 hash = (u64)(unsigned long)leg * GOLDEN_RATIO_64;

	return !s->bits || hash >> (64 - s->bits) == s->part;
}

/* Return: false when the table is full. */
static bool pass_add(struct passes *s, struct blipmq_queue *q, u64 mask)
{
	s->routed |= mask;
	return !pass_has(s, q) ||
	       blipmq_gather_add(s->g, q, mask) != BLIPMQ_GATHER_FULL;
}

static bool pass_set(struct passes *s, const struct blipmq_set *set, u64 mask)
{
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	u32 i;

	if (set->deal)
		return pass_add(s, blipmq_gather_group(set), mask);
	for (chunk = rcu_dereference(set->first); chunk;
	     chunk = rcu_dereference(chunk->next)) {
		for (i = 0; i < chunk->nr_slots; i++) {
			q = rcu_dereference(chunk->legs[i]);
			if (q && !pass_add(s, q, mask))
				return false;
		}
	}
	return true;
}

/* Return: false when a leg of the set may block. */
static bool pass_blocks_nobody(struct passes *s, const struct blipmq_set *set,
			       u64 mask)
{
	return !READ_ONCE(set->blocking);
}

/*
 * Visit the sets by the topic's route if that holds, else by what the route is
 * made from, until one says false.
 */
static bool pass_topic(struct passes *s, const struct blipmq_batch_topic *t,
		       bool (*visit)(struct passes *s,
				     const struct blipmq_set *set, u64 mask))
{
	const u8 *name = blipmq_batch_name(s->p->b, t);
	struct blipmq_trie_walk w;
	struct blipmq_topic *topic;
	struct blipmq_route *route;
	struct blipmq_set *set;
	u32 k, steps = 0;

	if (blipmq_batch_route(s->ns, s->p->b, t, &route, &steps) ==
	    BLIPMQ_FOUND) {
		for (k = 0; k < route->nr_sets; k++)
			if (!visit(s, route->sets[k], t->mask))
				return false;
		return true;
	}
	topic = blipmq_topic_find(s->ns, name, t->len);
	if (topic) {
		/* Pairs with the release in topic_first_user(). */
		set = smp_load_acquire(&topic->set);
		if (set && !visit(s, set, t->mask))
			return false;
	}
	blipmq_trie_walk_start(&w, &s->ns->trie, name, t->len);
	while ((set = blipmq_trie_walk_next(&w)))
		if (!visit(s, set, t->mask))
			return false;
	return true;
}

static bool pass_once(struct passes *s, const struct blipmq_batch_topic *topics,
		      u32 nr_topics)
{
	bool fits = true;
	u32 i;

	rcu_read_lock();
	for (i = 0; i < nr_topics && fits; i++)
		fits = pass_topic(s, &topics[i], pass_set);
	if (fits)
		for (i = 0; i >> s->g->bits == 0; i++)
			if (s->g->legs[i].queue)
				blipmq_pusher_leg(s->p, s->g, i);
	rcu_read_unlock();
	blipmq_gather_clear(s->g);
	return fits;
}

/**
 * blipmq_batch_may_block() - may a leg of a bundle block its publisher?
 * @ns: the namespace
 * @b: the bundle
 * @topics: its topics
 * @nr_topics: how many
 *
 * Credits have to be taken of all legs at once, which takes a table.
 *
 * Context: may sleep.
 */
bool blipmq_batch_may_block(struct blipmq_net *ns, struct sk_buff *b,
			    const struct blipmq_batch_topic *topics,
			    u32 nr_topics)
{
	struct blipmq_pusher p = { .b = b };
	struct passes s = { .ns = ns, .p = &p };
	bool free = true;
	u32 i;

	for (i = 0; i < nr_topics && free; i++) {
		rcu_read_lock();
		free = pass_topic(&s, &topics[i], pass_blocks_nobody);
		rcu_read_unlock();
		cond_resched();
	}
	return !free;
}

/**
 * blipmq_fanout_passes() - hand out a bundle without allocating anything
 * @fan: who does
 * @p: hands out references of the bundle
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics
 * @routed: set to the frames that somebody wants
 *
 * Context: the publisher's tx_lock is held, if there is one; may sleep.
 * Return: 0; with nothing pushed -ENOMEM when a leg may block the publisher.
 */
int blipmq_fanout_passes(struct blipmq_fan *fan, struct blipmq_pusher *p,
			 const struct blipmq_batch_topic *topics, u32 nr_topics,
			 u64 *routed)
{
	struct passes s = { .ns = fan->ns, .p = p, .g = fan->gather };

	if (fan->publisher &&
	    blipmq_batch_may_block(fan->ns, p->b, topics, nr_topics))
		return -ENOMEM;
	if (!s.g) {
		mutex_lock(&fan->ns->spare_lock);
		s.g = fan->ns->spare;
	}
	/* In the order of hashes; two halves that are done are one whole. */
	do {
		cond_resched();
		if (!pass_once(&s, topics, nr_topics)) {
			s.bits++;
			s.part <<= 1;
			continue;
		}
		s.part++;
		while (s.bits && !(s.part & 1)) {
			s.bits--;
			s.part >>= 1;
		}
	} while (s.bits);
	if (!fan->gather)
		mutex_unlock(&fan->ns->spare_lock);
	*routed = s.routed;
	return 0;
}
