/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Workers: kernel threads that hand bundles out, one ring each. They belong to
 * no namespace, and exist from the first use of a worker's lane.
 */
#ifndef _BLIPMQ_WORKER_H
#define _BLIPMQ_WORKER_H

#include <linux/completion.h>
#include <linux/sched.h>

#include "fanout.h"
#include "ring.h"
#include "types.h"

#define BLIPMQ_WORKERS_MAX	64U

/* Bundles in a worker's ring; one publisher may have a sixteenth. */
#define BLIPMQ_WORKER_SLOTS	4096U

/* A thread that looks for work holds its CPU for so long at most. */
#define BLIPMQ_BUSY_POLL_MAX	1000000U

/**
 * struct blipmq_ingress - a bundle on its way to a worker
 * @bs: the publisher, held; so the namespace is, too
 * @bundle: the bundle, with a reference
 * @credits: legs that gave credits, or NULL
 * @retains: the only message is to be retained
 * @retain: how
 * @nr_topics: entries in @topics
 * @topics: which frames have which topic
 */
struct blipmq_ingress {
	struct blipmq_sock		*bs;
	struct sk_buff			*bundle;
	struct blipmq_gather		*credits;
	bool				retains;
	struct blipmq_retain		retain;
	u32				nr_topics;
	struct blipmq_batch_topic	topics[];
};

/**
 * struct blipmq_worker_config - what may be said about a worker
 * @cpu: where it runs, negative for a place by its number
 * @class: enum blipmq_worker_class
 * @priority: from 1 to 99, of the class fifo
 * @nice: of the class other
 * @busy_poll_us: microseconds for which it looks for work before it sleeps
 */
struct blipmq_worker_config {
	s32	cpu;
	u32	class;
	u32	priority;
	s32	nice;
	u32	busy_poll_us;
};

/**
 * struct blipmq_worker - a kernel thread
 * @ring: bundles for it, and markers, which have a mask
 * @armed: it sleeps, or will, and wants to be woken
 * @busy_poll_us: as its configuration says
 * @number: its number
 * @cpu: where it is pinned to while that is online
 * @node: where its memory is
 * @task: the thread
 * @fan: what fan-out needs
 * @bundles: those that it handed out
 * @messages: in them
 *
 * What publishers read comes first; the members from @fan on are the thread's.
 */
struct blipmq_worker {
	struct blipmq_ring	*ring;
	int			armed;
	u32			busy_poll_us;
	u32			number;
	int			cpu;
	int			node;
	struct task_struct	*task;

	struct blipmq_fan	fan ____cacheline_aligned_in_smp;
	u64			bundles;
	u64			messages;
};

/**
 * struct blipmq_workers - all of them, replaced as a whole
 * @rcu: frees it
 * @count: how many
 * @at: by number
 */
struct blipmq_workers {
	struct rcu_head		rcu;
	u32			count;
	struct blipmq_worker	*at[];
};

/* worker.c */
struct blipmq_worker *blipmq_worker_create(u32 number, int cpu);
void blipmq_worker_destroy(struct blipmq_worker *w);
int blipmq_worker_schedule(struct blipmq_worker *w,
			   const struct blipmq_worker_config *config);
bool __must_check blipmq_worker_push(struct blipmq_worker *w,
				     struct blipmq_ingress *in);
bool blipmq_worker_is_full(struct blipmq_worker *w);
u32 blipmq_worker_depth(const struct blipmq_worker *w);
void blipmq_worker_flush(struct blipmq_worker *w);

/* worker_set.c */
extern struct blipmq_workers __rcu *blipmq_workers;

u32 blipmq_workers_count(void);
struct blipmq_worker *blipmq_worker_find(u32 number);
struct blipmq_worker *blipmq_worker_now(u32 number);
u32 blipmq_workers_wanted(void);
bool blipmq_workers_automatic(void);
bool blipmq_workers_delegated(void);
void blipmq_workers_delegate(bool delegate);
const struct blipmq_worker_config *blipmq_worker_config(u32 number);
int __must_check blipmq_workers_start(void);
int __must_check blipmq_workers_set_count(u32 count);
int __must_check
blipmq_worker_configure(u32 number, const struct blipmq_worker_config *config);
void blipmq_workers_flush(void);
int blipmq_workers_init(void);
void blipmq_workers_exit(void);

#endif /* _BLIPMQ_WORKER_H */
