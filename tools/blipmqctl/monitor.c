// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl monitor: events as they happen.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../blipmq/text.h"
#include "ctl.h"
#include "event.h"

/* What may wait to be read: events are some hundred bytes. */
#define MONITOR_BUFFER	(8 << 20)

/* After a loss without another event for so long it is told without its size. */
#define MISSED_MS	1000

enum monitor_format {
	MONITOR_PEOPLE,
	MONITOR_JSON,
	MONITOR_BRIEF,
};

/**
 * struct monitor - what is asked for, and where it is
 * @format: how
 * @kinds: words of what is shown, all without any
 * @nr_kinds: how many
 * @g: the netlink socket
 * @sequence: the number of the latest event, 0 before the first
 * @overrun: events were missed after it
 * @event: the latest one
 */
struct monitor {
	enum monitor_format	format;
	char			**kinds;
	int			nr_kinds;
	struct blipmq_genl	g;
	uint64_t		sequence;
	bool			overrun;
	struct event		event;
};

/* What --brief tells of an event, and of what is not there a hyphen. */
static const char *const brief[] = {
	"time", "event", "sequence", "topic", "pattern", "group",
	"subscription", "socket", "uid", "command", "queued-messages", "lost",
	"worker", "cpu", NULL
};

static uint64_t number(const struct event *e, const char *key)
{
	uint64_t n = 0;

	values_get(&e->own, key, &n);
	return n;
}

static void print_word(const char *before, const char *word)
{
	fputs(before, stdout);
	text_write_plain(stdout, word, strlen(word));
}

/* Some of an event's values, with words in front of them. */
static void print_values(const struct event *e, const char *const *labels)
{
	char text[VALUE_ROOM];
	const char *value;

	for (; *labels; labels += 2) {
		value = event_text(e, labels[1], text);
		if (!strcmp(value, "-"))
			continue;
		print_word(labels[0], "");
		print_word("", value);
	}
}

static void print_people(const struct event *e)
{
	static const char *const labels[] = {
		" ", "topic", " ", "pattern", " group ", "group",
		" socket ", "socket", " of ", "command", " uid ", "uid",
		", queued ", "queued-messages", ", lost ", "lost",
		" worker ", "worker", " runs on CPU ", "cpu", NULL
	};
	uint64_t ns = number(e, "time"), limit;
	time_t seconds = (time_t)(ns / 1000000000);
	char clock[32], text[VALUE_ROOM];
	const char *name;
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&seconds, &tm));
	printf("%s.%03u  %-20s", clock,
	       (unsigned int)(ns % 1000000000 / 1000000),
	       event_text(e, "event", text));
	print_values(e, labels);
	if (event_limit(e, &name, &limit))
		printf(" %s is %llu", name, (unsigned long long)limit);
	putchar('\n');
}

static void print_brief(const struct event *e)
{
	char text[VALUE_ROOM];
	const char *const *key, *name = "-";
	uint64_t limit;

	for (key = brief; *key; key++) {
		print_word("", event_text(e, *key, text));
		putchar('\t');
	}
	snprintf(text, sizeof(text), "-");
	if (event_limit(e, &name, &limit))
		snprintf(text, sizeof(text), "%llu", (unsigned long long)limit);
	printf("%s\t%s\n", name, text);
}

static void print_json(json_object *o)
{
	json_print(o, false);
	json_object_put(o);
}

/* @count: how many were missed, 0 when that is not known. */
static void print_missed(const struct monitor *m, uint64_t count)
{
	json_object *o;

	if (m->format == MONITOR_PEOPLE && count)
		printf("-- %llu events were missed --\n",
		       (unsigned long long)count);
	else if (m->format == MONITOR_PEOPLE)
		puts("-- some events were missed --");
	if (m->format == MONITOR_BRIEF && count)
		printf("-\tmissed\t%llu\n", (unsigned long long)count);
	else if (m->format == MONITOR_BRIEF)
		puts("-\tmissed\t-");
	if (m->format != MONITOR_JSON)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "event", json_object_new_string("missed"));
	if (count)
		json_object_object_add(o, "count",
				       json_object_new_uint64(count));
	print_json(o);
}

static bool is_wanted(const struct monitor *m)
{
	char text[VALUE_ROOM];
	const char *kind = event_text(&m->event, "event", text);
	int i;

	for (i = 0; i < m->nr_kinds; i++)
		if (!strcmp(m->kinds[i], kind))
			return true;
	return !m->nr_kinds;
}

static int take_event(const struct nlmsghdr *nlh, void *data)
{
	struct monitor *m = data;
	uint64_t sequence;

	event_take(&m->event, nlh);
	sequence = number(&m->event, "sequence");
	if (m->sequence && sequence > m->sequence + 1)
		print_missed(m, sequence - m->sequence - 1);
	m->sequence = sequence;
	m->overrun = false;
	if (!is_wanted(m))
		return MNL_CB_OK;
	if (m->format == MONITOR_JSON)
		print_json(event_to_json(&m->event));
	else if (m->format == MONITOR_BRIEF)
		print_brief(&m->event);
	else
		print_people(&m->event);
	return MNL_CB_OK;
}

/* Return: 0 or a negative errno. */
static int monitor_read(struct monitor *m)
{
	static __u8 buffer[65536] __attribute__((aligned(8)));
	ssize_t n = mnl_socket_recvfrom(m->g.nl, buffer, sizeof(buffer));

	if (n < 0 && errno == ENOBUFS) {
		m->overrun = true;
		return 0;
	}
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (mnl_cb_run(buffer, (size_t)n, 0, 0, take_event, m) < 0)
		return -errno;
	return 0;
}

static int monitor_loop(struct monitor *m)
{
	struct pollfd p = {
		.fd = mnl_socket_get_fd(m->g.nl), .events = POLLIN,
	};
	int ret, n;

	for (;;) {
		n = poll(&p, 1, m->overrun ? MISSED_MS : -1);
		if (n < 0 && errno != EINTR)
			return ctl_failed(-errno, "cannot wait for events");
		if (!n) {
			m->overrun = false;
			print_missed(m, 0);
		}
		ret = n > 0 ? monitor_read(m) : 0;
		if (ret)
			return ctl_failed(ret, "cannot read events");
		if (fflush(stdout)) {
			ctl_error("cannot write standard output");
			return CTL_FAILED;
		}
	}
}

static int monitor_run(struct monitor *m)
{
	int ret, fd, room = MONITOR_BUFFER;

	ret = ctl_open(&m->g);
	if (ret)
		return ret;
	fd = mnl_socket_get_fd(m->g.nl);
	/* The first one is for those who may; as much as there is will do. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	ret = blipmq_genl_listen(&m->g);
	if (ret)
		ret = ctl_refused(&m->g, ret, "cannot listen to events");
	else
		ret = monitor_loop(m);
	blipmq_genl_close(&m->g);
	return ret;
}

static int run_monitor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "brief", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	static struct monitor m;
	bool json = false, tabs = false;
	int c, i;

	while ((c = getopt_long(argc, argv, "jbh", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'b':
			tabs = true;
			break;
		case 'h':
			fputs(ctl_monitor.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_monitor, "unknown option");
		}
	}
	if (json && tabs)
		return ctl_usage(&ctl_monitor,
				 "--json and --brief exclude each other");
	for (i = optind; i < argc; i++)
		if (!event_is_kind(argv[i]))
			return ctl_usage(&ctl_monitor,
					 "there is no event '%s'", argv[i]);
	m.format = json ? MONITOR_JSON : tabs ? MONITOR_BRIEF : MONITOR_PEOPLE;
	m.kinds = argv + optind;
	m.nr_kinds = argc - optind;
	event_init(&m.event);
	return monitor_run(&m);
}

const struct ctl_command ctl_monitor = {
	.name = "monitor",
	.summary = "show events as they happen",
	.help =
	"Usage: blipmqctl monitor [EVENT...] [--json | --brief]\n"
	"\n"
	"Shows events of this network namespace as they happen, until interrupted. Needs\n"
	"CAP_NET_ADMIN there.\n"
	"\n"
	"Events, all by default:\n"
	"  topic-created, topic-removed\n"
	"  subscription-added, subscription-removed\n"
	"  slow-began, slow-ended  a reader's queue overflows or holds publishers up,\n"
	"                          and is no more than half full again\n"
	"  limit-reached           somebody was refused something at a limit\n"
	"  worker-moved            a worker runs on another CPU\n"
	"  drain-began, drain-ended  nothing new is taken any more, or is again\n"
	"\n"
	"  -j, --json   an object a line; blipmqctl(8) has a table of its keys\n"
	"  -b, --brief  a line of values separated by tabs\n"
	"  -h, --help   this text\n"
	"\n"
	"What comes more quickly than it can be shown is missed, which is said.\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl monitor slow-began slow-ended\n",
	.run = run_monitor,
};
