// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets and topics for lists to be long, which stay, and others that come and
 * go meanwhile, until standard input ends.
 *
 *	crowd TOPICS SOCKETS
 *
 * Says "ready" when they are there: topics crowd.N, each subscribed to by one
 * socket. What comes and goes is called passing.N.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/blipmq.h>

#define PAUSE_MS	1

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int sock(void)
{
	int fd = socket(AF_BLIPMQ, SOCK_SEQPACKET, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void subscribe(int fd, const char *what, unsigned long nr, int option)
{
	struct {
		struct blipmq_subscription s;
		char name[64];
	} u = { .s = { .flags = 0 } };
	int len = snprintf(u.name, sizeof(u.name), "%s.%lu", what, nr);

	u.s.pattern_len = (uint8_t)len;
	memcpy(u.s.names, u.name, (size_t)len);
	if (setsockopt(fd, SOL_BLIPMQ, option, &u,
		       (socklen_t)sizeof(u.s) + (socklen_t)len))
		die(what);
}

int main(int argc, char **argv)
{
	unsigned long topics, sockets, i;
	struct pollfd end = { .fd = 0, .events = POLLIN };
	struct rlimit files;
	int fd;

	if (argc != 3) {
		fputs("usage: crowd TOPICS SOCKETS\n", stderr);
		return 2;
	}
	topics = strtoul(argv[1], NULL, 10);
	sockets = strtoul(argv[2], NULL, 10);
	files = (struct rlimit){ sockets + 64, sockets + 64 };
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
	for (i = 0; i < sockets; i++) {
		fd = sock();
		for (unsigned long k = i; k < topics; k += sockets)
			subscribe(fd, "crowd", k, BLIPMQ_SUBSCRIBE);
	}
	puts("ready");
	fflush(stdout);
	for (i = 0; !poll(&end, 1, PAUSE_MS); i++) {
		fd = sock();
		subscribe(fd, "passing", i, BLIPMQ_SUBSCRIBE);
		close(fd);
	}
	return 0;
}
