/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a socket is subscribed to.
 */
#ifndef _BLIPMQ_SUBSCRIPTION_H
#define _BLIPMQ_SUBSCRIPTION_H

#include <linux/rbtree.h>

#include "set.h"
#include "types.h"

struct blipmq_trie_node;

/**
 * struct blipmq_interest - what a socket can subscribe to
 * @topic: the topic, or NULL
 * @leaf: the pattern or queue group, or NULL
 * @set: the set of either
 */
struct blipmq_interest {
	struct blipmq_topic	*topic;
	struct blipmq_trie_node	*leaf;
	struct blipmq_set	*set;
};

/**
 * struct blipmq_subscription_node - one subscription of a socket
 * @node: in the socket's tree, by address of the set
 * @id: its number in the namespace
 * @bs: the socket
 * @interest: to what, held
 * @leg: where the socket stands in its set
 * @rcu: frees it
 */
struct blipmq_subscription_node {
	struct rb_node		node;
	u32			id;
	struct blipmq_sock	*bs;
	struct blipmq_interest	interest;
	struct blipmq_leg	leg;
	struct rcu_head		rcu;
};

int __must_check blipmq_subscribe(struct blipmq_sock *bs,
				  const struct blipmq_names *names);
int __must_check blipmq_unsubscribe(struct blipmq_sock *bs,
				    const struct blipmq_names *names);
u8 blipmq_subscription_pattern(const struct blipmq_subscription_node *sub,
			       u8 *name);
bool blipmq_subscription_judge(struct blipmq_subscription_node *sub,
			       const u8 *pattern, u8 len);
void blipmq_subscriptions_judge(struct blipmq_sock *bs);
int __must_check blipmq_subscriptions_may_block(struct blipmq_sock *bs);
void blipmq_subscriptions_block(struct blipmq_sock *bs, bool blocks);
void blipmq_unsubscribe_all(struct blipmq_sock *bs);

#endif /* _BLIPMQ_SUBSCRIPTION_H */
