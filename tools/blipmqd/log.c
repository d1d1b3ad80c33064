// SPDX-License-Identifier: GPL-2.0
/*
 * Messages for who runs the server, one write for each, to standard error.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "server.h"

/* A terminal on a serial line takes its time. */
#define ROOM_MS	100

/**
 * log_has_room() - may a line be written without waiting for long for its reader?
 * @fd: where to
 *
 * Who accepts clients must not wait for a terminal that was stopped.
 */
bool log_has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, ROOM_MS) > 0 && p.revents & POLLOUT;
}

/**
 * log_line() - say something, if somebody takes it
 * @format: as printf, without newline
 */
void log_line(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (log_has_room(STDERR_FILENO))
		fprintf(stderr, "blipmqd: %s\n", text);
}
