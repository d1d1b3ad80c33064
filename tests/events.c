// SPDX-License-Identifier: GPL-2.0
/*
 * Events: told once, in order, to those who may listen, and what is missed is
 * known.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "genl.h"
#include "harness.h"
#include "lib.h"

/* Nothing that is expected comes later, and nothing else is waited for longer. */
#define QUIET_MS	200

/**
 * struct happened - an event
 * @has: bits by attribute
 * @number: by attribute
 * @topic: the topic
 * @pattern: the pattern
 * @group: its group
 * @command: of the socket's process
 * @limit: the attribute of the limit
 */
struct happened {
	unsigned int	has;
	__u64		number[BLIPMQ_A_EVENT_MAX + 1];
	char		topic[256];
	char		pattern[256];
	char		group[256];
	char		command[256];
	int		limit;
	__u64		limit_value;
};

FIXTURE(events) {
	struct blipmq_genl	g;
	struct happened		e;
	__u64			sequence;
	int			overruns;
};

FIXTURE_SETUP(events)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, blipmq_genl_open(&self->g));
	ASSERT_EQ(0, blipmq_genl_listen(&self->g));
}

FIXTURE_TEARDOWN(events)
{
	blipmq_genl_close(&self->g);
}

static __u64 attr_number(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == sizeof(__u64) ?
		mnl_attr_get_u64(attr) : mnl_attr_get_u32(attr);
}

static int take_limit(const struct nlattr *attr, void *data)
{
	struct happened *e = data;

	if (mnl_attr_get_type(attr) == BLIPMQ_A_LIMITS_PAD)
		return MNL_CB_OK;
	/* There is one. */
	e->limit = e->limit ? -1 : mnl_attr_get_type(attr);
	e->limit_value = attr_number(attr);
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *data)
{
	int type = mnl_attr_get_type(attr);
	struct happened *e = data;
	char *text = NULL;

	if (type > BLIPMQ_A_EVENT_MAX)
		return MNL_CB_OK;
	e->has |= 1U << type;
	switch (type) {
	case BLIPMQ_A_EVENT_TOPIC:
		text = e->topic;
		break;
	case BLIPMQ_A_EVENT_PATTERN:
		text = e->pattern;
		break;
	case BLIPMQ_A_EVENT_GROUP:
		text = e->group;
		break;
	case BLIPMQ_A_EVENT_COMMAND:
		text = e->command;
		break;
	case BLIPMQ_A_EVENT_LIMITS:
		return mnl_attr_parse_nested(attr, take_limit, e);
	case BLIPMQ_A_EVENT_PAD:
		return MNL_CB_OK;
	}
	if (text)
		snprintf(text, 256, "%s", mnl_attr_get_str(attr));
	else
		e->number[type] = attr_number(attr);
	return MNL_CB_OK;
}

static int take_event(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_attr, data);
}

/* The next event within so many milliseconds; false when there is none. */
static bool next(FIXTURE_DATA(events) *self, int ms)
{
	struct pollfd p = {
		.fd = mnl_socket_get_fd(self->g.nl), .events = POLLIN,
	};
	char buffer[8192] __attribute__((aligned(8)));
	ssize_t n;

	do {
		if (poll(&p, 1, ms) <= 0)
			return false;
		n = mnl_socket_recvfrom(self->g.nl, buffer, sizeof(buffer));
		if (n < 0 && errno == ENOBUFS)
			self->overruns++;
	} while (n < 0 && errno == ENOBUFS);
	memset(&self->e, 0, sizeof(self->e));
	return n > 0 && mnl_cb_run(buffer, (size_t)n, 0, 0, take_event,
				   &self->e) >= 0;
}

#define HAS(attr) (!!(self->e.has & 1U << BLIPMQ_A_EVENT_##attr))
#define NUMBER(attr) (self->e.number[BLIPMQ_A_EVENT_##attr])

/* The next event is of this kind, and follows the one before. */
#define EXPECT_EVENT(what) do {						\
	ASSERT_TRUE(next(self, LIB_HANG_MS));				\
	EXPECT_EQ(BLIPMQ_EVENT_KIND_##what, NUMBER(KIND));		\
	if (self->sequence)						\
		EXPECT_EQ(self->sequence + 1, NUMBER(SEQUENCE));	\
	self->sequence = NUMBER(SEQUENCE);				\
} while (0)

#define EXPECT_SILENCE() EXPECT_FALSE(next(self, QUIET_MS))

TEST_F(events, what_comes_and_goes)
{
	int fd = lib_packet(), other = lib_packet(), i;
	struct timespec now;
	__u64 first, ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "a.b", NULL));
	EXPECT_EVENT(TOPIC_CREATED);
	EXPECT_STREQ("a.b", self->e.topic);
	EXPECT_FALSE(HAS(SOCKET));
	ns = (__u64)now.tv_sec * 1000000000 + (__u64)now.tv_nsec;
	EXPECT_LE(ns, NUMBER(TIME));
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	EXPECT_STREQ("a.b", self->e.pattern);
	EXPECT_STREQ("events", self->e.command);
	EXPECT_FALSE(HAS(GROUP));
	EXPECT_FALSE(HAS(TOPIC));
	EXPECT_TRUE(HAS(UID));
	EXPECT_EQ(0, NUMBER(UID));
	EXPECT_EQ(1, NUMBER(SOCKET));
	first = NUMBER(SUBSCRIPTION);
	/* What is there already is no news. */
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "a.b", NULL));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "b.*", "gr"));
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	EXPECT_STREQ("b.*", self->e.pattern);
	EXPECT_STREQ("gr", self->e.group);
	EXPECT_NE(first, NUMBER(SUBSCRIPTION));
	/* A topic that only patterns match is nobody's. */
	for (i = 0; i < 10; i++)
		ASSERT_EQ(1, lib_sendto(other, "b.x", "x", 1));
	EXPECT_EVENT(TOPIC_CREATED);
	EXPECT_STREQ("b.x", self->e.topic);
	EXPECT_FALSE(HAS(UID));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, "a.b", NULL));
	EXPECT_EVENT(SUBSCRIPTION_REMOVED);
	EXPECT_STREQ("a.b", self->e.pattern);
	EXPECT_EQ(first, NUMBER(SUBSCRIPTION));
	EXPECT_EQ(-ENOENT, lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, "a.b",
					    NULL));
	close(fd);
	EXPECT_EVENT(SUBSCRIPTION_REMOVED);
	EXPECT_STREQ("gr", self->e.group);
	/* They linger for some seconds. */
	for (i = 0; i < 2; i++)
		EXPECT_EVENT(TOPIC_REMOVED);
	EXPECT_EQ(0, lib_status_of("topics"));
	close(other);
}

static int drain_messages(int fd, int keep)
{
	struct blipmq_socket_stats stats;
	char c;

	while (lib_stats(fd, &stats) && stats.queued_messages > (u64)keep)
		if (recv(fd, &c, 1, MSG_DONTWAIT) < 0)
			return -errno;
	return 0;
}

TEST_F(events, a_slow_reader)
{
	int fd = lib_packet(), other = lib_packet(), i;

	ASSERT_LE(0, fd);
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 8));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "*.slow", NULL));
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(1, lib_sendto(other, "a.slow", "x", 1));
	EXPECT_EVENT(TOPIC_CREATED);
	EXPECT_SILENCE();
	for (i = 0; i < 100; i++)
		ASSERT_EQ(1, lib_sendto(other, "a.slow", "x", 1));
	EXPECT_EVENT(SLOW_BEGAN);
	EXPECT_EQ(1, NUMBER(SOCKET));
	EXPECT_STREQ("events", self->e.command);
	EXPECT_TRUE(HAS(LOST));
	EXPECT_LE(8, NUMBER(QUEUED_MESSAGES));
	ASSERT_EQ(0, drain_messages(fd, 5));
	EXPECT_SILENCE();
	ASSERT_EQ(0, drain_messages(fd, 4));
	EXPECT_EVENT(SLOW_ENDED);
	EXPECT_EQ(100, NUMBER(LOST));
	EXPECT_EQ(4, NUMBER(QUEUED_MESSAGES));
	ASSERT_EQ(0, drain_messages(fd, 0));
	EXPECT_SILENCE();
	/* The next time is told, too, once some time went by. */
	sleep(2);
	for (i = 0; i < 9; i++)
		ASSERT_EQ(1, lib_sendto(other, "a.slow", "x", 1));
	EXPECT_EVENT(SLOW_BEGAN);
	close(fd);
	EXPECT_EVENT(SUBSCRIPTION_REMOVED);
	EXPECT_EVENT(SLOW_ENDED);
	close(other);
}

static long seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec;
}

TEST_F(events, slow_readers_are_told_of_rarely)
{
	int fd = lib_packet(), other = lib_packet(), i, k, began = 0, ended = 0;
	long start = seconds_now();

	ASSERT_LE(0, fd);
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 2));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "*.slow", NULL));
	for (i = 0; i < 300; i++) {
		for (k = 0; k < 3; k++)
			ASSERT_EQ(1, lib_sendto(other, "a.slow", "x", 1));
		ASSERT_EQ(0, drain_messages(fd, 0));
	}
	while (next(self, QUIET_MS)) {
		began += NUMBER(KIND) == BLIPMQ_EVENT_KIND_SLOW_BEGAN;
		ended += NUMBER(KIND) == BLIPMQ_EVENT_KIND_SLOW_ENDED;
	}
	EXPECT_LE(1, began);
	EXPECT_GE(seconds_now() - start + 1, began);
	EXPECT_EQ(began, ended);
	EXPECT_EQ(0, self->overruns);
	close(fd);
	close(other);
}

TEST_F(events, who_holds_up_is_slow)
{
	int fd = lib_packet(), other = lib_packet();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(other, F_SETFL, O_NONBLOCK));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "*.slow", NULL));
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	ASSERT_EQ(1, lib_sendto(other, "a.slow", "x", 1));
	EXPECT_EVENT(TOPIC_CREATED);
	ASSERT_EQ(-EAGAIN, lib_sendto(other, "a.slow", "x", 1));
	EXPECT_EVENT(SLOW_BEGAN);
	EXPECT_EQ(0, NUMBER(LOST));
	ASSERT_EQ(0, drain_messages(fd, 0));
	EXPECT_EVENT(SLOW_ENDED);
	close(fd);
	close(other);
}

TEST_F(events, values_that_are_too_many)
{
	int fd = lib_packet(), other = lib_packet();

	ASSERT_LE(0, fd);
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_CONFLATE));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "a", NULL));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "b", NULL));
	ASSERT_EQ(1, lib_sendto(other, "a", "x", 1));
	ASSERT_EQ(1, lib_sendto(other, "a", "x", 1));
	ASSERT_EQ(1, lib_sendto(other, "b", "x", 1));
	EXPECT_EVENT(TOPIC_CREATED);
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	EXPECT_EVENT(TOPIC_CREATED);
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	EXPECT_EVENT(SLOW_BEGAN);
	ASSERT_EQ(0, drain_messages(fd, 0));
	EXPECT_EVENT(SLOW_ENDED);
	EXPECT_EQ(1, NUMBER(LOST));
	close(fd);
	close(other);
}

/* The next one of that kind, whatever comes before. */
static bool wait_for_limit(FIXTURE_DATA(events) *self)
{
	while (next(self, LIB_HANG_MS))
		if (NUMBER(KIND) == BLIPMQ_EVENT_KIND_LIMIT_REACHED)
			return true;
	return false;
}

#define EXPECT_LIMIT(name, value) do {					\
	ASSERT_TRUE(wait_for_limit(self));				\
	EXPECT_EQ(BLIPMQ_A_LIMITS_##name, self->e.limit);		\
	EXPECT_EQ(value, self->e.limit_value);				\
} while (0)

TEST_F(events, limits_that_are_reached)
{
	int fd = lib_packet(), other = lib_packet(), i, n = 0;
	static char text[4000];
	long start;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, lib_limit_set("limits.topics", 1));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "a", NULL));
	start = seconds_now();
	for (i = 0; i < 300; i++)
		ASSERT_EQ(-ENOBUFS, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "b",
						     NULL));
	EXPECT_LIMIT(TOPICS, 1);
	while (next(self, QUIET_MS))
		n += NUMBER(KIND) == BLIPMQ_EVENT_KIND_LIMIT_REACHED;
	EXPECT_GE(seconds_now() - start + 1, n);
	ASSERT_EQ(0, lib_limit_set("limits.topics", 1000));

	ASSERT_EQ(0, lib_limit_set("limits.user-topics", 1));
	ASSERT_EQ(-EDQUOT, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "b", NULL));
	EXPECT_LIMIT(USER_TOPICS, 1);
	ASSERT_EQ(0, lib_limit_set("limits.user-topics", 1000));
	ASSERT_EQ(0, lib_limit_set("limits.subscriptions", 1));
	ASSERT_EQ(-ENOBUFS, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "b", NULL));
	EXPECT_LIMIT(SUBSCRIPTIONS, 1);
	ASSERT_EQ(0, lib_limit_set("limits.sockets", 2));
	EXPECT_GT(0, lib_packet());
	EXPECT_LIMIT(SOCKETS, 2);
	ASSERT_EQ(0, lib_limit_set("limits.retained-messages", 0));
	EXPECT_EQ(-ENOBUFS, lib_retain(other, "a", "x", 1));
	EXPECT_LIMIT(RETAINED_MESSAGES, 0);
	ASSERT_EQ(0, lib_limit_set("limits.retained-messages", 1));
	ASSERT_EQ(0, lib_limit_set("limits.retained-bytes", 1));
	EXPECT_EQ(-ENOBUFS, lib_retain(other, "a", "x", 1));
	EXPECT_LIMIT(RETAINED_BYTES, 1);

	ASSERT_EQ(0, lib_limit_set("limits.flight-bytes", 4096));
	for (i = 0; i < 100; i++)
		if (lib_sendto(other, "a", text, sizeof(text)) < 0)
			break;
	EXPECT_GT(100, i);
	EXPECT_LIMIT(FLIGHT_BYTES, 4096);
	ASSERT_EQ(0, lib_limit_set("limits.flight-bytes", 1 << 24));
	ASSERT_EQ(0, lib_limit_set("limits.share-bytes", 65536));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(sizeof(text), lib_sendto(other, "a", text,
						   sizeof(text)));
	EXPECT_LIMIT(SHARE_BYTES, 65536);
	ASSERT_EQ(0, lib_limit_set("limits.share-bytes", 1 << 30));
	ASSERT_EQ(0, lib_limit_set("limits.memory-bytes", 65536));
	for (i = 0; i < 200; i++)
		if (lib_sendto(other, "a", text, sizeof(text)) < 0)
			break;
	EXPECT_GT(200, i);
	EXPECT_LIMIT(MEMORY_BYTES, 65536);
	close(fd);
	close(other);
}

static int set_drain(bool undo)
{
	const struct lib_attr attr = { BLIPMQ_A_BROKER_UNDO, "", 0 };

	return (int)lib_request(BLIPMQ_CMD_DRAIN, &attr, undo, 0);
}

static int try_to_drain(void *arg)
{
	return -set_drain(false);
}

TEST_F(events, draining)
{
	EXPECT_EQ(EPERM, lib_as_user(1001, 0, try_to_drain, NULL));
	ASSERT_EQ(0, set_drain(true));
	/* It did not drain, and nobody made it. */
	EXPECT_SILENCE();
	ASSERT_EQ(0, set_drain(false));
	EXPECT_EVENT(DRAIN_BEGAN);
	EXPECT_TRUE(HAS(UID));
	EXPECT_EQ(0, NUMBER(UID));
	EXPECT_FALSE(HAS(SOCKET));
	ASSERT_EQ(0, set_drain(false));
	ASSERT_EQ(0, set_drain(true));
	EXPECT_EVENT(DRAIN_ENDED);
	ASSERT_EQ(0, set_drain(false));
	EXPECT_EVENT(DRAIN_BEGAN);
	ASSERT_EQ(0, set_drain(true));
	EXPECT_EVENT(DRAIN_ENDED);
	EXPECT_SILENCE();
}

static bool wait_for_worker(FIXTURE_DATA(events) *self)
{
	while (next(self, LIB_HANG_MS))
		if (NUMBER(KIND) == BLIPMQ_EVENT_KIND_WORKER_MOVED)
			return true;
	return false;
}

TEST_F(events, a_worker_that_moves)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY);

	if (fd < 0)
		SKIP(return, "there is no second CPU that could go");
	ASSERT_EQ(0, lib_worker_count(1));
	ASSERT_EQ(0, lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 0));
	ASSERT_EQ(0, lib_lane_set("w", BLIPMQ_LANE_MODE_WORKER, 0));
	ASSERT_EQ(0, lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 1));
	ASSERT_TRUE(wait_for_worker(self));
	EXPECT_EQ(0, NUMBER(WORKER));
	EXPECT_EQ(1, NUMBER(CPU));
	ASSERT_EQ(1, write(fd, "0", 1));
	ASSERT_TRUE(wait_for_worker(self));
	EXPECT_FALSE(HAS(CPU));
	ASSERT_EQ(1, write(fd, "1", 1));
	ASSERT_TRUE(wait_for_worker(self));
	EXPECT_EQ(1, NUMBER(CPU));
	/* Where it is already is no news. */
	ASSERT_EQ(0, lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 1));
	EXPECT_SILENCE();
	ASSERT_EQ(0, lib_lane_set("w", BLIPMQ_LANE_MODE_DEFAULT, -1));
	close(fd);
}

static int try_to_listen(void *arg)
{
	struct blipmq_genl g;

	if (blipmq_genl_open(&g))
		return 80;
	return -blipmq_genl_listen(&g);
}

TEST_F(events, who_may_listen)
{
	EXPECT_EQ(EPERM, lib_as_user(1001, 0, try_to_listen, NULL));
	/* A user namespace gives no right to what is not its own. */
	EXPECT_EQ(EPERM, lib_as_user(1001, CLONE_NEWUSER, try_to_listen, NULL));
	EXPECT_EQ(0, lib_as_user(1001, CLONE_NEWUSER | CLONE_NEWNET,
				 try_to_listen, NULL));
}

TEST_F(events, another_namespace)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	ASSERT_LE(0, home);
	fd = lib_packet();
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "*", NULL));
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	close(fd);
	EXPECT_EVENT(SUBSCRIPTION_REMOVED);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	fd = lib_packet();
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "a", NULL));
	close(fd);
	EXPECT_SILENCE();
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	fd = lib_packet();
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "*", NULL));
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	close(fd);
	close(home);
}

/* Two events each, which are more than there is room for. */
#define TOO_MANY	1000

TEST_F(events, missed_ones_are_counted)
{
	int fd = lib_packet(), small = 4096, i, came = 0;
	__u64 start, last;

	ASSERT_EQ(0, setsockopt(mnl_socket_get_fd(self->g.nl), SOL_SOCKET,
				SO_RCVBUF, &small, sizeof(small)));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "*", NULL));
	EXPECT_EVENT(SUBSCRIPTION_ADDED);
	start = self->sequence;
	for (i = 0; i < TOO_MANY; i++) {
		ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "*.*",
					      NULL));
		ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, "*.*",
					      NULL));
	}
	last = start;
	while (next(self, QUIET_MS)) {
		EXPECT_EQ(last + 1, NUMBER(SEQUENCE));
		last = NUMBER(SEQUENCE);
		came++;
	}
	EXPECT_EQ(1, self->overruns);
	EXPECT_LE(1, came);
	EXPECT_GT(2 * TOO_MANY, came);
	close(fd);
	ASSERT_TRUE(next(self, LIB_HANG_MS));
	EXPECT_EQ(start + 2 * TOO_MANY + 1, NUMBER(SEQUENCE));
}

TEST_HARNESS_MAIN
