/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which thread serves which client.
 */
#ifndef _BLIPMQD_BALANCE_H
#define _BLIPMQD_BALANCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct server;
struct worker;

/**
 * enum spread - how clients are spread over the threads
 * @SPREAD_LOAD: over as many as the load needs, one when it is low
 * @SPREAD_ALWAYS: over all, each client for good
 * @SPREAD_SHUFFLE: over all, each client moved on again and again: for tests
 */
enum spread {
	SPREAD_LOAD,
	SPREAD_ALWAYS,
	SPREAD_SHUFFLE,
};

/**
 * struct balance - what the threads share
 * @lock: guards changes of @used, who is to move clients where, and all below
 * @used: the first so many workers serve clients; read without the lock
 * @pressed: some worker had too much to do since the main thread looked
 * @settled: no move before this, milliseconds: the last one has to show first
 * @gathered: when a worker was let go since one was taken, milliseconds, or 0
 * @hold: seconds of low load before a worker is let go
 * @quiet: seconds that it has been low
 * @measured: when @cpu_ns was read, milliseconds, 0 when it is not of use
 * @cpu_ns: CPU time of all workers then
 */
struct balance {
	pthread_mutex_t	lock;
	atomic_int	used;
	atomic_bool	pressed;
	int64_t		settled;
	int64_t		gathered;
	int		hold;
	int		quiet;
	int64_t		measured;
	int64_t		cpu_ns;
};

void balance_init(struct server *s);
struct worker *balance_place(struct server *s);
void balance_second(struct server *s);
void balance_turn(struct worker *w, unsigned int events);

#endif /* _BLIPMQD_BALANCE_H */
