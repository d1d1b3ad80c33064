// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl: see and change the broker in the kernel.
 */
#include <stdio.h>
#include <string.h>

#include "blipmq.h"
#include "ctl.h"

/* The first one runs when none is named. */
static const struct ctl_command *const commands[] = {
	&ctl_overview,
	&ctl_status,
	&ctl_stats,
	&ctl_topic,
	&ctl_subscription,
	&ctl_socket,
	&ctl_limit,
	&ctl_worker,
	&ctl_lane,
	&ctl_access,
	&ctl_drain,
	&ctl_export,
	&ctl_apply,
	&ctl_tune,
	&ctl_monitor,
	&ctl_reset,
	&ctl_top,
	&ctl_trace,
	NULL
};

static void print_help(FILE *to)
{
	const struct ctl_command *const *c;

	fputs("Usage: blipmqctl [COMMAND [ARGUMENT...]]\n"
	      "\n"
	      "Shows and changes the BlipMQ broker of this network namespace.\n"
	      "\n"
	      "Commands:\n", to);
	for (c = commands; *c; c++)
		fprintf(to, "  %-12s %s%s\n", (*c)->name, (*c)->summary,
			c == commands ? " (default)" : "");
	fputs("  help         what a command does: blipmqctl help COMMAND\n"
	      "\n"
	      "Options:\n"
	      "  -h, --help     this text, or that of the command\n"
	      "  -V, --version  the version\n", to);
}

static const struct ctl_command *find_command(const char *name)
{
	const struct ctl_command *const *c;

	for (c = commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	ctl_error("there is no command '%s'", name);
	fputs("Try 'blipmqctl help'.\n", stderr);
	return NULL;
}

static int run_help(const char *name)
{
	const struct ctl_command *command;

	if (!name) {
		print_help(stdout);
		return CTL_DONE;
	}
	command = find_command(name);
	if (!command)
		return CTL_USAGE;
	fputs(command->help, stdout);
	return CTL_DONE;
}

static int run(int argc, char **argv)
{
	const struct ctl_command *command;

	/* Options first are the default command's, but for these. */
	if (argc < 2 || *argv[1] == '-') {
		if (argc > 1 && (!strcmp(argv[1], "--help") ||
				 !strcmp(argv[1], "-h")))
			return run_help(NULL);
		if (argc > 1 && (!strcmp(argv[1], "--version") ||
				 !strcmp(argv[1], "-V"))) {
			printf("blipmqctl %s\n", blipmq_version());
			return CTL_DONE;
		}
		return commands[0]->run(argc, argv);
	}
	if (!strcmp(argv[1], "help"))
		return run_help(argv[2]);
	command = find_command(argv[1]);
	return command ? command->run(argc - 1, argv + 1) : CTL_USAGE;
}

int main(int argc, char **argv)
{
	int ret = run(argc, argv);

	if (!ret && (fflush(stdout) || ferror(stdout))) {
		ctl_error("cannot write standard output");
		ret = CTL_FAILED;
	}
	return ret;
}
