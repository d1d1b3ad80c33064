// SPDX-License-Identifier: GPL-2.0
/*
 * Moving bytes in one direction. What a full destination does not take is the
 * only thing that is kept, and nothing more is read until it is gone: the queue
 * is the kernel's, with its limits and its counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "worker.h"

/* Reads of one turn, and its milliseconds: others wait meanwhile. */
#define TURN_READS	4
#define TURN_MS		5

/**
 * struct turn - how long this one may go on
 * @end: until when, 0 while it has done one thing only
 *
 * Most do one thing, for which the clock is not read.
 */
struct turn {
	int64_t	end;
};

static bool turn_is_over(struct turn *t)
{
	int64_t now = worker_now();

	if (!t->end)
		t->end = now + TURN_MS;
	return now >= t->end;
}

/**
 * flow_drop() - forget what is kept
 * @f: the direction
 */
void flow_drop(struct flow *f)
{
	free(f->left);
	f->left = NULL;
}

/* Return: bytes taken, 0 for none right now, or -1 with errno. */
static ssize_t pump_write(struct flow *f, int to, const char *data,
			  size_t size, struct turn *t)
{
	size_t done = 0, n_bytes;
	ssize_t n;

	while (done < size) {
		n_bytes = size - done < f->slice ? size - done : f->slice;
		n = send(to, data + done, n_bytes, MSG_NOSIGNAL);
		if (n >= 0) {
			done += (size_t)n;
			if (done < size && turn_is_over(t))
				break;
			continue;
		}
		if (errno == EAGAIN)
			break;
		if (errno != EINTR)
			return -1;
	}
	return (ssize_t)done;
}

/* Only a broker that has ended says so; another error is one of this machine. */
static enum pump_result pump_failed(void)
{
	return errno == EPIPE ? PUMP_TARGET_ENDED : PUMP_TARGET_FAILED;
}

static enum pump_result pump_left(struct flow *f, int to, struct turn *t)
{
	ssize_t n = pump_write(f, to, f->left + f->offset, f->size - f->offset,
			       t);

	if (n < 0)
		return pump_failed();
	f->offset += (size_t)n;
	if (f->offset == f->size)
		flow_drop(f);
	return PUMP_OK;
}

static enum pump_result pump_chunk(struct flow *f, int to, const char *data,
				   size_t size, struct turn *t)
{
	ssize_t n;

	if (f->discard)
		return PUMP_OK;
	n = pump_write(f, to, data, size, t);
	if (n < 0)
		return pump_failed();
	if ((size_t)n == size)
		return PUMP_OK;
	f->size = size - (size_t)n;
	f->offset = 0;
	f->left = malloc(f->size);
	if (!f->left)
		return PUMP_TARGET_FAILED;
	memcpy(f->left, data + n, f->size);
	return PUMP_OK;
}

/**
 * pump() - move what there is, within the bounds of a turn
 * @f: the direction
 * @from: where from
 * @to: where to
 * @buffer: PUMP_BUFFER bytes
 * @moved: bytes that were read or written are added
 *
 * Return: whether both sockets still work.
 */
enum pump_result pump(struct flow *f, int from, int to, char *buffer,
		      size_t *moved)
{
	struct turn turn = { .end = 0 };
	enum pump_result result;
	int reads = 0;
	ssize_t n;

	if (f->left) {
		*moved += f->size - f->offset;
		result = pump_left(f, to, &turn);
		if (result)
			return result;
	}
	while (!f->left && !f->ended && reads++ < TURN_READS) {
		n = recv(from, buffer, PUMP_BUFFER, 0);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? PUMP_OK : PUMP_SOURCE_FAILED;
		}
		if (!n) {
			f->ended = true;
			break;
		}
		*moved += (size_t)n;
		result = pump_chunk(f, to, buffer, (size_t)n, &turn);
		if (result)
			return result;
		/* A short read emptied the source: no need to ask again. */
		if ((size_t)n < PUMP_BUFFER || turn_is_over(&turn))
			break;
	}
	return PUMP_OK;
}
