// SPDX-License-Identifier: GPL-2.0
/*
 * What publishing and joining cost as topics, patterns and subscribers become
 * many. In the meter a nanosecond is an instruction.
 *
 *	growth [--topics N] [--patterns N] [--joins N]
 *
 * Topics above the namespace's limit are refused, which ends the run.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq.h>

#define EACH		4000	/* subscriptions of a socket */
#define PUBLISHES	2000

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

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

static void join(int fd, const char *pattern)
{
	struct {
		struct blipmq_subscription s;
		char room[256];
	} u = { .s = { .flags = 0 } };
	size_t len = strlen(pattern);

	u.s.pattern_len = (uint8_t)len;
	memcpy(u.s.names, pattern, len);
	if (setsockopt(fd, SOL_BLIPMQ, BLIPMQ_SUBSCRIBE, &u,
		       (socklen_t)(sizeof(u.s) + len)))
		die(pattern);
}

static void publish(int fd, const char *topic)
{
	struct sockaddr_blipmq sa = { .sbm_family = AF_BLIPMQ };
	size_t len = strlen(topic);

	memcpy(sa.sbm_topic, topic, len);
	if (sendto(fd, "message", 7, 0, (struct sockaddr *)&sa,
		   (socklen_t)(offsetof(struct sockaddr_blipmq, sbm_topic) +
			       len)) != 7)
		die("sendto");
}

/* A message to one reader, or to nobody. */
static void publishing(int pub, const char *what, long n)
{
	static const char * const topics[] = { "known.topic", "nobody.here" };
	uint64_t begin;
	int i, k;

	/* Hash tables grow behind the scenes, and the clock sees that, too. */
	sleep(3);
	for (k = 0; k < 2; k++) {
		for (i = 0; i < 100; i++)
			publish(pub, topics[k]);
		begin = now();
		for (i = 0; i < PUBLISHES; i++)
			publish(pub, topics[k]);
		printf("publish %s with %ld %s: %llu\n", topics[k], n, what,
		       (unsigned long long)(now() - begin) / PUBLISHES);
	}
	fflush(stdout);
}

/* Joins by format; the first and the last thousand are told. */
static void joining(const char *what, const char *format, long from, long to,
		    int own)
{
	uint64_t begin = now(), first = 0;
	char name[64];
	long i;
	int fd = -1;

	for (i = from; i < to; i++) {
		if (own || fd < 0 || i % EACH == 0)
			fd = sock();
		if (i == to - 1000) {
			sleep(3);
			begin = now();
		}
		snprintf(name, sizeof(name), format, i);
		join(fd, name);
		if (i == from + 999)
			first = now() - begin;
	}
	if (to - from >= 2000)
		printf("join %s, the first thousand of %ld: %llu, the last: %llu\n",
		       what, to - from, (unsigned long long)first / 1000,
		       (unsigned long long)(now() - begin) / 1000);
	fflush(stdout);
}

static void joining_all(long topics)
{
	uint64_t begin;
	int fd = sock();

	/* The ring is made by the first join of a socket. */
	join(fd, "ring");
	begin = now();
	join(fd, ">");
	printf("join > with %ld topics: %llu\n", topics,
	       (unsigned long long)(now() - begin));
	close(fd);
}

int main(int argc, char **argv)
{
	long topics = 60000, patterns = 100000, joins = 20000, n, last = 0;
	struct rlimit files = { 200000, 200000 };
	int pub = sock(), reader = sock(), i;

	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--topics"))
			topics = atol(argv[i + 1]);
		else if (!strcmp(argv[i], "--patterns"))
			patterns = atol(argv[i + 1]);
		else if (!strcmp(argv[i], "--joins"))
			joins = atol(argv[i + 1]);
	}
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
	join(reader, "known.topic");
	for (n = 10; n <= topics; n *= 10) {
		joining("topics", "many.topic.%ld", last, n, 0);
		last = n;
		publishing(pub, "topics", n);
		joining_all(n);
	}
	if (last < topics) {
		joining("topics", "many.topic.%ld", last, topics, 0);
		publishing(pub, "topics", topics);
		joining_all(topics);
	}
	joining("patterns", "other.%ld.*", 0, patterns, 0);
	publishing(pub, "patterns", patterns);
	joining("one topic", "one.topic", 0, joins, 1);
	joining("one pattern", "one.*.pattern", 0, joins, 1);
	return 0;
}
