// SPDX-License-Identifier: GPL-2.0
/*
 * A subscription is the socket's leg in the set of a topic.
 */
#include <linux/rbtree.h>
#include <linux/slab.h>

#include "netns.h"
#include "set.h"
#include "sock.h"
#include "subscription.h"
#include "topic.h"

/**
 * struct blipmq_subscription_node - one subscription of a socket
 * @node: in the socket's tree, by address of the topic
 * @topic: the topic, held
 * @leg: where the socket stands in its set
 */
struct blipmq_subscription_node {
	struct rb_node		node;
	struct blipmq_topic	*topic;
	struct blipmq_leg	leg;
};

static struct blipmq_subscription_node *to_subscription(struct rb_node *node)
{
	return rb_entry(node, struct blipmq_subscription_node, node);
}

static int subscription_cmp(const void *topic, const struct rb_node *node)
{
	const struct blipmq_topic *other =
		rb_entry(node, struct blipmq_subscription_node, node)->topic;

	return topic < (const void *)other ? -1 : topic > (const void *)other;
}

static bool subscription_less(struct rb_node *a, const struct rb_node *b)
{
	return subscription_cmp(to_subscription(a)->topic, b) < 0;
}

static struct blipmq_subscription_node *
subscription_find(struct blipmq_sock *bs, const struct blipmq_topic *topic)
{
	struct rb_node *node = rb_find(topic, &bs->subscriptions,
				       subscription_cmp);

	return node ? to_subscription(node) : NULL;
}

static int subscription_create(struct blipmq_sock *bs,
			       struct blipmq_topic *topic)
{
	struct blipmq_subscription_node *sub;
	int err;

	if (bs->nr_subscriptions >= READ_ONCE(bs->ns->limits.subscriptions))
		return -ENOBUFS;
	err = blipmq_queue_open(&bs->queue);
	if (err)
		return err;
	sub = kmalloc(sizeof(*sub), GFP_KERNEL_ACCOUNT);
	if (!sub)
		return -ENOMEM;
	sub->topic = topic;
	err = blipmq_set_join(topic->set, &bs->queue, &sub->leg);
	if (err) {
		kfree(sub);
		return err;
	}
	rb_add(&sub->node, &bs->subscriptions, subscription_less);
	bs->nr_subscriptions++;
	atomic_inc(&bs->ns->nr_subscriptions);
	return 0;
}

/**
 * blipmq_subscribe() - subscribe a socket to a topic
 * @bs: the socket
 * @pattern: a valid topic
 * @len: its bytes
 *
 * Publishes that begin after the return are received.
 *
 * Context: the socket's tx_lock is held; may sleep.
 * Return: 0, also when it is subscribed already; -ENOBUFS at a limit; -ENOMEM;
 * -EPIPE when the socket receives no more.
 */
int blipmq_subscribe(struct blipmq_sock *bs, const u8 *pattern, u8 len)
{
	struct blipmq_topic *topic;
	int err = 0;

	lockdep_assert_held(&bs->tx_lock);
	if (bs->state & (BLIPMQ_RX_ENDED | BLIPMQ_DRAINING))
		return -EPIPE;
	topic = blipmq_topic_get(bs->ns, pattern, len);
	if (IS_ERR(topic))
		return PTR_ERR(topic);
	if (!subscription_find(bs, topic)) {
		err = subscription_create(bs, topic);
		if (!err)
			return 0;
	}
	blipmq_topic_put(bs->ns, topic);
	return err;
}

static void subscription_end(struct blipmq_sock *bs,
			     struct blipmq_subscription_node *sub)
{
	rb_erase(&sub->node, &bs->subscriptions);
	bs->nr_subscriptions--;
	atomic_dec(&bs->ns->nr_subscriptions);
	blipmq_set_leave(sub->topic->set, &sub->leg);
	blipmq_topic_put(bs->ns, sub->topic);
	kfree(sub);
}

/**
 * blipmq_unsubscribe() - end a subscription
 * @bs: the socket
 * @pattern: a valid topic
 * @len: its bytes
 *
 * What is queued stays queued.
 *
 * Context: the socket's tx_lock is held; may sleep.
 * Return: 0, or -ENOENT when there is no such subscription.
 */
int blipmq_unsubscribe(struct blipmq_sock *bs, const u8 *pattern, u8 len)
{
	struct blipmq_subscription_node *sub = NULL;
	struct blipmq_topic *topic;

	lockdep_assert_held(&bs->tx_lock);
	rcu_read_lock();
	topic = blipmq_topic_find(bs->ns, pattern, len);
	/* If the socket is on it, it holds the topic. */
	if (topic)
		sub = subscription_find(bs, topic);
	rcu_read_unlock();
	if (!sub)
		return -ENOENT;
	subscription_end(bs, sub);
	return 0;
}

/**
 * blipmq_unsubscribe_all() - end all subscriptions of a socket
 * @bs: the socket
 *
 * Context: the socket's tx_lock is held; may sleep.
 */
void blipmq_unsubscribe_all(struct blipmq_sock *bs)
{
	struct rb_node *node;

	lockdep_assert_held(&bs->tx_lock);
	while ((node = rb_first(&bs->subscriptions)))
		subscription_end(bs, to_subscription(node));
}
