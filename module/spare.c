// SPDX-License-Identifier: GPL-2.0
/*
 * Spare bundles. They cost more to allocate and to free than to hand over, so
 * the last few that readers are done with go back to the publisher that they
 * came from: its cgroup has paid for them. They stay in the namespace's account
 * of message memory all the time, so that it is touched for none of them.
 */
#include <linux/kconfig.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "bundle.h"
#include "netns.h"
#include "sender.h"
#include "sock.h"
#include "spare.h"

/* What a publisher keeps: one of the largest, or some small ones. */
#define SPARE_BYTES	SKB_TRUESIZE(BLIPMQ_BUNDLE_LINEAR)

/* A bundle that is larger than this may be so by a factor of two alone. */
#define SPARE_SMALL	SZ_1K

/*
 * None is kept when messages and spare bundles take half of what they may: so
 * publishers that are idle leave the other half, at least.
 */
static bool spare_is_welcome(struct blipmq_net *ns)
{
	return blipmq_estimate(&ns->memory) <
	       (s64)(READ_ONCE(ns->limits.memory_bytes) / 2);
}

/**
 * blipmq_spare_put() - keep a bundle that nobody refers to for its publisher
 * @s: the publisher; what the bundle is charged to it keeps it here
 * @b: the bundle, whose charge to the namespace stays
 *
 * Context: any but hard interrupts.
 * Return: false when it is to be freed.
 */
bool blipmq_spare_put(struct blipmq_sender *s, struct sk_buff *b)
{
	/* Who uses a bundle that it has put is to be found out by KASAN. */
	if (IS_ENABLED(CONFIG_KASAN))
		return false;
	if (skb_is_nonlinear(b) || b->cloned || READ_ONCE(s->retired) ||
	    !spare_is_welcome(s->ns))
		return false;
	if (atomic_add_return(b->truesize, &s->spare_bytes) > SPARE_BYTES) {
		atomic_sub(b->truesize, &s->spare_bytes);
		return false;
	}
	llist_add(&b->ll_node, &s->spare);
	return true;
}

/**
 * blipmq_spare_take() - use a spare bundle again
 * @s: the publisher
 * @size: bytes that it is to hold
 *
 * Context: the tx_lock of the publisher's socket is held.
 * Return: the bundle with @size bytes of undefined contents and one reference,
 * charged to the namespace; or NULL.
 */
struct sk_buff *blipmq_spare_take(struct blipmq_sender *s, u32 size)
{
	struct sk_buff *b;
	u32 room;

	if (size > BLIPMQ_BUNDLE_LINEAR)
		return NULL;
	if (!s->own_spare) {
		if (llist_empty(&s->spare))
			return NULL;
		s->own_spare = llist_del_all(&s->spare);
	}
	b = llist_entry(s->own_spare, struct sk_buff, ll_node);
	s->own_spare = s->own_spare->next;
	atomic_sub(b->truesize, &s->spare_bytes);
	skb_mark_not_on_list(b);
	/*
	 * Messages have become larger, and what is too small no use; or smaller,
	 * and each is charged for all of its bundle.
	 */
	room = skb_end_offset(b);
	if (size > room || (room > SPARE_SMALL && size < room / 2)) {
		blipmq_net_charge(s->ns, -(s64)b->truesize);
		__kfree_skb(b);
		return NULL;
	}
	refcount_set(&b->users, 1);
	b->data = b->head;
	b->len = 0;
	skb_reset_tail_pointer(b);
	skb_put(b, size);
	return b;
}

static void spare_free(struct blipmq_sender *s, struct llist_node *list)
{
	struct sk_buff *b, *next;
	u32 bytes = 0;

	llist_for_each_entry_safe(b, next, list, ll_node) {
		bytes += b->truesize;
		skb_mark_not_on_list(b);
		__kfree_skb(b);
	}
	atomic_sub(bytes, &s->spare_bytes);
	blipmq_net_charge(s->ns, -(s64)bytes);
}

/**
 * blipmq_spare_purge() - free the spare bundles
 * @s: the publisher
 *
 * Context: any but hard interrupts; blipmq_spare_take() does not run.
 */
void blipmq_spare_purge(struct blipmq_sender *s)
{
	spare_free(s, s->own_spare);
	s->own_spare = NULL;
	spare_free(s, llist_del_all(&s->spare));
}

/* Who has the lock is about to use them. */
static void spare_reclaim(struct blipmq_sock *bs)
{
	const u32 ended = BLIPMQ_RX_ENDED | BLIPMQ_TX_ENDED;

	if (!mutex_trylock(&bs->tx_lock))
		return;
	/* A closed one may be without sender already. */
	if ((bs->state & ended) != ended)
		blipmq_spare_purge(bs->sender);
	mutex_unlock(&bs->tx_lock);
}

/**
 * blipmq_spare_reclaim_work() - free the spare bundles of all publishers
 * @work: in struct blipmq_net
 */
void blipmq_spare_reclaim_work(struct work_struct *work)
{
	struct blipmq_net *ns = container_of(to_delayed_work(work),
					     struct blipmq_net, reclaim);
	unsigned long number = 0;
	struct blipmq_sock *bs;
	bool held;

	for (;;) {
		rcu_read_lock();
		bs = xa_find(&ns->sockets, &number, ULONG_MAX, XA_PRESENT);
		held = bs && refcount_inc_not_zero(&bs->sk.sk_refcnt);
		rcu_read_unlock();
		if (!bs)
			return;
		if (held) {
			spare_reclaim(bs);
			sock_put(&bs->sk);
		}
		number++;
		cond_resched();
	}
}
