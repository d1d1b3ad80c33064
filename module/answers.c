// SPDX-License-Identifier: GPL-2.0
/*
 * Answers are collected while a write is parsed and shown once what they
 * confirm has taken effect. Room for one is reserved before the frame that it
 * answers has any effect, so none is ever lost.
 */
#include "answers.h"
#include "bundle.h"
#include "netns.h"

/* The longest text of an ERR, and the longest answer. */
#define TEXT_MAX	96U
#define ANSWER_MAX	(BLIPMQ_FRAME_HEADER + BLIPMQ_FRAME_TOPIC_MAX + 6U + \
			 TEXT_MAX)

/* A buffer for a few short answers, and for one long one. */
#define BUFFER_BYTES	512U

/**
 * blipmq_answers_init() - nothing to say
 * @a: the answers, zeroed
 */
void blipmq_answers_init(struct blipmq_answers *a)
{
	__skb_queue_head_init(&a->pending);
	skb_queue_head_init(&a->visible);
}

/**
 * blipmq_answers_purge() - free what nobody will read
 * @a: the answers, without reader or writer
 */
void blipmq_answers_purge(struct blipmq_answers *a)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&a->visible)))
		blipmq_bundle_put(skb);
	while ((skb = __skb_dequeue(&a->pending)))
		blipmq_bundle_put(skb);
	if (a->current_skb)
		blipmq_bundle_put(a->current_skb);
	a->current_skb = NULL;
}

/**
 * blipmq_answers_reserve() - make sure that one more answer fits
 * @a: the answers
 * @s: who pays for it
 *
 * Context: the socket's tx_lock is held; may sleep.
 * Return: 0, or -ENOMEM.
 */
int blipmq_answers_reserve(struct blipmq_answers *a, struct blipmq_sender *s)
{
	struct sk_buff *skb = skb_peek_tail(&a->pending);

	if (skb && skb_tailroom(skb) >= ANSWER_MAX)
		return 0;
	skb = blipmq_bundle_alloc(s, BUFFER_BYTES, BLIPMQ_BUNDLE_GFP);
	if (!skb)
		return -ENOMEM;
	skb_trim(skb, 0);
	__skb_queue_tail(&a->pending, skb);
	return 0;
}

static u8 *answers_put(struct blipmq_answers *a, u8 op, const u8 *topic,
		       u8 topic_len, u32 body_len)
{
	u32 size = BLIPMQ_FRAME_HEADER + topic_len + body_len;
	u8 *p = skb_put(skb_peek_tail(&a->pending), size);

	atomic_add(size, &a->bytes);
	blipmq_frame_encode(p, op, 0, topic_len, body_len);
	p += BLIPMQ_FRAME_HEADER;
	if (topic_len)
		memcpy(p, topic, topic_len);
	return p + topic_len;
}

/**
 * blipmq_answers_ack() - confirm a frame
 * @a: the answers, with room reserved
 * @topic: its topic
 * @topic_len: bytes of that
 * @tag: its tag, 0 for anything but a PUB
 */
void blipmq_answers_ack(struct blipmq_answers *a, const u8 *topic,
			u8 topic_len, u32 tag)
{
	blipmq_put_le32(answers_put(a, BLIPMQ_OP_ACK, topic, topic_len, 4),
			tag);
}

/**
 * blipmq_answers_pong() - answer a PING
 * @a: the answers, with room reserved
 * @body: the PING's body
 * @len: bytes of that, at most BLIPMQ_FRAME_PING_MAX
 */
void blipmq_answers_pong(struct blipmq_answers *a, const u8 *body, u32 len)
{
	memcpy(answers_put(a, BLIPMQ_OP_PONG, NULL, 0, len), body, len);
}

/**
 * blipmq_answers_err() - refuse a frame
 * @a: the answers, with room reserved
 * @topic: its topic
 * @topic_len: bytes of that
 * @tag: its tag, 0 for anything but a PUB
 * @code: enum blipmq_code
 * @text: why
 */
void blipmq_answers_err(struct blipmq_answers *a, const u8 *topic,
			u8 topic_len, u32 tag, u16 code, const char *text)
{
	u32 len = min_t(u32, strlen(text), TEXT_MAX);
	u8 *body = answers_put(a, BLIPMQ_OP_ERR, topic, topic_len, 6 + len);

	blipmq_put_le32(body, tag);
	blipmq_put_le16(body + 4, code);
	memcpy(body + 6, text, len);
}

/**
 * blipmq_answers_mark() - remember how far the pending answers went
 * @a: the answers
 *
 * Context: the socket's tx_lock is held.
 * Return: the mark, good until answers are shown.
 */
struct blipmq_answers_mark blipmq_answers_mark(const struct blipmq_answers *a)
{
	const struct sk_buff *tail = skb_peek_tail(&a->pending);
	struct blipmq_answers_mark mark = {
		.tail = tail,
		.len = tail ? tail->len : 0,
	};

	return mark;
}

/**
 * blipmq_answers_rewind() - take answers back that nobody has seen
 * @a: the answers
 * @mark: up to where
 *
 * Context: the socket's tx_lock is held.
 */
void blipmq_answers_rewind(struct blipmq_answers *a,
			   struct blipmq_answers_mark mark)
{
	struct sk_buff *skb;

	while ((skb = skb_peek_tail(&a->pending)) && skb != mark.tail) {
		__skb_unlink(skb, &a->pending);
		atomic_sub(skb->len, &a->bytes);
		blipmq_bundle_put(skb);
	}
	if (!skb)
		return;
	atomic_sub(skb->len - mark.len, &a->bytes);
	skb_trim(skb, mark.len);
}

/*
 * Few answers go behind those that wait, if there is room: a client that sends
 * many small writes must not pin a buffer for each.
 */
static bool answers_append(struct blipmq_answers *a, struct sk_buff *first)
{
	struct sk_buff *tail;

	lockdep_assert_held(&a->visible.lock);
	tail = skb_peek_tail(&a->visible);
	if (!tail || skb_tailroom(tail) < first->len)
		return false;
	skb_put_data(tail, first->data, first->len);
	skb_trim(first, 0);
	return true;
}

/**
 * blipmq_answers_show() - let the reader have what was collected
 * @a: the answers
 *
 * Context: the socket's tx_lock is held.
 * Return: true when there is something new.
 */
bool blipmq_answers_show(struct blipmq_answers *a)
{
	struct sk_buff *first = skb_peek(&a->pending);
	struct sk_buff *last = skb_peek_tail(&a->pending);

	if (!first || !first->len)
		return false;
	/* What was reserved and not used serves the next answer. */
	if (last->len)
		last = NULL;
	else
		__skb_unlink(last, &a->pending);
	spin_lock(&a->visible.lock);
	if (skb_queue_len(&a->pending) > 1 || !answers_append(a, first))
		skb_queue_splice_tail_init(&a->pending, &a->visible);
	spin_unlock(&a->visible.lock);
	/* One that was emptied serves as well; behind it nobody would look. */
	if (last && skb_queue_empty(&a->pending))
		__skb_queue_tail(&a->pending, last);
	else if (last)
		blipmq_bundle_put(last);
	return true;
}

/**
 * blipmq_answers_full() - does the input have to stop?
 * @a: the answers
 * @ns: the namespace
 */
bool blipmq_answers_full(struct blipmq_answers *a, struct blipmq_net *ns)
{
	return atomic_read(&a->bytes) >= READ_ONCE(ns->limits.answer_bytes);
}

/**
 * blipmq_answers_copy() - read answers
 * @a: the answers, of which some wait
 * @to: where to
 * @peek: read without moving
 *
 * Context: the reader's lock is held; may sleep on user memory.
 * Return: bytes copied, or -EFAULT with nothing moved.
 */
int blipmq_answers_copy(struct blipmq_answers *a, struct iov_iter *to,
			bool peek)
{
	size_t before = iov_iter_count(to);
	struct sk_buff *skb;
	u32 n;

	if (!a->current_skb) {
		WRITE_ONCE(a->current_skb, skb_dequeue(&a->visible));
		a->offset = 0;
	}
	skb = a->current_skb;
	n = min_t(size_t, before, skb->len - a->offset);
	if (copy_to_iter(skb->data + a->offset, n, to) != n) {
		iov_iter_revert(to, before - iov_iter_count(to));
		return -EFAULT;
	}
	if (peek)
		return n;
	atomic_sub(n, &a->bytes);
	a->offset += n;
	if (a->offset == skb->len) {
		WRITE_ONCE(a->current_skb, NULL);
		blipmq_bundle_put(skb);
	}
	return n;
}
