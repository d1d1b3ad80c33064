// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl export: the configuration as a file that apply reads.
 */
#include <stdlib.h>

#include "config.h"
#include "ctl.h"

static int run_export(int argc, char **argv)
{
	static struct config c;
	struct blipmq_genl g;
	bool json = false;
	int ret;

	if (ctl_options(argc, argv, &ctl_export, &json, &ret))
		return ret;
	if (json)
		return ctl_usage(&ctl_export,
				 "export prints TOML; limit, worker, lane and access have --json");
	if (optind < argc)
		return ctl_usage(&ctl_export, "export takes no '%s'",
				 argv[optind]);
	ret = ctl_open(&g);
	if (ret)
		return ret;
	ret = config_get(&c, &g);
	blipmq_genl_close(&g);
	if (ret)
		return ctl_failed(ret, "cannot get the configuration");
	fputs("# What blipmqctl export found, for blipmqctl apply; see blipmq.toml(5).\n\n",
	      stdout);
	config_write(&c, stdout);
	config_free(&c);
	return CTL_DONE;
}

const struct ctl_command ctl_export = {
	.name = "export",
	.summary = "print the configuration as a file",
	.help =
	"Usage: blipmqctl export\n"
	"\n"
	"Prints limits, workers, lanes and rules as TOML that 'blipmqctl apply' reads.\n"
	"Needs no privilege. Applying it where nothing has changed since changes nothing.\n"
	"\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl export > blipmq.toml\n",
	.run = run_export,
};
