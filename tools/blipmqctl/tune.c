// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl tune: the machine's settings that matter, and better ones.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "tune.h"
#include "value.h"

static const char *file_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* Files of one setting that say the same are one line, or the vulnerabilities. */
static bool is_told(const struct tune_list *l, size_t i)
{
	const struct tune_file *f = &l->files[i], *other;

	for (other = l->files; other < f; other++)
		if (other->item == f->item && !strcmp(other->now, f->now) &&
		    f->item->kind != TUNE_SHOWN)
			return true;
	return false;
}

static void print_people(const struct tune_list *l)
{
	const struct tune_item *before = NULL, *item;
	const struct tune_file *f;
	size_t i, worse = 0;

	for (i = 0; i < l->nr; i++) {
		f = &l->files[i];
		item = f->item;
		worse += !f->fine;
		if (is_told(l, i))
			continue;
		if (strchr(item->files, '*') && item->kind == TUNE_SHOWN)
			printf("%-18s %s: %s\n", item == before ? "" : item->name,
			       file_name(f->path), f->now);
		else
			printf("%-18s %s%s%s%s\n", item->name,
			       *f->now ? f->now : "none",
			       f->fine ? "" : ", better ",
			       f->fine ? "" : item->better,
			       f->fine && item->kind != TUNE_SHOWN ? ", fine" : "");
		if (item != before)
			printf("%-18s   %s\n", "", item->why);
		before = item;
	}
	if (worse)
		puts("'blipmqctl tune --apply' changes what could be better.");
}

static void print_json(const struct tune_list *l)
{
	json_object *list = json_object_new_array(), *o, *value;
	const struct tune_file *f;
	size_t i;

	for (i = 0; i < l->nr; i++) {
		f = &l->files[i];
		o = json_object_new_object();
		value = json_object_new_string(f->item->name);
		json_object_object_add(o, "name", value);
		value = json_object_new_string(f->path);
		json_object_object_add(o, "file", value);
		json_object_object_add(o, "now", json_object_new_string(f->now));
		value = f->item->better ? json_object_new_string(f->item->better) :
					  NULL;
		json_object_object_add(o, "better", value);
		json_object_object_add(o, "fine", json_object_new_boolean(f->fine));
		value = json_object_new_string(f->item->why);
		json_object_object_add(o, "why", value);
		json_object_array_add(list, o);
	}
	json_print(list, true);
	json_object_put(list);
}

static int run_tune(int argc, char **argv)
{
	static const struct option options[] = {
		{ "apply", no_argument, NULL, 'a' },
		{ "undo", no_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		/* For tests: a folder that is taken for the machine. */
		{ "root", required_argument, NULL, 'r' },
		{ }
	};
	bool apply = false, undo = false, json = false;
	const char *root = "";
	struct tune_list l;
	int c, ret = CTL_DONE;

	while ((c = getopt_long(argc, argv, "aujh", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			apply = true;
			break;
		case 'u':
			undo = true;
			break;
		case 'j':
			json = true;
			break;
		case 'r':
			root = optarg;
			break;
		case 'h':
			fputs(ctl_tune.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_tune, "unknown option");
		}
	}
	if (optind < argc)
		return ctl_usage(&ctl_tune, "tune takes no '%s'", argv[optind]);
	if (apply + undo + json > 1)
		return ctl_usage(&ctl_tune,
				 "--apply, --undo and --json exclude each other");
	if (undo)
		return tune_undo(root);
	tune_look(&l, root);
	if (apply)
		ret = tune_apply(&l);
	else if (json)
		print_json(&l);
	else
		print_people(&l);
	tune_free(&l);
	return ret;
}

const struct ctl_command ctl_tune = {
	.name = "tune",
	.summary = "the machine's settings that matter, and better ones",
	.help =
	"Usage: blipmqctl tune [--json]\n"
	"       blipmqctl tune --apply | --undo\n"
	"\n"
	"Shows settings of the machine that matter to the broker, what would be better\n"
	"and why; or changes them, which needs root and lasts until the next boot. They\n"
	"are the whole machine's: others who use it have them, too.\n"
	"\n"
	"  -a, --apply  change what could be better, keep what was in /run/blipmq/tuned\n"
	"  -u, --undo   put that back, but for what somebody else changed since\n"
	"  -j, --json   a JSON array; blipmqctl(8) has a table of its keys\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0 done, 1 not all could be changed, 2 usage.\n"
	"\n"
	"Example: blipmqctl tune --apply\n",
	.run = run_tune,
};
