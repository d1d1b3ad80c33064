// SPDX-License-Identifier: GPL-2.0
/*
 * Telling of readers that are too slow. While nobody listens nothing is kept.
 */
#include <linux/jiffies.h>

#include "event.h"
#include "slow.h"
#include "sock.h"

/* A queue that is calm again is not told of for so long. */
#define SLOW_PAUSE	HZ

static bool queue_is_calm(struct blipmq_queue *q)
{
	u64 used = atomic64_read(&q->used);

	return blipmq_used_messages(used) <=
		       READ_ONCE(q->limit_messages) / 2 &&
	       blipmq_used_bytes(used) <= blipmq_queue_limit_bytes(q) / 2;
}

void __blipmq_slow_look(struct blipmq_queue *q)
{
	if (!queue_is_calm(q) ||
	    cmpxchg(&q->slow, BLIPMQ_SLOW_IS, BLIPMQ_SLOW_ENDS) !=
		    BLIPMQ_SLOW_IS)
		return;
	blipmq_event_slow(BLIPMQ_EVENT_KIND_SLOW_ENDED, blipmq_queue_sock(q));
	WRITE_ONCE(q->slow_again, jiffies + SLOW_PAUSE);
	/* Whoever begins again finds the time. */
	smp_store_release(&q->slow, BLIPMQ_SLOW_NOT);
}

void __blipmq_slow_begin(struct blipmq_queue *q)
{
	if (!blipmq_events_wanted()) {
		/* Nor is that asked for each message. */
		WRITE_ONCE(q->slow_again, jiffies + 1);
		return;
	}
	if (cmpxchg(&q->slow, BLIPMQ_SLOW_NOT, BLIPMQ_SLOW_BEGINS))
		return;
	/* It ended a moment ago. */
	if (time_before(jiffies, READ_ONCE(q->slow_again))) {
		WRITE_ONCE(q->slow, BLIPMQ_SLOW_NOT);
		return;
	}
	blipmq_event_slow(BLIPMQ_EVENT_KIND_SLOW_BEGAN, blipmq_queue_sock(q));
	WRITE_ONCE(q->slow, BLIPMQ_SLOW_IS);
	/* Who emptied the queue meanwhile did not see that it is slow. */
	smp_mb();	/* pairs with the subtraction in blipmq_queue_release() */
	__blipmq_slow_look(q);
}
