// SPDX-License-Identifier: GPL-2.0
/*
 * The overflow policy conflate: the last message of each topic, in the order in
 * which the topics became new; what was replaced is counted and is no loss.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPICS	64

FIXTURE(conflate) {
	struct lib_peer pub;
	struct lib_peer sub;	/* .fd alone, for a packet socket */
	bool packet;
};

FIXTURE_VARIANT(conflate) {
	bool packet;
};

FIXTURE_VARIANT_ADD(conflate, stream) {
	.packet = false,
};

FIXTURE_VARIANT_ADD(conflate, seqpacket) {
	.packet = true,
};

static const char *topic(u32 n)
{
	static char name[32];

	snprintf(name, sizeof(name), "conflate.%u", n);
	return name;
}

FIXTURE_SETUP(conflate)
{
	u32 i;

	self->packet = variant->packet;
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	if (variant->packet)
		self->sub.fd = lib_packet();
	else
		lib_open(&self->sub, LIB_LOCAL);
	ASSERT_LE(0, self->sub.fd);
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_INFO, BLIPMQ_INFO_LOST));
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_CONFLATE));
	for (i = 0; i < TOPICS; i++)
		ASSERT_EQ(0, lib_subscription(self->sub.fd, BLIPMQ_SUBSCRIBE,
					      topic(i), NULL));
}

FIXTURE_TEARDOWN(conflate)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

/* A message that is sent with the next write. */
static void put(FIXTURE_DATA(conflate) *self, u32 t, u32 value)
{
	u8 payload[4];

	blipmq_put_le32(payload, value);
	lib_put_pub(&self->pub, 0, topic(t), 0, payload, sizeof(payload));
}

static bool sent(FIXTURE_DATA(conflate) *self)
{
	return lib_send(&self->pub) && lib_sync(&self->pub);
}

/**
 * struct got - what came
 * @topic: its topic's number
 * @value: its value
 * @lost: messages that the reader was told it lost before it
 */
struct got {
	u32	topic;
	u32	value;
	u64	lost;
};

/* A frame and not a byte of the next one, which stays in the kernel. */
static bool take_frame(int fd, struct got *g)
{
	struct blipmq_frame f;
	char b[300];
	ssize_t rest;

	g->lost = 0;
	for (;;) {
		if (recv(fd, b, BLIPMQ_FRAME_HEADER, MSG_WAITALL) !=
		    BLIPMQ_FRAME_HEADER)
			return false;
		blipmq_frame_decode(&f, b);
		rest = (ssize_t)f.size - BLIPMQ_FRAME_HEADER;
		if (rest > (ssize_t)sizeof(b) ||
		    recv(fd, b, (size_t)rest, MSG_WAITALL) != rest)
			return false;
		if (f.op != BLIPMQ_OP_LOST)
			break;
		g->lost = blipmq_get_le64(b);
	}
	g->value = blipmq_get_le32(b + f.topic_len + 8);
	b[f.topic_len] = '\0';
	return f.op == BLIPMQ_OP_MSG &&
	       sscanf(b, "conflate.%u", &g->topic) == 1;
}

static bool take(FIXTURE_DATA(conflate) *self, struct got *g)
{
	struct lib_message m;
	u8 payload[4];

	if (!self->packet)
		return take_frame(self->sub.fd, g);
	if (lib_recvmsg(self->sub.fd, &m, payload, sizeof(payload), 0) != 4)
		return false;
	g->value = blipmq_get_le32(payload);
	g->lost = m.lost;
	return sscanf(m.topic, "conflate.%u", &g->topic) == 1;
}

static bool expect(FIXTURE_DATA(conflate) *self, u32 t, u32 value, u64 lost)
{
	struct got g = { 0 };

	if (take(self, &g) && g.topic == t && g.value == value &&
	    g.lost == lost)
		return true;
	lib_say("expected %u of topic %u after %llu lost, got %u of %u after %llu",
		value, t, (unsigned long long)lost, g.value, g.topic,
		(unsigned long long)g.lost);
	return false;
}

static bool counted(FIXTURE_DATA(conflate) *self, u64 delivered, u64 conflated,
		    u64 overflow)
{
	struct blipmq_socket_stats s;

	if (!lib_stats(self->sub.fd, &s) || !lib_law(&s))
		return false;
	if (s.delivered == delivered && s.dropped_conflated == conflated &&
	    s.dropped_overflow == overflow && !s.queued_messages &&
	    !s.queued_bytes)
		return true;
	lib_say("delivered %llu, conflated %llu, overflow %llu, queued %llu",
		(unsigned long long)s.delivered,
		(unsigned long long)s.dropped_conflated,
		(unsigned long long)s.dropped_overflow,
		(unsigned long long)s.queued_messages);
	return false;
}

static bool quiet(FIXTURE_DATA(conflate) *self)
{
	char c;

	return recv(self->sub.fd, &c, 1, MSG_DONTWAIT) == -1 &&
	       errno == EAGAIN;
}

static void keeps_the_last(struct __test_metadata *_metadata,
			   FIXTURE_DATA(conflate) *self, bool bundles)
{
	/* Topics in the order in which they come first: 3, 1, 2. */
	static const u8 order[] = { 3, 1, 3, 2, 1, 1, 3, 2 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		put(self, order[i], i);
		if (!bundles)
			ASSERT_TRUE(sent(self));
	}
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(expect(self, 3, 6, 0));
	/* What is read may wait again, behind the others. */
	put(self, 3, 100);
	put(self, 2, 101);
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(expect(self, 1, 5, 0));
	ASSERT_TRUE(expect(self, 2, 101, 0));
	ASSERT_TRUE(expect(self, 3, 100, 0));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, 4, 6, 0));
}

TEST_F(conflate, keeps_the_last)
{
	keeps_the_last(_metadata, self, false);
}

TEST_F(conflate, keeps_the_last_of_bundles)
{
	keeps_the_last(_metadata, self, true);
}

/* Too many topics: the one that waits longest goes, and that is a loss. */
TEST_F(conflate, more_topics_than_the_limit)
{
	u32 i;

	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_QUEUE_MESSAGES, 8));
	for (i = 0; i < 20; i++) {
		put(self, i, i);
		put(self, i, i + 100);
		if (i % 3)
			ASSERT_TRUE(sent(self));
	}
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(expect(self, 12, 112, 12));
	for (i = 13; i < 20; i++)
		ASSERT_TRUE(expect(self, i, i + 100, 0));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, 8, 20, 12));
}

/* What makes room for one push is bounded; beyond that the new one goes. */
TEST(much_room_for_one)
{
	static u8 large[1000000];
	int pub = lib_packet(), fd = lib_packet();
	struct blipmq_socket_stats s, then;
	u32 i;

	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "conflate.>",
				      NULL));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 10000));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, 16 << 20));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_CONFLATE));
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(1, lib_sendto(pub, topic(i), large, 1));
	ASSERT_TRUE(lib_stats(fd, &s));
	ASSERT_EQ(2000, s.queued_messages);
	/* As full as can be: a message of 1,000,000 bytes needs more. */
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, (u32)s.queued_bytes));
	ASSERT_LT(1024 * (s.queued_bytes / 2000), sizeof(large));
	ASSERT_EQ((ssize_t)sizeof(large),
		  lib_sendto(pub, topic(i), large, sizeof(large)));
	ASSERT_TRUE(lib_stats(fd, &then));
	EXPECT_TRUE(lib_law(&then));
	EXPECT_EQ(1024 + 1, then.dropped_overflow);
	EXPECT_EQ(2000 - 1024, then.queued_messages);
	/* The next one finds room by what went for the first. */
	ASSERT_EQ((ssize_t)sizeof(large),
		  lib_sendto(pub, topic(i), large, sizeof(large)));
	ASSERT_TRUE(lib_stats(fd, &s));
	EXPECT_TRUE(lib_law(&s));
	EXPECT_GT(1024, s.dropped_overflow - then.dropped_overflow);
	close(pub);
	close(fd);
}

/* A peek shows what a read then gives, whatever comes meanwhile. */
TEST_F(conflate, peek)
{
	u8 b[64];

	put(self, 1, 1);
	ASSERT_TRUE(sent(self));
	ASSERT_LT(0, recv(self->sub.fd, b, sizeof(b), MSG_PEEK));
	put(self, 1, 2);
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(expect(self, 1, 1, 0));
	ASSERT_TRUE(expect(self, 1, 2, 0));
	EXPECT_TRUE(counted(self, 2, 0, 0));
}

/* What waited before is delivered before, as it came. */
TEST_F(conflate, policy_changes)
{
	int fd = self->sub.fd;
	u32 i;

	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_DROP_OLDEST));
	put(self, 1, 0);
	put(self, 1, 1);
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_CONFLATE));
	for (i = 2; i < 6; i++)
		put(self, i % 2, i);
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_DROP_NEW));
	put(self, 0, 6);
	put(self, 0, 7);
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_CONFLATE));
	put(self, 0, 8);
	put(self, 0, 9);
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(expect(self, 1, 0, 0));
	ASSERT_TRUE(expect(self, 1, 1, 0));
	ASSERT_TRUE(expect(self, 0, 4, 0));
	ASSERT_TRUE(expect(self, 1, 5, 0));
	ASSERT_TRUE(expect(self, 0, 6, 0));
	ASSERT_TRUE(expect(self, 0, 7, 0));
	ASSERT_TRUE(expect(self, 0, 9, 0));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, 7, 3, 0));
}

TEST_F(conflate, closed_with_some_waiting)
{
	long long closed = lib_status_of("totals.dropped-closed");
	long long conflated = lib_status_of("totals.dropped-conflated");
	u32 i;

	for (i = 0; i < 3 * TOPICS; i++)
		put(self, i % TOPICS, i);
	ASSERT_TRUE(sent(self));
	lib_close(&self->sub);
	EXPECT_TRUE(lib_status_wait("totals.dropped-closed", closed + TOPICS));
	EXPECT_EQ(conflated + 2 * TOPICS,
		  lib_status_of("totals.dropped-conflated"));
	EXPECT_TRUE(lib_status_law());
}

/* The end of its input leaves a stream what waits. */
TEST_F(conflate, drains_after_quit)
{
	if (self->packet)
		SKIP(return, "packet sockets have no QUIT");
	put(self, 1, 1);
	put(self, 2, 2);
	put(self, 1, 3);
	ASSERT_TRUE(sent(self));
	ASSERT_EQ(0, shutdown(self->sub.fd, SHUT_WR));
	ASSERT_TRUE(expect(self, 1, 3, 0));
	ASSERT_TRUE(expect(self, 2, 2, 0));
	EXPECT_TRUE(lib_expect_eof(&self->sub));
}

/*
 * Against a publisher at full speed, with the policy changing: of each topic
 * the values rise, and the last one comes.
 */
TEST_F(conflate, under_load)
{
	u32 last[TOPICS] = { 0 }, total = 20000, ended = 0, reads = 0;
	struct got g;
	int status;
	pid_t pid;
	u32 i;

	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_QUEUE_MESSAGES, 100000));
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_QUEUE_BYTES, 64 << 20));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (i = 1; i <= total + TOPICS; i++) {
			/* At the end each topic once. */
			put(self, i > total ? i - total - 1 :
				  (u32)rand() % TOPICS,
			    i);
			if (i % 17 == 0 && !lib_send(&self->pub))
				_exit(1);
		}
		_exit(!sent(self));
	}
	while (ended < TOPICS) {
		ASSERT_TRUE(take(self, &g));
		ASSERT_GT(TOPICS, (int)g.topic);
		ASSERT_LT(last[g.topic], g.value);
		ASSERT_EQ(0ULL, g.lost);
		last[g.topic] = g.value;
		ended += g.value > total;
		if (++reads % 20 == 0)
			ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_OVERFLOW,
						reads % 40 ?
						BLIPMQ_OVERFLOW_DROP_OLDEST :
						BLIPMQ_OVERFLOW_CONFLATE));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, reads, total + TOPICS - reads, 0));
}

#define WAITING	1000
#define ROUNDS	60

/* Rounds that the reader may read; and where it is. */
static u32 rounds, round_at, message_at;

/* Messages come in order. */
static char *read_in_order(int fd)
{
	u32 most = (u32)lib_rounds_long(ROUNDS / 2, ROUNDS);
	struct lib_message m;
	u8 b[4];

	for (round_at = 0; round_at < most; round_at++) {
		while (__atomic_load_n(&rounds, __ATOMIC_ACQUIRE) <= round_at)
			;
		for (message_at = 0; message_at < WAITING; message_at++) {
			if (lib_recvmsg(fd, &m, b, sizeof(b), 0) != 4)
				return "no message";
			if (blipmq_get_le32(b) != message_at)
				return "not in order";
		}
	}
	return NULL;
}

static void *read_rounds(void *fd)
{
	char *complaint = read_in_order(*(int *)fd);

	__atomic_store_n(&rounds, 0, __ATOMIC_RELEASE);
	return complaint;
}

/* What waits moves to the rings in order, also for who reads meanwhile. */
TEST(moved_under_a_reader)
{
	int pub = lib_packet(), fd = lib_packet();
	struct blipmq_socket_stats s;
	pthread_t thread;
	char *complaint;
	u8 b[4];
	u32 i, k, most = (u32)lib_rounds_long(ROUNDS / 2, ROUNDS);

	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "conflate.>",
				      NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_rounds, &fd));
	for (i = 0; i < most; i++) {
		ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW,
					BLIPMQ_OVERFLOW_CONFLATE));
		for (k = 0; k < WAITING; k++) {
			blipmq_put_le32(b, k);
			ASSERT_EQ(4, lib_sendto(pub, topic(k), b, sizeof(b)));
		}
		__atomic_store_n(&rounds, i + 1, __ATOMIC_RELEASE);
		ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW,
					BLIPMQ_OVERFLOW_DROP_OLDEST));
		do {
			ASSERT_TRUE(lib_stats(fd, &s));
		} while (s.queued_messages &&
			 __atomic_load_n(&rounds, __ATOMIC_ACQUIRE));
		if (s.queued_messages)
			break;
	}
	ASSERT_EQ(0, pthread_join(thread, (void **)&complaint));
	if (complaint)
		lib_say("message %u of round %u: %s", message_at, round_at,
			complaint);
	EXPECT_EQ(NULL, complaint);
	close(pub);
	close(fd);
}

TEST_HARNESS_MAIN
