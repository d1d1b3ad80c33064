// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl subscription: who subscribes to what.
 */
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "list.h"

static const struct value_spec subscription_specs[] = {
	{ "id", BLIPMQ_A_SUBSCRIPTION_ID, VALUE_COUNT },
	{ "pattern", BLIPMQ_A_SUBSCRIPTION_PATTERN, VALUE_TEXT },
	{ "group", BLIPMQ_A_SUBSCRIPTION_GROUP, VALUE_TEXT },
	{ "socket", BLIPMQ_A_SUBSCRIPTION_SOCKET, VALUE_COUNT },
	{ "pid", BLIPMQ_A_SUBSCRIPTION_PID, VALUE_COUNT },
	{ "command", BLIPMQ_A_SUBSCRIPTION_COMMAND, VALUE_TEXT },
	{ "uid", BLIPMQ_A_SUBSCRIPTION_UID, VALUE_COUNT },
	{ }
};

static const struct list_column subscription_columns[] = {
	{ "id", "ID", false },
	{ "pattern", "PATTERN", true },
	{ "group", "GROUP", true },
	{ "socket", "SOCKET", false },
	{ "pid", "PID", false },
	{ "command", "COMMAND", true },
	{ "uid", "UID", false },
	{ }
};

static const struct list subscriptions = {
	.command = &ctl_subscription,
	.what = "subscriptions",
	.operation = BLIPMQ_CMD_SUBSCRIPTION_GET,
	.specs = subscription_specs,
	.uid = BLIPMQ_A_SUBSCRIPTION_UID,
	.pattern = BLIPMQ_A_SUBSCRIPTION_PATTERN,
	.columns = subscription_columns,
};

static int run_subscription(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "list"))
		return list_run(&subscriptions, argc - 1, argv + 1);
	if (argc == 1 || *argv[1] == '-')
		return list_run(&subscriptions, argc, argv);
	return ctl_usage(&ctl_subscription,
			 "subscription has no '%s', but list", argv[1]);
}

const struct ctl_command ctl_subscription = {
	.name = "subscription",
	.summary = "list who subscribes to what",
	.help =
	"Usage: blipmqctl subscription [list] [PATTERN] [--user USER]\n"
	"                              [--json | --brief]\n"
	"\n"
	"Lists your own subscriptions in this network namespace; with CAP_NET_ADMIN\n"
	"everybody's.\n"
	"\n"
	"  PATTERN          only subscriptions to what it matches, where tokens * and >\n"
	"                   of a subscription are words like others\n"
	"  -u, --user USER  only those of this user, a name or a number\n"
	"  -j, --json       a JSON array; blipmqctl(8) has a table of its keys\n"
	"  -b, --brief      the same columns, separated by tabs, without a header\n"
	"  -h, --help       this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl subscription list 'orders.>'\n",
	.run = run_subscription,
};
