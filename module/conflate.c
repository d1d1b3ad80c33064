// SPDX-License-Identifier: GPL-2.0
/*
 * Conflation. A message takes the place of the one before it on its topic, so
 * that the reader gets each topic's last value, in the order in which the
 * topics became new. Topics that wait are in a tree; their names are those in
 * the bundles. A table that is too large loses the topic that waits longest.
 */
#include <linux/bitops.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "bundle.h"
#include "conflate.h"
#include "latency.h"
#include "queue.h"
#include "slow.h"
#include "trace.h"

/* Entries that are moved to the rings before others have the lock, at first. */
#define MOVE_AT_ONCE	64

struct conflate_part;

/**
 * struct conflate_entry - a topic that waits, and its message
 * @node: in the tree
 * @dirty: in the list
 * @part: what it came with
 * @at: where the topic stands in the bundle
 * @len: bytes of it
 * @index: number of the frame in the bundle
 */
struct conflate_entry {
	struct rb_node		node;
	struct list_head	dirty;
	struct conflate_part	*part;
	u32			at;
	u8			len;
	u8			index;
};

/**
 * struct conflate_part - what one push brought
 * @b: the bundle, with a reference and its charge
 * @users: entries that wait, and the push while it lasts
 * @entries: all of them
 */
struct conflate_part {
	struct sk_buff		*b;
	u32			users;
	struct conflate_entry	entries[];
};

/**
 * struct topic_key - a topic to look for
 * @name: its bytes
 * @len: how many
 */
struct topic_key {
	const u8	*name;
	u8		len;
};

static struct conflate_entry *to_entry(const struct rb_node *node)
{
	return rb_entry(node, struct conflate_entry, node);
}

static const u8 *entry_name(const struct conflate_entry *e)
{
	return e->part->b->data + e->at;
}

static int topic_cmp(const void *key, const struct rb_node *node)
{
	const struct conflate_entry *e = to_entry(node);
	const struct topic_key *k = key;

	if (k->len != e->len)
		return k->len < e->len ? -1 : 1;
	return memcmp(k->name, entry_name(e), k->len);
}

static bool entry_less(struct rb_node *a, const struct rb_node *b)
{
	struct topic_key k = {
		.name = entry_name(to_entry(a)),
		.len = to_entry(a)->len,
	};

	return topic_cmp(&k, b) < 0;
}

/**
 * blipmq_conflate_begin() - publishers bring their messages here
 * @q: the queue, under whose socket's tx_lock
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int blipmq_conflate_begin(struct blipmq_queue *q)
{
	struct blipmq_conflate *c = q->conflate;

	if (!c) {
		c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
		if (!c)
			return -ENOMEM;
		spin_lock_init(&c->lock);
		c->topics = RB_ROOT;
		INIT_LIST_HEAD(&c->dirty);
		/* Pairs with those who find it. */
		smp_store_release(&q->conflate, c);
	}
	spin_lock(&c->lock);
	c->active = true;
	smp_mb__before_atomic();	/* pairs with queue_push_aside() */
	set_bit(BLIPMQ_ASIDE_CONFLATE, &q->aside);
	spin_unlock(&c->lock);
	return 0;
}

static struct conflate_entry *conflate_first(struct blipmq_conflate *c)
{
	return list_first_entry_or_null(&c->dirty, struct conflate_entry,
					dirty);
}

static void conflate_remove(struct blipmq_conflate *c, struct conflate_entry *e)
{
	rb_erase(&e->node, &c->topics);
	list_del_init(&e->dirty);
}

static void entry_trace_drop(struct blipmq_queue *q,
			     const struct conflate_entry *e,
			     enum blipmq_drop reason)
{
	trace_blipmq_drop(q, e->part->b, BIT_ULL(e->index), reason);
}

/* One user less, with as many messages. */
static void part_put(struct blipmq_queue *q, struct conflate_part *part,
		     u32 messages)
{
	u32 bytes = 0;

	if (!--part->users) {
		bytes = blipmq_bundle_cb(part->b)->charge;
		blipmq_bundle_put(part->b);
		kfree(part);
	}
	blipmq_queue_release(q, messages, bytes);
}

/* An entry is gone, which was removed from tree and list. */
static void entry_drop(struct blipmq_queue *q, struct conflate_entry *e)
{
	part_put(q, e->part, 1);
}

/*
 * The oldest entry becomes the reader's, or a ring's; with @all also those
 * that stand behind it and can go with it. The bundle comes with a reference
 * and a charge of its own.
 */
static struct sk_buff *entry_take(struct blipmq_queue *q,
				  struct blipmq_conflate *c, bool all,
				  u64 *mask)
{
	struct conflate_entry *e = conflate_first(c);
	struct conflate_part *part = e->part;
	struct sk_buff *b = part->b;
	u8 last;

	*mask = 0;
	do {
		last = e->index;
		*mask |= BIT_ULL(last);
		conflate_remove(c, e);
		part->users--;
		e = conflate_first(c);
	} while (all && e && e->part == part && e->index > last);
	if (part->users) {
		blipmq_bundle_get(b, 1);
		atomic64_add(blipmq_used(0, blipmq_bundle_cb(b)->charge),
			     &q->used);
	} else {
		kfree(part);
	}
	return b;
}

static struct conflate_part *part_alloc(struct blipmq_queue *q, u32 n)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOMEMALLOC | __GFP_ACCOUNT |
			  __GFP_NOWARN;
	struct mem_cgroup *old = set_active_memcg(q->chain.memcg);
	struct conflate_part *part;

	part = kmalloc(struct_size(part, entries, n), gfp);
	set_active_memcg(old);
	return part;
}

static void part_init(struct conflate_part *part, struct sk_buff *b, u64 mask)
{
	struct conflate_entry *e = part->entries;
	u32 offset = 0, i;

	part->b = b;
	part->users = 0;
	for (i = 0; mask >> i; i++) {
		if (mask & BIT_ULL(i)) {
			e->part = part;
			e->at = offset + BLIPMQ_FRAME_HEADER;
			e->len = blipmq_bundle_head(b, offset,
						    BLIPMQ_FRAME_HEADER)[5];
			e->index = i;
			e++;
			part->users++;
		}
		/* The last one's topic may end where the linear bytes do. */
		if (i == BLIPMQ_BUNDLE_FRAMES - 1)
			break;
		if (mask >> (i + 1))
			offset += blipmq_bundle_frame_size(b, offset);
	}
}

/* A retained value that a new subscription gets, see retain.c. */
static bool entry_is_replay(const struct conflate_entry *e)
{
	const u8 *header = entry_name(e) - BLIPMQ_FRAME_HEADER;

	return header[4] & BLIPMQ_FLAG_RETAIN;
}

/*
 * Return: true when it took the place of an older one, or is itself older than
 * the one that waits.
 */
static bool conflate_insert(struct blipmq_queue *q, struct blipmq_conflate *c,
			    struct conflate_entry *e)
{
	struct topic_key key = { .name = entry_name(e), .len = e->len };
	struct rb_node *node = rb_find(&key, &c->topics, topic_cmp);
	struct conflate_entry *old;

	if (!node) {
		rb_add(&e->node, &c->topics, entry_less);
		list_add_tail(&e->dirty, &c->dirty);
		return false;
	}
	old = to_entry(node);
	if (entry_is_replay(e)) {
		INIT_LIST_HEAD(&e->dirty);
		entry_trace_drop(q, e, BLIPMQ_DROP_CONFLATED);
		entry_drop(q, e);
		return true;
	}
	rb_replace_node(node, &e->node, &c->topics);
	list_replace_init(&old->dirty, &e->dirty);
	entry_trace_drop(q, old, BLIPMQ_DROP_CONFLATED);
	entry_drop(q, old);
	return true;
}

/* The oldest message goes: from the rings if they have one. */
static bool conflate_evict(struct blipmq_queue *q, struct blipmq_conflate *c)
{
	struct conflate_entry *e;

	lockdep_assert_held(&c->lock);
	if (blipmq_queue_evict(q, BLIPMQ_DROP_OVERFLOW))
		return true;
	e = conflate_first(c);
	if (!e)
		return false;
	if (blipmq_bundle_expired(e->part->b)) {
		entry_trace_drop(q, e, BLIPMQ_DROP_EXPIRED);
		blipmq_queue_drop(q, BLIPMQ_DROP_EXPIRED, 1);
	} else {
		entry_trace_drop(q, e, BLIPMQ_DROP_OVERFLOW);
		blipmq_queue_drop_new(q, BLIPMQ_DROP_OVERFLOW, 1);
	}
	conflate_remove(c, e);
	entry_drop(q, e);
	return true;
}

/*
 * Bring the queue within its limits: the oldest messages go, and if those are
 * so many that others would wait too long, of the @n new ones those that wait.
 */
static void conflate_make_room(struct blipmq_queue *q,
			       struct blipmq_conflate *c,
			       struct conflate_part *part, u32 n)
{
	u32 bytes = blipmq_bundle_cb(part->b)->charge;
	struct conflate_entry *e = part->entries;
	u32 evicted = 0;

	while (blipmq_queue_is_over(q, atomic64_read(&q->used), bytes)) {
		if (!evicted)
			blipmq_slow_begin(q);
		if (evicted++ < BLIPMQ_ROOM_EVICTIONS) {
			if (!conflate_evict(q, c))
				return;
			continue;
		}
		for (; n; n--, e++) {
			if (list_empty(&e->dirty))
				continue;
			entry_trace_drop(q, e, BLIPMQ_DROP_OVERFLOW);
			blipmq_queue_drop_new(q, BLIPMQ_DROP_OVERFLOW, 1);
			conflate_remove(c, e);
			entry_drop(q, e);
		}
		return;
	}
}

static void conflate_take_in(struct blipmq_queue *q, struct blipmq_conflate *c,
			     struct conflate_part *part)
{
	u32 n = part->users++, i, conflated = 0;

	atomic64_add(blipmq_used(n, blipmq_bundle_cb(part->b)->charge),
		     &q->used);
	atomic64_add(n, &q->matched);
	for (i = 0; i < n; i++)
		conflated += conflate_insert(q, c, &part->entries[i]);
	if (conflated)
		blipmq_queue_drop(q, BLIPMQ_DROP_CONFLATED, conflated);
	if (blipmq_bundle_cb(part->b)->expires)
		blipmq_expiry_watch(q);
	conflate_make_room(q, c, part, n);
	part_put(q, part, 0);
}

/**
 * blipmq_conflate_push() - bring messages
 * @q: the queue
 * @b: the bundle; one of the caller's references becomes the queue's
 * @mask: which of its frames, at least one
 *
 * Context: an RCU read-side section; does not sleep.
 * Return: as blipmq_queue_push().
 */
enum blipmq_push blipmq_conflate_push(struct blipmq_queue *q,
				      struct sk_buff *b, u64 mask)
{
	enum blipmq_push pushed = BLIPMQ_PUSH_CLOSED;
	/* Pairs with the release in blipmq_conflate_begin(). */
	struct blipmq_conflate *c = smp_load_acquire(&q->conflate);
	struct conflate_part *part = part_alloc(q, hweight64(mask));
	bool active, ended;

	if (part)
		part_init(part, b, mask);
	spin_lock(&c->lock);
	active = c->active;
	ended = test_bit(BLIPMQ_ASIDE_ENDED, &q->aside);
	if (ended || !active)
		goto out;
	if (part) {
		trace_blipmq_enqueue(q, b, mask);
		if (unlikely(blipmq_bundle_cb(b)->called))
			blipmq_latency_enqueued(q, b, blipmq_latency_enqueue(b),
						hweight64(mask));
		conflate_take_in(q, c, part);
		part = NULL;
		pushed = BLIPMQ_PUSH_KEPT;
	} else {
		pushed = BLIPMQ_PUSH_DROPPED;
		trace_blipmq_drop(q, b, mask, BLIPMQ_DROP_NO_MEMORY);
		atomic64_add(hweight64(mask), &q->matched);
		blipmq_queue_drop_new(q, BLIPMQ_DROP_NO_MEMORY,
				      hweight64(mask));
	}
out:
	spin_unlock(&c->lock);
	kfree(part);
	/* The policy changed a moment ago. */
	if (!active && !ended)
		return blipmq_queue_push(q, b, mask);
	smp_mb();	/* pairs with blipmq_queue_arm() */
	blipmq_queue_wake(q);
	return pushed;
}

/**
 * blipmq_conflate_pop() - take the message of the topic that waits longest
 * @q: the queue, whose rings were empty
 * @entry: what it is, and how many messages were lost before it
 *
 * Context: one reader at a time.
 * Return: false when there is none, or the rings have what is older by now.
 */
bool blipmq_conflate_pop(struct blipmq_queue *q, struct blipmq_entry *entry)
{
	/* Pairs with the release in blipmq_conflate_begin(). */
	struct blipmq_conflate *c = smp_load_acquire(&q->conflate);
	bool found;

	if (!c)
		return false;
	spin_lock(&c->lock);
	/* blipmq_conflate_end() moves it with this lock. */
	found = !list_empty(&c->dirty) && !blipmq_chain_readable(&q->chain);
	if (found) {
		entry->bundle = entry_take(q, c, false, &entry->mask);
		entry->lost = blipmq_queue_take_lost(q);
	}
	spin_unlock(&c->lock);
	return found;
}

/**
 * blipmq_conflate_evict() - the oldest message of the queue goes, as overflow
 * @q: the queue
 *
 * Context: an RCU read-side section.
 * Return: false when there is none.
 */
bool blipmq_conflate_evict(struct blipmq_queue *q)
{
	/* Pairs with the release in blipmq_conflate_begin(). */
	struct blipmq_conflate *c = smp_load_acquire(&q->conflate);
	bool evicted;

	if (!c)
		return blipmq_queue_evict(q, BLIPMQ_DROP_OVERFLOW);
	spin_lock(&c->lock);
	evicted = conflate_evict(q, c);
	spin_unlock(&c->lock);
	return evicted;
}

/**
 * blipmq_conflate_expire() - the oldest message goes if its time is over
 * @q: the queue
 *
 * Context: any but interrupts; the queue is held.
 * Return: false when there is none.
 */
bool blipmq_conflate_expire(struct blipmq_queue *q)
{
	/* Pairs with the release in blipmq_conflate_begin(). */
	struct blipmq_conflate *c = smp_load_acquire(&q->conflate);
	struct conflate_entry *e;

	if (!c)
		return false;
	spin_lock(&c->lock);
	e = conflate_first(c);
	if (e && !blipmq_bundle_expired(e->part->b))
		e = NULL;
	if (e) {
		entry_trace_drop(q, e, BLIPMQ_DROP_EXPIRED);
		blipmq_queue_drop(q, BLIPMQ_DROP_EXPIRED, 1);
		conflate_remove(c, e);
		entry_drop(q, e);
	}
	spin_unlock(&c->lock);
	return e;
}

/**
 * blipmq_conflate_empty() - does nothing wait here?
 * @q: the queue
 */
bool blipmq_conflate_empty(struct blipmq_queue *q)
{
	/* Pairs with the release in blipmq_conflate_begin(). */
	struct blipmq_conflate *c = smp_load_acquire(&q->conflate);
	bool empty;

	if (!c)
		return true;
	spin_lock(&c->lock);
	empty = list_empty(&c->dirty);
	spin_unlock(&c->lock);
	return empty;
}

/* A few topics go behind what the rings have. */
static void conflate_move(struct blipmq_queue *q, struct blipmq_conflate *c,
			  u32 most)
{
	struct sk_buff *b;
	u64 mask;
	u32 i, n;

	for (i = 0; i < most && !list_empty(&c->dirty); i++) {
		b = entry_take(q, c, true, &mask);
		if (blipmq_chain_push(&q->chain, b, mask) == BLIPMQ_RING_OK)
			continue;
		n = hweight64(mask);
		trace_blipmq_drop(q, b, mask, BLIPMQ_DROP_NO_MEMORY);
		blipmq_queue_release(q, n, blipmq_bundle_cb(b)->charge);
		blipmq_queue_drop_new(q, BLIPMQ_DROP_NO_MEMORY, n);
		blipmq_bundle_put(b);
	}
}

/**
 * blipmq_conflate_end() - publishers bring their messages to the rings again
 * @q: the queue, under whose socket's tx_lock
 *
 * What waits is moved there first, so that it stays ahead. In a queue that is
 * sealed it stays where it is.
 *
 * Context: may sleep.
 */
void blipmq_conflate_end(struct blipmq_queue *q)
{
	struct blipmq_conflate *c = q->conflate;
	u32 most = MOVE_AT_ONCE;
	bool done;

	do {
		rcu_read_lock();
		spin_lock(&c->lock);
		done = test_bit(BLIPMQ_ASIDE_ENDED, &q->aside);
		if (!done) {
			/* More than publishers may bring meanwhile. */
			conflate_move(q, c, most);
			most *= 2;
			done = list_empty(&c->dirty);
		}
		if (done) {
			c->active = false;
			clear_bit(BLIPMQ_ASIDE_CONFLATE, &q->aside);
		}
		spin_unlock(&c->lock);
		rcu_read_unlock();
		cond_resched();
	} while (!done);
}

/**
 * blipmq_conflate_drain() - what waits is dropped
 * @q: the queue, which has ended
 *
 * Context: may sleep; more than one caller is fine.
 * Return: messages.
 */
u32 blipmq_conflate_drain(struct blipmq_queue *q)
{
	/* Pairs with the release in blipmq_conflate_begin(). */
	struct blipmq_conflate *c = smp_load_acquire(&q->conflate);
	struct conflate_entry *e;
	u32 messages = 0;

	while (c) {
		spin_lock(&c->lock);
		e = conflate_first(c);
		if (e) {
			entry_trace_drop(q, e, BLIPMQ_DROP_CLOSED);
			conflate_remove(c, e);
			entry_drop(q, e);
			messages++;
		}
		spin_unlock(&c->lock);
		if (!e)
			break;
		cond_resched();
	}
	return messages;
}
