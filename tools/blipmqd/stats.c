// SPDX-License-Identifier: GPL-2.0
/*
 * The statistics line: once a second the workers add up what the kernel counted
 * for those clients that moved bytes, so idle clients cost nothing.
 */
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stats.h"
#include "worker.h"

/**
 * stats_collect() - ask the workers for their clients' counts
 * @s: the server; when all are there, its descriptor @collected becomes ready
 *
 * Does nothing while an earlier question is open.
 */
void stats_collect(struct server *s)
{
	struct worker *w;
	int i;

	if (atomic_load(&s->collecting))
		return;
	/* One share is our own, so that the last answer comes after the loop. */
	atomic_store(&s->collecting, 1);
	for (i = 0; i < s->worker_count; i++) {
		w = s->workers[i];
		if (!atomic_load(&w->counting))
			continue;
		atomic_fetch_add(&s->collecting, 1);
		atomic_store(&w->collect, true);
		worker_wake(w);
	}
	if (atomic_fetch_sub(&s->collecting, 1) == 1)
		eventfd_write(s->collected, 1);
}

/**
 * stats_print() - print the line if it says something new, and somebody reads it
 * @st: what was printed
 * @s: the server
 */
void stats_print(struct stats *st, struct server *s)
{
	unsigned int connections = atomic_load(&s->connections);
	uint64_t seconds = st->seconds ? st->seconds : 1;
	struct counts now = {
		.received = atomic_load(&s->received),
		.received_bytes = atomic_load(&s->received_bytes),
		.sent = atomic_load(&s->sent),
		.sent_bytes = atomic_load(&s->sent_bytes),
	};
	bool busy = now.received != st->printed.received ||
		    now.sent != st->printed.sent;

	/* The next one is then of all this time. */
	if (!log_has_room(STDOUT_FILENO))
		return;
	st->seconds = 0;
	/* One line with zeros tells that it became quiet. */
	if (!busy && !st->busy && connections == st->connections)
		return;
	printf("BlipMQ - Connections: %u, Msg/s: R:%llu S:%llu, Bytes/s: R:%llu S:%llu\n",
	       connections,
	       (unsigned long long)((now.received - st->printed.received) /
				    seconds),
	       (unsigned long long)((now.sent - st->printed.sent) / seconds),
	       (unsigned long long)((now.received_bytes -
				     st->printed.received_bytes) / seconds),
	       (unsigned long long)((now.sent_bytes - st->printed.sent_bytes) /
				    seconds));
	fflush(stdout);
	st->printed = now;
	st->connections = connections;
	st->busy = busy;
}
