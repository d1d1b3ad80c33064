// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_SEQPACKET: one message a call, to and from.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "harness.h"
#include "lib.h"

/* The family has two types and one protocol. */
TEST(socket_types)
{
	static const int refused[] = { SOCK_DGRAM, SOCK_RAW, SOCK_RDM };
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		fd = socket(AF_BLIPMQ, refused[i], 0);
		EXPECT_EQ(-1, fd);
		EXPECT_EQ(ESOCKTNOSUPPORT, errno);
	}
	fd = socket(AF_BLIPMQ, SOCK_SEQPACKET, 5);
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(EPROTONOSUPPORT, errno);
	fd = socket(AF_BLIPMQ, SOCK_STREAM, 5);
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(EPROTONOSUPPORT, errno);
	fd = socket(AF_BLIPMQ, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	EXPECT_LE(0, fd);
	close(fd);
	fd = socket(AF_BLIPMQ, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST(socket_pair_is_not_there)
{
	int sv[2];

	EXPECT_EQ(-1, socketpair(AF_BLIPMQ, SOCK_SEQPACKET, 0, sv));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

FIXTURE(packet) {
	int pub;
	int sub;
};

FIXTURE_SETUP(packet)
{
	self->pub = lib_packet();
	self->sub = lib_packet();
	ASSERT_LE(0, self->pub);
	ASSERT_LE(0, self->sub);
	ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE, "t.a",
				      NULL));
}

FIXTURE_TEARDOWN(packet)
{
	close(self->pub);
	close(self->sub);
}

static bool got(int fd, const char *topic, const char *text)
{
	struct lib_message m;
	char buf[256];
	ssize_t n = lib_recvmsg(fd, &m, buf, sizeof(buf), 0);

	if (n == (ssize_t)strlen(text) && !memcmp(buf, text, strlen(text)) &&
	    !strcmp(m.topic, topic) && !m.flags)
		return true;
	lib_say("expected '%s' to %s, got %zd: '%.*s' to %s, flags %x", text,
		topic, n, n > 0 ? (int)n : 0, buf, m.topic, m.flags);
	return false;
}

static bool none(int fd)
{
	char c;

	if (recv(fd, &c, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN)
		return true;
	lib_say("expected nothing to read");
	return false;
}

TEST_F(packet, sendto_names_the_topic)
{
	EXPECT_EQ(2, lib_sendto(self->pub, "t.a", "hi", 2));
	EXPECT_TRUE(got(self->sub, "t.a", "hi"));
	/* Another topic, a longer one, a shorter one, the wrong case. */
	EXPECT_EQ(1, lib_sendto(self->pub, "t.b", "x", 1));
	EXPECT_EQ(1, lib_sendto(self->pub, "t.a.b", "x", 1));
	EXPECT_EQ(1, lib_sendto(self->pub, "t", "x", 1));
	EXPECT_EQ(1, lib_sendto(self->pub, "T.a", "x", 1));
	EXPECT_TRUE(none(self->sub));
}

TEST_F(packet, connect_sets_the_topic)
{
	struct sockaddr_blipmq sa;
	socklen_t len = lib_address(&sa, "t.a");
	char topic[256];
	socklen_t room = sizeof(topic);

	ASSERT_EQ(0, connect(self->pub, (void *)&sa, len));
	EXPECT_EQ(3, send(self->pub, "one", 3, 0));
	EXPECT_EQ(3, write(self->pub, "two", 3));
	EXPECT_TRUE(got(self->sub, "t.a", "one"));
	EXPECT_TRUE(got(self->sub, "t.a", "two"));
	EXPECT_EQ(0, getsockopt(self->pub, SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT,
				topic, &room));
	EXPECT_EQ(3U, room);
	EXPECT_EQ(0, memcmp(topic, "t.a", 3));
	/* An address of a message goes before it, and does not stay. */
	EXPECT_EQ(1, lib_sendto(self->pub, "t.other", "x", 1));
	EXPECT_EQ(5, send(self->pub, "three", 5, 0));
	EXPECT_TRUE(got(self->sub, "t.a", "three"));
	/* Another connect() changes it. */
	len = lib_address(&sa, "t.other");
	ASSERT_EQ(0, connect(self->pub, (void *)&sa, len));
	EXPECT_EQ(4, send(self->pub, "four", 4, 0));
	EXPECT_TRUE(none(self->sub));
}

TEST_F(packet, a_topic_is_needed)
{
	EXPECT_EQ(-1, send(self->pub, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	/* Being subscribed says nothing about where to publish. */
	EXPECT_EQ(-1, send(self->sub, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
}

TEST_F(packet, topic_by_control_message)
{
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(255)];
	} control = { .bytes = { 0 } };
	struct iovec iov[2] = {
		{ .iov_base = "by con", .iov_len = 6 },
		{ .iov_base = "trol", .iov_len = 4 },
	};
	struct sockaddr_blipmq sa;
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 2,
		.msg_control = &control, .msg_controllen = CMSG_SPACE(3),
	};

	control.c.cmsg_level = SOL_BLIPMQ;
	control.c.cmsg_type = BLIPMQ_TOPIC;
	control.c.cmsg_len = CMSG_LEN(3);
	memcpy(CMSG_DATA(&control.c), "t.a", 3);
	EXPECT_EQ(10, sendmsg(self->pub, &msg, 0));
	EXPECT_TRUE(got(self->sub, "t.a", "by control"));

	/* An address in sendmsg() instead. */
	msg.msg_control = NULL;
	msg.msg_controllen = 0;
	msg.msg_name = &sa;
	msg.msg_namelen = lib_address(&sa, "t.a");
	EXPECT_EQ(10, sendmsg(self->pub, &msg, 0));
	EXPECT_TRUE(got(self->sub, "t.a", "by control"));

	/* What is wrong in it publishes nothing. */
	msg.msg_name = NULL;
	msg.msg_namelen = 0;
	msg.msg_control = &control;
	msg.msg_controllen = CMSG_SPACE(3);
	memcpy(CMSG_DATA(&control.c), "t..", 3);
	EXPECT_EQ(-1, sendmsg(self->pub, &msg, 0));
	EXPECT_EQ(EINVAL, errno);
	control.c.cmsg_type = BLIPMQ_MSG_ID;
	EXPECT_EQ(-1, sendmsg(self->pub, &msg, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_TRUE(none(self->sub));
}

TEST_F(packet, invalid_topics)
{
	static const char * const invalid[] = {
		".", "a.", ".a", "a..b", "a b", "*", "a.*", ">", "a.>", "\x1f",
		"a\x7f", "\xc0\xaf", "\xed\xa0\x80",
	};
	struct sockaddr_blipmq sa;
	socklen_t len;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(invalid); i++) {
		len = lib_address(&sa, invalid[i]);
		EXPECT_EQ(-EINVAL, lib_sendto(self->pub, invalid[i], "x", 1));
		EXPECT_EQ(-1, connect(self->pub, (void *)&sa, len));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, setsockopt(self->pub, SOL_BLIPMQ,
					 BLIPMQ_TOPIC_DEFAULT, invalid[i],
					 (socklen_t)strlen(invalid[i])));
		EXPECT_EQ(EINVAL, errno);
	}
	/* A failed connect() sets nothing. */
	EXPECT_EQ(-1, send(self->pub, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	/* The topic is the bytes up to the length, a zero byte is one. */
	len = lib_address(&sa, "t.a") + 1;
	EXPECT_EQ(-1, connect(self->pub, (void *)&sa, len));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(packet, addresses)
{
	struct sockaddr_blipmq sa;
	socklen_t len = lib_address(&sa, "t.a");
	char big[200] = { 0 };

	EXPECT_EQ(-1, bind(self->pub, (void *)&sa, len));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, listen(self->pub, 1));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, accept(self->pub, NULL, NULL));
	EXPECT_EQ(EOPNOTSUPP, errno);
	/* Too short to hold a family. */
	EXPECT_EQ(-1, connect(self->pub, (void *)&sa, 1));
	EXPECT_EQ(EINVAL, errno);
	/* Longer than an address is. */
	memcpy(big, &sa, len);
	memset(big + 2, 'x', 150);
	EXPECT_EQ(-1, connect(self->pub, (void *)big, 150));
	EXPECT_EQ(EINVAL, errno);
	sa.sbm_family = AF_INET;
	EXPECT_EQ(-1, connect(self->pub, (void *)&sa, len));
	EXPECT_TRUE(errno == EAFNOSUPPORT || errno == EINVAL);
	EXPECT_EQ(-1, sendto(self->pub, "x", 1, 0, (void *)&sa, len));
	EXPECT_TRUE(errno == EAFNOSUPPORT || errno == EINVAL);
	EXPECT_TRUE(none(self->sub));
}

/* No message is as long as this one. */
TEST_F(packet, size_limit)
{
	static char big[(1 << 20) + 1];

	big[1 << 19] = 'x';
	EXPECT_EQ(-EMSGSIZE, lib_sendto(self->pub, "t.a", big, sizeof(big)));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_BYTES, 8 << 20));
	EXPECT_EQ(1 << 20, lib_sendto(self->pub, "t.a", big, 1 << 20));
	big[1 << 19] = 0;
	EXPECT_EQ(1 << 20, recv(self->sub, big, sizeof(big), 0));
	EXPECT_EQ('x', big[1 << 19]);
	EXPECT_TRUE(none(self->sub));
}

/* A message of no bytes has a name; the end has none. */
TEST_F(packet, empty_message_is_not_the_end)
{
	struct lib_message m;
	char buf[8];

	EXPECT_EQ(0, lib_sendto(self->pub, "t.a", "", 0));
	EXPECT_EQ(2, lib_sendto(self->pub, "t.a", "hi", 2));
	EXPECT_EQ(0, lib_recvmsg(self->sub, &m, buf, sizeof(buf), 0));
	EXPECT_STREQ("t.a", m.topic);
	EXPECT_LT(2U, m.name_len);
	EXPECT_TRUE(got(self->sub, "t.a", "hi"));
	EXPECT_EQ(0, shutdown(self->sub, SHUT_RD));
	EXPECT_EQ(0, lib_recvmsg(self->sub, &m, buf, sizeof(buf), 0));
	EXPECT_EQ(0U, m.name_len);
	EXPECT_EQ(0U, m.controls);
}

TEST_F(packet, peek_and_truncation)
{
	struct lib_message m;
	char buf[16];
	int i;

	EXPECT_EQ(10, lib_sendto(self->pub, "t.a", "0123456789", 10));
	EXPECT_EQ(4, lib_sendto(self->pub, "t.a", "next", 4));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(10, lib_recvmsg(self->sub, &m, buf, sizeof(buf),
					  MSG_PEEK));
		EXPECT_STREQ("t.a", m.topic);
	}
	/* The flag in: the true length out. */
	EXPECT_EQ(10, lib_recvmsg(self->sub, &m, buf, 4,
				  MSG_PEEK | MSG_TRUNC));
	EXPECT_EQ(MSG_TRUNC, m.flags & MSG_TRUNC);
	EXPECT_EQ(4, lib_recvmsg(self->sub, &m, buf, 4, MSG_PEEK));
	EXPECT_EQ(MSG_TRUNC, m.flags & MSG_TRUNC);
	/* Read short, the rest of the message is gone. */
	EXPECT_EQ(4, lib_recvmsg(self->sub, &m, buf, 4, 0));
	EXPECT_EQ(MSG_TRUNC, m.flags & MSG_TRUNC);
	EXPECT_EQ(0, memcmp(buf, "0123", 4));
	EXPECT_TRUE(got(self->sub, "t.a", "next"));
	EXPECT_TRUE(none(self->sub));
	EXPECT_EQ(10, lib_sendto(self->pub, "t.a", "0123456789", 10));
	EXPECT_EQ(10, recv(self->sub, buf, 4, MSG_TRUNC));
	EXPECT_TRUE(none(self->sub));
}

TEST_F(packet, not_waiting)
{
	struct timeval tv = { .tv_usec = 20000 };
	char c;

	EXPECT_EQ(-1, recv(self->sub, &c, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, setsockopt(self->sub, SOL_SOCKET, SO_RCVTIMEO, &tv,
				sizeof(tv)));
	EXPECT_EQ(-1, recv(self->sub, &c, 1, 0));
	EXPECT_EQ(EAGAIN, errno);
	/* Somebody who subscribed to nothing waits as well. */
	EXPECT_EQ(-1, recv(self->pub, &c, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

/* A reader that waits is woken by the message. */
TEST_F(packet, waiting_reader)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!got(self->sub, "t.a", "awake"));
	EXPECT_EQ(5, lib_sendto(self->pub, "t.a", "awake", 5));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(packet, shutdown_ends_what_it_says)
{
	char buf[8];

	EXPECT_EQ(1, lib_sendto(self->pub, "t.a", "1", 1));
	EXPECT_EQ(0, shutdown(self->pub, SHUT_WR));
	EXPECT_EQ(-EPIPE, lib_sendto(self->pub, "t.a", "2", 1));
	EXPECT_EQ(1, recv(self->sub, buf, sizeof(buf), 0));
	EXPECT_EQ(-1, shutdown(self->pub, 7));
	EXPECT_EQ(EINVAL, errno);
	/* Nothing more is delivered to who does not read any more. */
	EXPECT_EQ(0, shutdown(self->sub, SHUT_RD));
	EXPECT_EQ(0, recv(self->sub, buf, sizeof(buf), 0));
	EXPECT_EQ(1, lib_sendto(self->sub, "t.a", "3", 1));
	EXPECT_EQ(0, recv(self->sub, buf, sizeof(buf), 0));
}

TEST_F(packet, own_messages_come_back)
{
	EXPECT_EQ(4, lib_sendto(self->sub, "t.a", "mine", 4));
	EXPECT_TRUE(got(self->sub, "t.a", "mine"));
	EXPECT_TRUE(none(self->sub));
}

TEST_HARNESS_MAIN
