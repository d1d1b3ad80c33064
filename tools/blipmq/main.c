// SPDX-License-Identifier: GPL-2.0
/*
 * blipmq: publish and subscribe from the command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct cli_command *const commands[] = {
	&cli_pub,
	&cli_sub,
	NULL
};

static void print_help(FILE *to)
{
	const struct cli_command *const *c;

	fputs("Usage: blipmq [--server ADDRESS] COMMAND [ARGUMENT...]\n"
	      "\n"
	      "Publishes and subscribes through the BlipMQ broker.\n"
	      "\n"
	      "Commands:\n", to);
	for (c = commands; *c; c++)
		fprintf(to, "  %-6s %s\n", (*c)->name, (*c)->summary);
	fputs("  help   what a command does: blipmq help COMMAND\n"
	      "\n"
	      "Options, before or after the command:\n"
	      "  -s, --server ADDRESS  local:, tcp://HOST:PORT or unix:PATH\n"
	      "                        (default: $BLIPMQ_SERVER, else local:)\n"
	      "  -h, --help            this text, or that of the command\n"
	      "  -V, --version         the version\n", to);
}

static const struct cli_command *find_command(const char *name)
{
	const struct cli_command *const *c;

	for (c = commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	cli_error("there is no command '%s'", name);
	fputs("Try 'blipmq help'.\n", stderr);
	return NULL;
}

static int run_help(const char *name)
{
	const struct cli_command *command;

	if (!name) {
		print_help(stdout);
		return CLI_DONE;
	}
	command = find_command(name);
	return command ? cli_help(command) : CLI_USAGE;
}

static int run_command(int argc, char **argv, const char *server)
{
	const struct cli_command *command;

	if (!strcmp(argv[0], "help"))
		return run_help(argv[1]);
	command = find_command(argv[0]);
	if (!command)
		return CLI_USAGE;
	/* A second scan of arguments, which begins at the command's name. */
	optind = 0;
	return command->run(argc, argv, server);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		CLI_LONG_SERVER,
		CLI_LONG_HELP,
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	const char *server = getenv("BLIPMQ_SERVER");
	int c;

	if (!server || !*server)
		server = "local:";
	while ((c = getopt_long(argc, argv, "+s:hV", options, NULL)) != -1) {
		switch (c) {
		case CLI_OPT_SERVER:
			server = optarg;
			break;
		case CLI_OPT_HELP:
			print_help(stdout);
			return CLI_DONE;
		case 'V':
			printf("blipmq %s\n", blipmq_version());
			return CLI_DONE;
		default:
			fputs("Try 'blipmq help'.\n", stderr);
			return CLI_USAGE;
		}
	}
	if (optind == argc) {
		print_help(stderr);
		return CLI_USAGE;
	}
	return run_command(argc - optind, argv + optind, server);
}
