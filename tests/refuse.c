// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded before a program: of the requests that set something without a check,
 * the kernel gets all but the one whose number REFUSE says. That one becomes a
 * failure as if there were no memory.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdlib.h>

#include <linux/blipmq_netlink.h>

static uint16_t check_of(uint8_t command)
{
	switch (command) {
	case BLIPMQ_CMD_LIMIT_SET:
		return BLIPMQ_A_BROKER_CHECK;
	case BLIPMQ_CMD_WORKER_SET:
		return BLIPMQ_A_WORKER_CHECK;
	case BLIPMQ_CMD_LANE_SET:
		return BLIPMQ_A_LANE_CHECK;
	case BLIPMQ_CMD_RULE_SET:
		return BLIPMQ_A_RULE_CHECK;
	}
	return 0;
}

static bool changes_something(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	uint16_t check;

	if (nlh->nlmsg_type < NLMSG_MIN_TYPE || nlh->nlmsg_type == GENL_ID_CTRL)
		return false;
	check = check_of(genl->cmd);
	if (!check)
		return false;
	mnl_attr_for_each(attr, nlh, sizeof(*genl))
		if (mnl_attr_get_type(attr) == check)
			return false;
	return true;
}

__attribute__((visibility("default")))
ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *bytes,
			  size_t len)
{
	static ssize_t (*next)(const struct mnl_socket *nl, const void *bytes,
			       size_t len);
	const char *which = getenv("REFUSE");
	static int nr;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "mnl_socket_sendto");
	if (which && changes_something(bytes) && ++nr == atoi(which)) {
		errno = ENOMEM;
		return -1;
	}
	return next(nl, bytes, len);
}
