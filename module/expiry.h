/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The end of messages that have a time to live, in queues that nobody reads.
 */
#ifndef _BLIPMQ_EXPIRY_H
#define _BLIPMQ_EXPIRY_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "types.h"

/**
 * struct blipmq_expiry - queues that have messages with a time to live
 * @lock: guards the members up to @left, and which queues are listed
 * @queues: the queues, those that were looked at last behind the others
 * @nr: how many
 * @left: those that this round has still to look at
 * @work: looks at them now and then, while there are any
 */
struct blipmq_expiry {
	spinlock_t		lock;	/* the list */
	struct list_head	queues;
	u32			nr;
	u32			left;
	struct delayed_work	work;
};

/* struct blipmq_watch.state */
enum blipmq_watch_state {
	BLIPMQ_WATCH_NONE,
	BLIPMQ_WATCH_LISTED,
	BLIPMQ_WATCH_GONE,	/* its socket is closed: never again */
};

/**
 * struct blipmq_watch - a queue's place among those that are looked at
 * @node: in the namespace's list
 * @state: enum blipmq_watch_state
 */
struct blipmq_watch {
	struct list_head	node;
	u32			state;
};

void blipmq_expiry_init(struct blipmq_expiry *e);
void blipmq_expiry_destroy(struct blipmq_expiry *e);
void blipmq_expiry_watch(struct blipmq_queue *q);
void blipmq_expiry_look(struct blipmq_sock *bs);
void blipmq_expiry_forget(struct blipmq_queue *q);

#endif /* _BLIPMQ_EXPIRY_H */
