/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How busy a worker's thread is, and by which clients.
 */
#ifndef _BLIPMQD_WINDOW_H
#define _BLIPMQD_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct client;
struct worker;

/* The shortest window; it ends with the next look after that. */
#define WINDOW_MS	100

/**
 * struct window - how busy a worker was; its own thread's
 * @number: of this window
 * @unseen: events since it last looked at the clock
 * @events: in this window
 * @turns: rounds of those
 * @start: when it began, milliseconds
 * @cpu_us: CPU time of the thread then
 * @sleeps: how often the thread had slept then
 */
struct window {
	unsigned int	number;
	unsigned int	unseen;
	unsigned int	events;
	unsigned int	turns;
	int64_t		start;
	int64_t		cpu_us;
	long		sleeps;
};

void window_open(struct worker *w);
int window_end(struct worker *w, int64_t now);
void window_account(struct client *c, size_t bytes);
uint64_t window_work(const struct client *c);

#endif /* _BLIPMQD_WINDOW_H */
