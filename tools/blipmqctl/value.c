// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of the control plane as named values.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/blipmq_netlink.h>

#include "../blipmq/text.h"
#include "value.h"

#define LABEL_WIDTH	22

/*
 * With or without a zero at the end. What is no UTF-8, as a command may be
 * called, has no place in JSON.
 */
static void value_text(char *to, const char *from, size_t len)
{
	size_t i;

	len = strnlen(from, len < VALUE_ROOM ? len : VALUE_ROOM - 1);
	memcpy(to, from, len);
	to[len] = '\0';
	if (text_is_utf8(to, len))
		return;
	for (i = 0; to[i]; i++)
		if (to[i] & 0x80)
			to[i] = '?';
}

/* Where each attribute stands: a list has a great many of them. */
static void values_index(struct values *v)
{
	uint8_t i;

	memset(v->places, 0, sizeof(v->places));
	for (i = 0; v->specs[i].key && i < VALUES_MAX; i++)
		if (v->specs[i].attr < VALUES_TYPES)
			v->places[v->specs[i].attr] = i + 1;
	v->placed = v->specs;
}

/**
 * values_take() - keep an attribute if the table names it
 * @v: the values
 * @attr: the attribute; one that is unknown or malformed is passed over, since
 *	the module may be newer
 */
void values_take(struct values *v, const struct nlattr *attr)
{
	uint16_t type = mnl_attr_get_type(attr);
	const struct value_spec *s;
	int i;

	if (v->placed != v->specs)
		values_index(v);
	if (type >= VALUES_TYPES || !v->places[type])
		return;
	i = v->places[type] - 1;
	s = &v->specs[i];
	if (s->kind == VALUE_FLAG) {
		v->number[i] = 1;
	} else if (s->kind == VALUE_TEXT) {
		value_text(v->text[i], mnl_attr_get_str(attr),
			   mnl_attr_get_payload_len(attr));
	} else if (mnl_attr_get_payload_len(attr) == sizeof(uint32_t)) {
		v->number[i] = mnl_attr_get_u32(attr);
	} else if (mnl_attr_get_payload_len(attr) == sizeof(uint64_t)) {
		v->number[i] = mnl_attr_get_u64(attr);
	} else {
		return;
	}
	v->present |= 1U << i;
}

/**
 * value_word() - the word for a number
 * @kind: what the number is
 * @number: the number
 *
 * Return: the word; NULL when it has none, or none that is known.
 */
const char *value_word(enum value_kind kind, uint64_t number)
{
	static const char *const states[] = { "stopped", "idle", "busy" };
	static const char *const events[] = {
		[BLIPMQ_EVENT_KIND_TOPIC_CREATED] = "topic-created",
		[BLIPMQ_EVENT_KIND_TOPIC_REMOVED] = "topic-removed",
		[BLIPMQ_EVENT_KIND_SUBSCRIPTION_ADDED] = "subscription-added",
		[BLIPMQ_EVENT_KIND_SUBSCRIPTION_REMOVED] = "subscription-removed",
		[BLIPMQ_EVENT_KIND_SLOW_BEGAN] = "slow-began",
		[BLIPMQ_EVENT_KIND_SLOW_ENDED] = "slow-ended",
		[BLIPMQ_EVENT_KIND_LIMIT_REACHED] = "limit-reached",
		[BLIPMQ_EVENT_KIND_WORKER_MOVED] = "worker-moved",
		[BLIPMQ_EVENT_KIND_DRAIN_BEGAN] = "drain-began",
		[BLIPMQ_EVENT_KIND_DRAIN_ENDED] = "drain-ended",
	};
	static const char *const policies[] = {
		"drop-oldest", "drop-new", "block", "disconnect", "conflate"
	};

	if (kind == VALUE_TYPE)
		return number == SOCK_STREAM ? "stream" :
		       number == SOCK_SEQPACKET ? "seqpacket" : NULL;
	if (kind == VALUE_POLICY && number < sizeof(policies) / sizeof(*policies))
		return policies[number];
	if (kind == VALUE_EVENT && number < sizeof(events) / sizeof(*events))
		return events[number];
	if (kind == VALUE_STATE && number < sizeof(states) / sizeof(*states))
		return states[number];
	return NULL;
}

/**
 * value_mode() - rights as text
 * @mode: the rights
 * @text: room for VALUE_ROOM bytes
 *
 * As of a file: an octal number, which begins with a zero.
 */
void value_mode(uint64_t mode, char *text)
{
	snprintf(text, VALUE_ROOM, "%04llo", (unsigned long long)mode);
}

/**
 * values_place() - where a value stands in a table
 * @specs: the table
 * @key: its key
 *
 * Return: the place, negative for none.
 */
int values_place(const struct value_spec *specs, const char *key)
{
	int i;

	for (i = 0; specs[i].key; i++)
		if (!strcmp(specs[i].key, key))
			return i;
	return -1;
}

static int values_find(const struct values *v, const char *key)
{
	int i = values_place(v->specs, key);

	return i >= 0 && v->present & 1U << i ? i : -1;
}

/**
 * values_get() - a number by its key
 * @v: the values
 * @key: the key
 * @number: the number
 *
 * Return: false when the kernel did not say it.
 */
bool values_get(const struct values *v, const char *key, uint64_t *number)
{
	int i = values_find(v, key);

	if (i < 0)
		return false;
	*number = v->number[i];
	return true;
}

/**
 * values_text() - a text by its key
 * @v: the values
 * @key: the key
 *
 * Return: the text, "(none)" when the kernel did not say it.
 */
const char *values_text(const struct values *v, const char *key)
{
	int i = values_find(v, key);

	return i < 0 ? "(none)" : v->text[i];
}

/**
 * value_number() - a number as text
 * @number: the number
 * @text: room for VALUE_ROOM bytes
 *
 * In a list there are a great many, which snprintf() takes its time for.
 *
 * Return: where in @text it begins.
 */
const char *value_number(uint64_t number, char *text)
{
	char *to = text + VALUE_ROOM - 1;

	*to = '\0';
	do {
		*--to = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return to;
}

/**
 * value_bytes() - bytes with a unit
 * @bytes: how many
 * @text: where to
 * @size: room there
 *
 * Return: @text.
 */
char *value_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = {
		"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
	};
	double n = (double)bytes / 1024;
	int unit = 0;

	if (bytes < 1024) {
		snprintf(text, size, "%u B", (unsigned int)bytes);
		return text;
	}
	while (n >= 1023.95 && unit < 5) {
		n /= 1024;
		unit++;
	}
	snprintf(text, size, "%.1f %s", n, units[unit]);
	return text;
}

/**
 * values_format_at() - a value as text
 * @v: the values
 * @i: its place, from values_place()
 * @plain: for programs, with bytes as numbers
 * @text: room for VALUE_ROOM bytes
 *
 * Return: the text, "-" when the kernel did not say it.
 */
const char *values_format_at(const struct values *v, int i, bool plain,
			     char *text)
{
	const char *word;

	if (i < 0 || !(v->present & 1U << i))
		return "-";
	switch (v->specs[i].kind) {
	case VALUE_TEXT:
		return v->text[i];
	case VALUE_MODE:
		value_mode(v->number[i], text);
		return text;
	case VALUE_FLAG:
		return "yes";
	case VALUE_BYTES:
		if (!plain)
			return value_bytes(v->number[i], text, VALUE_ROOM);
		break;
	default:
		word = value_word(v->specs[i].kind, v->number[i]);
		if (word)
			return word;
	}
	return value_number(v->number[i], text);
}

/**
 * values_format() - a value as text, by its key
 * @v: the values
 * @key: which of them
 * @plain: for programs, with bytes as numbers
 * @text: room for VALUE_ROOM bytes
 *
 * Return: the text, "-" when the kernel did not say it.
 */
const char *values_format(const struct values *v, const char *key, bool plain,
			  char *text)
{
	return values_format_at(v, values_place(v->specs, key), plain, text);
}

/**
 * value_print() - print a line for people
 * @label: what it is
 * @v: the values
 * @key: which of them
 *
 * Prints nothing when the kernel did not say it.
 */
void value_print(const char *label, const struct values *v, const char *key)
{
	int i = values_find(v, key);
	char text[VALUE_ROOM];

	if (i < 0)
		return;
	printf("  %-*s ", LABEL_WIDTH, label);
	key = values_format(v, key, false, text);
	text_write_plain(stdout, key, strlen(key));
	putchar('\n');
}
