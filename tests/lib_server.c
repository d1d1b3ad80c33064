// SPDX-License-Identifier: GPL-2.0
/*
 * A blipmqd of a test's own.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

/*
 * Started with @argv, on a free port of loopback, which goes to @address. Until it
 * has become another user, it ends with this process. -1 on failure.
 */
pid_t lib_server_start(char *const argv[], char *address, size_t size)
{
	char line[256], *at = NULL;
	int fds[2];
	FILE *said;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], STDERR_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execv("build/blipmqd", argv);
		_exit(127);
	}
	close(fds[1]);
	/* Stays open: it may have more to say. */
	said = fdopen(fds[0], "r");
	while (said && !at && fgets(line, sizeof(line), said))
		at = strstr(line, "listening on ");
	if (!at) {
		lib_say("blipmqd does not listen");
		return -1;
	}
	at += strlen("listening on ");
	at[strcspn(at, "\n")] = 0;
	snprintf(address, size, "%s", at);
	return pid;
}

/* The same, and lib_open() finds it from now on. */
pid_t lib_server(char *const argv[])
{
	char address[64];
	pid_t pid = lib_server_start(argv, address, sizeof(address));

	if (pid > 0)
		setenv("BLIPMQ_TEST_TCP", address, 1);
	return pid;
}

/* It ends, and with success. */
bool lib_server_ended(pid_t pid)
{
	int status = -1;

	if (pid > 0)
		waitpid(pid, &status, 0);
	if (status)
		lib_say("blipmqd ended with status %#x", status);
	return !status;
}

/* Ended as its administrator would end it. */
bool lib_server_end(pid_t pid)
{
	return pid > 0 && !kill(pid, SIGTERM) && lib_server_ended(pid);
}
