// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl limit: what may be used in the namespace.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "ctl.h"
#include "limit.h"

const struct value_spec ctl_limit_specs[] = {
	{ "payload-bytes", BLIPMQ_A_LIMITS_PAYLOAD_BYTES, VALUE_BYTES },
	{ "queue-messages", BLIPMQ_A_LIMITS_QUEUE_MESSAGES, VALUE_COUNT },
	{ "queue-bytes", BLIPMQ_A_LIMITS_QUEUE_BYTES, VALUE_BYTES },
	{ "queue-messages-max", BLIPMQ_A_LIMITS_QUEUE_MESSAGES_MAX, VALUE_COUNT },
	{ "queue-bytes-max", BLIPMQ_A_LIMITS_QUEUE_BYTES_MAX, VALUE_BYTES },
	{ "answer-bytes", BLIPMQ_A_LIMITS_ANSWER_BYTES, VALUE_BYTES },
	{ "sockets", BLIPMQ_A_LIMITS_SOCKETS, VALUE_COUNT },
	{ "topics", BLIPMQ_A_LIMITS_TOPICS, VALUE_COUNT },
	{ "user-topics", BLIPMQ_A_LIMITS_USER_TOPICS, VALUE_COUNT },
	{ "user-patterns", BLIPMQ_A_LIMITS_USER_PATTERNS, VALUE_COUNT },
	{ "subscriptions", BLIPMQ_A_LIMITS_SUBSCRIPTIONS, VALUE_COUNT },
	{ "memory-bytes", BLIPMQ_A_LIMITS_MEMORY_BYTES, VALUE_BYTES },
	{ "share-bytes", BLIPMQ_A_LIMITS_SHARE_BYTES, VALUE_BYTES },
	{ "flight-bytes", BLIPMQ_A_LIMITS_FLIGHT_BYTES, VALUE_BYTES },
	{ "retained-messages", BLIPMQ_A_LIMITS_RETAINED_MESSAGES, VALUE_COUNT },
	{ "retained-bytes", BLIPMQ_A_LIMITS_RETAINED_BYTES, VALUE_BYTES },
	{ }
};

/**
 * ctl_limit_is_wide() - has a limit 64 bits? The others have 32
 * @attr: its attribute
 */
bool ctl_limit_is_wide(uint16_t attr)
{
	return attr == BLIPMQ_A_LIMITS_MEMORY_BYTES ||
	       attr == BLIPMQ_A_LIMITS_SHARE_BYTES ||
	       attr == BLIPMQ_A_LIMITS_FLIGHT_BYTES ||
	       attr == BLIPMQ_A_LIMITS_RETAINED_BYTES;
}

/**
 * ctl_print_limits() - print limits for people
 * @v: the limits
 */
void ctl_print_limits(const struct values *v)
{
	const struct value_spec *s;

	for (s = v->specs; s->key; s++)
		value_print(s->key, v, s->key);
}

static int limit_attr(const struct nlattr *attr, void *data)
{
	values_take(data, attr);
	return MNL_CB_OK;
}

static int broker_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == BLIPMQ_A_BROKER_LIMITS)
		return mnl_attr_parse_nested(attr, limit_attr, data);
	return MNL_CB_OK;
}

static int broker_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), broker_attr,
			      data);
}

static int limit_show(bool json)
{
	struct values v = { .specs = ctl_limit_specs };
	struct blipmq_genl g;
	json_object *o;
	int ret;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	ret = blipmq_genl_request(&g, BLIPMQ_CMD_BROKER_GET, broker_reply, &v);
	blipmq_genl_close(&g);
	if (ret)
		return ctl_failed(ret, "cannot get the limits");
	if (!json) {
		ctl_print_limits(&v);
		return CTL_DONE;
	}
	o = json_object_new_object();
	values_to_json(&v, o);
	json_print(o, true);
	json_object_put(o);
	return CTL_DONE;
}

/**
 * ctl_parse_limit() - a number, or one with K, M or G behind it
 * @text: the text
 * @value: the number, times 1024, 1024^2 or 1024^3
 *
 * Return: false when it is none.
 */
bool ctl_parse_limit(const char *text, uint64_t *value)
{
	static const char units[] = "KMG";
	unsigned int shift = 0;
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			return false;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (*value > UINT64_MAX >> shift)
		return false;
	*value <<= shift;
	return true;
}

static int limit_set(const char *name, const char *text)
{
	char what[80];
	const struct value_spec *s;
	__u8 buffer[256] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	uint64_t value;
	int ret;

	for (s = ctl_limit_specs; s->key && strcmp(s->key, name); s++)
		;
	if (!s->key)
		return ctl_usage(&ctl_limit,
				 "there is no limit '%s'; 'blipmqctl limit show' lists them",
				 name);
	if (!ctl_parse_limit(text, &value))
		return ctl_usage(&ctl_limit,
				 "limit %s wants a number, as 4096 or 16M, not '%s'",
				 name, text);
	if (!ctl_limit_is_wide(s->attr) && value > UINT32_MAX)
		value = UINT32_MAX;
	snprintf(what, sizeof(what), "cannot set limit %s", name);
	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_LIMIT_SET);
	nest = mnl_attr_nest_start(nlh, BLIPMQ_A_BROKER_LIMITS);
	if (ctl_limit_is_wide(s->attr))
		mnl_attr_put_u64(nlh, s->attr, value);
	else
		mnl_attr_put_u32(nlh, s->attr, (uint32_t)value);
	mnl_attr_nest_end(nlh, nest);
	ret = blipmq_genl_run(&g, nlh, NULL, NULL);
	blipmq_genl_close(&g);
	return ret ? ctl_refused(&g, ret, what) : CTL_DONE;
}

static int run_limit(int argc, char **argv)
{
	const char *action = "show";
	bool json = false;
	int left, ret;

	if (ctl_options(argc, argv, &ctl_limit, &json, &ret))
		return ret;
	if (optind < argc)
		action = argv[optind++];
	left = argc - optind;
	if (!strcmp(action, "show") && !left)
		return limit_show(json);
	if (!strcmp(action, "set") && left == 2 && !json)
		return limit_set(argv[optind], argv[optind + 1]);
	if (!strcmp(action, "show"))
		return ctl_usage(&ctl_limit, "limit show takes no '%s'",
				 argv[optind]);
	if (!strcmp(action, "set"))
		return ctl_usage(&ctl_limit, "limit set wants NAME VALUE");
	return ctl_usage(&ctl_limit, "limit has no '%s', but show and set",
			 action);
}

const struct ctl_command ctl_limit = {
	.name = "limit",
	.summary = "show and set what may be used",
	.help =
	"Usage: blipmqctl limit [show] [--json]\n"
	"       blipmqctl limit set NAME VALUE\n"
	"\n"
	"Shows or changes what may be used in this network namespace; blipmqctl(8) says\n"
	"what each limit is. A VALUE may end in K, M or G. To set one needs CAP_NET_ADMIN.\n"
	"What exists is left alone when a limit falls below it.\n"
	"\n"
	"  -j, --json  one JSON object, by the names of the limits\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl limit set payload-bytes 4M\n",
	.run = run_limit,
};
