// SPDX-License-Identifier: GPL-2.0
/*
 * Throughput: publishers as fast as the window lets them.
 * Latency: publishers at a fixed rate. A message carries the time at which it
 * was due, not the time at which it was sent, so that a broker that holds its
 * publisher up pays for everything that had to wait (no coordinated omission).
 *
 * A thread for each publisher, one epoll thread for all subscribers.
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "flow.h"
#include "histogram.h"
#include "load.h"

#define LOAD_EVENTS	64
/* Seconds without a message before a run counts as stuck. */
#define LOAD_STUCK	60

struct load_publisher {
	struct load_run *run;
	struct load_conn conn;
	struct load_flow flow;
	struct load_histogram late;
	unsigned int number;
	u64 target;
	sem_t go;
	sem_t done;
	pthread_t thread;
};

struct load_run {
	const struct load_options *o;
	struct load_publisher *publisher;
	struct load_conn *subscriber;
	struct load_histogram histogram;
	unsigned int window;
	int epoll;
	pthread_t reader;
};

/* The reader: what the slowest subscriber has, by publisher. */
static void load_report(struct load_run *run)
{
	const struct load_options *o = run->o;
	unsigned int p, s;

	for (p = 0; p < o->publishers; p++) {
		u64 min = run->subscriber[0].next[p];

		for (s = 1; s < o->subscribers; s++)
			if (run->subscriber[s].next[p] < min)
				min = run->subscriber[s].next[p];
		load_flow_report(&run->publisher[p].flow, min);
	}
}

static void *load_read(void *arg)
{
	struct epoll_event event[LOAD_EVENTS];
	struct load_run *run = arg;
	int i, n;

	for (;;) {
		n = epoll_wait(run->epoll, event, LOAD_EVENTS, -1);
		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++)
			load_conn_receive(event[i].data.ptr, MSG_DONTWAIT);
		load_report(run);
	}
	return NULL;
}

/* As fast as the window allows. */
static void load_publish(struct load_publisher *p)
{
	const struct load_options *o = p->run->o;
	unsigned int i, n;

	while (p->flow.sent < p->target) {
		n = o->batch;
		if (n > p->target - p->flow.sent)
			n = (unsigned int)(p->target - p->flow.sent);
		load_flow_reserve(&p->flow, n, p->run->window);
		for (i = 0; i < n; i++)
			load_conn_stamp(&p->conn, i,
					load_tag(p->number, p->flow.sent + i),
					0);
		load_conn_send(&p->conn, n);
		p->flow.sent += n;
	}
}

/* When message i of a phase is due; the publishers take turns. */
static u64 load_due(const struct load_publisher *p, u64 start, u64 i)
{
	const struct load_options *o = p->run->o;

	return start + (i * o->publishers + p->number) * 1000000000ULL /
	       o->rate;
}

/* The call begins now, after all that the generator does for itself. */
static void load_stamp_call(struct load_publisher *p, unsigned int n)
{
	u64 now = load_now();

	while (n--)
		load_conn_stamp(&p->conn, n,
				load_tag(p->number, p->flow.sent + n), now);
}

/* At a fixed rate: what is overdue goes in one write. */
static void load_publish_paced(struct load_publisher *p)
{
	const struct load_options *o = p->run->o;
	u64 first = p->flow.sent;
	u64 start = load_now();
	u64 now = start;
	unsigned int n;
	u64 due;

	while (p->flow.sent < p->target) {
		due = load_due(p, start, p->flow.sent - first);
		if (due > now) {
			load_sleep_until(due);
			now = load_now();
		}
		n = 0;
		do {
			load_histogram_add(&p->late, now - due);
			load_conn_stamp(&p->conn, n,
					load_tag(p->number, p->flow.sent + n),
					due);
			n++;
			due = load_due(p, start, p->flow.sent + n - first);
		} while (due <= now && n < o->batch &&
			 p->flow.sent + n < p->target);
		load_flow_reserve(&p->flow, n, p->run->window);
		if (o->since_call)
			load_stamp_call(p, n);
		load_conn_send(&p->conn, n);
		p->flow.sent += n;
		now = load_now();
	}
}

/* Phase by phase: publish, wait until all have all, say so. */
static void *load_publisher_run(void *arg)
{
	struct load_publisher *p = arg;

	for (;;) {
		while (sem_wait(&p->go))
			;
		if (p->run->o->rate)
			load_publish_paced(p);
		else
			load_publish(p);
		load_flow_wait(&p->flow, p->target);
		sem_post(&p->done);
	}
	return NULL;
}

static void load_watch(struct load_run *run, struct load_conn *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, c->fd, &event))
		err(1, "epoll_ctl");
}

static void *load_table(unsigned int n, size_t size)
{
	void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);

	if (!p)
		err(1, "memory");
	__builtin_memset(p, 0, n * size);
	return p;
}

static void load_start(struct load_run *run)
{
	const struct load_options *o = run->o;
	unsigned int i;

	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run->epoll < 0)
		err(1, "epoll_create1");
	run->subscriber = load_table(o->subscribers, sizeof(struct load_conn));
	for (i = 0; i < o->subscribers; i++) {
		load_conn_open(&run->subscriber[i], o, false);
		if (o->rate)
			run->subscriber[i].histogram = &run->histogram;
		load_watch(run, &run->subscriber[i]);
	}
	run->publisher = load_table(o->publishers,
				    sizeof(struct load_publisher));
	for (i = 0; i < o->publishers; i++) {
		struct load_publisher *p = &run->publisher[i];

		p->run = run;
		p->number = i;
		load_flow_init(&p->flow);
		sem_init(&p->go, 0, 0);
		sem_init(&p->done, 0, 0);
		load_conn_open(&p->conn, o, true);
		/* A packet socket that only publishes has nothing to say. */
		if (!o->protocol->packets)
			load_watch(run, &p->conn);
		if (pthread_create(&p->thread, NULL, load_publisher_run, p))
			errx(1, "no thread");
	}
	if (pthread_create(&run->reader, NULL, load_read, run))
		errx(1, "no thread");
}

/* Wait for a publisher, and end the program when nothing moves any more. */
static void load_await(struct load_publisher *p)
{
	u64 before, now = load_flow_received(&p->flow);
	struct timespec t;

	for (;;) {
		before = now;
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_sec += LOAD_STUCK;
		if (!sem_timedwait(&p->done, &t))
			return;
		now = load_flow_received(&p->flow);
		if (errno == ETIMEDOUT && now == before)
			errx(1, "stuck: publisher %u sent %llu, %llu came",
			     p->number, p->flow.sent, now);
	}
}

static void load_phase(struct load_run *run, u64 messages)
{
	unsigned int i;

	for (i = 0; i < run->o->publishers; i++) {
		run->publisher[i].target += messages;
		sem_post(&run->publisher[i].go);
	}
	for (i = 0; i < run->o->publishers; i++)
		load_await(&run->publisher[i]);
}

/* The publishers and the reader sleep now: their histograms are ours. */
static void load_forget(struct load_run *run)
{
	unsigned int i;

	__builtin_memset(&run->histogram, 0, sizeof(run->histogram));
	for (i = 0; i < run->o->publishers; i++)
		__builtin_memset(&run->publisher[i].late, 0,
				 sizeof(run->publisher[i].late));
}

static void load_print(struct load_run *run, const struct load_usage *u)
{
	const struct load_options *o = run->o;
	double messages = (double)(o->count * o->publishers);
	double deliveries = messages * o->subscribers;

	printf("mode=%s proto=%s pubs=%u subs=%u size=%u batch=%u window=%u",
	       o->rate ? "latency" : "throughput", o->protocol->name,
	       o->publishers, o->subscribers, o->size, o->batch, run->window);
	printf(" messages=%.0f seconds=%.3f", messages, (double)u->clock / 1e9);
	printf(" msg_s=%.0f delivery_s=%.0f", messages * 1e9 / (double)u->clock,
	       deliveries * 1e9 / (double)u->clock);
	printf(" ns_message=%.1f ns_delivery=%.1f",
	       (double)u->clock / messages, (double)u->clock / deliveries);
	printf(" generator_ns_delivery=%.1f", (double)u->generator / deliveries);
	printf(" broker_ns_delivery=%.1f", (double)u->broker / deliveries);
	printf(" machine_ns_delivery=%.1f", (double)u->machine / deliveries);
	if (o->rate) {
		printf(" rate=%llu", o->rate);
		load_histogram_print(&run->histogram, "");
		load_histogram_print(&run->publisher[0].late, "late_");
	}
	putchar('\n');
	fflush(stdout);
}

/* The threads sleep when this returns; they end with the program. */
void load_stream_run(const struct load_options *o)
{
	static struct load_run run;
	struct load_usage before, after;

	run.o = o;
	/* A subscriber's queue holds what all publishers have under way. */
	run.window = o->window / o->publishers;
	if (run.window < o->batch)
		errx(2, "a window of %u for each publisher is below the batch",
		     run.window);
	load_start(&run);
	load_phase(&run, o->warm);
	load_forget(&run);
	load_usage_get(&before, o->server_pid);
	load_phase(&run, o->count);
	load_usage_get(&after, o->server_pid);
	load_usage_since(&after, &before);
	load_print(&run, &after);
}
