/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	uapi/netlink/specs/blipmq.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: scripts/netlink-gen */

#ifndef _LINUX_BLIPMQ_GEN_H
#define _LINUX_BLIPMQ_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/blipmq_netlink.h>

/* Common nested types */
extern const struct nla_policy blipmq_limits_nl_policy[BLIPMQ_A_LIMITS_USER_PATTERNS + 1];

extern const struct nla_policy blipmq_broker_get_nl_policy[BLIPMQ_A_BROKER_BRIEF + 1];

extern const struct nla_policy blipmq_limit_set_nl_policy[BLIPMQ_A_BROKER_CHECK + 1];

extern const struct nla_policy blipmq_topic_get_nl_policy[BLIPMQ_A_TOPIC_PATTERN + 1];

extern const struct nla_policy blipmq_subscription_get_nl_policy[BLIPMQ_A_SUBSCRIPTION_UID + 1];

extern const struct nla_policy blipmq_socket_get_nl_policy[BLIPMQ_A_SOCKET_UID + 1];

extern const struct nla_policy blipmq_worker_get_nl_policy[BLIPMQ_A_WORKER_NUMBER + 1];

extern const struct nla_policy blipmq_worker_set_nl_policy[BLIPMQ_A_WORKER_CHECK + 1];

extern const struct nla_policy blipmq_lane_get_nl_policy[BLIPMQ_A_LANE_TOPIC + 1];

extern const struct nla_policy blipmq_lane_set_nl_policy[BLIPMQ_A_LANE_CHECK + 1];

extern const struct nla_policy blipmq_rule_get_nl_policy[BLIPMQ_A_RULE_GROUPS + 1];

extern const struct nla_policy blipmq_rule_add_nl_policy[BLIPMQ_A_RULE_MODE + 1];

extern const struct nla_policy blipmq_rule_delete_nl_policy[BLIPMQ_A_RULE_PATTERN + 1];

extern const struct nla_policy blipmq_topic_set_nl_policy[BLIPMQ_A_TOPIC_PUBLISH_RATE + 1];

extern const struct nla_policy blipmq_topic_delete_nl_policy[BLIPMQ_A_TOPIC_NAME + 1];

extern const struct nla_policy blipmq_drain_nl_policy[BLIPMQ_A_BROKER_UNDO + 1];

extern const struct nla_policy blipmq_latency_get_nl_policy[BLIPMQ_A_LATENCY_BRIEF + 1];

extern const struct nla_policy blipmq_latency_set_nl_policy[BLIPMQ_A_LATENCY_ENABLED + 1];

extern const struct nla_policy blipmq_reset_nl_policy[BLIPMQ_A_RESET_LATENCY + 1];

extern const struct nla_policy blipmq_rule_set_nl_policy[BLIPMQ_A_RULE_CHECK + 1];

/* Ops table for blipmq */
extern const struct genl_ops blipmq_nl_ops[19];

int blipmq_nl_broker_get_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_limit_set_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_topic_get_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_topic_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb);
int blipmq_nl_subscription_get_doit(struct sk_buff *skb,
				    struct genl_info *info);
int blipmq_nl_subscription_get_dumpit(struct sk_buff *skb,
				      struct netlink_callback *cb);
int blipmq_nl_socket_get_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_socket_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int blipmq_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_worker_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int blipmq_nl_worker_set_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_lane_get_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_lane_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int blipmq_nl_lane_set_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_rule_get_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_rule_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int blipmq_nl_rule_add_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_rule_delete_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_topic_set_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_topic_delete_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_drain_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_latency_get_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_latency_set_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_reset_doit(struct sk_buff *skb, struct genl_info *info);
int blipmq_nl_rule_set_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	BLIPMQ_NLGRP_EVENTS,
};

#endif /* _LINUX_BLIPMQ_GEN_H */
