// SPDX-License-Identifier: GPL-2.0
/*
 * The overflow policy block: a publisher waits until each queue has room, or
 * is told to come again, and nothing is lost, given twice or out of order.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"block.t"
#define NOBODY	65534

FIXTURE(block) {
	struct lib_peer pub;	/* .fd alone, for packet sockets */
	struct lib_peer sub;
	bool packet_pub;
	bool packet_sub;
};

FIXTURE_VARIANT(block) {
	bool packet_pub;
	bool packet_sub;
};

FIXTURE_VARIANT_ADD(block, stream_to_stream) {
	.packet_pub = false,
	.packet_sub = false,
};

FIXTURE_VARIANT_ADD(block, stream_to_seqpacket) {
	.packet_pub = false,
	.packet_sub = true,
};

FIXTURE_VARIANT_ADD(block, seqpacket_to_stream) {
	.packet_pub = true,
	.packet_sub = false,
};

FIXTURE_VARIANT_ADD(block, seqpacket_to_seqpacket) {
	.packet_pub = true,
	.packet_sub = true,
};

/* A subscriber that blocks publishers once @limit messages wait. */
static bool subscriber(struct lib_peer *p, bool packet, const char *topic,
		       u32 limit)
{
	if (!packet)
		return lib_open(p, LIB_LOCAL) >= 0 &&
		       lib_option(p, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK) &&
		       lib_option(p, BLIPMQ_QUEUE_MESSAGES, limit) &&
		       lib_subscribe(p, topic);
	p->fd = lib_packet();
	return p->fd >= 0 &&
	       lib_set_u32(p->fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK) &&
	       lib_set_u32(p->fd, BLIPMQ_QUEUE_MESSAGES, limit) &&
	       !lib_subscription(p->fd, BLIPMQ_SUBSCRIBE, topic, NULL);
}

FIXTURE_SETUP(block)
{
	self->packet_pub = variant->packet_pub;
	self->packet_sub = variant->packet_sub;
	if (variant->packet_pub)
		self->pub.fd = lib_packet();
	else
		lib_open(&self->pub, LIB_LOCAL);
	ASSERT_LE(0, self->pub.fd);
	ASSERT_TRUE(subscriber(&self->sub, variant->packet_sub, TOPIC, 4));
}

FIXTURE_TEARDOWN(block)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

/* Returns 0 or -errno. */
static int send_to(int fd, bool packet, const char *topic, u32 number,
		   int flags)
{
	struct lib_peer p = { .fd = fd };
	struct sockaddr_blipmq sa;
	u8 payload[4];
	ssize_t n, len;

	blipmq_put_le32(payload, number);
	if (packet) {
		socklen_t sa_len = lib_address(&sa, topic);

		len = sizeof(payload);
		n = sendto(fd, payload, sizeof(payload), flags | MSG_NOSIGNAL,
			   (struct sockaddr *)&sa, sa_len);
	} else {
		lib_put_pub(&p, 0, topic, 0, payload, sizeof(payload));
		len = (ssize_t)p.out_len;
		n = send(fd, p.out, p.out_len, flags | MSG_NOSIGNAL);
		free(p.out);
	}
	if (n == len)
		return 0;
	return n < 0 ? -errno : -EIO;
}

static int publish(FIXTURE_DATA(block) *self, u32 number, int flags)
{
	return send_to(self->pub.fd, self->packet_pub, TOPIC, number, flags);
}

/*
 * A message and not a byte of the next one, which stays in the kernel's queue.
 * Returns its number, or -1.
 */
static long take(int fd, bool packet)
{
	struct blipmq_frame f;
	u8 b[64];
	ssize_t rest;

	if (packet)
		return recv(fd, b, sizeof(b), 0) == 4 ?
		       (long)blipmq_get_le32(b) : -1;
	if (recv(fd, b, BLIPMQ_FRAME_HEADER, MSG_WAITALL) !=
	    BLIPMQ_FRAME_HEADER)
		return -1;
	blipmq_frame_decode(&f, b);
	rest = (ssize_t)f.size - BLIPMQ_FRAME_HEADER;
	if (f.op != BLIPMQ_OP_MSG || rest > (ssize_t)sizeof(b) ||
	    recv(fd, b, (size_t)rest, MSG_WAITALL) != rest)
		return -1;
	return (long)blipmq_get_le32(b + f.topic_len + 8);
}

static bool takes(FIXTURE_DATA(block) *self, u32 from, u32 to)
{
	for (; from < to; from++) {
		long got = take(self->sub.fd, self->packet_sub);

		if (got != (long)from) {
			lib_say("expected %u, got %ld", from, got);
			return false;
		}
	}
	return true;
}

static bool writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT;
}

static bool counted(int fd, u64 matched, u64 queued)
{
	struct blipmq_socket_stats s;

	if (!lib_stats(fd, &s) || !lib_law(&s))
		return false;
	if (s.matched == matched && s.queued_messages == queued &&
	    s.delivered == matched - queued)
		return true;
	lib_say("matched %llu, delivered %llu, queued %llu",
		(unsigned long long)s.matched,
		(unsigned long long)s.delivered,
		(unsigned long long)s.queued_messages);
	return false;
}

static bool fill(FIXTURE_DATA(block) *self)
{
	u32 i;

	for (i = 0; i < 4; i++)
		if (publish(self, i, 0))
			return false;
	return true;
}

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

/* What a child that publishes [from, to) and waits as needed ended with. */
static pid_t publisher(FIXTURE_DATA(block) *self, u32 from, u32 to)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	close(self->sub.fd);
	for (; from < to; from++)
		if (publish(self, from, 0))
			_exit(errno == EINTR ? 2 : 1);
	_exit(0);
}

static int status_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ?
	       WEXITSTATUS(status) : -1;
}

/* The child sleeps in the kernel, or has ended. */
static void wait_asleep(pid_t pid)
{
	char path[64], text[512], *p;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (;;) {
		ssize_t n;

		fd = open(path, O_RDONLY);
		if (fd < 0)
			return;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
		p = strrchr(text, ')');
		if (!p || p[2] == 'S' || p[2] == 'Z')
			return;
		usleep(1000);
	}
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
	wait_asleep(pid);
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
	wait_asleep(pid);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(takes(self, 0, 4));
	EXPECT_TRUE(counted(self->sub.fd, 4, 0));
}

/* Each of these lets a publisher go on that waits for a full queue. */
enum release { CLOSES, SHUTS, UNSUBSCRIBES, DROPS, GROWS };

static bool let_go(struct lib_peer *p, enum release how)
{
	switch (how) {
	case CLOSES:
		close(p->fd);
		p->fd = -1;
		return true;
	case SHUTS:
		return !shutdown(p->fd, SHUT_RD);
	case UNSUBSCRIBES:
		return !lib_subscription(p->fd, BLIPMQ_UNSUBSCRIBE, TOPIC,
					 NULL);
	case DROPS:
		return lib_set_u32(p->fd, BLIPMQ_OVERFLOW,
				   BLIPMQ_OVERFLOW_DROP_NEW);
	case GROWS:
		return lib_set_u32(p->fd, BLIPMQ_QUEUE_MESSAGES, 5);
	}
	return false;
}

static void lets_go(struct __test_metadata *_metadata,
		    FIXTURE_DATA(block) *self, enum release how)
{
	pid_t pid;

	ASSERT_TRUE(fill(self));
	ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
	pid = publisher(self, 4, 5);
	ASSERT_LT(0, pid);
	wait_asleep(pid);
	ASSERT_TRUE(let_go(&self->sub, how));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_TRUE(writable(self->pub.fd));
	EXPECT_TRUE(lib_status_law());
}

TEST_F(block, closing_lets_go)
{
	lets_go(_metadata, self, CLOSES);
}

TEST_F(block, shutdown_lets_go)
{
	lets_go(_metadata, self, SHUTS);
}

TEST_F(block, unsubscribing_lets_go)
{
	lets_go(_metadata, self, UNSUBSCRIBES);
}

TEST_F(block, another_policy_lets_go)
{
	lets_go(_metadata, self, DROPS);
}

TEST_F(block, a_larger_limit_lets_go)
{
	lets_go(_metadata, self, GROWS);
}

/* In a process of its own, so that nothing but its end can let go. */
TEST_F(block, a_killed_subscriber_lets_go)
{
	int ready[2], status;
	pid_t sub, pid;
	char c;

	lib_close(&self->sub);
	ASSERT_EQ(0, pipe(ready));
	sub = fork();
	ASSERT_LE(0, sub);
	if (!sub) {
		struct lib_peer p = { 0 };

		close(self->pub.fd);
		if (subscriber(&p, self->packet_sub, TOPIC, 4))
			if (write(ready[1], "", 1) == 1)
				pause();
		_exit(1);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_TRUE(fill(self));
	ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
	pid = publisher(self, 4, 40);
	ASSERT_LT(0, pid);
	wait_asleep(pid);
	ASSERT_EQ(0, kill(sub, SIGKILL));
	ASSERT_EQ(sub, waitpid(sub, &status, 0));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_TRUE(lib_status_law());
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
	wait_asleep(pid);
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
