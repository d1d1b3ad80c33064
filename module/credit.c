// SPDX-License-Identifier: GPL-2.0
/*
 * Credits. A bundle goes to nobody before each blocking leg has given one,
 * which is the charge of its frames, taken ahead. If one leg has no room, the
 * others get theirs back, and the publisher waits outside of RCU until that
 * one has room; then it starts again with a fresh route. So nobody is served
 * twice, and a publisher that waits holds neither a message nor a lock.
 *
 * Who waits stands in the queue's list. It is taken off by whoever makes room,
 * ends the queue or changes its policy, which makes it writable again.
 */
#include <linux/bitops.h>
#include <linux/blipmq.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "credit.h"
#include "gather.h"
#include "netns.h"
#include "queue.h"
#include "slow.h"
#include "sock.h"

static bool queue_blocks(struct blipmq_queue *q)
{
	return READ_ONCE(q->policy) == BLIPMQ_OVERFLOW_BLOCK &&
	       !READ_ONCE(q->aside);
}

/* Would the queue take them, or does it not matter any more? */
static bool waiter_may_go(struct blipmq_queue *q, const struct blipmq_waiter *w)
{
	u64 used = atomic64_read(&q->used);

	return !queue_blocks(q) ||
	       !blipmq_queue_is_full(q, used + blipmq_used(w->messages,
							   w->bytes), w->bytes);
}

/*
 * The queue outlives the reference: it is closed before its socket goes, and
 * closing takes all off the list.
 */
static void waiter_remove(struct blipmq_waiter *w)
{
	struct blipmq_queue *q = w->queue;

	lockdep_assert_held(&q->chain.ns->waiters_lock);
	list_del(&w->node);
	WRITE_ONCE(q->nr_waiting, q->nr_waiting - 1);
	WRITE_ONCE(w->queue, NULL);
	blipmq_queue_put(q);
}

/**
 * blipmq_credit_wake() - let those go on that a queue has room for
 * @q: the queue
 * @all: or all, who then look for themselves
 *
 * Those who come too late for the room look here again, each with all others in
 * the list; so the list is let alone while not one more message would fit.
 *
 * Context: any but interrupts; @q is held.
 */
void blipmq_credit_wake(struct blipmq_queue *q, bool all)
{
	const struct blipmq_waiter least = { .messages = 1 };
	struct blipmq_net *ns = q->chain.ns;
	struct blipmq_waiter *w, *next;

	/* Whoever takes back what fills it now looks here once more. */
	if (!all && !waiter_may_go(q, &least))
		return;
	spin_lock(&ns->waiters_lock);
	list_for_each_entry_safe(w, next, &q->waiters, node) {
		struct blipmq_sock *bs = container_of(w, struct blipmq_sock,
						      waiter);

		if (!all && !waiter_may_go(q, w))
			continue;
		waiter_remove(w);
		blipmq_sock_wake_writer(bs);
	}
	spin_unlock(&ns->waiters_lock);
}

void __blipmq_credit_forget(struct blipmq_sock *bs)
{
	struct blipmq_net *ns = bs->ns;

	lockdep_assert_held(&bs->tx_lock);
	spin_lock(&ns->waiters_lock);
	if (bs->waiter.queue)
		waiter_remove(&bs->waiter);
	spin_unlock(&ns->waiters_lock);
}

/* In an RCU read-side section, or the queue is held. */
static void credit_wait_for(struct blipmq_sock *bs, struct blipmq_queue *q,
			    u32 messages, u32 bytes)
{
	struct blipmq_waiter *w = &bs->waiter;
	struct blipmq_net *ns = bs->ns;

	blipmq_credit_forget(bs);
	if (!blipmq_queue_hold(q)) {
		/* Nothing to wait for, but EAGAIN is what the caller is told. */
		blipmq_sock_wake_writer(bs);
		return;
	}
	spin_lock(&ns->waiters_lock);
	w->messages = messages;
	w->bytes = bytes;
	WRITE_ONCE(w->queue, q);
	list_add_tail(&w->node, &q->waiters);
	WRITE_ONCE(q->nr_waiting, q->nr_waiting + 1);
	spin_unlock(&ns->waiters_lock);
	/* Who made room before it stood there has not seen it. */
	smp_mb();	/* pairs with the one in blipmq_queue_release() */
	if (waiter_may_go(q, w))
		blipmq_credit_wake(q, false);
}

/**
 * blipmq_credit_give_back() - give back credits that are marked in a table
 * @g: the legs
 * @bytes: the bundle's charge
 *
 * Context: the legs are held, or found in this RCU read-side section.
 */
void blipmq_credit_give_back(struct blipmq_gather *g, u32 bytes)
{
	unsigned long i;

	for_each_set_bit(i, blipmq_gather_credits(g), 1UL << g->bits)
		blipmq_queue_release(g->legs[i].queue,
				     hweight64(g->legs[i].mask), bytes);
	blipmq_gather_clear_credits(g);
}

/**
 * blipmq_credit_take() - take a credit of each blocking leg, groups apart
 * @bs: the publisher, whose own leg is not asked
 * @g: the legs; those that gave one are marked
 * @bytes: the bundle's charge
 *
 * Context: the publisher's tx_lock is held, in the RCU read-side section in
 * which the legs were found, or they are held.
 * Return: 0; -EAGAIN when one has no room, which the publisher waits for from
 * now on, and no credit is taken.
 */
int blipmq_credit_take(struct blipmq_sock *bs, struct blipmq_gather *g,
		       u32 bytes)
{
	struct blipmq_queue *q;
	u64 used;
	u32 i, n;

	for (i = 0; i >> g->bits == 0; i++) {
		q = g->legs[i].queue;
		if (!q || blipmq_gather_is_group(q) || q == &bs->queue ||
		    !queue_blocks(q))
			continue;
		n = hweight64(g->legs[i].mask);
		used = atomic64_add_return(blipmq_used(n, bytes), &q->used);
		if (blipmq_queue_is_full(q, used, bytes))
			goto full;
		/* Nobody would wake who waits for a share: the leg overflows. */
		if (blipmq_queue_has_share(q, used))
			blipmq_gather_mark_credit(g, i);
		else
			blipmq_queue_release(q, n, bytes);
	}
	return 0;

full:
	/* Whatever a lane said of a bundle before. */
	bs->lane.refused = false;
	blipmq_slow_begin(q);
	bs->waiter.room = blipmq_queue_room(q, n, bytes);
	blipmq_queue_release(q, n, bytes);
	blipmq_credit_give_back(g, bytes);
	credit_wait_for(bs, q, n, bytes);
	return -EAGAIN;
}

static bool publisher_is_held_up(struct blipmq_sock *bs)
{
	return blipmq_sock_is_held_up(bs);
}

/**
 * blipmq_credit_wait() - wait until publishing may be tried again
 * @bs: the publisher
 * @timeo: jiffies to wait at most, reduced by those that it took
 *
 * Context: may sleep; the caller holds no lock of the socket.
 * Return: 0 to try again, -EAGAIN when the time is over, or what a signal
 * makes of the call.
 */
int blipmq_credit_wait(struct blipmq_sock *bs, long *timeo)
{
	return blipmq_sock_wait_writable(bs, publisher_is_held_up, timeo);
}
