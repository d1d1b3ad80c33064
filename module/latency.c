// SPDX-License-Identifier: GPL-2.0
/*
 * Counting how long messages take, for each CPU, and summing it up.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "bundle.h"
#include "latency.h"
#include "netns.h"
#include "queue.h"

static u32 latency_bucket(u64 ns)
{
	u32 log;

	if (ns < 4)
		return ns;
	log = fls64(ns) - 1;
	return min_t(u32, (log - 1) << 2 | (ns >> (log - 2) & 3),
		     BLIPMQ_LATENCY_BUCKETS - 1);
}

static void latency_count(struct blipmq_net *ns, enum blipmq_latency_kind kind,
			  s64 time, u32 messages)
{
	struct blipmq_histograms __percpu *cpus = READ_ONCE(ns->latency.cpus);

	/* Clocks of CPUs may differ a little. */
	time = max(time, 0LL);
	this_cpu_add(cpus->of[kind].sum, time * messages);
	this_cpu_add(cpus->of[kind].buckets[latency_bucket(time)], messages);
}

/**
 * blipmq_latency_enqueue() - a bundle that is measured is about to be queued
 * @b: the bundle; the first call is of the only one who has it
 *
 * Before a reader may find it.
 *
 * Return: now, for blipmq_latency_enqueued().
 */
u64 blipmq_latency_enqueue(struct sk_buff *b)
{
	struct blipmq_bundle_cb *cb = blipmq_bundle_cb(b);
	u64 now = ktime_get_ns();

	if (!cb->enqueued)
		WRITE_ONCE(cb->enqueued, now);
	return now;
}

/**
 * blipmq_latency_enqueued() - it is queued
 * @q: the queue
 * @b: the bundle, of which the caller has a reference
 * @now: what blipmq_latency_enqueue() said
 * @messages: messages of it that the queue got
 */
void blipmq_latency_enqueued(struct blipmq_queue *q, struct sk_buff *b, u64 now,
			     u32 messages)
{
	latency_count(q->chain.ns, BLIPMQ_LATENCY_ROUTING,
		      now - blipmq_bundle_cb(b)->called, messages);
}

/**
 * blipmq_latency_read() - messages of a bundle that is measured were read
 * @q: the queue that they were in
 * @called: when the publisher's call brought the bundle
 * @enqueued: when it stood in the first queue
 * @messages: how many
 */
void blipmq_latency_read(struct blipmq_queue *q, u64 called, u64 enqueued,
			 u32 messages)
{
	u64 now = ktime_get_ns();

	latency_count(q->chain.ns, BLIPMQ_LATENCY_WAITING, now - enqueued,
		      messages);
	latency_count(q->chain.ns, BLIPMQ_LATENCY_TOTAL, now - called,
		      messages);
}

/* Memory that stays until the namespace ends. */
static int latency_alloc(struct blipmq_latency *l)
{
	struct blipmq_histograms __percpu *cpus;
	struct blipmq_histograms *base;

	lockdep_assert_held(&l->lock);
	if (l->cpus)
		return 0;
	base = kvzalloc(sizeof(*base), GFP_KERNEL_ACCOUNT);
	if (!base)
		return -ENOMEM;
	cpus = alloc_percpu_gfp(struct blipmq_histograms, GFP_KERNEL_ACCOUNT);
	if (!cpus) {
		kvfree(base);
		return -ENOMEM;
	}
	l->base = base;
	WRITE_ONCE(l->cpus, cpus);
	/* Whoever measures finds it. */
	synchronize_rcu();
	return 0;
}

/**
 * blipmq_latency_measure() - measure how long messages take, or no longer
 * @ns: the namespace
 * @wanted: or no longer
 *
 * Messages that are under way are measured if the call that brought them, or
 * the end of them, began as such.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int blipmq_latency_measure(struct blipmq_net *ns, bool wanted)
{
	struct blipmq_latency *l = &ns->latency;
	int err = 0;

	mutex_lock(&l->lock);
	if (wanted)
		err = latency_alloc(l);
	if (!err)
		WRITE_ONCE(ns->measures, wanted);
	mutex_unlock(&l->lock);
	return err;
}

static void histograms_add(struct blipmq_histograms *sum,
			   const struct blipmq_histograms *h)
{
	int kind, i;

	for (kind = 0; kind < BLIPMQ_LATENCY_KINDS; kind++) {
		sum->of[kind].sum += READ_ONCE(h->of[kind].sum);
		for (i = 0; i < BLIPMQ_LATENCY_BUCKETS; i++)
			sum->of[kind].buckets[i] +=
				READ_ONCE(h->of[kind].buckets[i]);
	}
}

static void histograms_subtract(struct blipmq_histograms *sum,
				const struct blipmq_histograms *base)
{
	int kind, i;

	for (kind = 0; kind < BLIPMQ_LATENCY_KINDS; kind++) {
		sum->of[kind].sum -= base->of[kind].sum;
		for (i = 0; i < BLIPMQ_LATENCY_BUCKETS; i++)
			sum->of[kind].buckets[i] -= base->of[kind].buckets[i];
	}
}

static void latency_sum(struct blipmq_latency *l, struct blipmq_histograms *sum)
{
	int cpu;

	lockdep_assert_held(&l->lock);
	memset(sum, 0, sizeof(*sum));
	if (!l->cpus)
		return;
	for_each_possible_cpu(cpu)
		histograms_add(sum, per_cpu_ptr(l->cpus, cpu));
}

/**
 * blipmq_latency_sum() - what was measured since the last reset
 * @ns: the namespace
 * @sum: set to it
 *
 * Context: may sleep.
 */
void blipmq_latency_sum(struct blipmq_net *ns, struct blipmq_histograms *sum)
{
	struct blipmq_latency *l = &ns->latency;

	mutex_lock(&l->lock);
	latency_sum(l, sum);
	if (l->base)
		histograms_subtract(sum, l->base);
	mutex_unlock(&l->lock);
}

/**
 * blipmq_latency_reset() - count from here
 * @ns: the namespace
 *
 * Context: may sleep.
 */
void blipmq_latency_reset(struct blipmq_net *ns)
{
	struct blipmq_latency *l = &ns->latency;

	mutex_lock(&l->lock);
	if (l->base)
		latency_sum(l, l->base);
	mutex_unlock(&l->lock);
}

/**
 * blipmq_latency_init() - nothing is measured
 * @ns: the namespace
 */
void blipmq_latency_init(struct blipmq_net *ns)
{
	mutex_init(&ns->latency.lock);
}

/**
 * blipmq_latency_destroy() - forget what was measured
 * @ns: the namespace, without messages
 */
void blipmq_latency_destroy(struct blipmq_net *ns)
{
	free_percpu(ns->latency.cpus);
	kvfree(ns->latency.base);
}
