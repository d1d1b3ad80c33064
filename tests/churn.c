// SPDX-License-Identifier: GPL-2.0
/*
 * A storm for scripts: processes that open sockets, subscribe, publish, receive,
 * fork, exec, and are killed, all on the same few topics. What they get does
 * not matter here, and neither does a broker that goes and comes back; the
 * kernel's complaints do, and what is left afterwards.
 *
 *	churn SECONDS [PROCESSES]
 *
 * Ends with status 0 when every process could be started, and went on until it
 * was killed, and some did something; says how often each thing was done.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

#define SOCKETS		8
#define TOPICS		5

enum churn_deed {
	CHURN_OPENED, CHURN_SUBSCRIBED, CHURN_LEFT, CHURN_PUBLISHED,
	CHURN_RECEIVED, CHURN_CLOSED, CHURN_FORKED, CHURN_EXECED,
	CHURN_KILLED, CHURN_DEEDS,
};

static const char * const churn_names[CHURN_DEEDS] = {
	"opened", "subscribed", "left", "published", "received", "closed",
	"forked", "execed", "killed",
};

/* Shared by all processes. */
static unsigned long *churn_done;

static void did(enum churn_deed deed)
{
	__atomic_add_fetch(&churn_done[deed], 1, __ATOMIC_RELAXED);
}

static unsigned int below(unsigned int *seed, unsigned int n)
{
	return (unsigned int)rand_r(seed) % n;
}

static void pause_a_moment(unsigned int *seed)
{
	struct timespec ts = { .tv_nsec = below(seed, 3000000) };

	nanosleep(&ts, NULL);
}

/* One write of frames, of topics that others are on. */
static void publish_frames(int fd, unsigned int *seed)
{
	struct lib_peer p = { .fd = fd };
	static const char payload[20000];
	unsigned int i, n = 1 + below(seed, 64);
	char topic[16];

	for (i = 0; i < n; i++) {
		snprintf(topic, sizeof(topic), "churn.%u", below(seed, TOPICS));
		lib_put_pub(&p, 0, topic, i, payload,
			    below(seed, 100) ? below(seed, 200) :
			    below(seed, sizeof(payload)));
	}
	/* Cut anywhere: the rest never comes. */
	if (!below(seed, 10))
		p.out_len = below(seed, (unsigned int)p.out_len);
	if (send(fd, p.out, p.out_len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		did(CHURN_PUBLISHED);
	free(p.out);
}

static bool is_stream(int fd)
{
	socklen_t len = sizeof(int);
	int type = 0;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	return type == SOCK_STREAM;
}

static void publish(int fd, unsigned int *seed)
{
	char topic[16], payload[100] = "";

	if (is_stream(fd)) {
		publish_frames(fd, seed);
		return;
	}
	snprintf(topic, sizeof(topic), "churn.%u", below(seed, TOPICS));
	if (lib_sendto(fd, topic, payload, below(seed, sizeof(payload))) >= 0)
		did(CHURN_PUBLISHED);
}

static void receive(int fd, unsigned int *seed)
{
	static char buffer[70000];
	int i, flags = MSG_DONTWAIT;

	if (!below(seed, 4))
		flags |= MSG_PEEK;
	for (i = 0; i < 20; i++)
		if (recv(fd, buffer, below(seed, sizeof(buffer)), flags) > 0)
			did(CHURN_RECEIVED);
}

static void act(int *fd, unsigned int *seed)
{
	unsigned int what = below(seed, 100);
	char topic[16];

	snprintf(topic, sizeof(topic), "churn.%u", below(seed, TOPICS));
	if (*fd < 0) {
		*fd = socket(AF_BLIPMQ, (what % 2 ? SOCK_STREAM :
					 SOCK_SEQPACKET) | SOCK_CLOEXEC, 0);
		if (*fd >= 0)
			did(CHURN_OPENED);
		else
			pause_a_moment(seed);
	} else if (what < 15) {
		if (!lib_subscription(*fd, BLIPMQ_SUBSCRIBE, topic, NULL))
			did(CHURN_SUBSCRIBED);
	} else if (what < 22) {
		if (!lib_subscription(*fd, BLIPMQ_UNSUBSCRIBE, topic, NULL))
			did(CHURN_LEFT);
	} else if (what < 60) {
		publish(*fd, seed);
	} else if (what < 88) {
		receive(*fd, seed);
	} else if (what < 90) {
		shutdown(*fd, (int)below(seed, 3));
	} else if (what < 92) {
		u32 limit = 1 + below(seed, 2000);

		setsockopt(*fd, SOL_BLIPMQ, BLIPMQ_QUEUE_MESSAGES, &limit,
			   sizeof(limit));
	} else if (what < 98) {
		close(*fd);
		*fd = -1;
		did(CHURN_CLOSED);
	} else {
		pause_a_moment(seed);
	}
}

/* In a child: ends with its parent, also if that has ended already. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

/* A child that shares the descriptors, and ends in one of several ways. */
static void fork_one(int *fds, unsigned int *seed)
{
	pid_t parent = getpid(), pid = fork();
	int i;

	if (pid < 0)
		return;
	did(CHURN_FORKED);
	if (!pid) {
		end_with(parent);
		for (i = 0; i < 50; i++)
			act(&fds[below(seed, SOCKETS)], seed);
		if (below(seed, 2)) {
			did(CHURN_EXECED);
			execl("/bin/true", "true", NULL);
		}
		for (;;)
			act(&fds[below(seed, SOCKETS)], seed);
	}
	for (i = 0; i < 20; i++)
		act(&fds[below(seed, SOCKETS)], seed);
	pause_a_moment(seed);
	if (!kill(pid, SIGKILL))
		did(CHURN_KILLED);
	waitpid(pid, NULL, 0);
}

/* For ever, until it is killed. Everything is closed at times. */
static void churn(unsigned int seed)
{
	int fds[SOCKETS], i;

	memset(fds, -1, sizeof(fds));
	for (;;) {
		for (i = 0; i < 300; i++)
			act(&fds[below(&seed, SOCKETS)], &seed);
		if (!below(&seed, 3))
			fork_one(fds, &seed);
		for (i = 0; i < SOCKETS; i++) {
			if (fds[i] >= 0)
				close(fds[i]);
			fds[i] = -1;
		}
		pause_a_moment(&seed);
	}
}

int main(int argc, char **argv)
{
	int processes = argc > 2 ? atoi(argv[2]) : 4, ended = 0, status, i;
	pid_t pids[64], self = getpid();

	if (argc < 2 || atoi(argv[1]) < 1 || processes < 1 || processes > 64) {
		fprintf(stderr, "usage: churn SECONDS [PROCESSES]\n");
		return 2;
	}
	churn_done = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (churn_done == MAP_FAILED)
		return 1;
	for (i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] < 0) {
			perror("# fork");
			return 1;
		}
		if (!pids[i]) {
			end_with(self);
			churn((unsigned int)i + 1);
		}
	}
	sleep((unsigned int)atoi(argv[1]));
	for (i = 0; i < processes; i++)
		kill(pids[i], SIGKILL);
	for (i = 0; i < processes; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] ||
		    !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			ended++;
	printf("#");
	for (i = 0; i < CHURN_DEEDS; i++)
		printf(" %s %lu", churn_names[i], churn_done[i]);
	printf("\n");
	if (ended)
		printf("# %d processes ended before they were killed\n", ended);
	return ended || !churn_done[CHURN_OPENED] ||
	       !churn_done[CHURN_SUBSCRIBED] || !churn_done[CHURN_PUBLISHED];
}
