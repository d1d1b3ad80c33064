// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl socket: the open sockets.
 */
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "list.h"
#include "socket.h"

static const struct value_spec socket_specs[] = {
	{ "id", BLIPMQ_A_SOCKET_ID, VALUE_COUNT },
	{ "pid", BLIPMQ_A_SOCKET_PID, VALUE_COUNT },
	{ "command", BLIPMQ_A_SOCKET_COMMAND, VALUE_TEXT },
	{ "uid", BLIPMQ_A_SOCKET_UID, VALUE_COUNT },
	{ "identity", BLIPMQ_A_SOCKET_IDENTITY, VALUE_TEXT },
	{ "type", BLIPMQ_A_SOCKET_TYPE, VALUE_TYPE },
	{ "policy", BLIPMQ_A_SOCKET_POLICY, VALUE_POLICY },
	{ "subscriptions", BLIPMQ_A_SOCKET_SUBSCRIPTIONS, VALUE_COUNT },
	{ "limit-messages", BLIPMQ_A_SOCKET_LIMIT_MESSAGES, VALUE_COUNT },
	{ "limit-bytes", BLIPMQ_A_SOCKET_LIMIT_BYTES, VALUE_BYTES },
	{ "lost", BLIPMQ_A_SOCKET_LOST, VALUE_COUNT },
	{ "blocked", BLIPMQ_A_SOCKET_BLOCKED, VALUE_FLAG },
	{ }
};

static const struct list_column socket_columns[] = {
	{ "id", "ID", false },
	{ "pid", "PID", false },
	{ "command", "COMMAND", true },
	{ "uid", "UID", false },
	{ "type", "TYPE", true },
	{ "subscriptions", "SUBS", false },
	{ "published", "PUBLISHED", false },
	{ "delivered", "DELIVERED", false },
	{ "queued-messages", "QUEUED", false },
	{ "queued-bytes", "BYTES", false },
	{ "lost", "LOST", false },
	{ "policy", "POLICY", true },
	{ "identity", "IDENTITY", true },
	{ }
};

/* With --rates, in the place of what has gone through altogether. */
static const struct list_column socket_rate_columns[] = {
	{ "id", "ID", false },
	{ "pid", "PID", false },
	{ "command", "COMMAND", true },
	{ "uid", "UID", false },
	{ "type", "TYPE", true },
	{ "subscriptions", "SUBS", false },
	{ "rates.published", "PUB/s", false },
	{ "rates.published-bytes", "BYTES/s", false },
	{ "rates.delivered", "READ/s", false },
	{ "rates.delivered-bytes", "BYTES/s", false },
	{ "queued-messages", "QUEUED", false },
	{ "queued-bytes", "BYTES", false },
	{ "lost", "LOST", false },
	{ "rates.lost", "LOST/s", false },
	{ "policy", "POLICY", true },
	{ "identity", "IDENTITY", true },
	{ }
};

const struct list ctl_sockets = {
	.command = &ctl_socket,
	.what = "sockets",
	.operation = BLIPMQ_CMD_SOCKET_GET,
	.specs = socket_specs,
	.totals = BLIPMQ_A_SOCKET_TOTALS,
	.uid = BLIPMQ_A_SOCKET_UID,
	.columns = socket_columns,
	.rate_columns = socket_rate_columns,
};

static int run_socket(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "list"))
		return list_run(&ctl_sockets, argc - 1, argv + 1);
	if (argc == 1 || *argv[1] == '-')
		return list_run(&ctl_sockets, argc, argv);
	return ctl_usage(&ctl_socket, "socket has no '%s', but list", argv[1]);
}

const struct ctl_command ctl_socket = {
	.name = "socket",
	.summary = "list the open sockets, their queues, rates and losses",
	.help =
	"Usage: blipmqctl socket [list] [--user USER] [--rates [SECONDS]]\n"
	"                        [--json | --brief]\n"
	"\n"
	"Lists your own sockets in this network namespace; with CAP_NET_ADMIN\n"
	"everybody's.\n"
	"\n"
	"  -u, --user USER  only those of this user, a name or a number\n"
	"  -r, --rates [SECONDS]\n"
	"                   look twice, SECONDS apart, 1 by default, and tell what went\n"
	"                   through each in a second\n"
	"  -j, --json       a JSON array; blipmqctl(8) has a table of its keys\n"
	"  -b, --brief      the same columns, separated by tabs, without a header\n"
	"  -h, --help       this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl socket list --rates 5\n",
	.run = run_socket,
};
