// SPDX-License-Identifier: GPL-2.0
/*
 * A connection, whatever it speaks: batches out, reads in, and the check that
 * every message comes once and in order.
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "histogram.h"
#include "load.h"

/* The broker may have been started a moment ago: try for ten seconds. */
#define LOAD_CONNECT_TRIES	100
#define LOAD_CONNECT_PAUSE_US	100000

static int load_tcp_try(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		err(1, "socket");
	if (connect(fd, a->ai_addr, a->ai_addrlen)) {
		close(fd);
		return -1;
	}
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		err(1, "TCP_NODELAY");
	return fd;
}

int load_tcp_connect(const struct load_options *o)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *a;
	int fd, rc, i;

	rc = getaddrinfo(o->host, o->port, &hints, &a);
	if (rc)
		errx(1, "%s:%s: %s", o->host, o->port, gai_strerror(rc));
	for (i = 0; i < LOAD_CONNECT_TRIES; i++) {
		fd = load_tcp_try(a);
		if (fd >= 0)
			break;
		usleep(LOAD_CONNECT_PAUSE_US);
	}
	if (fd < 0)
		err(1, "connect to %s:%s", o->host, o->port);
	freeaddrinfo(a);
	return fd;
}

static void *load_alloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		err(1, "memory");
	return p;
}

static void load_conn_make_mmsg(struct load_conn *c, u8 *base, size_t step)
{
	unsigned int i;

	c->mmsg = load_alloc(c->batch, sizeof(*c->mmsg));
	c->iov = load_alloc(c->batch, sizeof(*c->iov));
	for (i = 0; i < c->batch; i++) {
		c->iov[i].iov_base = base + i * step;
		c->iov[i].iov_len = step;
		c->mmsg[i].msg_hdr.msg_iov = &c->iov[i];
		c->mmsg[i].msg_hdr.msg_iovlen = 1;
	}
}

static void load_conn_make_batch(struct load_conn *c,
				 const struct load_options *o)
{
	u8 *frame = load_alloc(1, o->size + LOAD_FRAME_ROOM);
	unsigned int i;

	memset(frame, 'x', o->size + LOAD_FRAME_ROOM);
	if (c->protocol->packets)
		c->frame_size = o->size;
	else
		c->frame_size = c->protocol->encode(frame, o, &c->payload_at);
	c->out = load_alloc(c->batch, c->frame_size);
	for (i = 0; i < c->batch; i++)
		memcpy(c->out + i * c->frame_size, frame, c->frame_size);
	free(frame);
}

void load_conn_open(struct load_conn *c, const struct load_options *o,
		    bool publisher)
{
	memset(c, 0, sizeof(*c));
	c->protocol = o->protocol;
	c->publisher = publisher;
	c->batch = o->batch;
	c->read_size = o->read_size;
	c->payload_size = o->size;
	c->in_size = o->read_size + o->size + LOAD_FRAME_ROOM;
	c->in = load_alloc(1, c->in_size);
	c->protocol->open(c, o);
	if (publisher)
		load_conn_make_batch(c, o);
	else
		c->protocol->subscribe(c, o);
	/* A packet reader shall not get more at a time than a stream reader. */
	if (!publisher && c->batch > o->read_size / o->size)
		c->batch = o->read_size / o->size ? : 1;
	if (c->protocol->packets)
		load_conn_make_mmsg(c, publisher ? c->out : c->in, o->size);
}

void load_conn_stamp(struct load_conn *c, unsigned int slot, u64 tag, u64 time)
{
	u8 *payload = c->out + slot * c->frame_size + c->payload_at;

	memcpy(payload, &tag, sizeof(tag));
	memcpy(payload + sizeof(tag), &time, sizeof(time));
}

void load_conn_write(struct load_conn *c, const void *p, size_t n)
{
	ssize_t done;

	while (n) {
		done = send(c->fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno != EINTR)
			err(1, "write to the broker");
		if (done > 0) {
			p = (const u8 *)p + done;
			n -= (size_t)done;
		}
	}
}

static void load_conn_send_packets(struct load_conn *c, unsigned int n)
{
	unsigned int at = 0;
	int done;

	while (at < n) {
		done = sendmmsg(c->fd, c->mmsg + at, n - at, MSG_NOSIGNAL);
		if (done < 0 && errno != EINTR)
			err(1, "sendmmsg");
		if (done > 0)
			at += (unsigned int)done;
	}
}

/* The first n frames of the batch. */
void load_conn_send(struct load_conn *c, unsigned int n)
{
	if (__atomic_load_n(&c->pong_owed, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&c->pong_owed, false, __ATOMIC_RELAXED))
		load_conn_write(c, c->protocol->pong, c->protocol->pong_len);
	if (c->protocol->packets && n > 1)
		load_conn_send_packets(c, n);
	else
		load_conn_write(c, c->out, n * c->frame_size);
}

static void load_conn_message(struct load_conn *c, const u8 *payload,
			      size_t len, u64 now)
{
	unsigned int publisher;
	u64 tag, time;

	if (len != c->payload_size)
		errx(1, "a message of %zu bytes, %zu were sent", len,
		     c->payload_size);
	memcpy(&tag, payload, sizeof(tag));
	publisher = (unsigned int)(tag >> 56);
	if (publisher >= LOAD_PUBLISHERS_MAX ||
	    tag != load_tag(publisher, c->next[publisher]))
		errx(1, "message %llx of publisher %u came, %llx was due",
		     tag, publisher, c->next[publisher % LOAD_PUBLISHERS_MAX]);
	c->next[publisher]++;
	if (c->histogram) {
		memcpy(&time, payload + sizeof(tag), sizeof(time));
		load_histogram_add(c->histogram, now > time ? now - time : 0);
	}
}

static void load_conn_other(struct load_conn *c, const struct load_item *item)
{
	switch (item->kind) {
	case LOAD_CONFIRM:
		c->confirms++;
		break;
	case LOAD_PING:
		if (c->publisher)
			__atomic_store_n(&c->pong_owed, true, __ATOMIC_RELAXED);
		else
			load_conn_write(c, c->protocol->pong,
					c->protocol->pong_len);
		break;
	case LOAD_ERROR:
		errx(1, "the broker said: %.*s", (int)item->len, item->data);
	default:
		break;
	}
}

static unsigned int load_conn_parse(struct load_conn *c, u64 now)
{
	struct load_item item;
	unsigned int messages = 0;
	size_t at = 0, n;

	while (at < c->in_used) {
		n = c->protocol->parse(c->in + at, c->in_used - at, &item);
		if (!n)
			break;
		if (item.kind == LOAD_MESSAGE) {
			load_conn_message(c, item.data, item.len, now);
			messages++;
		} else {
			load_conn_other(c, &item);
		}
		at += n;
	}
	c->in_used -= at;
	if (at && c->in_used)
		memmove(c->in, c->in + at, c->in_used);
	return messages;
}

static unsigned int load_conn_receive_packets(struct load_conn *c, int flags)
{
	int i, n;
	u64 now;

	if (c->batch > 1) {
		n = recvmmsg(c->fd, c->mmsg, c->batch, flags | MSG_WAITFORONE,
			     NULL);
	} else {
		ssize_t got = recv(c->fd, c->in, c->payload_size, flags);

		n = got < 0 ? -1 : 1;
		c->mmsg[0].msg_len = (unsigned int)got;
	}
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		err(1, "read from the broker");
	}
	now = c->histogram ? load_now() : 0;
	for (i = 0; i < n; i++)
		load_conn_message(c, c->iov[i].iov_base, c->mmsg[i].msg_len,
				  now);
	return (unsigned int)n;
}

/* One read, and all that was complete in it. Returns how many messages. */
unsigned int load_conn_receive(struct load_conn *c, int flags)
{
	size_t room = c->in_size - c->in_used;
	ssize_t n;

	if (c->protocol->packets)
		return load_conn_receive_packets(c, flags);
	n = recv(c->fd, c->in + c->in_used,
		 room < c->read_size ? room : c->read_size, flags);
	if (!n)
		errx(1, "the broker closed the connection");
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		err(1, "read from the broker");
	}
	c->in_used += (size_t)n;
	return load_conn_parse(c, c->histogram ? load_now() : 0);
}

void load_conn_expect_confirm(struct load_conn *c)
{
	unsigned int before = c->confirms;

	while (c->confirms == before)
		load_conn_receive(c, 0);
}
