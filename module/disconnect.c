// SPDX-License-Identifier: GPL-2.0
/*
 * Ending the connection of a reader that is too slow, for the policy
 * disconnect. A publisher notices, under RCU; what is left to do needs the
 * reader's locks and may sleep, so one work does it for all. It waits for no
 * lock: a socket's own call may hold it for as long as a page of its buffer is
 * not there, which is for its user to say. Such sockets are tried again.
 */
#include <linux/llist.h>
#include <linux/workqueue.h>

#include "disconnect.h"
#include "queue.h"
#include "sock.h"
#include "stream_in.h"
#include "subscription.h"

/* A queue of our own: the module is not unloaded before it is empty. */
static struct workqueue_struct *disconnect_wq;

/* Sockets to be ended, each with a reference. */
static LLIST_HEAD(disconnect_list);

/* Those whose lock was held are tried again then. */
#define DISCONNECT_AGAIN	(HZ / 20)

static void disconnect_all(struct work_struct *work);
static DECLARE_DELAYED_WORK(disconnect_work, disconnect_all);

/**
 * blipmq_queue_cut() - end the connection of a queue's owner
 * @q: the queue
 * @reason: why the messages that came last are dropped
 * @messages: how many
 *
 * From here on it refuses all that comes, as a closed one does, and gives out
 * nothing. What is queued is dropped soon, as closed. The end itself tells the
 * reader that it lost some.
 *
 * Context: an RCU read-side section; does not sleep.
 */
void blipmq_queue_cut(struct blipmq_queue *q, enum blipmq_drop reason,
		      u32 messages)
{
	struct blipmq_sock *bs = blipmq_queue_sock(q);

	blipmq_queue_drop(q, reason, messages);
	if (test_and_set_bit(BLIPMQ_ASIDE_CUT, &q->aside))
		return;
	set_bit(BLIPMQ_ASIDE_ENDED, &q->aside);
	/* Zero: it is closed and goes by itself. */
	if (!refcount_inc_not_zero(&bs->sk.sk_refcnt))
		return;
	llist_add(&bs->disconnect, &disconnect_list);
	mod_delayed_work(disconnect_wq, &disconnect_work, 0);
}

static void packet_disconnect(struct blipmq_sock *bs)
{
	blipmq_unsubscribe_all(bs);
	blipmq_queue_close(&bs->queue);
	WRITE_ONCE(bs->sk.sk_err, ENOBUFS);
	blipmq_sock_end(bs, BLIPMQ_RX_ENDED | BLIPMQ_TX_ENDED);
	sk_error_report(&bs->sk);
}

/* Return: false when its lock is held. */
static bool sock_disconnect(struct blipmq_sock *bs)
{
	if (!mutex_trylock(&bs->tx_lock))
		return false;
	/*
	 * Unless it came to its end by itself. One that is draining would never
	 * do so, as it gives out nothing any more.
	 */
	if (bs->state & BLIPMQ_FAILED || blipmq_sock_at_end(bs))
		;
	else if (bs->sk.sk_type == SOCK_STREAM)
		blipmq_stream_disconnect(bs);
	else
		packet_disconnect(bs);
	mutex_unlock(&bs->tx_lock);
	sock_put(&bs->sk);
	return true;
}

/* The rest of blipmq_queue_cut(), for all sockets that it met. */
static void disconnect_all(struct work_struct *work)
{
	struct llist_node *first = llist_del_all(&disconnect_list);
	struct blipmq_sock *bs, *next;
	bool again = false;

	llist_for_each_entry_safe(bs, next, first, disconnect) {
		if (!sock_disconnect(bs)) {
			llist_add(&bs->disconnect, &disconnect_list);
			again = true;
		}
		cond_resched();
	}
	/* Unless somebody has asked for it to be sooner. */
	if (again)
		queue_delayed_work(disconnect_wq, &disconnect_work,
				   DISCONNECT_AGAIN);
}

/**
 * blipmq_disconnect_init() - get ready
 *
 * Return: 0 or -ENOMEM.
 */
int __init blipmq_disconnect_init(void)
{
	disconnect_wq = alloc_workqueue("blipmq", WQ_UNBOUND, 0);
	return disconnect_wq ? 0 : -ENOMEM;
}

/**
 * blipmq_disconnect_exit() - wait for what is under way
 *
 * Context: there are no sockets any more, only the end of their last work.
 */
void blipmq_disconnect_exit(void)
{
	cancel_delayed_work_sync(&disconnect_work);
	destroy_workqueue(disconnect_wq);
}
