// SPDX-License-Identifier: GPL-2.0
/*
 * Which settings matter, why, and what they are on this machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "tune.h"

#define CPUS	"/sys/devices/system/cpu/"
#define SYSCTL	"/proc/sys/"

static const struct tune_item items[] = {
	{
		.name = "cpu-governor",
		.files = CPUS "cpu[0-9]*/cpufreq/scaling_governor",
		.kind = TUNE_WORD, .better = "performance",
		.why = "who is woken by a message finds its CPU at full speed",
	}, {
		.name = "huge-pages-defrag",
		.files = "/sys/kernel/mm/transparent_hugepage/defrag",
		.kind = TUNE_NOT, .avoid = "always", .better = "madvise",
		.why = "a program that reads does not stop while memory is compacted",
	}, {
		.name = "huge-pages",
		.files = "/sys/kernel/mm/transparent_hugepage/enabled",
		.kind = TUNE_SHOWN,
		.why = "programs alone: messages are in kernel memory, which has huge pages",
	}, {
		.name = "rmem-max", .files = SYSCTL "net/core/rmem_max",
		.kind = TUNE_AT_LEAST, .better = "16777216",
		.why = "a program that asks for a large SO_RCVBUF gets no shorter queue by it",
	}, {
		.name = "wmem-max", .files = SYSCTL "net/core/wmem_max",
		.kind = TUNE_AT_LEAST, .better = "4194304",
		.why = "a publisher may ask for more under way to workers, by SO_SNDBUF",
	}, {
		.name = "somaxconn", .files = SYSCTL "net/core/somaxconn",
		.kind = TUNE_AT_LEAST, .better = "4096",
		.why = "many clients may connect to blipmqd at once, as after a restart",
	}, {
		.name = "swappiness", .files = SYSCTL "vm/swappiness",
		.kind = TUNE_AT_MOST, .better = "10",
		.why = "a reader that is swapped out falls behind, and its queue overflows",
	}, {
		.name = "numa-balancing", .files = SYSCTL "kernel/numa_balancing",
		.kind = TUNE_AT_MOST, .better = "0", .nodes = 2,
		.why = "programs do not stop for faults that look where memory is used",
	}, {
		.name = "numa-nodes", .files = "/sys/devices/system/node/online",
		.kind = TUNE_SHOWN,
		.why = "publishers, worker and readers of a topic are quickest on one node",
	}, {
		.name = "open-files", .files = SYSCTL "fs/nr_open",
		.kind = TUNE_AT_LEAST, .better = "1048576",
		.why = "blipmqd asks for so many descriptors, two for each client",
	}, {
		.name = "isolated-cpus", .files = CPUS "isolated",
		.kind = TUNE_SHOWN,
		.why = "isolcpus= at boot keeps a CPU for a worker, see 'blipmqctl help worker'",
	}, {
		.name = "mitigations", .files = CPUS "vulnerabilities/*",
		.kind = TUNE_SHOWN,
		.why = "each system call pays for them; they are not for a broker to turn off",
	},
};

#define ITEMS	(sizeof(items) / sizeof(items[0]))

static void full_path(const char *root, const char *path, char *full)
{
	snprintf(full, PATH_MAX, "%s%s", root, path);
}

/**
 * tune_read() - what a setting is
 * @root: what is before the path
 * @path: its file
 * @text: room for TUNE_TEXT bytes: the first line, or of some words the one
 *	that is in brackets
 *
 * Return: false when it cannot be read.
 */
bool tune_read(const char *root, const char *path, char *text)
{
	char full[PATH_MAX], *begin, *end;
	ssize_t n;
	int fd;

	full_path(root, path, full);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, TUNE_TEXT - 1);
	close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n\t")] = '\0';
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (end) {
		*end = '\0';
		memmove(text, begin + 1, (size_t)(end - begin));
	}
	return true;
}

/**
 * tune_write() - change a setting
 * @root: what is before the path
 * @path: its file
 * @text: what it shall be
 *
 * Return: 0 or a negative errno.
 */
int tune_write(const char *root, const char *path, const char *text)
{
	char full[PATH_MAX];
	ssize_t n;
	int fd;

	full_path(root, path, full);
	/* Of the kernel's files there is nothing to cut off. */
	fd = open(full, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	if (close(fd) && !n)
		n = -errno;
	return (int)n;
}

static bool is_fine(const struct tune_item *item, const char *now)
{
	long long number = strtoll(now, NULL, 10);
	long long better = item->better ? strtoll(item->better, NULL, 10) : 0;

	switch (item->kind) {
	case TUNE_WORD:
		return !item->better || !strcmp(now, item->better);
	case TUNE_NOT:
		return strcmp(now, item->avoid);
	case TUNE_AT_LEAST:
		return number >= better;
	case TUNE_AT_MOST:
		return number <= better;
	case TUNE_SHOWN:
		break;
	}
	return true;
}

static int count_nodes(const char *root)
{
	char pattern[PATH_MAX];
	glob_t found;
	int n = 0;

	full_path(root, "/sys/devices/system/node/node[0-9]*", pattern);
	if (!glob(pattern, 0, NULL, &found)) {
		n = (int)found.gl_pathc;
		globfree(&found);
	}
	return n;
}

static void add_file(struct tune_list *l, const struct tune_item *item,
		     const char *path)
{
	struct tune_file f = { .item = item };

	if (!tune_read(l->root, path, f.now))
		return;
	f.fine = is_fine(item, f.now);
	f.path = config_memory(NULL, strlen(path) + 1, 1);
	strcpy(f.path, path);
	l->files = config_memory(l->files, l->nr + 1, sizeof(*l->files));
	l->files[l->nr++] = f;
}

/**
 * tune_look() - look at all settings
 * @l: the list
 * @root: what is before all paths, empty but in tests
 */
void tune_look(struct tune_list *l, const char *root)
{
	int nodes = count_nodes(root);
	char pattern[PATH_MAX];
	glob_t found;
	size_t i, k;

	memset(l, 0, sizeof(*l));
	l->root = root;
	for (i = 0; i < ITEMS; i++) {
		if (nodes < items[i].nodes)
			continue;
		full_path(root, items[i].files, pattern);
		if (glob(pattern, 0, NULL, &found))
			continue;
		for (k = 0; k < found.gl_pathc; k++)
			add_file(l, &items[i], found.gl_pathv[k] + strlen(root));
		globfree(&found);
	}
}

/**
 * tune_free() - forget them
 * @l: the list
 */
void tune_free(struct tune_list *l)
{
	size_t i;

	for (i = 0; i < l->nr; i++)
		free(l->files[i].path);
	free(l->files);
}
