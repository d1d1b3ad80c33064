// SPDX-License-Identifier: GPL-2.0
/*
 * Changing limits: what is in range holds at once, what is not changes nothing,
 * and who has no right to is refused. Each namespace has its own.
 */
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

static const struct {
	const char *path;
	unsigned long long least, most;
} limits[] = {
	{ "limits.payload-bytes", 1, 16 << 20 },
	{ "limits.queue-messages-max", 1, 1 << 20 },
	{ "limits.queue-bytes-max", 1, 256 << 20 },
	{ "limits.queue-messages", 1, 1 << 20 },
	{ "limits.queue-bytes", 1, 256 << 20 },
	{ "limits.answer-bytes", 1024, 1 << 20 },
	{ "limits.sockets", 1, 1 << 24 },
	{ "limits.topics", 1, 1 << 24 },
	{ "limits.subscriptions", 1, 1 << 24 },
	{ "limits.user-topics", 1, 1 << 24 },
	{ "limits.user-patterns", 1, 1 << 24 },
	{ "limits.memory-bytes", 65536, 1ULL << 50 },
	{ "limits.share-bytes", 65536, 1ULL << 50 },
	{ "limits.flight-bytes", 4096, 1ULL << 50 },
	{ "limits.retained-messages", 0, 1 << 24 },
	{ "limits.retained-bytes", 0, 1ULL << 50 },
};

#define LIMITS	(sizeof(limits) / sizeof(limits[0]))

/* In a namespace of its own, so that nothing has to be put back. */
FIXTURE(limits) { };

FIXTURE_SETUP(limits)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
}

FIXTURE_TEARDOWN(limits) { }

/* Most first: two of them may not fall below two others. */
TEST_F(limits, ranges)
{
	size_t i;

	for (i = 0; i < LIMITS; i++) {
		EXPECT_EQ(0, lib_limit_set(limits[i].path, limits[i].most));
		EXPECT_EQ((long long)limits[i].most,
			  lib_status_of(limits[i].path));
		EXPECT_EQ(-ERANGE, lib_limit_set(limits[i].path,
						 limits[i].most + 1));
		/* Below zero is far above. */
		EXPECT_EQ(-ERANGE, lib_limit_set(limits[i].path,
						 limits[i].least - 1));
		EXPECT_EQ((long long)limits[i].most,
			  lib_status_of(limits[i].path));
	}
	for (i = LIMITS; i--;) {
		EXPECT_EQ(0, lib_limit_set(limits[i].path, limits[i].least));
		EXPECT_EQ((long long)limits[i].least,
			  lib_status_of(limits[i].path));
	}
}

TEST_F(limits, a_default_is_not_above_its_maximum)
{
	EXPECT_EQ(-ERANGE, lib_limit_set("limits.queue-messages-max", 1023));
	EXPECT_EQ(0, lib_limit_set("limits.queue-messages", 100));
	EXPECT_EQ(0, lib_limit_set("limits.queue-messages-max", 100));
	EXPECT_EQ(-ERANGE, lib_limit_set("limits.queue-messages", 101));
	EXPECT_EQ(-ERANGE, lib_limit_set("limits.queue-bytes-max", 4096));
}

TEST_F(limits, hold_at_once_and_drop_nothing)
{
	int a = lib_packet(), b = lib_packet(), c;
	u32 messages = 101;
	char buf[64] = "";

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_EQ(0, lib_subscription(b, BLIPMQ_SUBSCRIBE, "l.1", NULL));
	ASSERT_EQ(0, lib_subscription(b, BLIPMQ_SUBSCRIBE, "l.2", NULL));
	ASSERT_EQ(64, lib_sendto(a, "l.1", buf, 64));

	EXPECT_EQ(0, lib_limit_set("limits.sockets", 1));
	errno = 0;
	c = lib_packet();
	EXPECT_GT(0, c);
	EXPECT_EQ(0, lib_limit_set("limits.subscriptions", 1));
	EXPECT_EQ(-ENOBUFS, lib_subscription(b, BLIPMQ_SUBSCRIBE, "l.3", NULL));
	EXPECT_EQ(0, lib_limit_set("limits.subscriptions", 100));
	EXPECT_EQ(0, lib_limit_set("limits.topics", 1));
	EXPECT_EQ(-ENOBUFS, lib_subscription(b, BLIPMQ_SUBSCRIBE, "l.4", NULL));
	EXPECT_EQ(0, lib_limit_set("limits.payload-bytes", 10));
	EXPECT_EQ(-EMSGSIZE, lib_sendto(a, "l.1", buf, 11));
	EXPECT_EQ(0, lib_limit_set("limits.queue-messages", 100));
	EXPECT_EQ(0, lib_limit_set("limits.queue-messages-max", 100));
	EXPECT_EQ(-1, setsockopt(b, SOL_BLIPMQ, BLIPMQ_QUEUE_MESSAGES,
				 &messages, 4));
	/* What is there stays as it is. */
	EXPECT_EQ(1024U, lib_get_u32(b, BLIPMQ_QUEUE_MESSAGES));
	EXPECT_EQ(64, recv(b, buf, 64, MSG_DONTWAIT));
	EXPECT_EQ(10, lib_sendto(a, "l.2", buf, 10));
	EXPECT_EQ(10, recv(b, buf, 64, MSG_DONTWAIT));
	/* A new socket begins with the new ones. */
	EXPECT_EQ(0, lib_limit_set("limits.sockets", 3));
	c = lib_packet();
	ASSERT_LE(0, c);
	EXPECT_EQ(100U, lib_get_u32(c, BLIPMQ_QUEUE_MESSAGES));
	close(a);
	close(b);
	close(c);
}

/* What is kept stays and can be replaced; what is new is refused. */
TEST_F(limits, of_retained_values)
{
	int a = lib_packet();
	char big[4096] = "";

	ASSERT_LE(0, a);
	ASSERT_EQ(1, lib_retain(a, "l.r1", "x", 1));
	EXPECT_EQ(0, lib_limit_set("limits.retained-messages", 1));
	EXPECT_EQ(-ENOBUFS, lib_retain(a, "l.r2", "x", 1));
	EXPECT_EQ(1, lib_retain(a, "l.r1", "y", 1));
	EXPECT_EQ(0, lib_limit_set("limits.retained-bytes", 2048));
	EXPECT_EQ(-ENOBUFS, lib_retain(a, "l.r1", big, sizeof(big)));
	EXPECT_EQ(0, lib_limit_set("limits.retained-messages", 0));
	EXPECT_EQ(-ENOBUFS, lib_retain(a, "l.r1", "z", 1));
	EXPECT_EQ(0, lib_retain(a, "l.r1", "", 0));
	close(a);
}

/* Runs in a child: 0 if it returned @want, for its exit status. */
static int set_as(uid_t uid, int flags, int want)
{
	int status, ret;
	pid_t pid = fork();

	if (pid < 0)
		return -1;
	if (!pid) {
		if (uid && setresuid(uid, uid, uid))
			_exit(100);
		if (flags && unshare(flags))
			_exit(101);
		ret = lib_limit_set("limits.topics", 4321);
		if (ret != want)
			lib_say("%d, not %d", ret, want);
		_exit(ret != want);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(limits, who_may_change_them)
{
	long long before = lib_status_of("limits.topics");

	EXPECT_EQ(0, set_as(1001, 0, -EPERM));
	EXPECT_EQ(before, lib_status_of("limits.topics"));
	/* A user namespace gives no right to what is not its own. */
	EXPECT_EQ(0, set_as(0, CLONE_NEWUSER, -EPERM));
	EXPECT_EQ(before, lib_status_of("limits.topics"));
	/* But to what is. */
	EXPECT_EQ(0, set_as(0, CLONE_NEWUSER | CLONE_NEWNET, 0));
	EXPECT_EQ(0, set_as(0, CLONE_NEWNET, 0));
	EXPECT_EQ(before, lib_status_of("limits.topics"));
	EXPECT_EQ(0, set_as(0, 0, 0));
	EXPECT_EQ(4321, lib_status_of("limits.topics"));
}

/* Without CAP_NET_ADMIN a queue has queue-bytes-max at most, with it more. */
TEST_F(limits, a_longer_queue_is_the_administrators)
{
	u32 more = (u32)lib_status_of("limits.queue-bytes-max") + 1;
	u32 most = 256 << 20;
	struct lib_peer p;
	int fd = lib_packet();

	ASSERT_LE(0, fd);
	EXPECT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, more));
	EXPECT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, most));
	most++;
	EXPECT_EQ(-1, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_QUEUE_BYTES, &most, 4));
	EXPECT_EQ(EINVAL, errno);
	/* A frame may be a stranger's. */
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	lib_put_option(&p, BLIPMQ_QUEUE_BYTES, more);
	ASSERT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_err(&p, 422, 0, ""));
	ASSERT_EQ(0, seteuid(1001));
	EXPECT_EQ(-1, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_QUEUE_BYTES, &more, 4));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, seteuid(0));
	lib_close(&p);
	close(fd);
}

TEST_HARNESS_MAIN
