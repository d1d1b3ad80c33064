// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl status: the state of the namespace's broker.
 */
#include <linux/genetlink.h>
#include <stdio.h>

#include <linux/blipmq_netlink.h>

#include "ctl.h"
#include "limit.h"
#include "value.h"

static const struct value_spec broker_specs[] = {
	{ "version", BLIPMQ_A_BROKER_VERSION, VALUE_TEXT },
	{ "family", BLIPMQ_A_BROKER_FAMILY, VALUE_COUNT },
	{ "sockets", BLIPMQ_A_BROKER_SOCKETS, VALUE_COUNT },
	{ "topics", BLIPMQ_A_BROKER_TOPICS, VALUE_COUNT },
	{ "subscriptions", BLIPMQ_A_BROKER_SUBSCRIPTIONS, VALUE_COUNT },
	{ "memory-bytes", BLIPMQ_A_BROKER_MEMORY_BYTES, VALUE_BYTES },
	{ "ring-bytes", BLIPMQ_A_BROKER_RING_BYTES, VALUE_BYTES },
	{ }
};

static const struct value_spec total_specs[] = {
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
 * struct status - the answer of BROKER_GET
 * @broker: the broker's own values
 * @totals: what went through
 * @limits: what may be used
 */
struct status {
	struct values	broker;
	struct values	totals;
	struct values	limits;
};

static int nested_attr(const struct nlattr *attr, void *data)
{
	values_take(data, attr);
	return MNL_CB_OK;
}

static int broker_attr(const struct nlattr *attr, void *data)
{
	struct status *s = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_BROKER_TOTALS:
		return mnl_attr_parse_nested(attr, nested_attr, &s->totals);
	case BLIPMQ_A_BROKER_LIMITS:
		return mnl_attr_parse_nested(attr, nested_attr, &s->limits);
	}
	values_take(&s->broker, attr);
	return MNL_CB_OK;
}

static int broker_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), broker_attr,
			      data);
}

static void add_object(json_object *o, const char *key, const struct values *v)
{
	json_object *nested = json_object_new_object();

	values_to_json(v, nested);
	json_object_object_add(o, key, nested);
}

static void print_json(const struct status *s)
{
	json_object *o = json_object_new_object();

	values_to_json(&s->broker, o);
	add_object(o, "totals", &s->totals);
	add_object(o, "limits", &s->limits);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_SPACED));
	json_object_put(o);
}

static void print_traffic(const char *label, const struct values *v,
			  const char *messages, const char *bytes)
{
	uint64_t count, size;
	char text[32];

	if (!values_get(v, messages, &count) || !values_get(v, bytes, &size))
		return;
	printf("  %-22s %llu (%s)\n", label, (unsigned long long)count,
	       value_bytes(size, text, sizeof(text)));
}

static void print_people(const struct status *s)
{
	const struct values *b = &s->broker, *t = &s->totals;
	uint64_t family = 0;

	values_get(b, "family", &family);
	printf("BlipMQ %s, socket family %u\n", values_text(b, "version"),
	       (unsigned int)family);
	value_print("sockets", b, "sockets");
	value_print("topics", b, "topics");
	value_print("subscriptions", b, "subscriptions");
	value_print("message memory", b, "memory-bytes");
	value_print("ring memory", b, "ring-bytes");

	puts("\nMessages");
	print_traffic("published", t, "published", "published-bytes");
	value_print("unrouted", t, "unrouted");
	value_print("matched", t, "matched");
	print_traffic("delivered", t, "delivered", "delivered-bytes");
	print_traffic("queued", t, "queued-messages", "queued-bytes");
	value_print("refused", t, "refused");
	value_print("partial", t, "partial");

	puts("\nDropped");
	value_print("overflow", t, "dropped-overflow");
	value_print("conflated", t, "dropped-conflated");
	value_print("expired", t, "dropped-expired");
	value_print("filtered", t, "dropped-filtered");
	value_print("closed", t, "dropped-closed");
	value_print("no-memory", t, "dropped-no-memory");

	puts("\nLimits");
	ctl_print_limits(&s->limits);
}

static int run_status(int argc, char **argv)
{
	struct status s = {
		.broker.specs = broker_specs,
		.totals.specs = total_specs,
		.limits.specs = ctl_limit_specs,
	};
	struct blipmq_genl g;
	bool json = false;
	int ret;

	if (ctl_options(argc, argv, &ctl_status, &json, &ret))
		return ret;
	if (optind < argc)
		return ctl_usage(&ctl_status, "status takes no '%s'",
				 argv[optind]);
	ret = ctl_open(&g);
	if (ret)
		return ret;
	ret = blipmq_genl_request(&g, BLIPMQ_CMD_BROKER_GET, broker_reply, &s);
	blipmq_genl_close(&g);
	if (ret)
		return ctl_failed(ret, "cannot get the broker's state");
	if (json)
		print_json(&s);
	else
		print_people(&s);
	return CTL_DONE;
}

const struct ctl_command ctl_status = {
	.name = "status",
	.summary = "sockets, topics, memory, totals, drops and limits",
	.help =
	"Usage: blipmqctl status [--json]\n"
	"\n"
	"Shows the state of this network namespace's broker: what is open, what it\n"
	"holds, what went through since the namespace has it, what was dropped and\n"
	"why, and what is allowed.\n"
	"\n"
	"  -j, --json  one JSON object; blipmqctl(8) has a table of its keys\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n",
	.run = run_status,
};
