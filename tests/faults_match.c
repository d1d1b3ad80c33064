// SPDX-License-Identifier: GPL-2.0
/*
 * Patterns, queue groups and retained values, for faults.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"

#define PATTERN		"f.p.*.q.>"
#define TOPIC		"f.p.x.q.y"
#define VALUES		40	/* more than a queue's first ring has slots */
#define FRAMES		64

static int act_pattern(struct faults_scene *s)
{
	return lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, PATTERN, NULL);
}

static int act_pattern_group(struct faults_scene *s)
{
	return lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, PATTERN, "group");
}

/* Nobody is subscribed to it, and nobody gets what is published there. */
static bool refused_pattern(struct faults_scene *s)
{
	struct blipmq_socket_stats before, after;

	return lib_status_of("subscriptions") == 2 &&
	       lib_stats(s->sub, &before) &&
	       lib_sendto(s->sub, TOPIC, "x", 1) == 1 &&
	       lib_stats(s->sub, &after) &&
	       after.unrouted == before.unrouted + 1 &&
	       recv(s->packet, &after, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool check_pattern(struct faults_scene *s)
{
	return lib_status_of("subscriptions") == 3 &&
	       lib_sendto(s->sub, TOPIC, "x", 1) == 1 &&
	       faults_receives(s->packet, "x", 1);
}

/* A second one of the same pattern: nothing of it is to go with the failure. */
static bool prepare_second(struct faults_scene *s)
{
	s->fds[0] = lib_packet();
	return !lib_subscription(s->fds[0], BLIPMQ_SUBSCRIBE, PATTERN, NULL);
}

static bool refused_second(struct faults_scene *s)
{
	return lib_status_of("subscriptions") == 3 &&
	       lib_sendto(s->sub, TOPIC, "z", 1) == 1 &&
	       faults_receives(s->fds[0], "z", 1);
}

static bool check_second(struct faults_scene *s)
{
	return lib_status_of("subscriptions") == 4 &&
	       lib_sendto(s->sub, TOPIC, "x", 1) == 1 &&
	       faults_receives(s->packet, "x", 1) &&
	       faults_receives(s->fds[0], "x", 1);
}

static int act_leave(struct faults_scene *s)
{
	int ret = lib_subscription(s->fds[0], BLIPMQ_UNSUBSCRIBE, PATTERN,
				   NULL);

	return ret == -ENOENT ? 0 : ret;
}

static bool check_left(struct faults_scene *s)
{
	return refused_pattern(s);
}

/* A topic that nobody has published to, and only patterns match. */
static char fresh[32];

static bool prepare_fresh(struct faults_scene *s)
{
	static unsigned int number;

	snprintf(fresh, sizeof(fresh), "f.%u.fresh", number++);
	return !lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, "f.*.fresh",
				 NULL) &&
	       !lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, "*.*.fresh",
				 NULL);
}

static int act_fresh(struct faults_scene *s)
{
	ssize_t n = lib_sendto(s->sub, fresh, faults_payload(), 100);

	return n < 0 ? (int)n : 0;
}

static bool refused_send(struct faults_scene *s)
{
	char byte;

	return recv(s->packet, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static bool check_send(struct faults_scene *s)
{
	return faults_receives(s->packet, faults_payload(), 100);
}

/* A topic whose route is not true any more. */
static bool prepare_stale(struct faults_scene *s)
{
	snprintf(fresh, sizeof(fresh), "f.a");
	return lib_sendto(s->sub, fresh, "x", 1) == 1 &&
	       !lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, "f.*", NULL);
}

/*
 * Patterns and members of groups on five topics, and a bundle for all of them;
 * every fifth message is for the group.
 */
static bool prepare_bundle(struct faults_scene *s)
{
	static const char * const patterns[] = { "f.*", "f.>", "f.1", "f.1" };
	char topic[8];
	u32 i;

	for (i = 0; i < 4; i++) {
		s->fds[i] = lib_packet();
		if (lib_subscription(s->fds[i], BLIPMQ_SUBSCRIBE, patterns[i],
				     i < 2 ? NULL : "group"))
			return false;
	}
	for (i = 0; i < FRAMES; i++) {
		snprintf(topic, sizeof(topic), "f.%u", i % 5);
		lib_put_pub(&s->stream, 0, topic, i, faults_payload() + i, 60);
	}
	return true;
}

static int act_bundle(struct faults_scene *s)
{
	ssize_t n = send(s->stream.fd, s->stream.out + s->done,
			 s->stream.out_len - s->done, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	s->done += (size_t)n;
	return s->done < s->stream.out_len;
}

/* How many come; -1 unless they come in the order in which they were sent. */
static int count(int fd)
{
	const u8 *at = faults_payload();
	u8 got[60];
	int n = 0;

	while (recv(fd, got, sizeof(got), MSG_DONTWAIT) == 60) {
		while (at < faults_payload() + FRAMES && memcmp(at, got, 60))
			at++;
		if (at++ == faults_payload() + FRAMES)
			return -1;
		n++;
	}
	return n;
}

static bool check_bundle(struct faults_scene *s)
{
	int a, b;

	s->stream.out_len = 0;
	if (!lib_sync(&s->stream) || count(s->fds[0]) != FRAMES ||
	    count(s->fds[1]) != FRAMES)
		return false;
	a = count(s->fds[2]);
	b = count(s->fds[3]);
	return a >= 0 && b >= 0 && a + b == (FRAMES + 3) / 5;
}

static int act_retain(struct faults_scene *s)
{
	ssize_t n = lib_retain(s->packet, "f.a", faults_payload(), 100);

	return n < 0 ? (int)n : 0;
}

/* Somebody who subscribes now gets this, or nothing. */
static bool is_retained(const void *payload, size_t len)
{
	int fd = lib_packet();
	bool ok = !lib_subscription(fd, BLIPMQ_SUBSCRIBE, "f.a", NULL);
	char byte;

	if (ok && len)
		ok = faults_receives(fd, payload, len);
	else if (ok)
		ok = recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	close(fd);
	return ok;
}

static bool refused_retain(struct faults_scene *s)
{
	char byte;

	return recv(s->sub, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN &&
	       is_retained(NULL, 0);
}

static bool check_retained(struct faults_scene *s)
{
	return faults_receives(s->sub, faults_payload(), 100) &&
	       is_retained(faults_payload(), 100);
}

static bool prepare_replace(struct faults_scene *s)
{
	return lib_retain(s->packet, "f.a", "old", 3) == 3 &&
	       faults_receives(s->sub, "old", 3);
}

static bool refused_replace(struct faults_scene *s)
{
	char byte;

	return recv(s->sub, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN &&
	       is_retained("old", 3);
}

static int act_clear(struct faults_scene *s)
{
	ssize_t n = lib_retain(s->packet, "f.a", "", 0);

	return n < 0 ? (int)n : 0;
}

static bool check_cleared(struct faults_scene *s)
{
	return faults_receives(s->sub, "", 0) && is_retained(NULL, 0);
}

static bool prepare_values(struct faults_scene *s)
{
	char topic[16];
	u8 i;

	for (i = 0; i < VALUES; i++) {
		snprintf(topic, sizeof(topic), "f.v.%u", i);
		if (lib_retain(s->sub, topic, &i, 1) != 1)
			return false;
	}
	return true;
}

static int act_join(struct faults_scene *s)
{
	return lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, "f.v.*", NULL);
}

static bool refused_join(struct faults_scene *s)
{
	return lib_status_of("subscriptions") == 2 && refused_send(s);
}

static bool check_joined(struct faults_scene *s)
{
	u8 i, got;

	for (i = 0; i < VALUES; i++)
		if (recv(s->packet, &got, 1, MSG_DONTWAIT) != 1 || got != i)
			return false;
	return refused_send(s);
}

static void clean_values(struct faults_scene *s)
{
	(void)s;
	lib_forget_retained();
}

const struct faults_scenario faults_match[] = {
	{ "subscribe to a pattern", NULL, act_pattern, check_pattern,
	  .sites = 15, .refused = refused_pattern },
	{ "subscribe to a pattern that others have", prepare_second,
	  act_pattern, check_second, .sites = 2, .refused = refused_second },
	{ "join a queue group", NULL, act_pattern_group, check_pattern,
	  .sites = 15, .refused = refused_pattern },
	{ "unsubscribe from a pattern", prepare_second, act_leave, check_left,
	  .sites = 0 },
	{ "send to a topic that patterns match", prepare_fresh, act_fresh,
	  check_send, .sites = 5, .refused = refused_send },
	{ "send by a route that is not true", prepare_stale, act_fresh,
	  check_send, .sites = 3, .refused = refused_send },
	{ "PUB, a bundle for patterns and groups", prepare_bundle, act_bundle,
	  check_bundle, .sites = 5 },
	{ "PUB, the same without any memory", prepare_bundle, act_bundle,
	  check_bundle, .sites = 1, .below = "blipmq_fanout" },
	{ "retain", NULL, act_retain, check_retained, .sites = 6,
	  .refused = refused_retain, .clean = clean_values },
	{ "retain another value", prepare_replace, act_retain, check_retained,
	  .sites = 6, .refused = refused_replace, .clean = clean_values },
	{ "retain nothing", prepare_replace, act_clear, check_cleared,
	  .sites = 2, .refused = refused_replace, .clean = clean_values },
	{ "subscribe where values are retained", prepare_values, act_join,
	  check_joined, .sites = 10, .refused = refused_join,
	  .clean = clean_values },
	{ .name = NULL },
};
