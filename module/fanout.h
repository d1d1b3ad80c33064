/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hot path: one bundle to all who want a part of it.
 */
#ifndef _BLIPMQ_FANOUT_H
#define _BLIPMQ_FANOUT_H

#include <linux/skbuff.h>

#include "types.h"

/**
 * struct blipmq_batch_topic - a topic that frames of a bundle have
 * @mask: those frames
 * @at: where in the bundle's linear bytes the topic stands
 * @len: its bytes
 */
struct blipmq_batch_topic {
	u64	mask;
	u16	at;
	u8	len;
};

static inline const u8 *blipmq_batch_name(const struct sk_buff *b,
					  const struct blipmq_batch_topic *t)
{
	return b->data + t->at;
}

/**
 * struct blipmq_batch - the messages of a bundle
 * @nr_topics: entries in @topics
 * @topics: which frames have which topic
 */
struct blipmq_batch {
	u32				nr_topics;
	struct blipmq_batch_topic	topics[BLIPMQ_BUNDLE_FRAMES];
};

/**
 * struct blipmq_pusher - hands out references of a bundle
 * @b: the bundle
 * @refs: references that are taken and not handed out
 */
struct blipmq_pusher {
	struct sk_buff	*b;
	u32		refs;
};

void blipmq_fanout(struct blipmq_sock *bs, struct sk_buff *b,
		   const struct blipmq_batch_topic *topics, u32 nr_topics);

void blipmq_pusher_push(struct blipmq_pusher *p, struct blipmq_queue *q,
			u64 mask);

/* fanout_many.c */
int __must_check blipmq_fanout_many(struct blipmq_net *ns,
				    struct blipmq_pusher *p,
				    const struct blipmq_batch_topic *topics,
				    u32 nr_topics, u32 legs, u64 *routed);

#endif /* _BLIPMQ_FANOUT_H */
