// SPDX-License-Identifier: GPL-2.0
/*
 * A namespace whose message memory is used up: publishers are told so, frames
 * that come in pieces take no more of it, and it ends with the shortage.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define MIB	(1U << 20)
/* What the namespace has here; to fill more than that takes longer, and no more. */
#define MEMORY	(64 * MIB)
/* Subscribers that hold what they never read, a quarter of a GiB each. */
#define HOGS	16

/* Far above what there is: neither is what the test is about. */
#define NO_LIMIT	(1ULL << 40)

FIXTURE(memory) {
	long long memory;
	long long share;
	long long flight;
	struct lib_peer pub;
	struct lib_peer sub;
	int hogs[HOGS];
	int nr;
	u8 *payload;
};

static bool hog(int fd, int number)
{
	char topic[32];

	snprintf(topic, sizeof(topic), "memory.hog.%d", number);
	return lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, 256 * MIB) &&
	       !lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL);
}

/* Until the namespace is full. */
static bool fill(int number, const u8 *payload)
{
	int fd = lib_packet(), i;
	char topic[32];
	ssize_t n = 0;

	snprintf(topic, sizeof(topic), "memory.hog.%d", number);
	for (i = 0; i < 200 && n >= 0; i++)
		n = lib_sendto(fd, topic, payload, MIB);
	close(fd);
	return n == -ENOBUFS;
}

FIXTURE_SETUP(memory)
{
	bool full = false;

	self->memory = lib_status_of("limits.memory-bytes");
	self->share = lib_status_of("limits.share-bytes");
	self->flight = lib_status_of("limits.flight-bytes");
	ASSERT_EQ(0, lib_limit_set("limits.memory-bytes", MEMORY));
	ASSERT_EQ(0, lib_limit_set("limits.share-bytes", NO_LIMIT));
	ASSERT_EQ(0, lib_limit_set("limits.flight-bytes", NO_LIMIT));
	self->payload = calloc(1, MIB);
	ASSERT_NE(NULL, self->payload);
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	ASSERT_LE(0, lib_open(&self->sub, LIB_LOCAL));
	ASSERT_TRUE(lib_subscribe(&self->sub, "memory.t"));
	for (self->nr = 0; self->nr < HOGS && !full; self->nr++) {
		self->hogs[self->nr] = lib_packet();
		ASSERT_LE(0, self->hogs[self->nr]);
		ASSERT_TRUE(hog(self->hogs[self->nr], self->nr));
		full = fill(self->nr, self->payload);
	}
	ASSERT_TRUE(full);
}

static void release(struct __test_metadata *_metadata, int *hogs, int *nr)
{
	while (*nr)
		close(hogs[--*nr]);
	/* Rings and sockets go with RCU, messages at once. */
	EXPECT_GT(4 * MIB, lib_status_of("memory-bytes"));
}

FIXTURE_TEARDOWN(memory)
{
	while (self->nr)
		close(self->hogs[--self->nr]);
	lib_close(&self->pub);
	lib_close(&self->sub);
	EXPECT_EQ(0, lib_limit_set("limits.memory-bytes",
				   (unsigned long long)self->memory));
	EXPECT_EQ(0, lib_limit_set("limits.share-bytes",
				   (unsigned long long)self->share));
	EXPECT_EQ(0, lib_limit_set("limits.flight-bytes",
				   (unsigned long long)self->flight));
	free(self->payload);
}

TEST_F(memory, publishers_are_told)
{
	struct blipmq_socket_stats stats;

	lib_put_pub(&self->pub, BLIPMQ_FLAG_CONFIRM, "memory.t", 7,
		    self->payload, 100);
	ASSERT_TRUE(lib_send(&self->pub));
	EXPECT_TRUE(lib_expect_err(&self->pub, 429, 7, "memory.t"));
	/* Nothing else is refused, and nothing was delivered. */
	EXPECT_TRUE(lib_subscribe(&self->sub, "memory.other"));
	EXPECT_TRUE(lib_sync(&self->sub));
	ASSERT_TRUE(lib_stats(self->pub.fd, &stats));
	EXPECT_EQ(0ULL, stats.published);
	EXPECT_EQ(1ULL, stats.refused);

	release(_metadata, self->hogs, &self->nr);
	ASSERT_TRUE(lib_publish(&self->pub, "memory.t", "again", 5));
	EXPECT_TRUE(lib_expect_msg(&self->sub, "memory.t", "again", 5, NULL));
}

TEST_F(memory, a_frame_in_pieces_takes_no_more)
{
	long long before = lib_status_of("memory-bytes");
	struct lib_peer *p = &self->pub;
	size_t len, cut;

	lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, "memory.t", 8, self->payload, MIB);
	len = p->out_len;
	for (cut = 0; cut < len - 1; cut += 60000) {
		size_t n = len - 1 - cut < 60000 ? len - 1 - cut : 60000;

		ASSERT_EQ((ssize_t)n, send(p->fd, p->out + cut, n, 0));
	}
	EXPECT_GT(64 * 1024, lib_status_of("memory-bytes") - before);
	/* Judged as a whole, even if there is memory again by then. */
	release(_metadata, self->hogs, &self->nr);
	ASSERT_EQ(1, send(p->fd, p->out + len - 1, 1, 0));
	p->out_len = 0;
	EXPECT_TRUE(lib_expect_err(p, 429, 8, "memory.t"));
	ASSERT_TRUE(lib_publish(p, "memory.t", "again", 5));
	EXPECT_TRUE(lib_expect_msg(&self->sub, "memory.t", "again", 5, NULL));
}

TEST_HARNESS_MAIN
