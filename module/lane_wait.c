// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a lane: a publisher that has to is not writable, until whoever
 * ends the reason says so. What it waits for stands in its socket:
 *
 *   publisher                        who ends it
 *   ---------                        -----------
 *   store waits                      end it (a count, the ring, the table)
 *   full barrier                     full barrier
 *   look again whether it has to     load waits, wake
 *
 * so one of the two sees what the other did. A worker waits for no publisher that
 * waits here, so all of these end by themselves.
 */
#include <linux/sched/signal.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "bundle.h"
#include "lane.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "worker.h"

/* Bundles that one socket may have in the ring, */
#define LANE_BUNDLES	(BLIPMQ_WORKER_SLOTS / 16)

/*
 * of so many frames at most. A larger one counts as several, about as many as it
 * costs the worker: who fills bundles takes no more of its time than others.
 */
#define LANE_FRAMES	16

/* Who waits for room in the ring of any worker: more than sixteen are busy. */
static LIST_HEAD(ring_waiters);
static DEFINE_SPINLOCK(ring_waiters_lock);
static u32 nr_ring_waiters;

/**
 * blipmq_lane_init() - nothing is in flight
 * @bs: the socket
 */
void blipmq_lane_init(struct blipmq_sock *bs)
{
	struct blipmq_lane *lane = &bs->lane;

	spin_lock_init(&lane->lock);
	INIT_LIST_HEAD(&lane->node);
	atomic64_set(&lane->flight, 0);
	atomic64_set(&lane->unrouted, 0);
}

/**
 * blipmq_lane_load() - what a bundle adds to what its publisher has in flight
 * @b: a sealed bundle
 *
 * Return: as blipmq_used() has it.
 */
u64 blipmq_lane_load(struct sk_buff *b)
{
	const struct blipmq_bundle_cb *cb = blipmq_bundle_cb(b);

	return blipmq_used(DIV_ROUND_UP(cb->nr_frames, LANE_FRAMES),
			   cb->charge);
}

static bool flight_fits(u64 used, u32 charge, u32 bundles, u32 bytes)
{
	/* What is larger than all that may be in flight goes alone. */
	return !used || (blipmq_used_messages(used) < bundles &&
			 blipmq_used_bytes(used) + charge <= bytes);
}

/**
 * blipmq_lane_has_room() - may a publisher have another bundle in flight?
 * @bs: the socket
 * @charge: the bundle's
 *
 * Context: tx_lock is held, so that the answer stays true.
 */
bool blipmq_lane_has_room(struct blipmq_sock *bs, u32 charge)
{
	return flight_fits(atomic64_read(&bs->lane.flight), charge,
			   LANE_BUNDLES, READ_ONCE(bs->sk.sk_sndbuf));
}

static bool lane_may_go(struct blipmq_sock *bs, u32 waits)
{
	u64 used = atomic64_read(&bs->lane.flight);

	switch (waits) {
	case BLIPMQ_LANE_GOES:
		return true;
	case BLIPMQ_LANE_EMPTY:
		return !used;
	case BLIPMQ_LANE_ROOM:
		/* Half of it, so that it is not woken for each bundle. */
		return flight_fits(used, READ_ONCE(bs->lane.need), LANE_BUNDLES / 2,
				   READ_ONCE(bs->sk.sk_sndbuf) / 2);
	}
	return false;
}

/* If it still waits for that, it need not any more. */
static void lane_wake(struct blipmq_sock *bs, u32 what)
{
	struct blipmq_lane *lane = &bs->lane;

	/* It is on its wait queue as long as the lock is held. */
	spin_lock_bh(&lane->lock);
	if (lane->waits == what) {
		WRITE_ONCE(lane->waits, BLIPMQ_LANE_GOES);
		blipmq_sock_wake_writer(bs);
	}
	spin_unlock_bh(&lane->lock);
}

static void lane_wait_for(struct blipmq_sock *bs, u32 what)
{
	struct blipmq_lane *lane = &bs->lane;

	spin_lock_bh(&lane->lock);
	WRITE_ONCE(lane->waits, what);
	spin_unlock_bh(&lane->lock);
	smp_mb();	/* see above */
}

/**
 * __blipmq_lane_forget() - wait for nothing any more
 * @bs: the publisher
 *
 * Afterwards nobody wakes it.
 *
 * Context: tx_lock is held.
 */
void __blipmq_lane_forget(struct blipmq_sock *bs)
{
	struct blipmq_lane *lane = &bs->lane;

	lockdep_assert_held(&bs->tx_lock);
	spin_lock(&ring_waiters_lock);
	if (!list_empty(&lane->node)) {
		list_del_init(&lane->node);
		WRITE_ONCE(nr_ring_waiters, nr_ring_waiters - 1);
	}
	spin_unlock(&ring_waiters_lock);
	spin_lock_bh(&lane->lock);
	WRITE_ONCE(lane->waits, BLIPMQ_LANE_GOES);
	spin_unlock_bh(&lane->lock);
}

/**
 * blipmq_lane_refuse() - a publisher has to wait
 * @bs: the publisher
 * @what: for what; or BLIPMQ_LANE_GOES, to look at the lanes again
 *
 * Where it need not wait, it is woken at once: with edge-triggered epoll what
 * is told EAGAIN waits for an event.
 *
 * Context: tx_lock is held.
 * Return: -EAGAIN, for blipmq_credit_wait().
 */
int blipmq_lane_refuse(struct blipmq_sock *bs, enum blipmq_lane_wait what)
{
	lockdep_assert_held(&bs->tx_lock);
	bs->lane.refused = true;
	lane_wait_for(bs, what);
	if (lane_may_go(bs, what))
		lane_wake(bs, what);
	return -EAGAIN;
}

/**
 * blipmq_lane_refuse_ring() - a publisher has to wait for room in a ring
 * @bs: the publisher
 * @w: the worker
 *
 * Context: tx_lock is held, and an RCU read-side section in which the worker
 * was found.
 * Return: -EAGAIN, for blipmq_credit_wait().
 */
int blipmq_lane_refuse_ring(struct blipmq_sock *bs, struct blipmq_worker *w)
{
	struct blipmq_lane *lane = &bs->lane;

	lockdep_assert_held(&bs->tx_lock);
	/* Before a worker finds it, which takes it off the list. */
	blipmq_lane_refuse(bs, BLIPMQ_LANE_RING);
	spin_lock(&ring_waiters_lock);
	if (list_empty(&lane->node)) {
		list_add_tail(&lane->node, &ring_waiters);
		WRITE_ONCE(nr_ring_waiters, nr_ring_waiters + 1);
	}
	lane->full = w;
	spin_unlock(&ring_waiters_lock);
	smp_mb();	/* see above */
	if (!blipmq_worker_is_full(w))
		blipmq_lane_ring_has_room(w);
	return -EAGAIN;
}

/**
 * blipmq_lane_ring_has_room() - those who wait for it may go on
 * @w: the worker, which took something out of its ring
 *
 * Context: any but interrupts.
 */
void blipmq_lane_ring_has_room(const struct blipmq_worker *w)
{
	struct blipmq_lane *lane, *next;

	smp_mb();	/* see above */
	if (likely(!READ_ONCE(nr_ring_waiters)))
		return;
	spin_lock(&ring_waiters_lock);
	list_for_each_entry_safe(lane, next, &ring_waiters, node) {
		if (lane->full != w)
			continue;
		list_del_init(&lane->node);
		WRITE_ONCE(nr_ring_waiters, nr_ring_waiters - 1);
		lane_wake(container_of(lane, struct blipmq_sock, lane),
			  BLIPMQ_LANE_RING);
	}
	spin_unlock(&ring_waiters_lock);
}

/**
 * blipmq_lane_done() - a bundle is not in flight any more
 * @bs: its publisher, held by the bundle
 * @load: what blipmq_lane_load() said
 * @unrouted: its messages that nobody wanted
 *
 * Context: any but interrupts.
 */
void blipmq_lane_done(struct blipmq_sock *bs, u64 load, u32 unrouted)
{
	struct blipmq_lane *lane = &bs->lane;
	u32 waits;

	if (unrouted)
		atomic64_add(unrouted, &lane->unrouted);
	/* A full barrier, see above. */
	atomic64_sub_return(load, &lane->flight);
	waits = READ_ONCE(lane->waits);
	if (unlikely(waits) && lane_may_go(bs, waits))
		lane_wake(bs, waits);
	sock_put(&bs->sk);
}

/**
 * blipmq_lanes_moved() - those who wait for a topic that moves may go on
 * @ns: the namespace
 *
 * Context: any but interrupts.
 */
void blipmq_lanes_moved(struct blipmq_net *ns)
{
	struct blipmq_sock *bs;

	smp_mb();	/* see above */
	spin_lock_bh(&ns->socks_lock);
	list_for_each_entry(bs, &ns->socks, node)
		if (READ_ONCE(bs->lane.waits) == BLIPMQ_LANE_MOVED)
			lane_wake(bs, BLIPMQ_LANE_MOVED);
	spin_unlock_bh(&ns->socks_lock);
}

/**
 * blipmq_lane_settle() - wait until nothing of a publisher is in flight
 * @bs: the publisher
 *
 * Workers need no lock of the socket for that.
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0 or -ERESTARTSYS.
 */
int blipmq_lane_settle(struct blipmq_sock *bs)
{
	int err;

	lockdep_assert_held(&bs->tx_lock);
	if (likely(!blipmq_lane_busy(bs)))
		return 0;
	lane_wait_for(bs, BLIPMQ_LANE_EMPTY);
	err = wait_event_interruptible(*sk_sleep(&bs->sk),
				       !blipmq_lane_busy(bs));
	blipmq_lane_forget(bs);
	/* Who waited for something else in another thread looks again. */
	blipmq_sock_wake_writer(bs);
	return err;
}
