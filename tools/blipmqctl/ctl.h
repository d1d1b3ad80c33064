/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the subcommands of blipmqctl share. A new subcommand is a file with a
 * struct ctl_command, and its line in main.c.
 */
#ifndef _BLIPMQCTL_CTL_H
#define _BLIPMQCTL_CTL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "genl.h"

/* Exit status. */
enum ctl_status {
	CTL_DONE	= 0,
	CTL_FAILED	= 1,
	CTL_USAGE	= 2,
	CTL_NO_MODULE	= 3,
	CTL_TIMED_OUT	= 4,
};

/**
 * struct ctl_command - a subcommand
 * @name: what is typed
 * @summary: for the list of subcommands
 * @help: usage, options and examples
 * @run: does it; gets the arguments from the name on; returns enum ctl_status
 */
struct ctl_command {
	const char	*name;
	const char	*summary;
	const char	*help;
	int		(*run)(int argc, char **argv);
};

extern const struct ctl_command ctl_access;
extern const struct ctl_command ctl_apply;
extern const struct ctl_command ctl_drain;
extern const struct ctl_command ctl_export;
extern const struct ctl_command ctl_lane;
extern const struct ctl_command ctl_limit;
extern const struct ctl_command ctl_monitor;
extern const struct ctl_command ctl_overview;
extern const struct ctl_command ctl_reset;
extern const struct ctl_command ctl_socket;
extern const struct ctl_command ctl_stats;
extern const struct ctl_command ctl_status;
extern const struct ctl_command ctl_subscription;
extern const struct ctl_command ctl_top;
extern const struct ctl_command ctl_topic;
extern const struct ctl_command ctl_trace;
extern const struct ctl_command ctl_tune;
extern const struct ctl_command ctl_worker;

/* ctl.c */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
int ctl_usage(const struct ctl_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool ctl_options(int argc, char **argv, const struct ctl_command *command,
		 bool *json, int *status);
bool ctl_colour(FILE *to);
int ctl_open(struct blipmq_genl *g);
int ctl_failed(int error, const char *what);
int ctl_refused(const struct blipmq_genl *g, int error, const char *what);

#endif /* _BLIPMQCTL_CTL_H */
