/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receive queue of a socket: its rings, limits, losses and wake-ups.
 *
 * Publishers push under RCU, without a lock. One reader pops; publishers that
 * find the queue full pop too, from the same end.
 */
#ifndef _BLIPMQ_QUEUE_H
#define _BLIPMQ_QUEUE_H

#include <linux/atomic.h>
#include <linux/cache.h>

#include "chain.h"
#include "conflate.h"
#include "expiry.h"
#include "gaps.h"
#include "types.h"

/*
 * Messages and bytes that wait, in one word, so that both are charged by one
 * atomic operation: 26 bits of messages above 38 bits of bytes.
 */
#define BLIPMQ_USED_BYTES_BITS	38

static inline u64 blipmq_used(u32 messages, u32 bytes)
{
	return (u64)messages << BLIPMQ_USED_BYTES_BITS | bytes;
}

static inline u64 blipmq_used_messages(u64 used)
{
	return used >> BLIPMQ_USED_BYTES_BITS;
}

static inline u64 blipmq_used_bytes(u64 used)
{
	return used & ((1ULL << BLIPMQ_USED_BYTES_BITS) - 1);
}

/* struct blipmq_queue.aside: what keeps pushes from the rings. */
enum blipmq_aside {
	BLIPMQ_ASIDE_CONFLATE,	/* messages go elsewhere, see conflate.c */
	BLIPMQ_ASIDE_ENDED,	/* nothing comes any more */
	BLIPMQ_ASIDE_CUT,	/* nor is anything read, see disconnect.c */
};

/**
 * struct blipmq_queue - the receive queue
 * @aside: bits of enum blipmq_aside, none for a queue that takes pushes as
 *	quickly as it can
 * @limit_messages: messages that may wait
 * @limit_bytes: bytes that they may hold
 * @armed: the reader sleeps, or will, and wants to be woken
 * @policy: enum blipmq_overflow, written under the socket's tx_lock, or by a change
 *	of rules
 * @chain: its rings
 * @conflate: messages by topic, NULL before the policy was conflate
 * @watch: among the queues whose messages may expire
 * @user: whose share it reserves of, under the chain's head_lock
 * @used: what waits, see blipmq_used()
 * @matched: messages that matched, those that were dropped included
 * @reserved: bytes of the user's share, under the chain's head_lock
 * @nr_waiting: publishers that wait for room, which readers look at
 * @slow: enum blipmq_slow, which readers look at
 * @waiters: who waits, as @nr_waiting under the namespace's waiters_lock
 * @slow_again: jiffies before which it is not told again that it is slow
 * @lost: messages that overflow and lack of memory took, under the chain's
 *	head_lock as the members up to @dropped are
 * @gaps: where they were lost, as far as it was not reported
 * @dropped: messages dropped, by reason
 * @next_pos: the reader's next position if nothing was evicted
 * @lost_seen: how much of @lost the reader reported
 *
 * What a push reads is in the first cache line.
 */
struct blipmq_queue {
	unsigned long		aside;
	u32			limit_messages;
	u32			limit_bytes;
	int			armed;
	u32			policy;
	struct blipmq_chain	chain;
	struct blipmq_conflate	*conflate;
	struct blipmq_watch	watch;
	struct blipmq_user	*user;

	/* Written by publishers, and looked at by whoever writes there. */
	atomic64_t		used ____cacheline_aligned_in_smp;
	atomic64_t		matched;
	u64			reserved;
	u32			nr_waiting;
	u32			slow;
	struct list_head	waiters;
	unsigned long		slow_again;

	/* Written by publishers that evict. */
	u64			lost ____cacheline_aligned_in_smp;
	struct blipmq_gaps	gaps;
	u64			dropped[BLIPMQ_DROP_REASONS];

	/* The reader's own. */
	u64			next_pos;
	u64			lost_seen;
};

/**
 * struct blipmq_entry - what the reader popped
 * @bundle: the bundle, with a reference
 * @mask: which of its frames
 * @lost: messages that were lost directly before them
 */
struct blipmq_entry {
	struct sk_buff	*bundle;
	u64		mask;
	u64		lost;
};

void blipmq_queue_init(struct blipmq_queue *q, struct blipmq_net *ns,
		       struct blipmq_user *user);
void blipmq_queue_seal(struct blipmq_queue *q);
void blipmq_queue_close(struct blipmq_queue *q);
void blipmq_queue_destroy(struct blipmq_queue *q);

bool __must_check blipmq_queue_hold(struct blipmq_queue *q);
void blipmq_queue_put(struct blipmq_queue *q);

enum blipmq_push blipmq_queue_push(struct blipmq_queue *q, struct sk_buff *b,
				   u64 mask);
enum blipmq_push blipmq_queue_push_charged(struct blipmq_queue *q,
					   struct sk_buff *b, u64 mask);

bool blipmq_queue_pop(struct blipmq_queue *q, struct blipmq_entry *entry);
u64 blipmq_queue_take_lost(struct blipmq_queue *q);
void blipmq_queue_release(struct blipmq_queue *q, u32 messages, u32 bytes);
void blipmq_queue_drop(struct blipmq_queue *q, enum blipmq_drop reason,
		       u32 messages);
void blipmq_queue_let_go(struct blipmq_queue *q);
void blipmq_queue_usage(struct blipmq_queue *q, u64 *messages, u64 *bytes);

/* Pushes into a full queue that find nothing to evict this often give up. */
#define BLIPMQ_ROOM_TRIES	4

/* overflow.c */
enum blipmq_push blipmq_queue_push_over(struct blipmq_queue *q,
					struct sk_buff *b, u64 mask);
void blipmq_sock_stop_blocking(struct blipmq_sock *bs);
int __must_check blipmq_sock_set_policy(struct blipmq_sock *bs, u32 policy);

/* disconnect.c */
void blipmq_queue_cut(struct blipmq_queue *q, enum blipmq_drop reason,
		      u32 messages);
/* Entries that one push evicts at most: what a default queue can hold. */
#define BLIPMQ_ROOM_EVICTIONS	1024

/* queue_share.c */
bool __must_check blipmq_queue_reserve(struct blipmq_queue *q, u64 bytes);
void blipmq_queue_give_back(struct blipmq_queue *q);
struct blipmq_user *blipmq_queue_set_user(struct blipmq_queue *q,
					  struct blipmq_user *user);

/* queue_room.c */
u32 blipmq_queue_limit_bytes(struct blipmq_queue *q);
u32 blipmq_queue_room(struct blipmq_queue *q, u32 messages, u32 bytes);
u64 __must_check blipmq_queue_make_room(struct blipmq_queue *q, u64 mask,
					u32 bytes);
bool blipmq_queue_is_full(struct blipmq_queue *q, u64 used, u32 own_bytes);
bool blipmq_queue_has_share(struct blipmq_queue *q, u64 used);
bool blipmq_queue_is_over(struct blipmq_queue *q, u64 used, u32 own_bytes);
bool blipmq_queue_expire(struct blipmq_queue *q);
bool blipmq_queue_evict(struct blipmq_queue *q, enum blipmq_drop reason);
void blipmq_queue_drop_new(struct blipmq_queue *q, enum blipmq_drop reason,
			   u32 messages);
void blipmq_queue_set_limits(struct blipmq_queue *q, u32 messages, u32 bytes);

/**
 * blipmq_queue_open() - let messages come
 * @q: the queue
 *
 * Context: the socket's tx_lock is held; may sleep.
 * Return: 0, also when it was open; -ENOMEM; -EPIPE when it is closed.
 */
static inline int __must_check blipmq_queue_open(struct blipmq_queue *q)
{
	return blipmq_chain_open(&q->chain);
}

static inline bool blipmq_queue_is_cut(const struct blipmq_queue *q)
{
	return unlikely(test_bit(BLIPMQ_ASIDE_CUT, &q->aside));
}

/**
 * blipmq_queue_readable() - is there an entry to pop?
 * @q: the queue
 *
 * Return: a snapshot, outdated at once.
 */
static inline bool blipmq_queue_readable(struct blipmq_queue *q)
{
	return (blipmq_chain_readable(&q->chain) ||
		(READ_ONCE(q->conflate) && !blipmq_conflate_empty(q))) &&
	       !blipmq_queue_is_cut(q);
}

/**
 * blipmq_queue_drained() - has all come out that ever will?
 * @q: the queue
 *
 * Return: true once the queue is sealed or closed, and empty.
 */
static inline bool blipmq_queue_drained(struct blipmq_queue *q)
{
	if (!blipmq_chain_drained(&q->chain))
		return false;
	/* Whoever evicted the last entry counts it before the lock is free. */
	spin_lock(&q->chain.head_lock);
	spin_unlock(&q->chain.head_lock);
	return blipmq_conflate_empty(q);
}

/**
 * blipmq_queue_has_lost() - are there losses that were not reported?
 * @q: the queue
 */
static inline bool blipmq_queue_has_lost(struct blipmq_queue *q)
{
	return READ_ONCE(q->lost) != READ_ONCE(q->lost_seen);
}

/* What an empty queue keeps reserved: there may be many of them. */
#define BLIPMQ_QUEUE_IDLE	SZ_2K

/* What is reserved beyond what waits, and kept by a queue that is in use. */
#define BLIPMQ_QUEUE_SPARE	SZ_128K

/**
 * blipmq_queue_settle() - give back what is reserved to no purpose
 * @q: the queue
 * @used: what waits
 * @spare: bytes that may be reserved beyond that
 *
 * Context: any but interrupts.
 */
static inline void blipmq_queue_settle(struct blipmq_queue *q, u64 used,
				       u64 spare)
{
	if (unlikely(READ_ONCE(q->reserved) > blipmq_used_bytes(used) + spare))
		blipmq_queue_give_back(q);
}

/**
 * blipmq_queue_arm() - ask to be woken by what comes
 * @q: the queue
 *
 * The caller looks at the queue again afterwards: whatever it does not see
 * then will wake it.
 */
static inline void blipmq_queue_arm(struct blipmq_queue *q)
{
	WRITE_ONCE(q->armed, 1);
	smp_mb();	/* pairs with the one before blipmq_queue_wake() */
	blipmq_queue_settle(q, atomic64_read(&q->used), BLIPMQ_QUEUE_IDLE);
}

void __blipmq_queue_wake(struct blipmq_queue *q);

/**
 * blipmq_queue_wake() - wake the reader if it asked for it
 * @q: the queue
 *
 * A full barrier stands between what the reader shall find and this call.
 */
static inline void blipmq_queue_wake(struct blipmq_queue *q)
{
	if (READ_ONCE(q->armed))
		__blipmq_queue_wake(q);
}

#endif /* _BLIPMQ_QUEUE_H */
