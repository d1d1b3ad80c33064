/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists as tables: rows of cells, with rates from two looks, to be sorted by
 * any column.
 */
#ifndef _BLIPMQCTL_VIEW_H
#define _BLIPMQCTL_VIEW_H

#include "list.h"

#define VIEW_COLUMNS	16

/* What a column shows of a value. */
enum view_kind {
	VIEW_NUMBER,
	VIEW_BYTES,
	VIEW_RATE,	/* how much it grew in a second */
	VIEW_TEXT,
};

/**
 * struct view_column - a column
 * @key: of a value, or of a counter
 * @title: what stands above it
 * @width: characters; 0 for what the others leave
 * @kind: what is shown of it
 */
struct view_column {
	const char	*key;
	const char	*title;
	int		width;
	enum view_kind	kind;
};

/**
 * struct view - a table that there is to see
 * @name: what it is called
 * @list: where it comes from
 * @id: the key by which a row is known again, or NULL
 * @sort: the column by which it is sorted at first
 * @columns: ends with one without a title, the most important ones first
 */
struct view {
	const char			*name;
	const struct list		*list;
	const char			*id;
	int				sort;
	const struct view_column	*columns;
};

/**
 * struct view_row - a row
 * @id: its number
 * @raw: numbers as the kernel said them, by column
 * @number: as they are shown
 * @text: of text columns, else NULL
 */
struct view_row {
	uint64_t	id;
	uint64_t	raw[VIEW_COLUMNS];
	double		number[VIEW_COLUMNS];
	char		*text[VIEW_COLUMNS];
};

/**
 * struct view_table - the rows at a moment
 * @at: the moment, in seconds
 * @nr: how many
 * @room: how many there is room for
 * @rows: the rows, by number unless they were sorted
 */
struct view_table {
	double		at;
	size_t		nr;
	size_t		room;
	struct view_row	*rows;
};

extern const struct view *const ctl_views[];

const struct view *view_find(const char *name);
int view_column(const struct view *v, const char *title);
int view_take(const struct view *v, struct blipmq_genl *g,
	      struct view_table *t, struct view_table *before);
void view_sort(const struct view *v, struct view_table *t, int column,
	       bool reverse);
void view_free(struct view_table *t);
void view_cell(const struct view *v, const struct view_row *row, int column,
	       int width, char *to);

#endif /* _BLIPMQCTL_VIEW_H */
