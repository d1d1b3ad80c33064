// SPDX-License-Identifier: GPL-2.0
/*
 * Queue groups: each message is for one member. The frames of a bundle are
 * dealt out in turn over the members that have room, one push each. Members
 * that are full or closed are passed over; when all are full, those next in
 * turn take the frames under their own policies.
 */
#include <linux/bitops.h>

#include "bundle.h"
#include "fanout.h"
#include "queue.h"
#include "set.h"

/*
 * Members that are looked at while the group's lock is held. The next round, or
 * bundle, goes on behind them.
 */
#define DEAL_LOOK	512

/* After so many rounds that leave frames the group counts as full, */
#define DEAL_ROUNDS	4

/* and after so many as gone: all that were there have closed meanwhile. */
#define DEAL_ROUNDS_MAX	1000

/**
 * struct place - a slot in a set
 * @chunk: the chunk
 * @slot: the slot, or one past the last
 */
struct place {
	struct blipmq_set_chunk	*chunk;
	u32			slot;
};

/**
 * struct hand - those who get frames of a bundle
 * @bytes: what the bundle costs each of them
 * @force: room does not matter
 * @look: members that may still be looked at
 * @nr: members
 * @members: their queues
 */
struct hand {
	u32			bytes;
	bool			force;
	u32			look;
	u32			nr;
	struct blipmq_queue	*members[BLIPMQ_BUNDLE_FRAMES];
};

static bool member_is_fit(const struct hand *hand, struct blipmq_queue *q)
{
	u64 used = atomic64_read(&q->used) + blipmq_used(1, hand->bytes);
	unsigned long aside = READ_ONCE(q->aside);

	/* Under conflate there is always room. */
	if (aside)
		return aside == BIT(BLIPMQ_ASIDE_CONFLATE);
	return hand->force || !blipmq_queue_is_over(q, used, hand->bytes);
}

/*
 * Return: true when the hand is full, or enough were looked at; the place is then
 * behind the last one.
 */
static bool deal_chunk(struct blipmq_set_chunk *chunk, u32 begin, u32 end,
		       u32 most, struct place *at, struct hand *hand)
{
	struct blipmq_queue *q;
	u32 i;

	/* One without members costs as much as a member. */
	if (!READ_ONCE(chunk->used))
		begin = max(begin, end - 1);
	for (i = begin; i < end; i++) {
		q = rcu_dereference(chunk->legs[i]);
		if (q && member_is_fit(hand, q))
			hand->members[hand->nr++] = q;
		if (--hand->look && hand->nr < most)
			continue;
		at->chunk = chunk;
		at->slot = i + 1;
		return true;
	}
	return false;
}

/*
 * From a place on, once round at most, take members up to @most. The place is
 * then behind the last of these, or where it was when the whole group has fewer.
 */
static void deal_walk(struct blipmq_set *set, struct place *at, u32 most,
		      struct hand *hand)
{
	const struct place from = *at;
	struct blipmq_set_chunk *chunk;
	u32 begin = from.slot;

	hand->nr = 0;
	hand->look = DEAL_LOOK;
	for (chunk = from.chunk; chunk; chunk = rcu_dereference(chunk->next)) {
		if (deal_chunk(chunk, begin, chunk->nr_slots, most, at, hand))
			return;
		begin = 0;
	}
	for (chunk = rcu_dereference(set->first); chunk != from.chunk;
	     chunk = rcu_dereference(chunk->next))
		if (deal_chunk(chunk, 0, chunk->nr_slots, most, at, hand))
			return;
	deal_chunk(chunk, 0, from.slot, most, at, hand);
}

/*
 * Who gets @frames frames. Turns go on with the one who would get the next
 * frame, so that in the end all get as many.
 */
static void deal_choose(struct blipmq_set *set, u32 frames, struct hand *hand)
{
	struct blipmq_deal *deal = set->deal;
	struct place at;
	u32 nr, more;

	spin_lock(&deal->lock);
	at.chunk = deal->chunk ?: rcu_dereference(set->first);
	at.slot = deal->slot;
	if (!at.chunk) {
		hand->nr = 0;
		hand->look = DEAL_LOOK;
		goto out;
	}
	deal_walk(set, &at, frames, hand);
	nr = hand->nr;
	/* Where not all could be looked at, these get one each. */
	more = nr && hand->look ? frames % nr : 0;
	if (nr < frames && more) {
		/* Once round: the place is the first one's. */
		deal_walk(set, &at, more, hand);
		hand->nr = nr;
	}
	deal->chunk = at.chunk;
	deal->slot = at.slot;
out:
	spin_unlock(&deal->lock);
}

/* Only the first @n of the frames in @mask. */
static u64 mask_first(u64 mask, u32 n)
{
	u64 rest = mask;

	while (n-- && rest)
		rest &= rest - 1;
	return mask ^ rest;
}

/* Charge a member for as many of @frames as it has room for. */
static u32 member_reserve(struct blipmq_queue *q, u32 frames, u32 bytes)
{
	u64 used = atomic64_add_return(blipmq_used(frames, bytes), &q->used);
	u32 room;

	if (likely(!blipmq_queue_is_over(q, used, bytes)))
		return frames;
	room = blipmq_queue_room(q, frames, bytes);
	blipmq_queue_release(q, frames - room, room ? 0 : bytes);
	return room;
}

/* Return: the frames that the member took, or that were counted as its loss. */
static u64 deal_member(struct blipmq_pusher *p, struct blipmq_queue *q,
		       u64 mask, u32 frames, const struct hand *hand)
{
	bool reserve = !hand->force && !READ_ONCE(q->aside);
	enum blipmq_push pushed;

	if (reserve) {
		frames = member_reserve(q, frames, hand->bytes);
		if (!frames)
			return 0;
	}
	mask = mask_first(mask, frames);
	blipmq_pusher_need(p);
	if (reserve)
		pushed = blipmq_queue_push_charged(q, p->b, mask);
	else
		pushed = blipmq_queue_push(q, p->b, mask);
	if (likely(pushed == BLIPMQ_PUSH_KEPT))
		p->refs--;
	return pushed == BLIPMQ_PUSH_CLOSED ? 0 : mask;
}

/**
 * blipmq_deal() - give each frame to one member of a queue group
 * @p: hands out references of the bundle
 * @set: the group's
 * @mask: the frames
 *
 * Context: an RCU read-side section.
 * Return: the frames that nobody took, since no member is alive.
 */
u64 blipmq_deal(struct blipmq_pusher *p, struct blipmq_set *set, u64 mask)
{
	u32 i, frames, share, tries = 0, looked = 0;
	bool full = false;
	struct hand hand;
	u64 before;

	hand.bytes = blipmq_bundle_cb(p->b)->charge;
	while (mask && tries < DEAL_ROUNDS_MAX) {
		frames = hweight64(mask);
		hand.force = full || tries >= DEAL_ROUNDS;
		deal_choose(set, frames, &hand);
		if (!hand.nr) {
			looked += DEAL_LOOK - hand.look;
			/* Others may have room. */
			if (!hand.look && looked < READ_ONCE(set->slots))
				continue;
			if (hand.force)
				break;
			full = true;
			looked = 0;
			continue;
		}
		full = false;
		looked = 0;
		/* One each, where others come behind: turns stay even. */
		if (!hand.look)
			frames = min(frames, hand.nr);
		before = mask;
		for (i = 0; i < hand.nr && mask; i++) {
			share = frames / hand.nr + (i < frames % hand.nr);
			mask &= ~deal_member(p, hand.members[i], mask, share,
					     &hand);
		}
		if (hand.look || mask == before)
			tries++;
	}
	return mask;
}
