// SPDX-License-Identifier: GPL-2.0
/*
 * Taking lists as tables, rates, sorting, and cells as text.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <linux/blipmq_netlink.h>

#include "dump.h"
#include "socket.h"
#include "topic.h"
#include "view.h"

static const struct view_column socket_columns[] = {
	{ "id", "ID", 7, VIEW_NUMBER },
	{ "pid", "PID", 7, VIEW_NUMBER },
	{ "command", "COMMAND", 13, VIEW_TEXT },
	{ "published", "PUB/s", 7, VIEW_RATE },
	{ "delivered", "READ/s", 7, VIEW_RATE },
	{ "queued-messages", "QUEUED", 7, VIEW_NUMBER },
	{ "queued-bytes", "BYTES", 9, VIEW_BYTES },
	{ "lost", "LOST", 8, VIEW_NUMBER },
	{ "lost", "LOST/s", 7, VIEW_RATE },
	{ "subscriptions", "SUBS", 6, VIEW_NUMBER },
	{ "uid", "UID", 6, VIEW_NUMBER },
	{ "type", "TYPE", 9, VIEW_TEXT },
	{ "policy", "POLICY", 11, VIEW_TEXT },
	{ "published", "PUBLISHED", 12, VIEW_NUMBER },
	{ "delivered", "DELIVERED", 12, VIEW_NUMBER },
	{ "identity", "IDENTITY", 24, VIEW_TEXT },
	{ }
};

static const struct view sockets = {
	.name = "sockets",
	.list = &ctl_sockets,
	.id = "id",
	.sort = 5,
	.columns = socket_columns,
};

static const struct view_column topic_columns[] = {
	{ "name", "TOPIC", 0, VIEW_TEXT },
	{ "receivers", "RECEIVERS", 9, VIEW_NUMBER },
	{ "subscriptions", "SUBS", 7, VIEW_NUMBER },
	{ "groups", "GROUPS", 6, VIEW_NUMBER },
	{ "retained-bytes", "RETAINED", 9, VIEW_BYTES },
	{ "uid", "UID", 6, VIEW_NUMBER },
	{ "idle", "IDLE", 4, VIEW_TEXT },
	{ }
};

static const struct view topics = {
	.name = "topics",
	.list = &ctl_topics,
	.sort = 1,
	.columns = topic_columns,
};

static const struct value_spec worker_specs[] = {
	{ "number", BLIPMQ_A_WORKER_NUMBER, VALUE_COUNT },
	{ "state", BLIPMQ_A_WORKER_STATE, VALUE_STATE },
	{ "cpu", BLIPMQ_A_WORKER_CPU, VALUE_COUNT },
	{ "pid", BLIPMQ_A_WORKER_PID, VALUE_COUNT },
	{ "bundles", BLIPMQ_A_WORKER_BUNDLES, VALUE_COUNT },
	{ "messages", BLIPMQ_A_WORKER_MESSAGES, VALUE_COUNT },
	{ "ring-depth", BLIPMQ_A_WORKER_RING_DEPTH, VALUE_COUNT },
	{ }
};

static const struct view_column worker_columns[] = {
	{ "number", "WORKER", 6, VIEW_NUMBER },
	{ "cpu", "CPU", 4, VIEW_NUMBER },
	{ "state", "STATE", 7, VIEW_TEXT },
	{ "messages", "MSG/s", 9, VIEW_RATE },
	{ "bundles", "BUNDLES/s", 9, VIEW_RATE },
	{ "ring-depth", "WAITING", 7, VIEW_NUMBER },
	{ "messages", "MESSAGES", 14, VIEW_NUMBER },
	{ "pid", "PID", 7, VIEW_NUMBER },
	{ }
};

static const struct list worker_list = {
	.what = "workers",
	.operation = BLIPMQ_CMD_WORKER_GET,
	.specs = worker_specs,
};

static const struct view workers = {
	.name = "workers",
	.list = &worker_list,
	.id = "number",
	.sort = 3,
	.columns = worker_columns,
};

const struct view *const ctl_views[] = { &sockets, &topics, &workers, NULL };

/**
 * view_find() - a view by its name
 * @name: the name
 *
 * Return: the view, or NULL.
 */
const struct view *view_find(const char *name)
{
	const struct view *const *v;

	for (v = ctl_views; *v; v++)
		if (!strcmp((*v)->name, name))
			return *v;
	return NULL;
}

/**
 * view_column() - a column by its title
 * @v: the view
 * @title: in letters of any size
 *
 * Return: its place, or -1.
 */
int view_column(const struct view *v, const char *title)
{
	int i;

	for (i = 0; v->columns[i].title; i++)
		if (!strcasecmp(v->columns[i].title, title))
			return i;
	return -1;
}

static int row_compare(const void *a, const void *b)
{
	const struct view_row *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Return: 0 or -ENOMEM. */
static int row_take(const struct view *v, struct view_row *row,
		    const struct entry *e)
{
	char text[VALUE_ROOM];
	int i;

	memset(row, 0, sizeof(*row));
	if (v->id)
		row->id = entry_number(e, v->id);
	for (i = 0; v->columns[i].title; i++) {
		if (v->columns[i].kind == VIEW_TEXT) {
			row->text[i] = strdup(entry_plain(e, v->columns[i].key,
							  text));
			if (!row->text[i])
				return -ENOMEM;
			continue;
		}
		row->raw[i] = entry_number(e, v->columns[i].key);
		row->number[i] = v->columns[i].kind == VIEW_RATE ? 0 :
				 (double)row->raw[i];
	}
	return 0;
}

/* Return: 0 or -ENOMEM. */
static int table_take(const struct view *v, struct view_table *t,
		      const struct dump *d)
{
	const struct nlmsghdr *nlh = NULL;
	static struct entry e;
	struct view_row *rows;
	int ret = 0;

	entry_init(&e, v->list);
	while (!ret && (nlh = dump_next(d, nlh))) {
		if (t->nr == t->room) {
			t->room = t->room ? 2 * t->room : 64;
			rows = realloc(t->rows, t->room * sizeof(*rows));
			if (!rows)
				return -ENOMEM;
			t->rows = rows;
		}
		entry_take(&e, nlh);
		ret = row_take(v, &t->rows[t->nr++], &e);
	}
	return ret;
}

static void table_rates(const struct view *v, struct view_table *t,
			struct view_table *before)
{
	double seconds = t->at - before->at;
	const struct view_row *old;
	struct view_row *row;
	size_t n;
	int i;

	if (!v->id || !before->nr || seconds <= 0)
		return;
	qsort(before->rows, before->nr, sizeof(*before->rows), row_compare);
	for (n = 0; n < t->nr; n++) {
		row = &t->rows[n];
		old = bsearch(row, before->rows, before->nr,
			      sizeof(*before->rows), row_compare);
		for (i = 0; old && v->columns[i].title; i++)
			if (v->columns[i].kind == VIEW_RATE &&
			    row->raw[i] > old->raw[i])
				row->number[i] = (double)(row->raw[i] -
							  old->raw[i]) / seconds;
	}
}

/**
 * view_take() - take a table
 * @v: which
 * @g: the netlink socket
 * @t: the table, empty
 * @before: one that was taken before, for rates; it is sorted anew
 *
 * Return: 0 or a negative errno; view_free() is due in either case.
 */
int view_take(const struct view *v, struct blipmq_genl *g,
	      struct view_table *t, struct view_table *before)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	struct dump d = { };
	int ret;

	memset(t, 0, sizeof(*t));
	ret = dump_run(&d, g, blipmq_genl_new_dump(g, buffer,
						   v->list->operation));
	t->at = d.at;
	if (!ret)
		ret = table_take(v, t, &d);
	dump_free(&d);
	if (!ret)
		table_rates(v, t, before);
	return ret;
}

/* For qsort(), which passes nothing on. */
static const struct view *sorted_view;
static int sorted_column;
static bool sorted_reverse;

static int row_sort(const void *a, const void *b)
{
	const struct view_row *x = a, *y = b;
	int c = sorted_column, order;

	if (sorted_view->columns[c].kind == VIEW_TEXT)
		order = strcmp(x->text[c], y->text[c]);
	else
		order = x->number[c] > y->number[c] ? -1 :
			x->number[c] < y->number[c];
	if (!order)
		return x->id < y->id ? -1 : x->id > y->id;
	return sorted_reverse ? -order : order;
}

/**
 * view_sort() - sort a table
 * @v: which
 * @t: the table
 * @column: by which column: texts from the first, numbers from the largest
 * @reverse: or the other way round
 */
void view_sort(const struct view *v, struct view_table *t, int column,
	       bool reverse)
{
	sorted_view = v;
	sorted_column = column;
	sorted_reverse = reverse;
	if (t->nr)
		qsort(t->rows, t->nr, sizeof(*t->rows), row_sort);
}

/**
 * view_free() - forget a table
 * @t: the table
 */
void view_free(struct view_table *t)
{
	size_t n;
	int i;

	for (n = 0; n < t->nr; n++)
		for (i = 0; i < VIEW_COLUMNS; i++)
			free(t->rows[n].text[i]);
	free(t->rows);
	memset(t, 0, sizeof(*t));
}

static void number_text(double number, int width, char *text, size_t size)
{
	static const char units[] = " KMGTPE";
	int unit = 0;

	if (snprintf(text, size, "%.0f", number) <= width)
		return;
	while (number >= 999.5 && units[unit + 1]) {
		number /= 1000;
		unit++;
	}
	snprintf(text, size, "%.3g%c", number, units[unit]);
}

/**
 * view_cell() - a cell as text
 * @v: the view
 * @row: the row
 * @column: the column
 * @width: how many characters it has
 * @to: room for @width and a zero
 */
void view_cell(const struct view *v, const struct view_row *row, int column,
	       int width, char *to)
{
	char text[VALUE_ROOM];

	switch (v->columns[column].kind) {
	case VIEW_TEXT:
		snprintf(to, (size_t)width + 1, "%-*s", width,
			 row->text[column]);
		return;
	case VIEW_BYTES:
		value_bytes(row->raw[column], text, sizeof(text));
		break;
	default:
		number_text(row->number[column], width, text, sizeof(text));
	}
	snprintf(to, (size_t)width + 1, "%*s", width, text);
}
