// SPDX-License-Identifier: GPL-2.0
/*
 * What a receive queue may hold, and what goes when it holds more.
 */
#include <linux/bitops.h>
#include <linux/blipmq.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "bundle.h"
#include "queue.h"
#include "sock.h"
#include "trace.h"

/* What was popped, under head_lock, is not delivered. */
static void queue_lose(struct blipmq_queue *q, const struct blipmq_slot *slot,
		       enum blipmq_drop reason)
{
	u32 n = hweight64(slot->mask);

	lockdep_assert_held(&q->chain.head_lock);
	if (blipmq_bundle_expired(slot->bundle))
		reason = BLIPMQ_DROP_EXPIRED;
	trace_blipmq_drop(q, slot->bundle, slot->mask, reason);
	q->dropped[reason] += n;
	if (reason == BLIPMQ_DROP_EXPIRED)
		n = 0;
	blipmq_gaps_add_first(&q->gaps, slot->seq + 1, n, q->chain.memcg);
	WRITE_ONCE(q->lost, q->lost + n);
}

static void queue_forget(struct blipmq_queue *q, const struct blipmq_slot *slot)
{
	struct sk_buff *b = slot->bundle;

	blipmq_queue_release(q, hweight64(slot->mask),
			     blipmq_bundle_cb(b)->charge);
	blipmq_bundle_put(b);
}

/**
 * blipmq_queue_expire() - take the oldest entry if its time is over
 * @q: the queue
 *
 * Context: the reader's lock is held.
 * Return: false when there is none.
 */
bool blipmq_queue_expire(struct blipmq_queue *q)
{
	struct blipmq_ring *finished = NULL;
	struct blipmq_slot slot;
	struct sk_buff *b;
	bool expired;

	rcu_read_lock();
	/* No evictor, and no reader, takes it away meanwhile. */
	spin_lock(&q->chain.head_lock);
	do {
		if (finished)
			blipmq_chain_leave(&q->chain, finished);
		b = blipmq_chain_first(&q->chain, &finished);
	} while (finished);
	expired = b && blipmq_bundle_expired(b) &&
		  blipmq_chain_pop(&q->chain, &slot, &finished);
	if (expired)
		queue_lose(q, &slot, BLIPMQ_DROP_EXPIRED);
	spin_unlock(&q->chain.head_lock);
	rcu_read_unlock();
	if (expired)
		queue_forget(q, &slot);
	return expired || (!b && blipmq_conflate_expire(q));
}

/**
 * blipmq_queue_evict() - take the oldest entry away from the reader
 * @q: the queue
 * @reason: why; if its time was over anyway, that is why
 *
 * Losses are counted before the lock is left, so that a reader that finds a gap
 * and takes the lock knows its exact size.
 *
 * Context: an RCU read-side section.
 * Return: false when there is none.
 */
bool blipmq_queue_evict(struct blipmq_queue *q, enum blipmq_drop reason)
{
	struct blipmq_ring *finished;
	struct blipmq_slot slot;

	spin_lock(&q->chain.head_lock);
	while (!blipmq_chain_pop(&q->chain, &slot, &finished)) {
		if (!finished) {
			spin_unlock(&q->chain.head_lock);
			return false;
		}
		blipmq_chain_leave(&q->chain, finished);
	}
	queue_lose(q, &slot, reason);
	spin_unlock(&q->chain.head_lock);
	queue_forget(q, &slot);
	return true;
}

/**
 * blipmq_queue_limit_bytes() - how many bytes may wait
 * @q: the queue
 *
 * Return: the smaller one of its limit and SO_RCVBUF.
 */
u32 blipmq_queue_limit_bytes(struct blipmq_queue *q)
{
	const struct sock *sk = &blipmq_queue_sock(q)->sk;
	u32 limit = READ_ONCE(q->limit_bytes);

	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		limit = min_t(u32, limit, READ_ONCE(sk->sk_rcvbuf));
	return limit;
}

/**
 * blipmq_queue_is_full() - is there more than the queue's own limits allow?
 * @q: the queue
 * @used: what waits
 * @own_bytes: the part of the message that came last
 *
 * A message that is alone in its queue may exceed the bytes: else one that is
 * larger than the limit could never be received.
 */
bool blipmq_queue_is_full(struct blipmq_queue *q, u64 used, u32 own_bytes)
{
	u64 bytes = blipmq_used_bytes(used);

	return blipmq_used_messages(used) > READ_ONCE(q->limit_messages) ||
	       (bytes > blipmq_queue_limit_bytes(q) && bytes > own_bytes);
}

/**
 * blipmq_queue_has_share() - has the user a share for what waits?
 * @q: the queue
 * @used: what waits
 *
 * The share itself is looked at when what was reserved of it is used up.
 *
 * Context: an RCU read-side section.
 */
bool blipmq_queue_has_share(struct blipmq_queue *q, u64 used)
{
	u64 bytes = blipmq_used_bytes(used);

	return likely(bytes <= READ_ONCE(q->reserved)) ||
	       blipmq_queue_reserve(q, bytes);
}

/**
 * blipmq_queue_is_over() - is there more than may wait?
 * @q: the queue
 * @used: what waits
 * @own_bytes: the part of the message that came last
 *
 * Context: an RCU read-side section.
 * Return: true when the queue is full, or the user has no share left.
 */
bool blipmq_queue_is_over(struct blipmq_queue *q, u64 used, u32 own_bytes)
{
	return blipmq_queue_is_full(q, used, own_bytes) ||
	       !blipmq_queue_has_share(q, used);
}

/**
 * blipmq_queue_drop_new() - count messages that were not queued at all
 * @q: the queue
 * @reason: why
 * @messages: how many
 *
 * Their gap is where the next ones will stand, so that a reader that is on its
 * way with older ones does not take them for losses before those.
 *
 * Context: an RCU read-side section.
 */
void blipmq_queue_drop_new(struct blipmq_queue *q, enum blipmq_drop reason,
			   u32 messages)
{
	struct blipmq_ring *ring;
	u64 end;

	spin_lock(&q->chain.head_lock);
	ring = rcu_dereference(q->chain.tail);
	/* Nothing comes behind the end of a sealed one. */
	end = ring ? READ_ONCE(ring->tail) & ~BLIPMQ_RING_CLOSED : U64_MAX;
	blipmq_gaps_add_last(&q->gaps, end, messages, q->chain.memcg);
	q->dropped[reason] += messages;
	WRITE_ONCE(q->lost, q->lost + messages);
	spin_unlock(&q->chain.head_lock);
}

/**
 * blipmq_queue_room() - how many of some new messages fit
 * @q: the queue
 * @messages: how many there are; they are charged
 * @bytes: their charge
 *
 * Context: an RCU read-side section.
 * Return: a number up to @messages.
 */
u32 blipmq_queue_room(struct blipmq_queue *q, u32 messages, u32 bytes)
{
	u64 used = atomic64_read(&q->used);
	u64 others = blipmq_used_messages(used) - messages;
	u32 limit = READ_ONCE(q->limit_messages);

	if (blipmq_used_bytes(used) > blipmq_queue_limit_bytes(q) &&
	    blipmq_used_bytes(used) > bytes)
		return 0;
	if (!blipmq_queue_has_share(q, used))
		return 0;
	return others < limit ? min_t(u64, limit - others, messages) : 0;
}

/* Only the newest @keep of the frames in @mask. */
static u64 queue_mask_newest(u64 mask, u32 keep)
{
	u32 n = hweight64(mask);

	while (n-- > keep)
		mask &= mask - 1;
	return mask;
}

/**
 * blipmq_queue_make_room() - bring a queue within its limits
 * @q: the queue, over them by what the caller charged
 * @mask: the new messages
 * @bytes: their charge
 *
 * Evicts what is older; when nothing is left to evict (the reader's cursor is
 * not), or so much was that others would wait too long, keeps as many of the new
 * messages as fit.
 *
 * Context: an RCU read-side section.
 * Return: the frames that may stay, with their charge; 0 for none.
 */
u64 blipmq_queue_make_room(struct blipmq_queue *q, u64 mask, u32 bytes)
{
	u32 n = hweight64(mask), room;
	int tries = 0, evicted = 0;
	u64 used;

	for (;;) {
		used = atomic64_read(&q->used);
		if (!blipmq_queue_is_over(q, used, bytes))
			return mask;
		if (evicted++ == BLIPMQ_ROOM_EVICTIONS)
			break;
		if (!blipmq_queue_evict(q, BLIPMQ_DROP_OVERFLOW) &&
		    ++tries == BLIPMQ_ROOM_TRIES)
			break;
	}
	room = blipmq_queue_room(q, n, bytes);
	atomic64_add(n - room, &q->matched);
	blipmq_queue_release(q, n - room, room ? 0 : bytes);
	/* A reader may have made room since. */
	if (n > room)
		blipmq_queue_drop_new(q, BLIPMQ_DROP_OVERFLOW, n - room);
	return room ? queue_mask_newest(mask, room) : 0;
}

/**
 * blipmq_queue_set_limits() - change what may wait
 * @q: the queue
 * @messages: how many, at least one
 * @bytes: bytes that they may hold, at least one
 *
 * What is over the new limits is dropped here, as the publishers that come
 * next are not to pay for it; but under the policy block it stays.
 *
 * Context: may sleep. The caller serialises.
 */
void blipmq_queue_set_limits(struct blipmq_queue *q, u32 messages, u32 bytes)
{
	bool more = true;
	u64 used;

	WRITE_ONCE(q->limit_messages, messages);
	WRITE_ONCE(q->limit_bytes, bytes);
	while (more) {
		rcu_read_lock();
		used = atomic64_read(&q->used);
		more = READ_ONCE(q->policy) != BLIPMQ_OVERFLOW_BLOCK &&
		       blipmq_used_messages(used) > 1 &&
		       blipmq_queue_is_over(q, used, 0) &&
		       blipmq_conflate_evict(q);
		rcu_read_unlock();
		cond_resched();
	}
	blipmq_queue_let_go(q);
	smp_mb();	/* pairs with blipmq_queue_arm(): losses are news */
	blipmq_queue_wake(q);
}
