// SPDX-License-Identifier: GPL-2.0
/*
 * Patterns and very many: subscribers that overlap, topics beyond the limit,
 * patterns that come and go under fire.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define MANY	1300
#define FRAMES	20

/* Tokens, and the logarithm of how many patterns of so many there are. */
#define DEEP	11

static bool on(int fd, const char *pattern)
{
	int ret = lib_subscription(fd, BLIPMQ_SUBSCRIBE, pattern, NULL);

	if (ret)
		lib_say("subscribe to %s: %s", pattern, strerror(-ret));
	return !ret;
}

static bool got(int fd, u32 number)
{
	struct lib_message m;
	u8 payload[4] = "";

	if (lib_recvmsg(fd, &m, payload, sizeof(payload), MSG_DONTWAIT) == 4 &&
	    blipmq_get_le32(payload) == number)
		return true;
	lib_say("expected message %u, got %zd bytes: %u of %s", number, m.len,
		blipmq_get_le32(payload), m.topic);
	return false;
}

static bool nothing(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) == -1;
}

FIXTURE(many) {
	int pub;
};

FIXTURE_SETUP(many)
{
	self->pub = lib_packet();
}

FIXTURE_TEARDOWN(many)
{
	close(self->pub);
}

/* More legs than are gathered at once, all of them on several patterns. */
TEST_F(many, overlap)
{
	struct rlimit files = { 2 * MANY, 2 * MANY };
	static const char * const patterns[] = { "pm.*", "pm.a", "pm.>" };
	struct lib_peer pub;
	int fds[MANY];
	u8 payload[4];
	u32 i, s;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	for (s = 0; s < MANY; s++) {
		fds[s] = lib_packet();
		ASSERT_LE(0, fds[s]);
		for (i = 0; i < 3; i++)
			if (s % 3 != i)
				ASSERT_TRUE(on(fds[s], patterns[i]));
	}
	/* One topic, then two in a write. */
	for (i = 0; i < 2 * FRAMES; i++) {
		blipmq_put_le32(payload, i);
		lib_put_pub(&pub, 0, i < FRAMES || i % 2 ? "pm.a" : "pm.b", 0,
			    payload, 4);
		if (i == FRAMES - 1)
			ASSERT_TRUE(lib_sync(&pub));
	}
	ASSERT_TRUE(lib_sync(&pub));
	for (s = 0; s < MANY; s++) {
		for (i = 0; i < 2 * FRAMES; i++)
			ASSERT_TRUE(got(fds[s], i));
		EXPECT_TRUE(nothing(fds[s]));
		close(fds[s]);
	}
	lib_close(&pub);
	EXPECT_TRUE(lib_status_law());
}

/* Where no topic can be remembered any more, its messages arrive all the same. */
TEST_F(many, topics_limit)
{
	long long topics = lib_status_of("limits.topics");
	long long each = lib_status_of("limits.subscriptions");
	struct lib_peer pub;
	char topic[32];
	int full, a, b, c, fd = -1;
	u8 payload[4];
	long long i;
	u32 n;

	/* A namespace of its own, which goes with all that. */
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, lib_limit_set("limits.user-topics",
				   (unsigned long long)topics + 1));
	for (i = 0; i < topics; i++) {
		if (i % each == 0)
			fd = lib_packet();
		snprintf(topic, sizeof(topic), "pl.%lld", i);
		ASSERT_TRUE(on(fd, topic));
	}
	full = lib_packet();
	EXPECT_EQ(-ENOBUFS, lib_subscription(full, BLIPMQ_SUBSCRIBE, "pl.more",
					     NULL));
	a = lib_packet();
	b = lib_packet();
	ASSERT_TRUE(on(a, "px.*"));
	ASSERT_TRUE(on(a, "px.>"));
	ASSERT_TRUE(on(b, "px.>"));
	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	for (n = 0; n < 100; n++) {
		blipmq_put_le32(payload, n);
		snprintf(topic, sizeof(topic), "px.%u", n % 7);
		ASSERT_EQ(4, lib_sendto(full, topic, payload, 4));
		snprintf(topic, sizeof(topic), "py.%u", n % 7);
		ASSERT_EQ(4, lib_sendto(full, topic, payload, 4));
	}
	for (; n < 200; n++) {
		blipmq_put_le32(payload, n);
		snprintf(topic, sizeof(topic), "px.%u", n % 7);
		lib_put_pub(&pub, 0, topic, 0, payload, 4);
	}
	ASSERT_TRUE(lib_sync(&pub));
	for (n = 0; n < 200; n++) {
		ASSERT_TRUE(got(a, n));
		ASSERT_TRUE(got(b, n));
	}
	EXPECT_TRUE(nothing(a));
	EXPECT_TRUE(nothing(b));
	/* Who may hold publishers up does that. */
	c = lib_packet();
	ASSERT_TRUE(lib_set_u32(c, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_TRUE(lib_set_u32(c, BLIPMQ_QUEUE_MESSAGES, 2));
	ASSERT_TRUE(on(c, "pz.>"));
	ASSERT_EQ(0, fcntl(full, F_SETFL, O_NONBLOCK));
	for (n = 0; n < 50; n++) {
		blipmq_put_le32(payload, n);
		snprintf(topic, sizeof(topic), "pz.%u", n % 7);
		ASSERT_EQ(4, lib_sendto(full, topic, payload, 4));
		if (n == 0)
			continue;
		ASSERT_EQ(-EAGAIN, lib_sendto(full, topic, payload, 4));
		ASSERT_TRUE(got(c, n - 1));
	}
	ASSERT_TRUE(got(c, n - 1));
	EXPECT_TRUE(nothing(c));
	EXPECT_EQ(topics, lib_status_of("topics"));
	EXPECT_EQ(100, lib_status_of("totals.unrouted"));
	EXPECT_TRUE(lib_status_law());
	lib_close(&pub);
}

/*
 * Patterns that lead far and match nothing: to look at them all for each topic of a
 * write takes too long without a pause, and is done in another way.
 */
TEST_F(many, tokens_of_many_patterns)
{
	int far = lib_packet(), near = lib_packet();
	char pattern[64], topic[64];
	struct lib_peer pub;
	u8 payload[4];
	u32 i, n;

	for (n = 0; n < 1U << DEEP; n++) {
		strcpy(pattern, "pt");
		for (i = 0; i < DEEP; i++)
			strcat(pattern, n >> i & 1 ? ".a" : ".*");
		strcat(pattern, ".far");
		ASSERT_TRUE(on(far, pattern));
	}
	ASSERT_TRUE(on(near, "pt.>"));
	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	for (n = 0; n < 2 * 192; n++) {
		/* What was found may be so no more: all is looked at again. */
		if (n == 192) {
			ASSERT_TRUE(lib_sync(&pub));
			ASSERT_TRUE(on(near, "pt.other"));
		}
		strcpy(topic, "pt");
		for (i = 0; i < DEEP; i++)
			strcat(topic, ".a");
		/* The first and the last of each half are for both. */
		if (n % 192 % 191)
			snprintf(topic + strlen(topic), 16, ".n%u", n % 192);
		else
			strcat(topic, ".far");
		blipmq_put_le32(payload, n);
		lib_put_pub(&pub, 0, topic, 0, payload, 4);
		lib_put_pub(&pub, 0, "pn.x", 0, payload, 4);
	}
	ASSERT_TRUE(lib_sync(&pub));
	for (n = 0; n < 2 * 192; n++) {
		ASSERT_TRUE(got(near, n));
		if (n % 192 % 191 == 0)
			ASSERT_TRUE(got(far, n));
	}
	EXPECT_TRUE(nothing(near));
	EXPECT_TRUE(nothing(far));
	EXPECT_TRUE(lib_status_law());
	close(far);
	close(near);
	lib_close(&pub);
}

static int stop;

static void *churn(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;
	char pattern[64];
	int fd = lib_packet(), i;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		i = rand_r(&seed) % 40;
		snprintf(pattern, sizeof(pattern),
			 i % 3 == 0 ? "pc.%d.*" : i % 3 == 1 ? "*.%d.>" :
			 "pc.%d.x", i / 3);
		lib_subscription(fd, rand_r(&seed) % 2 ? BLIPMQ_SUBSCRIBE :
				 BLIPMQ_UNSUBSCRIBE, pattern, NULL);
		if (rand_r(&seed) % 100 == 0) {
			close(fd);
			fd = lib_packet();
		}
	}
	close(fd);
	return NULL;
}

/* Those who were there before and stay miss nothing of what others do. */
TEST_F(many, come_and_go)
{
	static const char * const patterns[] = { "pc.>", "*.*.*", ">", "pc.1.x" };
	int fds[4], i;
	pthread_t thread[2];
	char topic[32];
	u8 payload[4];
	u32 n;

	for (i = 0; i < 4; i++) {
		fds[i] = lib_packet();
		ASSERT_TRUE(on(fds[i], patterns[i]));
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, churn,
					    (void *)(long)(i + 1)));
	for (n = 0; n < 5000; n++) {
		blipmq_put_le32(payload, n);
		snprintf(topic, sizeof(topic), "pc.%u.x", n % 2);
		ASSERT_EQ(4, lib_sendto(self->pub, topic, payload, 4));
		for (i = 0; i < 3 + (int)(n % 2); i++)
			ASSERT_TRUE(got(fds[i], n));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(thread[i], NULL));
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(nothing(fds[i]));
		close(fds[i]);
	}
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	EXPECT_TRUE(lib_status_law());
}

TEST_HARNESS_MAIN
