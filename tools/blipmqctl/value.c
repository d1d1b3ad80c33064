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

	snprintf(to, VALUE_ROOM, "%.*s", (int)len, from);
	if (text_is_utf8(to, strlen(to)))
		return;
	for (i = 0; to[i]; i++)
		if (to[i] & 0x80)
			to[i] = '?';
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
	int i = 0;

	for (s = v->specs; s->key && s->attr != type; s++)
		i++;
	if (!s->key || i >= VALUES_MAX)
		return;
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

/* As of a file: an octal number, which begins with a zero. */
static void value_mode(uint64_t mode, char *text)
{
	snprintf(text, VALUE_ROOM, "%04llo", (unsigned long long)mode);
}

static int values_find(const struct values *v, const char *key)
{
	int i;

	for (i = 0; v->specs[i].key; i++)
		if (!strcmp(v->specs[i].key, key))
			return v->present & 1U << i ? i : -1;
	return -1;
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
 * values_to_json() - add everything that the kernel said to an object
 * @v: the values
 * @o: the object
 */
void values_to_json(const struct values *v, json_object *o)
{
	char mode[VALUE_ROOM];
	const char *word;
	json_object *value;
	int i;

	for (i = 0; v->specs[i].key; i++) {
		/* A flag is there or not, which both is known. */
		if (!(v->present & 1U << i)) {
			if (v->specs[i].kind == VALUE_FLAG)
				json_object_object_add(o, v->specs[i].key,
						       json_object_new_boolean(0));
			continue;
		}
		word = value_word(v->specs[i].kind, v->number[i]);
		if (v->specs[i].kind == VALUE_MODE) {
			value_mode(v->number[i], mode);
			word = mode;
		}
		if (v->specs[i].kind == VALUE_TEXT)
			value = json_object_new_string(v->text[i]);
		else if (v->specs[i].kind == VALUE_FLAG)
			value = json_object_new_boolean(1);
		else if (word)
			value = json_object_new_string(word);
		else
			value = json_object_new_uint64(v->number[i]);
		json_object_object_add(o, v->specs[i].key, value);
	}
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
 * values_format() - a value as text
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
	int i = values_find(v, key);
	const char *word;

	if (i < 0)
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
	snprintf(text, VALUE_ROOM, "%llu", (unsigned long long)v->number[i]);
	return text;
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
