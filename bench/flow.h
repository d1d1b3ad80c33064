/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flow control between publishers and subscribers, beside the broker: no
 * publisher is more than a window ahead of the slowest subscriber, so no
 * broker has a reason to drop, and each of them is under the same load.
 *
 * One thread reads for all subscribers and tells each publisher how far the
 * slowest has come. A publisher whose window is used up sleeps until half of
 * it is free: two wake-ups a window are noise, one a message would not be.
 */
#ifndef _BENCH_FLOW_H
#define _BENCH_FLOW_H

#include <semaphore.h>
#include <stdbool.h>

#include "../module/pure.h"

/**
 * struct load_flow - one publisher's window
 * @sent: messages that were handed to the broker; the publisher's own
 * @received: how many of them the slowest subscriber has
 * @want: what @received must reach before the publisher goes on
 * @waiting: the publisher sleeps, or is about to
 * @wake: ends its sleep
 */
struct load_flow {
	u64 sent;
	u64 received ____cacheline_aligned;
	u64 want;
	bool waiting;
	sem_t wake;
};

static inline void load_flow_init(struct load_flow *f)
{
	sem_init(&f->wake, 0, 0);
}

static inline u64 load_flow_received(const struct load_flow *f)
{
	return __atomic_load_n(&f->received, __ATOMIC_SEQ_CST);
}

/* Publisher: sleep until the slowest subscriber has so many. */
static inline void load_flow_wait(struct load_flow *f, u64 want)
{
	if (load_flow_received(f) >= want)
		return;
	__atomic_store_n(&f->want, want, __ATOMIC_RELAXED);
	__atomic_store_n(&f->waiting, true, __ATOMIC_SEQ_CST);
	/* Pairs with load_flow_report(): one of the two sees the other. */
	if (load_flow_received(f) >= want &&
	    __atomic_exchange_n(&f->waiting, false, __ATOMIC_SEQ_CST))
		return;
	while (sem_wait(&f->wake))
		;
}

/* Publisher: room for n more messages. */
static inline void load_flow_reserve(struct load_flow *f, unsigned int n,
				     unsigned int window)
{
	unsigned int keep = window / 2;

	if (f->sent + n <= load_flow_received(f) + window)
		return;
	if (keep > window - n)
		keep = window - n;
	load_flow_wait(f, f->sent - keep);
}

/* Reader: the slowest subscriber has so many. */
static inline void load_flow_report(struct load_flow *f, u64 received)
{
	if (received == f->received)
		return;
	__atomic_store_n(&f->received, received, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&f->waiting, __ATOMIC_SEQ_CST) &&
	    received >= __atomic_load_n(&f->want, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&f->waiting, false, __ATOMIC_SEQ_CST))
		sem_post(&f->wake);
}

#endif /* _BENCH_FLOW_H */
