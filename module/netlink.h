/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control plane, a generic netlink family.
 */
#ifndef _BLIPMQ_NETLINK_H
#define _BLIPMQ_NETLINK_H

#include "types.h"

struct genl_family;

extern struct genl_family blipmq_nl_family;

int blipmq_netlink_register(void);
void blipmq_netlink_unregister(void);

int blipmq_nl_put_totals(struct sk_buff *skb, int attr,
			 const struct blipmq_totals *t);

/* netlink_limits.c */
int blipmq_nl_put_limits(struct sk_buff *skb, const struct blipmq_limits *l);

#endif /* _BLIPMQ_NETLINK_H */
