/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hot path: one bundle to all who want a part of it.
 */
#ifndef _BLIPMQ_FANOUT_H
#define _BLIPMQ_FANOUT_H

#include "types.h"

/**
 * struct blipmq_batch_topic - a topic that frames of a bundle have
 * @mask: those frames
 * @name: the topic, within the bundle or beside it
 * @len: its bytes
 */
struct blipmq_batch_topic {
	u64		mask;
	const u8	*name;
	u8		len;
};

/**
 * struct blipmq_batch - the messages of a bundle
 * @nr_topics: entries in @topics
 * @topics: which frames have which topic
 */
struct blipmq_batch {
	u32				nr_topics;
	struct blipmq_batch_topic	topics[BLIPMQ_BUNDLE_FRAMES];
};

struct blipmq_gather;

void blipmq_fanout(struct blipmq_sock *bs, struct sk_buff *b,
		   const struct blipmq_batch_topic *topics, u32 nr_topics);
void blipmq_gather_free(struct blipmq_gather *gather);

#endif /* _BLIPMQ_FANOUT_H */
