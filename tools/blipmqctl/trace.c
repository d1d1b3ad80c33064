// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl trace: why messages are dropped, by topic and reason.
 */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../blipmq/text.h"
#include "ctl.h"
#include "moment.h"
#include "tracefs.h"
#include "value.h"

#define DROP_EVENT	"blipmq/blipmq_drop"

/* Topics and reasons that are told apart; what comes later is one of them. */
#define DROPS_MAX	10000

/* The longest line: a topic and some numbers. */
#define LINE_ROOM	1024

/**
 * struct drop - messages of a topic that were dropped for a reason
 * @messages: how many
 * @reason: why
 * @topic: the topic
 */
struct drop {
	unsigned long long	messages;
	char			reason[16];
	char			topic[256];
};

/**
 * struct trace - what was seen
 * @json: it is shown so
 * @seconds: for how long, 0 without an end
 * @t: where it comes from
 * @line: a line that has begun
 * @len: bytes of it
 * @tree: drops by topic and reason
 * @drops: the same, in a row
 * @nr: how many
 * @missed: events that the kernel had no room for
 */
struct trace {
	bool			json;
	double			seconds;
	struct tracefs		t;
	char			line[LINE_ROOM];
	size_t			len;
	void			*tree;
	struct drop		*drops[DROPS_MAX];
	size_t			nr;
	unsigned long long	missed;
};

static int drop_compare(const void *a, const void *b)
{
	const struct drop *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ?: strcmp(x->reason, y->reason);
}

/* The one that has this topic and reason, which may be new; NULL: no memory. */
static struct drop *drop_find(struct trace *tr, struct drop *like)
{
	struct drop **found, *d;

	found = tfind(like, &tr->tree, drop_compare);
	if (found)
		return *found;
	if (tr->nr == DROPS_MAX - 1) {
		snprintf(like->topic, sizeof(like->topic), "(other topics)");
		snprintf(like->reason, sizeof(like->reason), "any");
		found = tfind(like, &tr->tree, drop_compare);
		if (found)
			return *found;
	}
	if (tr->nr == DROPS_MAX)
		return tr->drops[DROPS_MAX - 1];
	d = malloc(sizeof(*d));
	if (!d)
		return NULL;
	*d = *like;
	d->messages = 0;
	if (!tsearch(d, &tr->tree, drop_compare)) {
		free(d);
		return NULL;
	}
	tr->drops[tr->nr++] = d;
	return d;
}

/* Return: false for want of memory. */
static bool trace_line(struct trace *tr, const char *line)
{
	const char *topic = NULL, *end, *rest;
	struct drop like = { .messages = 0 }, *d;
	unsigned long long n;

	/* All others begin with a name, in 16 columns, that anybody may have. */
	if (sscanf(line, "CPU:%*u [LOST %llu EVENTS]", &n) == 1) {
		tr->missed += n;
		return true;
	}
	for (rest = line; (rest = strstr(rest, " topic=")); rest++)
		topic = rest;
	end = topic ? strstr(topic, " id=") : NULL;
	rest = end ? strstr(end, " messages=") : NULL;
	if (!rest || sscanf(rest, " messages=%llu reason=%15s", &n,
			    like.reason) != 2)
		return true;
	topic += strlen(" topic=");
	snprintf(like.topic, sizeof(like.topic), "%.*s", (int)(end - topic),
		 topic);
	d = drop_find(tr, &like);
	if (d)
		d->messages += n;
	return d;
}

/* Return: false for want of memory. */
static bool trace_bytes(struct trace *tr, const char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			tr->line[tr->len] = '\0';
			tr->len = 0;
			if (!trace_line(tr, tr->line))
				return false;
		} else if (tr->len < sizeof(tr->line) - 1) {
			tr->line[tr->len++] = bytes[i];
		}
	}
	return true;
}

/* All that there is. Return: 0 or a negative errno. */
static int trace_read(struct trace *tr)
{
	char bytes[16384];
	ssize_t n;

	while ((n = read(tr->t.pipe, bytes, sizeof(bytes))) > 0)
		if (!trace_bytes(tr, bytes, (size_t)n))
			return -ENOMEM;
	return n < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

static int left_ms(const struct timespec *end)
{
	struct timespec now;
	double ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (double)(end->tv_sec - now.tv_sec) * 1e3 +
	     (double)(end->tv_nsec - now.tv_nsec) / 1e6;
	return ms > 0 ? (int)ceil(ms) : 0;
}

/* Until a signal comes, or the time is over. Return: 0 or a negative errno. */
static int trace_wait(struct trace *tr, int signals)
{
	struct pollfd p[2] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = tr->t.pipe, .events = POLLIN },
	};
	struct timespec end;
	int ret = 0, wait = -1;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)tr->seconds;
	end.tv_nsec += (long)((tr->seconds - floor(tr->seconds)) * 1e9);
	while (!ret) {
		if (tr->seconds > 0) {
			wait = left_ms(&end);
			if (!wait)
				break;
		}
		if (poll(p, 2, wait) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			break;
		ret = trace_read(tr);
	}
	return ret ?: trace_read(tr);
}

static int drop_order(const void *a, const void *b)
{
	const struct drop *const *x = a, *const *y = b;

	if ((*x)->messages != (*y)->messages)
		return (*x)->messages > (*y)->messages ? -1 : 1;
	return drop_compare(*x, *y);
}

static void print_people(const struct trace *tr)
{
	size_t i;

	if (!tr->nr)
		puts("Nothing was dropped.");
	else
		printf("%12s  %-10s  %s\n", "MESSAGES", "REASON", "TOPIC");
	for (i = 0; i < tr->nr; i++) {
		printf("%12llu  %-10s  ", tr->drops[i]->messages,
		       tr->drops[i]->reason);
		text_write_plain(stdout, tr->drops[i]->topic,
				 strlen(tr->drops[i]->topic));
		putchar('\n');
	}
	if (tr->missed)
		printf("%llu events were missed.\n", tr->missed);
}

static void print_json(const struct trace *tr)
{
	json_object *o = json_object_new_object();
	json_object *drops = json_object_new_array();
	json_object *d;
	size_t i;

	for (i = 0; i < tr->nr; i++) {
		if (!text_is_utf8(tr->drops[i]->topic,
				  strlen(tr->drops[i]->topic)))
			continue;
		d = json_object_new_object();
		json_object_object_add(d, "topic",
				       json_object_new_string(tr->drops[i]->topic));
		json_object_object_add(d, "reason",
				       json_object_new_string(tr->drops[i]->reason));
		json_object_object_add(d, "messages",
				       json_object_new_uint64(tr->drops[i]->messages));
		json_object_array_add(drops, d);
	}
	json_object_object_add(o, "drops", drops);
	json_object_object_add(o, "missed", json_object_new_uint64(tr->missed));
	json_print(o, true);
	json_object_put(o);
}

static int trace_run(struct trace *tr)
{
	char filter[64];
	struct stat st;
	sigset_t set;
	int signals, ret;

	if (stat("/proc/self/ns/net", &st))
		return ctl_failed(-errno, "cannot tell the network namespace");
	/* From here on a signal ends it, and the buffer goes. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return ctl_failed(-errno, "cannot wait for signals");
	snprintf(filter, sizeof(filter), "netns == %llu",
		 (unsigned long long)st.st_ino);
	ret = tracefs_open(&tr->t, DROP_EVENT, filter);
	if (!ret) {
		ret = trace_wait(tr, signals);
		if (ret)
			ret = ctl_failed(ret, "cannot read the trace");
	}
	tracefs_close(&tr->t);
	close(signals);
	if (ret)
		return ret;
	qsort(tr->drops, tr->nr, sizeof(void *), drop_order);
	if (tr->json)
		print_json(tr);
	else
		print_people(tr);
	return CTL_DONE;
}

static int run_trace(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "seconds", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	static struct trace tr;
	int c;

	while ((c = getopt_long(argc, argv, "js:h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			tr.json = true;
			break;
		case 's':
			if (moment_parse(optarg, &tr.seconds))
				break;
			return ctl_usage(&ctl_trace,
					 "--seconds wants 0.01 to 86400, not '%s'",
					 optarg);
		case 'h':
			fputs(ctl_trace.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_trace, "unknown option");
		}
	}
	if (optind < argc)
		return ctl_usage(&ctl_trace, "trace takes no '%s'",
				 argv[optind]);
	return trace_run(&tr);
}

const struct ctl_command ctl_trace = {
	.name = "trace",
	.summary = "why messages are dropped, by topic and reason",
	.help =
	"Usage: blipmqctl trace [--seconds SECONDS] [--json]\n"
	"\n"
	"Watches until interrupted, then tells how many messages of this network\n"
	"namespace were dropped meanwhile, by topic and reason. Messages that go together\n"
	"count for the topic of the first one. Needs root, and tracefs.\n"
	"\n"
	"  -s, --seconds SECONDS  end by itself\n"
	"  -j, --json             one object; blipmqctl(8) has a table of its keys\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 done, 1 there is no tracefs or it is refused, 2 usage.\n"
	"\n"
	"Example: blipmqctl trace --seconds 10\n",
	.run = run_trace,
};
