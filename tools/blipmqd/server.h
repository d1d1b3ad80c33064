/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The server: what was asked for, its threads, and what they share.
 */
#ifndef _BLIPMQD_SERVER_H
#define _BLIPMQD_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/blipmq.h>

#include "balance.h"

/* Exit status. */
enum exit_status {
	EXIT_DONE	= 0,
	EXIT_FAILED	= 1,
	EXIT_USAGE	= 2,
	EXIT_NO_MODULE	= 3,
};

#define LISTENERS_MAX	8
#define THREADS_MAX	64

struct worker;

/**
 * struct counts - what the kernel counted for clients
 * @received: PUB frames accepted from them
 * @received_bytes: frame bytes of those
 * @sent: MSG frames read for them
 * @sent_bytes: frame bytes of those
 */
struct counts {
	uint64_t	received;
	uint64_t	received_bytes;
	uint64_t	sent;
	uint64_t	sent_bytes;
};

/**
 * struct server - the whole of it
 * @listeners: listening sockets
 * @listener_count: how many
 * @workers: threads that move bytes
 * @worker_count: how many
 * @spread: how clients are spread over them
 * @balance: the state of that
 * @max_connections: clients at a time
 * @family: number of the socket family
 * @identity: on whose behalf clients act; its name is set for each
 * @user: name of that user
 * @connections: open clients
 * @received: total of counts.received; the others likewise
 * @collecting: workers that were asked for counts and did not answer yet
 * @collected: event descriptor: the last of them answered, or a worker ended
 * @running: workers that did not end yet
 */
struct server {
	int			listeners[LISTENERS_MAX];
	int			listener_count;
	struct worker		*workers[THREADS_MAX];
	int			worker_count;
	enum spread		spread;
	struct balance		balance;
	unsigned int		max_connections;
	int			family;
	struct blipmq_identity	identity;
	const char		*user;

	atomic_uint		connections;
	atomic_ullong		received;
	atomic_ullong		received_bytes;
	atomic_ullong		sent;
	atomic_ullong		sent_bytes;
	atomic_int		collecting;
	int			collected;
	atomic_int		running;
};

/* server.c */
int server_run(struct server *s);

/* accept.c */
int server_accept(struct server *s, int listener);

/* kernel.c */
int kernel_choose_user(struct server *s, const char *user);
int kernel_check(struct server *s);
int kernel_open(struct server *s, const char *name);

/* listen.c */
int listen_on(struct server *s, const char *address);

/* log.c */
bool log_has_room(int fd);
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* notify.c */
void notify_ready(void);

/* privilege.c */
int privilege_drop(struct server *s);

#endif /* _BLIPMQD_SERVER_H */
