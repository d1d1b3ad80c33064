// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	uapi/netlink/specs/blipmq.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: scripts/netlink-gen */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/blipmq_netlink.h>

/* BLIPMQ_CMD_BROKER_GET - do */
const struct nla_policy blipmq_broker_get_nl_policy[BLIPMQ_A_BROKER_BRIEF + 1] = {
	[BLIPMQ_A_BROKER_BRIEF] = { .type = NLA_FLAG, },
};

/* Ops table for blipmq */
const struct genl_ops blipmq_nl_ops[1] = {
	{
		.cmd		= BLIPMQ_CMD_BROKER_GET,
		.doit		= blipmq_nl_broker_get_doit,
		.policy		= blipmq_broker_get_nl_policy,
		.maxattr	= BLIPMQ_A_BROKER_BRIEF,
	},
};

static const struct genl_multicast_group blipmq_nl_mcgrps[] = {
	[BLIPMQ_NLGRP_EVENTS] = { "events", },
};
