// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a client: which events matter to it, and how it ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "worker.h"

/*
 * Bytes of one write to the broker: what they ask for may take it long, and the
 * other clients of this thread wait.
 */
#define UP_SLICE	(16U << 10)

/**
 * client_new() - make a client of two sockets
 * @tcp: the peer's
 * @kernel: the broker's
 *
 * Return: the client, NULL without memory; then the sockets are the caller's.
 */
struct client *client_new(int tcp, int kernel)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->tcp.client = c;
	c->tcp.fd = tcp;
	c->kernel.client = c;
	c->kernel.fd = kernel;
	c->up.slice = UP_SLICE;
	c->down.slice = PUMP_BUFFER;
	return c;
}

/* Return: false when the kernel has no memory for it. */
static bool endpoint_arm(struct endpoint *e, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = e };
	int op = e->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (e->registered && e->armed == events)
		return true;
	e->armed = events;
	e->registered = true;
	return !epoll_ctl(e->client->worker->epoll, op, e->fd, &event);
}

/* A socket of the kernel that is done would report that again and again. */
static void endpoint_disarm(struct endpoint *e)
{
	if (!e->registered)
		return;
	epoll_ctl(e->client->worker->epoll, EPOLL_CTL_DEL, e->fd, NULL);
	e->registered = false;
}

static void client_arm(struct client *c)
{
	uint32_t tcp = 0, kernel = 0;

	if (!c->up.ended && !c->up.left)
		tcp |= EPOLLIN;
	if (c->up.left)
		kernel |= EPOLLOUT;
	if (!c->down.ended && !c->down.left)
		kernel |= EPOLLIN;
	if (c->down.left)
		tcp |= EPOLLOUT;
	if (!endpoint_arm(&c->tcp, tcp))
		goto close;
	if (c->kernel.fd < 0)
		return;
	if (!kernel)
		endpoint_disarm(&c->kernel);
	else if (!endpoint_arm(&c->kernel, kernel))
		goto close;
	return;
close:
	client_close(c);
}

static void client_list_active(struct client *c)
{
	struct worker *w = c->worker;

	TAILQ_INSERT_TAIL(&w->active, c, active_entry);
	if (!atomic_load_explicit(&w->counting, memory_order_relaxed))
		atomic_store(&w->counting, true);
}

static void client_moved(struct client *c, size_t bytes)
{
	window_account(c, bytes);
	if (c->active)
		return;
	c->active = true;
	client_list_active(c);
}

/**
 * client_count() - add what its socket counted since the last time
 * @c: the client
 */
void client_count(struct client *c)
{
	struct server *s = c->worker->server;
	struct blipmq_socket_stats stats = { 0 };
	socklen_t size = sizeof(stats);
	struct counts *seen = &c->counted;

	if (c->active) {
		c->active = false;
		TAILQ_REMOVE(&c->worker->active, c, active_entry);
	}
	if (c->kernel.fd < 0 || getsockopt(c->kernel.fd, SOL_BLIPMQ,
					   BLIPMQ_STATS, &stats, &size))
		return;
	atomic_fetch_add(&s->received, stats.published - seen->received);
	atomic_fetch_add(&s->received_bytes,
			 stats.published_bytes - seen->received_bytes);
	atomic_fetch_add(&s->sent, stats.delivered - seen->sent);
	atomic_fetch_add(&s->sent_bytes,
			 stats.delivered_bytes - seen->sent_bytes);
	seen->received = stats.published;
	seen->received_bytes = stats.published_bytes;
	seen->sent = stats.delivered;
	seen->sent_bytes = stats.delivered_bytes;
}

static void client_close_kernel(struct client *c)
{
	if (c->kernel.fd < 0)
		return;
	client_count(c);
	close(c->kernel.fd);
	c->kernel.fd = -1;
	c->kernel.registered = false;
}

/**
 * client_close() - close both sockets
 * @c: the client
 *
 * Events for it may stand in the round that is being handled, so it is freed
 * after that.
 */
void client_close(struct client *c)
{
	struct worker *w = c->worker;

	if (c->dead)
		return;
	c->dead = true;
	client_close_kernel(c);
	close(c->tcp.fd);
	flow_drop(&c->up);
	flow_drop(&c->down);
	if (c->lingering)
		TAILQ_REMOVE(&w->lingering, c, linger_entry);
	TAILQ_REMOVE(&w->clients, c, entry);
	SLIST_INSERT_HEAD(&w->dead, c, dead_entry);
	atomic_fetch_sub(&w->load, 1);
	atomic_fetch_sub(&w->server->connections, 1);
}

/*
 * The broker has ended and the peer has got all of it. If we closed while it
 * still sends, its network stack would throw away what it has not read, the
 * reason of the end among it: say that this is the end, and wait for its own.
 */
static void client_linger(struct client *c)
{
	shutdown(c->tcp.fd, SHUT_WR);
	client_close_kernel(c);
	/* Then it is not the peer that has ended. */
	if (c->stopping) {
		c->up.ended = false;
		c->up.told = false;
	}
	if (c->up.ended) {
		client_close(c);
		return;
	}
	flow_drop(&c->up);
	c->up.discard = true;
	c->lingering = true;
	c->linger_end = worker_now() + LINGER_MS;
	TAILQ_INSERT_TAIL(&c->worker->lingering, c, linger_entry);
}

/* Return: false when the client is closed. */
static bool client_pump_up(struct client *c)
{
	size_t moved = 0;

	switch (pump(&c->up, c->tcp.fd, c->kernel.fd, c->worker->buffer,
		     &moved)) {
	case PUMP_SOURCE_FAILED:
	case PUMP_TARGET_FAILED:
		/* Without memory, say: what was read is lost, which it is to notice. */
		client_close(c);
		return false;
	case PUMP_TARGET_ENDED:
		/* The broker takes no more; what it says comes down. */
		flow_drop(&c->up);
		c->up.discard = true;
		break;
	case PUMP_OK:
		break;
	}
	if (moved && !c->up.discard)
		client_moved(c, moved);
	if (!c->up.ended || c->up.left || c->up.told)
		return true;
	c->up.told = true;
	if (c->lingering) {
		client_close(c);
		return false;
	}
	/* To the broker this is a QUIT: what is queued still comes down. */
	shutdown(c->kernel.fd, SHUT_WR);
	return true;
}

static bool client_pump_down(struct client *c)
{
	size_t moved = 0;

	if (pump(&c->down, c->kernel.fd, c->tcp.fd, c->worker->buffer,
		 &moved)) {
		client_close(c);
		return false;
	}
	if (moved)
		client_moved(c, moved);
	if (!c->down.ended || c->down.left || c->down.told)
		return true;
	c->down.told = true;
	client_linger(c);
	return !c->dead;
}

/**
 * client_event() - something happened at a socket
 * @e: the socket
 * @events: what, as epoll said it
 */
void client_event(struct endpoint *e, uint32_t events)
{
	struct client *c = e->client;
	bool up, down;

	if (c->dead)
		return;
	if (e == &c->tcp) {
		/*
		 * Reset, or ended in both directions. Who lingers has ended ours,
		 * and what is unread is to be read: to close now would be a reset.
		 */
		if (events & EPOLLERR || (events & EPOLLHUP && !c->lingering)) {
			client_close(c);
			return;
		}
		up = events & EPOLLIN;
		down = events & EPOLLOUT;
	} else {
		if (e->fd < 0)
			return;
		up = events & (EPOLLOUT | EPOLLERR | EPOLLHUP) && c->up.left;
		down = events & (EPOLLIN | EPOLLERR | EPOLLHUP);
	}
	if (up && !client_pump_up(c))
		return;
	if (down && c->kernel.fd >= 0 && !client_pump_down(c))
		return;
	client_arm(c);
}

/**
 * client_start() - begin to move its bytes, or go on with it
 * @c: the client
 * @w: the worker that it belongs to from now on
 *
 * What happened at its sockets while no worker had it is seen at once, since
 * epoll looks when it is told of a socket.
 */
void client_start(struct client *c, struct worker *w)
{
	c->worker = w;
	c->work = 0;
	c->work_window = w->window.number;
	TAILQ_INSERT_TAIL(&w->clients, c, entry);
	if (c->active)
		client_list_active(c);
	client_arm(c);
}

/**
 * client_stop() - let it have what is queued for it, and end
 * @c: the client
 *
 * What it has not said by now is not read. To the broker this is a QUIT, as if the
 * peer had said so.
 */
void client_stop(struct client *c)
{
	if (c->dead || c->lingering || c->up.ended)
		return;
	c->stopping = true;
	c->up.ended = true;
	if (client_pump_up(c))
		client_arm(c);
}

/**
 * client_leave() - end that a worker moves its bytes, for another to go on
 * @c: the client, which neither lingers nor is dead
 *
 * Not while events that epoll has said are still to be handled: some may be its
 * own. What it waits for, and what it has read and not written, goes with it.
 */
void client_leave(struct client *c)
{
	struct worker *w = c->worker;

	endpoint_disarm(&c->tcp);
	endpoint_disarm(&c->kernel);
	if (c->active)
		TAILQ_REMOVE(&w->active, c, active_entry);
	TAILQ_REMOVE(&w->clients, c, entry);
	atomic_fetch_sub(&w->load, 1);
}
