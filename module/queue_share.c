// SPDX-License-Identifier: GPL-2.0
/*
 * What a receive queue has reserved of its user's share. It reserves ahead and
 * gives back late, so that a message touches nothing but its queue.
 */
#include <linux/minmax.h>

#include "event.h"
#include "queue.h"
#include "user.h"

/*
 * Half of what waits is reserved ahead, up to a chunk, so that many queues with
 * a message each do not use up the share.
 */
#define AHEAD_MAX	SZ_64K

static u64 share_ahead(u64 bytes)
{
	return max_t(u64, bytes + min_t(u64, bytes / 2, AHEAD_MAX),
		     BLIPMQ_QUEUE_IDLE);
}

/**
 * blipmq_queue_reserve() - reserve for what waits
 * @q: the queue
 * @bytes: what waits
 *
 * Context: an RCU read-side section.
 * Return: false when it is more than the user's share.
 */
bool blipmq_queue_reserve(struct blipmq_queue *q, u64 bytes)
{
	bool done = true;
	u64 want;

	spin_lock(&q->chain.head_lock);
	if (bytes > q->reserved) {
		want = share_ahead(bytes);
		done = blipmq_user_reserve(q->user, want - q->reserved);
		if (!done) {
			want = bytes;
			done = blipmq_user_reserve(q->user,
						   want - q->reserved);
		}
		if (done)
			WRITE_ONCE(q->reserved, want);
	}
	spin_unlock(&q->chain.head_lock);
	if (unlikely(!done))
		blipmq_event_limit(q->chain.ns, BLIPMQ_A_LIMITS_SHARE_BYTES);
	return done;
}

/**
 * blipmq_queue_give_back() - reserve no more than what waits is worth
 * @q: the queue
 *
 * Context: any but interrupts.
 */
void blipmq_queue_give_back(struct blipmq_queue *q)
{
	u64 bytes, want, old;

	spin_lock(&q->chain.head_lock);
	old = q->reserved;
	want = share_ahead(blipmq_used_bytes(atomic64_read(&q->used)));
	if (want < old) {
		WRITE_ONCE(q->reserved, want);
		/*
		 * Pairs with the addition in blipmq_queue_push(): who did not
		 * see the new number is seen here.
		 */
		smp_mb();
		bytes = blipmq_used_bytes(atomic64_read(&q->used));
		if (bytes > want) {
			want = min(bytes, old);
			WRITE_ONCE(q->reserved, want);
		}
		blipmq_user_charge(q->user, (s64)want - (s64)old);
	}
	spin_unlock(&q->chain.head_lock);
}

/**
 * blipmq_queue_set_user() - what waits counts for somebody else from now on
 * @q: the queue
 * @user: who, with a reference
 *
 * Context: any but interrupts.
 * Return: who it was, with a reference.
 */
struct blipmq_user *blipmq_queue_set_user(struct blipmq_queue *q,
					  struct blipmq_user *user)
{
	struct blipmq_user *old;

	spin_lock(&q->chain.head_lock);
	old = q->user;
	blipmq_user_charge(old, -(s64)q->reserved);
	blipmq_user_charge(user, q->reserved);
	q->user = user;
	spin_unlock(&q->chain.head_lock);
	return old;
}
