// SPDX-License-Identifier: GPL-2.0
/*
 * Chaining rings, following the chain, ending it.
 */
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "chain.h"
#include "netns.h"

/*
 * The first ring is for an idle subscriber, and just fits into 1 KiB. A ring that
 * is chained behind a full one is four times as large, up to what the slab
 * allocator has at hand in a publisher's context.
 */
#define RING_FIRST	32U
#define RING_MAX	1024U

/**
 * blipmq_chain_init() - no rings yet
 * @c: the chain, zeroed
 * @ns: its namespace
 *
 * Context: the owner's.
 */
void blipmq_chain_init(struct blipmq_chain *c, struct blipmq_net *ns)
{
	c->ns = ns;
	c->memcg = get_mem_cgroup_from_mm(current->mm);
	spin_lock_init(&c->grow_lock);
	spin_lock_init(&c->head_lock);
}

/**
 * blipmq_chain_destroy() - free what blipmq_chain_init() took
 * @c: a closed chain that no publisher can find
 */
void blipmq_chain_destroy(struct blipmq_chain *c)
{
	WARN_ON_ONCE(rcu_access_pointer(c->tail));
	mem_cgroup_put(c->memcg);
}

static struct blipmq_ring *chain_ring_alloc(struct blipmq_chain *c,
					    u32 nr_slots, gfp_t gfp)
{
	struct mem_cgroup *old = set_active_memcg(c->memcg);
	struct blipmq_ring *ring;

	ring = kmalloc(blipmq_ring_bytes(nr_slots),
		       gfp | __GFP_ACCOUNT | __GFP_NOWARN);
	set_active_memcg(old);
	if (ring)
		atomic64_add(blipmq_ring_bytes(nr_slots), &c->ns->ring_bytes);
	return ring;
}

static void chain_ring_free(struct blipmq_chain *c, struct blipmq_ring *ring)
{
	atomic64_sub(blipmq_ring_bytes(ring->mask + 1), &c->ns->ring_bytes);
	kfree_rcu(ring, rcu);
}

/**
 * blipmq_chain_open() - let messages come
 * @c: the chain
 *
 * Context: may sleep. The caller serialises.
 * Return: 0, also when it was open; -ENOMEM; -EPIPE when it is closed.
 */
int blipmq_chain_open(struct blipmq_chain *c)
{
	struct blipmq_ring *ring;

	if (c->closed)
		return -EPIPE;
	if (rcu_access_pointer(c->tail))
		return 0;
	ring = chain_ring_alloc(c, RING_FIRST, GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	blipmq_ring_init(ring, RING_FIRST, 0);
	rcu_assign_pointer(c->head, ring);
	rcu_assign_pointer(c->tail, ring);
	return 0;
}

/*
 * Chain a ring behind @full. It begins where @full ends, which is known only
 * once that is closed; publishers that come in between try again.
 *
 * Return: false when there is no memory.
 */
static bool chain_grow(struct blipmq_chain *c, struct blipmq_ring *full)
{
	/* Neither the reserves nor more than the owner's cgroup may have. */
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOMEMALLOC;
	u32 nr_slots = min_t(u32, (full->mask + 1) * 4, RING_MAX);
	struct blipmq_ring *ring = NULL;

	spin_lock(&c->grow_lock);
	if (c->closed || rcu_access_pointer(c->tail) != full)
		goto out;
	while (!ring && nr_slots >= RING_FIRST) {
		ring = chain_ring_alloc(c, nr_slots, gfp);
		if (!ring)
			nr_slots /= 4;
	}
	if (!ring) {
		spin_unlock(&c->grow_lock);
		return false;
	}
	blipmq_ring_init(ring, nr_slots, blipmq_ring_close(full));
	/* Pairs with the acquires of those who follow the chain. */
	smp_store_release(&full->next, ring);
	rcu_assign_pointer(c->tail, ring);
out:
	spin_unlock(&c->grow_lock);
	return true;
}

/**
 * blipmq_chain_push() - append to the last ring
 * @c: the chain
 * @b: the bundle
 * @mask: which of its frames
 *
 * Context: an RCU read-side section; does not sleep.
 * Return: BLIPMQ_RING_OK; BLIPMQ_RING_IS_CLOSED; BLIPMQ_RING_FULL when there
 * was no memory for another ring.
 */
enum blipmq_ring_result blipmq_chain_push(struct blipmq_chain *c,
					  struct sk_buff *b, u64 mask)
{
	enum blipmq_ring_result result;
	struct blipmq_ring *ring;

	for (;;) {
		ring = rcu_dereference(c->tail);
		if (!ring)
			return BLIPMQ_RING_IS_CLOSED;
		result = blipmq_ring_push(ring, b, mask);
		if (result == BLIPMQ_RING_OK)
			return result;
		if (result == BLIPMQ_RING_FULL) {
			if (!chain_grow(c, ring))
				return result;
			continue;
		}
		/* Closed for good, or for a moment while it is grown. */
		if (READ_ONCE(c->closed))
			return result;
		cpu_relax();
	}
}

/**
 * blipmq_chain_pop() - take the oldest entry
 * @c: the chain
 * @slot: what it is
 * @finished: set to a ring that nothing comes out of any more, which is to be
 *	left behind before the next try, else to NULL
 *
 * Context: an RCU read-side section.
 * Return: false when there was none.
 */
bool blipmq_chain_pop(struct blipmq_chain *c, struct blipmq_slot *slot,
		      struct blipmq_ring **finished)
{
	struct blipmq_ring *ring = rcu_dereference(c->head);

	*finished = NULL;
	if (!ring)
		return false;
	if (blipmq_ring_pop(ring, slot))
		return true;
	/* Pairs with the release in chain_grow(). */
	if (blipmq_ring_finished(ring) && smp_load_acquire(&ring->next))
		*finished = ring;
	return false;
}

/**
 * blipmq_chain_first() - look at the oldest entry
 * @c: the chain
 * @finished: as blipmq_chain_pop() sets it
 *
 * Context: nobody pops meanwhile: head_lock is held against evictors, and
 * there is no reader.
 * Return: its bundle, or NULL when there is none.
 */
struct sk_buff *blipmq_chain_first(struct blipmq_chain *c,
				   struct blipmq_ring **finished)
{
	struct blipmq_ring *ring;

	*finished = NULL;
	ring = rcu_dereference_protected(c->head,
					 lockdep_is_held(&c->head_lock));
	if (!ring)
		return NULL;
	if (blipmq_ring_readable(ring))
		return ring->slots[ring->head & ring->mask].bundle;
	/* Pairs with the release in chain_grow(). */
	if (blipmq_ring_finished(ring) && smp_load_acquire(&ring->next))
		*finished = ring;
	return NULL;
}

/**
 * blipmq_chain_leave() - go on to the next ring
 * @c: the chain
 * @finished: what blipmq_chain_pop() said
 *
 * Somebody else may have done it already.
 *
 * Context: head_lock is held, in the RCU read-side section of the pop.
 */
void blipmq_chain_leave(struct blipmq_chain *c, struct blipmq_ring *finished)
{
	lockdep_assert_held(&c->head_lock);
	if (rcu_access_pointer(c->head) != finished)
		return;
	rcu_assign_pointer(c->head, finished->next);
	chain_ring_free(c, finished);
}

/**
 * blipmq_chain_is_single() - do consumers pop where publishers push?
 * @c: the chain
 *
 * Context: an RCU read-side section.
 * Return: a snapshot; true when popping makes room for a push.
 */
bool blipmq_chain_is_single(struct blipmq_chain *c)
{
	return rcu_access_pointer(c->head) == rcu_access_pointer(c->tail);
}

/**
 * blipmq_chain_readable() - is there an entry to pop?
 * @c: the chain
 *
 * Return: a snapshot, outdated at once.
 */
bool blipmq_chain_readable(struct blipmq_chain *c)
{
	struct blipmq_ring *ring;
	bool readable = false;

	rcu_read_lock();
	ring = rcu_dereference(c->head);
	while (ring) {
		readable = blipmq_ring_readable(ring);
		if (readable || !blipmq_ring_finished(ring))
			break;
		/* Pairs with the release in chain_grow(). */
		ring = smp_load_acquire(&ring->next);
	}
	rcu_read_unlock();
	return readable;
}

/**
 * blipmq_chain_drained() - has all come out that ever will?
 * @c: the chain
 *
 * Return: true when nothing is pushed any more, and what was is popped; false
 * also while a push that began in time is on its way.
 */
bool blipmq_chain_drained(struct blipmq_chain *c)
{
	struct blipmq_ring *ring;
	bool drained = true;

	/* Pairs with the release in blipmq_chain_seal(). */
	if (!smp_load_acquire(&c->closed))
		return false;
	rcu_read_lock();
	ring = rcu_dereference(c->head);
	while (ring && drained) {
		drained = blipmq_ring_finished(ring);
		/* Pairs with the release in chain_grow(). */
		ring = smp_load_acquire(&ring->next);
	}
	rcu_read_unlock();
	return drained;
}

/**
 * blipmq_chain_seal() - nothing is pushed any more
 * @c: the chain
 *
 * What is there can be popped.
 *
 * Context: any; more than one caller is fine.
 */
void blipmq_chain_seal(struct blipmq_chain *c)
{
	struct blipmq_ring *ring;

	spin_lock(&c->grow_lock);
	ring = rcu_dereference_protected(c->tail,
					 lockdep_is_held(&c->grow_lock));
	if (ring)
		blipmq_ring_close(ring);
	RCU_INIT_POINTER(c->tail, NULL);
	/* The last ring is closed for whoever sees this. */
	smp_store_release(&c->closed, true);
	spin_unlock(&c->grow_lock);
}

/**
 * blipmq_chain_close() - nothing is pushed or popped any more
 * @c: the chain
 *
 * Context: any; more than one caller is fine.
 * Return: the first ring, for the caller to drain and free; NULL for all
 * callers but one.
 */
struct blipmq_ring *blipmq_chain_close(struct blipmq_chain *c)
{
	struct blipmq_ring *ring;

	blipmq_chain_seal(c);
	spin_lock(&c->head_lock);
	ring = rcu_dereference_protected(c->head,
					 lockdep_is_held(&c->head_lock));
	RCU_INIT_POINTER(c->head, NULL);
	spin_unlock(&c->head_lock);
	return ring;
}

/**
 * blipmq_chain_free_first() - free a drained ring of a closed chain
 * @c: the chain
 * @ring: the ring
 *
 * Return: the ring behind it, or NULL.
 */
struct blipmq_ring *blipmq_chain_free_first(struct blipmq_chain *c,
					    struct blipmq_ring *ring)
{
	struct blipmq_ring *next = ring->next;

	chain_ring_free(c, ring);
	return next;
}
