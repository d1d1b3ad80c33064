// SPDX-License-Identifier: GPL-2.0
/*
 * A reader skips messages whose time is over. In queues that nobody reads a
 * coarse timer takes them from the head. Only queues that got a message with a
 * time to live are looked at, so many in one run, and when there are none the
 * timer stands still.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "bundle.h"
#include "conflate.h"
#include "expiry.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"

/* How often, and how much at once. */
#define EXPIRY_INTERVAL	(HZ / 5)
#define EXPIRY_QUEUES	256
#define EXPIRY_ENTRIES	1024

static struct blipmq_expiry *expiry_of(struct blipmq_queue *q)
{
	return &q->chain.ns->expiry;
}

/**
 * blipmq_expiry_watch() - a queue has a message with a time to live
 * @q: the queue
 *
 * Context: an RCU read-side section, or the queue is held.
 */
void blipmq_expiry_watch(struct blipmq_queue *q)
{
	struct blipmq_expiry *e = expiry_of(q);

	if (READ_ONCE(q->watch.state) != BLIPMQ_WATCH_NONE)
		return;
	spin_lock(&e->lock);
	if (q->watch.state == BLIPMQ_WATCH_NONE) {
		WRITE_ONCE(q->watch.state, BLIPMQ_WATCH_LISTED);
		list_add_tail(&q->watch.node, &e->queues);
		e->nr++;
		queue_delayed_work(system_dfl_wq, &e->work,
				   EXPIRY_INTERVAL);
	}
	spin_unlock(&e->lock);
}

static void expiry_unlist(struct blipmq_queue *q, u32 state)
{
	struct blipmq_expiry *e = expiry_of(q);

	spin_lock(&e->lock);
	if (q->watch.state == BLIPMQ_WATCH_LISTED) {
		list_del(&q->watch.node);
		e->nr--;
	}
	if (q->watch.state != BLIPMQ_WATCH_GONE)
		WRITE_ONCE(q->watch.state, state);
	spin_unlock(&e->lock);
}

/**
 * blipmq_expiry_forget() - the queue's socket is closed
 * @q: the queue
 *
 * Context: any but interrupts.
 */
void blipmq_expiry_forget(struct blipmq_queue *q)
{
	expiry_unlist(q, BLIPMQ_WATCH_GONE);
}

/*
 * The messages at the head whose time is over, and of those in the reader's
 * hand the ones that it has not begun.
 *
 * Return: false when nothing is left.
 */
static bool expiry_queue(struct blipmq_sock *bs)
{
	struct blipmq_queue *q = &bs->queue;
	int i;

	/* A reader that is there sees to it by itself. */
	if (!mutex_trylock(&bs->rx_lock))
		return true;
	if (bs->begun == BLIPMQ_PIECE_NONE)
		blipmq_cursor_expire(&bs->cursor, q);
	for (i = 0; i < EXPIRY_ENTRIES && blipmq_queue_expire(q); i++)
		cond_resched();
	mutex_unlock(&bs->rx_lock);
	return READ_ONCE(bs->cursor.bundle) || blipmq_queue_readable(q);
}

/**
 * blipmq_expiry_look() - take away what is over before poll() announces it
 * @bs: the socket
 *
 * Context: may sleep.
 */
void blipmq_expiry_look(struct blipmq_sock *bs)
{
	if (READ_ONCE(bs->queue.watch.state) == BLIPMQ_WATCH_LISTED)
		expiry_queue(bs);
}

static struct blipmq_sock *expiry_next(struct blipmq_expiry *e)
{
	struct blipmq_queue *q = NULL;

	spin_lock(&e->lock);
	if (e->left)
		q = list_first_entry_or_null(&e->queues, struct blipmq_queue,
					     watch.node);
	if (q) {
		e->left--;
		list_move_tail(&q->watch.node, &e->queues);
		/* It is in the list, so its socket is not closed. */
		sock_hold(&blipmq_queue_sock(q)->sk);
	}
	spin_unlock(&e->lock);
	return q ? blipmq_queue_sock(q) : NULL;
}

static void expiry_work(struct work_struct *work)
{
	struct blipmq_expiry *e = container_of(to_delayed_work(work),
					       struct blipmq_expiry, work);
	struct blipmq_sock *bs;
	int i;

	/* A new round, or what is left of one. */
	spin_lock(&e->lock);
	if (!e->left)
		e->left = e->nr;
	spin_unlock(&e->lock);
	for (i = 0; i < EXPIRY_QUEUES; i++) {
		bs = expiry_next(e);
		if (!bs)
			break;
		if (!expiry_queue(bs)) {
			expiry_unlist(&bs->queue, BLIPMQ_WATCH_NONE);
			/*
			 * Who pushed before has seen it listed, perhaps
			 * behind a message that is not there yet.
			 */
			smp_mb();
			if (atomic64_read(&bs->queue.used))
				blipmq_expiry_watch(&bs->queue);
		}
		sock_put(&bs->sk);
		cond_resched();
	}
	spin_lock(&e->lock);
	e->left = min(e->left, e->nr);
	if (e->nr)
		queue_delayed_work(system_dfl_wq, &e->work,
				   e->left ? 1 : EXPIRY_INTERVAL);
	spin_unlock(&e->lock);
}

/**
 * blipmq_expiry_init() - nothing to look at
 * @e: a namespace's
 */
void blipmq_expiry_init(struct blipmq_expiry *e)
{
	spin_lock_init(&e->lock);
	INIT_LIST_HEAD(&e->queues);
	INIT_DELAYED_WORK(&e->work, expiry_work);
}

/**
 * blipmq_expiry_destroy() - wait for what is under way
 * @e: a namespace's, which has no sockets any more
 *
 * Context: may sleep.
 */
void blipmq_expiry_destroy(struct blipmq_expiry *e)
{
	cancel_delayed_work_sync(&e->work);
}
