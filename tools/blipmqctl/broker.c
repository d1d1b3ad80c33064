// SPDX-License-Identifier: GPL-2.0
/*
 * The state of the namespace's broker.
 */
#include <linux/genetlink.h>
#include <stdio.h>

#include <linux/blipmq_netlink.h>

#include "broker.h"
#include "limit.h"

static const struct value_spec broker_specs[] = {
	{ "version", BLIPMQ_A_BROKER_VERSION, VALUE_TEXT },
	{ "family", BLIPMQ_A_BROKER_FAMILY, VALUE_COUNT },
	{ "sockets", BLIPMQ_A_BROKER_SOCKETS, VALUE_COUNT },
	{ "topics", BLIPMQ_A_BROKER_TOPICS, VALUE_COUNT },
	{ "subscriptions", BLIPMQ_A_BROKER_SUBSCRIPTIONS, VALUE_COUNT },
	{ "memory-bytes", BLIPMQ_A_BROKER_MEMORY_BYTES, VALUE_BYTES },
	{ "ring-bytes", BLIPMQ_A_BROKER_RING_BYTES, VALUE_BYTES },
	{ "draining", BLIPMQ_A_BROKER_DRAINING, VALUE_FLAG },
	{ "in-flight", BLIPMQ_A_BROKER_IN_FLIGHT, VALUE_COUNT },
	{ }
};

/* Also of a socket. */
const struct value_spec ctl_total_specs[] = {
	{ "published", BLIPMQ_A_TOTALS_PUBLISHED, VALUE_COUNT },
	{ "published-bytes", BLIPMQ_A_TOTALS_PUBLISHED_BYTES, VALUE_BYTES },
	{ "unrouted", BLIPMQ_A_TOTALS_UNROUTED, VALUE_COUNT },
	{ "matched", BLIPMQ_A_TOTALS_MATCHED, VALUE_COUNT },
	{ "delivered", BLIPMQ_A_TOTALS_DELIVERED, VALUE_COUNT },
	{ "delivered-bytes", BLIPMQ_A_TOTALS_DELIVERED_BYTES, VALUE_BYTES },
	{ "dropped-overflow", BLIPMQ_A_TOTALS_DROPPED_OVERFLOW, VALUE_COUNT },
	{ "dropped-conflated", BLIPMQ_A_TOTALS_DROPPED_CONFLATED, VALUE_COUNT },
	{ "dropped-expired", BLIPMQ_A_TOTALS_DROPPED_EXPIRED, VALUE_COUNT },
	{ "dropped-filtered", BLIPMQ_A_TOTALS_DROPPED_FILTERED, VALUE_COUNT },
	{ "dropped-closed", BLIPMQ_A_TOTALS_DROPPED_CLOSED, VALUE_COUNT },
	{ "dropped-no-memory", BLIPMQ_A_TOTALS_DROPPED_NO_MEMORY, VALUE_COUNT },
	{ "queued-messages", BLIPMQ_A_TOTALS_QUEUED_MESSAGES, VALUE_COUNT },
	{ "queued-bytes", BLIPMQ_A_TOTALS_QUEUED_BYTES, VALUE_BYTES },
	{ "refused", BLIPMQ_A_TOTALS_REFUSED, VALUE_COUNT },
	{ "partial", BLIPMQ_A_TOTALS_PARTIAL, VALUE_COUNT },
	{ }
};

/**
 * broker_take_nested() - keep an attribute of a nest
 * @attr: the attribute
 * @data: struct values
 *
 * Return: MNL_CB_OK.
 */
int broker_take_nested(const struct nlattr *attr, void *data)
{
	values_take(data, attr);
	return MNL_CB_OK;
}

static int broker_attr(const struct nlattr *attr, void *data)
{
	struct broker *b = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_BROKER_TOTALS:
		return mnl_attr_parse_nested(attr, broker_take_nested, &b->totals);
	case BLIPMQ_A_BROKER_LIMITS:
		return mnl_attr_parse_nested(attr, broker_take_nested, &b->limits);
	}
	values_take(&b->broker, attr);
	return MNL_CB_OK;
}

static int broker_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), broker_attr,
			      data);
}

/**
 * broker_get() - ask for the state
 * @g: the netlink socket
 * @b: the state
 *
 * Return: 0 or a negative errno.
 */
int broker_get(struct blipmq_genl *g, struct broker *b)
{
	b->broker.specs = broker_specs;
	b->totals.specs = ctl_total_specs;
	b->limits.specs = ctl_limit_specs;
	b->broker.present = 0;
	b->totals.present = 0;
	b->limits.present = 0;
	return blipmq_genl_request(g, BLIPMQ_CMD_BROKER_GET, broker_reply, b);
}

static void add_object(json_object *o, const char *key, const struct values *v)
{
	json_object *nested = json_object_new_object();

	values_to_json(v, nested);
	json_object_object_add(o, key, nested);
}

/**
 * broker_print_json() - print the state as one JSON object
 * @b: the state
 */
void broker_print_json(const struct broker *b)
{
	json_object *o = json_object_new_object();

	values_to_json(&b->broker, o);
	add_object(o, "totals", &b->totals);
	add_object(o, "limits", &b->limits);
	json_print(o, true);
	json_object_put(o);
}
