// SPDX-License-Identifier: GPL-2.0
/*
 * A subscription is the socket's leg in a set: that of a topic, that of a
 * pattern, or that of a queue group.
 */
#include <linux/slab.h>

#include "netns.h"
#include "pattern.h"
#include "retain.h"
#include "set.h"
#include "sock.h"
#include "subscription.h"
#include "topic.h"
#include "trie.h"

static struct blipmq_subscription_node *to_subscription(struct rb_node *node)
{
	return rb_entry(node, struct blipmq_subscription_node, node);
}

static int subscription_cmp(const void *set, const struct rb_node *node)
{
	const struct blipmq_set *other =
		rb_entry(node, struct blipmq_subscription_node,
			 node)->interest.set;

	return set < (const void *)other ? -1 : set > (const void *)other;
}

static bool subscription_less(struct rb_node *a, const struct rb_node *b)
{
	return subscription_cmp(to_subscription(a)->interest.set, b) < 0;
}

static struct blipmq_subscription_node *
subscription_find(struct blipmq_sock *bs, const struct blipmq_set *set)
{
	struct rb_node *node = rb_find(set, &bs->subscriptions,
				       subscription_cmp);

	return node ? to_subscription(node) : NULL;
}

static bool names_topic(const struct blipmq_names *names)
{
	return !names->group_len &&
	       blipmq_pattern_is_exact(names->pattern, names->pattern_len);
}

static int interest_get(struct blipmq_sock *bs, struct blipmq_interest *in,
			const struct blipmq_names *names)
{
	struct blipmq_net *ns = bs->ns;

	in->topic = NULL;
	in->leaf = NULL;
	if (names_topic(names)) {
		in->topic = blipmq_topic_get(ns, bs->queue.user, names->pattern,
					     names->pattern_len);
		if (IS_ERR(in->topic))
			return PTR_ERR(in->topic);
		in->set = in->topic->set;
	} else {
		in->leaf = blipmq_trie_get(&ns->trie, names);
		if (IS_ERR(in->leaf))
			return PTR_ERR(in->leaf);
		in->set = in->leaf->set;
	}
	return 0;
}

static void interest_put(struct blipmq_net *ns, struct blipmq_interest *in)
{
	if (in->topic)
		blipmq_topic_put(ns, in->topic);
	else if (blipmq_trie_put(&ns->trie, in->leaf))
		blipmq_topics_prune(ns);
}

/* The set that a subscription to it would be in, or NULL; under RCU. */
static const struct blipmq_set *interest_find(struct blipmq_net *ns,
					      const struct blipmq_names *names)
{
	struct blipmq_trie_node *leaf;
	struct blipmq_topic *topic;

	if (names_topic(names)) {
		topic = blipmq_topic_find(ns, names->pattern,
					  names->pattern_len);
		return topic ? READ_ONCE(topic->set) : NULL;
	}
	leaf = blipmq_trie_find(&ns->trie, names);
	return leaf ? leaf->set : NULL;
}

/* The socket's policy stays as it is while tx_lock is held. */
static void subscription_block(struct blipmq_sock *bs,
			       struct blipmq_subscription_node *sub,
			       bool blocks)
{
	if (bs->queue.policy == BLIPMQ_OVERFLOW_BLOCK)
		blipmq_set_block(sub->interest.set, blocks);
}

/* From here on the control plane may show it. */
static int subscription_register(struct blipmq_net *ns,
				 struct blipmq_subscription_node *sub)
{
	int err = xa_alloc_cyclic(&ns->subscriptions, &sub->id, sub,
				  xa_limit_32b, &ns->next_subscription,
				  GFP_KERNEL_ACCOUNT);

	return err == -EBUSY ? -ENOBUFS : min(err, 0);
}

static void subscription_free(struct blipmq_net *ns,
			      struct blipmq_subscription_node *sub)
{
	xa_erase(&ns->subscriptions, sub->id);
	kfree_rcu(sub, rcu);
}

static int subscription_create(struct blipmq_sock *bs,
			       const struct blipmq_interest *in)
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
	sub->bs = bs;
	sub->interest = *in;
	err = subscription_register(bs->ns, sub);
	if (err) {
		kfree(sub);
		return err;
	}
	/* Before publishers find the leg. */
	subscription_block(bs, sub, true);
	err = blipmq_set_join(in->set, &bs->queue, &sub->leg);
	if (err) {
		subscription_block(bs, sub, false);
		subscription_free(bs->ns, sub);
		return err;
	}
	rb_add(&sub->node, &bs->subscriptions, subscription_less);
	WRITE_ONCE(bs->nr_subscriptions, bs->nr_subscriptions + 1);
	atomic_inc(&bs->ns->nr_subscriptions);
	return 0;
}

static int subscription_begin(struct blipmq_sock *bs,
			      const struct blipmq_interest *in,
			      const struct blipmq_names *names)
{
	struct blipmq_net *ns = bs->ns;
	int err;

	/* Members of queue groups get none: they share what comes. */
	if (names->group_len)
		return subscription_create(bs, in);
	blipmq_retain_lock(ns);
	blipmq_retain_expire(ns);
	err = subscription_create(bs, in);
	if (!err && in->topic)
		blipmq_retain_replay_topic(bs, in->topic);
	else if (!err)
		blipmq_retain_replay(bs, names);
	blipmq_retain_unlock(ns);
	return err;
}

/**
 * blipmq_subscribe() - subscribe a socket
 * @bs: the socket
 * @names: to what
 *
 * Publishes that begin after the return are received. A plain subscription
 * that is new gets the retained values first.
 *
 * Context: the socket's tx_lock is held; may sleep.
 * Return: 0, also when it is subscribed already; -ENOBUFS at a limit, -EDQUOT
 * at the user's; -ENOMEM; -EPIPE when the socket receives no more.
 */
int blipmq_subscribe(struct blipmq_sock *bs, const struct blipmq_names *names)
{
	struct blipmq_interest in;
	int err;

	lockdep_assert_held(&bs->tx_lock);
	if (bs->state & (BLIPMQ_RX_ENDED | BLIPMQ_DRAINING))
		return -EPIPE;
	err = interest_get(bs, &in, names);
	if (err)
		return err;
	if (!subscription_find(bs, in.set)) {
		err = subscription_begin(bs, &in, names);
		if (!err)
			return 0;
	}
	interest_put(bs->ns, &in);
	return err;
}

static void subscription_end(struct blipmq_sock *bs,
			     struct blipmq_subscription_node *sub)
{
	struct blipmq_interest interest;

	rb_erase(&sub->node, &bs->subscriptions);
	WRITE_ONCE(bs->nr_subscriptions, bs->nr_subscriptions - 1);
	atomic_dec(&bs->ns->nr_subscriptions);
	blipmq_set_leave(sub->interest.set, &sub->leg);
	subscription_block(bs, sub, false);
	blipmq_queue_let_go(&bs->queue);
	/* Those who look at it hold what it is to by RCU. */
	interest = sub->interest;
	subscription_free(bs->ns, sub);
	interest_put(bs->ns, &interest);
}

/**
 * blipmq_unsubscribe() - end a subscription
 * @bs: the socket
 * @names: to what
 *
 * What is queued stays queued.
 *
 * Context: the socket's tx_lock is held; may sleep.
 * Return: 0, or -ENOENT when there is no such subscription.
 */
int blipmq_unsubscribe(struct blipmq_sock *bs, const struct blipmq_names *names)
{
	struct blipmq_subscription_node *sub = NULL;
	const struct blipmq_set *set;

	lockdep_assert_held(&bs->tx_lock);
	rcu_read_lock();
	set = interest_find(bs->ns, names);
	/* If the socket is in it, it holds it. */
	if (set)
		sub = subscription_find(bs, set);
	rcu_read_unlock();
	if (!sub)
		return -ENOENT;
	subscription_end(bs, sub);
	return 0;
}

/**
 * blipmq_subscriptions_block() - all legs of a socket will block publishers
 * @bs: the socket
 * @blocks: or no longer do
 *
 * Context: the socket's tx_lock is held.
 */
void blipmq_subscriptions_block(struct blipmq_sock *bs, bool blocks)
{
	struct rb_node *node;

	lockdep_assert_held(&bs->tx_lock);
	for (node = rb_first(&bs->subscriptions); node; node = rb_next(node))
		blipmq_set_block(to_subscription(node)->interest.set, blocks);
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
