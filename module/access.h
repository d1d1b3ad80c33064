/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may do what: rules for topics and patterns, each with an owner, a group
 * and a mode, as files have them. To write is to publish, to read is to
 * subscribe, to execute is to block publishers, see BLIPMQ_OVERFLOW.
 *
 * Of the rules that match a topic the one that says most of it decides, see
 * blipmq_pattern_cmp(). Where none matches anybody may publish and subscribe,
 * and nobody may block. A topic's own rule may also say how long its messages
 * live and how many a second there may be, or say that alone.
 */
#ifndef _BLIPMQ_ACCESS_H
#define _BLIPMQ_ACCESS_H

#include <linux/atomic.h>
#include <linux/blipmq_netlink.h>
#include <linux/rcupdate.h>
#include <linux/uidgid.h>

#include "netns.h"
#include "types.h"

struct blipmq_subscription_node;
struct group_info;

#define BLIPMQ_MAY_ALL	(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH | \
			 BLIPMQ_MAY_BLOCK)

/* The most messages a second that can be said: a step has 100 nanoseconds. */
#define BLIPMQ_RATE_MAX		10000000U

/**
 * struct blipmq_rule - what holds for some topics; never changed but for @due
 * @rcu: frees it
 * @uid: whose they are
 * @gid: of which group
 * @mode: nine bits, as those of a file
 * @judges: it says who may do what; else the members above say nothing
 * @ttl_ms: how long messages live that do not say it, nor their socket; 0 when
 *	it says nothing
 * @rate: messages a second that may be published, 0 for any number
 * @due: nanoseconds of the monotonic clock at which all messages so far would
 *	have come, had they come evenly
 * @len: bytes of @pattern
 * @pattern: the topic or pattern
 */
struct blipmq_rule {
	struct rcu_head	rcu;
	kuid_t		uid;
	kgid_t		gid;
	u16		mode;
	bool		judges;
	u32		ttl_ms;
	u32		rate;
	atomic64_t	due;
	u8		len;
	u8		pattern[];
};

/* What a struct blipmq_rule_edit says. */
#define BLIPMQ_RULE_UID		BIT(0)
#define BLIPMQ_RULE_GID		BIT(1)
#define BLIPMQ_RULE_MODE	BIT(2)
#define BLIPMQ_RULE_TTL		BIT(3)
#define BLIPMQ_RULE_RATE	BIT(4)
/* The rest does not stay. */
#define BLIPMQ_RULE_WHOLE	BIT(5)
#define BLIPMQ_RULE_JUDGES	(BLIPMQ_RULE_UID | BLIPMQ_RULE_GID | \
				 BLIPMQ_RULE_MODE)

/**
 * struct blipmq_rule_edit - how a rule is to be
 * @pattern: its topic or pattern
 * @len: bytes of that
 * @says: BLIPMQ_RULE_*; the rest stays as it is
 * @uid: whose the topics are, also for a rule that had no owner before
 * @gid: likewise
 * @mode: nine bits
 * @ttl_ms: milliseconds, 0 to say nothing
 * @rate: messages a second, 0 for any number
 */
struct blipmq_rule_edit {
	const u8	*pattern;
	u8		len;
	u32		says;
	kuid_t		uid;
	kgid_t		gid;
	u32		mode;
	u32		ttl_ms;
	u32		rate;
};

/**
 * struct blipmq_terms - what holds for a message that may be published
 * @ttl_ms: how long it lives, where neither it nor its socket says it
 * @metered: blipmq_rate_take() is to be asked
 */
struct blipmq_terms {
	u32	ttl_ms;
	bool	metered;
};

/**
 * struct blipmq_rules - the rules of a namespace, replaced as a whole
 * @rcu: frees it
 * @generation: no other one of this namespace has the same, nor 0
 * @nr: entries in @rule
 * @rule: in the order of blipmq_pattern_cmp()
 */
struct blipmq_rules {
	struct rcu_head		rcu;
	u64			generation;
	u32			nr;
	struct blipmq_rule	*rule[];
};

/**
 * struct blipmq_subject - who is judged
 * @uid: the user
 * @gid: the group
 * @groups: further ones, or NULL
 */
struct blipmq_subject {
	kuid_t			uid;
	kgid_t			gid;
	const struct group_info	*groups;
};

/* access.c */
u32 blipmq_access(const struct blipmq_rules *rules,
		  const struct blipmq_subject *subject, const u8 *name, u8 len,
		  const struct blipmq_rule **by);
u32 blipmq_access_of(const struct blipmq_sock *bs, const u8 *name, u8 len);
bool blipmq_access_blocks(const struct blipmq_sock *bs);
int __must_check __blipmq_access_publish(struct blipmq_sock *bs,
					 const u8 *topic, u8 len,
					 struct blipmq_terms *terms);
int __must_check blipmq_rate_take(struct blipmq_sock *bs, const u8 *topic,
				  u8 len);
void blipmq_rate_give(struct blipmq_sock *bs, const u8 *topic, u8 len);

/* access_rules.c */
void blipmq_rules_init(struct blipmq_net *ns);
void blipmq_rules_destroy(struct blipmq_net *ns);
struct blipmq_rule *blipmq_rules_find(const struct blipmq_rules *rules,
				      const u8 *pattern, u8 len);
int __must_check blipmq_rules_set(struct blipmq_net *ns,
				  const struct blipmq_rule_edit *edit);
int __must_check blipmq_rules_delete(struct blipmq_net *ns, const u8 *pattern,
				     u8 len, bool whole);

#endif /* _BLIPMQ_ACCESS_H */
