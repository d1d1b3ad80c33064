// SPDX-License-Identifier: GPL-2.0
/*
 * Doing something as a user who is not root.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

static bool write_map(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return ok;
}

/*
 * Runs @check as user @uid, in the namespaces that @flags say; in one of users
 * as its root. Returns what it returns, up to 90; another number on failure.
 */
int lib_as_user(uid_t uid, int flags, int (*check)(void *arg), void *arg)
{
	char map[32];
	int status;
	pid_t pid = fork();

	if (!pid) {
		snprintf(map, sizeof(map), "0 %u 1", uid);
		/* Who changes his user may not write his map, unless he says so. */
		if (setresuid(uid, uid, uid) ||
		    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) ||
		    (flags && (unshare(flags) ||
			       !write_map("/proc/self/uid_map", map))))
			_exit(91);
		_exit(check(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}
