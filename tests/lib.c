// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest helpers of the test programs.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

void lib_say_at(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "# %s:%d: %s\n", file, line, text);
}

int lib_temporary(const void *bytes, size_t len)
{
	int fd = memfd_create("blipmq-test", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (write(fd, bytes, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A kernel that looks at each access sees in few rounds what others may not. */
int lib_rounds(int most)
{
	if (getenv("SUITE_LONG") || access("/proc/self/fail-nth", F_OK))
		return most;
	return most / 8 ? most / 8 : 1;
}
