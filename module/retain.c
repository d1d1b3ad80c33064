// SPDX-License-Identifier: GPL-2.0
/*
 * Keeping the last values of topics, and giving them to those who join.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "bundle.h"
#include "event.h"
#include "frame.h"
#include "netns.h"
#include "pattern.h"
#include "queue.h"
#include "retain.h"
#include "sender.h"
#include "sock.h"
#include "topic.h"
#include "user.h"

/* Values that are looked at without letting others run. */
#define REPLAY_BATCH	64

/*
 * A bundle of its own with a copy of the frame, which says what it is. Others
 * have the frame without the flag.
 */
static struct sk_buff *retain_copy(struct sk_buff *b, u32 offset,
				   const struct blipmq_frame *f, u64 id)
{
	u32 fixed = BLIPMQ_FRAME_HEADER + f->topic_len, size = f->size;
	struct blipmq_sender *sender;
	struct sk_buff *copy;
	u32 done, n;
	u8 *part;

	/* Not in flight: the limits of retained values bound it. */
	sender = blipmq_sender_clone(blipmq_bundle_cb(b)->sender);
	if (!sender)
		return NULL;
	part = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	copy = part ? blipmq_bundle_alloc(sender, size, BLIPMQ_BUNDLE_GFP) :
		      NULL;
	blipmq_sender_retire(sender);
	for (done = 0; copy && done < size; done += n) {
		n = min_t(u32, size - done, PAGE_SIZE);
		if (skb_copy_bits(b, offset + done, part, n) ||
		    skb_store_bits(copy, done, part, n)) {
			blipmq_bundle_put(copy);
			copy = NULL;
		}
	}
	kfree(part);
	if (!copy)
		return NULL;
	blipmq_frame_to_msg(blipmq_bundle_head(copy, 0, BLIPMQ_FRAME_HEADER),
			    blipmq_bundle_head(copy, fixed, sizeof(id)), id);
	*blipmq_bundle_head(copy, 4, 1) |= BLIPMQ_FLAG_RETAIN;
	blipmq_bundle_seal(copy, size, 1);
	return copy;
}

/*
 * Would one more value of so many bytes be too much, for the namespace or for
 * the user's share of it? Without @topic for one that is not there yet. @limit says
 * which limit. A snapshot.
 */
static int retain_is_over(struct blipmq_net *ns, struct blipmq_topic *topic,
			  const struct blipmq_user *u, u32 bytes, int *limit)
{
	s64 max_values = READ_ONCE(ns->limits.retained_messages);
	s64 max_bytes = READ_ONCE(ns->limits.retained_bytes);
	s64 values, sum, own_values, own_bytes;
	u32 old;

	spin_lock(&ns->retain_lock);
	values = ns->nr_retained;
	sum = ns->retained_bytes;
	own_values = u->nr_retained;
	own_bytes = u->retained_bytes;
	if (topic && topic->retained) {
		old = blipmq_bundle_cb(topic->retained)->charge;
		values--;
		sum -= old;
		own_values -= topic->retainer == u;
		own_bytes -= topic->retainer == u ? old : 0;
	}
	spin_unlock(&ns->retain_lock);
	if (values + 1 > max_values) {
		*limit = BLIPMQ_A_LIMITS_RETAINED_MESSAGES;
		return -ENOBUFS;
	}
	if (sum + bytes > max_bytes) {
		*limit = BLIPMQ_A_LIMITS_RETAINED_BYTES;
		return -ENOBUFS;
	}
	/* Rounded up: where there may be one, somebody may have it. */
	if (!blipmq_share_allows(max_values + 1, own_values,
				 values - own_values, 1) ||
	    !blipmq_share_allows(max_bytes, own_bytes, sum - own_bytes, bytes))
		return -EDQUOT;
	return 0;
}

/* The same, but for those whose time is over. */
static int retain_is_full(struct blipmq_net *ns, struct blipmq_topic *topic,
			  const struct blipmq_user *u, u32 bytes)
{
	int limit = 0, err = retain_is_over(ns, topic, u, bytes, &limit);

	if (likely(!err))
		return 0;
	if (ktime_get_ns() >= READ_ONCE(ns->retain_expires)) {
		blipmq_retain_lock(ns);
		blipmq_retain_expire(ns);
		blipmq_retain_unlock(ns);
		err = retain_is_over(ns, topic, u, bytes, &limit);
	}
	if (err == -ENOBUFS)
		blipmq_event_limit(ns, limit);
	return err;
}

static bool retain_is_there(struct blipmq_net *ns, const u8 *name, u8 len)
{
	bool there;

	rcu_read_lock();
	there = blipmq_topic_find(ns, name, len);
	rcu_read_unlock();
	return there;
}

/* Have a topic for the value, unless that is refused already. */
static int retain_hold_topic(struct blipmq_net *ns, struct blipmq_retain *r,
			     const u8 *name, u8 len)
{
	u32 bytes = blipmq_bundle_cb(r->value)->charge;
	int err = 0;

	/* A new topic may throw an idle one out. */
	if (!retain_is_there(ns, name, len))
		err = retain_is_full(ns, NULL, r->user, bytes);
	if (err)
		return err;
	r->topic = blipmq_topic_get(ns, NULL, name, len);
	if (IS_ERR(r->topic)) {
		err = PTR_ERR(r->topic);
		r->topic = NULL;
		return err;
	}
	return retain_is_full(ns, r->topic, r->user, bytes);
}

/**
 * blipmq_retain_prepare() - get ready to keep a message
 * @ns: the namespace
 * @r: set to what blipmq_retain_swap() or blipmq_retain_cancel() wants
 * @b: the bundle that it is in
 * @offset: where its PUB or MSG starts
 * @id: its msg_id
 *
 * Context: may sleep.
 * Return: 0; -ENOBUFS at a limit of the namespace; -EDQUOT when the publisher's
 * user has its share; -ENOMEM.
 */
int blipmq_retain_prepare(struct blipmq_net *ns, struct blipmq_retain *r,
			  struct sk_buff *b, u32 offset, u64 id)
{
	struct blipmq_frame f;
	int err = -ENOMEM;
	const u8 *name;

	blipmq_frame_decode(&f, blipmq_bundle_head(b, offset,
						   BLIPMQ_FRAME_HEADER));
	name = blipmq_bundle_head(b, offset + BLIPMQ_FRAME_HEADER, f.topic_len);
	memset(r, 0, sizeof(*r));
	if (f.size == BLIPMQ_FRAME_HEADER + f.topic_len + BLIPMQ_FRAME_PUB_FIXED) {
		/* What is not there need not be cleared. */
		if (retain_is_there(ns, name, f.topic_len))
			r->topic = blipmq_topic_get(ns, NULL, name, f.topic_len);
		return IS_ERR(r->topic) ? PTR_ERR(r->topic) : 0;
	}
	r->value = retain_copy(b, offset, &f, id);
	if (!r->value)
		goto err_cancel;
	r->user = blipmq_user_get(ns, blipmq_bundle_cb(b)->sender->uid);
	if (!r->user)
		goto err_cancel;
	err = retain_hold_topic(ns, r, name, f.topic_len);
	if (!err)
		return 0;

err_cancel:
	blipmq_retain_cancel(ns, r);
	return err;
}

/**
 * blipmq_retain_cancel() - undo blipmq_retain_prepare()
 * @ns: the namespace
 * @r: what it set
 *
 * Context: may sleep.
 */
void blipmq_retain_cancel(struct blipmq_net *ns, struct blipmq_retain *r)
{
	if (r->value)
		blipmq_bundle_put(r->value);
	if (r->user)
		blipmq_user_put(r->user);
	if (r->topic)
		blipmq_topic_put(ns, r->topic);
}

/* A user's values are one more, or one less. */
static void retain_account(struct blipmq_net *ns, struct blipmq_user *u,
			   struct sk_buff *value, s32 more)
{
	s64 bytes = more * (s64)blipmq_bundle_cb(value)->charge;

	lockdep_assert_held(&ns->retain_lock);
	WRITE_ONCE(ns->nr_retained, ns->nr_retained + more);
	ns->retained_bytes += bytes;
	u->nr_retained += more;
	u->retained_bytes += bytes;
}

/**
 * blipmq_retain_swap() - let a value be the topic's last
 * @ns: the namespace
 * @r: what blipmq_retain_prepare() set; used up
 * @b: the message as it was published, or NULL when the value is cleared
 *
 * A topic that has a value is held by it.
 *
 * Context: retain_sem is held for reading; may sleep.
 */
void blipmq_retain_swap(struct blipmq_net *ns, struct blipmq_retain *r,
			struct sk_buff *b)
{
	struct blipmq_topic *topic = r->topic;
	struct blipmq_user *retainer;
	struct sk_buff *old;

	lockdep_assert_held(&ns->retain_sem);
	if (!topic)
		return;
	if (r->value) {
		r->value->tstamp = b->tstamp;
		blipmq_bundle_cb(r->value)->expires =
			blipmq_bundle_cb(b)->expires;
	}
	spin_lock(&ns->retain_lock);
	old = topic->retained;
	retainer = topic->retainer;
	topic->retained = r->value;
	topic->retainer = r->user;
	if (old)
		retain_account(ns, retainer, old, -1);
	if (r->value) {
		retain_account(ns, r->user, r->value, 1);
		if (blipmq_bundle_cb(r->value)->expires)
			WRITE_ONCE(ns->retain_expires,
				   min(ns->retain_expires,
				       blipmq_bundle_cb(r->value)->expires));
	}
	if (!old && r->value)
		list_add_tail(&topic->retaining, &ns->retained);
	else if (old && !r->value)
		list_del_init(&topic->retaining);
	spin_unlock(&ns->retain_lock);
	if (old) {
		blipmq_bundle_put(old);
		blipmq_user_put(retainer);
		blipmq_topic_put(ns, topic);
	}
	if (!r->value)
		blipmq_topic_put(ns, topic);
}

/* A topic that holds a value has no more of it. */
static void retain_clear(struct blipmq_net *ns, struct blipmq_topic *topic)
{
	struct blipmq_retain clear = {
		.topic = blipmq_topic_get(ns, NULL, topic->name,
					  topic->name_len),
	};

	if (!WARN_ON_ONCE(clear.topic != topic))
		blipmq_retain_swap(ns, &clear, NULL);
}

/**
 * blipmq_retain_expire() - forget the values whose time is over
 * @ns: the namespace
 *
 * Costs nothing while the earliest is not.
 *
 * Context: retain_sem is held for writing; may sleep.
 */
void blipmq_retain_expire(struct blipmq_net *ns)
{
	struct blipmq_topic *topic, *next;
	u64 expires, first = U64_MAX;
	u32 n = 0;

	lockdep_assert_held_write(&ns->retain_sem);
	if (likely(ktime_get_ns() < ns->retain_expires))
		return;
	list_for_each_entry_safe(topic, next, &ns->retained, retaining) {
		expires = blipmq_bundle_cb(topic->retained)->expires;
		if (blipmq_bundle_expired(topic->retained))
			retain_clear(ns, topic);
		else if (expires)
			first = min(first, expires);
		if (++n % REPLAY_BATCH == 0)
			cond_resched();
	}
	WRITE_ONCE(ns->retain_expires, first);
}

static void retain_push(struct blipmq_sock *bs, struct sk_buff *value)
{
	blipmq_bundle_get(value, 1);
	rcu_read_lock();
	if (blipmq_queue_push(&bs->queue, value, 1) != BLIPMQ_PUSH_KEPT)
		blipmq_bundle_put(value);
	rcu_read_unlock();
}

/**
 * blipmq_retain_replay_topic() - give a new subscriber the last value of a topic
 * @bs: the socket
 * @topic: what it has just subscribed to, held
 *
 * One whose time is over is not given out.
 *
 * Context: retain_sem is held for writing, which keeps topics from changing
 * theirs; may sleep.
 */
void blipmq_retain_replay_topic(struct blipmq_sock *bs,
				struct blipmq_topic *topic)
{
	lockdep_assert_held_write(&bs->ns->retain_sem);
	if (topic->retained && !blipmq_bundle_expired(topic->retained))
		retain_push(bs, topic->retained);
}

/**
 * blipmq_retain_replay() - give a new subscriber the last values
 * @bs: the socket
 * @names: the pattern that it has just subscribed to
 *
 * Context: as blipmq_retain_replay_topic().
 */
void blipmq_retain_replay(struct blipmq_sock *bs,
			  const struct blipmq_names *names)
{
	struct blipmq_net *ns = bs->ns;
	struct blipmq_topic *topic;
	u32 n = 0;

	lockdep_assert_held_write(&ns->retain_sem);
	list_for_each_entry(topic, &ns->retained, retaining) {
		if (blipmq_pattern_matches(names->pattern, names->pattern_len,
					   topic->name, topic->name_len))
			blipmq_retain_replay_topic(bs, topic);
		if (++n % REPLAY_BATCH == 0)
			cond_resched();
	}
}

/**
 * blipmq_retain_init() - nothing is retained yet
 * @ns: the namespace
 */
void blipmq_retain_init(struct blipmq_net *ns)
{
	ns->retain_expires = U64_MAX;
	mutex_init(&ns->join_lock);
	init_rwsem(&ns->retain_sem);
	spin_lock_init(&ns->retain_lock);
	INIT_LIST_HEAD(&ns->retained);
}

/**
 * blipmq_retain_destroy() - forget all values
 * @ns: the namespace, without sockets
 *
 * Context: may sleep.
 */
void blipmq_retain_destroy(struct blipmq_net *ns)
{
	struct blipmq_topic *topic, *next;

	down_read(&ns->retain_sem);
	list_for_each_entry_safe(topic, next, &ns->retained, retaining)
		retain_clear(ns, topic);
	up_read(&ns->retain_sem);
}
