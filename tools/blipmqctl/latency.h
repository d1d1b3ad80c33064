/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long messages took.
 */
#ifndef _BLIPMQCTL_LATENCY_H
#define _BLIPMQCTL_LATENCY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "genl.h"

#define LATENCY_BUCKETS	160

/**
 * struct histogram - how often something took how long
 * @count: how often
 * @sum: nanoseconds, all together
 * @buckets: how often, by time; see the specification
 */
struct histogram {
	uint64_t	count;
	uint64_t	sum;
	uint64_t	buckets[LATENCY_BUCKETS];
};

/**
 * struct latency - what was measured
 * @enabled: it still is
 * @routing: from the publisher's call into a queue
 * @waiting: from there to the reader
 * @total: from the publisher's call to the reader
 */
struct latency {
	bool			enabled;
	struct histogram	routing;
	struct histogram	waiting;
	struct histogram	total;
};

int latency_get(struct blipmq_genl *g, struct latency *l);
int latency_enable(struct blipmq_genl *g, bool enable);
bool latency_has(const struct latency *l);
void latency_since(struct latency *l, const struct latency *now,
		   const struct latency *before);
uint64_t histogram_average(const struct histogram *h);
uint64_t histogram_at(const struct histogram *h, double part);
uint64_t histogram_bound(unsigned int bucket);
json_object *latency_to_json(const struct latency *l);
void latency_print_people(const struct latency *l);
void latency_print_prometheus(const struct latency *l);

#endif /* _BLIPMQCTL_LATENCY_H */
