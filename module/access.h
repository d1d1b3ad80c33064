/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may do what: rules for topics and patterns, each with an owner, a group
 * and a mode, as files have them. To write is to publish, to read is to
 * subscribe, to execute is to block publishers, see BLIPMQ_OVERFLOW.
 *
 * Of the rules that match a topic the one that says most of it decides, see
 * blipmq_pattern_cmp(). Where none matches anybody may publish and subscribe,
 * and nobody may block.
 */
#ifndef _BLIPMQ_ACCESS_H
#define _BLIPMQ_ACCESS_H

#include <linux/blipmq_netlink.h>
#include <linux/rcupdate.h>
#include <linux/uidgid.h>

#include "netns.h"
#include "types.h"

struct blipmq_subscription_node;
struct group_info;

#define BLIPMQ_MAY_ALL	(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH | \
			 BLIPMQ_MAY_BLOCK)

/* Rules of a namespace. */
#define BLIPMQ_RULES_MAX	4096U

/**
 * struct blipmq_rule - who may do what with some topics; never changed
 * @rcu: frees it
 * @uid: whose they are
 * @gid: of which group
 * @mode: nine bits, as those of a file
 * @len: bytes of @pattern
 * @pattern: the topic or pattern
 */
struct blipmq_rule {
	struct rcu_head	rcu;
	kuid_t		uid;
	kgid_t		gid;
	u16		mode;
	u8		len;
	u8		pattern[];
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
					 const u8 *topic, u8 len);

/* access_rules.c */
void blipmq_rules_init(struct blipmq_net *ns);
void blipmq_rules_destroy(struct blipmq_net *ns);
int __must_check blipmq_rules_set(struct blipmq_net *ns,
				  struct blipmq_rule *rule);
int __must_check blipmq_rules_delete(struct blipmq_net *ns, const u8 *pattern,
				     u8 len);

#endif /* _BLIPMQ_ACCESS_H */
