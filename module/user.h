/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the sockets of one user hold together, and what they may.
 */
#ifndef _BLIPMQ_USER_H
#define _BLIPMQ_USER_H

#include <linux/percpu_counter.h>
#include <linux/uidgid.h>

#include "types.h"

/* How far each CPU's part of the counts below may be off, in bytes. */
#define BLIPMQ_SHARE_BATCH	SZ_64K

/**
 * struct blipmq_user - a user of a namespace
 * @ns: the namespace
 * @uid: who
 * @refs: sockets, topics, patterns and retained values, under the lock of the namespace's users
 * @topics: topics in use that its sockets brought into being, under
 *	topics_lock
 * @patterns: what the leaves of the trie count for that its sockets brought into being,
 *	under the trie's lock
 * @nr_retained: retained values that it published, under retain_lock as is
 * @retained_bytes: their memory
 * @held: bytes that its receivers hold, or have reserved to do so
 */
struct blipmq_user {
	struct blipmq_net	*ns;
	kuid_t			uid;
	u32			refs;
	u32			topics;
	u32			patterns;
	u32			nr_retained;
	u64			retained_bytes;
	struct percpu_counter	held;
};

/**
 * blipmq_share_allows() - the rule of user shares
 * @budget: bytes that all users' receivers may hold together
 * @own: bytes that the user's hold
 * @others: bytes that other users' hold
 * @more: bytes to add
 *
 * A user gets at most half of what the others have left, so that there is
 * always something for the next one. The rule is that of bus1's accounting.
 *
 * Return: true when the user may hold @more.
 */
static inline bool blipmq_share_allows(s64 budget, s64 own, s64 others,
				       s64 more)
{
	return own + more <= (budget - others) / 2;
}

struct blipmq_user * __must_check blipmq_user_get(struct blipmq_net *ns,
						  kuid_t uid);
struct blipmq_user *blipmq_user_hold(struct blipmq_user *u);
void blipmq_user_put(struct blipmq_user *u);
void blipmq_user_charge(struct blipmq_user *u, s64 bytes);
bool __must_check blipmq_user_reserve(struct blipmq_user *u, s64 bytes);
void blipmq_users_init(struct blipmq_net *ns);
void blipmq_users_destroy(struct blipmq_net *ns);

#endif /* _BLIPMQ_USER_H */
