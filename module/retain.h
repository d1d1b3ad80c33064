/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Retained values: the last message of a topic that was published with RETAIN,
 * which those who subscribe later get first.
 *
 * While a namespace holds any, publishers have retain_sem for reading while
 * they fan out; who joins a set has it for writing while it joins and is given
 * the values. So a joiner gets either the value or the message that brings it,
 * and nothing older after it.
 */
#ifndef _BLIPMQ_RETAIN_H
#define _BLIPMQ_RETAIN_H

#include <linux/skbuff.h>

#include "netns.h"
#include "types.h"

/**
 * struct blipmq_retain - a value that is about to become a topic's last
 * @topic: the topic, held; NULL when there is nothing to do
 * @value: the value, as those who join get it; NULL to clear
 * @user: whose share of the namespace's the value takes, held; NULL to clear
 */
struct blipmq_retain {
	struct blipmq_topic	*topic;
	struct sk_buff		*value;
	struct blipmq_user	*user;
};

/**
 * blipmq_retain_lock() - keep publishers out while somebody joins
 * @ns: the namespace
 *
 * One at a time is in their way: they go on before the next one, however many
 * there are.
 *
 * Context: may sleep.
 */
static inline void blipmq_retain_lock(struct blipmq_net *ns)
{
	mutex_lock(&ns->join_lock);
	down_write(&ns->retain_sem);
}

static inline void blipmq_retain_unlock(struct blipmq_net *ns)
{
	up_write(&ns->retain_sem);
	mutex_unlock(&ns->join_lock);
}

int __must_check blipmq_retain_prepare(struct blipmq_net *ns,
				       struct blipmq_retain *r,
				       struct sk_buff *b, u32 offset, u64 id);
void blipmq_retain_cancel(struct blipmq_net *ns, struct blipmq_retain *r);
void blipmq_retain_swap(struct blipmq_net *ns, struct blipmq_retain *r,
			struct sk_buff *b);
void blipmq_retain_expire(struct blipmq_net *ns);
void blipmq_retain_replay_topic(struct blipmq_sock *bs,
				struct blipmq_topic *topic);
void blipmq_retain_replay(struct blipmq_sock *bs,
			  const struct blipmq_names *names);
void blipmq_retain_init(struct blipmq_net *ns);
void blipmq_retain_destroy(struct blipmq_net *ns);

#endif /* _BLIPMQ_RETAIN_H */
