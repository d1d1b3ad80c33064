// SPDX-License-Identifier: GPL-2.0
/*
 * Listing: a request with filters, and its answer, or two for rates.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dump.h"
#include "list.h"
#include "moment.h"
#include "who.h"

/* The first look of a list with rates is so long ago, unless that was said. */
#define RATE_SECONDS	1

/**
 * struct list_args - what was asked for
 * @json: as JSON
 * @brief: tab-separated
 * @have_uid: only what is @uid's
 * @uid: a user
 * @pattern: only what it matches, or NULL
 * @seconds: the time between two looks for rates, 0 for none
 */
struct list_args {
	bool		json;
	bool		brief;
	bool		have_uid;
	uint32_t	uid;
	const char	*pattern;
	double		seconds;
};

/* Return: true when @status is all that is left. */
static bool list_options(const struct list *l, int argc, char **argv,
			 struct list_args *a, int *status)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "brief", no_argument, NULL, 'b' },
		{ "user", required_argument, NULL, 'u' },
		{ "rates", optional_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	*status = CTL_USAGE;
	while ((c = getopt_long(argc, argv, "jbu:r::h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			a->json = true;
			break;
		case 'b':
			a->brief = true;
			break;
		case 'u':
			a->have_uid = true;
			if (!l->uid) {
				ctl_usage(l->command,
					  "%s list takes no user",
					  l->command->name);
				return true;
			}
			if (who_user(optarg, &a->uid))
				break;
			ctl_usage(l->command, "there is no user '%s'", optarg);
			return true;
		case 'r':
			if (!l->rate_columns) {
				ctl_usage(l->command,
					  "%s list has no rates; 'blipmqctl socket list --rates' has",
					  l->command->name);
				return true;
			}
			a->seconds = RATE_SECONDS;
			/* As others have it: --rates 5. */
			if (!optarg && optind < argc && *argv[optind] != '-')
				optarg = argv[optind++];
			if (!optarg || moment_parse(optarg, &a->seconds))
				break;
			ctl_usage(l->command,
				  "--rates wants 0.01 to 86400 seconds, not '%s'",
				  optarg);
			return true;
		case 'h':
			fputs(l->command->help, stdout);
			*status = CTL_DONE;
			return true;
		default:
			ctl_usage(l->command, "unknown option");
			return true;
		}
	}
	if (a->json && a->brief) {
		ctl_usage(l->command, "--json and --brief exclude each other");
		return true;
	}
	if (l->pattern && optind < argc)
		a->pattern = argv[optind++];
	if (optind < argc) {
		ctl_usage(l->command, "%s list takes no '%s'", l->command->name,
			  argv[optind]);
		return true;
	}
	if (a->pattern && (!*a->pattern || strlen(a->pattern) >= VALUE_ROOM)) {
		ctl_usage(l->command, "a pattern has 1 to %d bytes",
			  VALUE_ROOM - 1);
		return true;
	}
	return false;
}

/* The answer, and with rates another one some time before it. */
static int list_get(const struct list *l, const struct list_args *a,
		    struct dump *before, struct dump *d)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	char what[64];
	int ret;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new_dump(&g, buffer, l->operation);
	if (a->have_uid)
		mnl_attr_put_u32(nlh, l->uid, a->uid);
	if (a->pattern)
		mnl_attr_put_strz(nlh, l->pattern, a->pattern);
	if (a->seconds > 0) {
		ret = dump_run(before, &g, nlh);
		if (!ret)
			moment_wait(a->seconds);
	}
	if (!ret)
		ret = dump_run(d, &g, nlh);
	blipmq_genl_close(&g);
	snprintf(what, sizeof(what), "cannot list the %s", l->what);
	if (ret == -EINTR) {
		ctl_error("%s: they change too quickly; try again", what);
		return CTL_FAILED;
	}
	return ret ? ctl_refused(&g, ret, what) : CTL_DONE;
}

/**
 * list_run() - the subcommand 'list'
 * @l: what
 * @argc: as main() has it, from the word 'list' on
 * @argv: likewise
 *
 * Return: enum ctl_status.
 */
int list_run(const struct list *l, int argc, char **argv)
{
	struct dump before = { }, d = { };
	struct list_args a = { };
	enum list_form form;
	int ret;

	if (list_options(l, argc, argv, &a, &ret))
		return ret;
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	ret = list_get(l, &a, &before, &d);
	form = a.json ? LIST_JSON : a.brief ? LIST_BRIEF : LIST_PEOPLE;
	if (!ret)
		ret = list_print(l, form, a.seconds > 0 ? &before : NULL, &d);
	dump_free(&before);
	dump_free(&d);
	return ret;
}
