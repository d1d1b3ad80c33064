// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of who may do what, for users and groups: which one decides, of whom,
 * and who may change them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "lib.h"

#define NOBODY	65534
#define ALICE	1001
#define STAFF	4711

#define ALL	(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH | BLIPMQ_MAY_BLOCK)

/* What stands outside of any way. */
FIXTURE(rules) { };

FIXTURE_SETUP(rules)
{
	ASSERT_TRUE(lib_become(0, 0, 0));
}

FIXTURE_TEARDOWN(rules)
{
	EXPECT_TRUE(lib_become(0, 0, 0));
	EXPECT_TRUE(lib_rules_clear());
}

/* Returns a socket that somebody has opened. */
static int socket_of(uid_t uid, gid_t gid, gid_t group)
{
	int fd = lib_become(uid, gid, group) ? lib_packet() : -1;

	return lib_become(0, 0, 0) ? fd : -1;
}

/* What a socket may do, by trying it. */
static int may(int fd, const char *topic)
{
	u32 block = BLIPMQ_OVERFLOW_BLOCK;
	int can = 0;

	if (lib_sendto(fd, topic, "x", 1) == 1)
		can |= BLIPMQ_MAY_PUBLISH;
	if (!lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL)) {
		can |= BLIPMQ_MAY_SUBSCRIBE;
		/* As who is not root. */
		if (seteuid(NOBODY))
			return -1;
		if (!setsockopt(fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW, &block, 4))
			can |= BLIPMQ_MAY_BLOCK;
		if (seteuid(0))
			return -1;
		block = BLIPMQ_OVERFLOW_DROP_OLDEST;
		setsockopt(fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW, &block, 4);
		lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, topic, NULL);
	}
	return can;
}

/* All modes, for the owner, a member of the group, and others. */
TEST_F(rules, modes)
{
	int owner = socket_of(ALICE, 1, 0);
	int member = socket_of(1002, 1, STAFF);
	int primary = socket_of(1002, STAFF, 0);
	int other = socket_of(1002, 1, 0), n;
	u32 mode;

	for (mode = 0; mode < 8; mode++) {
		/* Who cannot subscribe has nothing to block with. */
		n = mode & BLIPMQ_MAY_SUBSCRIBE ? (int)mode :
						  (int)mode & ~BLIPMQ_MAY_BLOCK;
		ASSERT_EQ(0, lib_rule_add("ac.m", ALICE, STAFF, mode << 6));
		EXPECT_EQ(n, may(owner, "ac.m"));
		EXPECT_EQ(0, may(member, "ac.m"));
		EXPECT_EQ((int)mode, lib_rule_may("ac.m", ALICE, STAFF));
		ASSERT_EQ(0, lib_rule_add("ac.m", ALICE, STAFF, mode << 3));
		EXPECT_EQ(0, may(owner, "ac.m"));
		EXPECT_EQ(n, may(member, "ac.m"));
		EXPECT_EQ(n, may(primary, "ac.m"));
		EXPECT_EQ(0, may(other, "ac.m"));
		EXPECT_EQ((int)mode, lib_rule_may("ac.m", 1002, STAFF));
		ASSERT_EQ(0, lib_rule_add("ac.m", ALICE, STAFF, mode));
		EXPECT_EQ(0, may(owner, "ac.m"));
		EXPECT_EQ(0, may(member, "ac.m"));
		EXPECT_EQ(n, may(other, "ac.m"));
		EXPECT_EQ((int)mode, lib_rule_may("ac.m", 1002, 1));
	}
	close(owner);
	close(member);
	close(primary);
	close(other);
}

/* Who opened a socket is judged, whoever holds it; root as anybody else. */
TEST_F(rules, of_who_opened_the_socket)
{
	int root = socket_of(0, 0, 0), alice = socket_of(ALICE, ALICE, 0);

	ASSERT_EQ(0, lib_rule_add("ac.a", ALICE, ALICE, 0600));
	EXPECT_EQ(-EACCES, lib_sendto(root, "ac.a", "x", 1));
	EXPECT_EQ(-EACCES, lib_subscription(root, BLIPMQ_SUBSCRIBE, "ac.a",
					    NULL));
	EXPECT_EQ(1, lib_sendto(alice, "ac.a", "x", 1));
	close(root);
	close(alice);
}

TEST_F(rules, of_who_is_acted_for)
{
	struct blipmq_identity id = { .uid = ALICE, .gid = STAFF, .name = "i" };
	int fd = socket_of(0, 0, 4712);

	ASSERT_EQ(0, lib_rule_add("ac.a", ALICE, 0, 0600));
	ASSERT_EQ(0, lib_rule_add("ac.g", 0, STAFF, 0060));
	ASSERT_EQ(0, lib_rule_add("ac.r", 0, 0, 0600));
	ASSERT_EQ(0, lib_rule_add("ac.s", 1002, 4712, 0060));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.r", NULL));
	ASSERT_EQ(1, lib_sendto(fd, "ac.s", "x", 1));
	ASSERT_EQ(1, lib_sendto(fd, "ac.r", "x", 1));
	ASSERT_EQ(0, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id,
				sizeof(id)));
	EXPECT_EQ(1, lib_sendto(fd, "ac.a", "x", 1));
	EXPECT_EQ(1, lib_sendto(fd, "ac.g", "x", 1));
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.r", "x", 1));
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.s", "x", 1));
	/* What it was subscribed to as root is gone. */
	EXPECT_EQ(-ENOENT, lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, "ac.r",
					    NULL));
	EXPECT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.a", NULL));
	close(fd);
}

static int default_topic(int fd, const char *topic)
{
	return setsockopt(fd, SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT, topic,
			  (socklen_t)strlen(topic)) ? -errno : 0;
}

/* A topic that a socket has is judged when it is set, and with each message. */
TEST_F(rules, of_a_connected_socket)
{
	int fd = socket_of(ALICE, ALICE, 0);
	char topic[128];

	memset(topic, 'a', 127);
	topic[127] = '\0';
	ASSERT_EQ(0, lib_rule_add("ac.no", 0, 0, 0644));
	EXPECT_EQ(-EACCES, lib_connect(fd, "ac.no"));
	EXPECT_EQ(-EACCES, default_topic(fd, "ac.no"));
	EXPECT_EQ(-1, send(fd, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	EXPECT_EQ(0, lib_connect(fd, "ac.yes"));
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(-EACCES, default_topic(fd, "ac.no"));
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	ASSERT_EQ(0, lib_rule_add("ac.yes", 0, 0, 0644));
	EXPECT_EQ(-1, send(fd, "x", 1, 0));
	EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(0, lib_rule_delete("ac.yes"));
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	/* Too long for an address. */
	EXPECT_EQ(0, default_topic(fd, topic));
	ASSERT_EQ(0, lib_rule_add(topic, 0, 0, 0644));
	EXPECT_EQ(-1, send(fd, "x", 1, 0));
	EXPECT_EQ(EACCES, errno);
	close(fd);
}

/* By the one that says most, in whatever order they came. */
TEST_F(rules, which_decides)
{
	static const char * const patterns[] = {
		">", "*.*.*", "ac.>", "ac.*.*", "ac.b.>", "ac.b.*", "ac.b.c",
	};
	const int n = ARRAY_SIZE(patterns);
	int i, k;

	for (i = 0; i < n; i++) {
		k = i * 3 % n;
		ASSERT_EQ(0, lib_rule_add(patterns[k], ALICE, 0, 0));
	}
	for (i = n - 1; i >= 0; i--) {
		EXPECT_EQ(0, lib_rule_may("ac.b.c", ALICE, 0));
		ASSERT_EQ(0, lib_rule_add(patterns[i], ALICE, 0, 0700));
		EXPECT_EQ(ALL, lib_rule_may("ac.b.c", ALICE, 0)) {
			TH_LOG("%s", patterns[i]);
		}
		ASSERT_EQ(0, lib_rule_delete(patterns[i]));
	}
	EXPECT_EQ(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH,
		  lib_rule_may("ac.b.c", ALICE, 0));
}

TEST_F(rules, bad_input)
{
	const struct lib_attr no_mode = { BLIPMQ_A_RULE_PATTERN, "ac.x", 0 };
	const struct lib_attr no_pattern = { BLIPMQ_A_RULE_MODE, NULL, 0 };
	char pattern[257];

	memset(pattern, 'a', 256);
	pattern[256] = '\0';
	EXPECT_EQ(-EINVAL, lib_rule_add("", 0, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac..x", 0, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac.>.x", 0, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac x", 0, 0, 0));
	EXPECT_EQ(-ERANGE, lib_rule_add(pattern, 0, 0, 0));
	EXPECT_EQ(-ERANGE, lib_rule_add("ac.x", 0, 0, 01000));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac.x", (uid_t)-1, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac.x", 0, (gid_t)-1, 0));
	EXPECT_EQ(-EINVAL, lib_request(BLIPMQ_CMD_RULE_ADD, &no_mode, 1, 0));
	EXPECT_EQ(-EINVAL, lib_request(BLIPMQ_CMD_RULE_ADD, &no_pattern, 1, 0));
	EXPECT_EQ(-ENOENT, lib_rule_delete("ac.x"));
	EXPECT_EQ(-EINVAL, lib_rule_delete("ac..x"));
	EXPECT_EQ(-EINVAL, lib_rule_may("ac..x", 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_may("ac.x", (uid_t)-1, 0));
	/* None of it has said anything. */
	EXPECT_EQ(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH,
		  lib_rule_may(">", ALICE, ALICE));
}

TEST_F(rules, for_who_has_the_right)
{
	ASSERT_TRUE(lib_become(ALICE, ALICE, 0));
	EXPECT_EQ(-EPERM, lib_rule_add("ac.x", ALICE, ALICE, 0600));
	EXPECT_EQ(-EPERM, lib_rule_delete("ac.x"));
	EXPECT_EQ(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH,
		  lib_rule_may("ac.x", ALICE, ALICE));
}

/* As many as there may be, and no more. */
TEST_F(rules, many)
{
	/* Each takes as long as there are rules. */
	const int most = lib_rounds(4096);
	char pattern[32];
	int i, fd;

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	for (i = 4096 - most; i < 4096; i++) {
		snprintf(pattern, sizeof(pattern), "ac.%d.>", i);
		ASSERT_EQ(0, lib_rule_add(pattern, ALICE, ALICE, 0600));
	}
	if (most == 4096)
		EXPECT_EQ(-ENOSPC, lib_rule_add("ac.more", 0, 0, 0));
	EXPECT_EQ(0, lib_rule_add("ac.4095.>", ALICE, ALICE, 0644));
	fd = lib_packet();
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.4095.x", "x", 1));
	EXPECT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.4095.x", NULL));
	EXPECT_EQ(-EACCES, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.4094.x",
					    NULL));
	EXPECT_EQ(1, lib_sendto(fd, "ac.4096.x", "x", 1));
	close(fd);
	/* The rest goes with the namespace. */
	for (i = 0; i < 100; i++) {
		snprintf(pattern, sizeof(pattern), "ac.%d.>", 4095 - i * 5);
		EXPECT_EQ(0, lib_rule_delete(pattern));
	}
	EXPECT_EQ(0, lib_rule_add("ac.more", 0, 0, 0));
}

/* Another namespace has its own; its superuser may set them, of its users. */
TEST_F(rules, of_another_namespace)
{
	int here = socket_of(ALICE, ALICE, 0), status, fd;
	pid_t pid;

	ASSERT_EQ(0, lib_rule_add("ac.x", 0, 0, 0644));
	pid = fork();
	if (!pid) {
		if (!lib_become(ALICE, ALICE, 0) || setresuid(ALICE, ALICE, ALICE) ||
		    unshare(CLONE_NEWUSER | CLONE_NEWNET) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		/* Nobody has a name here yet. */
		if (lib_rule_add("ac.y", 0, 0, 0600) != -EINVAL)
			_exit(2);
		fd = open("/proc/self/uid_map", O_WRONLY);
		if (write(fd, "0 1001 1", 8) != 8)
			_exit(3);
		fd = open("/proc/self/setgroups", O_WRONLY);
		if (write(fd, "deny", 4) != 4)
			_exit(4);
		fd = open("/proc/self/gid_map", O_WRONLY);
		if (write(fd, "0 1001 1", 8) != 8)
			_exit(5);
		if (lib_rule_add("ac.y", 0, 0, 0600) ||
		    lib_rule_add("ac.z", 0, 0, 0066) ||
		    lib_rule_add("ac.y", 1, 0, 0600) != -EINVAL)
			_exit(6);
		fd = lib_packet();
		if (lib_sendto(fd, "ac.x", "x", 1) != 1 ||
		    lib_sendto(fd, "ac.y", "x", 1) != 1 ||
		    lib_sendto(fd, "ac.z", "x", 1) != -EACCES)
			_exit(7);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(-EACCES, lib_sendto(here, "ac.x", "x", 1));
	EXPECT_EQ(1, lib_sendto(here, "ac.y", "x", 1));
	EXPECT_EQ(1, lib_sendto(here, "ac.z", "x", 1));
	close(here);
}

/* Killed in the middle of a change, or of what it changes: nothing hangs. */
TEST_F(rules, kill)
{
	int i, status, fd;
	pid_t pids[3];

	ASSERT_EQ(0, lib_rule_add("ac.k", 0, 0, 0666));
	for (i = 0; i < 30; i++) {
		pids[0] = fork();
		if (!pids[0])
			for (;;) {
				lib_rule_add("ac.k", 0, 0, 0600);
				lib_rule_add("ac.k", 0, 0, 0666);
			}
		pids[1] = fork();
		if (!pids[1]) {
			fd = socket_of(ALICE, ALICE, 0);
			for (;;)
				lib_sendto(fd, "ac.k", "x", 1);
		}
		pids[2] = fork();
		if (!pids[2]) {
			fd = socket_of(ALICE, ALICE, 0);
			for (;;) {
				lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.*",
						 NULL);
				lib_subscription(fd, BLIPMQ_UNSUBSCRIBE,
						 "ac.*", NULL);
			}
		}
		usleep(20000);
		for (fd = 0; fd < 3; fd++) {
			kill(pids[fd], SIGKILL);
			ASSERT_EQ(pids[fd], waitpid(pids[fd], &status, 0));
		}
	}
	ASSERT_EQ(0, lib_rule_add("ac.k", 0, 0, 0600));
	fd = socket_of(ALICE, ALICE, 0);
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.k", "x", 1));
	close(fd);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
}

TEST_HARNESS_MAIN
