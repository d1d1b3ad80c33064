// SPDX-License-Identifier: GPL-2.0
/*
 * Entries of lists: their values and counters, as text and as JSON.
 */
#include <linux/genetlink.h>
#include <string.h>

#include "broker.h"
#include "list.h"

/**
 * entry_init() - begin with the entries of a list
 * @e: the entry
 * @l: the list
 */
void entry_init(struct entry *e, const struct list *l)
{
	e->own.specs = l->specs;
	e->totals.specs = ctl_total_specs;
	e->rates.specs = NULL;
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
	e->rates.present = 0;
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), entry_attr, e);
}

/**
 * entry_number() - a number of an entry
 * @e: the entry
 * @key: its own, or that of a counter
 *
 * Return: the number, 0 when the kernel did not say it.
 */
uint64_t entry_number(const struct entry *e, const char *key)
{
	uint64_t number = 0;

	if (!values_get(&e->own, key, &number))
		values_get(&e->totals, key, &number);
	return number;
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
