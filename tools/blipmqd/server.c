// SPDX-License-Identifier: GPL-2.0
/*
 * The main thread: it accepts, keeps the clock of the statistics and waits for
 * the end. Bytes are the workers' affair.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "stats.h"
#include "worker.h"

/* How long nothing is accepted when descriptors or memory ran out. */
#define PAUSE_MS	100

/*
 * One wish to end may come as two signals: to the process, and to its group, as
 * timeout(1) does it.
 */
#define ECHO_MS		200

/* What the main thread waits for, before its listeners. */
enum { WAIT_SIGNAL, WAIT_CLOCK, WAIT_COUNTS, WAIT_LISTENERS };

#define WAIT_MAX	(WAIT_LISTENERS + LISTENERS_MAX)

/**
 * struct main_loop - the main thread
 * @server: the server
 * @stats: the statistics line
 * @wait: descriptors
 * @pause_end: when to accept again, 0 for now
 * @told: errno of the last trouble that was told, so that each is told once
 */
struct main_loop {
	struct server	*server;
	struct stats	stats;
	struct pollfd	wait[WAIT_MAX];
	int64_t		pause_end;
	int		told;
};

static bool loop_open(struct main_loop *m)
{
	const struct itimerspec second = {
		.it_interval.tv_sec = 1,
		.it_value.tv_sec = 1,
	};
	struct server *s = m->server;
	sigset_t set;
	int i;

	/* Threads inherit this: signals are the main thread's. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);

	s->collected = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->wait[WAIT_SIGNAL].fd = signalfd(-1, &set, SFD_CLOEXEC);
	m->wait[WAIT_CLOCK].fd = timerfd_create(CLOCK_MONOTONIC,
						TFD_CLOEXEC | TFD_NONBLOCK);
	m->wait[WAIT_COUNTS].fd = s->collected;
	for (i = 0; i < s->listener_count; i++)
		m->wait[WAIT_LISTENERS + i].fd = s->listeners[i];
	for (i = 0; i < WAIT_LISTENERS + s->listener_count; i++) {
		if (m->wait[i].fd < 0)
			return false;
		m->wait[i].events = POLLIN;
	}
	return !timerfd_settime(m->wait[WAIT_CLOCK].fd, 0, &second, NULL);
}

static void loop_pause(struct main_loop *m, int error)
{
	m->pause_end = worker_now() + PAUSE_MS;
	/* A refused identity was told by who met it. */
	if (m->told == error || error == EPERM)
		return;
	m->told = error;
	log_line("cannot serve a connection: %s; %u are open", strerror(error),
		 atomic_load(&m->server->connections));
}

static void loop_accept(struct main_loop *m)
{
	struct server *s = m->server;
	int i, ret;

	for (i = 0; i < s->listener_count; i++) {
		if (!m->wait[WAIT_LISTENERS + i].revents)
			continue;
		ret = server_accept(s, s->listeners[i]);
		if (ret) {
			loop_pause(m, -ret);
			return;
		}
	}
}

/* Return: milliseconds until listeners are to be looked at, -1: now. */
static int loop_pause_left(struct main_loop *m)
{
	int64_t left;

	if (!m->pause_end)
		return -1;
	left = m->pause_end - worker_now();
	if (left > 0)
		return (int)left;
	m->pause_end = 0;
	return -1;
}

static void loop_turn(struct main_loop *m)
{
	uint64_t n;

	if (m->wait[WAIT_CLOCK].revents &&
	    read(m->wait[WAIT_CLOCK].fd, &n, sizeof(n)) == sizeof(n)) {
		m->stats.seconds += n;
		stats_collect(m->server);
		balance_second(m->server);
	}
	if (m->wait[WAIT_COUNTS].revents &&
	    read(m->wait[WAIT_COUNTS].fd, &n, sizeof(n)) == sizeof(n))
		stats_print(&m->stats, m->server);
}

/* What is queued for clients goes to them first, unless a second signal comes. */
static void loop_wait_for_workers(struct main_loop *m)
{
	struct server *s = m->server;
	int64_t echo_end = worker_now() + ECHO_MS;
	struct signalfd_siginfo info;
	eventfd_t ignored;
	int i;

	m->wait[WAIT_CLOCK].events = 0;
	while (atomic_load(&s->running)) {
		if (poll(m->wait, WAIT_LISTENERS, -1) < 0)
			continue;
		if (m->wait[WAIT_COUNTS].revents)
			eventfd_read(s->collected, &ignored);
		if (!m->wait[WAIT_SIGNAL].revents ||
		    read(m->wait[WAIT_SIGNAL].fd, &info, sizeof(info)) < 0 ||
		    worker_now() < echo_end)
			continue;
		for (i = 0; i < s->worker_count; i++) {
			atomic_store(&s->workers[i]->abort, true);
			worker_wake(s->workers[i]);
		}
	}
}

static void loop_stop(struct main_loop *m)
{
	struct server *s = m->server;
	struct signalfd_siginfo info;
	uint64_t n;
	int i;

	/* This one is heard; another means more. */
	if (read(m->wait[WAIT_SIGNAL].fd, &info, sizeof(info)) < 0)
		log_line("cannot read a signal: %s", strerror(errno));
	for (i = 0; i < s->listener_count; i++)
		close(s->listeners[i]);
	for (i = 0; i < s->worker_count; i++) {
		atomic_store(&s->workers[i]->stop, true);
		worker_wake(s->workers[i]);
	}
	loop_wait_for_workers(m);
	for (i = 0; i < s->worker_count; i++)
		pthread_join(s->workers[i]->thread, NULL);
	/* Some may have been on their way to one that had ended. */
	for (i = 0; i < s->worker_count; i++)
		worker_end(s->workers[i]);
	if (read(m->wait[WAIT_CLOCK].fd, &n, sizeof(n)) == sizeof(n))
		m->stats.seconds += n;
	stats_print(&m->stats, s);
}

/**
 * server_run() - serve until SIGINT or SIGTERM
 * @s: the server, which listens; @worker_count says how many threads to start
 *
 * Return: enum exit_status.
 */
int server_run(struct server *s)
{
	struct main_loop m = { .server = s };
	int i, n, timeout;

	if (!loop_open(&m)) {
		log_line("cannot start: %s", strerror(errno));
		return EXIT_FAILED;
	}
	balance_init(s);
	for (i = 0; i < s->worker_count; i++) {
		s->workers[i] = worker_start(s, i);
		if (!s->workers[i]) {
			log_line("cannot start a thread: %s", strerror(errno));
			return EXIT_FAILED;
		}
		atomic_fetch_add(&s->running, 1);
	}
	notify_ready();
	for (;;) {
		timeout = loop_pause_left(&m);
		n = timeout < 0 ? WAIT_LISTENERS + s->listener_count :
				  WAIT_LISTENERS;
		if (poll(m.wait, (nfds_t)n, timeout) < 0)
			continue;
		if (m.wait[WAIT_SIGNAL].revents)
			break;
		loop_turn(&m);
		if (timeout < 0)
			loop_accept(&m);
	}
	loop_stop(&m);
	return EXIT_DONE;
}
