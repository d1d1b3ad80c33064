// SPDX-License-Identifier: GPL-2.0
/*
 * Building events and sending them. An event is sent where it happens, so that
 * events come in the order of what they tell. They are numbered, and one that
 * there is no memory or room for leaves a number out, by which who listens
 * knows that he missed it.
 */
#include <linux/cred.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

#include "event.h"
#include "gen/netlink-gen.h"
#include "netlink.h"
#include "netlink_reader.h"
#include "netns.h"
#include "sock.h"
#include "subscription.h"
#include "topic.h"
#include "user.h"

/**
 * struct event - an event that is built
 * @ns: where it happened
 * @skb: the message
 * @header: its genetlink header
 * @sequence: the attribute for its number
 */
struct event {
	struct blipmq_net	*ns;
	struct sk_buff		*skb;
	void			*header;
	struct nlattr		*sequence;
};

/* The group is there; read in RCU read-side sections. */
static bool events_open;

/**
 * blipmq_events_wanted() - does anybody listen to events?
 *
 * Context: any.
 * Return: false when nobody does in any namespace.
 */
bool blipmq_events_wanted(void)
{
	return READ_ONCE(events_open) &&
	       genl_has_listeners(&blipmq_nl_family, &init_net,
				  BLIPMQ_NLGRP_EVENTS) > 0;
}

/* Attributes that every event has. */
static bool event_fill(struct event *e, enum blipmq_event_kind kind)
{
	e->header = genlmsg_put(e->skb, 0, 0, &blipmq_nl_family, 0,
				BLIPMQ_CMD_EVENT);
	if (!e->header || nla_put_u32(e->skb, BLIPMQ_A_EVENT_KIND, kind) ||
	    nla_put_u64_64bit(e->skb, BLIPMQ_A_EVENT_TIME, ktime_get_real_ns(),
			      BLIPMQ_A_EVENT_PAD))
		return false;
	e->sequence = nla_reserve_64bit(e->skb, BLIPMQ_A_EVENT_SEQUENCE,
					sizeof(u64), BLIPMQ_A_EVENT_PAD);
	return e->sequence;
}

/* An event that could not be built is missed. */
static void event_miss(struct event *e)
{
	nlmsg_free(e->skb);
	spin_lock(&e->ns->events.lock);
	e->ns->events.sequence++;
	spin_unlock(&e->ns->events.lock);
}

/* Return: true with an event that event_send() is to follow for. */
static bool event_begin(struct event *e, struct blipmq_net *ns,
			enum blipmq_event_kind kind)
{
	if (!blipmq_events_wanted())
		return false;
	e->ns = ns;
	e->skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (e->skb && event_fill(e, kind))
		return true;
	event_miss(e);
	return false;
}

static void event_send(struct event *e, int err)
{
	struct blipmq_events *events = &e->ns->events;
	u64 sequence;

	if (WARN_ON_ONCE(err)) {
		event_miss(e);
		return;
	}
	genlmsg_end(e->skb, e->header);
	rcu_read_lock();
	spin_lock(&events->lock);
	sequence = ++events->sequence;
	memcpy(nla_data(e->sequence), &sequence, sizeof(sequence));
	/* Who has no room for it is told so; that nobody listens is no error. */
	if (READ_ONCE(events_open))
		genlmsg_multicast_netns(&blipmq_nl_family, e->ns->net, e->skb,
					0, BLIPMQ_NLGRP_EVENTS, GFP_ATOMIC);
	else
		nlmsg_free(e->skb);
	spin_unlock(&events->lock);
	rcu_read_unlock();
}

static int event_put_uid(struct event *e, kuid_t uid)
{
	return nla_put_u32(e->skb, BLIPMQ_A_EVENT_UID,
			   from_kuid_munged(e->ns->net->user_ns, uid));
}

/*
 * No number of the process: those who listen may each know it by another one.
 */
static int event_put_socket(struct event *e, struct blipmq_sock *bs)
{
	char comm[TASK_COMM_LEN] = "";
	struct task_struct *task;

	if (nla_put_u64_64bit(e->skb, BLIPMQ_A_EVENT_SOCKET, bs->serial,
			      BLIPMQ_A_EVENT_PAD) ||
	    event_put_uid(e, blipmq_nl_uid_of(bs)))
		return -EMSGSIZE;
	rcu_read_lock();
	task = pid_task(bs->opener, PIDTYPE_TGID);
	if (task)
		get_task_comm(comm, task);
	rcu_read_unlock();
	return *comm ? nla_put_string(e->skb, BLIPMQ_A_EVENT_COMMAND, comm) : 0;
}

/**
 * blipmq_event_topic() - a topic was created or removed
 * @ns: the namespace
 * @kind: which of that
 * @topic: the topic
 *
 * Context: topics_lock is held.
 */
void blipmq_event_topic(struct blipmq_net *ns, enum blipmq_event_kind kind,
			const struct blipmq_topic *topic)
{
	struct event e;
	int err;

	lockdep_assert_held(&ns->topics_lock);
	if (!event_begin(&e, ns, kind))
		return;
	err = blipmq_nl_put_name(e.skb, BLIPMQ_A_EVENT_TOPIC, topic->name,
				 topic->name_len);
	if (!err && topic->owner)
		err = event_put_uid(&e, topic->owner->uid);
	event_send(&e, err);
}

/**
 * blipmq_event_subscription() - a subscription was added or removed
 * @kind: which of that
 * @sub: the subscription
 *
 * Context: the subscription stays.
 */
void blipmq_event_subscription(enum blipmq_event_kind kind,
			       const struct blipmq_subscription_node *sub)
{
	struct event e;
	int err;

	if (!event_begin(&e, sub->bs->ns, kind))
		return;
	err = blipmq_nl_put_subscription(e.skb, sub, BLIPMQ_A_EVENT_PATTERN,
					 BLIPMQ_A_EVENT_GROUP);
	if (!err)
		err = nla_put_u32(e.skb, BLIPMQ_A_EVENT_SUBSCRIPTION, sub->id);
	if (!err)
		err = event_put_socket(&e, sub->bs);
	event_send(&e, err);
}

/**
 * blipmq_event_slow() - a socket began to be too slow a reader, or no longer is
 * @kind: which of that
 * @bs: the socket
 *
 * Context: an RCU read-side section, or the socket is held.
 */
void blipmq_event_slow(enum blipmq_event_kind kind, struct blipmq_sock *bs)
{
	u64 used = atomic64_read(&bs->queue.used);
	struct event e;
	int err;

	if (!event_begin(&e, bs->ns, kind))
		return;
	err = event_put_socket(&e, bs);
	if (!err)
		err = nla_put_u64_64bit(e.skb, BLIPMQ_A_EVENT_QUEUED_MESSAGES,
					blipmq_used_messages(used),
					BLIPMQ_A_EVENT_PAD);
	if (!err)
		err = nla_put_u64_64bit(e.skb, BLIPMQ_A_EVENT_LOST,
					READ_ONCE(bs->queue.lost),
					BLIPMQ_A_EVENT_PAD);
	event_send(&e, err);
}

/* Was it told within the last second? If not, it is now. */
static bool limit_is_told(struct blipmq_events *events, int attr)
{
	unsigned long *told = &events->limit_told[attr];
	bool is;

	spin_lock(&events->lock);
	is = *told && time_before(jiffies, *told + HZ);
	if (!is)
		*told = jiffies ?: 1;
	spin_unlock(&events->lock);
	return is;
}

/**
 * blipmq_event_limit() - somebody was refused something at a limit
 * @ns: the namespace
 * @attr: which limit, BLIPMQ_A_LIMITS_*
 *
 * Context: any but interrupts.
 */
void blipmq_event_limit(struct blipmq_net *ns, int attr)
{
	struct event e;

	if (!blipmq_events_wanted() || limit_is_told(&ns->events, attr))
		return;
	if (event_begin(&e, ns, BLIPMQ_EVENT_KIND_LIMIT_REACHED))
		event_send(&e, blipmq_nl_put_limit(e.skb, BLIPMQ_A_EVENT_LIMITS,
						   attr, &ns->limits));
}

/**
 * blipmq_event_drain() - the namespace begins to drain, or does so no longer
 * @ns: the namespace
 * @kind: which of that
 *
 * Context: of who asked for it.
 */
void blipmq_event_drain(struct blipmq_net *ns, enum blipmq_event_kind kind)
{
	struct event e;

	if (event_begin(&e, ns, kind))
		event_send(&e, event_put_uid(&e, current_euid()));
}

static void event_worker(struct blipmq_net *ns, u32 number, int cpu)
{
	struct event e;
	int err;

	if (!event_begin(&e, ns, BLIPMQ_EVENT_KIND_WORKER_MOVED))
		return;
	err = nla_put_u32(e.skb, BLIPMQ_A_EVENT_WORKER, number);
	if (!err && cpu >= 0)
		err = nla_put_u32(e.skb, BLIPMQ_A_EVENT_CPU, cpu);
	event_send(&e, err);
}

/**
 * blipmq_event_worker() - a worker runs elsewhere
 * @number: which
 * @cpu: where it runs now, negative while its own CPU is offline
 *
 * Workers belong to no namespace, so all are told.
 *
 * Context: any but interrupts.
 */
void blipmq_event_worker(u32 number, int cpu)
{
	struct net *net;

	if (!blipmq_events_wanted())
		return;
	rcu_read_lock();
	for_each_net_rcu(net)
		event_worker(blipmq_net_of(net), number, cpu);
	rcu_read_unlock();
}

/**
 * blipmq_events_init() - begin a namespace's events
 * @ns: the namespace
 */
void blipmq_events_init(struct blipmq_net *ns)
{
	spin_lock_init(&ns->events.lock);
}

/**
 * blipmq_events_open() - the group can be listened to
 */
void blipmq_events_open(void)
{
	WRITE_ONCE(events_open, true);
}

/**
 * blipmq_events_close() - the group will go
 *
 * Afterwards nothing is sent any more, as somebody else may get its number.
 *
 * Context: may sleep.
 */
void blipmq_events_close(void)
{
	WRITE_ONCE(events_open, false);
	synchronize_rcu();
}
