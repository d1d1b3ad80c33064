// SPDX-License-Identifier: GPL-2.0
/*
 * The module's ring in user space: what a push and a pop cost, beside a ring
 * that does nothing (the driver's own cost, to be subtracted).
 *
 * A process can be preempted between reserve and commit, the module cannot:
 * with more threads than CPUs the figures say little.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../module/ring.h"
#include "load.h"

#define RING_SLOTS	1024U
#define RING_PRODUCERS	3U

static struct blipmq_ring *ring_ring;

/*
 * A ring as the driver sees it. Inlined with a constant @null, so that the
 * driver's code around it is the same.
 */
static inline bool ring_push(bool null, void *bundle, u64 mask)
{
	if (null) {
		__asm__ volatile("" : : "r"(bundle), "r"(mask) : "memory");
		return true;
	}
	return blipmq_ring_push(ring_ring, bundle, mask) == BLIPMQ_RING_OK;
}

static inline bool ring_pop(bool null, struct blipmq_slot *out)
{
	if (null) {
		__asm__ volatile("" : : "r"(out) : "memory");
		return true;
	}
	return blipmq_ring_pop(ring_ring, out);
}

/* One thread: bursts of pushes, then as many pops. */
static inline void ring_alternate(bool null, u64 times, unsigned int burst)
{
	struct blipmq_slot out = { };
	unsigned int i;
	u64 n;

	for (n = 0; n < times; n += burst) {
		for (i = 0; i < burst; i++)
			if (!ring_push(null, ring_ring, n + i))
				errx(1, "full");
		for (i = 0; i < burst; i++) {
			if (!ring_pop(null, &out))
				errx(1, "empty");
			if (!null && out.mask != n + i)
				errx(1, "out of order");
		}
	}
}

struct ring_producer {
	pthread_t thread;
	unsigned int cpu;
	u64 number;
	u64 times;
	bool null;
};

static void ring_pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* Fewer CPUs than threads: then they share, which is no error. */
	sched_setaffinity(0, sizeof(set), &set);
}

static inline void ring_produce(bool null, struct ring_producer *p)
{
	u64 i;

	for (i = 0; i < p->times; i++)
		while (!ring_push(null, p, i))
			sched_yield();
}

static void *ring_producer_run(void *arg)
{
	struct ring_producer *p = arg;

	ring_pin(p->cpu);
	if (p->null)
		ring_produce(true, p);
	else
		ring_produce(false, p);
	return NULL;
}

static inline void ring_consume(bool null, u64 total)
{
	u64 next[RING_PRODUCERS] = { };
	struct blipmq_slot out = { };
	struct ring_producer *p;
	u64 i;

	for (i = 0; i < total; i++) {
		while (!ring_pop(null, &out))
			sched_yield();
		if (null)
			continue;
		p = out.bundle;
		if (out.mask != next[p->number]++)
			errx(1, "out of order");
	}
}

/* Producers on CPUs of their own, the consumer here. */
static void ring_pipe(bool null, u64 total, unsigned int producers)
{
	struct ring_producer p[RING_PRODUCERS];
	unsigned int i;

	ring_pin(0);
	for (i = 0; i < producers; i++) {
		p[i] = (struct ring_producer){
			.cpu = i + 1,
			.number = i,
			.times = total / producers,
			.null = null,
		};
		if (pthread_create(&p[i].thread, NULL, ring_producer_run,
				   &p[i]))
			errx(1, "no thread");
	}
	if (null)
		ring_consume(true, total / producers * producers);
	else
		ring_consume(false, total / producers * producers);
	for (i = 0; i < producers; i++)
		pthread_join(p[i].thread, NULL);
}

enum ring_case { RING_BURST_1, RING_BURST_512, RING_PIPE_1, RING_PIPE_3 };

static const char *const ring_case_names[] = {
	"push+pop", "push*512+pop*512", "1-producer", "3-producers",
};

static double ring_measure(enum ring_case what, bool null, u64 times)
{
	u64 start = load_now();

	switch (what) {
	case RING_BURST_1:
	case RING_BURST_512:
		if (null)
			ring_alternate(true, times,
				       what == RING_BURST_1 ? 1 : 512);
		else
			ring_alternate(false, times,
				       what == RING_BURST_1 ? 1 : 512);
		break;
	case RING_PIPE_1:
		ring_pipe(null, times, 1);
		break;
	case RING_PIPE_3:
		ring_pipe(null, times, 3);
		break;
	}
	return (double)(load_now() - start) / (double)times;
}

int main(int argc, char **argv)
{
	u64 times = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	size_t bytes = (blipmq_ring_bytes(RING_SLOTS) + 63) / 64 * 64;
	double ring, null;
	int i;

	times = (times + 511) / 512 * 512;
	ring_ring = aligned_alloc(64, bytes);
	if (!ring_ring)
		err(1, "memory");
	memset(ring_ring, 0, bytes);
	blipmq_ring_init(ring_ring, RING_SLOTS, 0);
	for (i = RING_BURST_1; i <= RING_PIPE_3; i++) {
		ring_measure(i, false, times / 8);
		null = ring_measure(i, true, times);
		ring = ring_measure(i, false, times);
		printf("mode=ring case=%s null=%.1f ring=%.1f net=%.1f\n",
		       ring_case_names[i], null, ring, ring - null);
		fflush(stdout);
	}
	return 0;
}
