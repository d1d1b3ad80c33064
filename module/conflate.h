/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The last message of each topic, for the policy conflate.
 */
#ifndef _BLIPMQ_CONFLATE_H
#define _BLIPMQ_CONFLATE_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>

#include "types.h"

struct blipmq_entry;

/**
 * struct blipmq_conflate - what waits under the policy conflate
 * @lock: guards all; the queue's head_lock may be taken inside
 * @active: publishers bring their messages here
 * @topics: the messages, by topic
 * @dirty: the same, in the order in which their topics came
 *
 * What waits in the queue's rings is older than all of it.
 */
struct blipmq_conflate {
	spinlock_t		lock;	/* all of it */
	bool			active;
	struct rb_root		topics;
	struct list_head	dirty;
};

int __must_check blipmq_conflate_begin(struct blipmq_queue *q);
void blipmq_conflate_end(struct blipmq_queue *q);
enum blipmq_push blipmq_conflate_push(struct blipmq_queue *q,
				      struct sk_buff *b, u64 mask);
bool blipmq_conflate_pop(struct blipmq_queue *q, struct blipmq_entry *entry);
bool blipmq_conflate_evict(struct blipmq_queue *q);
bool blipmq_conflate_expire(struct blipmq_queue *q);
bool blipmq_conflate_empty(struct blipmq_queue *q);
u32 blipmq_conflate_drain(struct blipmq_queue *q);

#endif /* _BLIPMQ_CONFLATE_H */
