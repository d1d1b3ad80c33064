// SPDX-License-Identifier: GPL-2.0
/*
 * Who sent a message: for those who asked, as their namespaces name it, and
 * never as the sender would like it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC		"identity.t"
#define OVERFLOW_ID	65534

FIXTURE(identity) {
	int sub;
};

FIXTURE_SETUP(identity)
{
	self->sub = lib_packet();
	ASSERT_LE(0, self->sub);
	ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE, TOPIC,
				      NULL));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_PASSCRED, 1));
}

FIXTURE_TEARDOWN(identity)
{
	close(self->sub);
}

/* Receives one message. Returns how many credentials it has, -1 for no message. */
static int receive(int fd, struct ucred *cred)
{
	union {
		struct cmsghdr c;
		char bytes[256];
	} control = { .bytes = { 0 } };
	char buf[64];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int found = 0;

	if (recvmsg(fd, &msg, 0) < 0) {
		lib_say("recvmsg: %s", strerror(errno));
		return -1;
	}
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_CREDENTIALS ||
		    c->cmsg_len != CMSG_LEN(sizeof(*cred)))
			continue;
		memcpy(cred, CMSG_DATA(c), sizeof(*cred));
		found++;
	}
	return found;
}

static bool expect(int fd, pid_t pid, uid_t uid, gid_t gid)
{
	struct ucred cred = { 0 };

	if (receive(fd, &cred) != 1) {
		lib_say("no credentials, or several");
		return false;
	}
	if (cred.pid == pid && cred.uid == uid && cred.gid == gid)
		return true;
	lib_say("pid %d uid %u gid %u, not %d %u %u", cred.pid, cred.uid,
		cred.gid, pid, uid, gid);
	return false;
}

/* The process is gone when this returns. */
static pid_t publish_as(uid_t uid, gid_t gid)
{
	int status, fd;
	pid_t pid = fork();

	if (pid)
		return waitpid(pid, &status, 0) == pid && !status ? pid : -1;
	if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		_exit(1);
	fd = lib_packet();
	_exit(fd < 0 || lib_sendto(fd, TOPIC, "x", 1) != 1);
}

TEST_F(identity, of_another_user_and_process)
{
	pid_t pid = publish_as(1001, 1002);

	ASSERT_LT(0, pid);
	EXPECT_TRUE(expect(self->sub, pid, 1001, 1002));
	pid = publish_as(0, 0);
	EXPECT_TRUE(expect(self->sub, pid, 0, 0));
}

TEST_F(identity, only_for_those_who_asked)
{
	struct ucred cred;
	int fd = lib_packet();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0U, lib_get_u32(fd, BLIPMQ_PASSCRED));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, TOPIC, NULL));
	ASSERT_EQ(1, lib_sendto(fd, TOPIC, "x", 1));
	EXPECT_EQ(0, receive(fd, &cred));
	EXPECT_TRUE(expect(self->sub, getpid(), 0, 0));

	/* The option and the bit are one. */
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_INFO, BLIPMQ_INFO_CREDENTIALS |
				BLIPMQ_INFO_ID));
	EXPECT_EQ(1U, lib_get_u32(fd, BLIPMQ_PASSCRED));
	ASSERT_EQ(1, lib_sendto(fd, TOPIC, "x", 1));
	EXPECT_TRUE(expect(fd, getpid(), 0, 0));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_PASSCRED, 0));
	EXPECT_EQ(BLIPMQ_INFO_ID, lib_get_u32(fd, BLIPMQ_INFO));
	ASSERT_EQ(1, lib_sendto(fd, TOPIC, "x", 1));
	EXPECT_EQ(0, receive(fd, &cred));
	close(fd);
}

/* Those of a message are its sender's when it was sent. */
TEST_F(identity, acting_for_somebody)
{
	struct blipmq_identity id = { .uid = 1003, .gid = 1004, .name = "i" };
	int fd = lib_packet();

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, lib_sendto(fd, TOPIC, "x", 1));
	ASSERT_EQ(0, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id,
				sizeof(id)));
	ASSERT_EQ(1, lib_sendto(fd, TOPIC, "x", 1));
	close(fd);
	EXPECT_TRUE(expect(self->sub, getpid(), 0, 0));
	EXPECT_TRUE(expect(self->sub, getpid(), 1003, 1004));
}

TEST_F(identity, needs_a_right_to_act_for_somebody)
{
	struct blipmq_identity id = { .uid = 0, .gid = 0, .name = "root" };
	int fd;

	ASSERT_EQ(0, seteuid(1001));
	fd = lib_packet();
	EXPECT_EQ(-1, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id,
				 sizeof(id)));
	EXPECT_EQ(EPERM, errno);
	ASSERT_EQ(1, lib_sendto(fd, TOPIC, "x", 1));
	ASSERT_EQ(0, seteuid(0));
	EXPECT_TRUE(expect(self->sub, getpid(), 1001, 0));
	close(fd);
}

/* Passes @fd over @channel, or receives what is returned. */
static int pass(int channel, int fd)
{
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	if (fd < 0) {
		if (recvmsg(channel, &msg, 0) == 1 && msg.msg_controllen)
			memcpy(&fd, CMSG_DATA(&control.c), sizeof(fd));
		return fd;
	}
	control.c.cmsg_level = SOL_SOCKET;
	control.c.cmsg_type = SCM_RIGHTS;
	control.c.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.c), &fd, sizeof(fd));
	return sendmsg(channel, &msg, 0);
}

/* Makes namespaces that have nobody but user and group 1001. */
static int socket_of_namespace(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) ||
	    !lib_write_file("/proc/self", "uid_map", "0 1001 1") ||
	    !lib_write_file("/proc/self", "setgroups", "deny") ||
	    !lib_write_file("/proc/self", "gid_map", "0 1001 1"))
		return -1;
	return lib_packet();
}

/* Has all rights in them, since they are his, and is outside of them. */
static int act_in_own_namespace(void)
{
	struct blipmq_identity id = { .uid = 0, .gid = 1001, .name = "root" };
	int channel[2], fd;
	pid_t pid;

	if (setresgid(1001, 1001, 1001) || setresuid(1001, 1001, 1001) ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, channel))
		return 1;
	pid = fork();
	if (!pid) {
		fd = socket_of_namespace();
		_exit(fd < 0 || pass(channel[1], fd) != 1);
	}
	close(channel[1]);
	fd = pass(channel[0], -1);
	if (fd < 0)
		return 2;
	if (!setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id, sizeof(id)) ||
	    errno != EINVAL)
		return 3;
	id.uid = 1001;
	id.gid = 0;
	if (!setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id, sizeof(id)) ||
	    errno != EINVAL)
		return 4;
	id.gid = 1001;
	if (setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id, sizeof(id)))
		return 5;
	return 0;
}

TEST_F(identity, of_a_user_that_the_namespace_has)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(act_in_own_namespace());
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* A credential that a sender brings along is not what is received. */
TEST_F(identity, cannot_be_claimed)
{
	struct ucred claim = { .pid = 1, .uid = 4711, .gid = 4711 };
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(sizeof(claim))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { "x", 1 };
	struct sockaddr_blipmq sa;
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = lib_address(&sa, TOPIC),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd = lib_packet();

	control.c.cmsg_level = SOL_SOCKET;
	control.c.cmsg_type = SCM_CREDENTIALS;
	control.c.cmsg_len = CMSG_LEN(sizeof(claim));
	memcpy(CMSG_DATA(&control.c), &claim, sizeof(claim));
	ASSERT_EQ(1, sendmsg(fd, &msg, 0));
	EXPECT_TRUE(expect(self->sub, getpid(), 0, 0));
	close(fd);
}

/* Reads in namespaces of its own: who is not known there has no name. */
static int read_in(int fd, int flags, pid_t pid, uid_t uid, gid_t gid)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return -1;
	if (!child) {
		if (unshare(flags))
			_exit(2);
		/* A new process namespace is the next child's. */
		child = fork();
		if (!child)
			_exit(!expect(fd, pid, uid, gid));
		if (waitpid(child, &status, 0) != child)
			_exit(3);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 4);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(identity, as_the_readers_namespaces_know_it)
{
	pid_t pid = publish_as(1001, 1002);

	EXPECT_EQ(0, read_in(self->sub, CLONE_NEWUSER, pid, OVERFLOW_ID,
			     OVERFLOW_ID));
	ASSERT_LT(0, publish_as(1001, 1002));
	EXPECT_EQ(0, read_in(self->sub, CLONE_NEWPID, 0, 1001, 1002));
}

/* All that comes through blipmqd is of one user, nobody by default. */
TEST_F(identity, of_a_tcp_client)
{
	struct ucred cred = { 0 };
	struct lib_peer p;

	ASSERT_LE(0, lib_open(&p, LIB_TCP));
	ASSERT_TRUE(lib_publish(&p, TOPIC, "x", 1));
	ASSERT_EQ(1, receive(self->sub, &cred));
	EXPECT_EQ(OVERFLOW_ID, (int)cred.uid);
	EXPECT_EQ(OVERFLOW_ID, (int)cred.gid);
	EXPECT_NE(getpid(), cred.pid);
	EXPECT_LT(0, cred.pid);
	lib_close(&p);
}

TEST_F(identity, of_a_stream)
{
	struct lib_peer p;
	int i;

	ASSERT_EQ(0, seteuid(1001));
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_EQ(0, seteuid(0));
	/* One write, one bundle, one sender. */
	for (i = 0; i < 10; i++)
		lib_put_pub(&p, 0, TOPIC, 0, "x", 1);
	ASSERT_TRUE(lib_send(&p));
	for (i = 0; i < 10; i++)
		EXPECT_TRUE(expect(self->sub, getpid(), 1001, 0));
	lib_close(&p);
}

TEST_HARNESS_MAIN
