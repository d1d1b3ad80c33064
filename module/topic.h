/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Topics: found by name under RCU, held by those who use them.
 */
#ifndef _BLIPMQ_TOPIC_H
#define _BLIPMQ_TOPIC_H

#include <linux/list.h>
#include <linux/rhashtable-types.h>
#include <linux/workqueue.h>

#include "frame.h"
#include "route.h"
#include "types.h"

/**
 * struct blipmq_topic - a topic
 * @node: in the namespace's table
 * @route: where its messages go
 * @generation: the number in the trie that tells whether @route still holds
 * @set: those who subscribed to exactly this topic, NULL before the first
 * @owner: whose limit it counts for while it has subscribers, NULL for nobody's
 * @subscribers: how many subscribe to exactly this topic; under the namespace's
 *	topics_lock
 * @users: those, and one for a retained value; likewise
 * @idle: in the namespace's list while @users is zero
 * @idle_since: jiffies when that began, or when it was last seen in use
 * @retained: its last value, or NULL; under the namespace's retain_lock
 * @retainer: whose share it takes, held; NULL without a value
 * @retaining: in the namespace's list while there is one
 * @rcu: frees it
 * @name_len: bytes of @name
 * @name: the topic
 */
struct blipmq_topic {
	struct rhash_head		node;
	struct blipmq_route __rcu	*route;
	const unsigned long		*generation;
	struct blipmq_set		*set;

	struct blipmq_user		*owner;
	u32				subscribers;
	u32				users;
	struct list_head		idle;
	unsigned long			idle_since;
	struct sk_buff			*retained;
	struct blipmq_user		*retainer;
	struct list_head		retaining;
	struct rcu_head			rcu;
	u8				name_len;
	u8				name[];
};

int blipmq_topics_init(struct blipmq_net *ns);
void blipmq_topics_destroy(struct blipmq_net *ns);

struct blipmq_topic *blipmq_topic_find(struct blipmq_net *ns, const u8 *name,
				       u8 len);
struct blipmq_topic * __must_check
blipmq_topic_get(struct blipmq_net *ns, struct blipmq_user *owner,
		 const u8 *name, u8 len);
void blipmq_topic_put(struct blipmq_net *ns, struct blipmq_topic *topic);
void blipmq_topic_leave(struct blipmq_net *ns, struct blipmq_topic *topic);

/* topic_route.c */
struct blipmq_route *__blipmq_topic_route(struct blipmq_net *ns,
					  struct blipmq_topic *topic,
					  struct blipmq_route *route,
					  u32 *steps);
int __must_check blipmq_topic_set_route(struct blipmq_net *ns,
					struct blipmq_topic *topic);
void blipmq_topic_drop_route(struct blipmq_topic *topic);
int __must_check blipmq_topic_match(struct blipmq_net *ns, const u8 *name,
				    u8 len);
bool blipmq_topic_is_doubted(const struct blipmq_topic *topic);
void blipmq_topic_doubt(struct blipmq_topic *topic);
void blipmq_topics_prune(struct blipmq_net *ns);
void blipmq_topics_prune_work(struct work_struct *work);

/* For the files of topics. */
struct blipmq_topic * __must_check
blipmq_topic_cache(struct blipmq_net *ns, const u8 *name, u8 len);

/**
 * blipmq_topic_route() - where the messages of a topic go
 * @ns: the namespace
 * @topic: the topic
 * @steps: what it took to find out is added to it, in nodes of the trie
 *
 * Context: an RCU read-side section, as long as the result is used.
 * Return: the route; NULL when it has to be made, see blipmq_topic_match().
 */
static inline struct blipmq_route *
blipmq_topic_route(struct blipmq_net *ns, struct blipmq_topic *topic,
		   u32 *steps)
{
	struct blipmq_route *route = rcu_dereference(topic->route);

	if (likely(READ_ONCE(route->seen) == READ_ONCE(*topic->generation)))
		return route;
	return __blipmq_topic_route(ns, topic, route, steps);
}

#endif /* _BLIPMQ_TOPIC_H */
