/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who publishes: an identity, and the account of the bytes that it has in
 * flight. Bundles point to it, so it outlives its socket until the last of
 * them is gone.
 */
#ifndef _BLIPMQ_SENDER_H
#define _BLIPMQ_SENDER_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/llist.h>
#include <linux/uidgid.h>

#include "types.h"

struct group_info;
struct pid;

/* What the socket itself counts for, so that the account is not zero before. */
#define BLIPMQ_SENDER_BIAS	((s64)BIT_ULL(60))

/**
 * struct blipmq_sender - a publisher
 * @ns: the namespace that its messages count in
 * @uid: on whose behalf
 * @gid: on whose behalf
 * @groups: further groups of who opened the socket; NULL for who is acted for
 * @pid: the process that opened the socket
 * @credit: bytes that are in @bytes and in no bundle yet
 * @acts: BLIPMQ_IDENTITY said for whom
 * @over: its bytes in flight were at the limit when last looked at
 * @retired: its socket has left it, so nobody has use for @credit
 * @own_spare: spare bundles that the publisher has taken over
 * @verdicts: to which topics it may publish, see access.c; NULL before the
 *	first that rules were asked for
 * @bytes: memory of its bundles, and @credit, and the bias while a socket has
 *	it; it is freed when this is zero
 * @spare_bytes: memory of all spare bundles, and of those that come just now
 * @spare: those that have come, see spare.c
 *
 * @acts to @verdicts and @credit are guarded by the tx_lock of its socket. The
 * publisher takes @bytes ahead in chunks; it is whoever gives up the last
 * reference of a bundle that writes @bytes for each, so that line does not
 * travel to the publisher and back.
 */
struct blipmq_sender {
	struct blipmq_net	*ns;
	kuid_t			uid;
	kgid_t			gid;
	struct group_info	*groups;
	struct pid		*pid;
	s64			credit;
	bool			acts;
	bool			over;
	bool			retired;
	struct llist_node	*own_spare;
	struct blipmq_verdicts	*verdicts;

	/* Written by those who free bundles. */
	atomic64_t		bytes ____cacheline_aligned_in_smp;
	atomic_t		spare_bytes;
	struct llist_head	spare;
};

struct blipmq_sender *blipmq_sender_create(struct blipmq_net *ns, kuid_t uid,
					   kgid_t gid,
					   struct group_info *groups);
struct blipmq_sender *blipmq_sender_clone(const struct blipmq_sender *s);
void blipmq_sender_retire(struct blipmq_sender *s);
void __blipmq_sender_charge(struct blipmq_sender *s);
void __blipmq_sender_free(struct blipmq_sender *s);
bool __blipmq_sender_admits(struct blipmq_sender *s, u32 own);

/**
 * blipmq_sender_charge() - a bundle that is built has taken memory
 * @s: the sender
 * @bytes: how much
 *
 * Never fails: blipmq_sender_admits() is who refuses.
 *
 * Context: the tx_lock of its socket is held.
 */
static inline void blipmq_sender_charge(struct blipmq_sender *s, u32 bytes)
{
	s->credit -= bytes;
	if (unlikely(s->credit < 0))
		__blipmq_sender_charge(s);
}

/**
 * blipmq_sender_uncharge() - memory of a bundle is free again
 * @s: the sender, which may be gone afterwards
 * @bytes: how much
 *
 * Context: any but hard interrupts.
 */
static inline void blipmq_sender_uncharge(struct blipmq_sender *s, u32 bytes)
{
	if (unlikely(atomic64_sub_and_test(bytes, &s->bytes)))
		__blipmq_sender_free(s);
}

/**
 * blipmq_sender_admits() - may it publish another message?
 * @s: the sender
 * @own: bytes of the bundle that is judged, where it is charged already
 *
 * The limit is passed by a chunk and a bundle at most. Where nothing else is
 * in flight the answer is yes, however large the message is.
 *
 * Context: the tx_lock of its socket is held.
 * Return: false when its bytes in flight are at the limit.
 */
static inline bool __must_check blipmq_sender_admits(struct blipmq_sender *s,
						     u32 own)
{
	return likely(!s->over) || __blipmq_sender_admits(s, own);
}

#endif /* _BLIPMQ_SENDER_H */
