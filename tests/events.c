// SPDX-License-Identifier: GPL-2.0
/*
 * Events: told once, in order, to those who may listen, and what is missed is
 * known.
 */
#include <fcntl.h>

#include "events.h"

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
	/* It may have run before, and elsewhere. */
	while (next(self, QUIET_MS))
		;
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
