// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl reset: count from here.
 */
#include <stdio.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "ctl.h"

static int run_reset(int argc, char **argv)
{
	static const struct option options[] = {
		{ "totals", no_argument, NULL, 't' },
		{ "latency", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	__u8 buffer[256] __attribute__((aligned(8)));
	bool totals = false, latency = false;
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	int c, ret;

	while ((c = getopt_long(argc, argv, "tlh", options, NULL)) != -1) {
		switch (c) {
		case 't':
			totals = true;
			break;
		case 'l':
			latency = true;
			break;
		case 'h':
			fputs(ctl_reset.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_reset, "unknown option");
		}
	}
	if (optind < argc)
		return ctl_usage(&ctl_reset, "reset takes no '%s'",
				 argv[optind]);
	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_RESET);
	if (totals)
		mnl_attr_put(nlh, BLIPMQ_A_RESET_TOTALS, 0, NULL);
	if (latency)
		mnl_attr_put(nlh, BLIPMQ_A_RESET_LATENCY, 0, NULL);
	ret = blipmq_genl_run(&g, nlh, NULL, NULL);
	blipmq_genl_close(&g);
	return ret ? ctl_refused(&g, ret, "cannot reset") : CTL_DONE;
}

const struct ctl_command ctl_reset = {
	.name = "reset",
	.summary = "count totals and latencies from zero",
	.help =
	"Usage: blipmqctl reset [--totals] [--latency]\n"
	"\n"
	"Lets this network namespace's totals, and the histograms of how long messages\n"
	"took, begin at zero; nothing else is changed. Without an option both do. What\n"
	"is queued counts as matched. Sockets keep their own counters. Needs\n"
	"CAP_NET_ADMIN in the namespace.\n"
	"\n"
	"  -t, --totals   only the totals\n"
	"  -l, --latency  only the histograms\n"
	"  -h, --help     this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n",
	.run = run_reset,
};
