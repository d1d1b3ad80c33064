/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A subscriber set: the legs of one pattern, of one exact topic, or of a queue
 * group.
 *
 * Publishers walk it under RCU; joining and leaving touch this set only, and
 * one slot of it. It is a chain of chunks that never move: what a walk has
 * passed stays where it was, so a walk misses nobody who was there all along.
 */
#ifndef _BLIPMQ_SET_H
#define _BLIPMQ_SET_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include "types.h"

/**
 * struct blipmq_set_chunk - some legs
 * @next: the chunk behind this one, or NULL
 * @vacant: in the set's list of chunks with a free slot
 * @nr_slots: slots in @legs
 * @used: those that are taken, under the set's lock
 * @legs: the receiving queues, NULL where free
 */
struct blipmq_set_chunk {
	struct blipmq_set_chunk __rcu	*next;
	struct list_head		vacant;
	u16				nr_slots;
	u16				used;
	struct blipmq_queue __rcu	*legs[];
};

/**
 * struct blipmq_deal - whose turn it is in a queue group
 * @lock: guards the place
 * @chunk: where the next one in turn is looked for, NULL for the beginning
 * @slot: from which slot on
 */
struct blipmq_deal {
	spinlock_t			lock;	/* the place */
	struct blipmq_set_chunk		*chunk;
	u32				slot;
};

/**
 * struct blipmq_set - the legs of one pattern
 * @refs: the routes and topics that point to it, and walks that sleep
 * @count: legs; read without the lock as an estimate
 * @dead: its pattern is gone; routes that name it should forget it
 * @blocking: those whose policy is block, or soon will be; publishers that
 *	find none need no credits
 * @slots: slots of all chunks, which is what a walk looks at
 * @lock: guards joining and leaving
 * @vacant: chunks with a free slot
 * @deal: of a queue group: each message is for one of the legs
 * @first: the chain of chunks
 * @last: its end, under @lock
 * @rcu: frees it
 *
 * Chunks live as long as their set, so a walk may sleep while it holds a
 * reference.
 */
struct blipmq_set {
	refcount_t			refs;
	u32				count;
	bool				dead;
	u32				blocking;
	struct blipmq_deal		*deal;
	u32				slots;
	struct blipmq_set_chunk __rcu	*first;

	spinlock_t			lock;	/* joining, leaving */
	struct list_head		vacant;
	struct blipmq_set_chunk		*last;
	struct rcu_head			rcu;
};

/**
 * struct blipmq_leg - where a leg stands in its set
 * @chunk: the chunk
 * @slot: the slot in it
 */
struct blipmq_leg {
	struct blipmq_set_chunk	*chunk;
	u16			slot;
};

struct blipmq_set *blipmq_set_create(void);
struct blipmq_set *blipmq_set_create_group(void);
void blipmq_set_put(struct blipmq_set *set);
int __must_check blipmq_set_reserve(struct blipmq_set *set);
int __must_check blipmq_set_join(struct blipmq_set *set,
				 struct blipmq_queue *queue,
				 struct blipmq_leg *leg);
void blipmq_set_block(struct blipmq_set *set, bool blocks);
void blipmq_set_leave(struct blipmq_set *set, struct blipmq_leg *leg);

#endif /* _BLIPMQ_SET_H */
