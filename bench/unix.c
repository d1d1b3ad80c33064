// SPDX-License-Identifier: GPL-2.0
/*
 * No broker at all: a pair of AF_UNIX packet sockets, one publisher to one
 * subscriber, in the same two threads. What a packet socket costs when its
 * reader is woken from another thread.
 */
#include <err.h>
#include <unistd.h>

#include "load.h"

/* The publisher's end, from the subscription until the publisher takes it. */
static int load_unix_other = -1;

static void load_unix_open(struct load_conn *c, const struct load_options *o)
{
	int pair[2];

	if (o->publishers > 1 || o->subscribers > 1)
		errx(2, "%s is one to one", c->protocol->name);
	if (c->publisher) {
		c->fd = load_unix_other;
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		err(1, "socketpair");
	c->fd = pair[0];
	load_unix_other = pair[1];
}

static void load_unix_subscribe(struct load_conn *c,
				const struct load_options *o)
{
	(void)c;
	(void)o;
}

const struct load_protocol load_unix_seqpacket = {
	.name = "unix-seqpacket",
	.packets = true,
	.open = load_unix_open,
	.subscribe = load_unix_subscribe,
};
