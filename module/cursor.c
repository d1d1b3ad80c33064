// SPDX-License-Identifier: GPL-2.0
/*
 * Walking the frames of a bundle that are meant for a reader.
 */
#include <linux/bitops.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "bundle.h"
#include "cursor.h"
#include "latency.h"
#include "queue.h"
#include "trace.h"

/* Messages whose time is over that are dropped without letting others run. */
#define EXPIRED_AT_ONCE	64U

/* Go on to the first frame that is still to be read. */
static void cursor_seek(struct blipmq_cursor *c)
{
	u32 first = __ffs64(c->mask);

	while (c->index < first) {
		c->offset += blipmq_bundle_frame_size(c->bundle, c->offset);
		c->index++;
	}
}

/* Frames do not wait any more, nor does the bundle if they were the last. */
static void cursor_release(struct blipmq_cursor *c, struct blipmq_queue *q,
			   u32 messages)
{
	struct sk_buff *b = c->bundle;

	if (c->mask) {
		blipmq_queue_release(q, messages, 0);
		return;
	}
	WRITE_ONCE(c->bundle, NULL);
	blipmq_queue_release(q, messages, blipmq_bundle_cb(b)->charge);
	blipmq_bundle_put(b);
}

/**
 * blipmq_cursor_expire() - give up the frames whose time is over
 * @c: the cursor, whose current frame the reader has not begun
 * @q: whose it is
 *
 * Context: the reader's lock is held.
 */
void blipmq_cursor_expire(struct blipmq_cursor *c, struct blipmq_queue *q)
{
	if (c->bundle && blipmq_bundle_expired(c->bundle))
		blipmq_cursor_drop(c, q, BLIPMQ_DROP_EXPIRED);
}

/**
 * blipmq_cursor_load() - have something to read
 * @c: the cursor
 * @q: where from
 * @begun: the reader has begun or seen the current frame, which does not
 *	expire any more
 *
 * Publishers may be as fast with what expires at once as this is with dropping it:
 * others run in between, and who is to be killed comes to it.
 *
 * Context: the reader's lock is held; may sleep.
 * Return: false when there is nothing, or a signal has come meanwhile.
 */
bool blipmq_cursor_load(struct blipmq_cursor *c, struct blipmq_queue *q,
			bool begun)
{
	struct blipmq_entry entry;
	u32 n = 0;

	if (c->bundle && !begun)
		blipmq_cursor_expire(c, q);
	while (!c->bundle) {
		if (++n % EXPIRED_AT_ONCE == 0) {
			cond_resched();
			if (signal_pending(current))
				return false;
		}
		if (!blipmq_queue_pop(q, &entry))
			return false;
		c->mask = entry.mask;
		c->lost += entry.lost;
		c->offset = 0;
		c->done = 0;
		c->index = 0;
		WRITE_ONCE(c->bundle, entry.bundle);
		cursor_seek(c);
		blipmq_cursor_expire(c, q);
	}
	return true;
}

/* As late as can be, the bundle's end included: the reader waits for it. */
static noinline void cursor_release_measured(struct blipmq_cursor *c,
					     struct blipmq_queue *q,
					     u32 messages)
{
	const struct blipmq_bundle_cb *cb = blipmq_bundle_cb(c->bundle);
	u64 called = cb->called;
	u64 enqueued = READ_ONCE(cb->enqueued);

	cursor_release(c, q, messages);
	blipmq_latency_read(q, called, enqueued, messages);
}

/* The frames of @mask, which the cursor has gone past, were read. */
static void cursor_delivered(struct blipmq_cursor *c, struct blipmq_queue *q,
			     u64 mask, u32 messages)
{
	trace_blipmq_deliver(q, c->bundle, mask);
	if (unlikely(blipmq_bundle_cb(c->bundle)->called))
		cursor_release_measured(c, q, messages);
	else
		cursor_release(c, q, messages);
}

/**
 * blipmq_cursor_next() - the current frame was read
 * @c: the cursor
 * @q: whose it is
 * @size: bytes of the current frame
 *
 * Context: the reader's lock is held.
 */
void blipmq_cursor_next(struct blipmq_cursor *c, struct blipmq_queue *q,
			u32 size)
{
	u64 frame = c->mask & -c->mask;

	c->mask ^= frame;
	c->done = 0;
	cursor_delivered(c, q, frame, 1);
	if (!c->mask)
		return;
	c->offset += size;
	c->index++;
	cursor_seek(c);
}

/*
 * Frames from the current one on that lie side by side and are all to be
 * read: to the end of the bundle without a look at them when the mask has
 * them all.
 */
static u32 cursor_run(const struct blipmq_cursor *c, u32 *frames)
{
	const struct blipmq_bundle_cb *cb = blipmq_bundle_cb(c->bundle);
	u64 run = c->mask >> c->index;
	u32 n, i, end = c->offset;

	n = ~run ? __ffs64(~run) : BLIPMQ_BUNDLE_FRAMES;
	*frames = n;
	if (c->index + n == cb->nr_frames)
		return cb->len - c->offset;
	for (i = 0; i < n; i++)
		end += blipmq_bundle_frame_size(c->bundle, end);
	return end - c->offset;
}

/* The first @bytes from the current frame on were read. */
static void cursor_advance(struct blipmq_cursor *c, struct blipmq_queue *q,
			   u32 bytes, struct blipmq_read *read)
{
	u32 size;

	for (;;) {
		size = blipmq_bundle_frame_size(c->bundle, c->offset);
		if (bytes < size)
			break;
		bytes -= size;
		read->messages++;
		read->bytes += size;
		blipmq_cursor_next(c, q, size);
		if (!bytes)
			return;
	}
	c->done = bytes;
}

/* Small bundles without the detours of large ones. */
static bool cursor_copy_bytes(const struct sk_buff *b, u32 offset, u32 n,
			      struct iov_iter *to)
{
	size_t before = iov_iter_count(to);

	if (offset + n <= skb_headlen(b)) {
		if (likely(copy_to_iter(b->data + offset, n, to) == n))
			return true;
	} else if (!skb_copy_datagram_iter(b, offset, to, n)) {
		return true;
	}
	iov_iter_revert(to, before - iov_iter_count(to));
	return false;
}

/*
 * Whole runs of frames, as many as fit. What is given back to the queue is given
 * back once.
 *
 * Return: bytes copied; 0 when the first run does not fit, or cannot be copied.
 */
static u32 cursor_copy_runs(struct blipmq_cursor *c, struct blipmq_queue *q,
			    struct iov_iter *to, struct blipmq_read *read)
{
	u32 frames, run, n, copied = 0, bytes = 0;
	u64 mask = c->mask;

	while (c->mask) {
		run = cursor_run(c, &frames);
		n = run - c->done;
		if (n > iov_iter_count(to) ||
		    !cursor_copy_bytes(c->bundle, c->offset + c->done, n, to))
			break;
		copied += n;
		bytes += run;
		c->done = 0;
		c->offset += run;
		c->index += frames;
		if (c->index == BLIPMQ_BUNDLE_FRAMES)
			c->mask = 0;
		else
			c->mask &= ~0ULL << c->index;
		if (c->mask)
			cursor_seek(c);
	}
	mask ^= c->mask;
	if (!mask)
		return 0;
	n = hweight64(mask);
	read->messages += n;
	read->bytes += bytes;
	cursor_delivered(c, q, mask, n);
	return copied;
}

/**
 * blipmq_cursor_copy() - read frames as they stand
 * @c: the cursor, loaded
 * @q: whose it is
 * @to: where to
 * @how: whether to read more than the current frame, and whether to move
 * @read: what came to its end is added
 *
 * Copies frames of one bundle, as far as they fit.
 *
 * Context: the reader's lock is held; may sleep on user memory.
 * Return: bytes copied, or -EFAULT with nothing moved.
 */
int blipmq_cursor_copy(struct blipmq_cursor *c, struct blipmq_queue *q,
		       struct iov_iter *to, enum blipmq_cursor_how how,
		       struct blipmq_read *read)
{
	u32 frames, run, n;

	if (how == BLIPMQ_CURSOR_RUN) {
		n = cursor_copy_runs(c, q, to, read);
		if (n)
			return n;
		run = cursor_run(c, &frames);
	} else {
		run = blipmq_bundle_frame_size(c->bundle, c->offset);
	}
	n = min_t(size_t, iov_iter_count(to), run - c->done);
	if (!cursor_copy_bytes(c->bundle, c->offset + c->done, n, to))
		return -EFAULT;
	if (how != BLIPMQ_CURSOR_PEEK)
		cursor_advance(c, q, c->done + n, read);
	return n;
}

/**
 * blipmq_cursor_drop() - give up what was not read
 * @c: the cursor
 * @q: whose it is
 * @reason: why those that were not read to their end are dropped
 *
 * Context: the reader's lock is held.
 */
void blipmq_cursor_drop(struct blipmq_cursor *c, struct blipmq_queue *q,
			enum blipmq_drop reason)
{
	u32 n;

	if (!c->bundle)
		return;
	n = hweight64(c->mask);
	trace_blipmq_drop(q, c->bundle, c->mask, reason);
	c->mask = 0;
	cursor_release(c, q, n);
	blipmq_queue_drop(q, reason, n);
}
