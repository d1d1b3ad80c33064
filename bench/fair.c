// SPDX-License-Identifier: GPL-2.0
/*
 * What others notice of one that does not behave: a subscriber that reads slowly
 * or not at all, a publisher that writes all that it can. bench/fair has the
 * cases, which are all here but for the lane of FAIR_TOPIC.
 *
 *	fair slow none|blocked|slow oldest|new [--count N] [--rate N] [--spin 1]
 *	fair flood none|flood [--seconds N]
 */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/blipmq.h>

#include "histogram.h"
#include "load.h"

#define FAIR_TOPIC	"fair.t"
#define SUBSCRIBERS	32
#define PUBLISHERS	8
#define PAYLOAD		64

/* So little that it is full as soon as the case begins. */
#define QUEUE		64

/* A slow one reads so often. */
#define SLOW_NS		20000000ULL

static int subs[SUBSCRIBERS];
static struct load_histogram latency;
static u32 wanted, seen;
static int done, slow;

static int fair_socket(int type)
{
	int fd = socket(AF_BLIPMQ, type, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static void fair_set(int fd, int option, u32 value)
{
	if (setsockopt(fd, SOL_BLIPMQ, option, &value, sizeof(value)))
		err(1, "option %d", option);
}

static int fair_subscriber(void)
{
	struct {
		struct blipmq_subscription s;
		char names[sizeof(FAIR_TOPIC)];
	} sub = { .s.pattern_len = sizeof(FAIR_TOPIC) - 1 };
	int fd = fair_socket(SOCK_SEQPACKET);

	memcpy(sub.names, FAIR_TOPIC, sizeof(FAIR_TOPIC) - 1);
	if (setsockopt(fd, SOL_BLIPMQ, BLIPMQ_SUBSCRIBE, &sub,
		       (socklen_t)(sizeof(sub.s) + sizeof(FAIR_TOPIC) - 1)))
		err(1, "subscribe");
	return fd;
}

/* Who is well-behaved, and the last one where it is, too. */
static void *fair_reader(void *arg)
{
	int all = *(int *)arg, ep = epoll_create1(0), n, i;
	struct epoll_event ev[SUBSCRIBERS];
	u8 payload[PAYLOAD];

	for (i = 0; i < SUBSCRIBERS - !all; i++) {
		ev[0].events = EPOLLIN;
		ev[0].data.u32 = (u32)i;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, subs[i], ev))
			err(1, "epoll");
	}
	while (seen < wanted) {
		n = epoll_wait(ep, ev, SUBSCRIBERS, 10000);
		if (n <= 0)
			errx(1, "%u of %u messages came", seen, wanted);
		for (i = 0; i < n; i++) {
			u32 s = ev[i].data.u32;

			while (recv(subs[s], payload, PAYLOAD, MSG_DONTWAIT) ==
			       PAYLOAD) {
				u64 due = blipmq_get_le64(payload);

				/* Those of the warm-up have none. */
				if (s == SUBSCRIBERS - 1)
					continue;
				seen++;
				if (due)
					load_histogram_add(&latency,
							   load_now() - due);
			}
		}
	}
	close(ep);
	return NULL;
}

/*
 * Until a moment. What the meter's clock says of idle time is the host's doing, so
 * there nobody sleeps that can help it.
 */
static void fair_wait(u64 time, int spin)
{
	if (!spin)
		load_sleep_until(time);
	while (load_now() < time)
		sched_yield();
}

/* It runs in all cases, so that they differ in nothing but what is read. */
static void *fair_slow_reader(void *arg)
{
	u8 payload[PAYLOAD];

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		if (slow)
			recv(subs[SUBSCRIBERS - 1], payload, PAYLOAD,
			     MSG_DONTWAIT);
		fair_wait(load_now() + SLOW_NS, *(int *)arg);
	}
	return NULL;
}

static void fair_connect(int fd)
{
	struct sockaddr_blipmq sa = { .sbm_family = AF_BLIPMQ };

	memcpy(sa.sbm_topic, FAIR_TOPIC, sizeof(FAIR_TOPIC) - 1);
	if (connect(fd, (struct sockaddr *)&sa,
		    offsetof(struct sockaddr_blipmq, sbm_topic) +
		    sizeof(FAIR_TOPIC) - 1))
		err(1, "connect");
}

static void fair_slow(const char *how, const char *policy, u32 count, u32 rate,
		      int spin)
{
	int pub = fair_socket(SOCK_SEQPACKET), all = !strcmp(how, "none"), i;
	u32 warm = count / 10, n;
	pthread_t reader, lazy;
	u8 payload[PAYLOAD] = "";
	u64 due;

	slow = !strcmp(how, "slow");
	fair_connect(pub);
	for (i = 0; i < SUBSCRIBERS; i++)
		subs[i] = fair_subscriber();
	fair_set(subs[SUBSCRIBERS - 1], BLIPMQ_QUEUE_MESSAGES, QUEUE);
	fair_set(subs[SUBSCRIBERS - 1], BLIPMQ_OVERFLOW,
		 strcmp(policy, "new") ? BLIPMQ_OVERFLOW_DROP_OLDEST :
					 BLIPMQ_OVERFLOW_DROP_NEW);
	wanted = (warm + count) * (SUBSCRIBERS - 1);
	if (pthread_create(&reader, NULL, fair_reader, &all) ||
	    pthread_create(&lazy, NULL, fair_slow_reader, &spin))
		errx(1, "no thread");
	due = load_now() + 10000000;
	for (n = 0; n < warm + count; n++, due += 1000000000ULL / rate) {
		fair_wait(due, spin);
		blipmq_put_le64(payload, n < warm ? 0 : due);
		if (send(pub, payload, PAYLOAD, 0) != PAYLOAD)
			err(1, "send");
	}
	pthread_join(reader, NULL);
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	pthread_join(lazy, NULL);
	printf("mode=slow how=%s policy=%s p50=%llu p99=%llu max=%llu\n", how,
	       policy,
	       (unsigned long long)load_histogram_percentile(&latency, 50),
	       (unsigned long long)load_histogram_percentile(&latency, 99),
	       (unsigned long long)latency.max);
}

/* A publisher that writes as much at a time as it is told to, as often as it can. */
struct fair_publisher {
	int		fd;
	u32		frames;
	pthread_t	thread;
};

static void *fair_publish(void *arg)
{
	struct fair_publisher *p = arg;
	size_t size = BLIPMQ_FRAME_HEADER + sizeof(FAIR_TOPIC) - 1 +
		      BLIPMQ_FRAME_PUB_FIXED + PAYLOAD;
	u8 *out = calloc(p->frames, size);
	u32 i;

	if (!out)
		err(1, "frames");
	for (i = 0; i < p->frames; i++) {
		blipmq_frame_encode(out + i * size, BLIPMQ_OP_PUB, 0,
				    sizeof(FAIR_TOPIC) - 1,
				    BLIPMQ_FRAME_PUB_FIXED + PAYLOAD);
		memcpy(out + i * size + BLIPMQ_FRAME_HEADER, FAIR_TOPIC,
		       sizeof(FAIR_TOPIC) - 1);
	}
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		if (send(p->fd, out, p->frames * size, 0) < 0)
			err(1, "send");
	free(out);
	return NULL;
}

static u64 fair_published(int fd)
{
	struct blipmq_socket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(fd, SOL_BLIPMQ, BLIPMQ_STATS, &stats, &len))
		err(1, "BLIPMQ_STATS");
	return stats.published;
}

static void fair_flood(const char *how, u32 seconds)
{
	struct fair_publisher p[PUBLISHERS];
	u64 count[PUBLISHERS], sum = 0, least = ~0ULL, begin, ns;
	int i, flood = !strcmp(how, "flood");

	for (i = 0; i < SUBSCRIBERS; i++) {
		subs[i] = fair_subscriber();
		fair_set(subs[i], BLIPMQ_QUEUE_MESSAGES, QUEUE);
	}
	for (i = 0; i < PUBLISHERS; i++) {
		p[i].fd = fair_socket(SOCK_STREAM);
		p[i].frames = flood && i == PUBLISHERS - 1 ? 1024 : 1;
		if (p[i].frames > 1) {
			int room = 64 << 20;

			if (setsockopt(p[i].fd, SOL_SOCKET, SO_SNDBUFFORCE,
				       &room, sizeof(room)))
				err(1, "SO_SNDBUFFORCE");
		}
		if (pthread_create(&p[i].thread, NULL, fair_publish, &p[i]))
			errx(1, "no thread");
	}
	load_sleep_until(load_now() + 500000000ULL);
	for (i = 0; i < PUBLISHERS; i++)
		count[i] = fair_published(p[i].fd);
	begin = load_now();
	load_sleep_until(begin + seconds * 1000000000ULL);
	for (i = 0; i < PUBLISHERS; i++)
		count[i] = fair_published(p[i].fd) - count[i];
	ns = load_now() - begin;
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	for (i = 0; i < PUBLISHERS; i++)
		pthread_join(p[i].thread, NULL);
	for (i = 0; i < PUBLISHERS - 1; i++) {
		sum += count[i];
		least = count[i] < least ? count[i] : least;
	}
	printf("mode=flood how=%s others=%.0f least=%.0f last=%.0f\n", how,
	       (double)sum * 1e9 / (double)ns / (PUBLISHERS - 1),
	       (double)least * 1e9 / (double)ns,
	       (double)count[PUBLISHERS - 1] * 1e9 / (double)ns);
}

static u32 fair_option(int argc, char **argv, const char *name, u32 value)
{
	int i;

	for (i = 2; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			value = (u32)strtoul(argv[i + 1], NULL, 0);
	return value;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "slow")) {
		fair_slow(argv[2], argv[3],
			  fair_option(argc, argv, "--count", 1000),
			  fair_option(argc, argv, "--rate", 200) ?: 1,
			  (int)fair_option(argc, argv, "--spin", 0));
	} else if (argc >= 3 && !strcmp(argv[1], "flood")) {
		fair_flood(argv[2], fair_option(argc, argv, "--seconds", 2));
	} else {
		fprintf(stderr, "usage: fair slow %s [--count N] [--rate N] [--spin 1]\n"
			"       fair flood none|flood [--seconds N]\n",
			"none|blocked|slow oldest|new");
		return 2;
	}
	return 0;
}
