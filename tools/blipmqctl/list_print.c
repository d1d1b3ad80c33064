// SPDX-License-Identifier: GPL-2.0
/*
 * Printing a list for people, for scripts, and as JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../blipmq/text.h"
#include "ctl.h"
#include "dump.h"
#include "list.h"
#include "rate.h"

#define COLUMNS_MAX	16

/**
 * struct rows - an answer, an entry at a time
 * @d: the answer
 * @columns: what people and --brief see of it
 * @rates: along which rates are found, or NULL
 * @nlh: the message of @e
 * @e: the entry
 */
struct rows {
	const struct dump		*d;
	const struct list_column	*columns;
	struct rate_walk		*rates;
	const struct nlmsghdr		*nlh;
	struct entry			e;
};

/**
 * struct cell - where the values of a column are
 * @values: among which
 * @place: their place there
 * @width: columns of a terminal that the longest one takes
 * @text: they are texts from elsewhere, of which not each byte shows
 */
struct cell {
	const struct values	*values;
	int			place;
	int			width;
	bool			text;
};

/**
 * struct texts - the cells of all rows: formatted once, since it is known at the
 *	end alone how wide the columns are
 * @bytes: of each a byte for its width, and its text with the zero
 * @len: bytes of them
 * @room: bytes that @bytes has room for
 */
struct texts {
	char	*bytes;
	size_t	len;
	size_t	room;
};

/* The next entry of an answer. */
static bool rows_next(struct rows *r)
{
	r->nlh = dump_next(r->d, r->nlh);
	if (!r->nlh)
		return false;
	entry_take(&r->e, r->nlh);
	if (r->rates)
		rate_take(r->rates, &r->e);
	return true;
}

/* Looked for once: a list may have a great many entries. */
static void find_cells(const struct rows *r, struct cell *cells)
{
	const char *key;
	struct cell *c;
	int i;

	for (i = 0; (key = r->columns[i].key); i++) {
		c = &cells[i];
		c->text = false;
		if (!strncmp(key, "rates.", 6)) {
			c->values = &r->e.rates;
			c->place = values_place(ctl_rate_specs, key + 6);
			continue;
		}
		c->values = &r->e.own;
		c->place = values_place(r->e.own.specs, key);
		if (c->place < 0) {
			c->values = &r->e.totals;
			c->place = values_place(r->e.totals.specs, key);
			continue;
		}
		c->text = r->e.own.specs[c->place].kind == VALUE_TEXT;
	}
}

static void write_cell(const struct cell *c, const char *value)
{
	if (c->text) {
		text_write_plain(stdout, value, strlen(value));
		return;
	}
	while (*value)
		putchar_unlocked(*value++);
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
	if (e->rates.specs) {
		fputs(",\"rates\":{", stdout);
		values_write_json(stdout, &e->rates);
		putchar_unlocked('}');
	}
	putchar_unlocked('}');
}

static void list_json(struct rows *r)
{
	const char *before = "[\n";

	while (rows_next(r)) {
		fputs(before, stdout);
		entry_write_json(&r->e);
		before = ",\n";
	}
	puts(r->d->len ? "\n]" : "[]");
}

static void list_brief(struct rows *r)
{
	struct cell cells[COLUMNS_MAX] = { 0 };
	char text[VALUE_ROOM];
	int i;

	find_cells(r, cells);
	while (rows_next(r)) {
		for (i = 0; r->columns[i].key; i++) {
			write_cell(&cells[i],
				   values_format_at(cells[i].values,
						    cells[i].place, true, text));
			putchar_unlocked(r->columns[i + 1].key ? '\t' : '\n');
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

static void print_cell(const struct list_column *c, const struct cell *cell,
		       const char *value, int width)
{
	bool last = !c[1].key;
	int space = cell->width - width;

	if (!c->left)
		print_spaces(space);
	write_cell(cell, value);
	if (last) {
		putchar_unlocked('\n');
		return;
	}
	print_spaces(c->left ? space + 2 : 2);
}

/* Return: false without memory. */
static bool texts_add(struct texts *t, const char *value, int width)
{
	size_t len = strlen(value) + 1;
	char *bytes;

	if (t->room - t->len <= len) {
		t->room = t->room ? 2 * t->room : 1 << 16;
		bytes = realloc(t->bytes, t->room);
		if (!bytes)
			return false;
		t->bytes = bytes;
	}
	t->bytes[t->len] = (char)width;
	memcpy(t->bytes + t->len + 1, value, len);
	t->len += 1 + len;
	return true;
}

/* All rows, and how wide the columns are. Return: false without memory. */
static bool list_collect(struct rows *r, struct cell *cells, struct texts *t)
{
	char text[VALUE_ROOM];
	const char *value;
	struct cell *c;
	int i, n;

	for (i = 0; r->columns[i].key; i++)
		cells[i].width = text_width(r->columns[i].title);
	while (rows_next(r)) {
		for (i = 0; r->columns[i].key; i++) {
			c = &cells[i];
			value = values_format_at(c->values, c->place, false,
						 text);
			n = text_width(value);
			if (n > c->width)
				c->width = n;
			if (!texts_add(t, value, n))
				return false;
		}
	}
	return true;
}

/* Return: enum ctl_status. */
static int list_people(struct rows *r)
{
	bool colour = ctl_colour(stdout);
	struct cell cells[COLUMNS_MAX] = { 0 };
	struct texts t = { };
	const char *at, *value;
	int i;

	find_cells(r, cells);
	if (!list_collect(r, cells, &t)) {
		free(t.bytes);
		return ctl_failed(-ENOMEM, "cannot show the list");
	}
	fputs(colour ? "\033[1m" : "", stdout);
	for (i = 0; r->columns[i].key; i++)
		print_cell(&r->columns[i], &cells[i], r->columns[i].title,
			   text_width(r->columns[i].title));
	fputs(colour ? "\033[0m" : "", stdout);
	for (at = t.bytes; at < t.bytes + t.len;) {
		for (i = 0; r->columns[i].key; i++) {
			value = at + 1;
			print_cell(&r->columns[i], &cells[i], value,
				   (unsigned char)*at);
			at = value + strlen(value) + 1;
		}
	}
	free(t.bytes);
	return CTL_DONE;
}

/* Begins from the first entry. */
static void rows_begin(struct rows *r, const struct list *l,
		       const struct dump *before, const struct dump *d)
{
	static struct rate_walk rates;

	entry_init(&r->e, l);
	r->d = d;
	r->nlh = NULL;
	r->rates = NULL;
	r->columns = l->columns;
	if (before) {
		rate_begin(&rates, l, before, d);
		r->e.rates.specs = ctl_rate_specs;
		r->rates = &rates;
		r->columns = l->rate_columns;
	}
}

/**
 * list_print() - print an answer
 * @l: what was asked for
 * @form: how
 * @before: another one some time before it, for rates; or NULL
 * @d: the answer
 *
 * Return: enum ctl_status.
 */
int list_print(const struct list *l, enum list_form form,
	       const struct dump *before, const struct dump *d)
{
	static struct rows r;

	rows_begin(&r, l, before, d);
	if (form == LIST_JSON) {
		list_json(&r);
	} else if (form == LIST_BRIEF) {
		list_brief(&r);
	} else if (!d->len) {
		printf("There are no %s here%s.\n", l->what,
		       geteuid() ? " that you may see" : "");
	} else {
		return list_people(&r);
	}
	return CTL_DONE;
}
