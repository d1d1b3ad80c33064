// SPDX-License-Identifier: GPL-2.0
/*
 * A worker's thread: one epoll, level-triggered, so that a turn may end early
 * and a quiet client costs no system call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#define EVENTS_MAX	256

/* When all ends: how soon a worker sees that the last client of others has gone. */
#define STOP_LOOK_MS	20

/**
 * worker_now() - the clock of deadlines
 *
 * Return: milliseconds; never goes back.
 */
int64_t worker_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/**
 * worker_wake() - have it look at what was asked of it
 * @w: the worker
 */
void worker_wake(struct worker *w)
{
	eventfd_write(w->wake, 1);
}

/**
 * worker_add() - give it a client
 * @w: the worker
 * @c: the client; worker_wake() makes it start
 */
void worker_add(struct worker *w, struct client *c)
{
	atomic_fetch_add(&w->load, 1);
	pthread_mutex_lock(&w->lock);
	TAILQ_INSERT_TAIL(&w->incoming, c, entry);
	pthread_mutex_unlock(&w->lock);
}

static void worker_take_incoming(struct worker *w)
{
	struct client_list incoming = TAILQ_HEAD_INITIALIZER(incoming);
	struct client *c;

	pthread_mutex_lock(&w->lock);
	TAILQ_CONCAT(&incoming, &w->incoming, entry);
	pthread_mutex_unlock(&w->lock);
	while ((c = TAILQ_FIRST(&incoming))) {
		TAILQ_REMOVE(&incoming, c, entry);
		client_start(c, w);
		if (w->stop_end)
			client_stop(c);
	}
}

static void worker_collect(struct worker *w)
{
	struct server *s = w->server;
	struct client *c;

	if (!atomic_exchange(&w->collect, false))
		return;
	atomic_store(&w->counting, false);
	while ((c = TAILQ_FIRST(&w->active)))
		client_count(c);
	if (atomic_fetch_sub(&s->collecting, 1) == 1)
		eventfd_write(s->collected, 1);
}

static void worker_woken(struct worker *w)
{
	eventfd_t ignored;

	eventfd_read(w->wake, &ignored);
	/* First: who came before that was asked goes with the others. */
	w->retiring = atomic_load(&w->retire);
	worker_take_incoming(w);
	worker_collect(w);
}

/* Close who lingered long enough. Return: milliseconds to the next, or -1. */
static int worker_end_lingering(struct worker *w)
{
	struct client *c;
	int64_t left;

	while ((c = TAILQ_FIRST(&w->lingering))) {
		left = c->linger_end - worker_now();
		if (left > 0)
			return (int)left;
		client_close(c);
	}
	return -1;
}

static void worker_bury(struct worker *w)
{
	struct client *c;

	while ((c = SLIST_FIRST(&w->dead))) {
		SLIST_REMOVE_HEAD(&w->dead, dead_entry);
		free(c);
	}
}

/**
 * worker_end() - close its clients
 * @w: the worker; its thread calls, or somebody else after the thread's end
 */
void worker_end(struct worker *w)
{
	struct client *c;

	worker_take_incoming(w);
	while ((c = TAILQ_FIRST(&w->clients)))
		client_close(c);
	worker_bury(w);
}

/* Something new was asked for, which does not wait for the events of a round. */
static bool worker_is_asked(struct worker *w)
{
	return atomic_load(&w->abort) ||
	       (atomic_load(&w->stop) && !w->stop_end);
}

/* Its clients have until then to take what is queued for them. */
static void worker_stop(struct worker *w)
{
	struct client *c, *next;

	w->stop_end = worker_now() + STOP_MS;
	worker_take_incoming(w);
	for (c = TAILQ_FIRST(&w->clients); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		client_stop(c);
	}
}

/* Who has not taken all of it by then does not get the rest. */
static void worker_end_slow(struct worker *w)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&w->clients); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (!c->lingering)
			client_close(c);
	}
}

/* Others may still have some to give to this one. */
static bool worker_is_over(struct worker *w)
{
	int64_t late;

	if (atomic_load(&w->abort))
		return true;
	if (!w->stop_end)
		return false;
	late = worker_now() - w->stop_end;
	if (late >= 0)
		worker_end_slow(w);
	return !atomic_load(&w->server->connections) || late >= LINGER_MS;
}

static void *worker_run(void *data)
{
	struct epoll_event events[EVENTS_MAX];
	struct worker *w = data;
	int timeout, n, i;

	window_open(w);
	while (!worker_is_over(w)) {
		if (worker_is_asked(w))
			worker_stop(w);
		timeout = worker_end_lingering(w);
		worker_bury(w);
		if (w->stop_end && (timeout < 0 || timeout > STOP_LOOK_MS))
			timeout = STOP_LOOK_MS;
		n = epoll_wait(w->epoll, events, EVENTS_MAX, timeout);
		for (i = 0; i < n && !worker_is_asked(w); i++) {
			if (events[i].data.ptr)
				client_event(events[i].data.ptr,
					     events[i].events);
			else
				worker_woken(w);
		}
		if (n > 0 && !w->stop_end)
			balance_turn(w, (unsigned int)n);
	}
	worker_end(w);
	atomic_fetch_sub(&w->server->running, 1);
	eventfd_write(w->server->collected, 1);
	return NULL;
}

/**
 * worker_start() - start a thread
 * @s: the server
 * @number: its place among the workers
 *
 * Return: the worker, NULL with errno when that failed; then the server cannot
 * start, and what was made is left to the end of the process.
 */
struct worker *worker_start(struct server *s, int number)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->server = s;
	w->number = number;
	w->buffer = malloc(PUMP_BUFFER);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!w->buffer || w->epoll < 0 || w->wake < 0)
		return NULL;	/* NOLINT(clang-analyzer-unix.Malloc): as said */
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &event))
		return NULL;
	TAILQ_INIT(&w->incoming);
	TAILQ_INIT(&w->clients);
	TAILQ_INIT(&w->active);
	TAILQ_INIT(&w->lingering);
	SLIST_INIT(&w->dead);
	pthread_mutex_init(&w->lock, NULL);
	errno = pthread_create(&w->thread, NULL, worker_run, w);
	return errno ? NULL : w;
}
