// SPDX-License-Identifier: GPL-2.0
/*
 * What a full receive queue does by its policy, on both types of socket: which
 * messages come, what the reader is told of the others, and what the counters
 * say.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"overflow.t"

FIXTURE(overflow) {
	struct lib_peer pub;	/* publishes several frames a write */
	struct lib_peer sub;	/* .fd alone, for a packet socket */
	bool packet;
};

FIXTURE_VARIANT(overflow) {
	bool packet;
};

FIXTURE_VARIANT_ADD(overflow, stream) {
	.packet = false,
};

FIXTURE_VARIANT_ADD(overflow, seqpacket) {
	.packet = true,
};

FIXTURE_SETUP(overflow)
{
	self->packet = variant->packet;
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	if (variant->packet) {
		self->sub.fd = lib_packet();
		ASSERT_LE(0, self->sub.fd);
		ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_INFO,
					BLIPMQ_INFO_LOST));
		ASSERT_EQ(0, lib_subscription(self->sub.fd, BLIPMQ_SUBSCRIBE,
					      TOPIC, NULL));
	} else {
		ASSERT_LE(0, lib_open(&self->sub, LIB_LOCAL));
		ASSERT_TRUE(lib_subscribe(&self->sub, TOPIC));
	}
}

FIXTURE_TEARDOWN(overflow)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

/* Over the wire, and for what waits in the queue also without reading it. */
static bool policy(FIXTURE_DATA(overflow) *self, u32 value, u32 messages)
{
	int fd = self->sub.fd;

	if (!self->packet)
		return lib_option(&self->sub, BLIPMQ_OVERFLOW, value) &&
		       lib_option(&self->sub, BLIPMQ_QUEUE_MESSAGES, messages);
	return lib_set_u32(fd, BLIPMQ_OVERFLOW, value) &&
	       lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, messages);
}

/* Messages [from, to), @batch of them a write, each with its number. */
static bool publish(FIXTURE_DATA(overflow) *self, u32 from, u32 to, u32 batch)
{
	u8 payload[4];
	u32 i;

	for (i = from; i < to; i++) {
		blipmq_put_le32(payload, i);
		lib_put_pub(&self->pub, 0, TOPIC, 0, payload, sizeof(payload));
		if ((i - from) % batch == batch - 1 && !lib_send(&self->pub))
			return false;
	}
	return lib_send(&self->pub) && lib_sync(&self->pub);
}

/*
 * A frame and not a byte of the next one, which stays in the kernel's queue.
 * Returns its operation, or 0.
 */
static u8 take(int fd, u8 *body, size_t room)
{
	struct blipmq_frame f;
	u8 bytes[64];
	ssize_t rest;

	if (recv(fd, bytes, BLIPMQ_FRAME_HEADER, MSG_WAITALL) !=
	    BLIPMQ_FRAME_HEADER)
		return 0;
	blipmq_frame_decode(&f, bytes);
	rest = (ssize_t)f.size - BLIPMQ_FRAME_HEADER;
	if (rest < f.topic_len || rest > (ssize_t)sizeof(bytes) ||
	    recv(fd, bytes, (size_t)rest, MSG_WAITALL) != rest)
		return 0;
	rest -= f.topic_len;
	if (rest > (ssize_t)room)
		return 0;
	memcpy(body, bytes + f.topic_len, (size_t)rest);
	return f.op;
}

static bool expect_lost(FIXTURE_DATA(overflow) *self, u64 lost)
{
	u8 body[16] = { 0 };
	u8 op = take(self->sub.fd, body, sizeof(body));

	if (op == BLIPMQ_OP_LOST && blipmq_get_le64(body) == lost)
		return true;
	lib_say("expected LOST of %llu; op %u, %llu", (unsigned long long)lost,
		op, (unsigned long long)blipmq_get_le64(body));
	return false;
}

/*
 * The message @number comes next, and the reader is told that @lost were lost
 * before it.
 */
static bool expect(FIXTURE_DATA(overflow) *self, u32 number, u64 lost)
{
	struct lib_message m;
	u8 body[16] = { 0 };
	u8 op;

	if (!self->packet) {
		if (lost && !expect_lost(self, lost))
			return false;
		op = take(self->sub.fd, body, sizeof(body));
		if (op == BLIPMQ_OP_MSG && blipmq_get_le32(body + 8) == number)
			return true;
		lib_say("expected %u; op %u, %u", number, op,
			blipmq_get_le32(body + 8));
		return false;
	}
	if (lib_recvmsg(self->sub.fd, &m, body, sizeof(body), 0) == 4 &&
	    blipmq_get_le32(body) == number && m.lost == lost)
		return true;
	lib_say("expected %u after %llu lost; %zd bytes, %u after %llu",
		number, (unsigned long long)lost, m.len,
		blipmq_get_le32(body), (unsigned long long)m.lost);
	return false;
}

static bool expect_all(FIXTURE_DATA(overflow) *self, u32 from, u32 to)
{
	for (; from < to; from++)
		if (!expect(self, from, 0))
			return false;
	return true;
}

static bool quiet(FIXTURE_DATA(overflow) *self)
{
	char c;

	if (self->packet)
		return recv(self->sub.fd, &c, 1, MSG_DONTWAIT) == -1 &&
		       errno == EAGAIN;
	return lib_expect_silence(&self->sub);
}

/* The counters of the socket once nothing waits in it. */
static bool counted(FIXTURE_DATA(overflow) *self, u64 delivered, u64 overflow,
		    u64 closed)
{
	struct blipmq_socket_stats s;

	if (!lib_stats(self->sub.fd, &s) || !lib_law(&s))
		return false;
	if (s.delivered == delivered && s.dropped_overflow == overflow &&
	    s.dropped_closed == closed && !s.queued_messages &&
	    !s.queued_bytes)
		return true;
	lib_say("delivered %llu, overflow %llu, closed %llu, queued %llu",
		(unsigned long long)s.delivered,
		(unsigned long long)s.dropped_overflow,
		(unsigned long long)s.dropped_closed,
		(unsigned long long)s.queued_messages);
	return false;
}

TEST_F(overflow, drop_oldest)
{
	ASSERT_TRUE(policy(self, BLIPMQ_OVERFLOW_DROP_OLDEST, 8));
	ASSERT_TRUE(publish(self, 0, 20, 1));
	ASSERT_TRUE(expect(self, 12, 12));
	ASSERT_TRUE(expect_all(self, 13, 20));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, 8, 12, 0));
}

/* A stream is told at once that it lost some, a packet socket with the next. */
static void drops_new(struct __test_metadata *_metadata,
		      FIXTURE_DATA(overflow) *self, u32 batch)
{
	ASSERT_TRUE(policy(self, BLIPMQ_OVERFLOW_DROP_NEW, 8));
	ASSERT_TRUE(publish(self, 0, 20, batch));
	ASSERT_TRUE(expect_all(self, 0, 8));
	if (!self->packet)
		ASSERT_TRUE(expect_lost(self, 12));
	EXPECT_TRUE(quiet(self));
	ASSERT_TRUE(publish(self, 20, 22, 2));
	ASSERT_TRUE(expect(self, 20, self->packet ? 12 : 0));
	ASSERT_TRUE(expect(self, 21, 0));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, 10, 12, 0));
}

TEST_F(overflow, drop_new)
{
	drops_new(_metadata, self, 1);
}

/* Of a bundle that does not fit, the first ones are taken. */
TEST_F(overflow, drop_new_of_bundles)
{
	drops_new(_metadata, self, 5);
}

TEST_F(overflow, drop_new_of_a_bundle_larger_than_the_queue)
{
	drops_new(_metadata, self, 20);
}

/* The losses stand where the messages would have. */
TEST_F(overflow, drop_new_between_reads)
{
	ASSERT_TRUE(policy(self, BLIPMQ_OVERFLOW_DROP_NEW, 4));
	ASSERT_TRUE(publish(self, 0, 7, 1));
	ASSERT_TRUE(expect_all(self, 0, 2));
	ASSERT_TRUE(publish(self, 7, 10, 1));
	ASSERT_TRUE(expect_all(self, 2, 4));
	ASSERT_TRUE(expect(self, 7, 3));
	ASSERT_TRUE(expect(self, 8, 0));
	ASSERT_TRUE(publish(self, 10, 12, 1));
	ASSERT_TRUE(expect(self, 10, 1));
	ASSERT_TRUE(expect(self, 11, 0));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, 8, 4, 0));
}

static bool expect_cut(FIXTURE_DATA(overflow) *self)
{
	struct pollfd pfd = { .fd = self->sub.fd, .events = POLLIN };
	char c;

	if (!self->packet)
		return lib_expect_err(&self->sub, 429, 0, NULL) &&
		       lib_expect_eof(&self->sub);
	if (poll(&pfd, 1, LIB_HANG_MS) != 1 || !(pfd.revents & POLLERR))
		lib_say("poll says %#x", pfd.revents);
	else if (recv(self->sub.fd, &c, 1, 0) != -1 || errno != ENOBUFS)
		lib_say("the first recv says %m");
	else if (recv(self->sub.fd, &c, 1, 0))
		lib_say("the second recv says %m");
	else if (lib_subscription(self->sub.fd, BLIPMQ_SUBSCRIBE, "overflow.u",
				  NULL) != -EPIPE)
		lib_say("it can subscribe");
	else if (lib_sendto(self->sub.fd, TOPIC, "", 0) != -EPIPE)
		lib_say("it can publish");
	else
		return true;
	return false;
}

static void disconnects(struct __test_metadata *_metadata,
			FIXTURE_DATA(overflow) *self, u32 batch)
{
	struct blipmq_socket_stats s;

	ASSERT_TRUE(policy(self, BLIPMQ_OVERFLOW_DISCONNECT, 8));
	ASSERT_TRUE(publish(self, 0, 8, batch));
	ASSERT_TRUE(publish(self, 8, 8 + batch, batch));
	ASSERT_TRUE(expect_cut(self));
	EXPECT_TRUE(counted(self, 0, batch, 8));
	/* Nobody is there any more. */
	ASSERT_TRUE(publish(self, 100, 110, 1));
	ASSERT_TRUE(lib_stats(self->pub.fd, &s));
	EXPECT_EQ(10ULL, s.unrouted);
	EXPECT_TRUE(counted(self, 0, batch, 8));
}

TEST_F(overflow, disconnect)
{
	disconnects(_metadata, self, 1);
}

TEST_F(overflow, disconnect_by_bundles)
{
	disconnects(_metadata, self, 4);
}

/* Up to its limit the connection goes on like any other. */
TEST_F(overflow, disconnect_only_when_full)
{
	u32 i;

	ASSERT_TRUE(policy(self, BLIPMQ_OVERFLOW_DISCONNECT, 8));
	for (i = 0; i < 80; i += 8) {
		ASSERT_TRUE(publish(self, i, i + 8, 3));
		ASSERT_TRUE(expect_all(self, i, i + 8));
	}
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self, 80, 0, 0));
}

/* What waits when the policy changes stays, and the limit is the new one's. */
TEST_F(overflow, policy_changes)
{
	ASSERT_TRUE(policy(self, BLIPMQ_OVERFLOW_DROP_NEW, 8));
	ASSERT_TRUE(publish(self, 0, 10, 1));
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_DROP_OLDEST));
	ASSERT_TRUE(publish(self, 10, 12, 1));
	ASSERT_TRUE(expect(self, 2, 2));
	ASSERT_TRUE(expect_all(self, 3, 8));
	ASSERT_TRUE(expect(self, 10, 2));
	ASSERT_TRUE(expect(self, 11, 0));
	ASSERT_TRUE(publish(self, 12, 20, 1));
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_DISCONNECT));
	ASSERT_TRUE(publish(self, 20, 21, 1));
	ASSERT_TRUE(expect_cut(self));
	EXPECT_TRUE(counted(self, 8, 5, 8));
}

/* A namespace's counters keep what a closed reader lost. */
TEST_F(overflow, closed_readers_are_counted)
{
	long long overflow = lib_status_of("totals.dropped-overflow");
	long long closed = lib_status_of("totals.dropped-closed");

	ASSERT_TRUE(policy(self, BLIPMQ_OVERFLOW_DROP_NEW, 8));
	ASSERT_TRUE(publish(self, 0, 20, 7));
	lib_close(&self->sub);
	EXPECT_TRUE(lib_status_wait("totals.dropped-closed", closed + 8));
	EXPECT_EQ(overflow + 12, lib_status_of("totals.dropped-overflow"));
	EXPECT_TRUE(lib_status_law());
}

TEST_F(overflow, values)
{
	u32 value = 5;

	EXPECT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_DROP_NEW));
	EXPECT_EQ(1U, lib_get_u32(self->sub.fd, BLIPMQ_OVERFLOW));
	EXPECT_EQ(-1, setsockopt(self->sub.fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW,
				 &value, sizeof(value)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1U, lib_get_u32(self->sub.fd, BLIPMQ_OVERFLOW));
}

TEST_HARNESS_MAIN
