// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest helpers of the test programs.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
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
static bool rounds_are_few(void)
{
	struct utsname name;

	if (getenv("SUITE_STOCK") || uname(&name))
		return false;
	return strstr(name.release, "-debug") || strstr(name.release, "-kcsan");
}

int lib_rounds(int most)
{
	if (!rounds_are_few())
		return most;
	return most / 8 ? most / 8 : 1;
}

int lib_rounds_long(int usual, int most)
{
	if (getenv("SUITE_LONG") && !rounds_are_few())
		return most;
	return lib_rounds(usual);
}
