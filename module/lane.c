// SPDX-License-Identifier: GPL-2.0
/*
 * A publisher's way into a lane. Tables are looked at, and rings pushed to, in
 * one RCU read-side section; so who replaced the table knows after a grace
 * period that nobody pushes by the old one. Who fans out itself may sleep, and
 * says by which table it does.
 */
#include <linux/slab.h>

#include "bundle.h"
#include "fanout.h"
#include "lane.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "worker.h"

/* In an RCU read-side section. */
static u32 batch_lane(const struct blipmq_lanes *t, const struct sk_buff *b,
		      const struct blipmq_batch_topic *topics, u32 nr_topics)
{
	u32 i, lane, first = BLIPMQ_LANE_DIRECT;

	for (i = 0; i < nr_topics; i++) {
		lane = blipmq_lanes_find(t, blipmq_batch_name(b, &topics[i]),
					 topics[i].len);
		if (lane == BLIPMQ_LANE_MOVING)
			return lane;
		if (i && lane != first)
			return BLIPMQ_LANE_MIXED;
		first = lane;
	}
	return first;
}

/**
 * blipmq_lane_of() - the lane of a topic, at this moment
 * @ns: the namespace
 * @topic: the topic
 * @len: its bytes
 *
 * Context: any.
 * Return: as blipmq_lanes_find().
 */
u32 blipmq_lane_of(struct blipmq_net *ns, const u8 *topic, u8 len)
{
	u32 lane;

	rcu_read_lock();
	lane = blipmq_lanes_find(rcu_dereference(ns->lanes), topic, len);
	rcu_read_unlock();
	return lane;
}

static struct blipmq_ingress *
ingress_create(struct blipmq_sock *bs, struct sk_buff *b,
	       const struct blipmq_batch_topic *topics, u32 nr_topics,
	       const struct blipmq_retain *retain)
{
	struct blipmq_ingress *in;

	in = kmalloc(struct_size(in, topics, nr_topics), GFP_KERNEL_ACCOUNT);
	if (!in)
		return NULL;
	in->bs = bs;
	in->bundle = b;
	in->credits = NULL;
	in->retains = retain;
	if (retain)
		in->retain = *retain;
	in->nr_topics = nr_topics;
	memcpy(in->topics, topics, nr_topics * sizeof(*topics));
	return in;
}

/*
 * Push to the worker's ring, if the lane is still that. The publisher's
 * references go with it.
 */
static int ingress_push(struct blipmq_sock *bs, struct blipmq_ingress *in,
			u32 lane)
{
	const struct blipmq_lanes *t;
	struct blipmq_worker *w;
	int err = 0;

	rcu_read_lock();
	t = rcu_dereference(bs->ns->lanes);
	if (batch_lane(t, in->bundle, in->topics, in->nr_topics) != lane) {
		err = blipmq_lane_refuse(bs, BLIPMQ_LANE_GOES);
	} else {
		w = blipmq_worker_find(lane - 1);
		if (!blipmq_worker_push(w, in))
			err = blipmq_lane_refuse_ring(bs, w);
	}
	rcu_read_unlock();
	return err;
}

/* Let a worker hand the bundle out. */
static int lane_ingress(struct blipmq_sock *bs, struct sk_buff *b,
			const struct blipmq_batch_topic *topics, u32 nr_topics,
			const struct blipmq_retain *retain, u32 lane)
{
	u64 load = blipmq_lane_load(b);
	struct blipmq_ingress *in;
	int err = 0;

	/*
	 * Most routes are made here, at the publisher's cost. What cannot be
	 * done, the worker makes for this bundle alone.
	 */
	if (blipmq_batch_match(bs->ns, b, topics, nr_topics))
		net_dbg_ratelimited("no route at the ingress\n");
	in = ingress_create(bs, b, topics, nr_topics, retain);
	if (!in)
		return -ENOMEM;
	if (unlikely(blipmq_batch_may_block(bs->ns, b, topics, nr_topics)))
		err = blipmq_fanout_admit(bs, b, topics, nr_topics,
					  &in->credits);
	if (err)
		goto err_free;
	sock_hold(&bs->sk);
	blipmq_bundle_get(b, 1);
	atomic64_add(load, &bs->lane.flight);
	err = ingress_push(bs, in, lane);
	if (likely(!err))
		return 0;

	atomic64_sub(load, &bs->lane.flight);
	blipmq_bundle_put(b);
	sock_put(&bs->sk);
	if (in->credits)
		blipmq_fanout_give_back(in->credits,
					blipmq_bundle_cb(b)->charge);
err_free:
	kfree(in);
	return err;
}

static int lane_refuse_moving(struct blipmq_sock *bs, const struct sk_buff *b,
			      const struct blipmq_batch_topic *topics,
			      u32 nr_topics)
{
	const struct blipmq_lanes *t;

	blipmq_lane_refuse(bs, BLIPMQ_LANE_MOVED);
	/* Has it moved meanwhile? See lane_wait.c. */
	rcu_read_lock();
	t = rcu_dereference(bs->ns->lanes);
	if (batch_lane(t, b, topics, nr_topics) != BLIPMQ_LANE_MOVING)
		blipmq_lane_refuse(bs, BLIPMQ_LANE_GOES);
	rcu_read_unlock();
	return -EAGAIN;
}

/**
 * blipmq_lane_publish() - publish where topics have lanes
 * @bs: the publisher
 * @b: a sealed bundle; the caller keeps its reference
 * @topics: which frames have which topic
 * @nr_topics: entries in @topics, at least one
 * @retain: as blipmq_fanout() has it
 *
 * Context: tx_lock is held; may sleep.
 * Return: as blipmq_fanout().
 */
int blipmq_lane_publish(struct blipmq_sock *bs, struct sk_buff *b,
			const struct blipmq_batch_topic *topics, u32 nr_topics,
			struct blipmq_retain *retain)
{
	u32 charge = blipmq_bundle_cb(b)->charge, lane;
	const struct blipmq_lanes *t;
	bool waits;

	lockdep_assert_held(&bs->tx_lock);
	blipmq_lane_forget(bs);
	rcu_read_lock();
	t = rcu_dereference(bs->ns->lanes);
	lane = batch_lane(t, b, topics, nr_topics);
	waits = lane != bs->lane.current_lane && blipmq_lane_busy(bs);
	if (lane == BLIPMQ_LANE_DIRECT && !waits)
		WRITE_ONCE(bs->lane.fanning, t ? t->epoch : 1);
	rcu_read_unlock();

	if (lane == BLIPMQ_LANE_MOVING)
		return lane_refuse_moving(bs, b, topics, nr_topics);
	if (lane == BLIPMQ_LANE_MIXED)
		return blipmq_lane_refuse(bs, BLIPMQ_LANE_GOES);
	if (waits)
		return blipmq_lane_refuse(bs, BLIPMQ_LANE_EMPTY);
	bs->lane.current_lane = lane;
	if (lane == BLIPMQ_LANE_DIRECT)
		return blipmq_fanout_direct(bs, b, topics, nr_topics, retain);
	if (!blipmq_lane_has_room(bs, charge)) {
		WRITE_ONCE(bs->lane.need, charge);
		return blipmq_lane_refuse(bs, BLIPMQ_LANE_ROOM);
	}
	return lane_ingress(bs, b, topics, nr_topics, retain, lane);
}
