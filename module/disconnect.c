// SPDX-License-Identifier: GPL-2.0
/*
 * Ending the connection of a reader that is too slow, for the policy
 * disconnect. A publisher notices, under RCU; what is left to do needs the
 * reader's locks and may sleep, so a worker does it.
 */
#include <linux/workqueue.h>

#include "disconnect.h"
#include "queue.h"
#include "sock.h"
#include "stream_in.h"
#include "subscription.h"

/* A queue of our own: the module is not unloaded before it is empty. */
static struct workqueue_struct *disconnect_wq;

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
	if (refcount_inc_not_zero(&bs->sk.sk_refcnt))
		queue_work(disconnect_wq, &bs->disconnect);
}

static void packet_disconnect(struct blipmq_sock *bs)
{
	blipmq_unsubscribe_all(bs);
	blipmq_queue_close(&bs->queue);
	WRITE_ONCE(bs->sk.sk_err, ENOBUFS);
	blipmq_sock_end(bs, BLIPMQ_RX_ENDED | BLIPMQ_TX_ENDED);
	sk_error_report(&bs->sk);
}

/**
 * blipmq_disconnect_work() - the rest of blipmq_queue_cut()
 * @work: the socket's
 */
void blipmq_disconnect_work(struct work_struct *work)
{
	struct blipmq_sock *bs = container_of(work, struct blipmq_sock,
					      disconnect);

	mutex_lock(&bs->tx_lock);
	/* Unless it came to its end by itself. */
	if (bs->state & (BLIPMQ_RX_ENDED | BLIPMQ_FAILED | BLIPMQ_DRAINING))
		;
	else if (bs->sk.sk_type == SOCK_STREAM)
		blipmq_stream_disconnect(bs);
	else
		packet_disconnect(bs);
	mutex_unlock(&bs->tx_lock);
	sock_put(&bs->sk);
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
	destroy_workqueue(disconnect_wq);
}
