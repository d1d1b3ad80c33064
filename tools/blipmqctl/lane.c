// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl lane: how the messages of topics are handed out.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "ctl.h"
#include "dump.h"
#include "lane.h"

const char * const ctl_mode_names[] = { "default", "direct", "worker", NULL };

#define MODES	(sizeof(ctl_mode_names) / sizeof(ctl_mode_names[0]) - 1)

static int lane_attr(const struct nlattr *attr, void *data)
{
	struct lane *l = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_LANE_PATTERN:
	case BLIPMQ_A_LANE_TOPIC:
		l->len = mnl_attr_get_payload_len(attr);
		if (l->len >= sizeof(l->name))
			l->len = sizeof(l->name) - 1;
		memcpy(l->name, mnl_attr_get_payload(attr), l->len);
		break;
	case BLIPMQ_A_LANE_MODE:
		l->mode = mnl_attr_get_u32(attr) % MODES;
		break;
	case BLIPMQ_A_LANE_WORKER:
		l->worker = mnl_attr_get_u32(attr);
		break;
	case BLIPMQ_A_LANE_MOVING:
		l->moving = true;
		break;
	}
	return MNL_CB_OK;
}

static void lane_json(const struct lane *l)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "pattern", l->len ?
			       json_object_new_string_len(l->name,
							  (int)l->len) : NULL);
	json_object_object_add(o, "mode", json_object_new_string(l->moving ?
			       "moving" : ctl_mode_names[l->mode]));
	if (l->worker >= 0)
		json_object_object_add(o, "worker",
				       json_object_new_int((int)l->worker));
	json_object_array_add(l->list, o);
}

/* What terminals would obey is shown as bytes. */
static void print_name(const char *name, size_t len)
{
	unsigned char c, before = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		c = (unsigned char)name[i];
		if (c < ' ' || c == 0x7f ||
		    (before == 0xc2 && c >= 0x80 && c < 0xa0))
			printf("\\x%02x", c);
		else
			putchar(c);
		before = c;
	}
}

static void lane_people(const struct lane *l)
{
	if (l->len)
		print_name(l->name, l->len);
	else
		fputs("all other topics", stdout);
	printf(": %s", l->moving ? "moving" : ctl_mode_names[l->mode]);
	if (l->worker >= 0)
		printf(" %ld", l->worker);
	putchar('\n');
}

/**
 * ctl_lane_take() - read what the kernel says of a lane
 * @nlh: the message
 * @l: the lane
 *
 * Return: as callbacks of mnl.
 */
int ctl_lane_take(const struct nlmsghdr *nlh, struct lane *l)
{
	memset(l, 0, sizeof(*l));
	l->worker = -1;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), lane_attr, l);
}

static int lane_print(const struct nlmsghdr *nlh, struct json_object *list)
{
	struct lane l;

	if (ctl_lane_take(nlh, &l) < 0)
		return -errno;
	l.list = list;
	if (list)
		lane_json(&l);
	else
		lane_people(&l);
	return 0;
}

static int lane_show(const char *topic, bool json)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	const struct nlmsghdr *reply = NULL;
	struct json_object *list = NULL;
	struct dump d = { };
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	int ret;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_LANE_GET);
	if (topic)
		mnl_attr_put(nlh, BLIPMQ_A_LANE_TOPIC, strlen(topic), topic);
	else
		nlh->nlmsg_flags |= NLM_F_DUMP;
	if (json)
		list = json_object_new_array();
	ret = dump_run(&d, &g, nlh);
	while (!ret && (reply = dump_next(&d, reply)))
		ret = lane_print(reply, list);
	dump_free(&d);
	blipmq_genl_close(&g);
	if (!ret && json)
		json_print(list, true);
	json_object_put(list);
	return ret ? ctl_refused(&g, ret, "cannot get the lane") : CTL_DONE;
}

static int lane_set(const char *pattern, const char *mode, const char *worker)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	unsigned long n = 0;
	uint32_t m = 0;
	char *end;
	int ret;

	while (m < MODES && strcmp(mode, ctl_mode_names[m]))
		m++;
	if (m == MODES)
		return ctl_usage(&ctl_lane,
				 "there is no mode '%s', but direct, worker and default",
				 mode);
	if (worker) {
		errno = 0;
		n = strtoul(worker, &end, 10);
		if (errno || end == worker || *end || n > INT32_MAX)
			return ctl_usage(&ctl_lane,
					 "a worker is a number, not '%s'",
					 worker);
	}
	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_LANE_SET);
	if (pattern)
		mnl_attr_put(nlh, BLIPMQ_A_LANE_PATTERN, strlen(pattern),
			     pattern);
	mnl_attr_put_u32(nlh, BLIPMQ_A_LANE_MODE, m);
	if (worker)
		mnl_attr_put_u32(nlh, BLIPMQ_A_LANE_WORKER, (uint32_t)n);
	ret = blipmq_genl_run(&g, nlh, NULL, NULL);
	blipmq_genl_close(&g);
	if (ret == -EPERM && g.message[0])
		ctl_error("cannot set the lane: %s", g.message);
	else if (ret)
		ctl_refused(&g, ret, "cannot set the lane");
	return ret ? CTL_FAILED : CTL_DONE;
}

static int run_lane(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	bool all = false, json = false;
	const char *pattern = NULL, *action = "show";
	int c, left;

	while ((c = getopt_long(argc, argv, "ajh", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			all = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(ctl_lane.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_lane, "unknown option");
		}
	}
	if (optind < argc)
		action = argv[optind++];
	left = argc - optind;
	if (!strcmp(action, "show") && left <= 1 && !all)
		return lane_show(argv[optind], json);
	if (!strcmp(action, "show"))
		return ctl_usage(&ctl_lane, "lane show wants one TOPIC or none");
	if (strcmp(action, "set"))
		return ctl_usage(&ctl_lane, "lane has no '%s', but show and set",
				 action);
	if (!all && left)
		pattern = argv[optind++];
	left = argc - optind;
	if (json || left < 1 || left > 2)
		return ctl_usage(&ctl_lane,
				 "lane set wants PATTERN or --all, MODE, and [WORKER]");
	return lane_set(pattern, argv[optind], argv[optind + 1]);
}

const struct ctl_command ctl_lane = {
	.name = "lane",
	.summary = "show and set how topics are handed out",
	.help =
	"Usage: blipmqctl lane [show [TOPIC]] [--json]\n"
	"       blipmqctl lane set PATTERN|--all direct|worker|default [WORKER]\n"
	"\n"
	"Shows or changes who hands the messages of topics out: the publisher's own call\n"
	"(direct), or a kernel thread (worker), that with the number WORKER or one chosen\n"
	"by the name of the topic. PATTERN is a topic or a pattern. Exact topics come\n"
	"before patterns, longer patterns before shorter ones; the first that matches\n"
	"counts. default takes a rule out. Changes lose nothing and keep the order.\n"
	"To set one needs CAP_NET_ADMIN; in a container that has to be delegated,\n"
	"see 'blipmqctl help worker'.\n"
	"\n"
	"      --all   for all topics that no other rule names\n"
	"  -j, --json  a JSON array, see blipmqctl(8)\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl lane set 'ticks.>' worker 1\n",
	.run = run_lane,
};
