// SPDX-License-Identifier: GPL-2.0
/*
 * poll() and epoll, by level and by edge, on both types of socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"r.t"

FIXTURE(ready) {
	int fd;			/* the socket that is watched */
	struct lib_peer peer;	/* the same, for the stream's frames */
	int pub;
	int ep;
};

FIXTURE_VARIANT(ready) {
	int type;
};

FIXTURE_VARIANT_ADD(ready, seqpacket) {
	.type = SOCK_SEQPACKET,
};

FIXTURE_VARIANT_ADD(ready, stream) {
	.type = SOCK_STREAM,
};

FIXTURE_SETUP(ready)
{
	self->pub = lib_packet();
	ASSERT_LE(0, self->pub);
	if (variant->type == SOCK_STREAM) {
		ASSERT_LE(0, lib_open(&self->peer, LIB_LOCAL));
		ASSERT_TRUE(lib_subscribe(&self->peer, TOPIC));
		self->fd = self->peer.fd;
	} else {
		self->fd = lib_packet();
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE,
					      TOPIC, NULL));
	}
	self->ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, self->ep);
}

FIXTURE_TEARDOWN(ready)
{
	close(self->ep);
	close(self->fd);
	close(self->pub);
}

static short events(int fd, short wanted, int timeout)
{
	struct pollfd pfd = { .fd = fd, .events = wanted };

	if (poll(&pfd, 1, timeout) < 0)
		return -1;
	return pfd.revents;
}

/* One message off the socket, without waiting; false when there is none. */
static bool take(int fd, int type)
{
	char buf[64];
	size_t want = type == SOCK_STREAM ? 8 + strlen(TOPIC) + 8 + 1 : 1;

	return recv(fd, buf, want, MSG_DONTWAIT) == (ssize_t)want;
}

static bool put(int pub)
{
	return lib_sendto(pub, TOPIC, "x", 1) == 1;
}

TEST_F(ready, poll_by_level)
{
	int i;

	EXPECT_EQ(POLLOUT, events(self->fd, POLLIN | POLLOUT, 0));
	EXPECT_EQ(0, events(self->fd, POLLIN, 0));
	ASSERT_TRUE(put(self->pub));
	ASSERT_TRUE(put(self->pub));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(POLLIN | POLLRDNORM,
			  events(self->fd, POLLIN | POLLRDNORM, LIB_HANG_MS));
	ASSERT_TRUE(take(self->fd, variant->type));
	EXPECT_EQ(POLLIN, events(self->fd, POLLIN, 0));
	ASSERT_TRUE(take(self->fd, variant->type));
	EXPECT_EQ(0, events(self->fd, POLLIN, 0));
	EXPECT_FALSE(take(self->fd, variant->type));
}

/* poll() that waits is woken, again and again. */
TEST_F(ready, poll_wakes)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < lib_rounds(50); i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(!put(self->pub));
		EXPECT_EQ(POLLIN, events(self->fd, POLLIN, LIB_HANG_MS));
		ASSERT_TRUE(take(self->fd, variant->type));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
	}
}

static int wait_ready(int ep, u32 *revents, int timeout)
{
	struct epoll_event ev = { 0 };
	int n = epoll_wait(ep, &ev, 1, timeout);

	*revents = ev.events;
	return n;
}

TEST_F(ready, epoll_by_level)
{
	struct epoll_event ev = { .events = EPOLLIN };
	u32 got;
	int i;

	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_ADD, self->fd, &ev));
	EXPECT_EQ(0, wait_ready(self->ep, &got, 0));
	ASSERT_TRUE(put(self->pub));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, wait_ready(self->ep, &got, LIB_HANG_MS));
		EXPECT_EQ((u32)EPOLLIN, got);
	}
	ASSERT_TRUE(take(self->fd, variant->type));
	EXPECT_EQ(0, wait_ready(self->ep, &got, 0));
}

/* One event for what is new, none for what is still there. */
TEST_F(ready, epoll_by_edge)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	u32 got;
	int i;

	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_ADD, self->fd, &ev));
	EXPECT_EQ(0, wait_ready(self->ep, &got, 0));
	ASSERT_TRUE(put(self->pub));
	EXPECT_EQ(1, wait_ready(self->ep, &got, LIB_HANG_MS));
	EXPECT_EQ(0, wait_ready(self->ep, &got, 0));
	ASSERT_TRUE(take(self->fd, variant->type));
	EXPECT_FALSE(take(self->fd, variant->type));
	/* Read until there was nothing: the next message is an edge. */
	for (i = 0; i < 100; i++) {
		ASSERT_TRUE(put(self->pub));
		ASSERT_EQ(1, wait_ready(self->ep, &got, LIB_HANG_MS));
		EXPECT_EQ((u32)EPOLLIN, got);
		while (take(self->fd, variant->type))
			;
	}
	EXPECT_EQ(0, wait_ready(self->ep, &got, 0));
}

/*
 * A reader by edge against a publisher in another process: no wake-up gets
 * lost, however the two meet.
 */
TEST_F(ready, epoll_by_edge_race)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	const int rounds = lib_rounds(5000);
	int seen = 0, status;
	u32 got;
	pid_t pid;

	ASSERT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_MESSAGES, 10000));
	ASSERT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_BYTES, 64 << 20));
	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_ADD, self->fd, &ev));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (seen = 0; seen < rounds; seen++)
			if (!put(self->pub))
				_exit(1);
		_exit(0);
	}
	while (seen < rounds) {
		ASSERT_EQ(1, wait_ready(self->ep, &got, LIB_HANG_MS)) {
			TH_LOG("after %d messages", seen);
		}
		while (take(self->fd, variant->type))
			seen++;
	}
	EXPECT_EQ(rounds, seen);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(ready, epoll_one_shot)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT };
	u32 got;

	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_ADD, self->fd, &ev));
	ASSERT_TRUE(put(self->pub));
	EXPECT_EQ(1, wait_ready(self->ep, &got, LIB_HANG_MS));
	EXPECT_EQ(0, wait_ready(self->ep, &got, 0));
	/* Armed again, it finds what is still there. */
	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_MOD, self->fd, &ev));
	EXPECT_EQ(1, wait_ready(self->ep, &got, LIB_HANG_MS));
}

/* Two epolls watch one socket: both hear of it. */
TEST_F(ready, two_watchers)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int other = epoll_create1(EPOLL_CLOEXEC);
	u32 got;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_ADD, self->fd, &ev));
	ASSERT_EQ(0, epoll_ctl(other, EPOLL_CTL_ADD, self->fd, &ev));
	ASSERT_TRUE(put(self->pub));
	EXPECT_EQ(1, wait_ready(self->ep, &got, LIB_HANG_MS));
	EXPECT_EQ(1, wait_ready(other, &got, LIB_HANG_MS));
	close(other);
}

/* Waits once, and leaves what came to somebody else. */
static pid_t wait_alone(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	pid_t pid = fork();
	u32 got;
	int ep;

	if (pid)
		return pid;
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		_exit(2);
	_exit(wait_ready(ep, &got, LIB_HANG_MS) != 1);
}

/* Who is woken alone may not read: the next message wakes another one. */
TEST_F(ready, exclusive_watchers)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int round, i, status;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < 3; i++)
			ASSERT_LE(0, wait_alone(self->fd));
		nanosleep(&pause, NULL);
		for (i = 0; i < 3; i++) {
			ASSERT_TRUE(put(self->pub));
			ASSERT_LE(0, waitpid(-1, &status, 0));
			ASSERT_EQ(0, status);
		}
		for (i = 0; i < 3; i++)
			ASSERT_TRUE(take(self->fd, variant->type));
	}
}

/* Who asks for a signal need not have looked before. */
TEST_F(ready, signal_for_each_message)
{
	const struct timespec limit = { .tv_sec = LIB_HANG_MS / 1000 };
	sigset_t set;
	int i;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(put(self->pub));
		ASSERT_EQ(SIGIO, sigtimedwait(&set, NULL, &limit));
		ASSERT_TRUE(take(self->fd, variant->type));
		EXPECT_FALSE(take(self->fd, variant->type));
	}
}

TEST_F(ready, end_is_readable)
{
	EXPECT_EQ(0, events(self->fd, POLLIN | POLLRDHUP, 0));
	ASSERT_EQ(0, shutdown(self->fd, SHUT_RD));
	EXPECT_EQ(POLLIN | POLLRDHUP,
		  events(self->fd, POLLIN | POLLRDHUP, LIB_HANG_MS));
	ASSERT_EQ(0, shutdown(self->fd, SHUT_WR));
	EXPECT_EQ(POLLHUP, events(self->fd, 0, LIB_HANG_MS) & POLLHUP);
}

/* Closing while somebody waits does not wake a stranger, and frees all. */
TEST_F(ready, closed_while_watched)
{
	struct epoll_event ev = { .events = EPOLLIN };
	u32 got;

	ASSERT_EQ(0, epoll_ctl(self->ep, EPOLL_CTL_ADD, self->fd, &ev));
	close(self->fd);
	self->fd = -1;
	ASSERT_TRUE(put(self->pub));
	EXPECT_EQ(0, wait_ready(self->ep, &got, 0));
}

TEST_HARNESS_MAIN
