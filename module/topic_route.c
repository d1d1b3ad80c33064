// SPDX-License-Identifier: GPL-2.0
/*
 * Keeping the routes of topics true. Nobody who subscribes to a pattern looks
 * at the topics that it matches: the trie's generation grows, and whoever
 * publishes to one finds its route doubtful. Most often it still holds, which
 * is seen by matching again; else it is made again, outside of RCU.
 */
#include <linux/rhashtable.h>
#include <linux/sched.h>

#include "netns.h"
#include "topic.h"

/* How long routes may keep the memory of patterns that are gone. */
#define PRUNE_DELAY	(10 * HZ)

/* Topics that are looked at without letting others run. */
#define PRUNE_TOPICS	1024

/* Names nothing, and is never true. */
static struct blipmq_route no_route = {
	.refs = REFCOUNT_INIT(1),
};

/* The topic's own set, while somebody subscribes to exactly that. */
static struct blipmq_set *topic_exact(const struct blipmq_topic *topic)
{
	if (!READ_ONCE(topic->users))
		return NULL;
	/* Pairs with the release in topic_first_user(). */
	return smp_load_acquire(&topic->set);
}

static void topic_put_route(struct blipmq_route *route)
{
	if (route && route != &no_route)
		blipmq_route_put(route);
}

static void topic_replace_route(struct blipmq_net *ns,
				struct blipmq_topic *topic,
				struct blipmq_route *route)
{
	route = rcu_replace_pointer(topic->route, route,
				    lockdep_is_held(&ns->topics_lock));
	topic_put_route(route);
}

/**
 * blipmq_topic_drop_route() - a topic ends
 * @topic: the topic, which nobody finds any more
 *
 * Context: any.
 */
void blipmq_topic_drop_route(struct blipmq_topic *topic)
{
	topic_put_route(rcu_dereference_protected(topic->route, true));
}

/**
 * blipmq_topic_set_route() - match a topic with all patterns
 * @ns: the namespace
 * @topic: the topic
 *
 * Context: topics_lock is held; may sleep.
 * Return: 0; -ENOMEM with the route as it was.
 */
int blipmq_topic_set_route(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	struct blipmq_route *route;

	lockdep_assert_held(&ns->topics_lock);
	route = blipmq_route_match(&ns->trie, topic_exact(topic), topic->name,
				   topic->name_len);
	if (!route)
		return -ENOMEM;
	/* Whoever ended the pattern may not have seen that it is named here. */
	if (unlikely(blipmq_route_has_dead(route)))
		blipmq_topics_prune(ns);
	topic_replace_route(ns, topic, route);
	return 0;
}

struct blipmq_route *__blipmq_topic_route(struct blipmq_net *ns,
					  struct blipmq_topic *topic,
					  struct blipmq_route *route,
					  u32 *steps)
{
	if (route == &no_route ||
	    !blipmq_route_confirm(route, &ns->trie, topic_exact(topic),
				  topic->name, topic->name_len, steps))
		return NULL;
	return route;
}

/**
 * blipmq_topic_match() - have a topic with a true route
 * @ns: the namespace
 * @name: a valid topic
 * @len: its bytes
 *
 * A topic that does not exist is created when a pattern matches it.
 *
 * Context: may sleep.
 * Return: 0 to look again; -ENOBUFS when the namespace has as many topics as
 * it may; -ENOMEM.
 */
int blipmq_topic_match(struct blipmq_net *ns, const u8 *name, u8 len)
{
	struct blipmq_topic *topic;
	u32 steps = 0;
	bool holds;
	int err = 0;

	mutex_lock(&ns->topics_lock);
	topic = blipmq_topic_cache(ns, name, len);
	if (IS_ERR(topic)) {
		err = PTR_ERR(topic);
		goto out;
	}
	/* Somebody else may have been here meanwhile. */
	rcu_read_lock();
	holds = blipmq_topic_route(ns, topic, &steps);
	rcu_read_unlock();
	if (!holds)
		err = blipmq_topic_set_route(ns, topic);
out:
	mutex_unlock(&ns->topics_lock);
	return err;
}

/**
 * blipmq_topic_doubt() - have a topic matched again by who publishes to it next
 * @topic: the topic
 *
 * Context: topics_lock is held.
 */
void blipmq_topic_doubt(struct blipmq_topic *topic)
{
	struct blipmq_route *route = rcu_dereference_protected(topic->route,
							       true);

	WRITE_ONCE(route->seen, 0);
}

/**
 * blipmq_topic_is_doubted() - has nobody published since blipmq_topic_doubt()?
 * @topic: the topic
 *
 * Context: topics_lock is held.
 */
bool blipmq_topic_is_doubted(const struct blipmq_topic *topic)
{
	return !READ_ONCE(rcu_dereference_protected(topic->route, true)->seen);
}

static void prune_topic(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	struct blipmq_route *route;

	route = rcu_dereference_protected(topic->route,
					  lockdep_is_held(&ns->topics_lock));
	if (blipmq_route_has_dead(route))
		topic_replace_route(ns, topic, &no_route);
}

/**
 * blipmq_topics_prune_work() - let go of patterns that are gone
 * @work: the namespace's
 *
 * Publishers do that for the topics that they use.
 */
void blipmq_topics_prune_work(struct work_struct *work)
{
	struct blipmq_net *ns = container_of(to_delayed_work(work),
					     struct blipmq_net, prune);
	struct rhashtable_iter iter;
	struct blipmq_topic *topic;
	u32 n = 0;

	rhashtable_walk_enter(&ns->topics, &iter);
	mutex_lock(&ns->topics_lock);
	rhashtable_walk_start(&iter);
	while ((topic = rhashtable_walk_next(&iter))) {
		/* The table was resized: some come twice. */
		if (IS_ERR(topic))
			continue;
		prune_topic(ns, topic);
		if (++n % PRUNE_TOPICS)
			continue;
		rhashtable_walk_stop(&iter);
		mutex_unlock(&ns->topics_lock);
		cond_resched();
		mutex_lock(&ns->topics_lock);
		rhashtable_walk_start(&iter);
	}
	rhashtable_walk_stop(&iter);
	mutex_unlock(&ns->topics_lock);
	rhashtable_walk_exit(&iter);
}

/**
 * blipmq_topics_prune() - a pattern is gone that routes still name
 * @ns: the namespace
 */
void blipmq_topics_prune(struct blipmq_net *ns)
{
	queue_delayed_work(system_dfl_wq, &ns->prune, PRUNE_DELAY);
}
