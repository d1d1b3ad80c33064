// SPDX-License-Identifier: GPL-2.0
/*
 * A receive queue: opening, pushing, popping, closing.
 */
#include <linux/bitops.h>
#include <net/sock.h>

#include "bundle.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"

/* Pushes into a full queue that lose the race for room this often give up. */
#define ROOM_TRIES	4

/*
 * Messages and bytes that wait, in one word, so that both are charged by one
 * atomic operation: 26 bits of messages above 38 bits of bytes.
 */
#define USED_BYTES_BITS	38

static u64 queue_pack(u32 messages, u32 bytes)
{
	return (u64)messages << USED_BYTES_BITS | bytes;
}

static u64 queue_messages(u64 used)
{
	return used >> USED_BYTES_BITS;
}

static u64 queue_bytes(u64 used)
{
	return used & ((1ULL << USED_BYTES_BITS) - 1);
}

static struct blipmq_sock *queue_sock(struct blipmq_queue *q)
{
	return container_of(q, struct blipmq_sock, queue);
}

/**
 * blipmq_queue_init() - a queue that nothing can be pushed to yet
 * @q: the queue, zeroed
 * @ns: its namespace
 *
 * Context: the owner's.
 */
void blipmq_queue_init(struct blipmq_queue *q, struct blipmq_net *ns)
{
	blipmq_chain_init(&q->chain, ns);
	q->limit_messages = READ_ONCE(ns->limits.queue_messages);
	q->limit_bytes = READ_ONCE(ns->limits.queue_bytes);
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

	*messages = queue_messages(used);
	*bytes = queue_bytes(used);
}

/**
 * blipmq_queue_release() - what waited is gone
 * @q: the queue
 * @messages: how many
 * @bytes: memory that they held
 */
void blipmq_queue_release(struct blipmq_queue *q, u32 messages, u32 bytes)
{
	atomic64_sub(queue_pack(messages, bytes), &q->used);
}

/**
 * blipmq_queue_drop() - count messages that will not be delivered
 * @q: the queue
 * @reason: why
 * @messages: how many
 */
void blipmq_queue_drop(struct blipmq_queue *q, enum blipmq_drop reason,
		       u32 messages)
{
	spin_lock(&q->chain.head_lock);
	q->dropped[reason] += messages;
	if (reason == BLIPMQ_DROP_OVERFLOW || reason == BLIPMQ_DROP_NO_MEMORY)
		WRITE_ONCE(q->lost, q->lost + messages);
	spin_unlock(&q->chain.head_lock);
}

/*
 * Take the oldest entry away from the reader. Losses are counted before the
 * lock is left, so that a reader that finds a gap and takes the lock knows
 * its exact size.
 */
static bool queue_evict(struct blipmq_queue *q, enum blipmq_drop reason)
{
	struct blipmq_ring *finished;
	struct blipmq_slot slot;
	struct sk_buff *b;
	u32 n;

	spin_lock(&q->chain.head_lock);
	while (!blipmq_chain_pop(&q->chain, &slot, &finished)) {
		if (!finished) {
			spin_unlock(&q->chain.head_lock);
			return false;
		}
		blipmq_chain_leave(&q->chain, finished);
	}
	n = hweight64(slot.mask);
	if (q->gap_end != slot.seq)
		q->lost_before = q->lost;
	q->gap_end = slot.seq + 1;
	q->dropped[reason] += n;
	WRITE_ONCE(q->lost, q->lost + n);
	spin_unlock(&q->chain.head_lock);

	b = slot.bundle;
	blipmq_queue_release(q, n, blipmq_bundle_cb(b)->charge);
	blipmq_bundle_put(b);
	return true;
}

static u32 queue_limit_bytes(struct blipmq_queue *q)
{
	const struct sock *sk = &queue_sock(q)->sk;
	u32 limit = READ_ONCE(q->limit_bytes);

	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		limit = min_t(u32, limit, READ_ONCE(sk->sk_rcvbuf));
	return limit;
}

/*
 * A message that is alone in its queue may exceed the bytes: else one that is
 * larger than the limit could never be received.
 */
static bool queue_is_over(struct blipmq_queue *q, u64 used, u32 own_bytes)
{
	return queue_messages(used) > READ_ONCE(q->limit_messages) ||
	       (queue_bytes(used) > queue_limit_bytes(q) &&
		queue_bytes(used) > own_bytes);
}

/* Only the newest @keep of the frames in @mask. */
static u64 queue_mask_newest(u64 mask, u32 keep)
{
	u32 n = hweight64(mask);

	while (n-- > keep)
		mask &= mask - 1;
	return mask;
}

/*
 * Count the loss of messages that were not queued at all. Their gap is where
 * the next ones will stand, so that a reader that is on its way with older ones
 * does not take them for losses before those.
 */
static void queue_drop_new(struct blipmq_queue *q, u32 messages)
{
	struct blipmq_ring *ring;
	u64 end;

	spin_lock(&q->chain.head_lock);
	ring = rcu_dereference(q->chain.tail);
	if (ring) {
		end = READ_ONCE(ring->tail) & ~BLIPMQ_RING_CLOSED;
		if (q->gap_end != end)
			q->lost_before = q->lost;
		q->gap_end = end;
	}
	q->dropped[BLIPMQ_DROP_OVERFLOW] += messages;
	WRITE_ONCE(q->lost, q->lost + messages);
	spin_unlock(&q->chain.head_lock);
}

/*
 * The queue is over its limit by what the caller charged. Evict what is older;
 * when nothing is left to evict (the reader's cursor is not), keep as many of
 * the new messages as fit.
 *
 * Return: the frames that may stay, with their charge; 0 for none.
 */
static u64 queue_make_room(struct blipmq_queue *q, u64 mask, u32 bytes)
{
	u32 n = hweight64(mask), room, limit;
	int tries = 0;
	u64 used;

	for (;;) {
		used = atomic64_read(&q->used);
		if (!queue_is_over(q, used, bytes))
			return mask;
		if (!queue_evict(q, BLIPMQ_DROP_OVERFLOW) &&
		    ++tries == ROOM_TRIES)
			break;
	}
	used = atomic64_read(&q->used);
	limit = READ_ONCE(q->limit_messages);
	room = queue_messages(used) - n < limit ?
		limit - (queue_messages(used) - n) : 0;
	room = min(room, n);
	if (queue_bytes(used) > queue_limit_bytes(q) &&
	    queue_bytes(used) > bytes)
		room = 0;

	atomic64_add(n - room, &q->matched);
	blipmq_queue_release(q, n - room, room ? 0 : bytes);
	queue_drop_new(q, n - room);
	return room ? queue_mask_newest(mask, room) : 0;
}

/*
 * Push, at the price of the oldest messages when there is no memory for a
 * longer queue.
 */
static bool queue_chain_push(struct blipmq_queue *q, struct sk_buff *b,
			     u64 mask)
{
	enum blipmq_ring_result result;

	for (;;) {
		result = blipmq_chain_push(&q->chain, b, mask);
		if (result != BLIPMQ_RING_FULL)
			return result == BLIPMQ_RING_OK;
		queue_evict(q, BLIPMQ_DROP_NO_MEMORY);
	}
}

/**
 * blipmq_queue_push() - queue messages for the reader
 * @q: the queue
 * @b: the bundle; one of the caller's references becomes the queue's
 * @mask: which of its frames, at least one
 *
 * A full queue drops its oldest messages.
 *
 * Context: an RCU read-side section; does not sleep.
 * Return: false when the queue did not keep the reference: it is closed, or
 * the messages were dropped, which is counted then.
 */
bool blipmq_queue_push(struct blipmq_queue *q, struct sk_buff *b, u64 mask)
{
	u32 bytes = blipmq_bundle_cb(b)->charge;
	u32 n = hweight64(mask);
	u64 used;

	if (READ_ONCE(q->chain.closed))
		return false;
	used = atomic64_add_return(queue_pack(n, bytes), &q->used);
	if (unlikely(queue_is_over(q, used, bytes))) {
		mask = queue_make_room(q, mask, bytes);
		if (!mask)
			goto wake;
		n = hweight64(mask);
	}
	if (unlikely(!queue_chain_push(q, b, mask))) {
		blipmq_queue_release(q, n, bytes);
		return false;
	}
	atomic64_add(n, &q->matched);
	/* Pairs with the barrier in blipmq_queue_arm(). */
	smp_mb__after_atomic();
	blipmq_queue_wake(q);
	return true;

wake:
	smp_mb();	/* as above: losses are news, too */
	blipmq_queue_wake(q);
	return false;
}

void __blipmq_queue_wake(struct blipmq_queue *q)
{
	struct sock *sk = &queue_sock(q)->sk;

	if (xchg(&q->armed, 0))
		sk->sk_data_ready(sk);
}

/*
 * How many losses belong before position @pos: all of them, or those before
 * the latest gap when that one began behind @pos.
 */
static u64 queue_lost_before(struct blipmq_queue *q, u64 pos)
{
	u64 lost, n;

	spin_lock(&q->chain.head_lock);
	lost = q->gap_end > pos ? q->lost_before : q->lost;
	spin_unlock(&q->chain.head_lock);
	if (lost <= q->lost_seen)
		return 0;
	n = lost - q->lost_seen;
	WRITE_ONCE(q->lost_seen, lost);
	return n;
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
		messages += hweight64(slot.mask);
		blipmq_queue_release(q, hweight64(slot.mask),
				     blipmq_bundle_cb(slot.bundle)->charge);
		blipmq_bundle_put(slot.bundle);
	}
	return messages;
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
	struct blipmq_ring *ring = blipmq_chain_close(&q->chain);
	u32 messages = 0;

	while (ring) {
		messages += queue_drain(q, ring);
		ring = blipmq_chain_free_first(&q->chain, ring);
	}
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
	blipmq_chain_destroy(&q->chain);
}
