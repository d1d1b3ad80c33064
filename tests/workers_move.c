// SPDX-License-Identifier: GPL-2.0
/*
 * Topics and workers that move under traffic, lanes that are full, and
 * publishers that are held up on their way into one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "workers.h"

/* Changes under traffic, and more of them with SUITE_LONG. */
#define MOVES	(getenv("SUITE_LONG") ? 1000 : lib_rounds(100))

/*
 * A reader that blocks has publishers go as fast as it reads, and loses nothing;
 * clients of blipmqd have no right to that.
 */
static bool reader_blocks(struct reader *r)
{
	if (r->way == READER_PACKET)
		return lib_set_u32(r->fd, BLIPMQ_OVERFLOW,
				   BLIPMQ_OVERFLOW_BLOCK);
	return r->way == READER_STREAM &&
	       lib_option(&r->peer, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK);
}

/* A stream publishes numbers until it is told to stop. */
static u32 publish_until(volatile u32 *stop, bool paced)
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
		if (paced && i % 64 == 0)
			usleep(1000);
	}
	lib_close(&p);
	return i;
}

/* So does a socket of one message a call. */
static u32 packets_until(volatile u32 *stop, bool paced)
{
	u8 two[8] = { 0 };
	int fd = lib_packet();
	u32 k = 0;

	while (!*stop) {
		blipmq_put_le32(two, k);
		if (lib_sendto(fd, topics[k % TOPICS], two, 8) != 8)
			return 0;
		if (++k % 64 == 0 && paced)
			usleep(1000);
	}
	return k;
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
TEST_F_TIMEOUT(workers, moves_under_traffic, 3000)
{
	u32 moves = (u32)MOVES;
	volatile u32 *shared;
	u32 dice = 12345, next[2] = { 0 }, i, who;
	pid_t pids[2], reader;
	bool paced;
	int status;

	paced = !reader_blocks(&self->r);
	EXPECT_EQ(variant->way == READER_TCP, paced);
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
			shared[4 + i] = i ? packets_until(shared, paced) :
					    publish_until(shared, paced);
			_exit(!shared[4 + i]);
		}
	}
	for (i = 0; i < moves; i++) {
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
	u32 i, k, number, rounds = (u32)lib_rounds_long(400, 1000);
	int legs[16], fd, status;
	pid_t pid;

	if (variant->way != READER_PACKET)
		SKIP(return, "all of it is packet sockets");
	fd = lib_packet();
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

/*
 * What somebody has in flight is counted by what it costs the worker, which has
 * its CPU from nobody meanwhile.
 */
TEST_F(workers, large_bundles_count_more)
{
	static const struct { u32 frames, load; } rows[] = {
		{ 1, 1 }, { 16, 1 }, { 17, 2 }, { 64, 4 },
	};
	const struct sched_param first = { .sched_priority = 1 };
	const struct sched_param none = { };
	u64 seen[sizeof(rows) / sizeof(rows[0])] = { 0 };
	cpu_set_t before, one;
	size_t row;
	u32 i;

	CPU_ZERO(&one);
	CPU_SET(1, &one);
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(before), &before));
	ASSERT_EQ(0, lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 1));
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		for (i = 0; i < rows[row].frames; i++)
			put_number(&self->pub, "w.zero", i);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
		ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
		EXPECT_TRUE(lib_send(&self->pub));
		seen[row] = lib_status_of("in-flight");
		ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &none));
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(before), &before));
		ASSERT_TRUE(lib_status_wait("in-flight", 0));
	}
	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
		EXPECT_EQ(rows[row].load, seen[row])
			TH_LOG("of %u messages", rows[row].frames);
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

TEST_HARNESS_MAIN
