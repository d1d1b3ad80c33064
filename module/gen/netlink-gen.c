// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	uapi/netlink/specs/blipmq.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: scripts/netlink-gen */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/blipmq_netlink.h>

/* Common nested types */
const struct nla_policy blipmq_limits_nl_policy[BLIPMQ_A_LIMITS_USER_PATTERNS + 1] = {
	[BLIPMQ_A_LIMITS_PAYLOAD_BYTES] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_QUEUE_MESSAGES] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_QUEUE_BYTES] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_QUEUE_MESSAGES_MAX] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_QUEUE_BYTES_MAX] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_ANSWER_BYTES] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_SOCKETS] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_TOPICS] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_SUBSCRIPTIONS] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_MEMORY_BYTES] = { .type = NLA_U64, },
	[BLIPMQ_A_LIMITS_SHARE_BYTES] = { .type = NLA_U64, },
	[BLIPMQ_A_LIMITS_FLIGHT_BYTES] = { .type = NLA_U64, },
	[BLIPMQ_A_LIMITS_USER_TOPICS] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_RETAINED_MESSAGES] = { .type = NLA_U32, },
	[BLIPMQ_A_LIMITS_RETAINED_BYTES] = { .type = NLA_U64, },
	[BLIPMQ_A_LIMITS_USER_PATTERNS] = { .type = NLA_U32, },
};

/* BLIPMQ_CMD_BROKER_GET - do */
const struct nla_policy blipmq_broker_get_nl_policy[BLIPMQ_A_BROKER_BRIEF + 1] = {
	[BLIPMQ_A_BROKER_BRIEF] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_LIMIT_SET - do */
const struct nla_policy blipmq_limit_set_nl_policy[BLIPMQ_A_BROKER_CHECK + 1] = {
	[BLIPMQ_A_BROKER_LIMITS] = NLA_POLICY_NESTED(blipmq_limits_nl_policy),
	[BLIPMQ_A_BROKER_CHECK] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_TOPIC_GET - do */
const struct nla_policy blipmq_topic_get_nl_policy[BLIPMQ_A_TOPIC_PATTERN + 1] = {
	[BLIPMQ_A_TOPIC_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
	[BLIPMQ_A_TOPIC_UID] = { .type = NLA_U32, },
	[BLIPMQ_A_TOPIC_PATTERN] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* BLIPMQ_CMD_SUBSCRIPTION_GET - do */
const struct nla_policy blipmq_subscription_get_nl_policy[BLIPMQ_A_SUBSCRIPTION_UID + 1] = {
	[BLIPMQ_A_SUBSCRIPTION_ID] = { .type = NLA_U32, },
	[BLIPMQ_A_SUBSCRIPTION_PATTERN] = { .type = NLA_NUL_STRING, .len = 255, },
	[BLIPMQ_A_SUBSCRIPTION_UID] = { .type = NLA_U32, },
};

/* BLIPMQ_CMD_SOCKET_GET - do */
const struct nla_policy blipmq_socket_get_nl_policy[BLIPMQ_A_SOCKET_UID + 1] = {
	[BLIPMQ_A_SOCKET_ID] = { .type = NLA_U64, },
	[BLIPMQ_A_SOCKET_UID] = { .type = NLA_U32, },
};

/* BLIPMQ_CMD_WORKER_GET - do */
const struct nla_policy blipmq_worker_get_nl_policy[BLIPMQ_A_WORKER_NUMBER + 1] = {
	[BLIPMQ_A_WORKER_NUMBER] = { .type = NLA_U32, },
};

/* BLIPMQ_CMD_WORKER_SET - do */
const struct nla_policy blipmq_worker_set_nl_policy[BLIPMQ_A_WORKER_CHECK + 1] = {
	[BLIPMQ_A_WORKER_NUMBER] = { .type = NLA_U32, },
	[BLIPMQ_A_WORKER_COUNT] = { .type = NLA_U32, },
	[BLIPMQ_A_WORKER_DELEGATE] = { .type = NLA_U32, },
	[BLIPMQ_A_WORKER_CPU] = { .type = NLA_U32, },
	[BLIPMQ_A_WORKER_CLASS] = NLA_POLICY_MAX(NLA_U32, 1),
	[BLIPMQ_A_WORKER_PRIORITY] = { .type = NLA_U32, },
	[BLIPMQ_A_WORKER_NICE] = { .type = NLA_S32, },
	[BLIPMQ_A_WORKER_BUSY_POLL_US] = { .type = NLA_U32, },
	[BLIPMQ_A_WORKER_AUTOMATIC] = { .type = NLA_FLAG, },
	[BLIPMQ_A_WORKER_CHECK] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_LANE_GET - do */
const struct nla_policy blipmq_lane_get_nl_policy[BLIPMQ_A_LANE_TOPIC + 1] = {
	[BLIPMQ_A_LANE_TOPIC] = NLA_POLICY_MAX_LEN(255),
};

/* BLIPMQ_CMD_LANE_SET - do */
const struct nla_policy blipmq_lane_set_nl_policy[BLIPMQ_A_LANE_CHECK + 1] = {
	[BLIPMQ_A_LANE_PATTERN] = NLA_POLICY_MAX_LEN(255),
	[BLIPMQ_A_LANE_MODE] = NLA_POLICY_MAX(NLA_U32, 2),
	[BLIPMQ_A_LANE_WORKER] = { .type = NLA_U32, },
	[BLIPMQ_A_LANE_CHECK] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_RULE_GET - do */
const struct nla_policy blipmq_rule_get_nl_policy[BLIPMQ_A_RULE_GROUPS + 1] = {
	[BLIPMQ_A_RULE_PATTERN] = NLA_POLICY_MAX_LEN(255),
	[BLIPMQ_A_RULE_UID] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_GID] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_GROUPS] = NLA_POLICY_MAX_LEN(1024),
};

/* BLIPMQ_CMD_RULE_ADD - do */
const struct nla_policy blipmq_rule_add_nl_policy[BLIPMQ_A_RULE_MODE + 1] = {
	[BLIPMQ_A_RULE_PATTERN] = NLA_POLICY_MAX_LEN(255),
	[BLIPMQ_A_RULE_UID] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_GID] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_MODE] = { .type = NLA_U32, },
};

/* BLIPMQ_CMD_RULE_DELETE - do */
const struct nla_policy blipmq_rule_delete_nl_policy[BLIPMQ_A_RULE_PATTERN + 1] = {
	[BLIPMQ_A_RULE_PATTERN] = NLA_POLICY_MAX_LEN(255),
};

/* BLIPMQ_CMD_TOPIC_SET - do */
const struct nla_policy blipmq_topic_set_nl_policy[BLIPMQ_A_TOPIC_PUBLISH_RATE + 1] = {
	[BLIPMQ_A_TOPIC_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
	[BLIPMQ_A_TOPIC_UID] = { .type = NLA_U32, },
	[BLIPMQ_A_TOPIC_GID] = { .type = NLA_U32, },
	[BLIPMQ_A_TOPIC_MODE] = { .type = NLA_U32, },
	[BLIPMQ_A_TOPIC_TTL_MS] = { .type = NLA_U32, },
	[BLIPMQ_A_TOPIC_PUBLISH_RATE] = { .type = NLA_U32, },
};

/* BLIPMQ_CMD_TOPIC_DELETE - do */
const struct nla_policy blipmq_topic_delete_nl_policy[BLIPMQ_A_TOPIC_NAME + 1] = {
	[BLIPMQ_A_TOPIC_NAME] = { .type = NLA_NUL_STRING, .len = 255, },
};

/* BLIPMQ_CMD_DRAIN - do */
const struct nla_policy blipmq_drain_nl_policy[BLIPMQ_A_BROKER_UNDO + 1] = {
	[BLIPMQ_A_BROKER_UNDO] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_LATENCY_GET - do */
const struct nla_policy blipmq_latency_get_nl_policy[BLIPMQ_A_LATENCY_BRIEF + 1] = {
	[BLIPMQ_A_LATENCY_BRIEF] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_LATENCY_SET - do */
const struct nla_policy blipmq_latency_set_nl_policy[BLIPMQ_A_LATENCY_ENABLED + 1] = {
	[BLIPMQ_A_LATENCY_ENABLED] = { .type = NLA_U32, },
};

/* BLIPMQ_CMD_RESET - do */
const struct nla_policy blipmq_reset_nl_policy[BLIPMQ_A_RESET_LATENCY + 1] = {
	[BLIPMQ_A_RESET_TOTALS] = { .type = NLA_FLAG, },
	[BLIPMQ_A_RESET_LATENCY] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_RULE_SET - do */
const struct nla_policy blipmq_rule_set_nl_policy[BLIPMQ_A_RULE_CHECK + 1] = {
	[BLIPMQ_A_RULE_PATTERN] = NLA_POLICY_MAX_LEN(255),
	[BLIPMQ_A_RULE_UID] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_GID] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_MODE] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_TTL_MS] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_PUBLISH_RATE] = { .type = NLA_U32, },
	[BLIPMQ_A_RULE_CHECK] = { .type = NLA_FLAG, },
};

/* Ops table for blipmq */
const struct genl_ops blipmq_nl_ops[19] = {
	{
		.cmd		= BLIPMQ_CMD_BROKER_GET,
		.doit		= blipmq_nl_broker_get_doit,
		.policy		= blipmq_broker_get_nl_policy,
		.maxattr	= BLIPMQ_A_BROKER_BRIEF,
	},
	{
		.cmd		= BLIPMQ_CMD_LIMIT_SET,
		.doit		= blipmq_nl_limit_set_doit,
		.policy		= blipmq_limit_set_nl_policy,
		.maxattr	= BLIPMQ_A_BROKER_CHECK,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_TOPIC_GET,
		.doit		= blipmq_nl_topic_get_doit,
		.dumpit		= blipmq_nl_topic_get_dumpit,
		.policy		= blipmq_topic_get_nl_policy,
		.maxattr	= BLIPMQ_A_TOPIC_PATTERN,
	},
	{
		.cmd		= BLIPMQ_CMD_SUBSCRIPTION_GET,
		.doit		= blipmq_nl_subscription_get_doit,
		.dumpit		= blipmq_nl_subscription_get_dumpit,
		.policy		= blipmq_subscription_get_nl_policy,
		.maxattr	= BLIPMQ_A_SUBSCRIPTION_UID,
	},
	{
		.cmd		= BLIPMQ_CMD_SOCKET_GET,
		.doit		= blipmq_nl_socket_get_doit,
		.dumpit		= blipmq_nl_socket_get_dumpit,
		.policy		= blipmq_socket_get_nl_policy,
		.maxattr	= BLIPMQ_A_SOCKET_UID,
	},
	{
		.cmd		= BLIPMQ_CMD_WORKER_GET,
		.doit		= blipmq_nl_worker_get_doit,
		.dumpit		= blipmq_nl_worker_get_dumpit,
		.policy		= blipmq_worker_get_nl_policy,
		.maxattr	= BLIPMQ_A_WORKER_NUMBER,
	},
	{
		.cmd		= BLIPMQ_CMD_WORKER_SET,
		.doit		= blipmq_nl_worker_set_doit,
		.policy		= blipmq_worker_set_nl_policy,
		.maxattr	= BLIPMQ_A_WORKER_CHECK,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_LANE_GET,
		.doit		= blipmq_nl_lane_get_doit,
		.dumpit		= blipmq_nl_lane_get_dumpit,
		.policy		= blipmq_lane_get_nl_policy,
		.maxattr	= BLIPMQ_A_LANE_TOPIC,
	},
	{
		.cmd		= BLIPMQ_CMD_LANE_SET,
		.doit		= blipmq_nl_lane_set_doit,
		.policy		= blipmq_lane_set_nl_policy,
		.maxattr	= BLIPMQ_A_LANE_CHECK,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_RULE_GET,
		.doit		= blipmq_nl_rule_get_doit,
		.dumpit		= blipmq_nl_rule_get_dumpit,
		.policy		= blipmq_rule_get_nl_policy,
		.maxattr	= BLIPMQ_A_RULE_GROUPS,
	},
	{
		.cmd		= BLIPMQ_CMD_RULE_ADD,
		.doit		= blipmq_nl_rule_add_doit,
		.policy		= blipmq_rule_add_nl_policy,
		.maxattr	= BLIPMQ_A_RULE_MODE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_RULE_DELETE,
		.doit		= blipmq_nl_rule_delete_doit,
		.policy		= blipmq_rule_delete_nl_policy,
		.maxattr	= BLIPMQ_A_RULE_PATTERN,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_TOPIC_SET,
		.doit		= blipmq_nl_topic_set_doit,
		.policy		= blipmq_topic_set_nl_policy,
		.maxattr	= BLIPMQ_A_TOPIC_PUBLISH_RATE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_TOPIC_DELETE,
		.doit		= blipmq_nl_topic_delete_doit,
		.policy		= blipmq_topic_delete_nl_policy,
		.maxattr	= BLIPMQ_A_TOPIC_NAME,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_DRAIN,
		.doit		= blipmq_nl_drain_doit,
		.policy		= blipmq_drain_nl_policy,
		.maxattr	= BLIPMQ_A_BROKER_UNDO,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_LATENCY_GET,
		.doit		= blipmq_nl_latency_get_doit,
		.policy		= blipmq_latency_get_nl_policy,
		.maxattr	= BLIPMQ_A_LATENCY_BRIEF,
	},
	{
		.cmd		= BLIPMQ_CMD_LATENCY_SET,
		.doit		= blipmq_nl_latency_set_doit,
		.policy		= blipmq_latency_set_nl_policy,
		.maxattr	= BLIPMQ_A_LATENCY_ENABLED,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_RESET,
		.doit		= blipmq_nl_reset_doit,
		.policy		= blipmq_reset_nl_policy,
		.maxattr	= BLIPMQ_A_RESET_LATENCY,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= BLIPMQ_CMD_RULE_SET,
		.doit		= blipmq_nl_rule_set_doit,
		.policy		= blipmq_rule_set_nl_policy,
		.maxattr	= BLIPMQ_A_RULE_CHECK,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};

static const struct genl_multicast_group blipmq_nl_mcgrps[] = {
	[BLIPMQ_NLGRP_EVENTS] = { "events", },
};
