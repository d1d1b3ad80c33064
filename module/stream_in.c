// SPDX-License-Identifier: GPL-2.0
/*
 * From the bytes of a write to bundles of whole frames.
 *
 * Bytes are copied in bulk, once; then only headers are walked. What was
 * copied and does not belong to the bundle any more is left in the writer's
 * memory for the next one. A frame that the write does not end is kept, and
 * grows with the bytes that come.
 */
#include <linux/nospec.h>
#include <linux/uio.h>

#include "answers.h"
#include "bundle.h"
#include "fanout.h"
#include "lane.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "stream_in.h"
#include "subscription.h"

/*
 * The most that an unfinished frame grows by at once; once so much of it has come,
 * by a large page.
 */
#define GROW_MAX	SZ_64K
#define GROW_HUGE	SZ_2M

/*
 * Publish the frames up to @offset, @frames in number; when that cannot be
 * done, both are set back to what took effect.
 */
static int batch_publish(struct blipmq_sock *bs, struct blipmq_batch *batch,
			 struct sk_buff *b, u32 *offset, u32 *frames)
{
	u32 max = bs->input.frames_max;
	int err;

	if (!batch->nr_topics)
		return 0;
	blipmq_bundle_live(b, batch->ttl_ms ?: bs->ttl_ms);
	blipmq_bundle_seal(b, *offset, *frames);
	err = blipmq_fanout(bs, b, batch->topics, batch->nr_topics,
			    batch->retains ? &batch->retain : NULL);
	if (unlikely(err)) {
		if (batch->retains)
			blipmq_retain_cancel(bs->ns, &batch->retain);
		blipmq_stream_undo(bs, batch, b, *offset);
		*offset = batch->first;
		*frames = batch->first_index;
	} else if (unlikely(max < BLIPMQ_BUNDLE_FRAMES)) {
		bs->input.frames_max = min(2 * max, BLIPMQ_BUNDLE_FRAMES);
	}
	return err;
}

/*
 * The frames of a bundle, up to the first that is not whole, or that has to
 * wait for what is before it.
 *
 * @payload_max: the limit that the first frame was judged by
 * @consumed: set to the bytes of the frames that took effect
 */
static int bundle_parse(struct blipmq_sock *bs, struct sk_buff *b, u32 len,
			u32 payload_max, u32 *consumed)
{
	struct blipmq_batch batch;
	struct blipmq_verdict v;
	struct blipmq_frame f;
	u32 offset = 0, n = 0;
	int ret = 0, err;

	batch.nr_topics = 0;
	batch.lane = BLIPMQ_LANE_DIRECT;
	batch.retains = false;
	batch.plain = false;
	memset(batch.slots, 0, sizeof(batch.slots));
	while (n < bs->input.frames_max &&
	       len - offset >= BLIPMQ_FRAME_HEADER &&
	       offset + BLIPMQ_FRAME_HEADER <= skb_headlen(b)) {
		blipmq_frame_decode(&f, blipmq_bundle_head(b, offset,
							   sizeof(u64)));
		v = blipmq_frame_check_header(&f, payload_max);
		/* The next round finds it first, with this bundle published. */
		if (v.code || f.size > len - offset)
			break;
		ret = blipmq_stream_frame(bs, &batch, b, offset, &f, n);
		if (ret < 0 || ret == BLIPMQ_FRAME_BARRIER)
			break;
		/* Not beyond the bundle, whatever was guessed of the check. */
		offset = array_index_nospec(offset + f.size, len + 1);
		n++;
		if (ret == BLIPMQ_FRAME_LAST)
			break;
		if (blipmq_answers_full(&bs->answers, bs->ns))
			break;
		if (batch.plain && offset < len)
			blipmq_stream_follow(bs, &batch, b, len, payload_max,
					     &offset, &n);
	}
	err = batch_publish(bs, &batch, b, &offset, &n);
	if (unlikely(err))
		ret = err;
	blipmq_stream_show_answers(bs);
	if (n)
		bs->input.average = offset / n;
	*consumed = offset;
	/* Frames before the one that failed have taken effect: go on. */
	return ret < 0 && !offset ? ret : 0;
}

/*
 * How many bytes to take at once: a bundle's worth of frames like the first
 * one and those before, so that little is copied twice.
 */
static u32 bundle_guess(const struct blipmq_input *in, u32 first, size_t avail)
{
	u32 frame = in->average ? min(in->average, first) : first;
	u32 bytes = min(frame * in->frames_max, BLIPMQ_BUNDLE_LINEAR);

	return min_t(size_t, avail, max(bytes, first));
}

/* At least one whole frame is there. */
static int ingest_bulk(struct blipmq_sock *bs, struct iov_iter *from, u32 first,
		       const u8 *header, u32 payload_max, u64 called)
{
	u32 consumed = 0, len;
	struct sk_buff *b;
	int err;

	if (first > BLIPMQ_BUNDLE_LINEAR)
		len = first;
	else
		len = bundle_guess(&bs->input, first, iov_iter_count(from));
	b = blipmq_bundle_alloc(bs->sender, len, BLIPMQ_BUNDLE_GFP);
	if (!b)
		return -ENOMEM;
	blipmq_bundle_cb(b)->called = called;
	err = blipmq_bundle_fill(b, 0, from, len);
	if (!err) {
		/* The writer may have changed it since; this one was judged. */
		memcpy(b->data, header, BLIPMQ_FRAME_HEADER);
		err = bundle_parse(bs, b, len, payload_max, &consumed);
		iov_iter_revert(from, len - consumed);
	}
	blipmq_bundle_put(b);
	return err;
}

/*
 * Room for more of an unfinished frame: what is there to be taken, or as much
 * again as came already. When the namespace has no memory for messages left,
 * the rest of a PUB is skipped, and the frame refused once it is whole.
 */
static int input_grow(struct blipmq_sock *bs, size_t avail)
{
	struct blipmq_input *in = &bs->input;
	u32 more, most;

	if (!in->bundle) {
		more = min(in->frame.size, BLIPMQ_BUNDLE_HEAD);
		in->bundle = blipmq_bundle_alloc(bs->sender, more,
						 BLIPMQ_BUNDLE_GFP);
		if (!in->bundle)
			return -ENOMEM;
		memcpy(in->bundle->data, in->header, BLIPMQ_FRAME_HEADER);
		return 0;
	}
	if (in->frame.op == BLIPMQ_OP_PUB &&
	    (blipmq_net_is_full(bs->ns) ||
	     !blipmq_sender_admits(bs->sender,
				   blipmq_bundle_cb(in->bundle)->charge))) {
		in->skipped = true;
		return 0;
	}
	most = in->have < GROW_HUGE ? GROW_MAX : GROW_HUGE;
	more = min_t(size_t, max_t(size_t, in->have, avail), most);
	more = min(more, in->frame.size - in->bundle->len);
	return blipmq_bundle_extend(in->bundle, more, BLIPMQ_BUNDLE_GFP);
}

/*
 * The rest of a header, and room for what follows it. On an error nothing is
 * taken.
 */
static int ingest_header(struct blipmq_sock *bs, struct iov_iter *from)
{
	struct blipmq_input *in = &bs->input;
	u8 part[BLIPMQ_FRAME_HEADER];
	struct blipmq_verdict v;
	int err;
	u32 n;

	/* By way of the stack: sockets are no place for copies from users. */
	n = min_t(size_t, BLIPMQ_FRAME_HEADER - in->have, iov_iter_count(from));
	if (!copy_from_iter_full(part, n, from))
		return -EFAULT;
	memcpy(in->header + in->have, part, n);
	in->have += n;
	if (in->have < BLIPMQ_FRAME_HEADER)
		return 0;
	/* Left of a frame of eight bytes whose last one was taken back. */
	if (in->bundle)
		blipmq_bundle_put(in->bundle);
	in->bundle = NULL;
	blipmq_frame_decode(&in->frame, in->header);
	v = blipmq_frame_check_header(&in->frame,
				      READ_ONCE(bs->ns->limits.payload_bytes));
	err = v.code ? blipmq_stream_fail(bs, v) :
		       input_grow(bs, iov_iter_count(from));
	if (err) {
		in->have -= n;
		iov_iter_revert(from, n);
	} else if (v.code) {
		in->have = 0;
	}
	return err;
}

/*
 * The frame is whole: a bundle of one. Nothing but want of memory, or of room
 * in a queue that blocks, keeps it from taking effect, and then its last byte
 * is taken back, so that the writer comes again with it.
 */
static int ingest_finished(struct blipmq_sock *bs, struct iov_iter *from,
			   u64 called)
{
	struct blipmq_input *in = &bs->input;
	struct sk_buff *b = in->bundle;
	u8 head[BLIPMQ_FRAME_HEADER + BLIPMQ_FRAME_TOPIC_MAX +
		BLIPMQ_FRAME_PUB_FIXED];
	u32 head_len = min_t(u32, sizeof(head), skb_headlen(b));
	u32 consumed;
	int err;

	/* It may have come bit by bit: this is the call that counts. */
	blipmq_bundle_cb(b)->called = called;
	/* What may be written over when it becomes a MSG. */
	memcpy(head, b->data, head_len);
	/* Its header was judged when it came. */
	err = bundle_parse(bs, b, in->have, BLIPMQ_FRAME_PAYLOAD_MAX,
			   &consumed);
	if (err) {
		memcpy(b->data, head, head_len);
		in->have--;
		iov_iter_revert(from, 1);
		return err;
	}
	in->bundle = NULL;
	in->have = 0;
	in->skipped = false;
	blipmq_bundle_put(b);
	return 0;
}

/* Bytes of a frame whose header is there, as far as there is room. */
static int ingest_bytes(struct blipmq_input *in, struct iov_iter *from)
{
	u32 n;
	int err;

	if (in->skipped) {
		n = min_t(size_t, in->frame.size - in->have,
			  iov_iter_count(from));
		iov_iter_advance(from, n);
	} else {
		n = min_t(size_t, in->bundle->len - in->have,
			  iov_iter_count(from));
		err = blipmq_bundle_fill(in->bundle, in->have, from, n);
		if (err)
			return err;
	}
	in->have += n;
	return 0;
}

/* A frame that one write begins and another one ends. */
static int ingest_partial(struct blipmq_sock *bs, struct iov_iter *from,
			  u64 called)
{
	struct blipmq_input *in = &bs->input;
	int err;

	if (in->have < BLIPMQ_FRAME_HEADER) {
		err = ingest_header(bs, from);
		if (err || in->have < BLIPMQ_FRAME_HEADER)
			return err;
	} else if (in->have == in->bundle->len && !in->skipped) {
		err = input_grow(bs, iov_iter_count(from));
		if (err)
			return err;
	}
	err = ingest_bytes(in, from);
	if (err)
		return err;
	if (in->have == in->frame.size)
		return ingest_finished(bs, from, called);
	return 0;
}

/**
 * blipmq_stream_ingest() - take what a write brings
 * @bs: the stream, whose input has not ended
 * @from: the bytes, at least one; advanced by what was taken
 * @called: as in struct blipmq_bundle_cb
 *
 * Takes one bundle's worth, so the caller comes again for the rest.
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0, -EFAULT, -EINTR or -ENOMEM, -EAGAIN when a leg blocks; after an error
 * the bytes that were not taken have had no effect.
 */
int blipmq_stream_ingest(struct blipmq_sock *bs, struct iov_iter *from,
			 u64 called)
{
	u32 payload_max = READ_ONCE(bs->ns->limits.payload_bytes);
	u8 header[BLIPMQ_FRAME_HEADER];
	struct blipmq_verdict v;
	struct blipmq_frame f;

	lockdep_assert_held(&bs->tx_lock);
	if (bs->input.have || iov_iter_count(from) < sizeof(header))
		return ingest_partial(bs, from, called);
	if (!copy_from_iter_full(header, sizeof(header), from))
		return -EFAULT;
	iov_iter_revert(from, sizeof(header));
	blipmq_frame_decode(&f, header);
	v = blipmq_frame_check_header(&f, payload_max);
	/* A bad header is answered where headers are kept. */
	if (v.code || f.size > iov_iter_count(from))
		return ingest_partial(bs, from, called);
	return ingest_bulk(bs, from, f.size, header, payload_max, called);
}

/**
 * blipmq_stream_drop_input() - give up the unfinished frame
 * @bs: the stream
 *
 * Context: tx_lock is held.
 */
void blipmq_stream_drop_input(struct blipmq_sock *bs)
{
	struct blipmq_input *in = &bs->input;

	if (!in->have)
		return;
	blipmq_count(&bs->partial, 1);
	if (in->bundle)
		blipmq_bundle_put(in->bundle);
	in->bundle = NULL;
	in->have = 0;
	in->skipped = false;
}

/**
 * blipmq_stream_end_input() - QUIT, or the end of the stream
 * @bs: the stream
 *
 * Nothing more is published or queued; what is queued can be read.
 *
 * Context: tx_lock is held; may sleep.
 */
void blipmq_stream_end_input(struct blipmq_sock *bs)
{
	blipmq_unsubscribe_all(bs);
	blipmq_queue_seal(&bs->queue);
	blipmq_stream_show_answers(bs);
	blipmq_sock_end(bs, BLIPMQ_TX_ENDED | BLIPMQ_DRAINING);
}
