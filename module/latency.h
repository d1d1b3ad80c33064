/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long messages take, measured while somebody wants to know. A bundle that
 * a call brings then carries when the call began, and later when it stood in a
 * queue; only those that do are measured, so that the others cost a look at a
 * word that is read anyway.
 */
#ifndef _BLIPMQ_LATENCY_H
#define _BLIPMQ_LATENCY_H

#include <linux/mutex.h>
#include <linux/percpu-defs.h>

#include "types.h"

/* Four for each doubling, and the last one begins at half an hour. */
#define BLIPMQ_LATENCY_BUCKETS	160

enum blipmq_latency_kind {
	BLIPMQ_LATENCY_ROUTING,	/* from the publisher's call into a queue */
	BLIPMQ_LATENCY_WAITING,	/* from there to the reader */
	BLIPMQ_LATENCY_TOTAL,	/* from the publisher's call to the reader */
	BLIPMQ_LATENCY_KINDS,
};

/**
 * struct blipmq_histogram - how often something took how long
 * @sum: nanoseconds, all together
 * @buckets: how often, by time; see the specification
 */
struct blipmq_histogram {
	u64	sum;
	u64	buckets[BLIPMQ_LATENCY_BUCKETS];
};

/**
 * struct blipmq_histograms - one of each kind
 * @of: by enum blipmq_latency_kind
 */
struct blipmq_histograms {
	struct blipmq_histogram	of[BLIPMQ_LATENCY_KINDS];
};

/**
 * struct blipmq_latency - what was measured in a namespace
 * @lock: one change, or look, at a time
 * @cpus: counts, NULL before it was first wanted
 * @base: what they were when they were last reset
 */
struct blipmq_latency {
	struct mutex				lock;	/* @base */
	struct blipmq_histograms __percpu	*cpus;
	struct blipmq_histograms		*base;
};

void blipmq_latency_init(struct blipmq_net *ns);
void blipmq_latency_destroy(struct blipmq_net *ns);
int __must_check blipmq_latency_measure(struct blipmq_net *ns, bool wanted);
void blipmq_latency_sum(struct blipmq_net *ns, struct blipmq_histograms *sum);
void blipmq_latency_reset(struct blipmq_net *ns);

u64 blipmq_latency_enqueue(struct sk_buff *b);
void blipmq_latency_enqueued(struct blipmq_queue *q, struct sk_buff *b, u64 now,
			     u32 messages);
void blipmq_latency_read(struct blipmq_queue *q, u64 called, u64 enqueued,
			 u32 messages);

#endif /* _BLIPMQ_LATENCY_H */
