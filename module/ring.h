/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * A bounded lock-free ring for several producers and several consumers, after
 * D. Vyukov's bounded MPMC queue: a sequence number in each slot says whose
 * turn it is, so that no index of one side is read by the other.
 *
 * A position is a 64-bit count of slots and never wraps; slot p & mask holds
 * position p. For a ring of S slots:
 *
 *	seq == p	free, the producer of position p may take it
 *	seq == p + 1	filled by that producer, position p may be popped
 *	seq == p + S	popped: free for the producer of position p + S
 *
 *   producer                              consumer
 *   --------                              --------
 *   load seq            (A, acquire)      load seq            (C, acquire)
 *   cmpxchg tail p->p+1 (reserve)         cmpxchg head p->p+1 (take)
 *   write the slot                        read the slot
 *   store seq = p + 1   (B, release)      store seq = p + S   (D, release)
 *
 * B pairs with C: who sees the slot filled sees its contents. D pairs with A:
 * who sees the slot free writes only after the old contents were read. The
 * indices need no order of their own; a stale one makes the cmpxchg fail or
 * shows a sequence of another lap.
 *
 * Between reserve and commit the slot is nobody's: a consumer that meets it
 * takes the ring for empty, and the producer must not be preempted there.
 *
 * Rings are chained: when one is full, a larger one is started at the position
 * where this one ends, this one is closed, and consumers finish it first.
 */
#ifndef _BLIPMQ_RING_H
#define _BLIPMQ_RING_H

#include "pure.h"

/* In the producers' index: no push succeeds any more. */
#define BLIPMQ_RING_CLOSED	(1ULL << 63)

/**
 * struct blipmq_slot - what one push brings
 * @seq: whose turn it is
 * @bundle: the messages
 * @mask: which of its frames are meant, one bit a frame
 */
struct blipmq_slot {
	u64	seq;
	void	*bundle;
	u64	mask;
};

/**
 * struct blipmq_ring - the ring; read-mostly, producers' and consumers' lines
 * @mask: slots less one; their number is a power of two
 * @next: the ring chained behind this one
 * @rcu: frees it once no producer can hold it
 * @tail: producers' index, with BLIPMQ_RING_CLOSED
 * @head: consumers' index
 * @slots: the slots
 */
struct blipmq_ring {
	u64			mask;
	struct blipmq_ring	*next;
	struct rcu_head		rcu;
	u64			tail ____cacheline_aligned;
	u64			head ____cacheline_aligned;
	struct blipmq_slot	slots[] ____cacheline_aligned;
};

enum blipmq_ring_result {
	BLIPMQ_RING_OK,
	BLIPMQ_RING_FULL,
	BLIPMQ_RING_IS_CLOSED,
};

static inline size_t blipmq_ring_bytes(u64 nr_slots)
{
	return sizeof(struct blipmq_ring) +
	       nr_slots * sizeof(struct blipmq_slot);
}

/**
 * blipmq_ring_init() - make an empty ring
 * @ring: blipmq_ring_bytes(@nr_slots) of memory
 * @nr_slots: a power of two, at least 2
 * @start: the first position
 */
static inline void blipmq_ring_init(struct blipmq_ring *ring, u64 nr_slots,
				    u64 start)
{
	u64 i;

	ring->mask = nr_slots - 1;
	ring->next = NULL;
	ring->tail = start;
	ring->head = start;
	for (i = 0; i < nr_slots; i++)
		ring->slots[(start + i) & ring->mask].seq = start + i;
}

/**
 * blipmq_ring_push() - append to the ring
 * @ring: the ring
 * @bundle: the messages
 * @mask: which of its frames
 *
 * Context: any; does not sleep, runs with preemption off.
 * Return: BLIPMQ_RING_OK, or why nothing was done.
 */
static inline enum blipmq_ring_result
blipmq_ring_push(struct blipmq_ring *ring, void *bundle, u64 mask)
{
	struct blipmq_slot *slot;
	u64 pos, seq;

	preempt_disable();
	pos = READ_ONCE(ring->tail);
	for (;;) {
		if (pos & BLIPMQ_RING_CLOSED) {
			preempt_enable();
			return BLIPMQ_RING_IS_CLOSED;
		}
		slot = &ring->slots[pos & ring->mask];
		seq = smp_load_acquire(&slot->seq);		/* A */
		if (seq == pos) {
			if (try_cmpxchg_relaxed(&ring->tail, &pos, pos + 1))
				break;
			continue;
		}
		if ((s64)(seq - pos) < 0) {
			preempt_enable();
			return BLIPMQ_RING_FULL;
		}
		pos = READ_ONCE(ring->tail);
	}
	slot->bundle = bundle;
	slot->mask = mask;
	smp_store_release(&slot->seq, pos + 1);			/* B */
	preempt_enable();
	return BLIPMQ_RING_OK;
}

/**
 * blipmq_ring_pop() - take the oldest entry
 * @ring: the ring
 * @out: its bundle and mask; seq is set to its position
 *
 * Context: any; does not sleep, runs with preemption off.
 * Return: false when the ring is empty, or its head is not committed yet.
 */
static inline bool blipmq_ring_pop(struct blipmq_ring *ring,
				   struct blipmq_slot *out)
{
	struct blipmq_slot *slot;
	u64 pos, seq;

	preempt_disable();
	pos = READ_ONCE(ring->head);
	for (;;) {
		slot = &ring->slots[pos & ring->mask];
		seq = smp_load_acquire(&slot->seq);		/* C */
		if (seq == pos + 1) {
			if (try_cmpxchg_relaxed(&ring->head, &pos, pos + 1))
				break;
			continue;
		}
		if ((s64)(seq - (pos + 1)) < 0) {
			preempt_enable();
			return false;
		}
		pos = READ_ONCE(ring->head);
	}
	out->bundle = slot->bundle;
	out->mask = slot->mask;
	out->seq = pos;
	smp_store_release(&slot->seq, pos + ring->mask + 1);	/* D */
	preempt_enable();
	return true;
}

/**
 * blipmq_ring_readable() - is there an entry to pop?
 * @ring: the ring
 *
 * Return: true when the oldest entry is committed. May be outdated at once.
 */
static inline bool blipmq_ring_readable(struct blipmq_ring *ring)
{
	u64 pos = READ_ONCE(ring->head);
	/* As C; whoever goes on to pop loads it again. */
	u64 seq = smp_load_acquire(&ring->slots[pos & ring->mask].seq);

	return (s64)(seq - (pos + 1)) >= 0;
}

/**
 * blipmq_ring_close() - make all later pushes fail
 * @ring: the ring
 *
 * Return: the position at which the ring ends.
 */
static inline u64 blipmq_ring_close(struct blipmq_ring *ring)
{
	u64 pos = READ_ONCE(ring->tail);

	while (!(pos & BLIPMQ_RING_CLOSED) &&
	       !try_cmpxchg_relaxed(&ring->tail, &pos,
				    pos | BLIPMQ_RING_CLOSED))
		;
	return pos & ~BLIPMQ_RING_CLOSED;
}

/**
 * blipmq_ring_finished() - is the ring closed, and all of it popped?
 * @ring: the ring
 *
 * Return: true when nothing will ever come out of it again.
 */
static inline bool blipmq_ring_finished(struct blipmq_ring *ring)
{
	u64 tail = READ_ONCE(ring->tail);

	return (tail & BLIPMQ_RING_CLOSED) &&
	       READ_ONCE(ring->head) == (tail & ~BLIPMQ_RING_CLOSED);
}

#endif /* _BLIPMQ_RING_H */
