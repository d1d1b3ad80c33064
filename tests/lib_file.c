// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's small files, and tracing in a buffer of one's own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

bool lib_write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

bool lib_read_file(char *text, size_t room, const char *folder,
		   const char *name)
{
	char path[256];
	size_t len = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (len < room - 1 && (n = read(fd, text + len, room - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return true;
}

/* Nobody else's events are in it. Sets @folder, of 64 bytes; to be removed. */
bool lib_trace_open(char *folder)
{
	snprintf(folder, 64, LIB_TRACING "/instances/blipmq-%d", getpid());
	return !mkdir(folder, 0700);
}

void lib_wait_asleep(pid_t pid)
{
	char folder[32], text[512], *p;

	snprintf(folder, sizeof(folder), "/proc/%d", pid);
	while (lib_read_file(text, sizeof(text), folder, "stat")) {
		p = strrchr(text, ')');
		if (!p || p[2] == 'S' || p[2] == 'Z')
			return;
		usleep(1000);
	}
}
