// SPDX-License-Identifier: GPL-2.0
/*
 * Moving topics from lane to lane, so that nothing is lost or overtaken:
 *
 *  1. A table says that they move; publishers that see it wait.
 *  2. After a grace period nobody pushes to a ring by the table before. Who
 *     fans out itself by it is waited for.
 *  3. A marker has come out of each ring, and with it all that was in front.
 *  4. The new table; those who wait go on.
 *
 * The rings belong to all namespaces. A bundle holds its publisher's socket,
 * and that its namespace, so a namespace ends after all of its bundles have
 * been handed out.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "lane.h"
#include "netns.h"
#include "sock.h"
#include "worker.h"

/* One change of lanes or workers at a time, of all namespaces. */
static DEFINE_MUTEX(lanes_lock);

/* Namespaces that have a table, under lanes_lock. */
static LIST_HEAD(lane_nets);

/**
 * blipmq_lanes_lock() - begin to change lanes or workers
 *
 * Return: 0 or -EINTR.
 */
int blipmq_lanes_lock(void)
{
	return mutex_lock_interruptible(&lanes_lock);
}

void blipmq_lanes_unlock(void)
{
	mutex_unlock(&lanes_lock);
}

void blipmq_lanes_assert_locked(void)
{
	lockdep_assert_held(&lanes_lock);
}

/**
 * blipmq_lanes_now() - the table of a namespace
 * @ns: the namespace
 *
 * Context: blipmq_lanes_lock() is held.
 * Return: the table, or NULL.
 */
struct blipmq_lanes *blipmq_lanes_now(struct blipmq_net *ns)
{
	return rcu_dereference_protected(ns->lanes,
					 lockdep_is_held(&lanes_lock));
}

/* A table that says that topics move from where they are to @to. */
static struct blipmq_lanes *lanes_moving(struct blipmq_net *ns,
					 const struct blipmq_lanes *to)
{
	struct blipmq_lanes *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	t->epoch = ++ns->lane_epoch;
	t->moving = true;
	t->from = blipmq_lanes_now(ns);
	t->to = to;
	return t;
}

/* Does nobody fan out by another table than that of @epoch? */
static bool lanes_are_left(struct blipmq_net *ns, u64 epoch)
{
	struct blipmq_sock *bs;
	bool left = true;
	u64 fanning;

	spin_lock_bh(&ns->socks_lock);
	list_for_each_entry(bs, &ns->socks, node) {
		/* Pairs with the release in blipmq_lane_leave(). */
		fanning = smp_load_acquire(&bs->lane.fanning);
		left = !fanning || fanning == epoch;
		if (!left)
			break;
	}
	spin_unlock_bh(&ns->socks_lock);
	return left;
}

/* Have @to in the place of the table that there is. */
static int lanes_replace(struct blipmq_net *ns, struct blipmq_lanes *to)
{
	struct blipmq_lanes *from = blipmq_lanes_now(ns), *moving;

	moving = lanes_moving(ns, to);
	if (!moving)
		return -ENOMEM;
	if (to)
		to->epoch = ++ns->lane_epoch;
	rcu_assign_pointer(ns->lanes, moving);
	synchronize_rcu();
	while (!lanes_are_left(ns, moving->epoch))
		schedule_timeout_uninterruptible(1);
	blipmq_workers_flush();
	rcu_assign_pointer(ns->lanes, to);
	blipmq_lanes_moved(ns);

	if (from && !to)
		list_del(&ns->lane_node);
	else if (!from && to)
		list_add(&ns->lane_node, &lane_nets);
	kvfree_rcu(moving, rcu);
	if (from)
		kvfree_rcu(from, rcu);
	return 0;
}

/**
 * blipmq_lanes_change() - set or take out a rule
 * @ns: the namespace
 * @rule: as blipmq_lanes_edit() has it
 *
 * Context: blipmq_lanes_lock() is held; may sleep.
 * Return: 0; a negative errno, with nothing changed.
 */
int blipmq_lanes_change(struct blipmq_net *ns,
			const struct blipmq_lane_rule *rule)
{
	struct blipmq_lanes *t;
	int err = 0;

	t = blipmq_lanes_edit(blipmq_lanes_now(ns), rule);
	if (IS_ERR(t))
		return PTR_ERR(t);
	if (!t && !blipmq_lanes_now(ns))
		return 0;
	if (t && blipmq_lanes_use_workers(t))
		err = blipmq_workers_start();
	if (!err)
		err = lanes_replace(ns, t);
	if (err)
		kvfree(t);
	return err;
}

/**
 * blipmq_lanes_freeze() - have nothing in the lanes of workers
 *
 * blipmq_lanes_thaw() is to follow.
 *
 * Context: blipmq_lanes_lock() is held; may sleep.
 * Return: 0 or -ENOMEM, with nothing frozen.
 */
int blipmq_lanes_freeze(void)
{
	struct blipmq_lanes *t;
	struct blipmq_net *ns;

	list_for_each_entry(ns, &lane_nets, lane_node) {
		t = lanes_moving(ns, NULL);
		if (!t) {
			blipmq_lanes_thaw();
			return -ENOMEM;
		}
		t->frozen = true;
		rcu_assign_pointer(ns->lanes, t);
	}
	synchronize_rcu();
	blipmq_workers_flush();
	return 0;
}

/**
 * blipmq_lanes_thaw() - let messages go to workers again
 *
 * Context: blipmq_lanes_lock() is held; may sleep.
 */
void blipmq_lanes_thaw(void)
{
	struct blipmq_lanes *t;
	struct blipmq_net *ns;

	list_for_each_entry(ns, &lane_nets, lane_node) {
		t = blipmq_lanes_now(ns);
		if (!t->frozen)
			continue;
		rcu_assign_pointer(ns->lanes, (struct blipmq_lanes *)t->from);
		blipmq_lanes_moved(ns);
		kvfree_rcu(t, rcu);
	}
}

/**
 * blipmq_lanes_init() - all lanes are direct
 * @ns: the namespace
 */
void blipmq_lanes_init(struct blipmq_net *ns)
{
	ns->lane_epoch = 1;
	INIT_LIST_HEAD(&ns->lane_node);
}

/**
 * blipmq_lanes_destroy() - forget the lanes
 * @ns: the namespace, without sockets, and so without bundles in flight
 *
 * Context: may sleep.
 */
void blipmq_lanes_destroy(struct blipmq_net *ns)
{
	struct blipmq_lanes *t;

	/* Nobody can give it any now, and others may have the lock for long. */
	if (!rcu_access_pointer(ns->lanes))
		return;
	mutex_lock(&lanes_lock);
	t = blipmq_lanes_now(ns);
	if (t)
		list_del(&ns->lane_node);
	RCU_INIT_POINTER(ns->lanes, NULL);
	mutex_unlock(&lanes_lock);
	/* Nobody is left who reads it. */
	kvfree(t);
}
