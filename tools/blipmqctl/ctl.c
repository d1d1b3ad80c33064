// SPDX-License-Identifier: GPL-2.0
/*
 * Errors, exit status and the netlink socket of the subcommands.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static void ctl_verror(const char *format, va_list args)
{
	fflush(stdout);
	fputs("blipmqctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

/**
 * ctl_error() - print an error
 * @format: what went wrong, as printf
 */
void ctl_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ctl_verror(format, args);
	va_end(args);
}

/**
 * ctl_usage() - refuse the arguments
 * @command: the subcommand
 * @format: what is wrong with them, as printf
 *
 * Return: CTL_USAGE.
 */
int ctl_usage(const struct ctl_command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ctl_verror(format, args);
	va_end(args);
	fprintf(stderr, "Try 'blipmqctl help %s'.\n", command->name);
	return CTL_USAGE;
}

/**
 * ctl_options() - read the options that every subcommand has
 * @argc: as main() has it; optind is then behind them
 * @argv: likewise
 * @command: the subcommand
 * @json: set to true by --json
 * @status: set when nothing is left to do
 *
 * Return: true when @status is all that is left.
 */
bool ctl_options(int argc, char **argv, const struct ctl_command *command,
		 bool *json, int *status)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			*json = true;
			break;
		case 'h':
			fputs(command->help, stdout);
			*status = CTL_DONE;
			return true;
		default:
			*status = ctl_usage(command, "unknown option");
			return true;
		}
	}
	return false;
}

/**
 * ctl_colour() - may output have colours?
 * @to: where it goes
 *
 * Return: true on terminals that have some, unless NO_COLOR is set.
 */
bool ctl_colour(FILE *to)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(fileno(to)) && term && strcmp(term, "dumb") &&
	       (!no || !*no);
}

/**
 * ctl_open() - open the control plane, or say why not
 * @g: the netlink socket
 *
 * Return: CTL_DONE, or another status after printing the reason.
 */
int ctl_open(struct blipmq_genl *g)
{
	int ret = blipmq_genl_open(g);

	if (!ret)
		return CTL_DONE;
	if (ret == -ENOENT) {
		ctl_error("the kernel module blipmq is not loaded; modprobe or insmod it");
		return CTL_NO_MODULE;
	}
	return ctl_failed(ret, "cannot open netlink");
}

/**
 * ctl_failed() - say that the kernel refused
 * @error: negative errno
 * @what: what was tried
 *
 * Return: CTL_FAILED.
 */
int ctl_failed(int error, const char *what)
{
	ctl_error("%s: %s", what, strerror(-error));
	return CTL_FAILED;
}

/**
 * ctl_refused() - say that the kernel refused, and why if it said so
 * @g: the netlink socket of the request
 * @error: negative errno
 * @what: what was tried
 *
 * Return: CTL_FAILED.
 */
int ctl_refused(const struct blipmq_genl *g, int error, const char *what)
{
	if (error == -EPERM && !g->message[0])
		ctl_error("%s: this needs CAP_NET_ADMIN in the network namespace; run it as root",
			  what);
	else if (g->message[0])
		ctl_error("%s: %s", what, g->message);
	else
		return ctl_failed(error, what);
	return CTL_FAILED;
}
