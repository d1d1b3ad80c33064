/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a reader is in the bundle that it took from its queue.
 */
#ifndef _BLIPMQ_CURSOR_H
#define _BLIPMQ_CURSOR_H

#include <linux/uio.h>

#include "types.h"

/**
 * struct blipmq_cursor - a reader's place
 * @bundle: the bundle, NULL for none
 * @mask: frames that are not read to their end, the current one included
 * @lost: messages lost before the first of them, not reported yet
 * @offset: where the current frame starts in the bundle
 * @done: bytes of it that were read
 * @index: its number in the bundle
 *
 * What it holds counts as queued, and is not evicted.
 */
struct blipmq_cursor {
	struct sk_buff	*bundle;
	u64		mask;
	u64		lost;
	u32		offset;
	u32		done;
	u32		index;
};

/**
 * struct blipmq_read - what a step of reading brought to its end
 * @messages: messages
 * @bytes: their frame bytes
 */
struct blipmq_read {
	u32	messages;
	u64	bytes;
};

enum blipmq_cursor_how {
	BLIPMQ_CURSOR_RUN,	/* frames that lie side by side */
	BLIPMQ_CURSOR_FRAME,	/* the current frame */
	BLIPMQ_CURSOR_PEEK,	/* the same, without moving */
};

bool blipmq_cursor_load(struct blipmq_cursor *c, struct blipmq_queue *q,
			bool begun);
void blipmq_cursor_expire(struct blipmq_cursor *c, struct blipmq_queue *q);
void blipmq_cursor_next(struct blipmq_cursor *c, struct blipmq_queue *q,
			u32 size);
int blipmq_cursor_copy(struct blipmq_cursor *c, struct blipmq_queue *q,
		       struct iov_iter *to, enum blipmq_cursor_how how,
		       struct blipmq_read *read);
void blipmq_cursor_drop(struct blipmq_cursor *c, struct blipmq_queue *q,
			enum blipmq_drop reason);

#endif /* _BLIPMQ_CURSOR_H */
