// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The direction to the broker. A writer that must wait also reads: the broker
 * stops reading a connection whose answers nobody takes, and then both would
 * wait for ever.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

/* How often a writer that never waits looks for refusals. */
#define LOOK_MS		10

static int output_lost(struct blipmq *b, int error)
{
	/* The ERR that tells the reason may stand before the end. */
	while (blipmq_input_keep(b) > 0)
		;
	return blipmq_break(b, -ECONNRESET, "connection lost: %s",
			    strerror(error));
}

/* What comes meanwhile is read, and is no progress with writing. */
static int output_wait(struct blipmq *b, s64 end)
{
	ssize_t n;
	int ready;

	ready = blipmq_poll_all(b->fd, POLLIN | POLLOUT, blipmq_left_ms(end));
	if (ready < 0)
		return blipmq_break(b, ready, "cannot wait for the broker");
	if (!ready)
		return blipmq_break(b, -ETIMEDOUT,
				    "the broker does not read");
	if (ready & ~POLLOUT) {
		n = blipmq_input_keep(b);
		/* A frame may be half written: nothing can follow it. */
		if (n < 0)
			return blipmq_break(b, (int)n, "%s",
					    blipmq_strerror((int)n));
		if (!(ready & POLLOUT) && !blipmq_left_ms(end))
			return blipmq_break(b, -ETIMEDOUT,
					    "the broker does not read");
	}
	return 0;
}

static void iov_advance(struct iovec **iov, int *n, size_t done)
{
	while (*n && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		++*iov;
		--*n;
	}
	if (*n) {
		(*iov)->iov_base = (u8 *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

/**
 * blipmq_output_write() - write all of it
 * @b: the connection
 * @iov: whole frames; changed
 * @n: entries of @iov
 *
 * Return: 0, or a negative errno, after which the connection is broken.
 */
int blipmq_output_write(struct blipmq *b, struct iovec *iov, int n)
{
	struct msghdr msg = { 0 };
	bool waits = false;
	s64 now, end = 0;
	ssize_t done;
	int ret;

	if (b->broken)
		return b->broken;
	iov_advance(&iov, &n, 0);
	while (n) {
		msg.msg_iov = iov;
		msg.msg_iovlen = (size_t)n;
		done = sendmsg(b->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done >= 0) {
			iov_advance(&iov, &n, (size_t)done);
			waits = false;
		} else if (errno == EAGAIN) {
			if (!waits)
				end = blipmq_end_ms(b->timeout_ms);
			waits = true;
			ret = output_wait(b, end);
			if (ret)
				return ret;
		} else if (errno != EINTR) {
			return output_lost(b, errno);
		}
	}
	now = blipmq_now_coarse_ms();
	if (now - b->looked >= LOOK_MS) {
		b->looked = now;
		/* An error is the next call's: this one has written all. */
		if (b->scanned - b->head <= b->backlog_max)
			blipmq_input_keep(b);
	}
	return 0;
}

/**
 * blipmq_output_flush() - write the buffer
 * @b: the connection
 *
 * Return: 0 or a negative errno.
 */
int blipmq_output_flush(struct blipmq *b)
{
	struct iovec iov = { .iov_base = b->out, .iov_len = b->out_len };

	if (b->broken)
		return b->broken;
	b->out_len = 0;
	return blipmq_output_write(b, &iov, 1);
}

/**
 * blipmq_output_pong() - write the PONG that is owed
 * @b: the connection
 *
 * Return: 0 or a negative errno.
 */
int blipmq_output_pong(struct blipmq *b)
{
	u8 pong[sizeof(b->pong)];
	struct iovec iov = { .iov_base = pong, .iov_len = b->pong_len };

	if (!b->pong_len || b->broken)
		return b->broken;
	/* A copy: while it is written, another PING may come. */
	memcpy(pong, b->pong, b->pong_len);
	b->pong_len = 0;
	return blipmq_output_write(b, &iov, 1);
}

/**
 * blipmq_output_ask() - write a frame and wait for its confirmation
 * @b: the connection
 * @op: SUB, UNSUB or OPTION
 * @topic: its topic or pattern, NULL for none
 * @body: its body
 * @body_len: bytes of it
 *
 * Return: 0, the broker's refusal, or another negative errno.
 */
int blipmq_output_ask(struct blipmq *b, u8 op, const char *topic,
		      const void *body, size_t body_len)
{
	size_t topic_len = topic ? strlen(topic) : 0;
	u8 head[BLIPMQ_FRAME_HEADER + BLIPMQ_FRAME_TOPIC_MAX];
	struct iovec iov[] = {
		{ .iov_base = b->out, .iov_len = b->out_len },
		{ .iov_base = head, .iov_len = BLIPMQ_FRAME_HEADER + topic_len },
		{ .iov_base = (void *)body, .iov_len = body_len },
	};
	int ret;

	if (b->broken)
		return b->broken;
	if (topic_len > BLIPMQ_FRAME_TOPIC_MAX)
		return blipmq_fail(b, -EINVAL, "pattern is longer than %u bytes",
				   BLIPMQ_FRAME_TOPIC_MAX);
	blipmq_frame_encode(head, op, BLIPMQ_FLAG_CONFIRM, (u8)topic_len,
			    (u32)body_len);
	/* A copy: it may stand in what was received, which may move. */
	if (topic_len)
		memcpy(head + BLIPMQ_FRAME_HEADER, topic, topic_len);
	b->out_len = 0;
	blipmq_answer_expect(b, BLIPMQ_WAIT_NAMED, 0);
	ret = blipmq_output_write(b, iov, 3);
	if (ret)
		return ret;
	return blipmq_answer_wait(b);
}
