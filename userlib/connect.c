// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The life of a connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/blipmq.h>

#include "internal.h"

#define BUFFER_BYTES		(64U << 10)
#define BUFFER_BYTES_MIN	4096U
#define BACKLOG_BYTES		(16U << 20)

/* How long blipmq_close() lets the peer read what was written. */
#define LINGER_MS		1000

/* Why this thread's last blipmq_connect() failed: there is no connection. */
static __thread char connect_error[BLIPMQ_TEXT_MAX];

static void connection_free(struct blipmq *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(b->in);
	free(b->out);
	free(b);
}

static int connection_option(struct blipmq *b, u16 number, u32 value)
{
	u8 body[6];

	if (!value)
		return 0;
	b->timeout_ms = blipmq_left_ms(b->connect_end);
	blipmq_put_le16(body, number);
	blipmq_put_le32(body + 2, value);
	return blipmq_output_ask(b, BLIPMQ_OP_OPTION, NULL, body, sizeof(body));
}

/* A broker that does not confirm them is not reached. */
static int connection_options(struct blipmq *b, const struct blipmq_options *o)
{
	int ret;

	ret = connection_option(b, BLIPMQ_QUEUE_MESSAGES, o->queue_messages);
	if (ret)
		return ret;
	ret = connection_option(b, BLIPMQ_QUEUE_BYTES, o->queue_bytes);
	if (ret)
		return ret;
	ret = connection_option(b, BLIPMQ_OVERFLOW, o->overflow);
	if (ret)
		return ret;
	return connection_option(b, BLIPMQ_TTL, o->ttl_ms);
}

static int connection_open(struct blipmq *b, const char *address,
			   const struct blipmq_options *o)
{
	int timeout = o->connect_timeout_ms ?: BLIPMQ_CONNECT_TIMEOUT_MS;
	int ret;

	b->backlog_max = o->backlog_bytes ?: BACKLOG_BYTES;
	b->out_size = o->buffer_bytes ?: BUFFER_BYTES;
	if (b->out_size < BUFFER_BYTES_MIN)
		b->out_size = BUFFER_BYTES_MIN;
	b->out = malloc(b->out_size);
	if (!b->out)
		return blipmq_fail(b, -ENOMEM, "out of memory");

	b->fd = blipmq_address_open(b, address, timeout);
	if (b->fd < 0)
		return b->fd;
	ret = connection_options(b, o);
	b->timeout_ms = o->timeout_ms ?: BLIPMQ_TIMEOUT_MS;
	return ret;
}

int blipmq_connect(const char *address, const struct blipmq_options *options,
		   struct blipmq **b)
{
	struct blipmq_options o;
	struct blipmq *new;
	int ret;

	*b = NULL;
	ret = blipmq_options_copy(&o, sizeof(o), options);
	if (ret) {
		strcpy(connect_error, "unknown connection options");
		return ret;
	}
	new = calloc(1, sizeof(*new));
	if (!new) {
		strcpy(connect_error, "out of memory");
		return -ENOMEM;
	}
	new->fd = -1;
	ret = connection_open(new, address, &o);
	if (ret) {
		strcpy(connect_error, new->last.text);
		connection_free(new);
		return ret;
	}
	*connect_error = '\0';
	*b = new;
	return 0;
}

const char *blipmq_last_error(const struct blipmq *b)
{
	return b ? b->last.text : connect_error;
}

int blipmq_drain(struct blipmq *b)
{
	u8 quit[BLIPMQ_FRAME_HEADER];
	struct iovec iov[] = {
		{ .iov_base = b->out, .iov_len = b->out_len },
		{ .iov_base = quit, .iov_len = sizeof(quit) },
	};
	int ret;

	if (b->draining)
		return 0;
	blipmq_frame_encode(quit, BLIPMQ_OP_QUIT, 0, 0, 0);
	b->out_len = 0;
	ret = blipmq_output_write(b, iov, 2);
	/* The look for answers after the write may have met the end. */
	b->draining = true;
	if (b->broken == -ECONNRESET && !ret)
		b->broken = -ENODATA;
	return ret;
}

/* Who sends all the time does not make it longer. */
static void linger_read(struct blipmq *b, s64 end)
{
	do {
		b->head = b->scanned;
	} while (blipmq_left_ms(end) && blipmq_input_fill(b) > 0);
}

/*
 * A TCP socket that is closed with something unread in it resets the
 * connection, and the peer loses what it has not read. So say that this is the
 * end, and read until the peer says the same.
 */
static void connection_linger(struct blipmq *b)
{
	s64 end = blipmq_end_ms(LINGER_MS);
	int left;

	/* An end that was there before is a loss of what was written. */
	linger_read(b, end);
	shutdown(b->fd, SHUT_WR);
	/* As after a QUIT: now its end is none. */
	b->draining = true;
	while (!b->broken) {
		linger_read(b, end);
		left = blipmq_left_ms(end);
		if (b->broken || !left ||
		    blipmq_poll_all(b->fd, POLLIN, left) <= 0)
			return;
	}
}

int blipmq_close(struct blipmq *b)
{
	int ret = 0;

	if (!b)
		return 0;
	if (b->out_len)
		ret = blipmq_output_flush(b);
	if (!b->broken && b->unsettled) {
		if (b->network)
			connection_linger(b);
		else
			blipmq_input_keep(b);
	}
	if (b->later.error)
		ret = b->later.error;
	else if (!ret && b->unsettled && b->broken != -ENODATA)
		ret = b->broken;
	connection_free(b);
	return ret;
}

const char *blipmq_version(void)
{
	return BLIPMQ_VERSION;
}
