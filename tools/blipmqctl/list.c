// SPDX-License-Identifier: GPL-2.0
/*
 * Listing: a request with filters, and its answer for people, for scripts, and
 * as JSON.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../blipmq/text.h"
#include "broker.h"
#include "dump.h"
#include "list.h"
#include "who.h"

#define COLUMNS_MAX	16

/**
 * struct list_args - what was asked for
 * @json: as JSON
 * @brief: tab-separated
 * @have_uid: only what is @uid's
 * @uid: a user
 * @pattern: only what it matches, or NULL
 */
struct list_args {
	bool		json;
	bool		brief;
	bool		have_uid;
	uint32_t	uid;
	const char	*pattern;
};

/**
 * entry_init() - begin with the entries of a list
 * @e: the entry
 * @l: the list
 */
void entry_init(struct entry *e, const struct list *l)
{
	e->own.specs = l->specs;
	e->totals.specs = ctl_total_specs;
	e->totals_attr = l->totals;
}

static int entry_attr(const struct nlattr *attr, void *data)
{
	struct entry *e = data;

	if (e->totals_attr && mnl_attr_get_type(attr) == e->totals_attr)
		return mnl_attr_parse_nested(attr, broker_take_nested,
					     &e->totals);
	values_take(&e->own, attr);
	return MNL_CB_OK;
}

/**
 * entry_take() - the next entry
 * @e: the entry
 * @nlh: the message that has it
 */
void entry_take(struct entry *e, const struct nlmsghdr *nlh)
{
	e->own.present = 0;
	e->totals.present = 0;
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), entry_attr, e);
}

/**
 * entry_format() - a value of an entry as text
 * @e: the entry
 * @key: its own, or that of a counter
 * @plain: for programs
 * @text: room for VALUE_ROOM bytes
 *
 * Return: the text, "-" when the kernel did not say it.
 */
const char *entry_format(const struct entry *e, const char *key, bool plain,
			 char *text)
{
	const struct value_spec *s;

	for (s = e->own.specs; s->key; s++)
		if (!strcmp(s->key, key))
			return values_format(&e->own, key, plain, text);
	return values_format(&e->totals, key, plain, text);
}

/**
 * entry_plain() - a value of an entry in letters that any terminal shows
 * @e: the entry
 * @key: its own, or that of a counter
 * @text: room for VALUE_ROOM bytes
 *
 * Return: @text.
 */
const char *entry_plain(const struct entry *e, const char *key, char *text)
{
	const char *from = entry_format(e, key, false, text);
	size_t i, len = strlen(from);

	memmove(text, from, len + 1);
	for (i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	return text;
}

/**
 * entry_to_json() - an entry as an object
 * @e: the entry
 *
 * Return: the object.
 */
json_object *entry_to_json(const struct entry *e)
{
	json_object *o = json_object_new_object(), *totals;

	values_to_json(&e->own, o);
	if (e->totals_attr) {
		totals = json_object_new_object();
		values_to_json(&e->totals, totals);
		json_object_object_add(o, "totals", totals);
	}
	return o;
}

/**
 * struct cell - where the values of a column are
 * @values: among which
 * @place: their place there
 * @width: columns of a terminal that the longest one takes
 */
struct cell {
	const struct values	*values;
	int			place;
	int			width;
};

/* Looked for once: a list may have a great many entries. */
static void find_cells(const struct list *l, const struct entry *e,
		       struct cell *cells)
{
	int i;

	for (i = 0; l->columns[i].key; i++) {
		cells[i].values = &e->own;
		cells[i].place = values_place(e->own.specs, l->columns[i].key);
		if (cells[i].place >= 0)
			continue;
		cells[i].values = &e->totals;
		cells[i].place = values_place(e->totals.specs,
					      l->columns[i].key);
	}
}

static void entry_write_json(const struct entry *e)
{
	bool any;

	putchar_unlocked('{');
	any = values_write_json(stdout, &e->own);
	if (e->totals_attr) {
		fputs(any ? ",\"totals\":{" : "\"totals\":{", stdout);
		values_write_json(stdout, &e->totals);
		putchar_unlocked('}');
	}
	putchar_unlocked('}');
}

static void list_json(const struct list *l, const struct dump *d)
{
	const struct nlmsghdr *nlh = NULL;
	const char *before = "[\n";
	static struct entry e;

	entry_init(&e, l);
	while ((nlh = dump_next(d, nlh))) {
		entry_take(&e, nlh);
		fputs(before, stdout);
		entry_write_json(&e);
		before = ",\n";
	}
	puts(d->len ? "\n]" : "[]");
}

static void list_brief(const struct list *l, const struct dump *d)
{
	const struct nlmsghdr *nlh = NULL;
	struct cell cells[COLUMNS_MAX];
	char text[VALUE_ROOM];
	static struct entry e;
	const char *value;
	int i;

	entry_init(&e, l);
	find_cells(l, &e, cells);
	while ((nlh = dump_next(d, nlh))) {
		entry_take(&e, nlh);
		for (i = 0; l->columns[i].key; i++) {
			value = values_format_at(cells[i].values,
						 cells[i].place, true, text);
			text_write_plain(stdout, value, strlen(value));
			putchar_unlocked(l->columns[i + 1].key ? '\t' : '\n');
		}
	}
}

/* Characters, as far as each has one column. */
static int text_width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_spaces(int n)
{
	while (n-- > 0)
		putchar_unlocked(' ');
}

static void print_cell(const struct list_column *c, const char *value,
		       int width)
{
	bool last = !c[1].key;
	int space = width - text_width(value);

	if (!c->left)
		print_spaces(space);
	text_write_plain(stdout, value, strlen(value));
	if (last) {
		putchar_unlocked('\n');
		return;
	}
	print_spaces(c->left ? space + 2 : 2);
}

static void list_widths(const struct list *l, const struct dump *d,
			struct entry *e, struct cell *cells)
{
	const struct nlmsghdr *nlh = NULL;
	char text[VALUE_ROOM];
	struct cell *c;
	int i, n;

	for (i = 0; l->columns[i].key; i++)
		cells[i].width = text_width(l->columns[i].title);
	while ((nlh = dump_next(d, nlh))) {
		entry_take(e, nlh);
		for (i = 0; l->columns[i].key; i++) {
			c = &cells[i];
			n = text_width(values_format_at(c->values, c->place,
							false, text));
			if (n > c->width)
				c->width = n;
		}
	}
}

static void list_people(const struct list *l, const struct dump *d)
{
	bool colour = ctl_colour(stdout);
	const struct nlmsghdr *nlh = NULL;
	struct cell cells[COLUMNS_MAX];
	char text[VALUE_ROOM];
	static struct entry e;
	int i;

	if (!d->len) {
		printf("There are no %s here%s.\n", l->what,
		       geteuid() ? " that you may see" : "");
		return;
	}
	entry_init(&e, l);
	find_cells(l, &e, cells);
	list_widths(l, d, &e, cells);
	fputs(colour ? "\033[1m" : "", stdout);
	for (i = 0; l->columns[i].key; i++)
		print_cell(&l->columns[i], l->columns[i].title, cells[i].width);
	fputs(colour ? "\033[0m" : "", stdout);
	while ((nlh = dump_next(d, nlh))) {
		entry_take(&e, nlh);
		for (i = 0; l->columns[i].key; i++)
			print_cell(&l->columns[i],
				   values_format_at(cells[i].values,
						    cells[i].place, false,
						    text), cells[i].width);
	}
}

/* Return: true when @status is all that is left. */
static bool list_options(const struct list *l, int argc, char **argv,
			 struct list_args *a, int *status)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "brief", no_argument, NULL, 'b' },
		{ "user", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	*status = CTL_USAGE;
	while ((c = getopt_long(argc, argv, "jbu:h", options, NULL)) != -1) {
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

static int list_get(const struct list *l, const struct list_args *a,
		    struct dump *d)
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
	struct list_args a = { };
	struct dump d = { };
	int ret;

	if (list_options(l, argc, argv, &a, &ret))
		return ret;
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	ret = list_get(l, &a, &d);
	if (!ret) {
		if (a.json)
			list_json(l, &d);
		else if (a.brief)
			list_brief(l, &d);
		else
			list_people(l, &d);
	}
	dump_free(&d);
	return ret;
}
