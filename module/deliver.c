// SPDX-License-Identifier: GPL-2.0
/*
 * Large fan-outs of workers, shared with other CPUs by fork and join: the worker
 * asks threads of a workqueue for help and begins by itself. Whoever is there
 * takes the next chunk of the set, so that nobody waits for a thread that has
 * not come yet: when the chunks are used up, such a thread is sent away. The
 * worker takes up its next bundle when all chunks of this one are done, so
 * every subscriber still sees one order.
 *
 * A worker waits for who is at a chunk. So nobody helps while a worker has the
 * class fifo, which may keep such a thread from its CPU; nor is one helped whose
 * CPU somebody chose, for which others may be set aside.
 */
#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "bundle.h"
#include "deliver.h"
#include "fanout.h"
#include "latency.h"
#include "set.h"

static struct workqueue_struct *deliver_wq;

/**
 * struct blipmq_deliver_hand - one thread that helps
 * @work: its call
 * @d: what it helps with
 */
struct blipmq_deliver_hand {
	struct work_struct	work;
	struct blipmq_deliver	*d;
};

/**
 * struct blipmq_deliver - a fan-out that is shared
 * @allowed: others may help
 * @b: the bundle
 * @mask: its frames
 * @shared: bundles with which others helped, by the worker
 * @lock: guards the members below
 * @next: the chunk that nobody has taken yet, NULL at the end
 * @legs: legs that were served
 * @helped: chunks that others than the worker took
 * @hands: the others
 *
 * A worker has one. The set is held while the fan-out lasts, and so are its
 * chunks.
 */
struct blipmq_deliver {
	bool				allowed;
	struct sk_buff			*b;
	u64				mask;
	u64				shared;

	/* which legs are left */
	spinlock_t			lock ____cacheline_aligned_in_smp;
	struct blipmq_set_chunk		*next;
	u32				legs;
	u32				helped;

	struct blipmq_deliver_hand	hands[BLIPMQ_DELIVER_HANDS];
};

/* The next chunk, with what was done with the last one. */
static struct blipmq_set_chunk *deliver_take(struct blipmq_deliver *d, u32 legs,
					     bool helps)
{
	struct blipmq_set_chunk *chunk;

	spin_lock(&d->lock);
	d->legs += legs;
	chunk = d->next;
	if (chunk) {
		/* The set is held. */
		d->next = rcu_dereference_raw(chunk->next);
		d->helped += helps;
	}
	spin_unlock(&d->lock);
	return chunk;
}

static void deliver_chunks(struct blipmq_deliver *d, bool helps)
{
	struct blipmq_pusher p = { .b = d->b };
	struct blipmq_set_chunk *chunk;
	struct blipmq_queue *q;
	u32 i, legs = 0;

	while ((chunk = deliver_take(d, legs, helps))) {
		legs = 0;
		rcu_read_lock();
		for (i = 0; i < chunk->nr_slots; i++) {
			q = rcu_dereference(chunk->legs[i]);
			if (!q)
				continue;
			blipmq_pusher_push(&p, q, d->mask);
			legs++;
		}
		rcu_read_unlock();
		cond_resched();
	}
	blipmq_pusher_end(&p);
}

static void deliver_help(struct work_struct *work)
{
	struct blipmq_deliver_hand *hand =
		container_of(work, struct blipmq_deliver_hand, work);

	deliver_chunks(hand->d, true);
}

/**
 * blipmq_deliver_allow() - say whether others may help a worker
 * @d: the worker's
 * @allowed: they may
 */
void blipmq_deliver_allow(struct blipmq_deliver *d, bool allowed)
{
	WRITE_ONCE(d->allowed, allowed);
}

/**
 * blipmq_deliver_wanted() - is a fan-out to be shared?
 * @d: the worker's
 * @set: the set
 */
bool blipmq_deliver_wanted(const struct blipmq_deliver *d,
			   const struct blipmq_set *set)
{
	return READ_ONCE(d->allowed) &&
	       READ_ONCE(set->count) >= BLIPMQ_DELIVER_LEGS;
}

/**
 * blipmq_deliver_set() - push a worker's bundle to all legs of a large set
 * @d: the worker's
 * @b: the bundle
 * @set: the set, held; no queue group
 * @mask: the frames
 *
 * Context: no RCU section; may sleep.
 * Return: legs that were served.
 */
u32 blipmq_deliver_set(struct blipmq_deliver *d, struct sk_buff *b,
		       struct blipmq_set *set, u64 mask)
{
	u32 legs = READ_ONCE(set->count), hands, i;

	hands = min3(num_online_cpus() - 1, legs / BLIPMQ_DELIVER_LEGS,
		     BLIPMQ_DELIVER_HANDS);
	/* Once, while nobody else has the bundle. */
	if (unlikely(blipmq_bundle_cb(b)->called))
		blipmq_latency_enqueue(b);
	d->b = b;
	d->mask = mask;
	d->legs = 0;
	d->helped = 0;
	/* Chunks are added at the end, and stay. */
	d->next = rcu_dereference_raw(set->first);
	for (i = 0; i < hands; i++)
		queue_work(deliver_wq, &d->hands[i].work);
	deliver_chunks(d, false);
	for (i = 0; i < hands; i++)
		cancel_work_sync(&d->hands[i].work);
	WRITE_ONCE(d->shared, d->shared + !!d->helped);
	return d->legs;
}

/**
 * blipmq_deliver_shared() - how often others helped a worker
 * @d: the worker's
 *
 * Return: bundles, a snapshot.
 */
u64 blipmq_deliver_shared(const struct blipmq_deliver *d)
{
	return READ_ONCE(d->shared);
}

/**
 * blipmq_deliver_alloc() - what a worker needs to share fan-outs
 * @node: where its memory is to be
 *
 * Context: may sleep.
 * Return: it; NULL without memory.
 */
struct blipmq_deliver *blipmq_deliver_alloc(int node)
{
	struct blipmq_deliver *d;
	u32 i;

	d = kzalloc_node(sizeof(*d), GFP_KERNEL, node);
	if (!d)
		return NULL;
	spin_lock_init(&d->lock);
	for (i = 0; i < BLIPMQ_DELIVER_HANDS; i++) {
		INIT_WORK(&d->hands[i].work, deliver_help);
		d->hands[i].d = d;
	}
	return d;
}

/**
 * blipmq_deliver_free() - free it
 * @d: with no fan-out going on; or NULL
 */
void blipmq_deliver_free(struct blipmq_deliver *d)
{
	kfree(d);
}

/**
 * blipmq_deliver_init() - have threads that help
 *
 * Return: 0 or a negative errno.
 */
int __init blipmq_deliver_init(void)
{
	deliver_wq = alloc_workqueue("blipmq_deliver", WQ_UNBOUND | WQ_SYSFS,
				     0);
	return deliver_wq ? 0 : -ENOMEM;
}

/**
 * blipmq_deliver_exit() - have none any more
 *
 * Context: there are no workers any more.
 */
void blipmq_deliver_exit(void)
{
	destroy_workqueue(deliver_wq);
}
