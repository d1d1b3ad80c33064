// SPDX-License-Identifier: GPL-2.0
/*
 * A subscription is the socket's leg in a set: that of a topic, that of a
 * pattern, or that of a queue group.
 */
#include <linux/slab.h>

#include "access.h"
#include "event.h"
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
		in->leaf = blipmq_trie_get(&ns->trie, bs->queue.user,
					   READ_ONCE(ns->limits.user_patterns),
					   names);
		if (IS_ERR(in->leaf))
			return PTR_ERR(in->leaf);
		in->set = in->leaf->set;
	}
	return 0;
}

static void interest_put(struct blipmq_net *ns, struct blipmq_interest *in)
{
	if (in->topic)
		blipmq_topic_leave(ns, in->topic);
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

/* The socket's policy stays as it is while tx_lock and the lock of rules are held. */
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

static struct blipmq_subscription_node *
subscription_create(struct blipmq_sock *bs, const struct blipmq_interest *in)
{
	struct blipmq_subscription_node *sub;
	int err;

	if (bs->nr_subscriptions >= READ_ONCE(bs->ns->limits.subscriptions)) {
		blipmq_event_limit(bs->ns, BLIPMQ_A_LIMITS_SUBSCRIPTIONS);
		return ERR_PTR(-ENOBUFS);
	}
	err = blipmq_queue_open(&bs->queue);
	if (err)
		return ERR_PTR(err);
	sub = kmalloc(sizeof(*sub), GFP_KERNEL_ACCOUNT);
	if (!sub)
		return ERR_PTR(-ENOMEM);
	sub->bs = bs;
	sub->interest = *in;
	err = subscription_register(bs->ns, sub);
	if (!err)
		return sub;
	kfree(sub);
	return ERR_PTR(err);
}

static int subscription_join(struct blipmq_sock *bs,
			     struct blipmq_subscription_node *sub)
{
	int err;

	/* Before publishers find the leg. */
	subscription_block(bs, sub, true);
	err = blipmq_set_join(sub->interest.set, &bs->queue, &sub->leg);
	if (err) {
		subscription_block(bs, sub, false);
		return err;
	}
	rb_add(&sub->node, &bs->subscriptions, subscription_less);
	WRITE_ONCE(bs->nr_subscriptions, bs->nr_subscriptions + 1);
	atomic_inc(&bs->ns->nr_subscriptions);
	blipmq_event_subscription(BLIPMQ_EVENT_KIND_SUBSCRIPTION_ADDED, sub);
	return 0;
}

/*
 * Join, and get the retained values. Publishers wait for that; so what may wait
 * for memory is done before.
 */
static int subscription_join_retained(struct blipmq_sock *bs,
				      struct blipmq_subscription_node *sub,
				      const struct blipmq_names *names)
{
	struct blipmq_interest *in = &sub->interest;
	struct blipmq_net *ns = bs->ns;
	int err;

	mutex_lock(&ns->join_lock);
	err = blipmq_set_reserve(in->set);
	if (err)
		goto out;
	down_write(&ns->retain_sem);
	blipmq_retain_expire(ns);
	err = subscription_join(bs, sub);
	if (!err && in->topic)
		blipmq_retain_replay_topic(bs, in->topic);
	else if (!err)
		blipmq_retain_replay(bs, names);
	up_write(&ns->retain_sem);
out:
	mutex_unlock(&ns->join_lock);
	return err;
}

static int subscription_begin(struct blipmq_sock *bs,
			      const struct blipmq_interest *in,
			      const struct blipmq_names *names)
{
	struct blipmq_subscription_node *sub = subscription_create(bs, in);
	int err;

	if (IS_ERR(sub))
		return PTR_ERR(sub);
	/* Members of queue groups get none: they share what comes. */
	if (names->group_len)
		err = subscription_join(bs, sub);
	else
		err = subscription_join_retained(bs, sub, names);
	if (err)
		subscription_free(bs->ns, sub);
	return err;
}

/* The rights that a subscription takes while its socket is as it is. */
static u32 subscription_needs(const struct blipmq_sock *bs)
{
	if (bs->queue.policy == BLIPMQ_OVERFLOW_BLOCK && !bs->may_block)
		return BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_BLOCK;
	return BLIPMQ_MAY_SUBSCRIBE;
}

static int subscribe_allowed(struct blipmq_sock *bs,
			     const struct blipmq_names *names)
{
	u32 needs = subscription_needs(bs);
	struct blipmq_interest in;
	int err;

	if (needs & ~blipmq_access_of(bs, names->pattern, names->pattern_len))
		return -EACCES;
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

/**
 * blipmq_subscribe() - subscribe a socket
 * @bs: the socket
 * @names: to what
 *
 * Publishes that begin after the return are received. A plain subscription
 * that is new gets the retained values first.
 *
 * Context: the socket's tx_lock is held; may sleep.
 * Return: 0, also when it is subscribed already; -EACCES when no rule lets it;
 * -ENOBUFS at a limit, -EDQUOT at the user's; -ENOMEM; -EPIPE when the socket
 * receives no more; -ESHUTDOWN when the namespace is draining.
 */
int blipmq_subscribe(struct blipmq_sock *bs, const struct blipmq_names *names)
{
	int err;

	lockdep_assert_held(&bs->tx_lock);
	if (bs->state & (BLIPMQ_RX_ENDED | BLIPMQ_DRAINING))
		return -EPIPE;
	if (blipmq_net_is_draining(bs->ns))
		return -ESHUTDOWN;
	down_read(&bs->ns->rules_sem);
	err = subscribe_allowed(bs, names);
	up_read(&bs->ns->rules_sem);
	return err;
}

static void subscription_end(struct blipmq_sock *bs,
			     struct blipmq_subscription_node *sub)
{
	struct blipmq_interest interest;

	lockdep_assert_held(&bs->ns->rules_sem);
	rb_erase(&sub->node, &bs->subscriptions);
	WRITE_ONCE(bs->nr_subscriptions, bs->nr_subscriptions - 1);
	atomic_dec(&bs->ns->nr_subscriptions);
	blipmq_set_leave(sub->interest.set, &sub->leg);
	subscription_block(bs, sub, false);
	blipmq_queue_let_go(&bs->queue);
	blipmq_event_subscription(BLIPMQ_EVENT_KIND_SUBSCRIPTION_REMOVED, sub);
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
	down_read(&bs->ns->rules_sem);
	rcu_read_lock();
	set = interest_find(bs->ns, names);
	/* If the socket is in it, it holds it. */
	if (set)
		sub = subscription_find(bs, set);
	rcu_read_unlock();
	if (sub)
		subscription_end(bs, sub);
	up_read(&bs->ns->rules_sem);
	return sub ? 0 : -ENOENT;
}

/**
 * blipmq_subscription_pattern() - to what a subscription is
 * @sub: the subscription
 * @name: room for BLIPMQ_PATTERN_MAX bytes
 *
 * Context: an RCU read-side section, or the subscription stays.
 * Return: bytes of it.
 */
u8 blipmq_subscription_pattern(const struct blipmq_subscription_node *sub,
			       u8 *name)
{
	const struct blipmq_topic *topic = sub->interest.topic;

	if (!topic)
		return blipmq_trie_pattern(sub->interest.leaf, name);
	memcpy(name, topic->name, topic->name_len);
	return topic->name_len;
}

/**
 * blipmq_subscription_judge() - end a subscription that has lost its right
 * @sub: the subscription, whose socket nobody may know
 * @pattern: topics of which something is to be judged again
 * @len: bytes of it
 *
 * A socket that blocks publishers by a right which it has lost goes on with the
 * policy drop-new.
 *
 * Context: rules_sem is held for writing, or for reading with the tx_lock of the
 * socket; may sleep.
 * Return: true when it has ended.
 */
bool blipmq_subscription_judge(struct blipmq_subscription_node *sub,
			       const u8 *pattern, u8 len)
{
	struct blipmq_sock *bs = sub->bs;
	u8 name[BLIPMQ_PATTERN_MAX];
	u32 refused;
	u8 name_len;

	name_len = blipmq_subscription_pattern(sub, name);
	if (blipmq_pattern_relate(pattern, len, name, name_len) ==
	    BLIPMQ_PATTERN_DISJOINT)
		return false;
	refused = subscription_needs(bs) &
		  ~blipmq_access_of(bs, name, name_len);
	if (refused & BLIPMQ_MAY_SUBSCRIBE) {
		subscription_end(bs, sub);
		return true;
	}
	if (refused)
		blipmq_sock_stop_blocking(bs);
	return false;
}

/**
 * blipmq_subscriptions_judge() - end those that have lost their right
 * @bs: the socket, which acts for somebody else now
 *
 * Context: its tx_lock and rules_sem are held; may sleep.
 */
void blipmq_subscriptions_judge(struct blipmq_sock *bs)
{
	struct rb_node *node, *next;

	lockdep_assert_held(&bs->tx_lock);
	for (node = rb_first(&bs->subscriptions); node; node = next) {
		next = rb_next(node);
		blipmq_subscription_judge(to_subscription(node), ">", 1);
	}
}

/**
 * blipmq_subscriptions_may_block() - do rules let a socket block publishers?
 * @bs: the socket
 *
 * Context: its tx_lock and rules_sem are held.
 * Return: 0 when they do for all that it is subscribed to, and at all; -EACCES.
 */
int blipmq_subscriptions_may_block(struct blipmq_sock *bs)
{
	u8 name[BLIPMQ_PATTERN_MAX];
	struct rb_node *node;
	u8 len;

	lockdep_assert_held(&bs->tx_lock);
	if (!blipmq_access_blocks(bs))
		return -EACCES;
	for (node = rb_first(&bs->subscriptions); node; node = rb_next(node)) {
		len = blipmq_subscription_pattern(to_subscription(node), name);
		if (!(blipmq_access_of(bs, name, len) & BLIPMQ_MAY_BLOCK))
			return -EACCES;
	}
	return 0;
}

/**
 * blipmq_subscriptions_block() - all legs of a socket will block publishers
 * @bs: the socket
 * @blocks: or no longer do
 *
 * Context: rules_sem is held for writing, or for reading with the tx_lock of the
 * socket.
 */
void blipmq_subscriptions_block(struct blipmq_sock *bs, bool blocks)
{
	struct rb_node *node;

	lockdep_assert_held(&bs->ns->rules_sem);
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
	down_read(&bs->ns->rules_sem);
	while ((node = rb_first(&bs->subscriptions)))
		subscription_end(bs, to_subscription(node));
	up_read(&bs->ns->rules_sem);
}
