/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of one network namespace. Nothing of the broker is global.
 */
#ifndef _BLIPMQ_NETNS_H
#define _BLIPMQ_NETNS_H

#include <linux/mutex.h>
#include <linux/percpu_counter.h>
#include <linux/rhashtable.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "event.h"
#include "expiry.h"
#include "latency.h"
#include "trie.h"
#include "types.h"

/**
 * struct blipmq_net - the broker of a namespace
 * @net: the namespace itself
 * @topics: topics by name; read under RCU, changed under @topics_lock
 * @trie: patterns
 * @limits: what may be used
 * @lanes: the lanes of topics; NULL while all are direct
 * @rules: who may do what; NULL while nothing was said
 * @draining: new sockets, subscriptions and messages are refused
 * @measures: it is measured how long messages take
 * @limits_lock: one change of them, or of @draining, at a time
 * @memory: bytes of message memory, see spare.c
 * @reclaim: frees spare bundles
 * @held: bytes that receivers hold, as struct blipmq_user counts them
 * @users: users by uid
 * @lane_epoch: the number of the latest table of lanes, under the lock of
 *	lane_move.c, as is
 * @lane_node: in the list of namespaces that have one
 * @rules_sem: guards @rules and what is judged by them, see access_rules.c
 * @rules_generation: the number of the latest rules
 * @topics_lock: guards users of topics and @idle_topics
 * @nr_topics: topics in @topics
 * @idle_topics: topics that nobody uses, oldest first
 * @sweep: removes those that lingered long enough
 * @prune: makes routes forget patterns that are gone
 * @many: who pushes to legs that it found in an earlier RCU section, see
 *	fanout_many.c
 * @spare_lock: guards @spare
 * @spare: a table for a publisher that has no memory for its own
 * @join_lock: one joiner at a time waits for @retain_sem
 * @retain_sem: see retain.h
 * @retain_lock: guards the members below up to @retained
 * @retain_expires: no value expires before, in nanoseconds of the monotonic
 *	clock
 * @nr_retained: values; read without the lock, too
 * @retained_bytes: memory that they hold
 * @retained: topics that have one, the oldest first
 * @publishers: numbers of publishing sockets, the upper part of message ids
 * @next_publisher: where the search for a free number goes on
 * @nr_subscriptions: subscriptions of all sockets
 * @subscriptions: all of them by their numbers; entries outlive RCU sections
 * @next_subscription: where the search for a free number goes on
 * @sockets: sockets that are not closed by their numbers; likewise
 * @ring_bytes: memory of receive rings
 * @expiry: queues whose messages may expire
 * @events: what is told as it happens
 * @latency: how long messages took
 * @waiters_lock: guards the waiters of all queues, see credit.c
 * @socks_lock: guards the members below; taken with bottom halves off, since
 *	sockets are freed from RCU callbacks
 * @socks: all sockets, until they are freed
 * @last_serial: the number of the latest one
 * @nr_sockets: open sockets
 * @closed: totals of the sockets that are gone
 * @sum_lock: one sum over the sockets at a time, see blipmq_net_totals()
 * @summed: the number of the socket that it has come to
 * @missed: totals of those that went before it had come to them
 * @base: what the sum was when it was last reset, under @sum_lock
 */
struct blipmq_net {
	struct net		*net;
	struct rhashtable	topics;
	struct blipmq_trie	trie;
	struct blipmq_limits	limits;
	struct blipmq_lanes __rcu *lanes;
	struct blipmq_rules __rcu *rules;
	bool			draining;
	bool			measures;
	struct mutex		limits_lock;	/* changes */
	struct percpu_counter	memory;
	struct delayed_work	reclaim;
	struct percpu_counter	held;
	struct xarray		users;
	u64			lane_epoch;
	struct list_head	lane_node;

	struct rw_semaphore	rules_sem;
	u64			rules_generation;

	struct mutex		topics_lock;	/* users of topics */
	u32			nr_topics;
	struct list_head	idle_topics;
	struct delayed_work	sweep;
	struct delayed_work	prune;

	struct srcu_struct	many;
	struct mutex		spare_lock;	/* @spare */
	struct blipmq_gather	*spare;

	struct mutex		join_lock;	/* joiners, for @retain_sem */
	struct rw_semaphore	retain_sem;
	spinlock_t		retain_lock;	/* the members below */
	u64			retain_expires;
	u32			nr_retained;
	u64			retained_bytes;
	struct list_head	retained;

	struct xarray		publishers;
	u32			next_publisher;
	atomic_t		nr_subscriptions;
	struct xarray		subscriptions;
	u32			next_subscription;
	struct xarray		sockets;
	atomic64_t		ring_bytes;
	struct blipmq_expiry	expiry;
	struct blipmq_events	events;
	struct blipmq_latency	latency;
	spinlock_t		waiters_lock;	/* who waits for credits */

	spinlock_t		socks_lock;	/* the members below */
	struct list_head	socks;
	u64			last_serial;
	u32			nr_sockets;
	struct blipmq_totals	closed;
	struct mutex		sum_lock;	/* one sum at a time */
	u64			summed;
	struct blipmq_totals	missed;
	struct blipmq_totals	base;
};

/*
 * How far each CPU's part of the memory count may be off, in bytes: the price
 * of never writing a shared line for a message.
 */
#define BLIPMQ_MEMORY_BATCH	SZ_64K

static inline void blipmq_net_charge(struct blipmq_net *ns, s64 bytes)
{
	percpu_counter_add_batch(&ns->memory, bytes, BLIPMQ_MEMORY_BATCH);
}

/* A count as far as the CPUs have handed their parts in. */
static inline s64 blipmq_estimate(struct percpu_counter *counter)
{
	/* Others do so meanwhile. */
	return data_race(percpu_counter_read(counter));
}

void __blipmq_net_full(struct blipmq_net *ns);

static inline bool blipmq_net_is_full(struct blipmq_net *ns)
{
	if (likely(blipmq_estimate(&ns->memory) <
		   (s64)READ_ONCE(ns->limits.memory_bytes)))
		return false;
	__blipmq_net_full(ns);
	return true;
}

/**
 * blipmq_latency_called() - a publisher's call begins, or goes on after a wait
 * @ns: the namespace
 *
 * Before anything that the caller would notice.
 *
 * Return: now, for struct blipmq_bundle_cb; 0 when that is not measured.
 */
static inline u64 blipmq_latency_called(const struct blipmq_net *ns)
{
	return unlikely(READ_ONCE(ns->measures)) ? ktime_get_ns() : 0;
}

/* Who publishes asks with tx_lock held, see struct blipmq_totals.in_flight. */
static inline bool blipmq_net_is_draining(const struct blipmq_net *ns)
{
	return unlikely(READ_ONCE(ns->draining));
}

struct blipmq_net *blipmq_net_of(const struct net *net);
int __init blipmq_net_init(void);
void blipmq_net_exit(void);

#endif /* _BLIPMQ_NETNS_H */
