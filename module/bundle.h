/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bundle: what one write brought, an immutable buffer of frames that every
 * receiver shares by reference.
 *
 * It is an skb whose users count is the reference count. Linear when small,
 * page fragments when larger, chained on the frag_list where one skb ends.
 * Once it is published nobody writes to it: not sk, cb, data or destructor.
 */
#ifndef _BLIPMQ_BUNDLE_H
#define _BLIPMQ_BUNDLE_H

#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/net_debug.h>

#include "frame.h"
#include "sender.h"
#include "types.h"

/**
 * struct blipmq_bundle_cb - what a bundle knows, in skb->cb
 * @expires: when its messages are over, in nanoseconds of the monotonic clock;
 *	0 for never
 * @called: when the publisher's call that brought it began, by the same clock;
 *	0 when that is not measured, see latency.h
 * @charge: bytes of memory
 * @len: bytes of whole frames, from the start
 * @sender: who published it, and where its memory counts
 * @last: while it is built, the end of the frag_list
 * @enqueued: afterwards when it stood in the first queue, if that is measured
 * @nr_frames: frames in @len
 *
 * The time of publishing is in skb->tstamp. What a push reads comes first.
 */
struct blipmq_bundle_cb {
	u64			expires;
	u64			called;
	u32			charge;
	u32			len;
	struct blipmq_sender	*sender;
	union {
		struct sk_buff	*last;
		u64		enqueued;
	};
	u32			nr_frames;
};

static inline struct blipmq_bundle_cb *blipmq_bundle_cb(struct sk_buff *b)
{
	BUILD_BUG_ON(sizeof(struct blipmq_bundle_cb) > sizeof(b->cb));
	return (struct blipmq_bundle_cb *)b->cb;
}

/**
 * blipmq_bundle_mask() - the mask that means every frame
 * @nr_frames: frames of a bundle, 1 to BLIPMQ_BUNDLE_FRAMES
 */
static inline u64 blipmq_bundle_mask(u32 nr_frames)
{
	return ~0ULL >> (BLIPMQ_BUNDLE_FRAMES - nr_frames);
}

static inline void blipmq_bundle_get(struct sk_buff *b, u32 refs)
{
	refcount_add(refs, &b->users);
}

/*
 * Several frames lie in one linear buffer, of an order that the page allocator
 * has at hand. A larger frame is a bundle of its own, of which the header, the
 * topic and the body's fixed part are linear, as is every frame but a PUB.
 */
#define BLIPMQ_BUNDLE_LINEAR	((u32)SKB_MAX_ORDER(0, 2))
#define BLIPMQ_BUNDLE_HEAD	1024U

/*
 * Charged to the caller's cgroup, which is not to be killed for it: at its
 * limit the caller is told so.
 */
#define BLIPMQ_BUNDLE_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL)

/**
 * blipmq_bundle_head() - linear bytes of a bundle
 * @b: the bundle
 * @offset: of the first
 * @len: how many
 *
 * Return: the bytes.
 */
static inline u8 *blipmq_bundle_head(const struct sk_buff *b, u32 offset,
				     u32 len)
{
	DEBUG_NET_WARN_ON_ONCE(offset + len > skb_headlen(b));
	return b->data + offset;
}

/**
 * blipmq_bundle_frame_size() - the size of the frame at @offset
 * @b: the bundle
 * @offset: where a frame starts
 *
 * Return: its bytes, header included.
 */
static inline u32 blipmq_bundle_frame_size(const struct sk_buff *b, u32 offset)
{
	return blipmq_get_le32(blipmq_bundle_head(b, offset, 4));
}

/**
 * blipmq_bundle_expired() - is the time of its messages over?
 * @b: a sealed bundle
 */
static inline bool blipmq_bundle_expired(struct sk_buff *b)
{
	u64 expires = blipmq_bundle_cb(b)->expires;

	return unlikely(expires) && ktime_get_ns() >= expires;
}

u32 blipmq_bundle_topic_len(const struct sk_buff *b, u64 mask);
void blipmq_bundle_topic(const struct sk_buff *b, u64 mask, char *text);
u64 blipmq_bundle_id(const struct sk_buff *b, u64 mask);

struct sk_buff *blipmq_bundle_alloc(struct blipmq_sender *s, u32 size,
				    gfp_t gfp);
int blipmq_bundle_extend(struct sk_buff *b, u32 size, gfp_t gfp);
int blipmq_bundle_fill(struct sk_buff *b, u32 offset, struct iov_iter *from,
		       u32 len);
void blipmq_bundle_live(struct sk_buff *b, u32 ttl_ms);
void blipmq_bundle_seal(struct sk_buff *b, u32 len, u32 nr_frames);
void blipmq_bundle_free(struct sk_buff *b);

/**
 * blipmq_bundle_put() - give up one reference
 * @b: the bundle
 *
 * Context: any but hard interrupts.
 */
static inline void blipmq_bundle_put(struct sk_buff *b)
{
	if (skb_unref(b))
		blipmq_bundle_free(b);
}

#endif /* _BLIPMQ_BUNDLE_H */
