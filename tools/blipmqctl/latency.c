// SPDX-License-Identifier: GPL-2.0
/*
 * Histograms of how long messages took: asking for them, averages and
 * percentiles, and showing them.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "latency.h"

static int histogram_attr(const struct nlattr *attr, void *data)
{
	size_t len = mnl_attr_get_payload_len(attr);
	struct histogram *h = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_HISTOGRAM_COUNT:
		if (len == sizeof(uint64_t))
			h->count = mnl_attr_get_u64(attr);
		break;
	case BLIPMQ_A_HISTOGRAM_SUM:
		if (len == sizeof(uint64_t))
			h->sum = mnl_attr_get_u64(attr);
		break;
	case BLIPMQ_A_HISTOGRAM_BUCKETS:
		if (len <= sizeof(h->buckets))
			memcpy(h->buckets, mnl_attr_get_payload(attr), len);
		break;
	}
	return MNL_CB_OK;
}

static int latency_attr(const struct nlattr *attr, void *data)
{
	struct latency *l = data;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_LATENCY_ENABLED:
		l->enabled = mnl_attr_get_u32(attr);
		break;
	case BLIPMQ_A_LATENCY_ROUTING:
		return mnl_attr_parse_nested(attr, histogram_attr, &l->routing);
	case BLIPMQ_A_LATENCY_WAITING:
		return mnl_attr_parse_nested(attr, histogram_attr, &l->waiting);
	case BLIPMQ_A_LATENCY_TOTAL:
		return mnl_attr_parse_nested(attr, histogram_attr, &l->total);
	}
	return MNL_CB_OK;
}

static int latency_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), latency_attr,
			      data);
}

/**
 * latency_get() - ask how long messages took
 * @g: the netlink socket
 * @l: set to it; all zero when the module does not measure that
 *
 * Return: 0 or a negative errno.
 */
int latency_get(struct blipmq_genl *g, struct latency *l)
{
	int ret;

	memset(l, 0, sizeof(*l));
	ret = blipmq_genl_request(g, BLIPMQ_CMD_LATENCY_GET, latency_reply, l);
	return ret == -EOPNOTSUPP ? 0 : ret;
}

/**
 * latency_enable() - have it measured, or no longer
 * @g: the netlink socket
 * @enable: or no longer
 *
 * Return: 0 or a negative errno.
 */
int latency_enable(struct blipmq_genl *g, bool enable)
{
	__u8 buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;

	nlh = blipmq_genl_new(g, buffer, BLIPMQ_CMD_LATENCY_SET);
	mnl_attr_put_u32(nlh, BLIPMQ_A_LATENCY_ENABLED, enable);
	return blipmq_genl_run(g, nlh, NULL, NULL);
}

/**
 * latency_has() - is there anything to show?
 * @l: what was measured
 */
bool latency_has(const struct latency *l)
{
	return l->enabled || l->routing.count || l->waiting.count;
}

static void histogram_since(struct histogram *h, const struct histogram *now,
			    const struct histogram *before)
{
	int i;

	*h = *now;
	/* It was reset meanwhile. */
	if (before->count > now->count)
		return;
	h->count -= before->count;
	h->sum -= before->sum;
	for (i = 0; i < LATENCY_BUCKETS; i++)
		h->buckets[i] -= before->buckets[i];
}

/**
 * latency_since() - what was measured between two looks
 * @l: set to it
 * @now: the second look
 * @before: the first one
 */
void latency_since(struct latency *l, const struct latency *now,
		   const struct latency *before)
{
	l->enabled = now->enabled;
	histogram_since(&l->routing, &now->routing, &before->routing);
	histogram_since(&l->waiting, &now->waiting, &before->waiting);
	histogram_since(&l->total, &now->total, &before->total);
}

/**
 * histogram_average() - how long it took on average
 * @h: the histogram
 *
 * Return: nanoseconds; 0 for nothing.
 */
uint64_t histogram_average(const struct histogram *h)
{
	return h->count ? h->sum / h->count : 0;
}

/**
 * histogram_bound() - where a bucket begins
 * @bucket: its number, or that of the one behind the last
 *
 * Return: nanoseconds.
 */
uint64_t histogram_bound(unsigned int bucket)
{
	if (bucket < 4)
		return bucket;
	return (uint64_t)(4 + bucket % 4) << (bucket / 4 - 1);
}

/**
 * histogram_at() - how long a part of them took at most
 * @h: the histogram
 * @part: the part, 1 for all
 *
 * Return: the end of the bucket, in nanoseconds; 0 for nothing.
 */
uint64_t histogram_at(const struct histogram *h, double part)
{
	double wanted = (double)h->count * part;
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < LATENCY_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen && (double)seen >= wanted)
			return histogram_bound(i + 1) - 1;
	}
	return 0;
}

static const struct {
	const char	*key;
	double		part;
} parts[] = {
	{ "p50-ns", 0.5 },
	{ "p90-ns", 0.9 },
	{ "p99-ns", 0.99 },
	{ "p999-ns", 0.999 },
	{ "max-ns", 1 },
};

#define PARTS	(sizeof(parts) / sizeof(*parts))

static void add_number(json_object *o, const char *key, uint64_t number)
{
	json_object_object_add(o, key, json_object_new_uint64(number));
}

static json_object *histogram_to_json(const struct histogram *h)
{
	json_object *o = json_object_new_object();
	size_t i;

	add_number(o, "count", h->count);
	add_number(o, "average-ns", histogram_average(h));
	for (i = 0; i < PARTS; i++)
		add_number(o, parts[i].key, histogram_at(h, parts[i].part));
	return o;
}

/**
 * latency_to_json() - what was measured as an object
 * @l: what was measured
 *
 * Return: the object.
 */
json_object *latency_to_json(const struct latency *l)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "enabled",
			       json_object_new_boolean(l->enabled));
	json_object_object_add(o, "routing", histogram_to_json(&l->routing));
	json_object_object_add(o, "waiting", histogram_to_json(&l->waiting));
	json_object_object_add(o, "total", histogram_to_json(&l->total));
	return o;
}

static const char *time_text(uint64_t ns, char *text, size_t size)
{
	if (ns < 1000)
		snprintf(text, size, "%u ns", (unsigned int)ns);
	else if (ns < 999950)
		snprintf(text, size, "%.1f us", (double)ns / 1e3);
	else if (ns < 999950000)
		snprintf(text, size, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(text, size, "%.1f s", (double)ns / 1e9);
	return text;
}

static void print_histogram(const char *label, const struct histogram *h)
{
	char text[32];
	size_t i;

	printf("%-10s", label);
	if (!h->count) {
		puts(" nothing was measured");
		return;
	}
	printf(" %9s", time_text(histogram_average(h), text, sizeof(text)));
	for (i = 0; i < PARTS; i++)
		printf(" %9s", time_text(histogram_at(h, parts[i].part), text,
					 sizeof(text)));
	putchar('\n');
}

/**
 * latency_print_people() - print what was measured for people
 * @l: what was measured
 */
void latency_print_people(const struct latency *l)
{
	printf("%-10s %9s %9s %9s %9s %9s %9s\n", "latency", "average", "50%",
	       "90%", "99%", "99.9%", "most");
	print_histogram("routing", &l->routing);
	print_histogram("waiting", &l->waiting);
	print_histogram("total", &l->total);
}

/* A line for each doubling from a microsecond to some 17 seconds. */
static void prometheus_histogram(const char *name, const struct histogram *h)
{
	unsigned int i, end = 0;
	uint64_t seen = 0;

	printf("# TYPE blipmq_%s_seconds histogram\n", name);
	for (i = 10; i <= 34; i++) {
		for (; histogram_bound(end + 1) <= 1ULL << i; end++)
			seen += h->buckets[end];
		printf("blipmq_%s_seconds_bucket{le=\"%.9f\"} %llu\n", name,
		       (double)((1ULL << i) - 1) / 1e9,
		       (unsigned long long)seen);
	}
	printf("blipmq_%s_seconds_bucket{le=\"+Inf\"} %llu\n"
	       "blipmq_%s_seconds_sum %.9f\n"
	       "blipmq_%s_seconds_count %llu\n", name,
	       (unsigned long long)h->count, name, (double)h->sum / 1e9, name,
	       (unsigned long long)h->count);
}

/**
 * latency_print_prometheus() - print what was measured for Prometheus
 * @l: what was measured
 */
void latency_print_prometheus(const struct latency *l)
{
	prometheus_histogram("routing", &l->routing);
	prometheus_histogram("waiting", &l->waiting);
	prometheus_histogram("total", &l->total);
}
