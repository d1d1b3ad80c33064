// SPDX-License-Identifier: GPL-2.0
/*
 * All allocations below one function of the module fail, whoever calls it, for
 * faults.c: what only happens when one after the other fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"

static const char * const kinds[] = { "failslab", "fail_page_alloc" };

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static int open_knob(const char *kind, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kind, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static unsigned long long get(const char *kind, const char *name)
{
	int fd = open_knob(kind, name);
	char text[32] = "";

	if (read(fd, text, sizeof(text) - 1) <= 0) {
		perror(name);
		exit(1);
	}
	close(fd);
	return strtoull(text, NULL, 0);
}

static void set(const char *kind, const char *name, unsigned long long value)
{
	int fd = open_knob(kind, name), n;
	char text[32];

	n = snprintf(text, sizeof(text), "%#llx", value);
	if (write(fd, text, (size_t)n) != n) {
		perror(name);
		exit(1);
	}
	close(fd);
}

/* Where a function of the module begins, and where the next one does. */
static bool find(const char *function, unsigned long long *start,
		 unsigned long long *end)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long long address;
	char name[128], line[256];
	int pass;

	*start = 0;
	*end = ~0ULL;
	for (pass = 0; f && pass < 2; pass++) {
		rewind(f);
		while (fgets(line, sizeof(line), f)) {
			if (!strstr(line, "\t[blipmq]") ||
			    sscanf(line, "%llx %*c %127s", &address,
				   name) != 2)
				continue;
			if (!pass && !strcmp(name, function))
				*start = address;
			if (pass && address > *start && address < *end)
				*end = address;
		}
	}
	if (f)
		fclose(f);
	return *start && *end != ~0ULL;
}

/* The range that faults.sh has set, for when nothing fails any more. */
static unsigned long long module_start, module_end;

bool faults_below(const char *function)
{
	unsigned long long start, end;
	size_t i;

	if (!find(function, &start, &end))
		return false;
	module_start = get(kinds[0], "require-start");
	module_end = get(kinds[0], "require-end");
	for (i = 0; i < KINDS; i++) {
		set(kinds[i], "require-start", start);
		set(kinds[i], "require-end", end);
		set(kinds[i], "interval", 1);
		set(kinds[i], "times", 1000000);
		set(kinds[i], "probability", 100);
	}
	return true;
}

int faults_below_end(void)
{
	unsigned long long left = 0;
	size_t i;

	for (i = 0; i < KINDS; i++) {
		set(kinds[i], "probability", 0);
		left += get(kinds[i], "times");
		set(kinds[i], "require-start", module_start);
		set(kinds[i], "require-end", module_end);
	}
	return (int)(KINDS * 1000000 - left);
}
