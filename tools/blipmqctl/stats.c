// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl stats: totals, and what comes and goes in a second.
 */
#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "ctl.h"
#include "latency.h"
#include "moment.h"

enum stats_format {
	STATS_PEOPLE,
	STATS_LINE,
	STATS_PROMETHEUS,
	STATS_JSON,
};

/**
 * struct stats_args - what was asked for
 * @format: how
 * @watch: again and again
 * @seconds: the time between two looks
 * @set: whether latencies are measured is set
 * @enable: to that
 */
struct stats_args {
	enum stats_format	format;
	bool			watch;
	double			seconds;
	bool			set;
	bool			enable;
};

/**
 * struct sample - the state at a moment
 * @at: the moment, in seconds
 * @b: the state
 * @latency: how long messages took
 */
struct sample {
	double		at;
	struct broker	b;
	struct latency	latency;
};

static uint64_t total(const struct sample *s, const char *key)
{
	uint64_t number = 0;

	values_get(&s->b.totals, key, &number);
	return number;
}

static uint64_t state(const struct sample *s, const char *key)
{
	uint64_t number = 0;

	values_get(&s->b.broker, key, &number);
	return number;
}

static uint64_t rate(const struct sample *s, const struct sample *before,
		     const char *key)
{
	return moment_rate(total(before, key), total(s, key),
			   s->at - before->at);
}

/* The line of blipmqd, for all sockets. */
static void print_line(const struct sample *s, const struct sample *before,
		       const struct latency *l)
{
	printf("BlipMQ - Connections: %llu, Msg/s: R:%llu S:%llu, Bytes/s: R:%llu S:%llu",
	       (unsigned long long)state(s, "sockets"),
	       (unsigned long long)rate(s, before, "published"),
	       (unsigned long long)rate(s, before, "delivered"),
	       (unsigned long long)rate(s, before, "published-bytes"),
	       (unsigned long long)rate(s, before, "delivered-bytes"));
	if (latency_has(l))
		printf(", Latency us: R:%.1f S:%.1f T:%.1f",
		       (double)histogram_average(&l->routing) / 1e3,
		       (double)histogram_average(&l->waiting) / 1e3,
		       (double)histogram_average(&l->total) / 1e3);
	putchar('\n');
}

static const char *const rates[] = {
	"published", "published-bytes", "matched", "delivered",
	"delivered-bytes", "refused", NULL
};

static void print_json(const struct sample *s, const struct sample *before,
		       const struct latency *l, bool pretty)
{
	json_object *o = json_object_new_object();
	json_object *totals = json_object_new_object();
	json_object *each = json_object_new_object();
	const char *const *key;

	values_to_json(&s->b.broker, o);
	values_to_json(&s->b.totals, totals);
	for (key = rates; *key; key++)
		json_object_object_add(each, *key,
				       json_object_new_uint64(rate(s, before,
								   *key)));
	json_object_object_add(o, "totals", totals);
	json_object_object_add(o, "rates", each);
	json_object_object_add(o, "latency", latency_to_json(l));
	json_print(o, pretty);
	json_object_put(o);
}

static void prometheus_name(const char *key)
{
	fputs("blipmq_", stdout);
	for (; *key; key++)
		putchar(*key == '-' ? '_' : *key);
}

static void prometheus_values(const struct values *v, bool counters)
{
	const struct value_spec *s;
	bool gauge, drops = false;
	uint64_t number;

	for (s = v->specs; s->key; s++) {
		if (s->kind == VALUE_TEXT)
			continue;
		if (!values_get(v, s->key, &number)) {
			/* The kernel leaves out a flag that is not set. */
			if (s->kind != VALUE_FLAG)
				continue;
			number = 0;
		}
		if (counters && !strncmp(s->key, "dropped-", 8)) {
			if (!drops)
				puts("# TYPE blipmq_dropped_total counter");
			drops = true;
			printf("blipmq_dropped_total{reason=\"%s\"} %llu\n",
			       s->key + 8, (unsigned long long)number);
			continue;
		}
		gauge = !counters || !strncmp(s->key, "queued-", 7);
		fputs("# TYPE ", stdout);
		prometheus_name(s->key);
		puts(gauge ? " gauge" : "_total counter");
		prometheus_name(s->key);
		printf("%s %llu\n", gauge ? "" : "_total",
		       (unsigned long long)number);
	}
}

static void print_prometheus(const struct sample *s)
{
	prometheus_values(&s->b.broker, false);
	prometheus_values(&s->b.totals, true);
	if (latency_has(&s->latency))
		latency_print_prometheus(&s->latency);
}

static void print_row(const struct sample *s, const struct sample *before,
		      const char *messages, const char *bytes)
{
	char a[32], b[32];

	printf("%-10s %20llu %12s %12llu/s %12s/s\n", messages,
	       (unsigned long long)total(s, messages),
	       value_bytes(total(s, bytes), a, sizeof(a)),
	       (unsigned long long)rate(s, before, messages),
	       value_bytes(rate(s, before, bytes), b, sizeof(b)));
}

static void print_people(const struct sample *s, const struct sample *before,
			 const struct latency *l)
{
	const struct value_spec *spec;
	char text[32];

	printf("sockets %llu, topics %llu, subscriptions %llu, message memory %s\n",
	       (unsigned long long)state(s, "sockets"),
	       (unsigned long long)state(s, "topics"),
	       (unsigned long long)state(s, "subscriptions"),
	       value_bytes(state(s, "memory-bytes"), text, sizeof(text)));
	print_row(s, before, "published", "published-bytes");
	print_row(s, before, "delivered", "delivered-bytes");
	printf("%-10s %20llu %12s\n", "queued",
	       (unsigned long long)total(s, "queued-messages"),
	       value_bytes(total(s, "queued-bytes"), text, sizeof(text)));
	for (spec = s->b.totals.specs; spec->key; spec++)
		if (!strncmp(spec->key, "dropped-", 8) && total(s, spec->key))
			printf("%-10s %20llu %27llu/s\n", spec->key + 8,
			       (unsigned long long)total(s, spec->key),
			       (unsigned long long)rate(s, before, spec->key));
	if (latency_has(l))
		latency_print_people(l);
}

static void stats_print(const struct stats_args *a, const struct sample *s,
			const struct sample *before)
{
	static struct latency l;

	/* Who watches wants to know how long they take now. */
	if (a->watch)
		latency_since(&l, &s->latency, &before->latency);
	else
		l = s->latency;
	switch (a->format) {
	case STATS_LINE:
		print_line(s, before, &l);
		break;
	case STATS_PROMETHEUS:
		print_prometheus(s);
		break;
	case STATS_JSON:
		print_json(s, before, &l, !a->watch);
		break;
	default:
		print_people(s, before, &l);
		if (a->watch)
			putchar('\n');
	}
}

static int stats_take(struct blipmq_genl *g, struct sample *s)
{
	int ret = broker_get(g, &s->b);

	s->at = moment_now();
	return ret ?: latency_get(g, &s->latency);
}

static int stats_run(const struct stats_args *a)
{
	static struct sample samples[2];
	struct blipmq_genl g;
	int ret, n = 0;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	if (a->set) {
		ret = latency_enable(&g, a->enable);
		if (ret)
			ret = ctl_refused(&g, ret, "cannot set whether latencies are measured");
		blipmq_genl_close(&g);
		return ret;
	}
	ret = stats_take(&g, &samples[0]);
	/* Who looks for himself needs no rates, and does not wait. */
	if (!ret && a->format == STATS_PROMETHEUS && !a->watch) {
		stats_print(a, &samples[0], &samples[0]);
		goto out;
	}
	while (!ret) {
		moment_wait(a->seconds);
		n = !n;
		ret = stats_take(&g, &samples[n]);
		if (ret)
			break;
		stats_print(a, &samples[n], &samples[!n]);
		if (!a->watch)
			break;
		if (fflush(stdout)) {
			ctl_error("cannot write standard output");
			blipmq_genl_close(&g);
			return CTL_FAILED;
		}
	}
out:
	blipmq_genl_close(&g);
	return ret ? ctl_failed(ret, "cannot get the broker's state") :
		     CTL_DONE;
}

static bool parse_format(const char *text, enum stats_format *format)
{
	static const char *const names[] = {
		"people", "line", "prometheus", "json"
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(text, names[i])) {
			*format = (enum stats_format)i;
			return true;
		}
	}
	return false;
}

static bool parse_switch(const char *text, bool *on)
{
	*on = text && !strcmp(text, "on");
	return *on || (text && !strcmp(text, "off"));
}

static int run_stats(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "latency", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct stats_args a = { .seconds = 1 };
	const char *seconds;
	int c;

	while ((c = getopt_long(argc, argv, "f:jw::l:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (parse_format(optarg, &a.format))
				break;
			return ctl_usage(&ctl_stats,
					 "there is no format '%s', but people, line, prometheus and json",
					 optarg);
		case 'j':
			a.format = STATS_JSON;
			break;
		case 'w':
			a.watch = true;
			seconds = optarg;
			/* As others have it: --watch 5. */
			if (!seconds && optind < argc && *argv[optind] != '-')
				seconds = argv[optind++];
			if (!seconds || moment_parse(seconds, &a.seconds))
				break;
			return ctl_usage(&ctl_stats,
					 "--watch wants 0.01 to 86400 seconds, not '%s'",
					 seconds);
		case 'l':
			a.set = true;
			if (parse_switch(optarg, &a.enable))
				break;
			return ctl_usage(&ctl_stats,
					 "--latency wants on or off, not '%s'",
					 optarg);
		case 'h':
			fputs(ctl_stats.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_stats, "unknown option");
		}
	}
	if (optind < argc)
		return ctl_usage(&ctl_stats, "stats takes no '%s'",
				 argv[optind]);
	if (a.set && (a.watch || a.format != STATS_PEOPLE))
		return ctl_usage(&ctl_stats,
				 "--latency stands alone, and shows nothing");
	return stats_run(&a);
}

const struct ctl_command ctl_stats = {
	.name = "stats",
	.summary = "totals and rates, once or again and again",
	.help =
	"Usage: blipmqctl stats [--watch [SECONDS]] [--format FORMAT]\n"
	"       blipmqctl stats --latency on|off\n"
	"\n"
	"Shows what went through this network namespace's broker, and what does in a\n"
	"second, from two looks a second apart.\n"
	"\n"
	"  -w, --watch [SECONDS]  go on until interrupted, every SECONDS, 1 by default\n"
	"  -f, --format FORMAT    people; line: the line of blipmqd; json: an object;\n"
	"                         prometheus: totals alone, at once\n"
	"  -j, --json             as --format json\n"
	"  -l, --latency on|off   measure how long messages take, which costs readings\n"
	"                         of the clock: one for what a write brings, one for\n"
	"                         each queue, one for each read; off by default. Needs\n"
	"                         CAP_NET_ADMIN\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl stats --watch --format line\n",
	.run = run_stats,
};
