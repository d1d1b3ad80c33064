// SPDX-License-Identifier: GPL-2.0
/*
 * Idle rounds: publish one message, wait until every subscriber has read it,
 * and again. One thread with blocking reads, so that nothing is measured but
 * the way through the broker and the wake-ups on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <err.h>

#include "histogram.h"
#include "load.h"

static void load_round(struct load_conn *publisher, struct load_conn *subscriber,
		       unsigned int subscribers, u64 sequence)
{
	unsigned int s;

	load_conn_stamp(publisher, 0, load_tag(0, sequence), 0);
	load_conn_send(publisher, 1);
	for (s = 0; s < subscribers; s++)
		while (subscriber[s].next[0] == sequence)
			load_conn_receive(&subscriber[s], 0);
}

static void load_round_print(const struct load_options *o,
			     const struct load_usage *u,
			     const struct load_histogram *h)
{
	double rounds = (double)o->count;

	printf("mode=round proto=%s subs=%u size=%u rounds=%llu",
	       o->protocol->name, o->subscribers, o->size, o->count);
	printf(" generator_ns_round=%.0f broker_ns_round=%.0f",
	       (double)u->generator / rounds, (double)u->broker / rounds);
	printf(" machine_ns_round=%.0f", (double)u->machine / rounds);
	load_histogram_print(h, "");
	putchar('\n');
	fflush(stdout);
}

void load_round_run(const struct load_options *o)
{
	static struct load_histogram h;
	struct load_conn *subscriber, publisher;
	struct load_usage before, after;
	u64 i, start, end;

	subscriber = calloc(o->subscribers, sizeof(*subscriber));
	if (!subscriber)
		err(1, "memory");
	for (i = 0; i < o->subscribers; i++)
		load_conn_open(&subscriber[i], o, false);
	load_conn_open(&publisher, o, true);
	for (i = 0; i < o->warm; i++)
		load_round(&publisher, subscriber, o->subscribers, i);
	load_usage_get(&before, o->server_pid);
	start = load_now();
	for (i = 0; i < o->count; i++) {
		load_round(&publisher, subscriber, o->subscribers, o->warm + i);
		end = load_now();
		load_histogram_add(&h, end - start);
		start = end;
	}
	load_usage_get(&after, o->server_pid);
	load_usage_since(&after, &before);
	load_round_print(o, &after, &h);
}
