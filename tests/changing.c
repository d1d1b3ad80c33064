// SPDX-License-Identifier: GPL-2.0
/*
 * Input that another thread changes while the kernel reads it. The size in a
 * frame's header is looked at before the bytes are copied; if the copy were
 * believed afterwards, the walk over the frames would leave the part of the
 * buffer that it may read, and answers would show a neighbour's bytes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness.h"
#include "lib.h"

#define LARGE	900000U
#define SMALL	1016U
#define WRITES	3000
#define NEIGHBOURS 400

static u8 input[LARGE];
static bool stop;

static void put_pub(u8 *at, u32 size, u8 topic_len)
{
	blipmq_frame_encode(at, BLIPMQ_OP_PUB, 0, topic_len,
			    size - BLIPMQ_FRAME_HEADER - topic_len);
	memset(at + BLIPMQ_FRAME_HEADER + topic_len, 0,
	       BLIPMQ_FRAME_PUB_FIXED);
}

static void set_size(u32 size)
{
	__atomic_store_n((u32 *)input, size, __ATOMIC_RELAXED);
}

static void *change(void *unused)
{
	volatile int i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		set_size(LARGE);
		for (i = 0; i < 4000; i++)
			;
		set_size(SMALL);
		for (i = 0; i < 4000; i++)
			;
	}
	return NULL;
}

/* Either size makes a row of valid frames, so nothing is ever answered. */
static void fill_input(void)
{
	memset(input, 'A', sizeof(input));
	put_pub(input, LARGE, 1);
	put_pub(input + SMALL, 1032, 255);
	put_pub(input + 2048, LARGE - 2048, 1);
}

/* Unfinished frames with a topic that would be refused: what must not show. */
static bool fill_neighbours(struct lib_peer *peers)
{
	u8 frame[1024];
	int i;

	memset(frame, 'x', sizeof(frame));
	put_pub(frame, 2000, 60);
	frame[BLIPMQ_FRAME_HEADER] = 1;
	for (i = 0; i < NEIGHBOURS; i++) {
		if (lib_open(&peers[i], LIB_LOCAL) < 0)
			return false;
		lib_raw(&peers[i], frame, sizeof(frame));
		if (!lib_send(&peers[i]))
			return false;
	}
	for (i = 0; i < NEIGHBOURS; i += 5)
		lib_close(&peers[i]);
	return true;
}

TEST(header_that_changes_while_it_is_read)
{
	static struct lib_peer peers[NEIGHBOURS];
	struct blipmq_socket_stats stats;
	struct lib_peer writer;
	pthread_t thread;
	int i, writes = lib_rounds(WRITES);

	ASSERT_TRUE(fill_neighbours(peers));
	ASSERT_LE(0, lib_open(&writer, LIB_LOCAL));
	fill_input();
	ASSERT_EQ(0, pthread_create(&thread, NULL, change, NULL));
	for (i = 0; i < writes; i++)
		if (send(writer.fd, input, LARGE, MSG_NOSIGNAL) != LARGE)
			break;
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(writes, i);
	ASSERT_TRUE(lib_stats(writer.fd, &stats));
	EXPECT_EQ(0, stats.refused);
	/* Every write is one message or three. */
	EXPECT_LE(writes, (int)stats.published);
	EXPECT_GE(3 * writes, (int)stats.published);
	EXPECT_EQ((u64)writes * LARGE, stats.published_bytes);
	EXPECT_TRUE(lib_sync(&writer));
	lib_close(&writer);
	for (i = 0; i < NEIGHBOURS; i++)
		if (i % 5)
			lib_close(&peers[i]);
}

TEST_HARNESS_MAIN
