// SPDX-License-Identifier: GPL-2.0
/*
 * Instances of the kernel's trace buffer. One is named for its process; those
 * of processes that are gone, as after kill -9, are removed by the next one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "tracefs.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCES	TRACEFS "/instances"
#define PREFIX		"blipmqctl-"

/* Return: 0 or a negative errno. */
static int write_file(const char *folder, const char *name, const char *text)
{
	char path[2 * TRACEFS_ROOM];
	ssize_t n;
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/*
 * Where it is not mounted, as in a shell of 'ip netns exec', only this process
 * sees it. Whether that went well is seen by what comes next.
 */
static void mount_for_ourselves(void)
{
	if (!access(TRACEFS "/events", F_OK) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return;
	mount("nodev", TRACEFS, "tracefs", 0, NULL);
}

static void remove_instance(const char *folder)
{
	write_file(folder, "events/enable", "0");
	rmdir(folder);
}

static void remove_stale(void)
{
	char folder[2 * TRACEFS_ROOM];
	struct dirent *e;
	DIR *d = opendir(INSTANCES);
	long pid;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)))
			continue;
		pid = strtol(e->d_name + strlen(PREFIX), NULL, 10);
		if (pid <= 0 || !kill((pid_t)pid, 0) || errno != ESRCH)
			continue;
		snprintf(folder, sizeof(folder), INSTANCES "/%s", e->d_name);
		remove_instance(folder);
	}
	closedir(d);
}

static int failed(int error, const char *event)
{
	if (error == -EACCES || error == -EPERM)
		ctl_error("cannot trace: this is for root, outside of containers");
	else if (access(TRACEFS "/events", F_OK))
		ctl_error("cannot trace: there is no tracefs at " TRACEFS
			  "; the kernel needs CONFIG_FTRACE");
	else if (error == -ENOENT)
		ctl_error("cannot trace: the kernel has no event %s; is the module blipmq loaded?",
			  event);
	else
		ctl_error("cannot trace: %s", strerror(-error));
	return CTL_FAILED;
}

/**
 * tracefs_open() - have a buffer with one event, or say why not
 * @t: the buffer; tracefs_close() is due in either case
 * @event: system and name, with a slash
 * @filter: which of them
 *
 * Return: CTL_DONE, or another status after printing the reason.
 */
int tracefs_open(struct tracefs *t, const char *event, const char *filter)
{
	char name[TRACEFS_ROOM], path[2 * TRACEFS_ROOM];
	int ret;

	t->pipe = -1;
	mount_for_ourselves();
	remove_stale();
	snprintf(t->folder, sizeof(t->folder), INSTANCES "/" PREFIX "%d",
		 (int)getpid());
	if (mkdir(t->folder, 0700) && errno != EEXIST) {
		ret = -errno;
		t->folder[0] = '\0';
		return failed(ret, event);
	}
	snprintf(name, sizeof(name), "events/%s/filter", event);
	ret = write_file(t->folder, name, filter);
	snprintf(name, sizeof(name), "events/%s/enable", event);
	if (!ret)
		ret = write_file(t->folder, name, "1");
	if (ret)
		return failed(ret, event);
	snprintf(path, sizeof(path), "%s/trace_pipe", t->folder);
	t->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return t->pipe < 0 ? failed(-errno, event) : CTL_DONE;
}

/**
 * tracefs_close() - remove the buffer
 * @t: the buffer
 */
void tracefs_close(struct tracefs *t)
{
	if (t->pipe >= 0)
		close(t->pipe);
	if (t->folder[0])
		remove_instance(t->folder);
	t->pipe = -1;
	t->folder[0] = '\0';
}
