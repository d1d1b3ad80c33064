// SPDX-License-Identifier: GPL-2.0
/*
 * What a full receive queue does with new messages: the policies that
 * BLIPMQ_OVERFLOW names. A queue with room never gets here.
 */
#include <linux/bitops.h>
#include <linux/blipmq.h>

#include "bundle.h"
#include "queue.h"
#include "slow.h"
#include "sock.h"
#include "subscription.h"
#include "trace.h"

/* Only the oldest @keep of the frames in @mask. */
static u64 mask_oldest(u64 mask, u32 keep)
{
	u32 n = hweight64(mask);

	while (n-- > keep)
		mask ^= BIT_ULL(fls64(mask) - 1);
	return mask;
}

/*
 * Some were dropped, and then the queue was closed, which takes the others as
 * it takes what it holds.
 */
static void over_closed(struct blipmq_queue *q, struct sk_buff *b, u64 mask)
{
	u32 messages = hweight64(mask);

	trace_blipmq_drop(q, b, mask, BLIPMQ_DROP_CLOSED);
	atomic64_add(messages, &q->matched);
	blipmq_queue_drop(q, BLIPMQ_DROP_CLOSED, messages);
}

static enum blipmq_push over_drop_oldest(struct blipmq_queue *q,
					 struct sk_buff *b, u64 mask)
{
	enum blipmq_push pushed;
	u64 kept;

	kept = blipmq_queue_make_room(q, mask, blipmq_bundle_cb(b)->charge);
	if (kept != mask)
		trace_blipmq_drop(q, b, mask & ~kept, BLIPMQ_DROP_OVERFLOW);
	if (kept) {
		pushed = blipmq_queue_push_charged(q, b, kept);
		if (pushed != BLIPMQ_PUSH_CLOSED || kept == mask)
			return pushed;
		over_closed(q, b, kept);
		return BLIPMQ_PUSH_DROPPED;
	}
	smp_mb();	/* pairs with blipmq_queue_arm(): losses are news */
	blipmq_queue_wake(q);
	return BLIPMQ_PUSH_DROPPED;
}

/* What fits is taken, the first frames of the bundle. */
static enum blipmq_push over_drop_new(struct blipmq_queue *q,
				      struct sk_buff *b, u64 mask)
{
	enum blipmq_push pushed = BLIPMQ_PUSH_DROPPED;
	u32 bytes = blipmq_bundle_cb(b)->charge;
	u32 n = hweight64(mask);
	u32 room = blipmq_queue_room(q, n, bytes);
	u64 kept;

	if (room == n)
		return blipmq_queue_push_charged(q, b, mask);
	blipmq_queue_release(q, n - room, room ? 0 : bytes);
	kept = mask_oldest(mask, room);
	if (room)
		pushed = blipmq_queue_push_charged(q, b, kept);
	if (pushed == BLIPMQ_PUSH_CLOSED) {
		over_closed(q, b, kept);
		pushed = BLIPMQ_PUSH_DROPPED;
	}
	/* Behind those that were taken. */
	trace_blipmq_drop(q, b, mask & ~kept, BLIPMQ_DROP_OVERFLOW);
	atomic64_add(n - room, &q->matched);
	blipmq_queue_drop_new(q, BLIPMQ_DROP_OVERFLOW, n - room);
	smp_mb();	/* pairs with blipmq_queue_arm(): losses are news */
	blipmq_queue_wake(q);
	return pushed;
}

static enum blipmq_push over_disconnect(struct blipmq_queue *q,
					struct sk_buff *b, u64 mask)
{
	u32 n = hweight64(mask);

	blipmq_queue_release(q, n, blipmq_bundle_cb(b)->charge);
	atomic64_add(n, &q->matched);
	trace_blipmq_drop(q, b, mask, BLIPMQ_DROP_OVERFLOW);
	blipmq_queue_cut(q, BLIPMQ_DROP_OVERFLOW, n);
	return BLIPMQ_PUSH_DROPPED;
}

/**
 * blipmq_queue_push_over() - push to a queue that has no room
 * @q: the queue
 * @b: the bundle; one of the caller's references becomes the queue's
 * @mask: which of its frames; they are charged
 *
 * Context: an RCU read-side section; does not sleep.
 * Return: as blipmq_queue_push().
 */
enum blipmq_push blipmq_queue_push_over(struct blipmq_queue *q,
					struct sk_buff *b, u64 mask)
{
	blipmq_slow_begin(q);
	switch (READ_ONCE(q->policy)) {
	case BLIPMQ_OVERFLOW_DROP_NEW:
	/* A publisher's own, or one that blocks since a moment ago. */
	case BLIPMQ_OVERFLOW_BLOCK:
		return over_drop_new(q, b, mask);
	case BLIPMQ_OVERFLOW_DISCONNECT:
		return over_disconnect(q, b, mask);
	}
	return over_drop_oldest(q, b, mask);
}

static void block_end(struct blipmq_sock *bs)
{
	blipmq_subscriptions_block(bs, false);
	blipmq_queue_let_go(&bs->queue);
}

/**
 * blipmq_sock_stop_blocking() - drop-new, for who may not block any more
 * @bs: the socket, whose policy is block
 *
 * Context: rules_sem is held for writing, or for reading with the tx_lock of the
 * socket.
 */
void blipmq_sock_stop_blocking(struct blipmq_sock *bs)
{
	lockdep_assert_held(&bs->ns->rules_sem);
	WRITE_ONCE(bs->queue.policy, BLIPMQ_OVERFLOW_DROP_NEW);
	block_end(bs);
}

/**
 * blipmq_sock_set_policy() - say what a socket's queue does when it is full
 * @bs: the socket
 * @policy: enum blipmq_overflow
 *
 * What is queued stays, and is delivered first. Publishers that are under way
 * go by the policy that they find; those that have no credit when it becomes
 * block are as with drop-new. What waits under conflate stays ahead of what
 * comes; what waited before conflate is not replaced.
 *
 * Context: tx_lock is held, and rules_sem for reading; may sleep.
 * Return: 0; -EINVAL when there is no such policy; -ENOMEM with the policy as
 * it was.
 */
int blipmq_sock_set_policy(struct blipmq_sock *bs, u32 policy)
{
	struct blipmq_queue *q = &bs->queue;
	u32 old = q->policy;

	lockdep_assert_held(&bs->tx_lock);
	lockdep_assert_held(&bs->ns->rules_sem);
	if (policy > BLIPMQ_OVERFLOW_CONFLATE)
		return -EINVAL;
	if (policy == old)
		return 0;
	if (policy == BLIPMQ_OVERFLOW_CONFLATE && blipmq_conflate_begin(q))
		return -ENOMEM;
	/* Sets count the legs that block for as long as they may. */
	if (policy == BLIPMQ_OVERFLOW_BLOCK)
		blipmq_subscriptions_block(bs, true);
	WRITE_ONCE(q->policy, policy);
	if (old == BLIPMQ_OVERFLOW_BLOCK)
		block_end(bs);
	if (old == BLIPMQ_OVERFLOW_CONFLATE) {
		blipmq_conflate_end(q);
		/* A bundle that several topics share is charged for each. */
		blipmq_queue_set_limits(q, q->limit_messages, q->limit_bytes);
	}
	return 0;
}
