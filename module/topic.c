// SPDX-License-Identifier: GPL-2.0
/*
 * The life of topics. One exists while somebody subscribes to it; when the
 * last one leaves it lingers, since programs that restart come back soon. One
 * that only patterns match lingers from the first, as long as it is published
 * to.
 */
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "event.h"
#include "netns.h"
#include "topic.h"
#include "user.h"

#define TOPIC_LINGER	(2 * HZ)

/* As many are removed for a new one: several only if the limit was lowered. */
#define TOPIC_RECYCLED	16

/**
 * struct topic_key - a name to look for
 * @name: its bytes
 * @len: how many
 */
struct topic_key {
	const u8	*name;
	u8		len;
};

static u32 topic_key_hash(const void *data, u32 len, u32 seed)
{
	const struct topic_key *key = data;

	return jhash(key->name, key->len, seed);
}

static u32 topic_obj_hash(const void *data, u32 len, u32 seed)
{
	const struct blipmq_topic *topic = data;

	return jhash(topic->name, topic->name_len, seed);
}

static int topic_obj_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct topic_key *key = arg->key;
	const struct blipmq_topic *topic = obj;

	return key->len != topic->name_len ||
	       memcmp(key->name, topic->name, key->len);
}

static const struct rhashtable_params topic_params = {
	.head_offset = offsetof(struct blipmq_topic, node),
	.hashfn = topic_key_hash,
	.obj_hashfn = topic_obj_hash,
	.obj_cmpfn = topic_obj_cmp,
	.automatic_shrinking = true,
};

static void topic_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct blipmq_topic, rcu));
}

/*
 * No new reader can find it; those that did may walk its route and set until
 * their RCU section ends.
 */
static void topic_release(struct blipmq_topic *topic)
{
	blipmq_topic_drop_route(topic);
	if (topic->set)
		blipmq_set_put(topic->set);
	call_rcu(&topic->rcu, topic_free);
}

static struct blipmq_topic *topic_create(struct blipmq_net *ns, const u8 *name,
					 u8 len, bool subscriber)
{
	struct blipmq_topic *topic;

	topic = kzalloc(struct_size(topic, name, len), GFP_KERNEL_ACCOUNT);
	if (!topic)
		return NULL;
	topic->generation = blipmq_trie_generation(&ns->trie, name, len);
	INIT_LIST_HEAD(&topic->idle);
	INIT_LIST_HEAD(&topic->retaining);
	topic->name_len = len;
	memcpy(topic->name, name, len);
	if (subscriber) {
		topic->users = 1;
		topic->set = blipmq_set_create();
		if (!topic->set)
			goto err_free;
	}
	if (blipmq_topic_set_route(ns, topic))
		goto err_put_set;
	return topic;

err_put_set:
	if (topic->set)
		blipmq_set_put(topic->set);
err_free:
	kfree(topic);
	return NULL;
}

static void topic_idle(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	lockdep_assert_held(&ns->topics_lock);
	topic->idle_since = jiffies;
	list_add_tail(&topic->idle, &ns->idle_topics);
	queue_delayed_work(system_dfl_wq, &ns->sweep, TOPIC_LINGER);
}

/**
 * blipmq_topic_find() - look a topic up
 * @ns: the namespace
 * @name: its bytes
 * @len: how many
 *
 * Context: an RCU read-side section, as long as the result is used.
 * Return: the topic, or NULL.
 */
struct blipmq_topic *blipmq_topic_find(struct blipmq_net *ns, const u8 *name,
				       u8 len)
{
	struct topic_key key = { .name = name, .len = len };

	return rhashtable_lookup(&ns->topics, &key, topic_params);
}

static void topic_remove(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	lockdep_assert_held(&ns->topics_lock);
	blipmq_event_topic(ns, BLIPMQ_EVENT_KIND_TOPIC_REMOVED, topic);
	list_del(&topic->idle);
	rhashtable_remove_fast(&ns->topics, &topic->node, topic_params);
	ns->nr_topics--;
	topic_release(topic);
}

static bool topic_may_own(struct blipmq_net *ns,
			  const struct blipmq_user *owner)
{
	if (!owner || owner->topics < READ_ONCE(ns->limits.user_topics))
		return true;
	blipmq_event_limit(ns, BLIPMQ_A_LIMITS_USER_TOPICS);
	return false;
}

/* From its first subscriber to its last a topic counts for one of them. */
static void topic_join(struct blipmq_topic *topic, struct blipmq_user *owner)
{
	if (!owner || topic->subscribers++)
		return;
	topic->owner = blipmq_user_hold(owner);
	owner->topics++;
}

static void topic_disown(struct blipmq_topic *topic)
{
	if (!topic->owner)
		return;
	topic->owner->topics--;
	blipmq_user_put(topic->owner);
	topic->owner = NULL;
}

/*
 * A new topic, for one who subscribes or for a message. At the limit the one
 * that has been idle for longest gives way to a subscriber, but not to a mere
 * message: what is published to more topics than there may be would throw them
 * out in turns.
 */
static struct blipmq_topic *topic_insert(struct blipmq_net *ns,
					 struct blipmq_user *owner,
					 const u8 *name, u8 len, bool subscriber)
{
	struct blipmq_topic *topic;
	int err, n;

	lockdep_assert_held(&ns->topics_lock);
	if (!topic_may_own(ns, owner))
		return ERR_PTR(-EDQUOT);
	for (n = 0; ns->nr_topics >= READ_ONCE(ns->limits.topics); n++) {
		topic = list_first_entry_or_null(&ns->idle_topics,
						 struct blipmq_topic, idle);
		if (!topic || !subscriber || n == TOPIC_RECYCLED) {
			blipmq_event_limit(ns, BLIPMQ_A_LIMITS_TOPICS);
			return ERR_PTR(-ENOBUFS);
		}
		topic_remove(ns, topic);
	}
	topic = topic_create(ns, name, len, subscriber);
	if (!topic)
		return ERR_PTR(-ENOMEM);
	err = rhashtable_insert_fast(&ns->topics, &topic->node, topic_params);
	if (err) {
		topic_release(topic);
		/* Anything else says that the table is as large as it gets. */
		return ERR_PTR(err == -ENOMEM ? err : -ENOBUFS);
	}
	ns->nr_topics++;
	topic_join(topic, owner);
	if (!subscriber)
		topic_idle(ns, topic);
	blipmq_event_topic(ns, BLIPMQ_EVENT_KIND_TOPIC_CREATED, topic);
	return topic;
}

static struct blipmq_topic *topic_find(struct blipmq_net *ns, const u8 *name,
				       u8 len)
{
	struct blipmq_topic *topic;

	/* Removal needs the lock, so the pointer stays good. */
	lockdep_assert_held(&ns->topics_lock);
	rcu_read_lock();
	topic = blipmq_topic_find(ns, name, len);
	rcu_read_unlock();
	return topic;
}

/* The first user: from now on the route names the topic's own set. */
static int topic_first_user(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	int err;

	lockdep_assert_held(&ns->topics_lock);
	if (!topic->set) {
		struct blipmq_set *set = blipmq_set_create();

		if (!set)
			return -ENOMEM;
		/* Pairs with the acquires of those who look for it. */
		smp_store_release(&topic->set, set);
	}
	WRITE_ONCE(topic->users, 1);
	err = blipmq_topic_set_route(ns, topic);
	if (err) {
		WRITE_ONCE(topic->users, 0);
		return err;
	}
	list_del_init(&topic->idle);
	return 0;
}

static int topic_add_user(struct blipmq_net *ns, struct blipmq_user *owner,
			  struct blipmq_topic *topic)
{
	int err = 0;

	/* A retained value may have been there before its first subscriber. */
	if (!topic->subscribers && !topic_may_own(ns, owner))
		return -EDQUOT;
	if (topic->users)
		WRITE_ONCE(topic->users, topic->users + 1);
	else
		err = topic_first_user(ns, topic);
	if (!err)
		topic_join(topic, owner);
	return err;
}

/**
 * blipmq_topic_get() - hold a topic, which is created when there is none
 * @ns: the namespace
 * @owner: whom it counts for if nobody subscribes yet; NULL for a retained value
 * @name: a valid topic
 * @len: its bytes
 *
 * Messages go to the topic's set from now on.
 *
 * Context: may sleep.
 * Return: the topic, to be given to blipmq_topic_leave() by a subscriber, else to
 * blipmq_topic_put(); -ENOBUFS when the
 * namespace has as many as it may, -EDQUOT when the owner has, or -ENOMEM.
 */
struct blipmq_topic *blipmq_topic_get(struct blipmq_net *ns,
				      struct blipmq_user *owner,
				      const u8 *name, u8 len)
{
	struct blipmq_topic *topic;
	int err = 0;

	mutex_lock(&ns->topics_lock);
	topic = topic_find(ns, name, len);
	if (!topic)
		topic = topic_insert(ns, owner, name, len, true);
	else
		err = topic_add_user(ns, owner, topic);
	mutex_unlock(&ns->topics_lock);
	return err ? ERR_PTR(err) : topic;
}

/**
 * blipmq_topic_cache() - a topic for messages that patterns match
 * @ns: the namespace
 * @name: a valid topic
 * @len: its bytes
 *
 * Context: topics_lock is held, as long as the result is used; may sleep.
 * Return: the topic; -ENOBUFS or -ENOMEM.
 */
struct blipmq_topic *blipmq_topic_cache(struct blipmq_net *ns, const u8 *name,
					u8 len)
{
	return topic_find(ns, name, len) ?:
	       topic_insert(ns, NULL, name, len, false);
}

static void topic_put(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	WRITE_ONCE(topic->users, topic->users - 1);
	if (!topic->users) {
		/* Its set need not be named any more. */
		blipmq_topic_doubt(topic);
		topic_idle(ns, topic);
	}
}

/**
 * blipmq_topic_put() - a topic is not held for its value any more
 * @ns: the namespace
 * @topic: what blipmq_topic_get() gave without an owner
 *
 * Context: may sleep.
 */
void blipmq_topic_put(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	mutex_lock(&ns->topics_lock);
	topic_put(ns, topic);
	mutex_unlock(&ns->topics_lock);
}

/**
 * blipmq_topic_leave() - a subscriber leaves a topic
 * @ns: the namespace
 * @topic: what blipmq_topic_get() gave with an owner
 *
 * Context: may sleep.
 */
void blipmq_topic_leave(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	mutex_lock(&ns->topics_lock);
	if (!--topic->subscribers)
		topic_disown(topic);
	topic_put(ns, topic);
	mutex_unlock(&ns->topics_lock);
}

/*
 * One whose route is doubted since the last time was not published to since;
 * the others are asked again later.
 */
static void topic_linger(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	if (blipmq_topic_is_doubted(topic)) {
		topic_remove(ns, topic);
		return;
	}
	blipmq_topic_doubt(topic);
	topic->idle_since = jiffies;
	list_move_tail(&topic->idle, &ns->idle_topics);
}

static void topics_sweep(struct work_struct *work)
{
	struct blipmq_net *ns = container_of(to_delayed_work(work),
					     struct blipmq_net, sweep);
	struct blipmq_topic *topic;

	mutex_lock(&ns->topics_lock);
	while ((topic = list_first_entry_or_null(&ns->idle_topics,
						 struct blipmq_topic, idle))) {
		if (time_before(jiffies, topic->idle_since + TOPIC_LINGER)) {
			queue_delayed_work(system_dfl_wq, &ns->sweep,
					   topic->idle_since + TOPIC_LINGER -
					   jiffies);
			break;
		}
		topic_linger(ns, topic);
		/* A million of them must not keep joiners out. */
		if (need_resched()) {
			mutex_unlock(&ns->topics_lock);
			cond_resched();
			mutex_lock(&ns->topics_lock);
		}
	}
	mutex_unlock(&ns->topics_lock);
}

/**
 * blipmq_topics_init() - begin a namespace's topics
 * @ns: the namespace
 *
 * Return: 0 or -ENOMEM.
 */
int blipmq_topics_init(struct blipmq_net *ns)
{
	mutex_init(&ns->topics_lock);
	INIT_LIST_HEAD(&ns->idle_topics);
	INIT_DELAYED_WORK(&ns->sweep, topics_sweep);
	INIT_DELAYED_WORK(&ns->prune, blipmq_topics_prune_work);
	return rhashtable_init(&ns->topics, &topic_params);
}

/**
 * blipmq_topics_destroy() - end them
 * @ns: the namespace, without sockets
 *
 * Context: may sleep.
 */
void blipmq_topics_destroy(struct blipmq_net *ns)
{
	struct blipmq_topic *topic, *next;

	cancel_delayed_work_sync(&ns->prune);
	cancel_delayed_work_sync(&ns->sweep);
	mutex_lock(&ns->topics_lock);
	list_for_each_entry_safe(topic, next, &ns->idle_topics, idle)
		topic_remove(ns, topic);
	WARN_ON_ONCE(ns->nr_topics);
	mutex_unlock(&ns->topics_lock);
	rhashtable_destroy(&ns->topics);
}
