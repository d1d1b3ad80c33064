// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on sockets of one message a call, on namespaces and on the control
 * plane, for faults.c.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"

static int error(int ret)
{
	return ret < 0 ? -errno : 0;
}

static int act_socket_stream(struct faults_scene *s)
{
	s->fd = socket(AF_BLIPMQ, SOCK_STREAM, 0);
	return error(s->fd);
}

static int act_socket_packet(struct faults_scene *s)
{
	s->fd = socket(AF_BLIPMQ, SOCK_SEQPACKET, 0);
	return error(s->fd);
}

static int act_connect(struct faults_scene *s)
{
	struct sockaddr_blipmq sa;
	socklen_t len = lib_address(&sa, "f.a");

	return error(connect(s->packet, (struct sockaddr *)&sa, len));
}

static int act_topic_default(struct faults_scene *s)
{
	return error(setsockopt(s->packet, SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT,
				"f.a", 3));
}

static bool check_connected(struct faults_scene *s)
{
	return send(s->packet, "x", 1, 0) == 1 && faults_receives(s->sub, "x", 1);
}

/* A new topic, on a socket that has no queue yet. */
static int act_subscribe(struct faults_scene *s)
{
	return lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, "f.new", NULL);
}

static bool check_subscribed(struct faults_scene *s)
{
	return lib_status_of("subscriptions") == 3 &&
	       lib_sendto(s->sub, "f.new", "x", 1) == 1 &&
	       faults_receives(s->packet, "x", 1);
}

/* So many on a topic that one more takes another chunk of its set. */
static bool prepare_chunk(struct faults_scene *s)
{
	int i;

	for (i = 0; i < 4; i++) {
		s->fds[i] = lib_packet();
		if (lib_subscription(s->fds[i], BLIPMQ_SUBSCRIBE, "f.new",
				     NULL))
			return false;
	}
	return true;
}

static bool check_chunk(struct faults_scene *s)
{
	int i;

	if (lib_sendto(s->sub, "f.new", "x", 1) != 1)
		return false;
	for (i = 0; i < 4; i++)
		if (!faults_receives(s->fds[i], "x", 1))
			return false;
	return faults_receives(s->packet, "x", 1);
}

static int act_unsubscribe(struct faults_scene *s)
{
	int ret = lib_subscription(s->sub, BLIPMQ_UNSUBSCRIBE, "f.a", NULL);

	return ret == -ENOENT ? 0 : ret;
}

static bool check_unsubscribed(struct faults_scene *s)
{
	char byte;

	return lib_sendto(s->packet, "f.a", "x", 1) == 1 &&
	       recv(s->sub, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static int send_bytes(struct faults_scene *s, size_t len)
{
	ssize_t n = lib_sendto(s->packet, "f.a", faults_payload(), len);

	return n < 0 ? (int)n : 0;
}

static int act_send(struct faults_scene *s)
{
	return send_bytes(s, 100);
}

static int act_send_large(struct faults_scene *s)
{
	return send_bytes(s, FAULTS_MIB);
}

static bool check_sent(struct faults_scene *s)
{
	return faults_receives(s->sub, faults_payload(), 100);
}

static bool check_sent_large(struct faults_scene *s)
{
	return faults_receives(s->sub, faults_payload(), FAULTS_MIB);
}

/* More than 2 MiB: so much lies in one page, where there is one. */
#define HUGE	3

static bool prepare_huge(struct faults_scene *s)
{
	(void)s;
	return !lib_limit_set("limits.payload-bytes", HUGE * FAULTS_MIB);
}

static int act_send_huge(struct faults_scene *s)
{
	struct sockaddr_blipmq sa;
	struct iovec iov[HUGE];
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = lib_address(&sa, "f.a"),
		.msg_iov = iov, .msg_iovlen = HUGE,
	};
	int i;

	for (i = 0; i < HUGE; i++) {
		iov[i].iov_base = (void *)faults_payload();
		iov[i].iov_len = FAULTS_MIB;
	}
	return error((int)sendmsg(s->packet, &msg, 0));
}

static bool check_sent_huge(struct faults_scene *s)
{
	static u8 got[HUGE * FAULTS_MIB];
	int i;

	if (recv(s->sub, got, sizeof(got), MSG_DONTWAIT) !=
	    (ssize_t)sizeof(got))
		return false;
	for (i = 0; i < HUGE; i++)
		if (memcmp(got + i * FAULTS_MIB, faults_payload(), FAULTS_MIB))
			return false;
	return true;
}

static void clean_huge(struct faults_scene *s)
{
	(void)s;
	lib_limit_set("limits.payload-bytes", BLIPMQ_FRAME_PAYLOAD_DEFAULT);
}

static int act_send_control(struct faults_scene *s)
{
	char control[CMSG_SPACE(3)] = "";
	struct iovec iov = { (void *)faults_payload(), 100 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_BLIPMQ;
	c->cmsg_type = BLIPMQ_TOPIC;
	c->cmsg_len = CMSG_LEN(3);
	memcpy(CMSG_DATA(c), "f.a", 3);
	return error((int)sendmsg(s->packet, &msg, 0));
}

static bool prepare_receive(struct faults_scene *s)
{
	return lib_set_u32(s->sub, BLIPMQ_INFO, BLIPMQ_INFO_ID |
			   BLIPMQ_INFO_TIMESTAMP | BLIPMQ_INFO_LOST) &&
	       lib_sendto(s->packet, "f.a", faults_payload(), 70000) == 70000;
}

/* On the first go; the second one only looks whether that was all. */
static int act_receive(struct faults_scene *s)
{
	static u8 got[70000];
	struct lib_message m;
	ssize_t n = lib_recvmsg(s->sub, &m, got, sizeof(got), MSG_DONTWAIT);

	if (n < 0)
		return (int)n;
	s->done = n == 70000 && m.have_id && m.have_timestamp &&
		  !memcmp(got, faults_payload(), 70000);
	return 0;
}

static int act_peek(struct faults_scene *s)
{
	static u8 got[70000];
	ssize_t n = recv(s->sub, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT);

	s->done = n == 70000;
	return error((int)n);
}

static bool check_received(struct faults_scene *s)
{
	return s->done == 1;
}

static bool check_peeked(struct faults_scene *s)
{
	return s->done && faults_receives(s->sub, faults_payload(), 70000);
}

/* Slots of a queue's first ring, as module/chain.c has them. */
#define FIRST_RING	32

/* A queue whose first ring is full. */
static bool prepare_growth(struct faults_scene *s)
{
	char byte;
	int i;

	for (i = 0; i < FIRST_RING; i++) {
		byte = (char)i;
		if (lib_sendto(s->packet, "f.a", &byte, 1) != 1)
			return false;
	}
	return lib_set_u32(s->sub, BLIPMQ_INFO, BLIPMQ_INFO_LOST);
}

static int act_growth(struct faults_scene *s)
{
	const char byte = FIRST_RING;
	ssize_t n = lib_sendto(s->packet, "f.a", &byte, 1);

	return n < 0 ? (int)n : 0;
}

/* Without a longer ring the oldest go, which is counted and told. */
static bool check_growth(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	struct lib_message m;
	u64 lost = 0;
	char byte;
	int i = 0;

	while (lib_recvmsg(s->sub, &m, &byte, 1, MSG_DONTWAIT) == 1) {
		if (m.have_lost) {
			lost += m.lost;
			i += (int)m.lost;
		}
		if (byte != i++)
			return false;
	}
	return i == FIRST_RING + 1 && lib_stats(s->sub, &stats) &&
	       stats.dropped_no_memory == lost && lost <= 1;
}

/* Not even one that is as short as the first. */
static bool check_no_growth(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;

	return lib_stats(s->sub, &stats) && stats.dropped_no_memory == 1 &&
	       check_growth(s);
}

static int act_status(struct faults_scene *s)
{
	struct lib_status status;

	(void)s;
	/* It says why on its own. */
	return lib_status(&status) ? 0 : -ENOMEM;
}

static bool prepare_rule(struct faults_scene *s)
{
	int err = lib_rule_delete("f.a");

	(void)s;
	return !err || err == -ENOENT;
}

static int act_rule(struct faults_scene *s)
{
	(void)s;
	return lib_rule_add("f.a", 0, 0, 0604);
}

/* It is there, and goes again. */
static bool check_rule(struct faults_scene *s)
{
	return lib_rule_may("f.a", 0, 0) == 6 &&
	       lib_rule_may("f.a", 1, 1) == 4 && lib_rules_clear() &&
	       !send_bytes(s, 100) && check_sent(s);
}

/* A publisher that finds rules for the first time. */
static bool prepare_judged(struct faults_scene *s)
{
	return prepare_rule(s) && !act_rule(s);
}

static bool check_judged(struct faults_scene *s)
{
	return check_sent(s) && lib_rules_clear();
}

/* What comes after it runs in it. */
static int act_namespace(struct faults_scene *s)
{
	(void)s;
	return error(unshare(CLONE_NEWNET));
}

const struct faults_scenario faults_packet[] = {
	{ "socket, stream", NULL, act_socket_stream, NULL, .sites = 1 },
	{ "socket, packets", NULL, act_socket_packet, NULL, .sites = 1 },
	{ "connect", NULL, act_connect, check_connected, .sites = 1 },
	{ "default topic", NULL, act_topic_default, check_connected,
	  .sites = 1 },
	{ "subscribe", NULL, act_subscribe, check_subscribed, .sites = 5 },
	{ "subscribe, another chunk", prepare_chunk, act_subscribe,
	  check_chunk, .sites = 3 },
	{ "unsubscribe", NULL, act_unsubscribe, check_unsubscribed,
	  .sites = 0 },
	{ "send", NULL, act_send, check_sent, .sites = 2 },
	{ "send, 1 MiB", NULL, act_send_large, check_sent_large, .sites = 20 },
	{ "send, 3 MiB", prepare_huge, act_send_huge, check_sent_huge,
	  .sites = 20, .clean = clean_huge },
	{ "send, 3 MiB without a large page", prepare_huge, act_send_huge,
	  check_sent_huge, .sites = 1, .clean = clean_huge,
	  .below = "bundle_huge_piece" },
	{ "send, topic by control message", NULL, act_send_control, check_sent,
	  .sites = 2 },
	{ "receive", prepare_receive, act_receive, check_received,
	  .sites = 1 },
	{ "peek", prepare_receive, act_peek, check_peeked, .sites = 1 },
	{ "a longer ring", prepare_growth, act_growth, check_growth,
	  .sites = 2 },
	{ "no longer ring", prepare_growth, act_growth, check_no_growth,
	  .sites = 2, .below = "blipmq_chain_push" },
	{ "status by netlink", NULL, act_status, NULL, .sites = 1 },
	{ "add a rule", prepare_rule, act_rule, check_rule, .sites = 3 },
	{ "send, judged by a rule", prepare_judged, act_send, check_judged,
	  .sites = 3 },
	{ "network namespace", NULL, act_namespace, NULL, .sites = 1 },
	{ .name = NULL },
};
