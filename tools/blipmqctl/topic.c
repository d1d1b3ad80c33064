// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl topic: what topics there are.
 */
#include <stdio.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "list.h"
#include "topic.h"

static const struct value_spec topic_specs[] = {
	{ "name", BLIPMQ_A_TOPIC_NAME, VALUE_TEXT },
	{ "uid", BLIPMQ_A_TOPIC_UID, VALUE_COUNT },
	{ "gid", BLIPMQ_A_TOPIC_GID, VALUE_COUNT },
	{ "mode", BLIPMQ_A_TOPIC_MODE, VALUE_MODE },
	{ "ttl-ms", BLIPMQ_A_TOPIC_TTL_MS, VALUE_COUNT },
	{ "publish-rate", BLIPMQ_A_TOPIC_PUBLISH_RATE, VALUE_COUNT },
	{ "subscriptions", BLIPMQ_A_TOPIC_SUBSCRIPTIONS, VALUE_COUNT },
	{ "receivers", BLIPMQ_A_TOPIC_RECEIVERS, VALUE_COUNT },
	{ "groups", BLIPMQ_A_TOPIC_GROUPS, VALUE_COUNT },
	{ "retained-bytes", BLIPMQ_A_TOPIC_RETAINED_BYTES, VALUE_BYTES },
	{ "idle", BLIPMQ_A_TOPIC_IDLE, VALUE_FLAG },
	{ }
};

static const struct list_column topic_columns[] = {
	{ "name", "TOPIC", true },
	{ "subscriptions", "SUBS", false },
	{ "receivers", "RECEIVERS", false },
	{ "groups", "GROUPS", false },
	{ "retained-bytes", "RETAINED", false },
	{ "uid", "UID", false },
	{ "idle", "IDLE", true },
	{ }
};

/* What people see of one topic beside these, where it is said. */
static const struct list_column settings[] = {
	{ "gid", NULL, false },
	{ "mode", NULL, false },
	{ "ttl-ms", NULL, false },
	{ "publish-rate", NULL, false },
	{ }
};

const struct list ctl_topics = {
	.command = &ctl_topic,
	.what = "topics",
	.operation = BLIPMQ_CMD_TOPIC_GET,
	.specs = topic_specs,
	.uid = BLIPMQ_A_TOPIC_UID,
	.pattern = BLIPMQ_A_TOPIC_PATTERN,
	.columns = topic_columns,
};

static int topic_reply(const struct nlmsghdr *nlh, void *data)
{
	entry_take(data, nlh);
	return MNL_CB_OK;
}

static void show_people(const struct entry *e)
{
	const struct list_column *c;

	for (c = ctl_topics.columns; c->key; c++)
		value_print(c->key, &e->own, c->key);
	for (c = settings; c->key; c++)
		value_print(c->key, &e->own, c->key);
}

static int topic_show(int argc, char **argv)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	static struct entry e;
	bool json = false;
	char what[300];
	json_object *o;
	int ret;

	if (ctl_options(argc, argv, &ctl_topic, &json, &ret))
		return ret;
	if (argc - optind != 1)
		return ctl_usage(&ctl_topic, "topic show wants one TOPIC");
	if (!*argv[optind] || strlen(argv[optind]) >= VALUE_ROOM)
		return ctl_usage(&ctl_topic, "a topic has 1 to %d bytes",
				 VALUE_ROOM - 1);
	ret = ctl_open(&g);
	if (ret)
		return ret;
	entry_init(&e, &ctl_topics);
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_TOPIC_GET);
	mnl_attr_put_strz(nlh, BLIPMQ_A_TOPIC_NAME, argv[optind]);
	ret = blipmq_genl_run(&g, nlh, topic_reply, &e);
	blipmq_genl_close(&g);
	snprintf(what, sizeof(what), "cannot show topic %s", argv[optind]);
	if (ret)
		return ctl_refused(&g, ret, what);
	if (!json) {
		show_people(&e);
		return CTL_DONE;
	}
	o = entry_to_json(&e);
	json_print(o, true);
	json_object_put(o);
	return CTL_DONE;
}

static int run_topic(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "list"))
		return list_run(&ctl_topics, argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "show"))
		return topic_show(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "set"))
		return topic_set(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "delete"))
		return topic_delete(argc - 1, argv + 1);
	if (argc == 1 || *argv[1] == '-')
		return list_run(&ctl_topics, argc, argv);
	return ctl_usage(&ctl_topic, "topic has no '%s', but list, show, set and delete",
			 argv[1]);
}

const struct ctl_command ctl_topic = {
	.name = "topic",
	.summary = "list topics, show one, or say what holds for it",
	.help =
	"Usage: blipmqctl topic [list] [PATTERN] [--user USER] [--json | --brief]\n"
	"       blipmqctl topic show TOPIC [--json]\n"
	"       blipmqctl topic set TOPIC [--user USER] [--group GROUP] [--mode MODE]\n"
	"                           [--ttl TIME|never] [--rate N]\n"
	"       blipmqctl topic delete TOPIC\n"
	"\n"
	"Lists the topics of this network namespace that you brought into being; with\n"
	"CAP_NET_ADMIN all of them. set says what holds for a topic, whether it exists or\n"
	"not, and leaves the rest as it is; delete takes all of that back, and not the\n"
	"topic. Both need CAP_NET_ADMIN.\n"
	"\n"
	"  PATTERN          only topics that it matches\n"
	"  -u, --user USER  only those of this user, a name or a number\n"
	"  -g, --group GROUP  its group; with set, --user is its owner\n"
	"  -m, --mode MODE  who may do what, as with 'blipmqctl access add'\n"
	"  -t, --ttl TIME   how long its messages live that do not say it: 500ms, 2s, 5m,\n"
	"                   1h, milliseconds without a unit; 0 says nothing\n"
	"  -r, --rate N     messages a second that it may have, 0 for any number\n"
	"  -j, --json       JSON; blipmqctl(8) has a table of its keys\n"
	"  -b, --brief      the same columns, separated by tabs, without a header\n"
	"  -h, --help       this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl topic list 'orders.>'\n",
	.run = run_topic,
};
