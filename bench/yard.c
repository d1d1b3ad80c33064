// SPDX-License-Identifier: GPL-2.0
/*
 * Yardsticks: what a system call, a message between two local sockets and one
 * over TCP cost here, so that a broker's figures can be read.
 */
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/blipmq.h>

#include "load.h"

#define YARD_TIMES	20000
#define YARD_WARM	2000

/* A message of 64 bytes, and the frame that carries it with its topic. */
#define YARD_MESSAGE	64
#define YARD_FRAME	91

struct yard {
	const char *name;
	int from;
	int to;
	size_t size;
};

static void yard_getppid(const struct yard *y)
{
	(void)y;
	syscall(SYS_getppid);
}

static void yard_write_read(const struct yard *y)
{
	static char buffer[YARD_FRAME];

	if (write(y->from, buffer, y->size) != (ssize_t)y->size ||
	    read(y->to, buffer, y->size) != (ssize_t)y->size)
		err(1, "%s", y->name);
}

static void yard_measure(const struct yard *y,
			 void (*step)(const struct yard *))
{
	u64 start;
	int i;

	for (i = 0; i < YARD_WARM; i++)
		step(y);
	start = load_now();
	for (i = 0; i < YARD_TIMES; i++)
		step(y);
	printf("mode=yard name=%s times=%d avg=%.1f\n", y->name, YARD_TIMES,
	       (double)(load_now() - start) / YARD_TIMES);
	fflush(stdout);
}

static void yard_tcp_pair(struct yard *y)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(a);
	int on = 1;
	int l = socket(AF_INET, SOCK_STREAM, 0);

	y->from = socket(AF_INET, SOCK_STREAM, 0);
	if (l < 0 || y->from < 0 || bind(l, (struct sockaddr *)&a, len) ||
	    listen(l, 1) || getsockname(l, (struct sockaddr *)&a, &len) ||
	    connect(y->from, (struct sockaddr *)&a, len))
		err(1, "tcp pair");
	y->to = accept(l, NULL, NULL);
	if (y->to < 0 ||
	    setsockopt(y->from, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		err(1, "tcp pair");
	close(l);
}

/* Both ends of a topic of its own. */
static void yard_blipmq(void)
{
	static const char topic[] = "yardstick-t";
	struct yard packet = { .name = "blipmq-seqpacket",
			       .size = YARD_MESSAGE };
	struct {
		struct blipmq_subscription s;
		char names[sizeof(topic) - 1];
	} sub = { .s.pattern_len = sizeof(topic) - 1 };
	struct sockaddr_blipmq to = { .sbm_family = AF_BLIPMQ };

	packet.from = socket(AF_BLIPMQ, SOCK_SEQPACKET, 0);
	packet.to = socket(AF_BLIPMQ, SOCK_SEQPACKET, 0);
	if (packet.from < 0 || packet.to < 0)
		err(1, "packet sockets");
	memcpy(sub.names, topic, sizeof(sub.names));
	memcpy(to.sbm_topic, topic, sizeof(sub.names));
	if (setsockopt(packet.to, SOL_BLIPMQ, BLIPMQ_SUBSCRIBE, &sub,
		       sizeof(sub.s) + sizeof(sub.names)) ||
	    connect(packet.from, (struct sockaddr *)&to,
		    offsetof(struct sockaddr_blipmq, sbm_topic) +
		    sizeof(sub.names)))
		err(1, "topic %s", topic);
	yard_measure(&packet, yard_write_read);
}

int main(void)
{
	struct yard tcp = { .name = "tcp", .size = YARD_FRAME };
	struct yard local = { .name = "unix-seqpacket", .size = YARD_MESSAGE };
	struct yard call = { .name = "getppid" };
	int pair[2];

	yard_measure(&call, yard_getppid);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		err(1, "socketpair");
	local.from = pair[0];
	local.to = pair[1];
	yard_measure(&local, yard_write_read);
	yard_blipmq();
	yard_tcp_pair(&tcp);
	yard_measure(&tcp, yard_write_read);
	return 0;
}
