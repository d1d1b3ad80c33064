// SPDX-License-Identifier: GPL-2.0
/*
 * From a client's PUB to a message of a batch, and back.
 */
#include <linux/errno.h>
#include <linux/nospec.h>

#include "answers.h"
#include "bundle.h"
#include "netns.h"
#include "pattern.h"
#include "sock.h"
#include "stream_in.h"

/* Topics of one hash that a name is compared with before it is a new one. */
#define BATCH_LOOK_BACK	16

/* Of a few bytes only: there are no more than 64 topics. */
static u32 batch_hash(const u8 *name, u8 len)
{
	return (len + 7 * name[len / 4] + 3 * name[len / 2] +
		5 * name[len - 1]) % BLIPMQ_BATCH_SLOTS;
}

/* The topic of the batch that has this name, of at least one byte. */
static __always_inline struct blipmq_batch_topic *
batch_find(struct blipmq_batch *batch, const struct sk_buff *b, const u8 *name,
	   u8 len)
{
	u32 i, slot = batch->slots[batch_hash(name, len)];
	struct blipmq_batch_topic *t;

	for (i = 0; slot && i < BATCH_LOOK_BACK; i++) {
		t = &batch->topics[slot - 1];
		if (t->len == len && !memcmp(blipmq_batch_name(b, t), name, len))
			return t;
		slot = t->next;
	}
	return NULL;
}

static struct blipmq_batch_topic *batch_add(struct blipmq_batch *batch, u32 at,
					    const u8 *name, u8 len)
{
	struct blipmq_batch_topic *t = &batch->topics[batch->nr_topics++];
	u32 hash = batch_hash(name, len);

	t->mask = 0;
	t->at = at;
	t->len = len;
	t->next = batch->slots[hash];
	batch->slots[hash] = batch->nr_topics;
	return t;
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
		return blipmq_verdict_draining;
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

/**
 * blipmq_stream_follow() - take the PUBs that pass as the one before them did
 * @bs: the stream
 * @batch: where messages are collected, a plain one
 * @b: the bundle that the frames are in
 * @len: its bytes
 * @payload_max: the limit of a payload
 * @offset: where the first of them starts; set to the end of the last
 * @index: its number in the bundle; set to the one behind the last
 *
 * Those with no flags, and as long to live: what was judged of the one before
 * holds for them, but for the topic. So most of a write is taken here.
 *
 * Context: tx_lock is held.
 */
void blipmq_stream_follow(struct blipmq_sock *bs, struct blipmq_batch *batch,
			  struct sk_buff *b, u32 len, u32 payload_max,
			  u32 *offset, u32 *index)
{
	u32 linear = min(len, skb_headlen(b)), at = *offset, i, n, fixed;
	bool laned = rcu_access_pointer(bs->ns->lanes);
	struct blipmq_batch_topic *t;
	struct blipmq_frame f;
	u8 *header, *topic;
	u64 id;

	n = blipmq_sock_ids_ahead(bs, bs->input.frames_max - *index, &id);
	for (i = 0; i < n && at + BLIPMQ_FRAME_HEADER <= linear; i++) {
		header = blipmq_bundle_head(b, at, BLIPMQ_FRAME_HEADER);
		topic = header + BLIPMQ_FRAME_HEADER;
		blipmq_frame_decode(&f, header);
		fixed = BLIPMQ_FRAME_HEADER + f.topic_len +
			BLIPMQ_FRAME_PUB_FIXED;
		if (f.op != BLIPMQ_OP_PUB || f.flags || f.reserved ||
		    !f.topic_len || at + fixed > linear || f.size < fixed ||
		    f.size - fixed > payload_max || f.size > len - at)
			break;
		if (blipmq_get_le32(topic + f.topic_len) != batch->ttl_ms)
			break;
		t = batch_find(batch, b, topic, f.topic_len);
		if (!t) {
			if (laned || !blipmq_topic_valid(topic, f.topic_len))
				break;
			t = batch_add(batch, at + BLIPMQ_FRAME_HEADER, topic,
				      f.topic_len);
		}
		t->mask |= BIT_ULL(*index + i);
		blipmq_frame_to_msg(header, topic + f.topic_len, id + i);
		/* Not beyond the bundle, whatever was guessed of the check. */
		at = array_index_nospec(at + f.size, len + 1);
	}
	blipmq_sock_take_ids(bs, i);
	blipmq_count(&bs->published, i);
	blipmq_count(&bs->published_bytes, at - *offset);
	*offset = at;
	*index += i;
}

/**
 * blipmq_stream_publish() - let a whole PUB become a message of the batch
 * @bs: the stream
 * @batch: where messages are collected
 * @b: the bundle that the frame is in
 * @offset: where it starts
 * @f: its header, which passed blipmq_frame_check_header()
 * @index: its number in the bundle
 *
 * Only the topic and the eight bytes behind it are looked at.
 *
 * Context: tx_lock is held; may sleep.
 * Return: as blipmq_stream_frame().
 */
int blipmq_stream_publish(struct blipmq_sock *bs, struct blipmq_batch *batch,
			  struct sk_buff *b, u32 offset,
			  const struct blipmq_frame *f, u32 index)
{
	u32 want = f->topic_len + BLIPMQ_FRAME_PUB_FIXED;
	u32 len = min(want, f->size - BLIPMQ_FRAME_HEADER);
	bool confirm = f->flags & BLIPMQ_FLAG_CONFIRM;
	bool retains = f->flags & BLIPMQ_FLAG_RETAIN, metered = false;
	bool ruled = rcu_access_pointer(bs->ns->rules);
	u8 *topic = blipmq_bundle_head(b, offset + BLIPMQ_FRAME_HEADER, len);
	struct blipmq_batch_topic *known = NULL;
	struct blipmq_verdict v;
	u32 tag = 0, ttl_ms = 0;
	u64 id = 0;

	batch->plain = false;
	if (len == want && batch->nr_topics && f->topic_len)
		known = batch_find(batch, b, topic, f->topic_len);
	v = blipmq_frame_check_body(f, topic, topic + f->topic_len,
				    len - min_t(u32, len, f->topic_len),
				    known);
	if (len == want) {
		ttl_ms = blipmq_get_le32(topic + f->topic_len);
		tag = blipmq_get_le32(topic + f->topic_len + 4);
	}
	if (unlikely(ruled) && !v.code)
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
		return blipmq_stream_refuse(bs, batch, f, topic, tag, v);
	if (confirm)
		blipmq_answers_ack(&bs->answers, topic, f->topic_len, tag);
	if (!known)
		known = batch_add(batch, offset + BLIPMQ_FRAME_HEADER, topic,
				  f->topic_len);
	known->mask |= BIT_ULL(index);
	batch->plain = !ruled;
	blipmq_frame_to_msg(topic - BLIPMQ_FRAME_HEADER,
			    topic + f->topic_len, id);
	blipmq_count(&bs->published, 1);
	blipmq_count(&bs->published_bytes, f->size);
	return retains ? BLIPMQ_FRAME_LAST : BLIPMQ_FRAME_TAKEN;
}
