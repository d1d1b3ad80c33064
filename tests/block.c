// SPDX-License-Identifier: GPL-2.0
/*
 * The overflow policy block: a publisher waits until each queue has room, or
 * is told to come again, and nothing is lost, given twice or out of order.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>

#include "block.h"

TEST_F(block, non_blocking)
{
	struct blipmq_socket_stats s;
	u32 i;

	ASSERT_TRUE(fill(self));
	EXPECT_TRUE(writable(self->pub.fd));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
		EXPECT_FALSE(writable(self->pub.fd));
	}
	EXPECT_TRUE(counted(self->sub.fd, 4, 4));
	ASSERT_TRUE(lib_stats(self->pub.fd, &s));
	EXPECT_EQ(4ULL, s.published);
	EXPECT_EQ(0ULL, s.refused);
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(takes(self, i, i + 1));
		EXPECT_TRUE(writable(self->pub.fd));
		ASSERT_EQ(0, publish(self, i + 4, MSG_DONTWAIT));
		ASSERT_EQ(-EAGAIN, publish(self, i + 5, MSG_DONTWAIT));
		EXPECT_FALSE(writable(self->pub.fd));
	}
	ASSERT_TRUE(takes(self, 20, 24));
	EXPECT_TRUE(writable(self->pub.fd));
	EXPECT_TRUE(counted(self->sub.fd, 24, 0));
}

/* Another topic is not held up, and makes the socket writable. */
TEST_F(block, other_topics_go_on)
{
	ASSERT_TRUE(fill(self));
	ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
	EXPECT_FALSE(writable(self->pub.fd));
	ASSERT_EQ(0, send_to(self->pub.fd, self->packet_pub, "block.other", 1,
			     MSG_DONTWAIT));
	EXPECT_TRUE(writable(self->pub.fd));
	EXPECT_TRUE(counted(self->sub.fd, 4, 4));
}

TEST_F(block, send_timeout)
{
	struct timeval tv = { .tv_usec = 50000 };

	ASSERT_EQ(0, setsockopt(self->pub.fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	ASSERT_TRUE(fill(self));
	EXPECT_EQ(-EAGAIN, publish(self, 4, 0));
	ASSERT_TRUE(takes(self, 0, 1));
	EXPECT_EQ(0, publish(self, 4, 0));
	ASSERT_TRUE(takes(self, 1, 5));
	EXPECT_TRUE(counted(self->sub.fd, 5, 0));
}

TEST_F(block, all_arrive_in_order)
{
	pid_t pid = publisher(self, 0, 3000);

	ASSERT_LT(0, pid);
	ASSERT_TRUE(takes(self, 0, 3000));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_TRUE(counted(self->sub.fd, 3000, 0));
}

static void on_signal(int number)
{
	(void)number;
}

TEST_F(block, a_signal_ends_the_wait)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pid_t pid;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_TRUE(fill(self));
	pid = publisher(self, 4, 5);
	ASSERT_LT(0, pid);
	lib_wait_asleep(pid);
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	EXPECT_EQ(2, status_of(pid));
	EXPECT_TRUE(counted(self->sub.fd, 4, 4));
}

TEST_F(block, a_publisher_is_killed_while_it_waits)
{
	int status;
	pid_t pid;

	ASSERT_TRUE(fill(self));
	pid = publisher(self, 4, 5);
	ASSERT_LT(0, pid);
	lib_wait_asleep(pid);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(takes(self, 0, 4));
	EXPECT_TRUE(counted(self->sub.fd, 4, 0));
}

/* Of two legs one has no room: neither gets the message, then both once. */
TEST_F(block, two_blocking_legs)
{
	struct lib_peer other = { 0 };
	u32 i;

	ASSERT_TRUE(subscriber(&other, !self->packet_sub, TOPIC, 6));
	ASSERT_TRUE(fill(self));
	ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
	EXPECT_TRUE(counted(self->sub.fd, 4, 4));
	EXPECT_TRUE(counted(other.fd, 4, 4));
	ASSERT_TRUE(takes(self, 0, 4));
	ASSERT_EQ(0, publish(self, 4, MSG_DONTWAIT));
	ASSERT_EQ(0, publish(self, 5, MSG_DONTWAIT));
	/* Now it is the other one's turn. */
	ASSERT_EQ(-EAGAIN, publish(self, 6, MSG_DONTWAIT));
	EXPECT_TRUE(counted(self->sub.fd, 6, 2));
	for (i = 0; i < 6; i++)
		ASSERT_EQ((long)i, take(other.fd, !self->packet_sub));
	EXPECT_TRUE(writable(self->pub.fd));
	ASSERT_TRUE(takes(self, 4, 6));
	EXPECT_TRUE(counted(self->sub.fd, 6, 0));
	EXPECT_TRUE(counted(other.fd, 6, 0));
	lib_close(&other);
}

/* A leg with another policy beside it gets everything once, too. */
TEST_F(block, beside_a_leg_that_drops)
{
	int other = lib_packet();
	u32 i;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, lib_subscription(other, BLIPMQ_SUBSCRIBE, TOPIC, NULL));
	ASSERT_TRUE(fill(self));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
	EXPECT_TRUE(counted(other, 4, 4));
	ASSERT_TRUE(takes(self, 0, 1));
	ASSERT_EQ(0, publish(self, 4, MSG_DONTWAIT));
	EXPECT_TRUE(counted(other, 5, 5));
	close(other);
}

/* What it publishes to itself never holds a socket up. */
TEST_F(block, own_leg)
{
	struct blipmq_socket_stats s;
	u32 i;

	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, send_to(self->sub.fd, self->packet_sub, TOPIC, i,
				     MSG_DONTWAIT));
	EXPECT_TRUE(writable(self->sub.fd));
	ASSERT_TRUE(lib_stats(self->sub.fd, &s));
	EXPECT_EQ(4ULL, s.queued_messages);
	EXPECT_EQ(2ULL, s.dropped_overflow);
	EXPECT_TRUE(lib_law(&s));
	EXPECT_TRUE(takes(self, 0, 4));
}

/* Two that publish to each other: they wait, and can be ended. */
TEST_F(block, in_a_circle)
{
	struct timeval tv = { .tv_usec = 50000 };
	struct lib_peer other = { 0 };
	pid_t pid;
	u32 i;

	ASSERT_TRUE(subscriber(&other, self->packet_sub, "block.u", 4));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, send_to(self->sub.fd, self->packet_sub, "block.u",
				     i, 0));
		ASSERT_EQ(0, send_to(other.fd, self->packet_sub, TOPIC, i, 0));
	}
	ASSERT_EQ(0, setsockopt(self->sub.fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	ASSERT_EQ(0, setsockopt(other.fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(send_to(other.fd, self->packet_sub, TOPIC, 4, 0) !=
		      -EAGAIN);
	EXPECT_EQ(-EAGAIN, send_to(self->sub.fd, self->packet_sub, "block.u",
				   4, 0));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_TRUE(takes(self, 0, 4));
	EXPECT_EQ(0, send_to(other.fd, self->packet_sub, TOPIC, 4,
			     MSG_DONTWAIT));
	lib_close(&other);
}

/* In a namespace of its own, which goes when the last of them is killed. */
TEST_F(block, namespace_goes_while_a_publisher_waits)
{
	int ready[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct lib_peer p = { 0 };
		int pub;
		u32 i;

		if (unshare(CLONE_NEWNET) ||
		    !subscriber(&p, self->packet_sub, TOPIC, 4))
			_exit(1);
		pub = lib_socket(self->packet_pub ? SOCK_SEQPACKET :
						    SOCK_STREAM);
		for (i = 0; i < 4; i++)
			send_to(pub, self->packet_pub, TOPIC, i, 0);
		if (write(ready[1], "", 1) == 1)
			send_to(pub, self->packet_pub, TOPIC, 4, 0);
		_exit(1);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	lib_wait_asleep(pid);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* Without the capability, or on behalf of somebody else. */
TEST_F(block, is_a_right)
{
	struct blipmq_identity id = { .uid = NOBODY, .gid = NOBODY };
	u32 value = BLIPMQ_OVERFLOW_BLOCK;
	pid_t pid;
	int fd;

	fd = self->sub.fd;
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, 0));
	ASSERT_EQ(0, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id,
				sizeof(id)));
	EXPECT_EQ(-1, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW, &value,
				 sizeof(value)));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0U, lib_get_u32(fd, BLIPMQ_OVERFLOW));
	if (!self->packet_sub) {
		lib_put_option(&self->sub, BLIPMQ_OVERFLOW, value);
		ASSERT_TRUE(lib_send(&self->sub));
		EXPECT_TRUE(lib_expect_err(&self->sub, 403, 0, NULL));
	}
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(1);
		fd = lib_socket(SOCK_SEQPACKET);
		_exit(!setsockopt(fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW, &value,
				  sizeof(value)) || errno != EACCES);
	}
	EXPECT_EQ(0, status_of(pid));
}

/* It ends where a socket acts for somebody who has none. */
TEST(right_of_who_is_acted_for)
{
	struct blipmq_identity id = { .uid = NOBODY, .gid = NOBODY };
	int fd = lib_packet(), other = lib_packet();

	ASSERT_LE(0, fd);
	ASSERT_LE(0, other);
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, TOPIC, NULL));
	ASSERT_EQ(0, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id,
				sizeof(id)));
	EXPECT_EQ(BLIPMQ_OVERFLOW_DROP_NEW, lib_get_u32(fd, BLIPMQ_OVERFLOW));
	/* The policy has nothing to block with; a subscription would. */
	ASSERT_TRUE(lib_set_u32(other, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_EQ(0, setsockopt(other, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id,
				sizeof(id)));
	EXPECT_EQ(-EACCES, lib_subscription(other, BLIPMQ_SUBSCRIBE, TOPIC,
					    NULL));
	close(fd);
	close(other);
}

/* Not by a frame that a program with rights ends, which does not know of it. */
TEST(right_of_a_stranger)
{
	struct lib_peer p;
	u8 last;

	ASSERT_EQ(0, seteuid(NOBODY));
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	lib_put_option(&p, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK);
	last = p.out[--p.out_len];
	ASSERT_TRUE(lib_send(&p));
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(1, write(p.fd, &last, 1));
	EXPECT_TRUE(lib_expect_err(&p, 403, 0, NULL));
	EXPECT_EQ(0U, lib_get_u32(p.fd, BLIPMQ_OVERFLOW));
	lib_close(&p);
}

TEST_HARNESS_MAIN
