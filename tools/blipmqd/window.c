// SPDX-License-Identifier: GPL-2.0
/*
 * How busy a worker's thread is, and by which clients. An event costs a few
 * additions, and CPU time is read once a window.
 */
#include <sys/resource.h>

#include "worker.h"

/*
 * A window that took longer began with idleness, and says nothing; unless the thread
 * hardly slept in it, and it is this machine that gives it little time.
 */
#define WINDOW_MAX_MS	(10 * WINDOW_MS)

#define SHARE_FULL	100

/*
 * A thread that shares its CPU may use little of it and yet have too much to do:
 * so much at least, it sleeps once in so many turns at most, and that many
 * events are waiting for it each time. Not with fewer: who takes turns with a
 * client on one CPU does not sleep either, and no other thread would help.
 */
#define SHARE_SOME	25
#define TURNS_SLEEP	8
#define TURN_EVENTS	4

/* In bytes, what an event costs beside the bytes that it moves. */
#define EVENT_BYTES	4096U

static void window_start(struct worker *w, int64_t now,
			 const struct rusage *usage)
{
	struct window *v = &w->window;

	v->number++;
	v->events = 0;
	v->turns = 0;
	v->start = now;
	v->cpu_us = (int64_t)(usage->ru_utime.tv_sec +
			      usage->ru_stime.tv_sec) * 1000000 +
		    usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
	v->sleeps = usage->ru_nvcsw;
}

/**
 * window_open() - begin to measure the calling thread
 * @w: the worker that it is
 */
void window_open(struct worker *w)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	window_start(w, worker_now(), &usage);
}

/**
 * window_end() - tell how busy the calling thread was, when a window is over
 * @w: the worker that it is
 * @now: worker_now()
 *
 * Return: per cent of a CPU, or -1 when there is nothing to tell.
 */
int window_end(struct worker *w, int64_t now)
{
	struct window v = w->window;
	int64_t length = now - v.start, share;
	struct rusage usage;
	bool starved, slept;

	if (length < WINDOW_MS)
		return -1;
	getrusage(RUSAGE_THREAD, &usage);
	window_start(w, now, &usage);
	slept = (w->window.sleeps - v.sleeps) * TURNS_SLEEP > (long)v.turns;
	if (length > WINDOW_MAX_MS && slept)
		return -1;
	share = (w->window.cpu_us - v.cpu_us) / (length * 10);
	starved = share >= SHARE_SOME && v.events >= TURN_EVENTS * v.turns &&
		  !slept;
	return starved || share > SHARE_FULL ? SHARE_FULL : (int)share;
}

/**
 * window_account() - note what a client gave its worker to do
 * @c: the client
 * @bytes: that were moved in this event
 */
void window_account(struct client *c, size_t bytes)
{
	unsigned int number = c->worker->window.number;

	if (c->work_window != number) {
		c->work_window = number;
		c->work = 0;
	}
	c->work += EVENT_BYTES + bytes;
}

/**
 * window_work() - what a client gave its worker to do
 * @c: the client
 *
 * Return: a number that grows with it, of the window that has just ended.
 */
uint64_t window_work(const struct client *c)
{
	return c->work_window + 1 == c->worker->window.number ? c->work : 0;
}
