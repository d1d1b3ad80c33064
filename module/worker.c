// SPDX-License-Identifier: GPL-2.0
/*
 * A worker: take a bundle out of the ring, hand it out, tell its publisher.
 *
 * It sleeps when the ring is empty. As readers do, it says so before it looks
 * for the last time, and who pushes looks after that:
 *
 *   worker                 publisher
 *   ------                 ---------
 *   store armed = 1        push
 *   full barrier           full barrier
 *   look at the ring       load armed, wake
 */
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <uapi/linux/sched/types.h>

#include <linux/blipmq_netlink.h>

#include "bundle.h"
#include "deliver.h"
#include "gather.h"
#include "lane.h"
#include "sock.h"
#include "worker.h"

/* Bundles that are handed out without letting others run. */
#define WORKER_BATCH	16

/* The mask of an entry that is no bundle, but something to complete. */
#define WORKER_MARKER	1ULL

static void worker_ingress(struct blipmq_worker *w, struct blipmq_ingress *in)
{
	u32 charge = blipmq_bundle_cb(in->bundle)->charge;
	u64 load = blipmq_lane_load(in->bundle);
	struct blipmq_sock *bs = in->bs;
	u32 i, unrouted, messages = 0;

	w->fan.ns = bs->ns;
	w->fan.credits = in->credits;
	unrouted = blipmq_fanout_later(&w->fan, in->bundle, in->topics,
				       in->nr_topics,
				       in->retains ? &in->retain : NULL);
	if (unlikely(in->credits))
		blipmq_fanout_give_back(in->credits, charge);
	for (i = 0; i < in->nr_topics; i++)
		messages += hweight64(in->topics[i].mask);
	WRITE_ONCE(w->bundles, w->bundles + 1);
	WRITE_ONCE(w->messages, w->messages + messages);
	blipmq_bundle_put(in->bundle);
	kfree(in);
	blipmq_lane_done(bs, load, unrouted);
}

/* Return: false when there was nothing to do. */
static bool worker_run(struct blipmq_worker *w)
{
	struct blipmq_slot slot;
	u32 n;

	for (n = 0; n < WORKER_BATCH && blipmq_ring_pop(w->ring, &slot); n++) {
		if (slot.mask == WORKER_MARKER)
			complete(slot.bundle);
		else
			worker_ingress(w, slot.bundle);
	}
	if (n)
		blipmq_lane_ring_has_room(w);
	return n;
}

/* Return: true when something came while it looked. */
static bool worker_look(struct blipmq_worker *w)
{
	u64 end = local_clock() +
		  READ_ONCE(w->busy_poll_us) * (u64)NSEC_PER_USEC;

	while (local_clock() < end) {
		if (blipmq_ring_readable(w->ring))
			return true;
		if (need_resched() || kthread_should_stop())
			return false;
		cpu_relax();
	}
	return false;
}

static void worker_sleep(struct blipmq_worker *w)
{
	set_current_state(TASK_IDLE);
	WRITE_ONCE(w->armed, 1);
	smp_mb();	/* see above */
	if (!blipmq_ring_readable(w->ring) && !kthread_should_stop())
		schedule();
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(w->armed, 0);
}

static int worker_main(void *data)
{
	struct blipmq_worker *w = data;

	while (!kthread_should_stop()) {
		if (!worker_run(w) && !worker_look(w))
			worker_sleep(w);
		cond_resched();
	}
	return 0;
}

static void worker_wake(struct blipmq_worker *w)
{
	smp_mb();	/* see above */
	if (READ_ONCE(w->armed) && xchg(&w->armed, 0))
		wake_up_process(w->task);
}

/**
 * blipmq_worker_push() - give a worker a bundle
 * @w: the worker
 * @in: the bundle, the worker's on success
 *
 * Context: the RCU read-side section in which the worker was found.
 * Return: false when its ring is full.
 */
bool blipmq_worker_push(struct blipmq_worker *w, struct blipmq_ingress *in)
{
	if (blipmq_ring_push(w->ring, in, 0) != BLIPMQ_RING_OK)
		return false;
	worker_wake(w);
	return true;
}

/**
 * blipmq_worker_depth() - how much waits for a worker
 * @w: the worker
 *
 * Return: a snapshot.
 */
u32 blipmq_worker_depth(const struct blipmq_worker *w)
{
	u64 head = READ_ONCE(w->ring->head);
	u64 tail = READ_ONCE(w->ring->tail);

	return tail > head ? tail - head : 0;
}

/**
 * blipmq_worker_is_full() - is there no room in a worker's ring?
 * @w: the worker
 *
 * Return: a snapshot.
 */
bool blipmq_worker_is_full(struct blipmq_worker *w)
{
	return blipmq_worker_depth(w) > w->ring->mask;
}

/**
 * blipmq_worker_flush() - wait until what is in the ring is handed out
 * @w: the worker
 *
 * Context: may sleep. Publishers do not fill the ring all the time.
 */
void blipmq_worker_flush(struct blipmq_worker *w)
{
	DECLARE_COMPLETION_ONSTACK(marker);

	while (blipmq_ring_push(w->ring, &marker, WORKER_MARKER) !=
	       BLIPMQ_RING_OK)
		schedule_timeout_uninterruptible(1);
	worker_wake(w);
	wait_for_completion(&marker);
}

/**
 * blipmq_worker_schedule() - set when a worker runs
 * @w: the worker
 * @config: how; its CPU is not looked at
 *
 * Context: may sleep.
 * Return: 0 or a negative errno, with the class as it was.
 */
int blipmq_worker_schedule(struct blipmq_worker *w,
			   const struct blipmq_worker_config *config)
{
	struct sched_attr attr = { .size = sizeof(attr) };
	int err;

	if (config->class == BLIPMQ_WORKER_CLASS_FIFO) {
		attr.sched_policy = SCHED_FIFO;
		attr.sched_priority = config->priority;
	} else {
		attr.sched_policy = SCHED_NORMAL;
		attr.sched_nice = config->nice;
	}
	err = sched_setattr_nocheck(w->task, &attr);
	if (!err)
		WRITE_ONCE(w->busy_poll_us, config->busy_poll_us);
	return err;
}

/**
 * blipmq_worker_create() - a worker whose thread does not run yet
 * @number: its number
 * @cpu: where it will run, and its memory is
 *
 * Context: may sleep.
 * Return: the worker; an error.
 */
struct blipmq_worker *blipmq_worker_create(u32 number, int cpu)
{
	int node = cpu_to_node(cpu), err = -ENOMEM;
	struct blipmq_worker *w;

	w = kzalloc_node(sizeof(*w), GFP_KERNEL, node);
	if (!w)
		return ERR_PTR(-ENOMEM);
	w->number = number;
	w->cpu = cpu;
	w->node = node;
	w->ring = kvmalloc_node(blipmq_ring_bytes(BLIPMQ_WORKER_SLOTS),
				GFP_KERNEL, node);
	if (!w->ring)
		goto err_free;
	blipmq_ring_init(w->ring, BLIPMQ_WORKER_SLOTS, 0);
	w->fan.deliver = blipmq_deliver_alloc(node);
	if (!w->fan.deliver)
		goto err_free;
	w->task = kthread_create_on_node(worker_main, w, node, "blipmq/%u",
					 number);
	if (!IS_ERR(w->task)) {
		/* Kernels that choose CPUs for threads leave this one alone. */
		kthread_bind(w->task, cpu);
		return w;
	}
	err = PTR_ERR(w->task);
err_free:
	blipmq_deliver_free(w->fan.deliver);
	kvfree(w->ring);
	kfree(w);
	return ERR_PTR(err);
}

/**
 * blipmq_worker_destroy() - end a worker
 * @w: the worker, which nobody finds any more, with an empty ring
 *
 * Context: may sleep.
 */
void blipmq_worker_destroy(struct blipmq_worker *w)
{
	kthread_stop(w->task);
	WARN_ON_ONCE(blipmq_worker_depth(w));
	blipmq_deliver_free(w->fan.deliver);
	blipmq_gather_free(w->fan.gather);
	kvfree(w->ring);
	kfree(w);
}
