// SPDX-License-Identifier: GPL-2.0
/*
 * Events of readers that are slow, and of limits that are reached: told, but not
 * each time.
 */
#include <fcntl.h>

#include "events.h"

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
	EXPECT_STREQ("events_slow", self->e.command);
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

TEST_HARNESS_MAIN
