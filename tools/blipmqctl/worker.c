// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl worker: the kernel threads that hand messages out.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "ctl.h"
#include "worker.h"

static const struct value_spec worker_specs[] = {
	{ "number", BLIPMQ_A_WORKER_NUMBER, VALUE_COUNT },
	{ "cpu", BLIPMQ_A_WORKER_CPU, VALUE_COUNT },
	{ "node", BLIPMQ_A_WORKER_NODE, VALUE_COUNT },
	{ "priority", BLIPMQ_A_WORKER_PRIORITY, VALUE_COUNT },
	{ "busy-poll-us", BLIPMQ_A_WORKER_BUSY_POLL_US, VALUE_COUNT },
	{ "pid", BLIPMQ_A_WORKER_PID, VALUE_COUNT },
	{ "bundles", BLIPMQ_A_WORKER_BUNDLES, VALUE_COUNT },
	{ "messages", BLIPMQ_A_WORKER_MESSAGES, VALUE_COUNT },
	{ "shared", BLIPMQ_A_WORKER_SHARED, VALUE_COUNT },
	{ "ring-depth", BLIPMQ_A_WORKER_RING_DEPTH, VALUE_COUNT },
	{ "ring-slots", BLIPMQ_A_WORKER_RING_SLOTS, VALUE_COUNT },
	{ "automatic", BLIPMQ_A_WORKER_AUTOMATIC, VALUE_FLAG },
	{ }
};

static const struct value_spec all_specs[] = {
	{ "count", BLIPMQ_A_WORKER_COUNT, VALUE_COUNT },
	{ "delegate", BLIPMQ_A_WORKER_DELEGATE, VALUE_COUNT },
	{ "automatic", BLIPMQ_A_WORKER_AUTOMATIC, VALUE_FLAG },
	{ }
};

const char * const ctl_class_names[] = { "other", "fifo", NULL };
/* The last is all that those hear of it who may not know what it does. */
#define STATE_RUNNING	3
static const char * const state_names[] = { "stopped", "idle", "busy", "running" };

static int worker_attr(const struct nlattr *attr, void *data)
{
	struct worker *w = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_WORKER_CLASS:
		w->class = mnl_attr_get_u32(attr) % 2;
		break;
	case BLIPMQ_A_WORKER_STATE:
		w->state = mnl_attr_get_u32(attr) % 3;
		break;
	case BLIPMQ_A_WORKER_NICE:
		w->nice = (int32_t)mnl_attr_get_u32(attr);
		break;
	default:
		values_take(&w->v, attr);
	}
	return MNL_CB_OK;
}

static void worker_json(const struct worker *w)
{
	json_object *o = json_object_new_object();

	values_to_json(&w->v, o);
	json_object_object_add(o, "state",
			       json_object_new_string(state_names[w->state]));
	json_object_object_add(o, "class",
			       json_object_new_string(ctl_class_names[w->class]));
	if (w->class == BLIPMQ_WORKER_CLASS_OTHER)
		json_object_object_add(o, "nice",
				       json_object_new_int(w->nice));
	json_object_array_add(w->list, o);
}

static void worker_people(const struct worker *w)
{
	uint64_t number = 0, n;

	values_get(&w->v, "number", &number);
	printf("worker %llu: %s", (unsigned long long)number,
	       state_names[w->state]);
	if (values_get(&w->v, "cpu", &n))
		printf(", cpu %llu", (unsigned long long)n);
	if (values_get(&w->v, "priority", &n))
		printf(", fifo %llu", (unsigned long long)n);
	else
		printf(", nice %d", w->nice);
	if (values_get(&w->v, "busy-poll-us", &n) && n)
		printf(", busy-poll %llu us", (unsigned long long)n);
	if (values_get(&w->v, "messages", &n))
		printf(", %llu messages", (unsigned long long)n);
	if (values_get(&w->v, "ring-depth", &n))
		printf(", %llu bundles wait", (unsigned long long)n);
	putchar('\n');
}

/**
 * ctl_worker_take() - read what the kernel says of a worker
 * @nlh: the message
 * @w: the worker, of which @list stays
 *
 * Return: as callbacks of mnl.
 */
int ctl_worker_take(const struct nlmsghdr *nlh, struct worker *w)
{
	json_object *list = w->list;

	memset(w, 0, sizeof(*w));
	w->list = list;
	w->state = STATE_RUNNING;
	w->v.specs = worker_specs;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), worker_attr, w);
}

static int worker_reply(const struct nlmsghdr *nlh, void *data)
{
	struct worker *w = data;

	if (ctl_worker_take(nlh, w) < 0)
		return MNL_CB_ERROR;
	if (w->list)
		worker_json(w);
	else
		worker_people(w);
	return MNL_CB_OK;
}

static int all_attr(const struct nlattr *attr, void *data)
{
	values_take(data, attr);
	return MNL_CB_OK;
}

static int all_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), all_attr, data);
}

/**
 * ctl_workers_get() - ask how many workers there are, and who may use them
 * @g: the netlink socket
 * @all: count, delegate and automatic
 *
 * Return: 0 or a negative errno.
 */
int ctl_workers_get(struct blipmq_genl *g, struct values *all)
{
	memset(all, 0, sizeof(*all));
	all->specs = all_specs;
	return blipmq_genl_request(g, BLIPMQ_CMD_WORKER_GET, all_reply, all);
}

static void print_json(const struct values *all, json_object *list)
{
	json_object *o = json_object_new_object();

	values_to_json(all, o);
	json_object_object_add(o, "workers", list);
	json_print(o, true);
	json_object_put(o);
}

static int worker_list(bool json)
{
	__u8 buffer[256] __attribute__((aligned(8)));
	struct values all;
	struct worker w = { 0 };
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	uint64_t count = 0, delegate = 0;
	int ret;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	ret = ctl_workers_get(&g, &all);
	if (!ret && !json && values_get(&all, "count", &count) &&
	    values_get(&all, "delegate", &delegate))
		printf("%llu workers%s\n", (unsigned long long)count,
		       delegate ? ", delegated" : "");
	if (!ret) {
		if (json)
			w.list = json_object_new_array();
		nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_WORKER_GET);
		nlh->nlmsg_flags |= NLM_F_DUMP;
		ret = blipmq_genl_run(&g, nlh, worker_reply, &w);
	}
	blipmq_genl_close(&g);
	if (ret) {
		json_object_put(w.list);
		return ctl_failed(ret, "cannot get the workers");
	}
	if (json)
		print_json(&all, w.list);
	return CTL_DONE;
}

/* What worker set takes, in the order of the options. */
static const struct {
	const char *name;
	uint16_t attr;
} settings[] = {
	{ "count", BLIPMQ_A_WORKER_COUNT },
	{ "delegate", BLIPMQ_A_WORKER_DELEGATE },
	{ "cpu", BLIPMQ_A_WORKER_CPU },
	{ "class", BLIPMQ_A_WORKER_CLASS },
	{ "priority", BLIPMQ_A_WORKER_PRIORITY },
	{ "nice", BLIPMQ_A_WORKER_NICE },
	{ "busy-poll", BLIPMQ_A_WORKER_BUSY_POLL_US },
};

#define SETTINGS	((int)(sizeof(settings) / sizeof(settings[0])))

static bool parse_number(const char *text, long long *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return !errno && end != text && !*end && *value >= INT32_MIN &&
	       *value <= UINT32_MAX;
}

static bool parse_setting(uint16_t attr, const char *text, long long *value)
{
	if (attr == BLIPMQ_A_WORKER_CLASS) {
		for (*value = 0; *value < 2; ++*value)
			if (!strcmp(text, ctl_class_names[*value]))
				return true;
		return false;
	}
	if (attr == BLIPMQ_A_WORKER_DELEGATE) {
		*value = !strcmp(text, "yes");
		return *value || !strcmp(text, "no");
	}
	return parse_number(text, value) &&
	       (*value >= 0 || attr == BLIPMQ_A_WORKER_NICE);
}

static int worker_set(struct nlmsghdr *nlh, struct blipmq_genl *g,
		      const char *number, char **values)
{
	long long value;
	int i;

	if (number) {
		if (!parse_number(number, &value) || value < 0)
			return ctl_usage(&ctl_worker,
					 "worker set wants a number, not '%s'",
					 number);
		mnl_attr_put_u32(nlh, BLIPMQ_A_WORKER_NUMBER, (uint32_t)value);
	}
	for (i = 0; i < SETTINGS; i++) {
		if (!values[i])
			continue;
		if (!parse_setting(settings[i].attr, values[i], &value))
			return ctl_usage(&ctl_worker, "--%s cannot be '%s'",
					 settings[i].name, values[i]);
		mnl_attr_put_u32(nlh, settings[i].attr, (uint32_t)value);
	}
	i = blipmq_genl_run(g, nlh, NULL, NULL);
	if (i == -EPERM) {
		ctl_error("cannot set workers: %s",
			  "this needs CAP_NET_ADMIN of the host; run it as root there");
		return CTL_FAILED;
	}
	return i ? ctl_refused(g, i, "cannot set workers") : CTL_DONE;
}

static int run_worker(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 0 },
		{ "delegate", required_argument, NULL, 1 },
		{ "cpu", required_argument, NULL, 2 },
		{ "class", required_argument, NULL, 3 },
		{ "priority", required_argument, NULL, 4 },
		{ "nice", required_argument, NULL, 5 },
		{ "busy-poll", required_argument, NULL, 6 },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	__u8 buffer[512] __attribute__((aligned(8)));
	char *values[SETTINGS] = { NULL };
	const char *action = "list", *number = NULL;
	bool json = false, sets = false;
	struct blipmq_genl g;
	int c, ret;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(ctl_worker.help, stdout);
			return CTL_DONE;
		}
		if (c == 'j') {
			json = true;
		} else if (c >= 0 && c < SETTINGS) {
			values[c] = optarg;
			sets = true;
		} else {
			return ctl_usage(&ctl_worker, "unknown option");
		}
	}
	if (optind < argc)
		action = argv[optind++];
	if (!strcmp(action, "list") && !sets && optind == argc)
		return worker_list(json);
	if (!strcmp(action, "list"))
		return ctl_usage(&ctl_worker,
				 "worker list takes --json and nothing else");
	if (strcmp(action, "set"))
		return ctl_usage(&ctl_worker,
				 "worker has no '%s', but list and set", action);
	if (optind < argc)
		number = argv[optind++];
	if (optind < argc || !sets || json)
		return ctl_usage(&ctl_worker,
				 "worker set wants [NUMBER] and options that say what");
	ret = ctl_open(&g);
	if (ret)
		return ret;
	ret = worker_set(blipmq_genl_new(&g, buffer, BLIPMQ_CMD_WORKER_SET),
			 &g, number, values);
	blipmq_genl_close(&g);
	return ret;
}

const struct ctl_command ctl_worker = {
	.name = "worker",
	.summary = "show and set the threads of worker lanes",
	.help =
	"Usage: blipmqctl worker [list] [--json]\n"
	"       blipmqctl worker set [--count N] [--delegate yes|no]\n"
	"       blipmqctl worker set NUMBER [--cpu N] [--class other|fifo]\n"
	"                 [--priority N] [--nice N] [--busy-poll MICROSECONDS]\n"
	"\n"
	"Shows or changes the kernel threads that hand messages out for topics in the\n"
	"lane of a worker, see 'blipmqctl help lane'. They serve all namespaces, and\n"
	"are started when they are first used. To change them needs CAP_NET_ADMIN\n"
	"outside of containers.\n"
	"\n"
	"      --count N      how many there are, 1 to 64\n"
	"      --delegate yes|no\n"
	"                     may containers give topics to workers?\n"
	"      --cpu N        where the worker runs\n"
	"      --class CLASS  how it is scheduled: other, or fifo (real time)\n"
	"      --priority N   of the class fifo, 1 to 99\n"
	"      --nice N       of the class other, -20 to 19\n"
	"      --busy-poll N  microseconds for which it looks for work before it\n"
	"                     sleeps, 0 to 1000000\n"
	"  -j, --json         one JSON object, see blipmqctl(8)\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl worker set 1 --cpu 3 --busy-poll 50\n",
	.run = run_worker,
};
