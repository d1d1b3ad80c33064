/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hot path: one bundle to all who want a part of it.
 */
#ifndef _BLIPMQ_FANOUT_H
#define _BLIPMQ_FANOUT_H

#include <linux/skbuff.h>

#include "answers.h"
#include "gather.h"
#include "queue.h"
#include "retain.h"
#include "route.h"
#include "types.h"

struct blipmq_deliver;

/**
 * struct blipmq_batch_topic - a topic that frames of a bundle have
 * @mask: those frames
 * @at: where in the bundle's linear bytes the topic stands
 * @len: its bytes
 * @next: one more than the one before it with the same hash, or 0
 */
struct blipmq_batch_topic {
	u64	mask;
	u32	at;
	u8	len;
	u8	next;
};

static inline const u8 *blipmq_batch_name(const struct sk_buff *b,
					  const struct blipmq_batch_topic *t)
{
	return b->data + t->at;
}

/* Hashes that topics of a batch are told apart by. */
#define BLIPMQ_BATCH_SLOTS	32

/**
 * struct blipmq_batch - the messages of a bundle
 * @first: where the first message stands
 * @first_index: its number in the bundle
 * @ttl_ms: how long the messages live, all the same
 * @answers: the answers before it
 * @refused: the frames that were refused before it
 * @nr_topics: entries in @topics
 * @lane: their lane, where lanes are told apart
 * @metered: some were taken from what their topics may have in a second
 * @retains: the only message is to be retained
 * @retain: how
 * @plain: another message may pass as the last one did
 * @slots: for each hash of a topic, one more than the latest in @topics, or 0
 * @topics: which frames have which topic
 */
struct blipmq_batch {
	u32				first;
	u32				first_index;
	u32				ttl_ms;
	struct blipmq_answers_mark	answers;
	u64				refused;
	u32				nr_topics;
	u32				lane;
	bool				metered;
	bool				retains;
	struct blipmq_retain		retain;
	bool				plain;
	u8				slots[BLIPMQ_BATCH_SLOTS];
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

/**
 * struct blipmq_fan - who fans out: a publisher itself, or a worker
 * @ns: the namespace
 * @publisher: whom legs may block; NULL for a worker, which nothing blocks
 * @gather: a table for bundles that need one, NULL before the first
 * @credits: a worker's: legs that gave credits for the bundle at its ingress,
 *	or NULL
 * @deliver: a worker's: shares large fan-outs with other CPUs; else NULL
 */
struct blipmq_fan {
	struct blipmq_net	*ns;
	struct blipmq_sock	*publisher;
	struct blipmq_gather	*gather;
	struct blipmq_gather	*credits;
	struct blipmq_deliver	*deliver;
};

int __must_check blipmq_fanout(struct blipmq_sock *bs, struct sk_buff *b,
			       const struct blipmq_batch_topic *topics,
			       u32 nr_topics, struct blipmq_retain *retain);
int __must_check blipmq_fanout_direct(struct blipmq_sock *bs, struct sk_buff *b,
				      const struct blipmq_batch_topic *topics,
				      u32 nr_topics,
				      struct blipmq_retain *retain);
u32 blipmq_fanout_later(struct blipmq_fan *fan, struct sk_buff *b,
			const struct blipmq_batch_topic *topics, u32 nr_topics,
			struct blipmq_retain *retain);

enum blipmq_push blipmq_pusher_push(struct blipmq_pusher *p,
				    struct blipmq_queue *q, u64 mask);
void blipmq_pusher_leg(struct blipmq_pusher *p, struct blipmq_gather *g, u32 i);
void blipmq_pusher_need(struct blipmq_pusher *p);
void blipmq_pusher_end(struct blipmq_pusher *p);

/* deal.c */
u64 blipmq_deal(struct blipmq_pusher *p, struct blipmq_set *set, u64 mask);

/* Where the messages of a topic go; the last two mean that there is no route. */
enum blipmq_found {
	BLIPMQ_FOUND,		/* there */
	BLIPMQ_FOUND_NOBODY,	/* nobody wants them */
	BLIPMQ_FOUND_STALE,	/* a route has to be made first */
};

enum blipmq_found blipmq_batch_route(struct blipmq_net *ns,
				     const struct sk_buff *b,
				     const struct blipmq_batch_topic *t,
				     struct blipmq_route **route, u32 *steps);
int __must_check blipmq_batch_match(struct blipmq_net *ns,
				    const struct sk_buff *b,
				    const struct blipmq_batch_topic *topics,
				    u32 nr_topics);

/* Patterns that come and go make routes stale; so often one is made again. */
#define BLIPMQ_MATCH_TRIES	4

/* fanout_passes.c */
bool blipmq_batch_may_block(struct blipmq_net *ns, struct sk_buff *b,
			    const struct blipmq_batch_topic *topics,
			    u32 nr_topics);
int __must_check blipmq_fanout_passes(struct blipmq_fan *fan,
				      struct blipmq_pusher *p,
				      const struct blipmq_batch_topic *topics,
				      u32 nr_topics, u64 *routed);

/* fanout_many.c */
int __must_check blipmq_fanout_many(struct blipmq_fan *fan,
				    struct blipmq_pusher *p,
				    const struct blipmq_batch_topic *topics,
				    u32 nr_topics, u32 legs, u64 *routed);
void blipmq_fanout_settle(struct blipmq_net *ns);
int __must_check blipmq_fanout_admit(struct blipmq_sock *bs, struct sk_buff *b,
				     const struct blipmq_batch_topic *topics,
				     u32 nr_topics,
				     struct blipmq_gather **credits);
void blipmq_fanout_give_back(struct blipmq_gather *credits, u32 bytes);

#endif /* _BLIPMQ_FANOUT_H */
