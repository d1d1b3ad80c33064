// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl status: the state of the namespace's broker, all of it.
 */
#include <stdio.h>

#include "broker.h"
#include "ctl.h"
#include "limit.h"

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

static void print_people(const struct broker *s)
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
	value_print("draining", b, "draining");
	value_print("in flight", b, "in-flight");

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
	static struct broker s;
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
	ret = broker_get(&g, &s);
	blipmq_genl_close(&g);
	if (ret)
		return ctl_failed(ret, "cannot get the broker's state");
	if (json)
		broker_print_json(&s);
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
