/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lanes: the way that the messages of a topic take. In the direct one their
 * publisher hands them out in its own call; in a worker's, they go through the
 * ring of that kernel thread.
 *
 * A publisher is in one lane at a time, and changes it when nothing of its is
 * in flight; so what it publishes arrives in order, whatever the topics.
 */
#ifndef _BLIPMQ_LANE_H
#define _BLIPMQ_LANE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "types.h"

struct blipmq_batch_topic;
struct blipmq_worker;

/* A lane: the direct one, or one more than a worker's number; or none yet. */
#define BLIPMQ_LANE_DIRECT	0U
#define BLIPMQ_LANE_MIXED	(~0U - 1)	/* topics of several */
#define BLIPMQ_LANE_MOVING	(~0U)		/* it is known soon */

/**
 * struct blipmq_lane_rule - which lane some topics have
 * @mode: enum blipmq_lane_mode, not the default
 * @pin: one more than the worker's number, 0 to go by hash
 * @len: bytes of @pattern
 * @pattern: the topic or pattern
 */
struct blipmq_lane_rule {
	u8	mode;
	u32	pin;
	u8	len;
	u8	pattern[255];
};

/**
 * struct blipmq_lanes - the lanes of a namespace's topics, replaced as a whole
 * @rcu: frees it
 * @epoch: no other table of this namespace has the same, nor 0 or 1
 * @moving: topics are on the way from @from to @to, both NULL for all direct
 * @frozen: those in the lane of any worker wait
 * @from: where they were
 * @to: where they will be
 * @rule: for topics that no rule names
 * @nr_rules: entries in @rules
 * @rules: exact topics first, then the longer patterns; the first that matches
 *	says it
 */
struct blipmq_lanes {
	struct rcu_head			rcu;
	u64				epoch;
	bool				moving;
	bool				frozen;
	const struct blipmq_lanes	*from;
	const struct blipmq_lanes	*to;
	struct blipmq_lane_rule		rule;
	u32				nr_rules;
	struct blipmq_lane_rule		rules[];
};

/* struct blipmq_lane.waits: what a publisher waits for. */
enum blipmq_lane_wait {
	BLIPMQ_LANE_GOES,	/* nothing */
	BLIPMQ_LANE_EMPTY,	/* that nothing of its is in flight */
	BLIPMQ_LANE_ROOM,	/* that less of its is */
	BLIPMQ_LANE_RING,	/* that the worker's ring is less full */
	BLIPMQ_LANE_MOVED,	/* that a topic has moved */
};

/**
 * struct blipmq_lane - where a publishing socket is
 * @current_lane: the lane of what is in flight
 * @refused: it has to wait for what @waits says, and not for a credit
 * @need: bytes that it has no room for; read without the lock, too
 * @fanning: the epoch of the table by which it fans out itself, 1 when there
 *	was none, 0 while it does not
 * @lock: guards @waits
 * @waits: enum blipmq_lane_wait; read without the lock, too
 * @full: the worker whose ring was full, to compare with
 * @node: in the list of who waits for rings
 * @flight: bundles and bytes in flight, see blipmq_lane_load()
 * @unrouted: messages that a worker found nobody for
 *
 * The members up to @fanning are guarded by tx_lock.
 */
struct blipmq_lane {
	u32			current_lane;
	bool			refused;
	u32			need;
	u64			fanning;
	spinlock_t		lock;	/* @waits */
	u32			waits;
	const struct blipmq_worker *full;
	struct list_head	node;

	/* Written by workers. */
	atomic64_t		flight;
	atomic64_t		unrouted;
};

/* lane.c */
void blipmq_lane_init(struct blipmq_sock *bs);
int __must_check blipmq_lane_publish(struct blipmq_sock *bs, struct sk_buff *b,
				     const struct blipmq_batch_topic *topics,
				     u32 nr_topics,
				     struct blipmq_retain *retain);
u32 blipmq_lane_of(struct blipmq_net *ns, const u8 *topic, u8 len);

/* lane_wait.c */
int blipmq_lane_refuse(struct blipmq_sock *bs, enum blipmq_lane_wait what);
int blipmq_lane_refuse_ring(struct blipmq_sock *bs, struct blipmq_worker *w);
void __blipmq_lane_forget(struct blipmq_sock *bs);
int __must_check blipmq_lane_settle(struct blipmq_sock *bs);
bool blipmq_lane_has_room(struct blipmq_sock *bs, u32 charge);
u64 blipmq_lane_load(struct sk_buff *b);
void blipmq_lane_done(struct blipmq_sock *bs, u64 load, u32 unrouted);
void blipmq_lane_ring_has_room(const struct blipmq_worker *w);
void blipmq_lanes_moved(struct blipmq_net *ns);

/* lane_table.c */
u32 blipmq_lanes_find(const struct blipmq_lanes *t, const u8 *topic, u8 len);
bool blipmq_lanes_use_workers(const struct blipmq_lanes *t);
struct blipmq_lanes *blipmq_lanes_edit(const struct blipmq_lanes *old,
				       const struct blipmq_lane_rule *rule);

/* lane_move.c */
void blipmq_lanes_init(struct blipmq_net *ns);
void blipmq_lanes_destroy(struct blipmq_net *ns);
int __must_check blipmq_lanes_lock(void);
void blipmq_lanes_unlock(void);
void blipmq_lanes_assert_locked(void);
struct blipmq_lanes *blipmq_lanes_now(struct blipmq_net *ns);
int __must_check blipmq_lanes_freeze(void);
void blipmq_lanes_thaw(void);
int __must_check blipmq_lanes_change(struct blipmq_net *ns,
				     const struct blipmq_lane_rule *rule);

#endif /* _BLIPMQ_LANE_H */
