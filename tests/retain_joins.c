// SPDX-License-Identifier: GPL-2.0
/*
 * Retained values of a topic that is published to all the time, while others
 * join: a value, then each message behind it, and nothing missing, twice or older.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"rj.a"

/* Legs that a message is pushed to behind that of who joins. */
#define CROWD	200

static bool enough;

static void *publish(void *arg)
{
	int fd = lib_packet();
	u8 payload[4];
	u32 n = 0;

	(void)arg;
	while (!__atomic_load_n(&enough, __ATOMIC_SEQ_CST)) {
		blipmq_put_le32(payload, ++n);
		lib_retain(fd, TOPIC, payload, 4);
	}
	lib_retain(fd, TOPIC, "", 0);
	close(fd);
	return NULL;
}

static int joiner(void)
{
	int fd = lib_packet();

	if (fd < 0 || !lib_set_u32(fd, BLIPMQ_INFO, BLIPMQ_INFO_RETAINED) ||
	    lib_subscription(fd, BLIPMQ_SUBSCRIBE, TOPIC, NULL))
		return -1;
	return fd;
}

/* A value, and then each number behind it: how many came, or -1. */
static int follow(int fd)
{
	struct lib_message m;
	u32 n, last = 0;
	u8 payload[4];
	int seen = 0;

	while (lib_recvmsg(fd, &m, payload, 4, seen < 3 ? 0 : MSG_DONTWAIT) ==
	       4) {
		n = blipmq_get_le32(payload);
		if (m.retained != !seen || (seen && n != last + 1)) {
			lib_say("%u%s came behind %u", n,
				m.retained ? ", retained," : "", last);
			return -1;
		}
		last = n;
		seen++;
	}
	return seen;
}

/*
 * While a message is on its way to many others it is not the value yet: who
 * joins meanwhile gets it by one of the two ways.
 */
TEST(joining_between_a_message_and_its_value)
{
	int first = joiner(), fds[CROWD], fd, i, n = 0;
	u8 payload[4] = { 0 };
	pthread_t thread;

	/* Who joins takes the place of the first. */
	ASSERT_LE(0, first);
	for (i = 0; i < CROWD; i++) {
		fds[i] = joiner();
		ASSERT_LE(0, fds[i]);
		ASSERT_TRUE(lib_set_u32(fds[i], BLIPMQ_QUEUE_MESSAGES, 1));
	}
	/* There is one for the first of them. */
	ASSERT_EQ(4, lib_retain(first, TOPIC, payload, 4));
	close(first);
	ASSERT_EQ(0, pthread_create(&thread, NULL, publish, NULL));
	for (i = 0; i < lib_rounds(800) && n >= 0; i++) {
		fd = joiner();
		ASSERT_LE(0, fd);
		n = follow(fd);
		close(fd);
	}
	EXPECT_LT(0, n);
	__atomic_store_n(&enough, true, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	for (i = 0; i < CROWD; i++)
		close(fds[i]);
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
}

TEST_HARNESS_MAIN
