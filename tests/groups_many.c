// SPDX-License-Identifier: GPL-2.0
/*
 * Queue groups under fire: members that are killed while messages flow, groups
 * of very many, and many publishers. Every message is with one member, read,
 * queued or counted as lost.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

FIXTURE(many) {
	long long matched;
	long long published;
	long long unrouted;
};

FIXTURE_SETUP(many)
{
	self->matched = lib_status_of("totals.matched");
	self->published = lib_status_of("totals.published");
	self->unrouted = lib_status_of("totals.unrouted");
}

FIXTURE_TEARDOWN(many)
{
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	EXPECT_TRUE(lib_status_law());
}

static int join(const char *pattern, const char *group)
{
	int fd = lib_packet();
	int ret = lib_subscription(fd, BLIPMQ_SUBSCRIBE, pattern, group);

	if (ret)
		lib_say("%s of %s: %s", group, pattern, strerror(-ret));
	return ret ? -1 : fd;
}

/* How many victims have come; all processes count in it. */
static long *came;

/* Comes, reads a little, and is killed. */
static pid_t victim(const char *pattern)
{
	pid_t pid = fork();
	char c[64];
	int fd;

	if (pid)
		return pid;
	fd = join(pattern, "g");
	if (fd >= 0)
		__atomic_add_fetch(came, 1, __ATOMIC_RELAXED);
	while (fd >= 0)
		if (recv(fd, c, sizeof(c), 0) < 0)
			break;
	_exit(1);
}

static int enough;

static void *kill_them(void *arg)
{
	pid_t pid[4];
	long killed = 0;
	int i;

	(void)arg;
	for (i = 0; i < 4; i++)
		pid[i] = victim(i % 2 ? "gm.*" : "gm.a");
	while (!__atomic_load_n(&enough, __ATOMIC_ACQUIRE)) {
		for (i = 0; i < 4; i++) {
			usleep(3000);
			kill(pid[i], SIGKILL);
			waitpid(pid[i], NULL, 0);
			pid[i] = victim(i % 2 ? "gm.*" : "gm.a");
			killed++;
		}
	}
	for (i = 0; i < 4; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	return (void *)killed;
}

/* With one that stays in each of two groups, each message is matched twice. */
TEST_F(many, killed)
{
	int a = join("gm.a", "g"), b = join("gm.*", "g");
	long long matched, rounds = 1500, n = 0;
	struct lib_peer pub;
	pthread_t thread;
	void *killed;
	char c[64];
	int i, k;

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	came = mmap(NULL, sizeof(*came), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, came);
	ASSERT_EQ(0, pthread_create(&thread, NULL, kill_them, NULL));
	for (i = 0; i < rounds; i++) {
		for (k = 0; k < 1 + i % 40; k++, n++)
			lib_put_pub(&pub, 0, "gm.a", 0, "message", 7);
		ASSERT_TRUE(lib_sync(&pub));
		/* At times those who stay are full. */
		if (i % 200 > 100)
			continue;
		while (recv(a, c, sizeof(c), MSG_DONTWAIT) > 0)
			;
		while (recv(b, c, sizeof(c), MSG_DONTWAIT) > 0)
			;
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, &killed));
	EXPECT_LT(0, (long)killed);
	EXPECT_LT(0, *came);
	close(a);
	close(b);
	lib_close(&pub);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	matched = lib_status_of("totals.matched") - self->matched;
	EXPECT_EQ(n, lib_status_of("totals.published") - self->published);
	EXPECT_EQ(self->unrouted, lib_status_of("totals.unrouted"));
	EXPECT_EQ(2 * n, matched);
}

/* Those who stay, so that a bundle is on its way for a while. */
#define STAY	40

static void *come_and_go(void *arg)
{
	long *gone = arg;
	int fd;

	while (!__atomic_load_n(&enough, __ATOMIC_ACQUIRE)) {
		fd = join("gm.a", "g");
		if (fd < 0)
			break;
		++*gone;
		close(fd);
	}
	return NULL;
}

/*
 * A member that closes when it was chosen already: what it does not take goes to
 * another one.
 */
TEST_F(many, closing)
{
	long long matched, n = 0;
	struct lib_peer pub;
	pthread_t thread[2];
	long gone[2] = { 0 };
	int fds[STAY], i, k;
	char c[64];

	for (i = 0; i < STAY; i++) {
		fds[i] = join("gm.a", "g");
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	__atomic_store_n(&enough, 0, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, come_and_go,
					    &gone[i]));
	for (i = 0; i < 2000; i++) {
		for (k = 0; k < 64; k++, n++)
			lib_put_pub(&pub, 0, "gm.a", 0, "message", 7);
		ASSERT_TRUE(lib_send(&pub));
		for (k = 0; i % 64 == 63 && k < STAY; k++)
			while (recv(fds[k], c, sizeof(c), MSG_DONTWAIT) > 0)
				;
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
		EXPECT_LT(100, gone[i]);
	}
	for (i = 0; i < STAY; i++)
		close(fds[i]);
	lib_close(&pub);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	matched = lib_status_of("totals.matched") - self->matched;
	EXPECT_EQ(n, lib_status_of("totals.published") - self->published);
	EXPECT_EQ(self->unrouted, lib_status_of("totals.unrouted"));
	EXPECT_EQ(n, matched);
}

#define MEMBERS	1000

/* More members than a bundle has frames. */
TEST_F(many, members)
{
	struct rlimit files = { 2 * MEMBERS, 2 * MEMBERS };
	struct lib_peer pub;
	int fds[MEMBERS], i, k;
	char c[8];

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	for (i = 0; i < MEMBERS; i++) {
		fds[i] = join("gm.*", "g");
		ASSERT_LE(0, fds[i]);
	}
	for (i = 0; i < 3 * MEMBERS; i++)
		lib_put_pub(&pub, 0, i % 5 ? "gm.a" : "gm.b", 0, "m", 1);
	ASSERT_TRUE(lib_sync(&pub));
	for (i = 0; i < MEMBERS; i++) {
		for (k = 0; k < 3; k++)
			ASSERT_EQ(1, recv(fds[i], c, 8, MSG_DONTWAIT));
		ASSERT_EQ(-1, recv(fds[i], c, 8, MSG_DONTWAIT));
	}
	/* Holes are passed over. */
	for (i = 0; i < MEMBERS; i++)
		if (i % 10)
			close(fds[i]);
	for (i = 0; i < MEMBERS; i++)
		lib_put_pub(&pub, 0, "gm.a", 0, "m", 1);
	ASSERT_TRUE(lib_sync(&pub));
	for (i = 0; i < MEMBERS; i += 10) {
		for (k = 0; k < 10; k++)
			ASSERT_EQ(1, recv(fds[i], c, 8, MSG_DONTWAIT));
		ASSERT_EQ(-1, recv(fds[i], c, 8, MSG_DONTWAIT));
		close(fds[i]);
	}
	lib_close(&pub);
}

#define EACH	3000

static void *publish(void *arg)
{
	int fd = lib_packet(), i;

	(void)arg;
	for (i = 0; i < EACH; i++)
		if (lib_sendto(fd, "gm.a", "message", 7) != 7)
			break;
	close(fd);
	return (void *)(long)i;
}

/* Publishers at the same time: even all the same, and nobody over his limit. */
TEST_F(many, publishers)
{
	pthread_t thread[3];
	int fds[3], i;
	void *made;

	for (i = 0; i < 3; i++) {
		fds[i] = join("gm.a", "g");
		ASSERT_LE(0, fds[i]);
		ASSERT_TRUE(lib_set_u32(fds[i], BLIPMQ_QUEUE_MESSAGES,
					EACH));
		ASSERT_TRUE(lib_set_u32(fds[i], BLIPMQ_QUEUE_BYTES,
					200 << 20));
	}
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, publish, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], &made));
		EXPECT_EQ(EACH, (long)made);
	}
	/* All are full to the last message, and none was lost. */
	for (i = 0; i < 3; i++) {
		struct blipmq_socket_stats s;

		ASSERT_TRUE(lib_stats(fds[i], &s));
		EXPECT_EQ(EACH, s.matched);
		EXPECT_EQ(EACH, s.queued_messages);
		close(fds[i]);
	}
}

TEST_HARNESS_MAIN
