/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client: a TCP connection and the kernel's socket for it. It belongs to one
 * worker at a time, whose thread alone touches it.
 */
#ifndef _BLIPMQD_CLIENT_H
#define _BLIPMQD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "server.h"

struct client;

/**
 * struct endpoint - one of a client's two sockets
 * @client: whose
 * @fd: the socket, -1 when it is closed
 * @armed: events that it is registered for
 * @registered: it is registered at all
 */
struct endpoint {
	struct client	*client;
	int		fd;
	uint32_t	armed;
	bool		registered;
};

/**
 * struct flow - one direction
 * @slice: bytes of one write
 * @left: what was read and could not be written, NULL for none
 * @offset: bytes of it that were written since
 * @size: bytes of it in all
 * @ended: its source has no more
 * @told: its destination knows that
 * @discard: its destination takes no more, so what comes is thrown away
 */
struct flow {
	size_t		slice;
	char		*left;
	size_t		offset;
	size_t		size;
	bool		ended;
	bool		told;
	bool		discard;
};

/**
 * struct client - a connection
 * @entry: in the list of its worker's clients
 * @active_entry: among the clients whose counts may have changed
 * @linger_entry: among those that wait for their peer to end
 * @dead_entry: among those to be freed after this round of events
 * @worker: whose it is
 * @tcp: the peer
 * @kernel: the broker
 * @up: from the peer to the broker
 * @down: from the broker to the peer
 * @counted: what of its counts is in the totals
 * @linger_end: when to stop waiting, milliseconds of the worker's clock
 * @work: what it gave its worker to do in a window, as window_account() counts
 * @work_window: in which
 * @active: it is on the list
 * @lingering: it is on the list
 * @stopping: it would have gone on, but this server ends
 * @dead: both sockets are closed
 */
struct client {
	TAILQ_ENTRY(client)	entry;
	TAILQ_ENTRY(client)	active_entry;
	TAILQ_ENTRY(client)	linger_entry;
	SLIST_ENTRY(client)	dead_entry;
	struct worker		*worker;
	struct endpoint		tcp;
	struct endpoint		kernel;
	struct flow		up;
	struct flow		down;
	struct counts		counted;
	int64_t			linger_end;
	uint64_t		work;
	unsigned int		work_window;
	bool			active;
	bool			lingering;
	bool			stopping;
	bool			dead;
};

TAILQ_HEAD(client_list, client);
SLIST_HEAD(client_stack, client);

/* client.c */
struct client *client_new(int tcp, int kernel);
void client_start(struct client *c, struct worker *w);
void client_leave(struct client *c);
void client_event(struct endpoint *e, uint32_t events);
void client_stop(struct client *c);
void client_count(struct client *c);
void client_close(struct client *c);

/* pump.c */
enum pump_result {
	PUMP_OK,
	PUMP_SOURCE_FAILED,
	PUMP_TARGET_ENDED,
	PUMP_TARGET_FAILED,
};

enum pump_result pump(struct flow *f, int from, int to, char *buffer,
		      size_t *moved);
void flow_drop(struct flow *f);

#endif /* _BLIPMQD_CLIENT_H */
