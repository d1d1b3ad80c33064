/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of workers share: topics in several lanes, and a reader of each
 * kind for whom they are.
 */
#ifndef _BLIPMQ_TESTS_WORKERS_H
#define _BLIPMQ_TESTS_WORKERS_H

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

static inline bool lanes_begin(void)
{
	return !lib_worker_count(2) && !lib_lane_set("w.>", WORKER, -1) &&
	       !lib_lane_set("w.direct", DIRECT, -1) &&
	       !lib_lane_set("w.zero", WORKER, 0) &&
	       !lib_lane_set("w.one", WORKER, 1);
}

/* What was in flight has arrived then. */
static inline bool lanes_end(void)
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

static inline void put_number(struct lib_peer *p, const char *topic, u32 number)
{
	u8 payload[4];

	blipmq_put_le32(payload, number);
	lib_put_pub(p, 0, topic, 0, payload, sizeof(payload));
}

static inline bool send_number(int fd, const char *topic, u32 number)
{
	u8 payload[4];

	blipmq_put_le32(payload, number);
	return lib_sendto(fd, topic, payload, sizeof(payload)) == 4;
}

#endif /* _BLIPMQ_TESTS_WORKERS_H */
