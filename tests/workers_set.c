// SPDX-License-Identifier: GPL-2.0
/*
 * Saying what workers there are and which lanes topics have, and who may.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "lib.h"

#define DIRECT	BLIPMQ_LANE_MODE_DIRECT
#define WORKER	BLIPMQ_LANE_MODE_WORKER
#define DEFAULT	BLIPMQ_LANE_MODE_DEFAULT

/* What may be said, and what not; nothing is changed by the latter. */
TEST(settings)
{
	static const struct {
		int attr;
		u32 value;
		int error;
	} rows[] = {
		{ BLIPMQ_A_WORKER_CPU, 0, 0 },
		{ BLIPMQ_A_WORKER_CPU, 100000, -ERANGE },
		{ BLIPMQ_A_WORKER_CLASS, BLIPMQ_WORKER_CLASS_FIFO, 0 },
		{ BLIPMQ_A_WORKER_CLASS, 2, -ERANGE },
		{ BLIPMQ_A_WORKER_PRIORITY, 99, 0 },
		{ BLIPMQ_A_WORKER_PRIORITY, 0, -ERANGE },
		{ BLIPMQ_A_WORKER_PRIORITY, 100, -ERANGE },
		{ BLIPMQ_A_WORKER_NICE, 5, -ERANGE },
		{ BLIPMQ_A_WORKER_CLASS, BLIPMQ_WORKER_CLASS_OTHER, 0 },
		{ BLIPMQ_A_WORKER_PRIORITY, 5, -ERANGE },
		{ BLIPMQ_A_WORKER_NICE, 19, 0 },
		{ BLIPMQ_A_WORKER_NICE, 20, -ERANGE },
		{ BLIPMQ_A_WORKER_NICE, 0, 0 },
		{ BLIPMQ_A_WORKER_BUSY_POLL_US, 1000000, 0 },
		{ BLIPMQ_A_WORKER_BUSY_POLL_US, 1000001, -ERANGE },
		{ BLIPMQ_A_WORKER_BUSY_POLL_US, 0, 0 },
		{ BLIPMQ_A_WORKER_COUNT, 3, -EINVAL },
	};
	size_t i;

	ASSERT_EQ(0, lib_worker_count(2));
	EXPECT_EQ(-ERANGE, lib_worker_count(0));
	EXPECT_EQ(-ERANGE, lib_worker_count(65));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EXPECT_EQ(rows[i].error, lib_worker_set(1, rows[i].attr,
							rows[i].value));
		if (!rows[i].error)
			EXPECT_EQ(rows[i].value,
				  (u32)lib_worker_get(1, rows[i].attr));
	}
	EXPECT_EQ(-ENOENT, lib_worker_set(2, BLIPMQ_A_WORKER_CPU, 0));
	EXPECT_EQ(-ENOENT, lib_worker_get(2, BLIPMQ_A_WORKER_CPU));
	EXPECT_EQ(-EINVAL, lib_lane_set("w..x", WORKER, -1));
	EXPECT_EQ(-EINVAL, lib_lane_set("", WORKER, -1));
	EXPECT_EQ(-EINVAL, lib_lane_set("w.x", DIRECT, 0));
	EXPECT_EQ(-ENOENT, lib_lane_set("w.x", WORKER, 2));
	EXPECT_EQ(-ENOENT, lib_lane_set("w.x", DEFAULT, -1));
	EXPECT_EQ(-ERANGE, lib_lane_set("w.x", 3, -1));
	EXPECT_EQ(-EINVAL, lib_lane_of("w.>"));
	EXPECT_EQ(-ENODATA, lib_lane_of("w.x"));
}

/* The more a rule says of a topic, the earlier it counts. */
TEST(precedence)
{
	char name[32];
	int i;

	ASSERT_EQ(0, lib_worker_count(3));
	ASSERT_EQ(0, lib_lane_set("p.>", WORKER, 0));
	ASSERT_EQ(0, lib_lane_set("p.*.x", WORKER, 1));
	ASSERT_EQ(0, lib_lane_set("p.a", WORKER, 2));
	ASSERT_EQ(0, lib_lane_set("p.b", DIRECT, -1));
	EXPECT_EQ(0, lib_lane_of("p.c"));
	EXPECT_EQ(1, lib_lane_of("p.a.x"));
	EXPECT_EQ(2, lib_lane_of("p.a"));
	EXPECT_EQ(-ENODATA, lib_lane_of("p.b"));
	EXPECT_EQ(-ENODATA, lib_lane_of("q"));
	/* One that is pinned to a worker that goes has another one. */
	ASSERT_EQ(0, lib_worker_count(1));
	EXPECT_EQ(0, lib_lane_of("p.a"));
	ASSERT_EQ(0, lib_worker_count(3));
	EXPECT_EQ(2, lib_lane_of("p.a"));
	for (i = 4; i < 256; i++) {
		snprintf(name, sizeof(name), "many.%d", i);
		ASSERT_EQ(0, lib_lane_set(name, DIRECT, -1));
	}
	EXPECT_EQ(-ENOSPC, lib_lane_set("many.more", DIRECT, -1));
	for (i = 4; i < 256; i++) {
		snprintf(name, sizeof(name), "many.%d", i);
		ASSERT_EQ(0, lib_lane_set(name, DEFAULT, -1));
	}
	ASSERT_EQ(0, lib_lane_set("p.>", DEFAULT, -1));
	EXPECT_EQ(-ENODATA, lib_lane_of("p.c"));
	ASSERT_EQ(0, lib_lane_set("p.*.x", DEFAULT, -1));
	ASSERT_EQ(0, lib_lane_set("p.a", DEFAULT, -1));
	ASSERT_EQ(0, lib_lane_set("p.b", DEFAULT, -1));
}

static int in_child(int flags, uid_t uid, int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if ((flags && unshare(flags)) || (uid && setuid(uid)))
			_exit(127);
		_exit(run());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put_number(struct lib_peer *p, const char *topic, u32 number)
{
	u8 payload[4];

	blipmq_put_le32(payload, number);
	lib_put_pub(p, 0, topic, 0, payload, sizeof(payload));
}

/* Another namespace has lanes of its own, and ends with bundles in flight. */
static int another_namespace(void)
{
	struct lib_peer p;
	u32 i, number;
	int fd = lib_packet();

	if (lib_lane_of("w.zero") != -ENODATA)
		return 1;
	if (lib_lane_set(NULL, WORKER, -1) || lib_lane_of("w.zero") < 0)
		return 2;
	if (lib_subscription(fd, BLIPMQ_SUBSCRIBE, "w.>", NULL) ||
	    lib_open(&p, LIB_LOCAL) < 0)
		return 3;
	for (i = 0; i < 500; i++)
		put_number(&p, "w.zero", i);
	if (!lib_send(&p))
		return 4;
	for (i = 0; i < 100; i++)
		if (recv(fd, &number, 4, 0) != 4 || number != i)
			return 5;
	for (i = 0; i < 500; i++)
		put_number(&p, "w.zero", i);
	return lib_send(&p) ? 0 : 6;
}

TEST(namespaces)
{
	int i;

	ASSERT_EQ(0, lib_worker_count(2));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, in_child(CLONE_NEWNET, 0, another_namespace));
	EXPECT_EQ(-ENODATA, lib_lane_of("w.zero"));
	/* Namespaces go some time after their last process. */
	ASSERT_EQ(0, lib_worker_count(1));
	ASSERT_EQ(0, lib_worker_count(2));
}

/* What a worker was told goes with it. */
TEST(a_worker_that_comes_back)
{
	ASSERT_EQ(0, lib_worker_count(2));
	ASSERT_EQ(0, lib_worker_set(1, BLIPMQ_A_WORKER_CPU, 0));
	ASSERT_EQ(0, lib_worker_set(1, BLIPMQ_A_WORKER_BUSY_POLL_US, 7));
	EXPECT_EQ(7, lib_worker_get(1, BLIPMQ_A_WORKER_BUSY_POLL_US));
	EXPECT_EQ(-ENODATA, lib_worker_get(1, BLIPMQ_A_WORKER_AUTOMATIC));
	ASSERT_EQ(0, lib_worker_count(1));
	ASSERT_EQ(0, lib_worker_count(2));
	EXPECT_EQ(0, lib_worker_get(1, BLIPMQ_A_WORKER_BUSY_POLL_US));
	EXPECT_NE(-ENODATA, lib_worker_get(1, BLIPMQ_A_WORKER_AUTOMATIC));
}

/* They are of all namespaces. */
static bool counts_are_seen(void)
{
	return lib_worker_get(0, BLIPMQ_A_WORKER_PID) != -ENODATA ||
	       lib_worker_get(0, BLIPMQ_A_WORKER_BUNDLES) != -ENODATA ||
	       lib_worker_get(0, BLIPMQ_A_WORKER_MESSAGES) != -ENODATA ||
	       lib_worker_get(0, BLIPMQ_A_WORKER_RING_DEPTH) != -ENODATA;
}

static int no_right(void)
{
	if (lib_lane_set("w.x", WORKER, -1) != -EPERM ||
	    lib_lane_set("w.x", DIRECT, -1) != -EPERM ||
	    lib_worker_count(2) != -EPERM ||
	    lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 0) != -EPERM)
		return 1;
	/* Looking needs none, but at what others do. */
	return lib_lane_of("w.x") != -ENODATA ||
	       lib_worker_get(0, BLIPMQ_A_WORKER_BUSY_POLL_US) < 0 ||
	       counts_are_seen();
}

static int container(void)
{
	if (lib_worker_count(2) != -EPERM ||
	    lib_lane_set("w.x", DIRECT, -1) != -EPERM ||
	    lib_lane_set("w.x", WORKER, -1) != -EPERM)
		return 1;
	return 0;
}

static int container_delegated(void)
{
	if (lib_worker_count(2) != -EPERM ||
	    lib_lane_set("w.x", WORKER, -1) || lib_lane_of("w.x") < 0 ||
	    counts_are_seen())
		return 1;
	return 0;
}

static int delegate(u32 to)
{
	const struct lib_attr attr = { BLIPMQ_A_WORKER_DELEGATE, NULL, to };

	return (int)lib_request(BLIPMQ_CMD_WORKER_SET, &attr, 1, 0);
}

TEST(rights)
{
	ASSERT_EQ(0, delegate(0));
	EXPECT_EQ(0, in_child(0, 65534, no_right));
	EXPECT_EQ(0, in_child(CLONE_NEWUSER | CLONE_NEWNET, 0, container));
	EXPECT_EQ(-ERANGE, delegate(2));
	ASSERT_EQ(0, delegate(1));
	EXPECT_EQ(0, in_child(CLONE_NEWUSER | CLONE_NEWNET, 0,
			      container_delegated));
	ASSERT_EQ(0, delegate(0));
}

TEST_HARNESS_MAIN
