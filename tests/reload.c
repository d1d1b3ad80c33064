// SPDX-License-Identifier: GPL-2.0
/*
 * For scripts: removes the module and loads it, again and again, in the middle of
 * storms (churn.c) and while the last sockets of one close. In the middle it
 * mostly cannot go; when the storm ends it has to. By system calls, since on a
 * kernel that looks for bugs starting a program takes longer than all of that.
 *
 *	reload MODULE ROUNDS CHURN
 *
 * Ends with status 0 when all rounds were done, and it was refused in some.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

/* So long a storm that has begun blows before the module is to go. */
#define STORM_NS	20000000

static const char *churn;
static void *module;
static size_t module_len;

static void pause_for(long ns)
{
	const struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

static int module_remove(void)
{
	return (int)syscall(SYS_delete_module, "blipmq", O_NONBLOCK);
}

static int module_insert(void)
{
	return (int)syscall(SYS_init_module, module, module_len, "");
}

static bool module_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return false;
	module_len = (size_t)st.st_size;
	module = mmap(NULL, module_len, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
		      fd, 0);
	close(fd);
	return module != MAP_FAILED;
}

/* Does somebody use it? */
static bool module_is_used(void)
{
	char count[16] = "";
	int fd = open("/sys/module/blipmq/refcnt", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, count, sizeof(count) - 1);

	close(fd);
	return n > 0 && atoi(count) > 0;
}

static pid_t storm_begin(void)
{
	pid_t pid = fork();
	int null, ms;

	if (pid) {
		for (ms = 0; ms < LIB_HANG_MS && !module_is_used(); ms++)
			pause_for(1000000);
		pause_for(STORM_NS);
		return pid;
	}
	null = open("/dev/null", O_WRONLY);
	dup2(null, STDOUT_FILENO);
	execl(churn, churn, "100000", "6", NULL);
	_exit(127);
}

/* Its processes end with it. Return: false when it did not run. */
static bool storm_end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	return waitpid(pid, &status, 0) == pid &&
	       !(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}

/* Return: false when it does not, with errno. */
static bool module_goes(void)
{
	int ms;

	for (ms = 0; ms < LIB_HANG_MS; ms++) {
		if (!module_remove())
			return true;
		if (errno != EAGAIN && errno != EBUSY)
			return false;
		pause_for(1000000);
	}
	return false;
}

/* Return: whether it was refused; or -1. */
static int reload(void)
{
	pid_t storm = storm_begin();
	int refused;

	if (storm < 0)
		return -1;
	refused = module_remove() != 0;
	if (refused && errno != EAGAIN && errno != EBUSY)
		perror("delete_module");
	if (!refused && module_insert()) {
		perror("init_module, in a storm");
		refused = -1;
	}
	if (!storm_end(storm)) {
		fprintf(stderr, "%s did not run\n", churn);
		return -1;
	}
	if (refused < 0)
		return -1;
	if (!module_goes()) {
		perror("delete_module, after a storm");
		return -1;
	}
	if (module_insert()) {
		perror("init_module");
		return -1;
	}
	return refused;
}

int main(int argc, char **argv)
{
	unsigned long rounds, round, refused = 0;
	int ret;

	if (argc != 4) {
		fprintf(stderr, "usage: reload MODULE ROUNDS CHURN\n");
		return 2;
	}
	rounds = strtoul(argv[2], NULL, 0);
	churn = argv[3];
	if (!module_read(argv[1])) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (round = 0; round < rounds; round++) {
		ret = reload();
		if (ret < 0)
			break;
		refused += (unsigned long)ret;
	}
	printf("# removed in %lu rounds, refused in %lu\n", round, refused);
	return round != rounds || !refused;
}
