// SPDX-License-Identifier: GPL-2.0
/*
 * What each frame of a client does; for PUB see stream_publish.c.
 */
#include <linux/errno.h>

#include "answers.h"
#include "bundle.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "stream_in.h"
#include "subscription.h"

/* How long a failed stream's input is ignored, so that the ERR arrives. */
#define DISCARD_TIME	HZ

static void frame_refuse(struct blipmq_sock *bs, const u8 *topic, u8 topic_len,
			 u32 tag, struct blipmq_verdict v)
{
	blipmq_count(&bs->refused, 1);
	blipmq_answers_err(&bs->answers, topic, topic_len, tag, v.code, v.text);
}

/**
 * blipmq_stream_show_answers() - let the reader have the answers so far
 * @bs: the stream
 *
 * What they confirm has taken effect.
 *
 * Context: tx_lock is held.
 */
void blipmq_stream_show_answers(struct blipmq_sock *bs)
{
	if (!blipmq_answers_show(&bs->answers))
		return;
	smp_mb();	/* pairs with blipmq_queue_arm() */
	blipmq_queue_wake(&bs->queue);
}

static void stream_failed(struct blipmq_sock *bs)
{
	/* Who has ended its input is not writing, or is told so. */
	bs->discard_until = jiffies;
	if (!(bs->state & BLIPMQ_TX_ENDED))
		bs->discard_until += DISCARD_TIME;
	blipmq_unsubscribe_all(bs);
	blipmq_queue_close(&bs->queue);
	blipmq_stream_show_answers(bs);
	blipmq_sock_end(bs, BLIPMQ_TX_ENDED | BLIPMQ_FAILED);
}

/**
 * blipmq_stream_fail() - a header that ends the connection
 * @bs: the stream
 * @v: what is wrong with it; fatal
 *
 * What came before has been published. The topic may not have arrived, and
 * after an error of this kind it would mean nothing, so it is not echoed.
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0, or -ENOMEM with nothing done.
 */
int blipmq_stream_fail(struct blipmq_sock *bs, struct blipmq_verdict v)
{
	if (blipmq_answers_reserve(&bs->answers, bs->sender))
		return -ENOMEM;
	frame_refuse(bs, NULL, 0, 0, v);
	stream_failed(bs);
	return 0;
}

/**
 * blipmq_stream_disconnect() - end a connection whose queue overflowed
 * @bs: the stream
 *
 * Its client gets the ERR and the end of file, or when there is no memory for
 * the one, the other alone.
 *
 * Context: tx_lock is held; may sleep.
 */
void blipmq_stream_disconnect(struct blipmq_sock *bs)
{
	if (!blipmq_answers_reserve(&bs->answers, bs->sender))
		blipmq_answers_err(&bs->answers, NULL, 0, 0, BLIPMQ_CODE_LIMIT,
				   "receive queue is full");
	stream_failed(bs);
}

/**
 * blipmq_stream_refuse() - refuse a whole frame
 * @bs: the stream
 * @batch: the messages before it
 * @f: its header
 * @topic: its topic, echoed if the frame has one
 * @tag: its tag, 0 when it has none
 * @v: what is wrong with it; where the code says so, the connection ends
 *
 * Context: tx_lock is held, and there is room for the answer; may sleep.
 * Return: enum blipmq_frame_result.
 */
int blipmq_stream_refuse(struct blipmq_sock *bs,
			 const struct blipmq_batch *batch,
			 const struct blipmq_frame *f, const u8 *topic, u32 tag,
			 struct blipmq_verdict v)
{
	bool fatal = blipmq_code_is_fatal(v.code);
	u8 topic_len = f->topic_len;

	if (fatal && batch->nr_topics)
		return BLIPMQ_FRAME_BARRIER;
	if (f->size < BLIPMQ_FRAME_HEADER + topic_len)
		topic_len = 0;
	frame_refuse(bs, topic, topic_len, tag, v);
	if (!fatal)
		return BLIPMQ_FRAME_TAKEN;
	stream_failed(bs);
	return BLIPMQ_FRAME_LAST;
}

const struct blipmq_verdict blipmq_verdict_draining = {
	.code = BLIPMQ_CODE_DRAINING,
	.text = "the broker is draining",
};

static struct blipmq_verdict verdict_of(int err)
{
	struct blipmq_verdict v = { .code = BLIPMQ_CODE_LIMIT };

	switch (err) {
	case -ESHUTDOWN:
		return blipmq_verdict_draining;
	case 0:
		v.code = BLIPMQ_CODE_OK;
		break;
	case -ENOENT:
		v.code = BLIPMQ_CODE_NOT_FOUND;
		v.text = "not subscribed";
		break;
	case -ENOBUFS:
		v.text = "limit subscriptions or topics is reached";
		break;
	case -EDQUOT:
		v.text = "limit user-topics or user-patterns is reached";
		break;
	case -EACCES:
		v.code = BLIPMQ_CODE_FORBIDDEN;
		v.text = "not allowed";
		break;
	case -EINVAL:
	case -ENOPROTOOPT:
		v.code = BLIPMQ_CODE_INVALID;
		v.text = "invalid option or value";
		break;
	case -EPIPE:
		v.text = "the connection receives no more";
		break;
	default:
		v.text = "out of memory";
	}
	return v;
}

static struct blipmq_verdict frame_subscription(struct blipmq_sock *bs,
						const struct blipmq_frame *f,
						const u8 *topic,
						const u8 *body, u32 len)
{
	struct blipmq_verdict v;
	struct blipmq_names names = {
		.pattern = topic,
		.pattern_len = f->topic_len,
		.group = body + 1,
		.group_len = len ? body[0] : 0,
	};

	if (f->op == BLIPMQ_OP_UNSUB)
		return verdict_of(blipmq_unsubscribe(bs, &names));
	v = verdict_of(blipmq_subscribe(bs, &names));
	if (v.code == BLIPMQ_CODE_FORBIDDEN)
		v.text = "a rule does not let this user subscribe to all of it";
	return v;
}

static int frame_option(struct blipmq_sock *bs, const u8 *body, u32 len)
{
	u16 option = blipmq_get_le16(body);

	/* The options that a client may set are all 32 bits wide. */
	if (len != 6)
		return -EINVAL;
	return blipmq_sock_set_u32(bs, option, blipmq_get_le32(body + 2));
}

/*
 * Everything but PUB.
 */
static int frame_control(struct blipmq_sock *bs, struct blipmq_batch *batch,
			 struct sk_buff *b, u32 offset,
			 const struct blipmq_frame *f)
{
	u32 len = f->size - BLIPMQ_FRAME_HEADER;
	const u8 *topic = blipmq_bundle_head(b, offset + BLIPMQ_FRAME_HEADER,
					     len);
	const u8 *body = topic + f->topic_len;
	u32 body_len = len - min_t(u32, len, f->topic_len);
	struct blipmq_verdict v;
	bool waited;

	v = blipmq_frame_check_body(f, topic, body, body_len, false);
	if (v.code)
		return blipmq_stream_refuse(bs, batch, f, topic, 0, v);

	switch (f->op) {
	case BLIPMQ_OP_PING:
		blipmq_answers_pong(&bs->answers, body, body_len);
		return BLIPMQ_FRAME_TAKEN;
	case BLIPMQ_OP_PONG:
		return BLIPMQ_FRAME_TAKEN;
	}

	/* The others change what is published to whom. */
	if (batch->nr_topics)
		return BLIPMQ_FRAME_BARRIER;
	if (unlikely(blipmq_lane_busy(bs)))
		return blipmq_lane_refuse(bs, BLIPMQ_LANE_EMPTY);
	waited = READ_ONCE(bs->lane.waits);
	blipmq_lane_forget(bs);
	/* Another thread may wait for what a lane said, and hears no more of it. */
	if (unlikely(waited))
		blipmq_sock_wake_writer(bs);
	switch (f->op) {
	case BLIPMQ_OP_SUB:
	case BLIPMQ_OP_UNSUB:
		v = frame_subscription(bs, f, topic, body, body_len);
		break;
	case BLIPMQ_OP_OPTION:
		v = verdict_of(frame_option(bs, body, body_len));
		break;
	case BLIPMQ_OP_QUIT:
		blipmq_stream_end_input(bs);
		return BLIPMQ_FRAME_LAST;
	}
	if (v.code)
		return blipmq_stream_refuse(bs, batch, f, topic, 0, v);
	if (f->flags & BLIPMQ_FLAG_CONFIRM)
		blipmq_answers_ack(&bs->answers, topic, f->topic_len, 0);
	return BLIPMQ_FRAME_TAKEN;
}

/**
 * blipmq_stream_frame() - let a whole frame take effect
 * @bs: the stream
 * @batch: where messages are collected
 * @b: the bundle that the frame is in
 * @offset: where it starts
 * @f: its header, which passed blipmq_frame_check_header()
 * @index: its number in the bundle
 *
 * Context: tx_lock is held; may sleep.
 * Return: enum blipmq_frame_result; with nothing done -EAGAIN when what is in
 * flight has to arrive first, or -ENOMEM.
 */
int blipmq_stream_frame(struct blipmq_sock *bs, struct blipmq_batch *batch,
			struct sk_buff *b, u32 offset,
			const struct blipmq_frame *f, u32 index)
{
	if (f->op == BLIPMQ_OP_PUB)
		return blipmq_stream_publish(bs, batch, b, offset, f, index);
	if (blipmq_answers_reserve(&bs->answers, bs->sender))
		return -ENOMEM;
	return frame_control(bs, batch, b, offset, f);
}
