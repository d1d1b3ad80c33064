// SPDX-License-Identifier: GPL-2.0
/*
 * The lanes of workers: what goes through them arrives once and in order, is
 * what it would be without, and is accounted for.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "workers.h"

/* By a worker, and that one; the others by their publisher's call. */
TEST_F(workers, delivery)
{
	long long zero = lib_worker_get(0, BLIPMQ_A_WORKER_MESSAGES);
	long long one = lib_worker_get(1, BLIPMQ_A_WORKER_MESSAGES);
	u32 i;

	ASSERT_LE(0, zero);
	ASSERT_LE(0, one);
	EXPECT_EQ(-ENODATA, lib_lane_of("w.direct"));
	EXPECT_EQ(-ENODATA, lib_lane_of("else"));
	EXPECT_EQ(0, lib_lane_of("w.zero"));
	EXPECT_EQ(1, lib_lane_of("w.one"));
	for (i = 0; i < TOPICS; i++)
		ASSERT_TRUE(reader_subscribe(&self->r, topics[i], NULL));
	for (i = 0; i < 100; i++)
		put_number(&self->pub, "w.zero", i);
	ASSERT_TRUE(lib_send(&self->pub));
	for (i = 0; i < 100; i++)
		EXPECT_TRUE(reader_expect_u32(&self->r, "w.zero", i));
	for (i = 0; i < 50; i++)
		EXPECT_TRUE(send_number(self->packet, "w.one", i));
	for (i = 0; i < 50; i++)
		EXPECT_TRUE(reader_expect_u32(&self->r, "w.one", i));
	EXPECT_TRUE(send_number(self->packet, "w.direct", 7));
	EXPECT_TRUE(reader_expect_u32(&self->r, "w.direct", 7));
	EXPECT_TRUE(lib_worker_wait(0, BLIPMQ_A_WORKER_MESSAGES, zero + 100));
	EXPECT_TRUE(lib_worker_wait(1, BLIPMQ_A_WORKER_MESSAGES, one + 50));
	EXPECT_EQ(0, lib_worker_get(0, BLIPMQ_A_WORKER_RING_DEPTH));
}

/* In one write, and in calls of their own. */
TEST_F(workers, order_across_lanes)
{
	const u32 n = 600;
	u32 i;

	ASSERT_TRUE(reader_subscribe(&self->r, "w.*", NULL));
	for (i = 0; i < n; i++)
		put_number(&self->pub, topics[(i / 5 + i % 2) % TOPICS], i);
	ASSERT_TRUE(lib_send(&self->pub));
	for (i = 0; i < n; i++)
		ASSERT_TRUE(reader_expect_u32(&self->r,
					      topics[(i / 5 + i % 2) % TOPICS],
					      i));
	for (i = 0; i < n; i++)
		ASSERT_TRUE(send_number(self->packet, topics[i % TOPICS], i));
	for (i = 0; i < n; i++)
		ASSERT_TRUE(reader_expect_u32(&self->r, topics[i % TOPICS], i));
}

/* What comes before a SUB is not for it, what comes before an UNSUB is. */
TEST_F(workers, control_waits)
{
	u32 i, k;

	for (k = 0; k < 20; k++) {
		for (i = 0; i < 40; i++)
			put_number(&self->pub, "w.zero", i);
		ASSERT_TRUE(lib_send(&self->pub));
		ASSERT_TRUE(lib_subscribe(&self->pub, "w.zero"));
		put_number(&self->pub, "w.zero", 99);
		put_number(&self->pub, "w.one", 100);
		lib_put(&self->pub, BLIPMQ_OP_UNSUB, 0, "w.zero", NULL, 0);
		put_number(&self->pub, "w.zero", 101);
		ASSERT_TRUE(lib_send(&self->pub));
		EXPECT_TRUE(lib_expect_msg(&self->pub, "w.zero",
					   &(u32){ 99 }, 4, NULL));
	}
	for (k = 0; k < 20; k++) {
		for (i = 0; i < 40; i++)
			ASSERT_TRUE(send_number(self->packet, "w.one", i));
		ASSERT_EQ(0, lib_subscription(self->packet, BLIPMQ_SUBSCRIBE,
					      "w.one", NULL));
		ASSERT_TRUE(send_number(self->packet, "w.one", k));
		ASSERT_EQ(0, lib_subscription(self->packet, BLIPMQ_UNSUBSCRIBE,
					      "w.one", NULL));
		ASSERT_EQ(4, recv(self->packet, &i, 4, MSG_DONTWAIT));
		EXPECT_EQ(k, i);
		EXPECT_EQ(-1, recv(self->packet, &i, 4, MSG_DONTWAIT));
	}
	/* The end of the stream, too. */
	ASSERT_TRUE(lib_subscribe(&self->pub, "w.zero"));
	put_number(&self->pub, "w.zero", 5);
	lib_put(&self->pub, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
	ASSERT_TRUE(lib_send(&self->pub));
	EXPECT_TRUE(lib_expect_msg(&self->pub, "w.zero", &(u32){ 5 }, 4, NULL));
	EXPECT_TRUE(lib_expect_eof(&self->pub));
}

TEST_F(workers, shutdown_waits)
{
	ASSERT_TRUE(lib_subscribe(&self->pub, "w.zero"));
	put_number(&self->pub, "w.zero", 6);
	ASSERT_TRUE(lib_send(&self->pub));
	ASSERT_EQ(0, shutdown(self->pub.fd, SHUT_WR));
	EXPECT_TRUE(lib_expect_msg(&self->pub, "w.zero", &(u32){ 6 }, 4, NULL));
	EXPECT_TRUE(lib_expect_eof(&self->pub));
}

/* Values are kept when a worker has handed them out. */
TEST_F(workers, retained)
{
	struct reader late;

	ASSERT_TRUE(reader_subscribe(&self->r, "w.zero", NULL));
	ASSERT_EQ(3, lib_retain(self->packet, "w.zero", "old", 3));
	ASSERT_EQ(3, lib_retain(self->packet, "w.zero", "new", 3));
	EXPECT_TRUE(reader_expect(&self->r, "w.zero", "old", 3));
	EXPECT_TRUE(reader_expect(&self->r, "w.zero", "new", 3));
	/* The reader may have it a moment before it is retained. */
	ASSERT_EQ(0, lib_subscription(self->packet, BLIPMQ_UNSUBSCRIBE, "w.no",
				      NULL) + ENOENT);
	ASSERT_TRUE(reader_open(&late, variant->way));
	ASSERT_TRUE(reader_subscribe(&late, "w.>", NULL));
	EXPECT_TRUE(reader_expect(&late, "w.zero", "new", 3));
	reader_close(&late);
	ASSERT_LE(0, lib_retain(self->packet, "w.zero", "", 0));
	EXPECT_TRUE(reader_expect(&self->r, "w.zero", "", 0));
}

TEST_F(workers, groups_and_patterns)
{
	struct reader other;
	int got[2];
	u32 i;

	ASSERT_TRUE(reader_open(&other, variant->way));
	ASSERT_TRUE(reader_subscribe(&self->r, "w.>", "team"));
	ASSERT_TRUE(reader_subscribe(&other, "w.>", "team"));
	for (i = 0; i < 64; i++)
		put_number(&self->pub, topics[i % TOPICS], i);
	ASSERT_TRUE(lib_send(&self->pub));
	ASSERT_TRUE(lanes_end());
	got[0] = reader_count(&self->r);
	got[1] = reader_count(&other);
	EXPECT_EQ(64, got[0] + got[1]);
	EXPECT_LT(0, got[0]);
	EXPECT_LT(0, got[1]);
	reader_close(&other);
	ASSERT_TRUE(lanes_begin());
}

/* What was published by who is gone arrives. */
TEST_F(workers, closed_in_flight)
{
	struct lib_peer gone;
	u32 i, k;

	ASSERT_TRUE(reader_subscribe(&self->r, "w.one", NULL));
	for (k = 0; k < 20; k++) {
		ASSERT_LE(0, lib_open(&gone, LIB_LOCAL));
		for (i = 0; i < 100; i++)
			put_number(&gone, "w.one", i);
		ASSERT_TRUE(lib_send(&gone));
		lib_close(&gone);
		for (i = 0; i < 100; i++)
			ASSERT_TRUE(reader_expect_u32(&self->r, "w.one", i));
	}
}

TEST_F(workers, killed_in_flight)
{
	u32 *sent, i, k, n;
	pid_t pid;
	int fd;

	sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, sent);
	ASSERT_TRUE(reader_subscribe(&self->r, "w.one", NULL));
	for (k = 0; k < 10; k++) {
		*sent = 0;
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			fd = lib_packet();
			for (i = 0; fd >= 0 && i < 60000; i++) {
				if (!send_number(fd, "w.one", i))
					break;
				__atomic_store_n(sent, i + 1, __ATOMIC_SEQ_CST);
			}
			_exit(0);
		}
		while (__atomic_load_n(sent, __ATOMIC_SEQ_CST) < 50)
			usleep(200);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		n = __atomic_load_n(sent, __ATOMIC_SEQ_CST);
		for (i = 0; i < n; i++)
			ASSERT_TRUE(reader_expect_u32(&self->r, "w.one", i));
		/* One more may have been under way, and then its publisher. */
		ASSERT_TRUE(lib_status_wait("sockets",
					    2 + (self->r.fd >= 0)));
		ASSERT_TRUE(send_number(self->packet, "w.one", 12345));
		while (i == n) {
			char topic[256];
			u8 bytes[4];

			ASSERT_EQ(4, reader_next(&self->r, topic, bytes, 4));
			if (blipmq_get_le32(bytes) == 12345)
				break;
			ASSERT_EQ(n, blipmq_get_le32(bytes));
			i++;
		}
		if (i > n)
			ASSERT_TRUE(reader_expect_u32(&self->r, "w.one", 12345));
	}
	munmap(sent, 4096);
}

/* Nobody subscribes: that is counted, by whoever finds out. */
TEST_F(workers, unrouted)
{
	struct blipmq_socket_stats s;
	u32 i;

	for (i = 0; i < 10; i++)
		ASSERT_TRUE(send_number(self->packet, "w.one", i));
	ASSERT_TRUE(lanes_end());
	ASSERT_TRUE(lib_stats(self->packet, &s));
	EXPECT_EQ(10, s.published);
	EXPECT_EQ(10, s.unrouted);
	ASSERT_TRUE(lanes_begin());
}

TEST_HARNESS_MAIN
