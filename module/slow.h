/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Readers that are too slow: from the moment when their queue overflows, or
 * keeps a publisher waiting, until no more than half of it is in use.
 */
#ifndef _BLIPMQ_SLOW_H
#define _BLIPMQ_SLOW_H

#include <linux/jiffies.h>

#include "queue.h"

/* struct blipmq_queue.slow; who changes it from one of the first two tells. */
enum blipmq_slow {
	BLIPMQ_SLOW_NOT,
	BLIPMQ_SLOW_IS,
	BLIPMQ_SLOW_BEGINS,	/* is being told */
	BLIPMQ_SLOW_ENDS,	/* likewise */
};

void __blipmq_slow_begin(struct blipmq_queue *q);
void __blipmq_slow_look(struct blipmq_queue *q);

/**
 * blipmq_slow_begin() - there is no room in a queue
 * @q: the queue
 *
 * Context: an RCU read-side section, or the socket is held; any but interrupts.
 */
static inline void blipmq_slow_begin(struct blipmq_queue *q)
{
	if (!READ_ONCE(q->slow) && time_after_eq(jiffies,
						 READ_ONCE(q->slow_again)))
		__blipmq_slow_begin(q);
}

#endif /* _BLIPMQ_SLOW_H */
