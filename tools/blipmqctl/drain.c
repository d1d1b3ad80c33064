// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl drain: let what is queued be delivered, and nothing be added.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/blipmq_netlink.h>

#include "broker.h"
#include "ctl.h"

/* Between two looks, and between two lines that tell how far it is. */
#define LOOK_NS		100000000
#define TELL_S		1
#define WAIT_MAX	(7L * 24 * 60 * 60)

/**
 * struct drain - how far it is
 * @g: the netlink socket
 * @b: the latest look
 * @json: it is told at the end alone
 * @empty: nothing is queued, and nothing can come
 * @settled: nothing was in flight at the look before
 */
struct drain {
	struct blipmq_genl	g;
	struct broker		b;
	bool			json;
	bool			empty;
	bool			settled;
};

static uint64_t number(const struct values *v, const char *key)
{
	uint64_t n = 0;

	values_get(v, key, &n);
	return n;
}

/* What was in flight at one look is queued at the next one. */
static int drain_look(struct drain *d)
{
	int ret = broker_get(&d->g, &d->b);

	if (ret)
		return ret;
	d->empty = d->settled && !number(&d->b.totals, "queued-messages");
	d->settled = number(&d->b.broker, "draining") &&
		     !number(&d->b.broker, "in-flight");
	return 0;
}

static void drain_tell(const struct drain *d)
{
	if (d->json)
		return;
	printf("%llu messages queued, %llu bundles in flight, %llu sockets open\n",
	       (unsigned long long)number(&d->b.totals, "queued-messages"),
	       (unsigned long long)number(&d->b.broker, "in-flight"),
	       (unsigned long long)number(&d->b.broker, "sockets"));
	fflush(stdout);
}

static void drain_json(const struct drain *d)
{
	const struct values *b = &d->b.broker;
	json_object *o = json_object_new_object(), *n;
	bool draining = number(b, "draining");

	json_object_object_add(o, "draining", json_object_new_boolean(draining));
	json_object_object_add(o, "drained", json_object_new_boolean(d->empty));
	n = json_object_new_uint64(number(&d->b.totals, "queued-messages"));
	json_object_object_add(o, "queued-messages", n);
	n = json_object_new_uint64(number(b, "in-flight"));
	json_object_object_add(o, "in-flight", n);
	n = json_object_new_uint64(number(b, "sockets"));
	json_object_object_add(o, "sockets", n);
	json_print(o, true);
	json_object_put(o);
}

static long seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Two looks at least; then until it is empty, or the time is over. */
static int drain_wait(struct drain *d, long seconds)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	long begin = seconds_now(), told = begin;
	int ret;

	for (;;) {
		ret = drain_look(d);
		if (!ret && !d->empty)
			ret = drain_look(d);
		if (ret || d->empty || seconds_now() - begin >= seconds)
			return ret;
		if (seconds_now() - told >= TELL_S) {
			told = seconds_now();
			drain_tell(d);
		}
		nanosleep(&pause, NULL);
	}
}

static int drain_end(struct drain *d, bool undo, bool waits)
{
	if (d->json)
		drain_json(d);
	else if (undo)
		puts("Not draining: messages, subscriptions and sockets are welcome again.");
	else if (d->empty)
		puts("Drained: nothing is queued.");
	else
		drain_tell(d);
	if (!waits || d->empty)
		return CTL_DONE;
	fflush(stdout);
	ctl_error("not drained in time; it goes on, and 'blipmqctl drain --undo' ends it");
	return CTL_TIMED_OUT;
}

static int drain_do(struct drain *d, bool undo, long seconds)
{
	__u8 buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
	int ret;

	nlh = blipmq_genl_new(&d->g, buffer, BLIPMQ_CMD_DRAIN);
	if (undo)
		mnl_attr_put(nlh, BLIPMQ_A_BROKER_UNDO, 0, NULL);
	ret = blipmq_genl_run(&d->g, nlh, NULL, NULL);
	if (ret)
		return ctl_refused(&d->g, ret, "cannot drain");
	ret = drain_wait(d, undo || seconds < 0 ? 0 : seconds);
	if (ret)
		return ctl_failed(ret, "cannot get the broker's state");
	return drain_end(d, undo, !undo && seconds >= 0);
}

static bool parse_seconds(const char *text, long *seconds)
{
	char *end;

	errno = 0;
	*seconds = strtol(text, &end, 10);
	return end != text && !*end && !errno && *seconds >= 0 &&
	       *seconds <= WAIT_MAX;
}

static int run_drain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ "undo", no_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	static struct drain d;
	long seconds = -1;
	bool undo = false;
	int c, ret;

	while ((c = getopt_long(argc, argv, "w:ujh", options, NULL)) != -1) {
		switch (c) {
		case 'w':
			if (!parse_seconds(optarg, &seconds))
				return ctl_usage(&ctl_drain,
						 "--wait wants seconds, 0 to %ld, not '%s'",
						 WAIT_MAX, optarg);
			break;
		case 'u':
			undo = true;
			break;
		case 'j':
			d.json = true;
			break;
		case 'h':
			fputs(ctl_drain.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_drain, "unknown option");
		}
	}
	if (optind < argc)
		return ctl_usage(&ctl_drain, "drain takes no '%s'", argv[optind]);
	if (undo && seconds >= 0)
		return ctl_usage(&ctl_drain,
				 "--undo and --wait exclude each other");
	ret = ctl_open(&d.g);
	if (ret)
		return ret;
	ret = drain_do(&d, undo, seconds);
	blipmq_genl_close(&d.g);
	return ret;
}

const struct ctl_command ctl_drain = {
	.name = "drain",
	.summary = "deliver what is queued, and take nothing new",
	.help =
	"Usage: blipmqctl drain [--wait SECONDS] [--json]\n"
	"       blipmqctl drain --undo [--json]\n"
	"\n"
	"Has this network namespace's broker refuse new messages, subscriptions and\n"
	"sockets (ESHUTDOWN; 503 to clients of blipmqd, which takes no new ones), and\n"
	"go on delivering what is queued. Connections stay open. Needs CAP_NET_ADMIN.\n"
	"\n"
	"  -w, --wait SECONDS  wait until nothing is queued, so long at most, and say\n"
	"                      how far it is\n"
	"  -u, --undo          drain no longer\n"
	"  -j, --json          a JSON object; blipmqctl(8) has a table of its keys\n"
	"  -h, --help          this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded, 4 not drained in time.\n"
	"\n"
	"Example: blipmqctl drain --wait 30 && pkill blipmqd\n",
	.run = run_drain,
};
