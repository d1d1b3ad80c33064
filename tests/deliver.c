// SPDX-License-Identifier: GPL-2.0
/*
 * Fan-outs of a worker that are so large that other CPUs help: every subscriber
 * gets everything once and in order, also while neighbours come and go.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "lib.h"

/* Several times what one helper is called for. */
#define READERS		800
#define BUNDLE		2
#define FRAMES		64
#define ROUNDS_MOST	1000
/* Bundles with which others have to have helped. */
#define SHARED		lib_rounds_long(60, 150)

FIXTURE(deliver) {
	int		readers[READERS];
	u32		next[READERS];
	struct lib_peer	pub;
};

/* Where its number says, as it was before somebody chose. */
static int worker_anywhere(void)
{
	const struct lib_attr attrs[] = {
		{ BLIPMQ_A_WORKER_NUMBER, NULL, 0 },
		{ BLIPMQ_A_WORKER_AUTOMATIC, "", 0 },
	};

	return (int)lib_request(BLIPMQ_CMD_WORKER_SET, attrs, 2, 0);
}

FIXTURE_SETUP(deliver)
{
	const struct rlimit files = { 4096, 4096 };
	int i;

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, lib_worker_count(1));
	ASSERT_EQ(0, worker_anywhere());
	ASSERT_EQ(0, lib_lane_set(NULL, BLIPMQ_LANE_MODE_WORKER, -1));
	for (i = 0; i < READERS; i++) {
		self->readers[i] = lib_packet();
		ASSERT_LE(0, self->readers[i]);
		ASSERT_EQ(0, lib_subscription(self->readers[i],
					      BLIPMQ_SUBSCRIBE, "f.d", NULL));
	}
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
}

FIXTURE_TEARDOWN(deliver)
{
	int i;

	lib_close(&self->pub);
	for (i = 0; i < READERS; i++)
		close(self->readers[i]);
	EXPECT_EQ(0, lib_lanes_direct());
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	EXPECT_TRUE(lib_status_law());
}

/* Bundles that follow each other at once, as those that overtake would. */
static bool publish(struct lib_peer *pub, u32 first)
{
	u8 payload[4];
	u32 i;

	for (i = 1; i <= FRAMES; i++, first++) {
		blipmq_put_le32(payload, first);
		lib_put_pub(pub, 0, "f.d", 0, payload, sizeof(payload));
		if (i % BUNDLE == 0 && !lib_send(pub))
			return false;
	}
	return lib_status_wait("in-flight", 0);
}

/* Everything up to @end, in order. */
static bool read_all(int fd, u32 *next, u32 end)
{
	u8 payload[8];

	while (*next < end) {
		if (recv(fd, payload, sizeof(payload), MSG_DONTWAIT) != 4 ||
		    blipmq_get_le32(payload) != *next) {
			lib_say("no message %u, or another one", *next);
			return false;
		}
		++*next;
	}
	if (recv(fd, payload, sizeof(payload), MSG_DONTWAIT) != -1 ||
	    errno != EAGAIN) {
		lib_say("more than %u messages", end);
		return false;
	}
	return true;
}

static long long shared(void)
{
	return lib_worker_get(0, BLIPMQ_A_WORKER_SHARED);
}

/* Publish until others have helped with many bundles. */
static void until_shared(struct __test_metadata *_metadata,
			 FIXTURE_DATA(deliver) *self)
{
	long long before = shared();
	u32 sent = self->next[0], i, n;

	ASSERT_LE(0, before);
	for (n = 0; n < ROUNDS_MOST && shared() < before + SHARED; n++) {
		ASSERT_TRUE(publish(&self->pub, sent));
		sent += FRAMES;
		for (i = 0; i < READERS; i++)
			ASSERT_TRUE(read_all(self->readers[i], &self->next[i],
					     sent));
	}
	EXPECT_LE(before + SHARED, shared());
}

TEST_F_TIMEOUT(deliver, in_order_and_once, 300)
{
	until_shared(_metadata, self);
	EXPECT_EQ(READERS * (long long)self->next[0],
		  lib_status_of("totals.delivered"));
	EXPECT_EQ(READERS * (long long)self->next[0],
		  lib_status_of("totals.matched"));
}

/* Comes and goes all the time, into the slots that others have left. */
static void *guest(void *arg)
{
	const bool *ends = arg;
	int fds[64], i;

	while (!__atomic_load_n(ends, __ATOMIC_RELAXED)) {
		for (i = 0; i < 64; i++) {
			fds[i] = lib_packet();
			if (fds[i] < 0 ||
			    lib_subscription(fds[i], BLIPMQ_SUBSCRIBE, "f.d",
					     NULL))
				return (void *)1;
		}
		for (i = 0; i < 64; i++)
			close(fds[i]);
	}
	return NULL;
}

TEST_F_TIMEOUT(deliver, while_others_come_and_go, 300)
{
	pthread_t thread;
	bool ends = false;
	void *failed;

	ASSERT_EQ(0, pthread_create(&thread, NULL, guest, &ends));
	until_shared(_metadata, self);
	__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
}

/* What is published now is the worker's alone. */
static void not_shared(struct __test_metadata *_metadata,
		       FIXTURE_DATA(deliver) *self)
{
	long long before = shared();
	u32 end = self->next[0] + lib_rounds_long(8, 16) * FRAMES;
	int i;

	while (self->next[0] < end) {
		ASSERT_TRUE(publish(&self->pub, self->next[0]));
		for (i = READERS; i--;)
			ASSERT_TRUE(read_all(self->readers[i], &self->next[i],
					     self->next[0] + FRAMES));
	}
	EXPECT_EQ(before, shared());
}

TEST_F_TIMEOUT(deliver, not_where_somebody_chose_the_cpu, 300)
{
	ASSERT_EQ(0, lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 0));
	not_shared(_metadata, self);
	ASSERT_EQ(0, worker_anywhere());
	until_shared(_metadata, self);
}

TEST_F_TIMEOUT(deliver, not_beside_realtime_workers, 300)
{
	ASSERT_EQ(0, lib_worker_count(2));
	ASSERT_EQ(0, lib_lane_set(NULL, BLIPMQ_LANE_MODE_WORKER, 0));
	ASSERT_EQ(0, lib_worker_set(1, BLIPMQ_A_WORKER_CLASS,
				    BLIPMQ_WORKER_CLASS_FIFO));
	not_shared(_metadata, self);
	/* It takes its class with it. */
	ASSERT_EQ(0, lib_worker_count(1));
	until_shared(_metadata, self);
}

/* In the publisher's own lane nobody helps. */
TEST_F(deliver, not_without_a_worker)
{
	long long before = shared();
	u32 sent = 0, i;

	ASSERT_EQ(0, lib_lanes_direct());
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(publish(&self->pub, sent));
		sent += FRAMES;
	}
	for (i = 0; i < READERS; i++)
		ASSERT_TRUE(read_all(self->readers[i], &self->next[i], sent));
	EXPECT_EQ(before, shared());
}

TEST_HARNESS_MAIN
