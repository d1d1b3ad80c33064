// SPDX-License-Identifier: GPL-2.0
/*
 * Users of a namespace, and their shares of its message memory.
 */
#include <linux/slab.h>

#include "netns.h"
#include "user.h"

static struct blipmq_user *user_find(struct blipmq_net *ns, kuid_t uid)
{
	struct blipmq_user *u;

	xa_lock_bh(&ns->users);
	u = xa_load(&ns->users, __kuid_val(uid));
	if (u)
		u->refs++;
	xa_unlock_bh(&ns->users);
	return u;
}

static void user_free(struct blipmq_user *u)
{
	percpu_counter_destroy(&u->held);
	kfree(u);
}

/**
 * blipmq_user_get() - a user's account
 * @ns: the namespace
 * @uid: who
 *
 * Context: may sleep.
 * Return: the user, to be given to blipmq_user_put(); NULL for want of memory.
 */
struct blipmq_user *blipmq_user_get(struct blipmq_net *ns, kuid_t uid)
{
	struct blipmq_user *u = user_find(ns, uid);
	int err;

	if (u)
		return u;
	u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	if (!u)
		return NULL;
	u->ns = ns;
	u->uid = uid;
	u->refs = 1;
	if (percpu_counter_init(&u->held, 0, GFP_KERNEL_ACCOUNT)) {
		kfree(u);
		return NULL;
	}
	err = xa_insert_bh(&ns->users, __kuid_val(uid), u, GFP_KERNEL_ACCOUNT);
	if (!err)
		return u;
	user_free(u);
	/* Somebody else was faster; if that one has gone, so be it. */
	return err == -EBUSY ? user_find(ns, uid) : NULL;
}

/**
 * blipmq_user_hold() - another reference
 * @u: the user, whom the caller holds already
 *
 * Context: any but hard interrupts.
 * Return: @u.
 */
struct blipmq_user *blipmq_user_hold(struct blipmq_user *u)
{
	xa_lock_bh(&u->ns->users);
	u->refs++;
	xa_unlock_bh(&u->ns->users);
	return u;
}

/**
 * blipmq_user_put() - give up a reference
 * @u: the user
 *
 * Context: any but hard interrupts.
 */
void blipmq_user_put(struct blipmq_user *u)
{
	struct blipmq_net *ns = u->ns;
	bool last;

	xa_lock_bh(&ns->users);
	last = !--u->refs;
	if (last)
		__xa_erase(&ns->users, __kuid_val(u->uid));
	xa_unlock_bh(&ns->users);
	if (!last)
		return;
	WARN_ON_ONCE(percpu_counter_sum(&u->held));
	WARN_ON_ONCE(u->topics);
	WARN_ON_ONCE(u->patterns);
	WARN_ON_ONCE(u->nr_retained || u->retained_bytes);
	user_free(u);
}

/**
 * blipmq_user_charge() - a user's receivers hold more or less
 * @u: the user
 * @bytes: how much more
 *
 * Context: any.
 */
void blipmq_user_charge(struct blipmq_user *u, s64 bytes)
{
	percpu_counter_add_batch(&u->held, bytes, BLIPMQ_SHARE_BATCH);
	percpu_counter_add_batch(&u->ns->held, bytes, BLIPMQ_SHARE_BATCH);
}

/**
 * blipmq_user_reserve() - let a user's receivers hold more, if they may
 * @u: the user
 * @bytes: how much more
 *
 * The counts are off by BLIPMQ_SHARE_BATCH for each CPU at most.
 *
 * Context: any.
 * Return: false when it is more than the user's share, with nothing changed.
 */
bool blipmq_user_reserve(struct blipmq_user *u, s64 bytes)
{
	s64 own = blipmq_estimate(&u->held);
	s64 others = max(blipmq_estimate(&u->ns->held) - own, 0LL);

	if (!blipmq_share_allows(READ_ONCE(u->ns->limits.share_bytes), own,
				 others, bytes))
		return false;
	blipmq_user_charge(u, bytes);
	return true;
}

/**
 * blipmq_users_init() - no users yet
 * @ns: the namespace
 */
void blipmq_users_init(struct blipmq_net *ns)
{
	xa_init_flags(&ns->users, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
}

/**
 * blipmq_users_destroy() - the end of them
 * @ns: the namespace, without sockets and topics
 */
void blipmq_users_destroy(struct blipmq_net *ns)
{
	WARN_ON_ONCE(!xa_empty(&ns->users));
	WARN_ON_ONCE(percpu_counter_sum(&ns->held));
	xa_destroy(&ns->users);
}
