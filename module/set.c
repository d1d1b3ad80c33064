// SPDX-License-Identifier: GPL-2.0
/*
 * Subscriber sets: joining, leaving, life.
 */
#include <linux/slab.h>

#include "set.h"

/*
 * Most topics have few subscribers: the first chunk is small, later ones
 * grow to what a walk reads in a few cache lines.
 */
#define CHUNK_FIRST	4U
#define CHUNK_MAX	64U

static struct blipmq_set_chunk *set_chunk_create(u32 nr_slots)
{
	struct blipmq_set_chunk *chunk;

	chunk = kzalloc(struct_size(chunk, legs, nr_slots),
			GFP_KERNEL_ACCOUNT);
	if (chunk)
		chunk->nr_slots = nr_slots;
	return chunk;
}

static void set_chunk_add(struct blipmq_set *set,
			  struct blipmq_set_chunk *chunk)
{
	lockdep_assert_held(&set->lock);
	list_add(&chunk->vacant, &set->vacant);
	if (set->last)
		rcu_assign_pointer(set->last->next, chunk);
	else
		rcu_assign_pointer(set->first, chunk);
	set->last = chunk;
	WRITE_ONCE(set->slots, set->slots + chunk->nr_slots);
}

/**
 * blipmq_set_create() - an empty set
 *
 * Context: may sleep.
 * Return: the set with one reference, or NULL.
 */
struct blipmq_set *blipmq_set_create(void)
{
	struct blipmq_set *set = kzalloc(sizeof(*set), GFP_KERNEL_ACCOUNT);

	if (!set)
		return NULL;
	refcount_set(&set->refs, 1);
	spin_lock_init(&set->lock);
	INIT_LIST_HEAD(&set->vacant);
	return set;
}

/**
 * blipmq_set_create_group() - an empty set of a queue group
 *
 * Context: may sleep.
 * Return: the set with one reference, or NULL.
 */
struct blipmq_set *blipmq_set_create_group(void)
{
	struct blipmq_set *set = blipmq_set_create();

	if (!set)
		return NULL;
	set->deal = kzalloc(sizeof(*set->deal), GFP_KERNEL_ACCOUNT);
	if (!set->deal) {
		kfree(set);
		return NULL;
	}
	spin_lock_init(&set->deal->lock);
	return set;
}

static void set_free(struct rcu_head *rcu)
{
	struct blipmq_set *set = container_of(rcu, struct blipmq_set, rcu);
	struct blipmq_set_chunk *chunk, *next;

	chunk = rcu_dereference_protected(set->first, true);
	while (chunk) {
		next = rcu_dereference_protected(chunk->next, true);
		kfree(chunk);
		chunk = next;
	}
	kfree(set->deal);
	kfree(set);
}

/**
 * blipmq_set_put() - give up a reference
 * @set: the set, which has no legs when this is the last one
 *
 * Context: any. Readers under RCU may walk on until their section ends.
 */
void blipmq_set_put(struct blipmq_set *set)
{
	if (refcount_dec_and_test(&set->refs)) {
		WARN_ON_ONCE(set->count);
		call_rcu(&set->rcu, set_free);
	}
}

/**
 * blipmq_set_block() - a leg will block publishers, or does so no more
 * @set: the set
 * @blocks: which of both
 *
 * Context: any but interrupts.
 */
void blipmq_set_block(struct blipmq_set *set, bool blocks)
{
	spin_lock(&set->lock);
	WRITE_ONCE(set->blocking, set->blocking + (blocks ? 1 : -1));
	spin_unlock(&set->lock);
}

/* A free slot, found where the list says that there is one. */
static bool set_take_slot(struct blipmq_set *set, struct blipmq_queue *queue,
			  struct blipmq_leg *leg)
{
	struct blipmq_set_chunk *chunk;
	u32 i;

	lockdep_assert_held(&set->lock);
	chunk = list_first_entry_or_null(&set->vacant,
					 struct blipmq_set_chunk, vacant);
	if (!chunk)
		return false;
	for (i = 0; rcu_access_pointer(chunk->legs[i]); i++)
		;
	leg->chunk = chunk;
	leg->slot = i;
	WRITE_ONCE(chunk->used, chunk->used + 1);
	if (chunk->used == chunk->nr_slots)
		list_del_init(&chunk->vacant);
	WRITE_ONCE(set->count, set->count + 1);
	rcu_assign_pointer(chunk->legs[i], queue);
	return true;
}

/**
 * blipmq_set_reserve() - have a free slot, so that joining needs no memory
 * @set: the set
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM. The slot is anybody's who joins.
 */
int blipmq_set_reserve(struct blipmq_set *set)
{
	struct blipmq_set_chunk *chunk;
	bool vacant;
	u32 size;

	spin_lock(&set->lock);
	vacant = !list_empty(&set->vacant);
	size = set->last ? min(set->last->nr_slots * 4U, CHUNK_MAX) :
			   CHUNK_FIRST;
	spin_unlock(&set->lock);
	if (vacant)
		return 0;
	chunk = set_chunk_create(size);
	if (!chunk)
		return -ENOMEM;
	spin_lock(&set->lock);
	set_chunk_add(set, chunk);
	spin_unlock(&set->lock);
	return 0;
}

/**
 * blipmq_set_join() - add a leg
 * @set: the set
 * @queue: the receiving queue, freed after an RCU grace period only
 * @leg: where it stands, for blipmq_set_leave()
 *
 * Costs the same however many legs there are. Publishers that look from now on
 * see it.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int blipmq_set_join(struct blipmq_set *set, struct blipmq_queue *queue,
		    struct blipmq_leg *leg)
{
	bool joined;
	int err;

	for (;;) {
		spin_lock(&set->lock);
		joined = set_take_slot(set, queue, leg);
		spin_unlock(&set->lock);
		if (joined)
			return 0;
		err = blipmq_set_reserve(set);
		if (err)
			return err;
	}
}

/**
 * blipmq_set_leave() - remove a leg
 * @set: the set
 * @leg: where blipmq_set_join() put it
 *
 * Publishers that are walking may still push to its queue.
 *
 * Context: any but interrupts.
 */
void blipmq_set_leave(struct blipmq_set *set, struct blipmq_leg *leg)
{
	struct blipmq_set_chunk *chunk = leg->chunk;

	spin_lock(&set->lock);
	RCU_INIT_POINTER(chunk->legs[leg->slot], NULL);
	WRITE_ONCE(set->count, set->count - 1);
	if (chunk->used == chunk->nr_slots)
		list_add(&chunk->vacant, &set->vacant);
	WRITE_ONCE(chunk->used, chunk->used - 1);
	spin_unlock(&set->lock);
}
