/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the broker says to a stream beside messages: ACK, ERR, PONG.
 */
#ifndef _BLIPMQ_ANSWERS_H
#define _BLIPMQ_ANSWERS_H

#include <linux/skbuff.h>
#include <linux/uio.h>

#include "frame.h"
#include "types.h"

/**
 * struct blipmq_answers - answers that wait to be read
 * @pending: what the writer collects, under the socket's tx_lock
 * @visible: what the reader may take, whole frames each
 * @bytes: bytes that were not read
 * @current_skb: what the reader has begun
 * @offset: how far it is
 */
struct blipmq_answers {
	struct sk_buff_head	pending;
	struct sk_buff_head	visible;
	atomic_t		bytes;

	struct sk_buff		*current_skb;
	u32			offset;
};

/**
 * struct blipmq_answers_mark - how far the pending answers went
 * @tail: the last buffer, NULL for none
 * @len: bytes in it
 */
struct blipmq_answers_mark {
	const struct sk_buff	*tail;
	u32			len;
};

void blipmq_answers_init(struct blipmq_answers *a);
void blipmq_answers_purge(struct blipmq_answers *a);

int __must_check blipmq_answers_reserve(struct blipmq_answers *a,
					struct blipmq_sender *s);
void blipmq_answers_ack(struct blipmq_answers *a, const u8 *topic,
			u8 topic_len, u32 tag);
void blipmq_answers_pong(struct blipmq_answers *a, const u8 *body, u32 len);
void blipmq_answers_err(struct blipmq_answers *a, const u8 *topic,
			u8 topic_len, u32 tag, u16 code, const char *text);
struct blipmq_answers_mark blipmq_answers_mark(const struct blipmq_answers *a);
void blipmq_answers_rewind(struct blipmq_answers *a,
			   struct blipmq_answers_mark mark);
bool blipmq_answers_show(struct blipmq_answers *a);
bool blipmq_answers_full(struct blipmq_answers *a, struct blipmq_net *ns);

int blipmq_answers_copy(struct blipmq_answers *a, struct iov_iter *to,
			bool peek);

/**
 * blipmq_answers_begun() - is the reader within an answer?
 * @a: the answers
 */
static inline bool blipmq_answers_begun(const struct blipmq_answers *a)
{
	return READ_ONCE(a->current_skb);
}

/**
 * blipmq_answers_waiting() - is there something to read?
 * @a: the answers
 */
static inline bool blipmq_answers_waiting(const struct blipmq_answers *a)
{
	return blipmq_answers_begun(a) || !skb_queue_empty_lockless(&a->visible);
}

#endif /* _BLIPMQ_ANSWERS_H */
