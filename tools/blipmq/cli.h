/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the subcommands of blipmq share.
 */
#ifndef _BLIPMQ_CLI_H
#define _BLIPMQ_CLI_H

#include <getopt.h>

#include "blipmq.h"

/* Exit status. */
enum cli_status {
	CLI_DONE	= 0,
	CLI_REFUSED	= 1,
	CLI_USAGE	= 2,
	CLI_UNREACHABLE	= 3,
	CLI_TIMED_OUT	= 4,
};

/* Options that every subcommand takes; its own letters are free otherwise. */
#define CLI_OPT_SERVER	's'
#define CLI_OPT_HELP	'h'
#define CLI_LONG_SERVER	{ "server", required_argument, NULL, CLI_OPT_SERVER }
#define CLI_LONG_HELP	{ "help", no_argument, NULL, CLI_OPT_HELP }

/**
 * struct cli_command - a subcommand
 * @name: what is typed
 * @summary: for the list of subcommands
 * @help: usage, options and examples
 * @run: does it; gets the arguments from the name on and the server's address
 *	from before it; returns enum cli_status
 */
struct cli_command {
	const char	*name;
	const char	*summary;
	const char	*help;
	int		(*run)(int argc, char **argv, const char *server);
};

extern const struct cli_command cli_pub;
extern const struct cli_command cli_sub;

void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const struct cli_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int cli_help(const struct cli_command *command);
int cli_connect(const char *server, const struct blipmq_options *options,
		struct blipmq **b);
int cli_unreachable(const char *server, int error);
int cli_failed(struct blipmq *b, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* _BLIPMQ_CLI_H */
