// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The number of the socket family, which the module may have been told to
 * choose (its parameter family).
 */
#include <linux/genetlink.h>

#include <linux/blipmq.h>
#include <linux/blipmq_netlink.h>

#include "family.h"
#include "genl.h"

static int family_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == BLIPMQ_A_BROKER_FAMILY &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		*(int *)data = (int)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int family_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), family_attr,
			      data);
}

/**
 * blipmq_family_number() - ask the module for its socket family
 *
 * Return: the number; AF_BLIPMQ when nobody answers, so that socket() tells
 * what is wrong.
 */
int blipmq_family_number(void)
{
	struct blipmq_genl g;
	int number = AF_BLIPMQ;

	if (blipmq_genl_open(&g))
		return number;
	blipmq_genl_request(&g, BLIPMQ_CMD_BROKER_GET, family_reply, &number);
	blipmq_genl_close(&g);
	return number;
}
