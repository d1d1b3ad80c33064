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

/* Reads of one turn: others wait meanwhile. */
#define TURN_READS	4

/**
 * flow_drop() - forget what is kept
 * @f: the direction
 */
void flow_drop(struct flow *f)
{
	free(f->left);
	f->left = NULL;
}

/* Return: bytes taken, 0 for none right now, or -1 for a dead destination. */
static ssize_t pump_write(int to, const char *data, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = send(to, data + done, size - done, MSG_NOSIGNAL);
		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == EAGAIN)
			break;
		if (errno != EINTR)
			return -1;
	}
	return (ssize_t)done;
}

static enum pump_result pump_left(struct flow *f, int to)
{
	ssize_t n = pump_write(to, f->left + f->offset, f->size - f->offset);

	if (n < 0)
		return PUMP_TARGET_FAILED;
	f->offset += (size_t)n;
	if (f->offset == f->size)
		flow_drop(f);
	return PUMP_OK;
}

static enum pump_result pump_chunk(struct flow *f, int to, const char *data,
				   size_t size)
{
	ssize_t n;

	if (f->discard)
		return PUMP_OK;
	n = pump_write(to, data, size);
	if (n < 0)
		return PUMP_TARGET_FAILED;
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
	enum pump_result result;
	int turn = 0;
	ssize_t n;

	if (f->left) {
		*moved += f->size - f->offset;
		result = pump_left(f, to);
		if (result)
			return result;
	}
	while (!f->left && !f->ended && turn++ < TURN_READS) {
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
		result = pump_chunk(f, to, buffer, (size_t)n);
		if (result)
			return result;
		/* A short read emptied the source: no need to ask again. */
		if ((size_t)n < PUMP_BUFFER)
			break;
	}
	return PUMP_OK;
}
