/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control plane, a generic netlink family.
 */
#ifndef _BLIPMQ_NETLINK_H
#define _BLIPMQ_NETLINK_H

#include <linux/uidgid.h>

#include "types.h"

struct blipmq_rule_edit;
struct genl_family;
struct genl_info;
struct netlink_ext_ack;
struct nlattr;
struct sk_buff;

extern struct genl_family blipmq_nl_family;

int blipmq_netlink_register(void);
void blipmq_netlink_unregister(void);

int blipmq_nl_put_totals(struct sk_buff *skb, int attr,
			 const struct blipmq_totals *t);

int blipmq_nl_put_name(struct sk_buff *skb, int attr, const u8 *name, u8 len);

/* netlink_subscriptions.c */
struct blipmq_subscription_node;
int blipmq_nl_put_subscription(struct sk_buff *skb,
			       const struct blipmq_subscription_node *sub,
			       int pattern, int group);

/* netlink_limits.c */
int blipmq_nl_put_limit(struct sk_buff *skb, int nest, int attr,
			const struct blipmq_limits *l);

/* netlink_access.c */
int __must_check blipmq_nl_take_ids(const struct sk_buff *skb,
				    struct netlink_ext_ack *extack,
				    const struct nlattr *u,
				    const struct nlattr *g, kuid_t *uid,
				    kgid_t *gid);
int __must_check blipmq_nl_take_mode(struct netlink_ext_ack *extack,
				     const struct nlattr *attr, u32 *mode);
int blipmq_nl_set_rule(struct genl_info *info,
		       const struct blipmq_rule_edit *edit);

/* netlink_settings.c */
int __must_check blipmq_nl_take_rate(struct netlink_ext_ack *extack,
				     const struct nlattr *attr, u32 *rate);

#endif /* _BLIPMQ_NETLINK_H */
