// SPDX-License-Identifier: GPL-2.0
/*
 * Errors and exit status of the subcommands.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli.h"

static void cli_verror(const char *format, va_list args, const char *reason)
{
	fflush(stdout);
	fputs("blipmq: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, reason ? ": %s\n" : "\n", reason);
}

/**
 * cli_error() - print an error
 * @format: what went wrong, as printf
 */
void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cli_verror(format, args, NULL);
	va_end(args);
}

/**
 * cli_usage() - refuse the arguments
 * @command: the subcommand
 * @format: what is wrong with them, as printf
 *
 * Return: CLI_USAGE.
 */
int cli_usage(const struct cli_command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cli_verror(format, args, NULL);
	va_end(args);
	fprintf(stderr, "Try 'blipmq help %s'.\n", command->name);
	return CLI_USAGE;
}

/**
 * cli_help() - print what a subcommand does
 * @command: the subcommand
 *
 * Return: CLI_DONE.
 */
int cli_help(const struct cli_command *command)
{
	fputs(command->help, stdout);
	return CLI_DONE;
}

/**
 * cli_connect() - connect, or say why not
 * @server: the address
 * @options: for blipmq_connect()
 * @b: the connection
 *
 * Return: CLI_DONE with a connection; another status after printing the reason.
 */
int cli_connect(const char *server, const struct blipmq_options *options,
		struct blipmq **b)
{
	int ret = blipmq_connect(server, options, b);

	return ret ? cli_unreachable(server, ret) : CLI_DONE;
}

/**
 * cli_unreachable() - say why blipmq_connect() failed
 * @server: the address
 * @error: what it returned
 *
 * Return: the exit status that fits.
 */
int cli_unreachable(const char *server, int error)
{
	cli_error("cannot connect to %s: %s", server, blipmq_last_error(NULL));
	if (error == -EACCES)
		return CLI_REFUSED;
	return error == -EINVAL ? CLI_USAGE : CLI_UNREACHABLE;
}

/**
 * cli_failed() - say why an operation failed
 * @b: the connection
 * @error: what the library returned
 * @format: what was tried, as printf
 *
 * Return: the exit status that fits.
 */
int cli_failed(struct blipmq *b, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cli_verror(format, args, blipmq_last_error(b));
	va_end(args);
	if (blipmq_last_code(b))
		return CLI_REFUSED;
	switch (error) {
	case -ETIMEDOUT:
		return CLI_TIMED_OUT;
	case -ECONNRESET:
	case -EPROTO:
		return CLI_UNREACHABLE;
	}
	return CLI_REFUSED;
}
