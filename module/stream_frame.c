// SPDX-License-Identifier: GPL-2.0
/*
 * What each frame of a client does.
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

/* Topics that a new frame's topic is compared with before it is a new one. */
#define BATCH_LOOK_BACK	4

/* A topic of the batch that has this name, if it is one of the last ones. */
static struct blipmq_batch_topic *batch_find(struct blipmq_batch *batch,
					     const struct sk_buff *b,
					     const u8 *name, u8 len)
{
	struct blipmq_batch_topic *t = batch->topics + batch->nr_topics;
	int i;

	for (i = 0; i < BATCH_LOOK_BACK && t > batch->topics; i++) {
		t--;
		if (t->len == len && !memcmp(blipmq_batch_name(b, t), name, len))
			return t;
	}
	return NULL;
}

static void batch_add(struct blipmq_batch *batch, u32 at, u8 len, u32 index)
{
	struct blipmq_batch_topic *t = &batch->topics[batch->nr_topics++];

	t->mask = BIT_ULL(index);
	t->at = at;
	t->len = len;
}

/* What comes from here on may have to be taken back. */
static void batch_begin(struct blipmq_sock *bs, struct blipmq_batch *batch,
			u32 offset, u32 index, u32 ttl_ms)
{
	batch->ttl_ms = ttl_ms;
	batch->metered = false;
	batch->first = offset;
	batch->first_index = index;
	batch->answers = blipmq_answers_mark(&bs->answers);
	batch->refused = bs->refused;
}

/**
 * blipmq_stream_undo() - as if the messages of a bundle had not come
 * @bs: the stream
 * @batch: what they are
 * @b: the bundle, which nobody got
 * @end: the end of its frames
 *
 * Frames are not put back to what they were.
 *
 * Context: tx_lock is held since the first of them was looked at.
 */
void blipmq_stream_undo(struct blipmq_sock *bs,
			const struct blipmq_batch *batch,
			const struct sk_buff *b, u32 end)
{
	u32 offset, messages = 0, bytes = 0;
	struct blipmq_frame f;
	const u8 *p;

	for (offset = batch->first; offset < end; offset += f.size) {
		p = blipmq_bundle_head(b, offset, sizeof(u64));
		blipmq_frame_decode(&f, p);
		if (f.op != BLIPMQ_OP_MSG)
			continue;
		messages++;
		bytes += f.size;
		if (batch->metered)
			blipmq_rate_give(bs, p + BLIPMQ_FRAME_HEADER,
					 f.topic_len);
	}
	blipmq_count(&bs->published, -(u64)messages);
	blipmq_count(&bs->published_bytes, -(u64)bytes);
	WRITE_ONCE(bs->refused, batch->refused);
	blipmq_sock_undo_ids(bs, messages);
	blipmq_answers_rewind(&bs->answers, batch->answers);
}

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
	bs->discard_until = jiffies + DISCARD_TIME;
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

/*
 * Refuse a whole frame, and end the connection where the code says so. The
 * topic is echoed if the frame has one.
 */
static int frame_fail(struct blipmq_sock *bs, const struct blipmq_batch *batch,
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

static const struct blipmq_verdict draining = {
	.code = BLIPMQ_CODE_DRAINING,
	.text = "the broker is draining",
};

static struct blipmq_verdict verdict_of(int err)
{
	struct blipmq_verdict v = { .code = BLIPMQ_CODE_LIMIT };

	switch (err) {
	case -ESHUTDOWN:
		return draining;
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
	case -EOPNOTSUPP:
		v.code = BLIPMQ_CODE_NOT_BUILT;
		v.text = "option value is not built yet";
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

	v = blipmq_frame_check_body(f, topic, body, body_len, false);
	if (v.code)
		return frame_fail(bs, batch, f, topic, 0, v);

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
	blipmq_lane_forget(bs);
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
		return frame_fail(bs, batch, f, topic, 0, v);
	if (f->flags & BLIPMQ_FLAG_CONFIRM)
		blipmq_answers_ack(&bs->answers, topic, f->topic_len, 0);
	return BLIPMQ_FRAME_TAKEN;
}

/* What rules say of a message: may it be published, and how long does it live? */
static noinline struct blipmq_verdict pub_check_rules(struct blipmq_sock *bs,
						      const u8 *topic, u8 len,
						      u32 *ttl_ms,
						      bool *metered)
{
	struct blipmq_verdict v = { .code = BLIPMQ_CODE_OK };
	struct blipmq_terms terms;

	if (blipmq_access_publish(bs, topic, len, &terms)) {
		v.code = BLIPMQ_CODE_FORBIDDEN;
		v.text = "a rule does not let this user publish to it";
		return v;
	}
	*ttl_ms = *ttl_ms ?: bs->ttl_ms ?: terms.ttl_ms;
	*metered = terms.metered;
	return v;
}

/* It has to be given back when it is not published. */
static struct blipmq_verdict pub_take(struct blipmq_sock *bs,
				      struct blipmq_batch *batch,
				      const u8 *topic, u8 len)
{
	struct blipmq_verdict v = { .code = BLIPMQ_CODE_OK };

	if (!blipmq_rate_take(bs, topic, len)) {
		batch->metered = true;
	} else {
		blipmq_sock_undo_ids(bs, 1);
		v.code = BLIPMQ_CODE_LIMIT;
		v.text = "limit publish-rate of the topic is reached";
	}
	return v;
}

static struct blipmq_verdict pub_check_limits(struct blipmq_sock *bs,
					      struct sk_buff *b, u64 *id)
{
	struct blipmq_verdict v = { .code = BLIPMQ_CODE_LIMIT };

	if (blipmq_net_is_draining(bs->ns))
		return draining;
	if (bs->input.skipped)
		v.text = "limit memory-bytes or flight-bytes is reached";
	else if (blipmq_net_is_full(bs->ns))
		v.text = "limit memory-bytes of the namespace is reached";
	else if (!blipmq_sender_admits(bs->sender, blipmq_bundle_cb(b)->charge))
		v.text = "limit flight-bytes of the publisher is reached";
	else if (blipmq_sock_next_id(bs, id))
		v.text = "no number for another publisher";
	else
		v.code = BLIPMQ_CODE_OK;
	return v;
}

static struct blipmq_verdict pub_retain(struct blipmq_sock *bs,
					struct blipmq_batch *batch,
					struct sk_buff *b, u32 offset, u64 id)
{
	struct blipmq_verdict v = { .code = BLIPMQ_CODE_LIMIT };

	switch (blipmq_retain_prepare(bs->ns, &batch->retain, b, offset, id)) {
	case 0:
		batch->retains = true;
		v.code = BLIPMQ_CODE_OK;
		break;
	case -ENOBUFS:
		v.text = "limit of retained values or topics is reached";
		break;
	case -EDQUOT:
		v.text = "the user's share of retained values is used up";
		break;
	default:
		v.text = "out of memory";
	}
	return v;
}

/* A bundle ends where the lane changes. */
static bool batch_has_lane(struct blipmq_sock *bs, struct blipmq_batch *batch,
			   const u8 *topic, u8 len)
{
	u32 lane = blipmq_lane_of(bs->ns, topic, len);

	if (!batch->nr_topics)
		batch->lane = lane;
	return lane == batch->lane;
}

/*
 * Only the topic and the eight bytes behind it are looked at.
 */
static int frame_pub(struct blipmq_sock *bs, struct blipmq_batch *batch,
		     struct sk_buff *b, u32 offset,
		     const struct blipmq_frame *f, u32 index)
{
	u32 want = f->topic_len + BLIPMQ_FRAME_PUB_FIXED;
	u32 len = min(want, f->size - BLIPMQ_FRAME_HEADER);
	bool confirm = f->flags & BLIPMQ_FLAG_CONFIRM;
	bool retains = f->flags & BLIPMQ_FLAG_RETAIN, metered = false;
	u8 *topic = blipmq_bundle_head(b, offset + BLIPMQ_FRAME_HEADER, len);
	struct blipmq_batch_topic *known = NULL;
	struct blipmq_verdict v;
	u32 tag = 0, ttl_ms = 0;
	u64 id = 0;

	if (len == want)
		known = batch_find(batch, b, topic, f->topic_len);
	v = blipmq_frame_check_body(f, topic, topic + f->topic_len,
				    len - min_t(u32, len, f->topic_len),
				    known);
	if (len == want) {
		ttl_ms = blipmq_get_le32(topic + f->topic_len);
		tag = blipmq_get_le32(topic + f->topic_len + 4);
	}
	if (unlikely(rcu_access_pointer(bs->ns->rules)) && !v.code)
		v = pub_check_rules(bs, topic, f->topic_len, &ttl_ms, &metered);
	/* A message that is retained is a bundle of its own. */
	if (!v.code && retains && batch->nr_topics)
		return BLIPMQ_FRAME_BARRIER;
	/* The messages of a bundle live equally long. */
	if (!batch->nr_topics)
		batch_begin(bs, batch, offset, index, ttl_ms);
	else if (unlikely(ttl_ms != batch->ttl_ms))
		return BLIPMQ_FRAME_BARRIER;
	if (unlikely(rcu_access_pointer(bs->ns->lanes)) && !v.code && !known &&
	    !batch_has_lane(bs, batch, topic, f->topic_len))
		return BLIPMQ_FRAME_BARRIER;
	if (!v.code)
		v = pub_check_limits(bs, b, &id);
	if ((v.code || confirm || retains || metered) &&
	    blipmq_answers_reserve(&bs->answers, bs->sender))
		return -ENOMEM;
	if (unlikely(metered) && !v.code)
		v = pub_take(bs, batch, topic, f->topic_len);
	if (!v.code && retains) {
		v = pub_retain(bs, batch, b, offset, id);
		if (v.code && metered)
			blipmq_rate_give(bs, topic, f->topic_len);
	}
	if (v.code)
		return frame_fail(bs, batch, f, topic, tag, v);
	if (confirm)
		blipmq_answers_ack(&bs->answers, topic, f->topic_len, tag);
	if (known)
		known->mask |= BIT_ULL(index);
	else
		batch_add(batch, offset + BLIPMQ_FRAME_HEADER, f->topic_len,
			  index);
	blipmq_frame_to_msg(topic - BLIPMQ_FRAME_HEADER,
			    topic + f->topic_len, id);
	blipmq_count(&bs->published, 1);
	blipmq_count(&bs->published_bytes, f->size);
	return retains ? BLIPMQ_FRAME_LAST : BLIPMQ_FRAME_TAKEN;
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
		return frame_pub(bs, batch, b, offset, f, index);
	if (blipmq_answers_reserve(&bs->answers, bs->sender))
		return -ENOMEM;
	return frame_control(bs, batch, b, offset, f);
}
