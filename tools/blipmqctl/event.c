// SPDX-License-Identifier: GPL-2.0
/*
 * Events as values, as text and as JSON.
 */
#include <linux/genetlink.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "broker.h"
#include "event.h"
#include "limit.h"

static const struct value_spec event_specs[] = {
	{ "event", BLIPMQ_A_EVENT_KIND, VALUE_EVENT },
	{ "sequence", BLIPMQ_A_EVENT_SEQUENCE, VALUE_COUNT },
	{ "time", BLIPMQ_A_EVENT_TIME, VALUE_COUNT },
	{ "topic", BLIPMQ_A_EVENT_TOPIC, VALUE_TEXT },
	{ "pattern", BLIPMQ_A_EVENT_PATTERN, VALUE_TEXT },
	{ "group", BLIPMQ_A_EVENT_GROUP, VALUE_TEXT },
	{ "subscription", BLIPMQ_A_EVENT_SUBSCRIPTION, VALUE_COUNT },
	{ "socket", BLIPMQ_A_EVENT_SOCKET, VALUE_COUNT },
	{ "command", BLIPMQ_A_EVENT_COMMAND, VALUE_TEXT },
	{ "uid", BLIPMQ_A_EVENT_UID, VALUE_COUNT },
	{ "queued-messages", BLIPMQ_A_EVENT_QUEUED_MESSAGES, VALUE_COUNT },
	{ "lost", BLIPMQ_A_EVENT_LOST, VALUE_COUNT },
	{ "worker", BLIPMQ_A_EVENT_WORKER, VALUE_COUNT },
	{ "cpu", BLIPMQ_A_EVENT_CPU, VALUE_COUNT },
	{ }
};

/**
 * event_init() - begin with events
 * @e: the event
 */
void event_init(struct event *e)
{
	e->own.specs = event_specs;
	e->limit.specs = ctl_limit_specs;
}

static int event_attr(const struct nlattr *attr, void *data)
{
	struct event *e = data;

	if (mnl_attr_get_type(attr) == BLIPMQ_A_EVENT_LIMITS)
		return mnl_attr_parse_nested(attr, broker_take_nested,
					     &e->limit);
	values_take(&e->own, attr);
	return MNL_CB_OK;
}

/**
 * event_take() - the next event
 * @e: the event
 * @nlh: the message that has it
 */
void event_take(struct event *e, const struct nlmsghdr *nlh)
{
	e->own.present = 0;
	e->limit.present = 0;
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), event_attr, e);
}

/**
 * event_is_kind() - is this a word for something that may happen?
 * @name: the word
 */
bool event_is_kind(const char *name)
{
	const char *word;
	uint64_t i;

	for (i = 0; (word = value_word(VALUE_EVENT, i)); i++)
		if (!strcmp(word, name))
			return true;
	return false;
}

/**
 * event_limit() - the limit that was reached
 * @e: the event
 * @name: set to its name
 * @value: set to what it is
 *
 * Return: false when the event is about something else.
 */
bool event_limit(const struct event *e, const char **name, uint64_t *value)
{
	const struct value_spec *s;

	for (s = e->limit.specs; s->key; s++) {
		if (values_get(&e->limit, s->key, value)) {
			*name = s->key;
			return true;
		}
	}
	return false;
}

/**
 * event_text() - a value for scripts
 * @e: the event
 * @key: which
 * @text: room for VALUE_ROOM bytes
 *
 * Return: the text, "-" when the event has none.
 */
const char *event_text(const struct event *e, const char *key, char *text)
{
	return values_format(&e->own, key, true, text);
}

/**
 * event_to_json() - an event as an object
 * @e: the event
 *
 * Return: the object.
 */
json_object *event_to_json(const struct event *e)
{
	json_object *o = json_object_new_object();
	const char *name;
	uint64_t value;

	values_to_json(&e->own, o);
	if (event_limit(e, &name, &value)) {
		json_object_object_add(o, "limit", json_object_new_string(name));
		json_object_object_add(o, "value", json_object_new_uint64(value));
	}
	return o;
}
