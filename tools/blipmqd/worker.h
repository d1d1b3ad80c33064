/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker: a thread that moves the bytes of its clients.
 */
#ifndef _BLIPMQD_WORKER_H
#define _BLIPMQD_WORKER_H

#include <pthread.h>

#include "client.h"
#include "window.h"

/* Bytes of one read. */
#define PUMP_BUFFER	(64U << 10)

/* How long a peer may go on sending after the broker has ended. */
#define LINGER_MS	1000

/* How long clients may take to read what is queued for them when all ends. */
#define STOP_MS		5000

/**
 * struct worker - a thread
 * @server: whose
 * @number: its place among the workers
 * @thread: it
 * @epoll: what it waits for
 * @wake: event descriptor: look at @incoming, @collect, @retire and @stop
 * @load: its clients, for who hands out new ones
 * @collect: its clients' counts are wanted
 * @stop: it shall end its clients, and then itself
 * @abort: at once
 * @retire: it shall give its clients to the others
 * @looked: when @share was measured, milliseconds
 * @share: how busy it was, per cent
 * @counting: some client's counts may have changed
 * @lock: guards @incoming
 * @incoming: clients that are new here
 * @clients: all of its clients
 * @active: those that moved bytes since they were counted
 * @lingering: those that wait for their peer to end, by @linger_end
 * @dead: those to be freed
 * @buffer: where bytes pass through
 * @window: how busy it is
 * @retiring: it has seen @retire
 * @stop_end: when to close those clients that are left; 0: @stop was not seen
 */
struct worker {
	struct server		*server;
	int			number;
	pthread_t		thread;
	int			epoll;
	int			wake;
	atomic_uint		load;
	atomic_bool		collect;
	atomic_bool		stop;
	atomic_bool		abort;
	atomic_bool		retire;
	atomic_llong		looked;
	atomic_uint		share;
	atomic_bool		counting;
	pthread_mutex_t		lock;
	struct client_list	incoming;

	struct client_list	clients;
	struct client_list	active;
	struct client_list	lingering;
	struct client_stack	dead;
	char			*buffer;
	struct window		window;
	bool			retiring;
	int64_t			stop_end;
};

struct worker *worker_start(struct server *s, int number);
void worker_end(struct worker *w);
void worker_add(struct worker *w, struct client *c);
void worker_wake(struct worker *w);
int64_t worker_now(void);

#endif /* _BLIPMQD_WORKER_H */
