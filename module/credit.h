/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Admission to the queues of sockets whose policy is block: what a publisher
 * needs before a bundle goes to anybody, and how it waits for that.
 */
#ifndef _BLIPMQ_CREDIT_H
#define _BLIPMQ_CREDIT_H

#include <linux/list.h>

#include "types.h"

/**
 * struct blipmq_waiter - a publisher that a full queue keeps from publishing
 * @node: in the queue's list
 * @queue: the queue, held; NULL when there is none, or no longer
 * @messages: what it has no room for
 * @bytes: their charge
 * @room: messages that it had room for, under the publisher's tx_lock
 *
 * The namespace's waiters_lock guards all but @room; whether there is a queue
 * may be looked at without it.
 */
struct blipmq_waiter {
	struct list_head	node;
	struct blipmq_queue	*queue;
	u32			messages;
	u32			bytes;
	u32			room;
};

int __must_check blipmq_credit_take(struct blipmq_sock *bs,
				    struct blipmq_gather *g, u32 bytes);
void blipmq_credit_give_back(struct blipmq_gather *g, u32 bytes);
void blipmq_credit_wake(struct blipmq_queue *q, bool all);
void __blipmq_credit_forget(struct blipmq_sock *bs);
int __must_check blipmq_credit_wait(struct blipmq_sock *bs, long *timeo);

/**
 * blipmq_credit_blocked() - does a queue keep the publisher from publishing?
 * @w: the publisher's
 */
static inline bool blipmq_credit_blocked(const struct blipmq_waiter *w)
{
	return READ_ONCE(w->queue);
}

#endif /* _BLIPMQ_CREDIT_H */
