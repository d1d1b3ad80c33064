/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands that list something: topics, subscriptions, sockets.
 */
#ifndef _BLIPMQCTL_LIST_H
#define _BLIPMQCTL_LIST_H

#include "ctl.h"
#include "value.h"

struct dump;

enum list_form {
	LIST_PEOPLE,
	LIST_BRIEF,	/* tab-separated */
	LIST_JSON,
};

/**
 * struct list_column - what people and --brief see of an entry
 * @key: its name
 * @title: what stands above it
 * @left: it is a text that begins at the left; numbers end at the right
 */
struct list_column {
	const char	*key;
	const char	*title;
	bool		left;
};

/**
 * struct list - something to list
 * @command: the subcommand
 * @what: for people, in the plural
 * @operation: enum blipmq_command
 * @specs: attributes of an entry
 * @totals: the attribute that has counters, 0 for none
 * @uid: the attribute that says whose, 0 for none
 * @pattern: the attribute that says which, 0 for none
 * @columns: ends with one without a key
 * @rate_columns: likewise, of a list with --rates; NULL for one that has none.
 *	Entries of one that has some come by a rising "id"
 */
struct list {
	const struct ctl_command	*command;
	const char			*what;
	uint8_t				operation;
	const struct value_spec		*specs;
	uint16_t			totals;
	uint16_t			uid;
	uint16_t			pattern;
	const struct list_column	*columns;
	const struct list_column	*rate_columns;
};

/**
 * struct entry - an entry of a list
 * @own: its values
 * @totals: its counters
 * @rates: what went through it in a second; without specs unless asked for
 * @totals_attr: the attribute that has them
 */
struct entry {
	struct values	own;
	struct values	totals;
	struct values	rates;
	uint16_t	totals_attr;
};

/* entry.c */
void entry_init(struct entry *e, const struct list *l);
void entry_take(struct entry *e, const struct nlmsghdr *nlh);
uint64_t entry_number(const struct entry *e, const char *key);
json_object *entry_to_json(const struct entry *e);
const char *entry_format(const struct entry *e, const char *key, bool plain,
			 char *text);
const char *entry_plain(const struct entry *e, const char *key, char *text);

/* list_print.c */
int list_print(const struct list *l, enum list_form form,
	       const struct dump *before, const struct dump *d);

/* list.c */
int list_run(const struct list *l, int argc, char **argv);

#endif /* _BLIPMQCTL_LIST_H */
