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
const struct nla_policy blipmq_limits_nl_policy[BLIPMQ_A_LIMITS_USER_TOPICS + 1] = {
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
};

/* BLIPMQ_CMD_BROKER_GET - do */
const struct nla_policy blipmq_broker_get_nl_policy[BLIPMQ_A_BROKER_BRIEF + 1] = {
	[BLIPMQ_A_BROKER_BRIEF] = { .type = NLA_FLAG, },
};

/* BLIPMQ_CMD_LIMIT_SET - do */
const struct nla_policy blipmq_limit_set_nl_policy[BLIPMQ_A_BROKER_LIMITS + 1] = {
	[BLIPMQ_A_BROKER_LIMITS] = NLA_POLICY_NESTED(blipmq_limits_nl_policy),
};

/* Ops table for blipmq */
const struct genl_ops blipmq_nl_ops[2] = {
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
		.maxattr	= BLIPMQ_A_BROKER_LIMITS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};

static const struct genl_multicast_group blipmq_nl_mcgrps[] = {
	[BLIPMQ_NLGRP_EVENTS] = { "events", },
};
