// SPDX-License-Identifier: GPL-2.0
/*
 * The lanes of workers: what goes through them arrives once, in order, and is
 * accounted for, however topics and workers move; and who may move them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "reader.h"

#define DIRECT	BLIPMQ_LANE_MODE_DIRECT
#define WORKER	BLIPMQ_LANE_MODE_WORKER
#define DEFAULT	BLIPMQ_LANE_MODE_DEFAULT

/* One in each lane. */
static const char * const topics[] = { "w.direct", "w.zero", "w.one" };

#define TOPICS	(sizeof(topics) / sizeof(topics[0]))

static bool lanes_begin(void)
{
	return !lib_worker_count(2) && !lib_lane_set("w.>", WORKER, -1) &&
	       !lib_lane_set("w.direct", DIRECT, -1) &&
	       !lib_lane_set("w.zero", WORKER, 0) &&
	       !lib_lane_set("w.one", WORKER, 1);
}

/* What was in flight has arrived then. */
static bool lanes_end(void)
{
	int err = lib_lane_set("w.>", DEFAULT, -1);
	size_t i;

	for (i = 0; i < TOPICS; i++)
		err = lib_lane_set(topics[i], DEFAULT, -1) ?: err;
	return !err && !lib_lanes_direct();
}

FIXTURE(workers) {
	struct lib_peer pub;
	struct reader r;
	int packet;
};

FIXTURE_VARIANT(workers) {
	enum reader_way way;
};

FIXTURE_VARIANT_ADD(workers, stream) {
	.way = READER_STREAM,
};

FIXTURE_VARIANT_ADD(workers, tcp) {
	.way = READER_TCP,
};

FIXTURE_VARIANT_ADD(workers, packet) {
	.way = READER_PACKET,
};

FIXTURE_SETUP(workers)
{
	ASSERT_TRUE(lanes_begin());
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	self->packet = lib_packet();
	ASSERT_LE(0, self->packet);
	ASSERT_TRUE(reader_open(&self->r, variant->way));
	ASSERT_TRUE(reader_set_limits(&self->r, 1 << 16, 16 << 20));
}

FIXTURE_TEARDOWN(workers)
{
	reader_close(&self->r);
	lib_close(&self->pub);
	close(self->packet);
	EXPECT_TRUE(lanes_end());
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	EXPECT_TRUE(lib_status_law());
}

static void put_number(struct lib_peer *p, const char *topic, u32 number)
{
	u8 payload[4];

	blipmq_put_le32(payload, number);
	lib_put_pub(p, 0, topic, 0, payload, sizeof(payload));
}

static bool send_number(int fd, const char *topic, u32 number)
{
	u8 payload[4];

	blipmq_put_le32(payload, number);
	return lib_sendto(fd, topic, payload, sizeof(payload)) == 4;
}

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

/* A stream publishes numbers until it is told to stop. */
static u32 publish_until(volatile u32 *stop)
{
	struct lib_peer p = { .fd = -1 };
	u32 i = 0, k;

	if (lib_open(&p, LIB_LOCAL) < 0)
		return 0;
	while (!*stop) {
		for (k = 0; k < 16; k++, i++)
			put_number(&p, topics[i / 7 % TOPICS], i);
		if (!lib_send(&p)) {
			i = 0;
			break;
		}
		if (i % 64 == 0)
			usleep(1000);
	}
	lib_close(&p);
	return i;
}

static bool move_once(u32 dice)
{
	const char *topic = topics[dice % TOPICS];

	switch (dice / 4 % 5) {
	case 0:
		return !lib_lane_set(topic, DIRECT, -1);
	case 1:
		return !lib_lane_set(topic, WORKER, (int)(dice / 32 % 2));
	case 2:
		return !lib_lane_set(topic, WORKER, -1);
	case 3:
		return !lib_worker_count(2 + dice / 32 % 3);
	default:
		return !lib_worker_set(dice / 32 % 2, BLIPMQ_A_WORKER_CPU, 0);
	}
}

/* Nothing is lost, twice there or overtaken while all of it moves. */
TEST_F(workers, moves_under_traffic)
{
	volatile u32 *shared;
	u32 dice = 12345, next[2] = { 0 }, i, who;
	pid_t pids[2], reader;
	int status;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)shared);
	ASSERT_TRUE(reader_subscribe(&self->r, "w.*", NULL));
	/* Each has numbers of its own, and a length. */
	reader = fork();
	ASSERT_LE(0, reader);
	if (!reader) {
		char topic[256];
		u8 bytes[8];
		int n;

		for (;;) {
			n = reader_next(&self->r, topic, bytes, 8);
			if (n == 1)
				break;
			who = n == 4 ? 0 : 1;
			if (n != 4 && n != 8)
				_exit(1);
			if (blipmq_get_le32(bytes) != next[who]++) {
				lib_say("of publisher %u came %u, not %u", who,
					blipmq_get_le32(bytes), next[who] - 1);
				_exit(2);
			}
		}
		shared[2] = next[0];
		shared[3] = next[1];
		_exit(0);
	}
	for (i = 0; i < 2; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i]) {
			if (i) {
				u8 two[8] = { 0 };
				int fd = lib_packet();
				u32 k = 0;

				while (!shared[0]) {
					blipmq_put_le32(two, k);
					if (lib_sendto(fd, topics[k % TOPICS],
						       two, 8) != 8)
						_exit(1);
					if (++k % 64 == 0)
						usleep(1000);
				}
				shared[5] = k;
				_exit(0);
			}
			shared[4] = publish_until(&shared[0]);
			_exit(!shared[4]);
		}
	}
	for (i = 0; i < 60; i++) {
		dice = dice * 1103515245 + 12345;
		ASSERT_TRUE(move_once(dice >> 8));
	}
	shared[0] = 1;
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	/* All has arrived, and then the end of it. */
	ASSERT_TRUE(lanes_end());
	ASSERT_EQ(1, lib_sendto(self->packet, "w.end", "e", 1));
	ASSERT_EQ(reader, waitpid(reader, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(shared[4], shared[2]);
	EXPECT_EQ(shared[5], shared[3]);
	EXPECT_LT(0U, shared[2]);
	EXPECT_LT(0U, shared[3]);
	munmap((void *)shared, 4096);
	ASSERT_TRUE(lanes_begin());
}

/* Admission is at the ingress: nothing is dropped, and poll() tells. */
TEST_F(workers, blocked_publisher)
{
	struct pollfd p = { .fd = self->packet, .events = POLLOUT };
	int fd = lib_packet(), i, n, got = 0;
	struct blipmq_socket_stats s;
	u32 number;

	ASSERT_LE(0, fd);
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 8));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "w.zero", NULL));
	ASSERT_LE(0, fcntl(self->packet, F_SETFL, O_NONBLOCK));
	for (i = 0, n = 0; n < 100; i++) {
		ASSERT_GT(100000, i);
		if (send_number(self->packet, "w.zero", (u32)n)) {
			n++;
			continue;
		}
		ASSERT_EQ(EAGAIN, errno);
		/* Eight at most are there and not read. */
		ASSERT_GE(8, n - got);
		/* The first of them may be under way. */
		ASSERT_EQ(4, recv(fd, &number, 4, 0));
		do {
			ASSERT_EQ((u32)got, number);
			got++;
		} while (recv(fd, &number, 4, MSG_DONTWAIT) == 4);
		ASSERT_EQ(1, poll(&p, 1, LIB_HANG_MS));
	}
	for (; got < n; got++) {
		ASSERT_EQ(4, recv(fd, &number, 4, 0));
		ASSERT_EQ((u32)got, number);
	}
	ASSERT_TRUE(lib_stats(fd, &s));
	EXPECT_EQ(100, s.matched);
	EXPECT_EQ(100, s.delivered);
	EXPECT_EQ(0, s.dropped_overflow);
	close(fd);
}

#define BURST	32U

/*
 * A bundle that is too long for a queue that blocks is cut, also when a lane
 * was busy for a moment before: there will never be room for all of it.
 */
TEST_F(workers, blocked_after_a_busy_lane)
{
	const struct timeval hang = { .tv_sec = LIB_HANG_MS / 1000 };
	u32 i, k, number, rounds = (u32)lib_rounds(1000);
	int legs[16], fd = lib_packet(), status;
	pid_t pid;

	for (i = 0; i < 16; i++) {
		legs[i] = lib_packet();
		ASSERT_LE(0, legs[i]);
		ASSERT_EQ(0, lib_subscription(legs[i], BLIPMQ_SUBSCRIBE,
					      "w.zero", NULL));
	}
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 4));
	ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &hang,
				sizeof(hang)));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "w.one", NULL));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (k = 0; k < rounds; k++) {
			for (i = 0; i < 1 + k % 8; i++)
				put_number(&self->pub, "w.zero", k);
			if (!lib_send(&self->pub))
				_exit(1);
			/* Has an effect while the lane is busy. */
			lib_put(&self->pub, BLIPMQ_OP_PONG, 0, NULL, NULL, 0);
			for (i = 0; i < BURST; i++)
				put_number(&self->pub, "w.one", BURST * k + i);
			if (!lib_send(&self->pub))
				_exit(1);
		}
		_exit(0);
	}
	for (i = 0; i < rounds * BURST; i++) {
		ASSERT_EQ(4, recv(fd, &number, 4, 0)) {
			lib_say("%u came", i);
			kill(pid, SIGKILL);
		}
		ASSERT_EQ(i, number);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	for (i = 0; i < 16; i++)
		close(legs[i]);
	close(fd);
}

/* What is in flight is bounded; a publisher waits, or is told so. */
TEST_F(workers, full_lane)
{
	struct pollfd p = { .fd = self->pub.fd, .events = POLLOUT };
	int fds[64], small = 1, i, ret = 0;
	u8 frame[64];
	u32 n = 0;

	for (i = 0; i < 64; i++) {
		fds[i] = lib_packet();
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, lib_subscription(fds[i], BLIPMQ_SUBSCRIBE,
					      "w.zero", NULL));
	}
	/* The least that there is. */
	ASSERT_EQ(0, setsockopt(self->pub.fd, SOL_SOCKET, SO_SNDBUF, &small,
				sizeof(small)));
	ASSERT_LE(0, fcntl(self->pub.fd, F_SETFL, O_NONBLOCK));
	put_number(&self->pub, "w.zero", 1);
	ASSERT_GE((int)sizeof(frame), (int)self->pub.out_len);
	memcpy(frame, self->pub.out, self->pub.out_len);
	for (; n < 1000000; n++) {
		ret = (int)send(self->pub.fd, frame, self->pub.out_len, 0);
		if (ret < 0)
			break;
		ASSERT_EQ((int)self->pub.out_len, ret);
	}
	ASSERT_EQ(-1, ret);
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(1, poll(&p, 1, LIB_HANG_MS));
	EXPECT_EQ(POLLOUT, p.revents);
	EXPECT_EQ((int)self->pub.out_len,
		  send(self->pub.fd, frame, self->pub.out_len, 0));
	self->pub.out_len = 0;
	ASSERT_TRUE(lanes_end());
	for (i = 0; i < 64; i++) {
		struct blipmq_socket_stats s;

		ASSERT_TRUE(lib_stats(fds[i], &s));
		EXPECT_EQ(n + 1, s.matched);
		EXPECT_TRUE(lib_law(&s));
		close(fds[i]);
	}
	ASSERT_TRUE(lanes_begin());
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

/* A CPU that goes takes no message with it. */
TEST_F(workers, hotplug)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY);
	u32 i;

	if (fd < 0)
		SKIP(return, "there is no CPU to take away");
	ASSERT_EQ(0, lib_worker_set(1, BLIPMQ_A_WORKER_CPU, 1));
	ASSERT_TRUE(reader_subscribe(&self->r, "w.one", NULL));
	for (i = 0; i < 400; i++) {
		if (i == 100)
			ASSERT_EQ(1, write(fd, "0", 1));
		if (i == 300)
			ASSERT_EQ(1, write(fd, "1", 1));
		ASSERT_TRUE(send_number(self->packet, "w.one", i));
	}
	for (i = 0; i < 400; i++)
		ASSERT_TRUE(reader_expect_u32(&self->r, "w.one", i));
	EXPECT_EQ(1, lib_worker_get(1, BLIPMQ_A_WORKER_CPU));
	close(fd);
}

/* What may be said, and what not; nothing is changed by the latter. */
TEST(settings)
{
	static const struct {
		int attr;
		u32 value;
		int error;
	} rows[] = {
		{ BLIPMQ_A_WORKER_CPU, 0, 0 },
		{ BLIPMQ_A_WORKER_CPU, 100000, -ERANGE },
		{ BLIPMQ_A_WORKER_CLASS, BLIPMQ_WORKER_CLASS_FIFO, 0 },
		{ BLIPMQ_A_WORKER_CLASS, 2, -ERANGE },
		{ BLIPMQ_A_WORKER_PRIORITY, 99, 0 },
		{ BLIPMQ_A_WORKER_PRIORITY, 0, -ERANGE },
		{ BLIPMQ_A_WORKER_PRIORITY, 100, -ERANGE },
		{ BLIPMQ_A_WORKER_NICE, 5, -ERANGE },
		{ BLIPMQ_A_WORKER_CLASS, BLIPMQ_WORKER_CLASS_OTHER, 0 },
		{ BLIPMQ_A_WORKER_PRIORITY, 5, -ERANGE },
		{ BLIPMQ_A_WORKER_NICE, 19, 0 },
		{ BLIPMQ_A_WORKER_NICE, 20, -ERANGE },
		{ BLIPMQ_A_WORKER_NICE, 0, 0 },
		{ BLIPMQ_A_WORKER_BUSY_POLL_US, 1000000, 0 },
		{ BLIPMQ_A_WORKER_BUSY_POLL_US, 1000001, -ERANGE },
		{ BLIPMQ_A_WORKER_BUSY_POLL_US, 0, 0 },
		{ BLIPMQ_A_WORKER_COUNT, 3, -EINVAL },
	};
	size_t i;

	ASSERT_EQ(0, lib_worker_count(2));
	EXPECT_EQ(-ERANGE, lib_worker_count(0));
	EXPECT_EQ(-ERANGE, lib_worker_count(65));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EXPECT_EQ(rows[i].error, lib_worker_set(1, rows[i].attr,
							rows[i].value));
		if (!rows[i].error)
			EXPECT_EQ(rows[i].value,
				  (u32)lib_worker_get(1, rows[i].attr));
	}
	EXPECT_EQ(-ENOENT, lib_worker_set(2, BLIPMQ_A_WORKER_CPU, 0));
	EXPECT_EQ(-ENOENT, lib_worker_get(2, BLIPMQ_A_WORKER_CPU));
	EXPECT_EQ(-EINVAL, lib_lane_set("w..x", WORKER, -1));
	EXPECT_EQ(-EINVAL, lib_lane_set("", WORKER, -1));
	EXPECT_EQ(-EINVAL, lib_lane_set("w.x", DIRECT, 0));
	EXPECT_EQ(-ENOENT, lib_lane_set("w.x", WORKER, 2));
	EXPECT_EQ(-ENOENT, lib_lane_set("w.x", DEFAULT, -1));
	EXPECT_EQ(-ERANGE, lib_lane_set("w.x", 3, -1));
	EXPECT_EQ(-EINVAL, lib_lane_of("w.>"));
	EXPECT_EQ(-ENODATA, lib_lane_of("w.x"));
}

/* The more a rule says of a topic, the earlier it counts. */
TEST(precedence)
{
	char name[32];
	int i;

	ASSERT_EQ(0, lib_worker_count(3));
	ASSERT_EQ(0, lib_lane_set("p.>", WORKER, 0));
	ASSERT_EQ(0, lib_lane_set("p.*.x", WORKER, 1));
	ASSERT_EQ(0, lib_lane_set("p.a", WORKER, 2));
	ASSERT_EQ(0, lib_lane_set("p.b", DIRECT, -1));
	EXPECT_EQ(0, lib_lane_of("p.c"));
	EXPECT_EQ(1, lib_lane_of("p.a.x"));
	EXPECT_EQ(2, lib_lane_of("p.a"));
	EXPECT_EQ(-ENODATA, lib_lane_of("p.b"));
	EXPECT_EQ(-ENODATA, lib_lane_of("q"));
	/* One that is pinned to a worker that goes has another one. */
	ASSERT_EQ(0, lib_worker_count(1));
	EXPECT_EQ(0, lib_lane_of("p.a"));
	ASSERT_EQ(0, lib_worker_count(3));
	EXPECT_EQ(2, lib_lane_of("p.a"));
	for (i = 4; i < 256; i++) {
		snprintf(name, sizeof(name), "many.%d", i);
		ASSERT_EQ(0, lib_lane_set(name, DIRECT, -1));
	}
	EXPECT_EQ(-ENOSPC, lib_lane_set("many.more", DIRECT, -1));
	for (i = 4; i < 256; i++) {
		snprintf(name, sizeof(name), "many.%d", i);
		ASSERT_EQ(0, lib_lane_set(name, DEFAULT, -1));
	}
	ASSERT_EQ(0, lib_lane_set("p.>", DEFAULT, -1));
	EXPECT_EQ(-ENODATA, lib_lane_of("p.c"));
	ASSERT_EQ(0, lib_lane_set("p.*.x", DEFAULT, -1));
	ASSERT_EQ(0, lib_lane_set("p.a", DEFAULT, -1));
	ASSERT_EQ(0, lib_lane_set("p.b", DEFAULT, -1));
}

static int in_child(int flags, uid_t uid, int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if ((flags && unshare(flags)) || (uid && setuid(uid)))
			_exit(127);
		_exit(run());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Another namespace has lanes of its own, and ends with bundles in flight. */
static int another_namespace(void)
{
	struct lib_peer p;
	u32 i, number;
	int fd = lib_packet();

	if (lib_lane_of("w.zero") != -ENODATA)
		return 1;
	if (lib_lane_set(NULL, WORKER, -1) || lib_lane_of("w.zero") < 0)
		return 2;
	if (lib_subscription(fd, BLIPMQ_SUBSCRIBE, "w.>", NULL) ||
	    lib_open(&p, LIB_LOCAL) < 0)
		return 3;
	for (i = 0; i < 500; i++)
		put_number(&p, "w.zero", i);
	if (!lib_send(&p))
		return 4;
	for (i = 0; i < 100; i++)
		if (recv(fd, &number, 4, 0) != 4 || number != i)
			return 5;
	for (i = 0; i < 500; i++)
		put_number(&p, "w.zero", i);
	return lib_send(&p) ? 0 : 6;
}

TEST(namespaces)
{
	int i;

	ASSERT_EQ(0, lib_worker_count(2));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, in_child(CLONE_NEWNET, 0, another_namespace));
	EXPECT_EQ(-ENODATA, lib_lane_of("w.zero"));
	/* Namespaces go some time after their last process. */
	ASSERT_EQ(0, lib_worker_count(1));
	ASSERT_EQ(0, lib_worker_count(2));
}

/* They are of all namespaces. */
static bool counts_are_seen(void)
{
	return lib_worker_get(0, BLIPMQ_A_WORKER_BUNDLES) != -ENODATA ||
	       lib_worker_get(0, BLIPMQ_A_WORKER_MESSAGES) != -ENODATA ||
	       lib_worker_get(0, BLIPMQ_A_WORKER_RING_DEPTH) != -ENODATA;
}

static int no_right(void)
{
	if (lib_lane_set("w.x", WORKER, -1) != -EPERM ||
	    lib_lane_set("w.x", DIRECT, -1) != -EPERM ||
	    lib_worker_count(2) != -EPERM ||
	    lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 0) != -EPERM)
		return 1;
	/* Looking needs none, but at what others do. */
	return lib_lane_of("w.x") != -ENODATA ||
	       lib_worker_get(0, BLIPMQ_A_WORKER_BUSY_POLL_US) < 0 ||
	       counts_are_seen();
}

static int container(void)
{
	if (lib_worker_count(2) != -EPERM ||
	    lib_lane_set("w.x", DIRECT, -1) ||
	    lib_lane_set("w.x", WORKER, -1) != -EPERM)
		return 1;
	return 0;
}

static int container_delegated(void)
{
	if (lib_worker_count(2) != -EPERM ||
	    lib_lane_set("w.x", WORKER, -1) || lib_lane_of("w.x") < 0 ||
	    counts_are_seen())
		return 1;
	return 0;
}

static int delegate(u32 to)
{
	const struct lib_attr attr = { BLIPMQ_A_WORKER_DELEGATE, NULL, to };

	return (int)lib_request(BLIPMQ_CMD_WORKER_SET, &attr, 1, 0);
}

TEST(rights)
{
	EXPECT_EQ(0, in_child(0, 65534, no_right));
	EXPECT_EQ(0, in_child(CLONE_NEWUSER | CLONE_NEWNET, 0, container));
	EXPECT_EQ(-ERANGE, delegate(2));
	ASSERT_EQ(0, delegate(1));
	EXPECT_EQ(0, in_child(CLONE_NEWUSER | CLONE_NEWNET, 0,
			      container_delegated));
	ASSERT_EQ(0, delegate(0));
}

TEST_HARNESS_MAIN
