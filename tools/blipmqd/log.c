// SPDX-License-Identifier: GPL-2.0
/*
 * Messages for who runs the server, one write for each, to standard error.
 */
#include <stdarg.h>
#include <stdio.h>

#include "server.h"

/**
 * log_line() - say something
 * @format: as printf, without newline
 */
void log_line(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "blipmqd: %s\n", text);
}
