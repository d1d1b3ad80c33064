// SPDX-License-Identifier: GPL-2.0
/*
 * Building bundles, and the account of their memory.
 */
#include <linux/blipmq.h>

#include "bundle.h"
#include "netns.h"
#include "spare.h"

/* What one skb holds in page fragments, even of single pages. */
#define PAGED_MAX	SZ_64K

/*
 * Large bundles lie in pages of this size where there are any: the kernel maps
 * its memory by such pages, so that copying one takes one entry of a TLB. The
 * last one may be empty at its end by no more than any other piece.
 */
#define HUGE_ORDER	get_order(SZ_2M)
#define HUGE_LEAST	(SZ_2M - PAGED_MAX)

static struct sk_buff *bundle_piece(u32 size, gfp_t gfp)
{
	u32 linear = size <= BLIPMQ_BUNDLE_LINEAR ? size : BLIPMQ_BUNDLE_HEAD;
	struct sk_buff *skb;
	int err;

	if (linear == size)
		skb = alloc_skb(size, gfp | __GFP_NOWARN);
	else
		skb = alloc_skb_with_frags(linear, size - linear,
					   PAGE_ALLOC_COSTLY_ORDER, &err,
					   gfp | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_put(skb, linear);
	skb->data_len = size - linear;
	skb->len = size;
	return skb;
}

/*
 * A piece in one large page, which is charged in full. It is not worth waiting
 * for, nor reclaiming what others use.
 */
static noinline struct sk_buff *bundle_huge_piece(u32 size, gfp_t gfp)
{
	struct sk_buff *skb;
	struct page *page;

	gfp |= __GFP_NOWARN;
	page = alloc_pages((gfp & ~(__GFP_DIRECT_RECLAIM |
				    __GFP_RETRY_MAYFAIL)) |
			   __GFP_COMP | __GFP_NORETRY, HUGE_ORDER);
	if (!page)
		return NULL;
	skb = alloc_skb(0, gfp);
	if (!skb) {
		__free_pages(page, HUGE_ORDER);
		return NULL;
	}
	skb_fill_page_desc(skb, 0, page, 0, size);
	skb->data_len = size;
	skb->len = size;
	skb->truesize += PAGE_SIZE << HUGE_ORDER;
	return skb;
}

static void bundle_charge(struct sk_buff *b, u32 bytes)
{
	struct blipmq_bundle_cb *cb = blipmq_bundle_cb(b);

	cb->charge += bytes;
	blipmq_sender_charge(cb->sender, bytes);
}

/**
 * blipmq_bundle_extend() - make room at the end of a bundle that is built
 * @b: the bundle
 * @size: bytes to add
 * @gfp: how to allocate
 *
 * Return: 0 or -ENOMEM, which leaves the bundle as it was.
 */
int blipmq_bundle_extend(struct sk_buff *b, u32 size, gfp_t gfp)
{
	struct blipmq_bundle_cb *cb = blipmq_bundle_cb(b);
	struct sk_buff *first = NULL, *last = NULL, *skb;
	u32 truesize = 0, left = size, part;
	bool huge = true;

	while (left) {
		skb = NULL;
		if (unlikely(huge && left >= HUGE_LEAST)) {
			part = min_t(u32, left, SZ_2M);
			skb = bundle_huge_piece(part, gfp);
			huge = skb;
		}
		if (!skb) {
			part = min_t(u32, left, PAGED_MAX);
			skb = bundle_piece(part, gfp);
		}
		if (!skb) {
			kfree_skb_list(first);
			return -ENOMEM;
		}
		if (last)
			last->next = skb;
		else
			first = skb;
		last = skb;
		truesize += skb->truesize;
		left -= part;
	}
	if (cb->last)
		cb->last->next = first;
	else
		skb_shinfo(b)->frag_list = first;
	cb->last = last;
	b->len += size;
	b->data_len += size;
	b->truesize += truesize;
	blipmq_net_charge(cb->sender->ns, truesize);
	bundle_charge(b, truesize);
	return 0;
}

/**
 * blipmq_bundle_alloc() - begin a bundle
 * @s: whose it is
 * @size: bytes that it holds
 * @gfp: how to allocate; BLIPMQ_BUNDLE_GFP charges the caller's cgroup
 *
 * Its contents are undefined.
 *
 * Context: the tx_lock of the sender's socket is held; as @gfp says.
 * Return: the bundle with one reference, or NULL.
 */
struct sk_buff *blipmq_bundle_alloc(struct blipmq_sender *s, u32 size,
				    gfp_t gfp)
{
	u32 part = min_t(u32, size, PAGED_MAX);
	struct blipmq_bundle_cb *cb;
	struct sk_buff *b;

	b = blipmq_spare_take(s, part);
	if (!b) {
		b = bundle_piece(part, gfp);
		if (!b)
			return NULL;
		blipmq_net_charge(s->ns, b->truesize);
	}
	cb = blipmq_bundle_cb(b);
	memset(cb, 0, sizeof(*cb));
	cb->sender = s;
	bundle_charge(b, b->truesize);
	if (size > part && blipmq_bundle_extend(b, size - part, gfp)) {
		blipmq_bundle_put(b);
		return NULL;
	}
	return b;
}

/**
 * blipmq_bundle_fill() - copy bytes into a bundle that is built
 * @b: the bundle
 * @offset: where to
 * @from: where from; advanced by @len on success, not at all on failure
 * @len: how many; they lie within the bundle
 *
 * Context: may sleep on user memory.
 * Return: 0 or -EFAULT.
 */
int blipmq_bundle_fill(struct sk_buff *b, u32 offset, struct iov_iter *from,
		       u32 len)
{
	size_t before = iov_iter_count(from);

	if (!skb_copy_datagram_from_iter(b, offset, from, len))
		return 0;
	iov_iter_revert(from, before - iov_iter_count(from));
	return -EFAULT;
}

/**
 * blipmq_bundle_seal() - end the building of a bundle
 * @b: the bundle
 * @len: bytes of whole frames
 * @nr_frames: how many, 1 to BLIPMQ_BUNDLE_FRAMES
 *
 * Nothing is written to the bundle any more.
 */
void blipmq_bundle_seal(struct sk_buff *b, u32 len, u32 nr_frames)
{
	struct blipmq_bundle_cb *cb = blipmq_bundle_cb(b);

	cb->len = len;
	cb->nr_frames = nr_frames;
	cb->enqueued = 0;
	b->tstamp = ktime_get_real();
}

/**
 * blipmq_bundle_live() - say how long the messages of a bundle live from now
 * @b: a bundle that nobody else has
 * @ttl_ms: milliseconds; 0 or BLIPMQ_TTL_NEVER for ever
 */
void blipmq_bundle_live(struct sk_buff *b, u32 ttl_ms)
{
	u64 expires = 0;

	if (unlikely(ttl_ms && ttl_ms != BLIPMQ_TTL_NEVER))
		expires = ktime_get_ns() + (u64)ttl_ms * NSEC_PER_MSEC;
	/* A frame that is tried again may have had another one. */
	blipmq_bundle_cb(b)->expires = expires;
}

/* The first of some messages. */
static const u8 *bundle_first(const struct sk_buff *b, u64 mask)
{
	u32 offset = 0, i;

	for (i = __ffs64(mask); i; i--)
		offset += blipmq_bundle_frame_size(b, offset);
	return blipmq_bundle_head(b, offset, BLIPMQ_FRAME_HEADER);
}

/**
 * blipmq_bundle_topic_len() - the length of a message's topic
 * @b: a sealed bundle
 * @mask: the first of these messages
 *
 * Return: bytes.
 */
u32 blipmq_bundle_topic_len(const struct sk_buff *b, u64 mask)
{
	return bundle_first(b, mask)[5];
}

/**
 * blipmq_bundle_topic() - the topic of a message
 * @b: a sealed bundle
 * @mask: the first of these messages
 * @text: set to the topic and a zero byte
 */
void blipmq_bundle_topic(const struct sk_buff *b, u64 mask, char *text)
{
	const u8 *frame = bundle_first(b, mask);

	memcpy(text, frame + BLIPMQ_FRAME_HEADER, frame[5]);
	text[frame[5]] = '\0';
}

/**
 * blipmq_bundle_id() - the id of a message
 * @b: a sealed bundle
 * @mask: the first of these messages
 *
 * Return: the id.
 */
u64 blipmq_bundle_id(const struct sk_buff *b, u64 mask)
{
	const u8 *frame = bundle_first(b, mask);

	return blipmq_get_le64(frame + BLIPMQ_FRAME_HEADER + frame[5]);
}

/**
 * blipmq_bundle_free() - the last reference is gone
 * @b: the bundle
 *
 * Context: any but hard interrupts.
 */
void blipmq_bundle_free(struct sk_buff *b)
{
	struct blipmq_bundle_cb *cb = blipmq_bundle_cb(b);

	struct blipmq_sender *s = cb->sender;
	u32 charge = cb->charge;

	if (!blipmq_spare_put(s, b)) {
		blipmq_net_charge(s->ns, -(s64)charge);
		__kfree_skb(b);
	}
	/* The sender may be gone with that. */
	blipmq_sender_uncharge(s, charge);
}
