// SPDX-License-Identifier: GPL-2.0
/*
 * A receive queue: opening, pushing, popping, closing.
 */
#include <linux/bitops.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "bundle.h"
#include "credit.h"
#include "latency.h"
#include "netns.h"
#include "queue.h"
#include "slow.h"
#include "sock.h"
#include "trace.h"
#include "user.h"

/**
 * blipmq_queue_init() - a queue that nothing can be pushed to yet
 * @q: the queue, zeroed
 * @ns: its namespace
 * @user: whose share it reserves of; the reference becomes the queue's
 *
 * Context: the owner's.
 */
void blipmq_queue_init(struct blipmq_queue *q, struct blipmq_net *ns,
		       struct blipmq_user *user)
{
	q->user = user;
	blipmq_chain_init(&q->chain, ns);
	blipmq_gaps_init(&q->gaps);
	INIT_LIST_HEAD(&q->waiters);
	q->limit_messages = READ_ONCE(ns->limits.queue_messages);
	q->limit_bytes = READ_ONCE(ns->limits.queue_bytes);
	q->slow_again = jiffies;
}

/**
 * blipmq_queue_hold() - keep the memory of a queue
 * @q: a queue that was found under RCU, in that section
 *
 * Return: false when its socket is going already.
 */
bool blipmq_queue_hold(struct blipmq_queue *q)
{
	return refcount_inc_not_zero(&blipmq_queue_sock(q)->sk.sk_refcnt);
}

/**
 * blipmq_queue_put() - give up what blipmq_queue_hold() took
 * @q: the queue
 *
 * Context: any but interrupts.
 */
void blipmq_queue_put(struct blipmq_queue *q)
{
	sock_put(&blipmq_queue_sock(q)->sk);
}

/**
 * blipmq_queue_usage() - what waits
 * @q: the queue
 * @messages: how many
 * @bytes: memory that they hold
 */
void blipmq_queue_usage(struct blipmq_queue *q, u64 *messages, u64 *bytes)
{
	u64 used = atomic64_read(&q->used);

	*messages = blipmq_used_messages(used);
	*bytes = blipmq_used_bytes(used);
}

/**
 * blipmq_queue_let_go() - let all publishers go on that wait for room
 * @q: the queue, which they may not have to wait for any more
 *
 * Context: any but interrupts.
 */
void blipmq_queue_let_go(struct blipmq_queue *q)
{
	smp_mb();	/* pairs with the one of who begins to wait */
	if (unlikely(READ_ONCE(q->nr_waiting)))
		blipmq_credit_wake(q, true);
}

/**
 * blipmq_queue_release() - what waited is gone
 * @q: the queue
 * @messages: how many
 * @bytes: memory that they held
 *
 * Publishers that wait for the room may go on.
 *
 * Context: any but interrupts.
 */
void blipmq_queue_release(struct blipmq_queue *q, u32 messages, u32 bytes)
{
	u64 used = atomic64_sub_return(blipmq_used(messages, bytes), &q->used);

	/* That was a barrier, which pairs with the one of who begins to wait. */
	if (unlikely(READ_ONCE(q->nr_waiting)))
		blipmq_credit_wake(q, false);
	if (unlikely(READ_ONCE(q->slow)))
		__blipmq_slow_look(q);
	if (bytes)
		blipmq_queue_settle(q, used, BLIPMQ_QUEUE_SPARE);
}

/**
 * blipmq_queue_drop() - count messages that will not be delivered
 * @q: the queue
 * @reason: why; not one that is to be told as a loss
 * @messages: how many
 */
void blipmq_queue_drop(struct blipmq_queue *q, enum blipmq_drop reason,
		       u32 messages)
{
	spin_lock(&q->chain.head_lock);
	q->dropped[reason] += messages;
	spin_unlock(&q->chain.head_lock);
}

/*
 * There was no memory for a longer queue, or it is closed. Under drop-oldest
 * the oldest messages make room, unless they are not in the way or cannot be
 * had; else the new ones, which are charged, are not taken.
 */
static noinline enum blipmq_push
queue_push_again(struct blipmq_queue *q, struct sk_buff *b, u64 mask, u64 now,
		 enum blipmq_ring_result result)
{
	/* Its reference is gone with the push. */
	bool expires = blipmq_bundle_cb(b)->expires;
	u32 n = hweight64(mask);
	int tries = 0;

	while (result == BLIPMQ_RING_FULL &&
	       READ_ONCE(q->policy) == BLIPMQ_OVERFLOW_DROP_OLDEST &&
	       blipmq_chain_is_single(&q->chain)) {
		/* The oldest may belong to a publisher whose CPU stands still. */
		if (!blipmq_queue_evict(q, BLIPMQ_DROP_NO_MEMORY) &&
		    ++tries == BLIPMQ_ROOM_TRIES)
			break;
		result = blipmq_chain_push(&q->chain, b, mask);
	}
	if (result != BLIPMQ_RING_IS_CLOSED)
		atomic64_add(n, &q->matched);
	if (result != BLIPMQ_RING_OK)
		blipmq_queue_release(q, n, blipmq_bundle_cb(b)->charge);
	if (result == BLIPMQ_RING_OK)
		trace_blipmq_enqueue(q, b, mask);
	if (result == BLIPMQ_RING_OK && now)
		blipmq_latency_enqueued(q, b, now, n);
	if (result == BLIPMQ_RING_FULL) {
		blipmq_slow_begin(q);
		trace_blipmq_drop(q, b, mask, BLIPMQ_DROP_NO_MEMORY);
		if (READ_ONCE(q->policy) == BLIPMQ_OVERFLOW_DISCONNECT)
			blipmq_queue_cut(q, BLIPMQ_DROP_NO_MEMORY, n);
		else
			blipmq_queue_drop_new(q, BLIPMQ_DROP_NO_MEMORY, n);
	}
	smp_mb();	/* pairs with blipmq_queue_arm(): losses are news, too */
	blipmq_queue_wake(q);
	switch (result) {
	case BLIPMQ_RING_OK:
		if (expires)
			blipmq_expiry_watch(q);
		return BLIPMQ_PUSH_KEPT;
	case BLIPMQ_RING_FULL:
		return BLIPMQ_PUSH_DROPPED;
	default:
		return BLIPMQ_PUSH_CLOSED;
	}
}

static __always_inline enum blipmq_push queue_push(struct blipmq_queue *q,
						   struct sk_buff *b, u64 mask,
						   u32 n)
{
	/* Its reference is gone with the push; the caller has another. */
	bool expires = blipmq_bundle_cb(b)->expires;
	enum blipmq_ring_result result;
	u64 now = 0;

	if (unlikely(blipmq_bundle_cb(b)->called))
		now = blipmq_latency_enqueue(b);
	result = blipmq_chain_push(&q->chain, b, mask);
	if (unlikely(result != BLIPMQ_RING_OK))
		return queue_push_again(q, b, mask, now, result);
	if (unlikely(now))
		blipmq_latency_enqueued(q, b, now, n);
	atomic64_add(n, &q->matched);
	trace_blipmq_enqueue(q, b, mask);
	/* Pairs with the barrier in blipmq_queue_arm(). */
	smp_mb__after_atomic();
	blipmq_queue_wake(q);
	if (unlikely(expires))
		blipmq_expiry_watch(q);
	return BLIPMQ_PUSH_KEPT;
}

/**
 * blipmq_queue_push_charged() - queue messages that count as queued already
 * @q: the queue
 * @b: the bundle; one of the caller's references becomes the queue's
 * @mask: which of its frames, at least one
 *
 * The limits are not looked at.
 *
 * Context: an RCU read-side section; does not sleep.
 * Return: as blipmq_queue_push(); the charge is the queue's, or given back.
 */
enum blipmq_push blipmq_queue_push_charged(struct blipmq_queue *q,
					   struct sk_buff *b, u64 mask)
{
	return queue_push(q, b, mask, hweight64(mask));
}

/*
 * @aside is what the caller saw, and not looked at again: when conflate ends
 * meanwhile, that is not the end of the queue.
 */
static noinline enum blipmq_push queue_push_aside(struct blipmq_queue *q,
						  struct sk_buff *b, u64 mask,
						  unsigned long aside)
{
	if (aside != BIT(BLIPMQ_ASIDE_CONFLATE))
		return BLIPMQ_PUSH_CLOSED;
	/* Pairs with the bit's being set once there is what it speaks of. */
	smp_rmb();
	return blipmq_conflate_push(q, b, mask);
}

/**
 * blipmq_queue_push() - queue messages for the reader
 * @q: the queue
 * @b: the bundle; one of the caller's references becomes the queue's
 * @mask: which of its frames, at least one
 *
 * What a full queue does is its policy's to say, see overflow.c.
 *
 * Context: an RCU read-side section; does not sleep.
 * Return: enum blipmq_push. Of the messages that are not kept, those that were
 * dropped are counted.
 */
enum blipmq_push blipmq_queue_push(struct blipmq_queue *q, struct sk_buff *b,
				   u64 mask)
{
	u32 bytes = blipmq_bundle_cb(b)->charge;
	u32 n = hweight64(mask);
	unsigned long aside = READ_ONCE(q->aside);
	u64 used;

	if (unlikely(aside))
		return queue_push_aside(q, b, mask, aside);
	used = atomic64_add_return(blipmq_used(n, bytes), &q->used);
	if (unlikely(blipmq_queue_is_over(q, used, bytes)))
		return blipmq_queue_push_over(q, b, mask);
	return queue_push(q, b, mask, n);
}

/* Does somebody wait who is woken alone, as by EPOLLEXCLUSIVE? He is the last. */
static bool queue_has_exclusive(struct sock *sk)
{
	struct wait_queue_entry *last;
	bool exclusive = false;
	struct socket_wq *wq;
	unsigned long flags;

	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (wq && wq_has_sleeper(&wq->wait)) {
		spin_lock_irqsave(&wq->wait.lock, flags);
		if (!list_empty(&wq->wait.head)) {
			last = list_last_entry(&wq->wait.head,
					       struct wait_queue_entry, entry);
			exclusive = last->flags & WQ_FLAG_EXCLUSIVE;
		}
		spin_unlock_irqrestore(&wq->wait.lock, flags);
	}
	rcu_read_unlock();
	return exclusive;
}

void __blipmq_queue_wake(struct blipmq_queue *q)
{
	struct sock *sk = &blipmq_queue_sock(q)->sk;

	/* Who is woken alone may not read: the next message wakes another one. */
	if (unlikely(queue_has_exclusive(sk)) || xchg(&q->armed, 0))
		sk->sk_data_ready(sk);
}

/* How many losses are to be told before the message at position @pos. */
static u64 queue_lost_before(struct blipmq_queue *q, u64 pos)
{
	u64 lost;

	spin_lock(&q->chain.head_lock);
	lost = blipmq_gaps_take(&q->gaps, pos);
	spin_unlock(&q->chain.head_lock);
	WRITE_ONCE(q->lost_seen, q->lost_seen + lost);
	return lost;
}

static bool queue_pop_ring(struct blipmq_queue *q, struct blipmq_entry *entry)
{
	struct blipmq_ring *finished;
	struct blipmq_slot slot;

	rcu_read_lock();
	while (!blipmq_chain_pop(&q->chain, &slot, &finished)) {
		if (!finished) {
			rcu_read_unlock();
			return false;
		}
		spin_lock(&q->chain.head_lock);
		blipmq_chain_leave(&q->chain, finished);
		spin_unlock(&q->chain.head_lock);
	}
	rcu_read_unlock();
	entry->bundle = slot.bundle;
	entry->mask = slot.mask;
	entry->lost = 0;
	if (slot.seq != q->next_pos || blipmq_queue_has_lost(q))
		entry->lost = queue_lost_before(q, slot.seq);
	q->next_pos = slot.seq + 1;
	return true;
}

/**
 * blipmq_queue_pop() - take the oldest entry
 * @q: the queue
 * @entry: what it is, and how many messages were lost before it
 *
 * Its charge stays until blipmq_queue_release().
 *
 * Context: one reader at a time.
 * Return: false when there is none.
 */
bool blipmq_queue_pop(struct blipmq_queue *q, struct blipmq_entry *entry)
{
	if (blipmq_queue_is_cut(q))
		return false;
	do {
		if (queue_pop_ring(q, entry))
			return true;
		/* Nothing either when some has just moved to the rings. */
		if (blipmq_conflate_pop(q, entry))
			return true;
	} while (unlikely(READ_ONCE(q->conflate)) &&
		 blipmq_chain_readable(&q->chain));
	return false;
}

/**
 * blipmq_queue_take_lost() - report the losses of a queue that is empty
 * @q: the queue
 *
 * Context: one reader at a time.
 * Return: messages lost since the last report.
 */
u64 blipmq_queue_take_lost(struct blipmq_queue *q)
{
	if (!blipmq_queue_has_lost(q))
		return 0;
	return queue_lost_before(q, U64_MAX);
}

/*
 * Whoever reserved a slot before the ring was closed commits it soon, with
 * preemption off, so waiting for that is short.
 */
static u32 queue_drain(struct blipmq_queue *q, struct blipmq_ring *ring)
{
	struct blipmq_slot slot;
	u32 messages = 0;

	while (!blipmq_ring_finished(ring)) {
		if (!blipmq_ring_pop(ring, &slot)) {
			cpu_relax();
			continue;
		}
		trace_blipmq_drop(q, slot.bundle, slot.mask,
				  BLIPMQ_DROP_CLOSED);
		messages += hweight64(slot.mask);
		blipmq_queue_release(q, hweight64(slot.mask),
				     blipmq_bundle_cb(slot.bundle)->charge);
		blipmq_bundle_put(slot.bundle);
		cond_resched();
	}
	return messages;
}

/* Nobody has to wait for this queue any more. */
static void queue_end(struct blipmq_queue *q)
{
	set_bit(BLIPMQ_ASIDE_ENDED, &q->aside);
	blipmq_queue_let_go(q);
}

/**
 * blipmq_queue_seal() - nothing comes any more
 * @q: the queue
 *
 * What waits can be read; blipmq_queue_drained() says when that is done.
 *
 * Context: any; more than one caller is fine.
 */
void blipmq_queue_seal(struct blipmq_queue *q)
{
	queue_end(q);
	blipmq_chain_seal(&q->chain);
}

/**
 * blipmq_queue_close() - nothing comes any more, and what waits is dropped
 * @q: the queue, whose legs have left their sets
 *
 * A reader may pop at the same time; what it holds is its own.
 *
 * Context: may sleep; more than one caller is fine.
 */
void blipmq_queue_close(struct blipmq_queue *q)
{
	struct blipmq_ring *ring;
	u32 messages = 0;

	queue_end(q);
	ring = blipmq_chain_close(&q->chain);
	while (ring) {
		messages += queue_drain(q, ring);
		ring = blipmq_chain_free_first(&q->chain, ring);
	}
	messages += blipmq_conflate_drain(q);
	if (messages)
		blipmq_queue_drop(q, BLIPMQ_DROP_CLOSED, messages);
}

/**
 * blipmq_queue_destroy() - free what blipmq_queue_init() took
 * @q: a closed queue that no publisher can find
 */
void blipmq_queue_destroy(struct blipmq_queue *q)
{
	WARN_ON_ONCE(atomic64_read(&q->used));
	blipmq_gaps_destroy(&q->gaps);
	kfree(q->conflate);
	blipmq_user_charge(q->user, -(s64)q->reserved);
	blipmq_user_put(q->user);
	blipmq_chain_destroy(&q->chain);
}
