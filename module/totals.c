// SPDX-License-Identifier: GPL-2.0
/*
 * Counters are kept where they are counted, in the sockets, and summed when
 * somebody asks.
 */
#include <linux/sched.h>

#include "netns.h"
#include "sock.h"

/* Sockets that are summed without letting others run. */
#define SUM_SOCKETS	256

/**
 * blipmq_sock_totals() - add a socket's counters to a sum
 * @bs: the socket
 * @sum: the sum
 *
 * Context: any.
 */
void blipmq_sock_totals(struct blipmq_sock *bs, struct blipmq_totals *sum)
{
	u64 messages, bytes;
	int i;

	blipmq_queue_usage(&bs->queue, &messages, &bytes);
	sum->published += READ_ONCE(bs->published);
	sum->published_bytes += READ_ONCE(bs->published_bytes);
	sum->unrouted += READ_ONCE(bs->unrouted) +
			 atomic64_read(&bs->lane.unrouted);
	sum->matched += atomic64_read(&bs->queue.matched);
	sum->delivered += READ_ONCE(bs->delivered);
	sum->delivered_bytes += READ_ONCE(bs->delivered_bytes);
	for (i = 0; i < BLIPMQ_DROP_REASONS; i++)
		sum->dropped[i] += READ_ONCE(bs->queue.dropped[i]);
	sum->queued_messages += messages;
	sum->queued_bytes += bytes;
	sum->refused += READ_ONCE(bs->refused);
	sum->partial += READ_ONCE(bs->partial);
	sum->in_flight += blipmq_used_messages(atomic64_read(&bs->lane.flight)) +
			  mutex_is_locked(&bs->tx_lock);
}

static void totals_add(struct blipmq_totals *sum, const struct blipmq_totals *t)
{
	const u64 *from = (const u64 *)t;
	u64 *to = (u64 *)sum;
	int i;

	BUILD_BUG_ON(sizeof(*t) % sizeof(u64));
	for (i = 0; i < sizeof(*t) / sizeof(u64); i++)
		to[i] += from[i];
}

/*
 * Let others run. A socket that is held stays in the list; one that cannot be
 * is on its way out, and the next one will do.
 *
 * Return: false when nobody ran.
 */
static bool totals_pause(struct blipmq_net *ns, struct blipmq_sock *bs)
{
	lockdep_assert_held(&ns->socks_lock);
	if (!refcount_inc_not_zero(&bs->sk.sk_refcnt))
		return false;
	spin_unlock_bh(&ns->socks_lock);
	cond_resched();
	spin_lock_bh(&ns->socks_lock);
	/* If it is the last reference, RCU frees it, not this call. */
	sock_put(&bs->sk);
	return true;
}

/*
 * The sum over all sockets, those that are gone included. Sockets come and go
 * meanwhile, and none is left out or counted twice: who goes before the walk
 * has come to it adds itself to what was missed.
 */
static void net_sum(struct blipmq_net *ns, struct blipmq_totals *sum)
{
	struct blipmq_sock *bs;
	u64 last;
	int n = 0;

	lockdep_assert_held(&ns->sum_lock);
	spin_lock_bh(&ns->socks_lock);
	*sum = ns->closed;
	memset(&ns->missed, 0, sizeof(ns->missed));
	last = ns->last_serial;
	ns->summed = 0;
	list_for_each_entry(bs, &ns->socks, node) {
		if (bs->serial > last)
			break;
		blipmq_sock_totals(bs, sum);
		ns->summed = bs->serial;
		if (++n >= SUM_SOCKETS && totals_pause(ns, bs))
			n = 0;
	}
	totals_add(sum, &ns->missed);
	ns->summed = U64_MAX;
	spin_unlock_bh(&ns->socks_lock);
}

/* Numbers that are counted one after the other may be a little apart. */
static void totals_subtract(struct blipmq_totals *sum,
			    const struct blipmq_totals *base)
{
	const u64 *from = (const u64 *)base;
	u64 *to = (u64 *)sum;
	int i;

	for (i = 0; i < sizeof(*sum) / sizeof(u64); i++)
		to[i] -= min(to[i], from[i]);
}

/**
 * blipmq_net_totals() - what went through a namespace since the last reset
 * @ns: the namespace
 * @sum: set to it
 *
 * Context: may sleep.
 */
void blipmq_net_totals(struct blipmq_net *ns, struct blipmq_totals *sum)
{
	mutex_lock(&ns->sum_lock);
	net_sum(ns, sum);
	totals_subtract(sum, &ns->base);
	mutex_unlock(&ns->sum_lock);
}

/**
 * blipmq_net_reset() - count from here
 * @ns: the namespace
 *
 * What is queued counts as matched from now on, also what is on its way into a
 * queue or out of it; so the law of the counters holds at the next quiet moment
 * as it did before. What is in flight is a level, as what is queued is: it stays
 * what it is.
 *
 * Context: may sleep.
 */
void blipmq_net_reset(struct blipmq_net *ns)
{
	struct blipmq_totals *base = &ns->base;
	int i;

	mutex_lock(&ns->sum_lock);
	net_sum(ns, base);
	base->matched = base->delivered;
	for (i = 0; i < BLIPMQ_DROP_REASONS; i++)
		base->matched += base->dropped[i];
	base->queued_messages = 0;
	base->queued_bytes = 0;
	base->in_flight = 0;
	mutex_unlock(&ns->sum_lock);
}
