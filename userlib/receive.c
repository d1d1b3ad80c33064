// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Receiving: one by one, or by an event loop.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "internal.h"

/* Reads of one blipmq_dispatch(). */
#define DISPATCH_READS	4

/* A loss that no message follows yet is worth a report of its own. */
static void receive_loss(struct blipmq *b)
{
	memset(&b->message, 0, sizeof(b->message));
	b->message.lost = b->lost;
	b->lost = 0;
}

/*
 * Return: 1 with a message, 0 when none is there, or a negative errno. A loss
 * waits for the message behind it only while that is arriving.
 */
static int receive_one(struct blipmq *b)
{
	ssize_t n;

	for (;;) {
		if (blipmq_input_take(b))
			return 1;
		n = blipmq_input_fill(b);
		if (n > 0) {
			/*
			 * An answer to a PING is not put off, and is written
			 * while no message is out: writing may have to read,
			 * which moves what was read before.
			 */
			blipmq_output_pong(b);
			continue;
		}
		if (b->lost && (n < 0 || b->head == b->tail)) {
			receive_loss(b);
			return 1;
		}
		return (int)n;
	}
}

static int receive_begin(struct blipmq *b)
{
	int ret = blipmq_report_later(b);

	if (ret)
		return ret;
	/* What was received before the end comes first. */
	return b->broken ? 0 : blipmq_output_pong(b);
}

int blipmq_next(struct blipmq *b, int timeout_ms,
		const struct blipmq_message **message)
{
	s64 end = 0, left = timeout_ms;
	int ret;

	*message = NULL;
	ret = receive_begin(b);
	if (ret)
		return ret;
	if (timeout_ms > 0)
		end = blipmq_now_ms() + timeout_ms;
	while (!(ret = receive_one(b))) {
		if (timeout_ms > 0)
			left = end - blipmq_now_ms();
		ret = !left || (timeout_ms > 0 && left < 0) ? 0 :
		      blipmq_poll(b->fd, POLLIN, (int)left);
		if (!ret)
			return blipmq_fail(b, -ETIMEDOUT, "no message came");
		if (ret < 0)
			return blipmq_fail(b, ret, "%s", blipmq_strerror(ret));
	}
	if (ret < 0)
		return ret;
	*message = &b->message;
	return 0;
}

int blipmq_fd(const struct blipmq *b)
{
	return b->fd;
}

int blipmq_dispatch(struct blipmq *b,
		    int (*handler)(const struct blipmq_message *message,
				   void *data), void *data)
{
	int reads = 0, count = 0, ret;
	ssize_t n = 0;

	ret = receive_begin(b);
	if (ret)
		return ret;
	for (;;) {
		while (blipmq_input_take(b)) {
			count++;
			if (handler(&b->message, data))
				return count;
		}
		if (reads++ == DISPATCH_READS)
			break;
		n = blipmq_input_fill(b);
		if (n <= 0)
			break;
	}
	if (b->lost && n <= 0 && (n < 0 || b->head == b->tail)) {
		receive_loss(b);
		handler(&b->message, data);
		count++;
	}
	if (!b->broken)
		blipmq_output_pong(b);
	return count || n > 0 ? count : (int)n;
}
