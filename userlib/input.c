// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The direction from the broker. One buffer holds what was received. Frames
 * are parsed where they lie: first they are scanned for answers, which may
 * overtake messages that the caller has not taken yet, then messages are taken
 * from the head.
 *
 *	0      head          scanned        tail      in_size
 *	| free | to be taken | partial frame | free    |
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

/* Worth a system call; and what one read takes at most. */
#define READ_MIN	(64U << 10)
#define READ_MAX	(256U << 10)

/* Longer than any frame: the length is no length. */
#define FRAME_MAX	(BLIPMQ_FRAME_HEADER + BLIPMQ_FRAME_TOPIC_MAX + \
			 BLIPMQ_FRAME_PUB_FIXED + BLIPMQ_FRAME_PAYLOAD_MAX)

static int input_room(struct blipmq *b)
{
	size_t used = b->tail - b->head, partial = b->tail - b->scanned;
	size_t want = READ_MIN, size;
	u8 *in;

	if (partial >= sizeof(u32)) {
		size = blipmq_get_le32(b->in + b->scanned);
		if (size <= FRAME_MAX && size > partial + want)
			want = size - partial;
	}
	if (b->in_size - b->tail >= want)
		return 0;
	/* Moving is cheap when it frees more than it moves. */
	if (b->head >= used && b->in_size - used >= want) {
		memcpy(b->in, b->in + b->head, used);
		b->scanned -= b->head;
		b->tail -= b->head;
		b->head = 0;
		return 0;
	}
	size = b->in_size ? b->in_size * 2 : READ_MAX;
	if (size < b->tail + want)
		size = b->tail + want;
	in = realloc(b->in, size);
	if (!in)
		return blipmq_fail(b, -ENOMEM, "out of memory");
	b->in = in;
	b->in_size = size;
	return 0;
}

/* Keep the answer to a PING of the broker until something may be written. */
static void input_ping(struct blipmq *b, const u8 *frame, size_t size)
{
	size_t body = size - BLIPMQ_FRAME_HEADER;

	if (body > BLIPMQ_FRAME_PING_MAX)
		return;
	blipmq_frame_encode(b->pong, BLIPMQ_OP_PONG, 0, 0, (u32)body);
	memcpy(b->pong + BLIPMQ_FRAME_HEADER, frame + BLIPMQ_FRAME_HEADER,
	       body);
	b->pong_len = size;
}

static int input_scan(struct blipmq *b)
{
	struct blipmq_frame f;
	const u8 *frame;

	while (b->tail - b->scanned >= BLIPMQ_FRAME_HEADER) {
		frame = b->in + b->scanned;
		blipmq_frame_decode(&f, frame);
		if (f.reserved || f.size > FRAME_MAX ||
		    f.size < BLIPMQ_FRAME_HEADER + f.topic_len +
			     blipmq_frame_body_fixed(f.op))
			return blipmq_break(b, -EPROTO,
					    "the peer sent a malformed frame");
		if (b->tail - b->scanned < f.size)
			break;
		switch (f.op) {
		case BLIPMQ_OP_ACK:
		case BLIPMQ_OP_PONG:
		case BLIPMQ_OP_ERR:
			blipmq_answer_handle(b, &f, frame);
			break;
		case BLIPMQ_OP_PING:
			input_ping(b, frame, f.size);
			break;
		}
		b->scanned += f.size;
	}
	return 0;
}

/**
 * blipmq_input_fill() - read what is there, without waiting
 * @b: the connection
 *
 * Return: the number of bytes; 0: nothing is there; negative errno.
 */
ssize_t blipmq_input_fill(struct blipmq *b)
{
	size_t room;
	ssize_t n;
	int ret;

	if (b->broken)
		return b->broken;
	ret = input_room(b);
	if (ret)
		return ret;
	room = b->in_size - b->tail;
	if (room > READ_MAX)
		room = READ_MAX;
	n = recv(b->fd, b->in + b->tail, room, MSG_DONTWAIT);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return blipmq_break(b, -ECONNRESET, "connection lost: %s",
				    strerror(errno));
	}
	if (!n) {
		if (b->draining)
			return blipmq_break(b, -ENODATA,
					    "the connection was drained");
		return blipmq_break(b, -ECONNRESET,
				    "the broker closed the connection");
	}
	b->tail += (size_t)n;
	ret = input_scan(b);
	return ret ? ret : n;
}

/* Too much for the backlog: count the oldest messages as lost. */
static void input_trim(struct blipmq *b)
{
	struct blipmq_frame f;
	const u8 *frame;

	while (b->scanned - b->head > b->backlog_max) {
		frame = b->in + b->head;
		blipmq_frame_decode(&f, frame);
		if (f.op == BLIPMQ_OP_MSG)
			b->lost++;
		else if (f.op == BLIPMQ_OP_LOST)
			b->lost += blipmq_get_le64(frame + BLIPMQ_FRAME_HEADER +
						   f.topic_len);
		b->head += f.size;
	}
}

/**
 * blipmq_input_keep() - as blipmq_input_fill(), while waiting for something else
 * @b: the connection
 *
 * Keeps the backlog of messages within its limit. Answers stand behind
 * messages in the stream, so that reading must go on when the limit is reached.
 *
 * Return: the number of bytes; 0: nothing is there; negative errno.
 */
ssize_t blipmq_input_keep(struct blipmq *b)
{
	ssize_t n = blipmq_input_fill(b);

	if (n > 0)
		input_trim(b);
	return n;
}

/**
 * blipmq_input_take() - make the oldest message received the current one
 * @b: the connection
 *
 * Losses before it are noted in b->lost, and given with the message.
 *
 * Return: false when no whole message is there.
 */
bool blipmq_input_take(struct blipmq *b)
{
	struct blipmq_message *m = &b->message;
	struct blipmq_frame f;
	u8 *topic, *body;

	while (b->head < b->scanned) {
		topic = b->in + b->head + BLIPMQ_FRAME_HEADER;
		blipmq_frame_decode(&f, b->in + b->head);
		body = topic + f.topic_len;
		b->head += f.size;
		if (f.op == BLIPMQ_OP_LOST)
			b->lost += blipmq_get_le64(body);
		if (f.op != BLIPMQ_OP_MSG)
			continue;
		m->id = blipmq_get_le64(body);
		/* The id was read: its place ends the topic. */
		*body = '\0';
		m->topic = (const char *)topic;
		m->topic_len = f.topic_len;
		m->payload = body + BLIPMQ_FRAME_PUB_FIXED;
		m->size = f.size - BLIPMQ_FRAME_HEADER - f.topic_len -
			  BLIPMQ_FRAME_PUB_FIXED;
		m->retained = f.flags & BLIPMQ_FLAG_RETAIN;
		m->lost = b->lost;
		b->lost = 0;
		return true;
	}
	if (b->head == b->tail) {
		b->head = 0;
		b->scanned = 0;
		b->tail = 0;
	}
	return false;
}
