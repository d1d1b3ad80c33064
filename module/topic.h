/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Topics: found by name under RCU, held by those who use them.
 */
#ifndef _BLIPMQ_TOPIC_H
#define _BLIPMQ_TOPIC_H

#include <linux/list.h>
#include <linux/rhashtable-types.h>

#include "frame.h"
#include "route.h"
#include "types.h"

/**
 * struct blipmq_topic - a topic
 * @node: in the namespace's table
 * @route: where its messages go
 * @set: those who subscribed to exactly this topic
 * @users: who holds it, under the namespace's topics_lock
 * @idle: in the namespace's list while @users is zero
 * @idle_since: jiffies when that began
 * @rcu: frees it
 * @name_len: bytes of @name
 * @name: the topic
 */
struct blipmq_topic {
	struct rhash_head		node;
	struct blipmq_route __rcu	*route;
	struct blipmq_set		*set;

	u32				users;
	struct list_head		idle;
	unsigned long			idle_since;
	struct rcu_head			rcu;
	u8				name_len;
	u8				name[];
};

int blipmq_topics_init(struct blipmq_net *ns);
void blipmq_topics_destroy(struct blipmq_net *ns);

struct blipmq_topic *blipmq_topic_find(struct blipmq_net *ns, const u8 *name,
				       u8 len);
struct blipmq_topic * __must_check
blipmq_topic_get(struct blipmq_net *ns, const u8 *name, u8 len);
void blipmq_topic_put(struct blipmq_net *ns, struct blipmq_topic *topic);

#endif /* _BLIPMQ_TOPIC_H */
