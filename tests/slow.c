// SPDX-License-Identifier: GPL-2.0
/*
 * A subscriber that does not read: the publisher goes on, memory stays within
 * the subscriber's limit, and when it reads again it is told exactly how many
 * messages it lost, just before the first one after the gap.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "harness.h"
#include "lib.h"

#define TOPIC		"slow.t"
#define KIB		1024U
/* What is in use beside a full queue: a bundle on its way, one being read. */
#define SLACK		(512 * KIB)
#define DEFAULT_BYTES	(1024 * KIB)

enum kind { STREAM, PACKET, TCP };

FIXTURE(slow) {
	struct lib_peer pub;
	struct lib_peer sub;	/* .fd alone, for a packet socket */
	enum kind kind;
	long long memory;
	long long delivered;
	long long overflow;
};

FIXTURE_VARIANT(slow) {
	enum kind kind;
};

FIXTURE_VARIANT_ADD(slow, stream) {
	.kind = STREAM,
};

FIXTURE_VARIANT_ADD(slow, seqpacket) {
	.kind = PACKET,
};

FIXTURE_VARIANT_ADD(slow, tcp) {
	.kind = TCP,
};

FIXTURE_SETUP(slow)
{
	enum lib_way way = variant->kind == TCP ? LIB_TCP : LIB_LOCAL;
	struct lib_status before;
	int small = 32 * KIB;

	self->kind = variant->kind;
	/* blipmqd may still be counting for the client of the last test. */
	ASSERT_TRUE(lib_status_wait("sockets", 0));
	ASSERT_TRUE(lib_status(&before));
	self->memory = lib_status_value(&before, "memory-bytes");
	self->delivered = lib_status_value(&before, "totals.delivered");
	self->overflow = lib_status_value(&before, "totals.dropped-overflow");
	ASSERT_LE(0, self->memory);
	ASSERT_LE(0, self->delivered);
	ASSERT_LE(0, self->overflow);
	ASSERT_LE(0, lib_open(&self->pub, way));
	if (variant->kind == PACKET) {
		self->sub.fd = lib_packet();
		ASSERT_LE(0, self->sub.fd);
		ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_INFO,
					BLIPMQ_INFO_LOST));
		ASSERT_EQ(0, lib_subscription(self->sub.fd, BLIPMQ_SUBSCRIBE,
					      TOPIC, NULL));
	} else {
		ASSERT_LE(0, lib_open(&self->sub, way));
		/* TCP holds megabytes by itself; the less, the sooner lost. */
		if (variant->kind == TCP)
			setsockopt(self->sub.fd, SOL_SOCKET, SO_RCVBUF,
				   &small, sizeof(small));
		ASSERT_TRUE(lib_subscribe(&self->sub, TOPIC));
	}
}

FIXTURE_TEARDOWN(slow)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

static bool limit(FIXTURE_DATA(slow) *self, int option, u32 value)
{
	if (self->kind == PACKET)
		return lib_set_u32(self->sub.fd, option, value);
	return lib_option(&self->sub, (u16)option, value);
}

/* Messages [from, to), @batch of them a write, each with its number. */
static bool publish(struct lib_peer *p, u32 from, u32 to, u32 size, u32 batch)
{
	static u8 payload[256 * KIB];
	u32 i;

	for (i = from; i < to; i++) {
		blipmq_put_le32(payload, i);
		lib_put_pub(p, 0, TOPIC, 0, payload, size);
		if ((i - from) % batch == batch - 1 && !lib_send(p))
			return false;
	}
	/* The publisher's own connection answers: it is not held up. */
	return lib_send(p) && lib_sync(p);
}

/**
 * struct tally - what came so far
 * @read: messages
 * @lost: messages that it was told it lost
 * @newest: number of the last one read
 */
struct tally {
	u64 read;
	u64 lost;
	u64 newest;
};

/* A message: its number is that of all before it, read or known to be lost. */
static bool tally_message(struct tally *t, const void *payload)
{
	t->newest = blipmq_get_le32(payload);
	if (t->newest == t->read + t->lost) {
		t->read++;
		return true;
	}
	lib_say("message %llu after %llu read and %llu lost",
		(unsigned long long)t->newest, (unsigned long long)t->read,
		(unsigned long long)t->lost);
	return false;
}

static bool take_packet(int fd, u32 size, struct tally *t)
{
	static u8 buf[256 * KIB];
	struct lib_message m;

	if (lib_recvmsg(fd, &m, buf, sizeof(buf), 0) != (ssize_t)size) {
		lib_say("recvmsg: %zd", m.len);
		return false;
	}
	t->lost += m.lost;
	return tally_message(t, buf);
}

/*
 * LOST comes just before the first message after the gap, or alone when there
 * is none: a reader amidst a message that fills its queue loses all others.
 */
static bool take_frame(struct lib_peer *p, u32 size, struct tally *t)
{
	struct lib_frame in;
	int ret = lib_next(p, &in);

	if (ret != 1) {
		lib_say("no message: %d", ret);
		return false;
	}
	if (in.f.op == BLIPMQ_OP_LOST && in.body_len == 8 &&
	    !in.f.topic_len && !in.f.flags && blipmq_get_le64(in.body)) {
		t->lost += blipmq_get_le64(in.body);
		return true;
	}
	if (in.f.op == BLIPMQ_OP_MSG && in.body_len == 8 + size)
		return tally_message(t, in.body + 8);
	lib_say("op %u, body %u", in.f.op, in.body_len);
	return false;
}

static bool take(FIXTURE_DATA(slow) *self, u32 size, struct tally *t)
{
	if (self->kind == PACKET)
		return take_packet(self->sub.fd, size, t);
	return take_frame(&self->sub, size, t);
}

/* Read until @total messages are accounted for. */
static bool read_all(FIXTURE_DATA(slow) *self, u32 size, u32 total,
		     struct tally *t)
{
	while (t->read + t->lost < total)
		if (!take(self, size, t))
			return false;
	return true;
}

static bool quiet(FIXTURE_DATA(slow) *self)
{
	char c;

	if (self->kind == PACKET)
		return recv(self->sub.fd, &c, 1, MSG_DONTWAIT) == -1 &&
		       errno == EAGAIN;
	return lib_sync(&self->sub);
}

/* matched = delivered + lost, by the counters of socket or namespace. */
static bool accounted(FIXTURE_DATA(slow) *self, u32 total,
		      const struct tally *t)
{
	struct blipmq_socket_stats stats;
	struct lib_status s;
	u64 read, lost;

	if (self->kind == TCP) {
		if (!lib_status(&s) || !lib_status_law())
			return false;
		read = (u64)(lib_status_value(&s, "totals.delivered") -
			     self->delivered);
		lost = (u64)(lib_status_value(&s, "totals.dropped-overflow") -
			     self->overflow);
	} else {
		if (!lib_stats(self->sub.fd, &stats) || !lib_law(&stats))
			return false;
		if (stats.matched != total || stats.queued_messages) {
			lib_say("matched %llu, queued %llu",
				(unsigned long long)stats.matched,
				(unsigned long long)stats.queued_messages);
			return false;
		}
		read = stats.delivered;
		lost = stats.dropped_overflow;
	}
	if (t->read + t->lost == total && read == t->read && lost == t->lost)
		return true;
	lib_say("of %u: read %llu, told of %llu lost; counted %llu and %llu",
		total, (unsigned long long)t->read,
		(unsigned long long)t->lost, (unsigned long long)read,
		(unsigned long long)lost);
	return false;
}

/*
 * @total messages to a subscriber that reads nothing until the end, and then
 * another lot, to see that all is well again.
 */
static void never_reads(struct __test_metadata *_metadata,
			FIXTURE_DATA(slow) *self, u32 size, u32 batch,
			u32 bytes, u64 queued)
{
	/* Enough to fill the buffers between kernel and client, too. */
	u32 total = self->kind == TCP ? 24 * KIB * KIB / size : 4000;
	struct blipmq_socket_stats stats;
	struct tally t = { 0 };
	long long memory;

	ASSERT_TRUE(publish(&self->pub, 0, total, size, batch));
	memory = lib_status_of("memory-bytes");
	EXPECT_GE(self->memory + bytes + SLACK, memory);
	if (self->kind != TCP) {
		ASSERT_TRUE(lib_stats(self->sub.fd, &stats));
		EXPECT_EQ(total, stats.matched);
		EXPECT_GE(queued, stats.queued_messages);
		EXPECT_LT(0ULL, stats.queued_messages);
		EXPECT_TRUE(lib_law(&stats));
	}
	ASSERT_TRUE(read_all(self, size, total, &t));
	EXPECT_LT(0ULL, t.lost);
	/* The oldest are dropped: the newest is there. */
	if (self->kind != TCP)
		EXPECT_EQ(total - 1, t.newest);
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(accounted(self, total, &t));

	ASSERT_TRUE(publish(&self->pub, total, total + 5, size, 5));
	ASSERT_TRUE(read_all(self, size, total + 5, &t));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(accounted(self, total + 5, &t));
}

TEST_F(slow, message_limit)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_MESSAGES, 100));
	never_reads(_metadata, self, KIB, 1, DEFAULT_BYTES, 100);
}

TEST_F(slow, message_limit_with_bundles)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_MESSAGES, 100));
	never_reads(_metadata, self, KIB, 48, DEFAULT_BYTES, 100);
}

TEST_F(slow, byte_limit)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_BYTES, 128 * KIB));
	never_reads(_metadata, self, KIB, 1, 128 * KIB, 128);
}

TEST_F(slow, byte_limit_with_bundles)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_BYTES, 128 * KIB));
	never_reads(_metadata, self, KIB, 48, 128 * KIB, 128);
}

/* The newest of a bundle that does not fit as a whole stay. */
TEST_F(slow, bundles_larger_than_the_message_limit)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_MESSAGES, 5));
	never_reads(_metadata, self, KIB, 64, DEFAULT_BYTES, 5);
}

/* Alone in the queue, one bundle may be larger than the bytes allow. */
TEST_F(slow, bundles_larger_than_the_byte_limit)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_BYTES, 16 * KIB));
	never_reads(_metadata, self, KIB, 64, 96 * KIB, 64);
}

TEST_F(slow, messages_larger_than_the_byte_limit)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_BYTES, 16 * KIB));
	never_reads(_metadata, self, 64 * KIB, 1, 96 * KIB, 1);
}

/*
 * Against a publisher at full speed. A packet socket tells a loss with the
 * message after it, so when the last ones were lost it takes one more.
 */
static void reads_meanwhile(struct __test_metadata *_metadata,
			    FIXTURE_DATA(slow) *self, u32 size, u32 batch,
			    bool naps)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	struct pollfd pfd = { .fd = self->sub.fd, .events = POLLIN };
	bool wait = self->kind == PACKET, ended = false;
	u32 total = 30000;
	struct tally t = { 0 };
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!publish(&self->pub, 0, total, size, batch));
	while (t.read + t.lost < total) {
		if (wait && !poll(&pfd, 1, ended ? 0 : 20)) {
			if (ended) {
				ASSERT_TRUE(publish(&self->pub, total,
						    total + 1, size, 1));
				total++;
				wait = false;
			} else {
				ended = waitpid(pid, &status, WNOHANG) == pid;
			}
			continue;
		}
		ASSERT_TRUE(take(self, size, &t));
		if (naps && t.read % 500 == 499)
			nanosleep(&nap, NULL);
	}
	if (!ended)
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(accounted(self, total, &t));
}

TEST_F(slow, reads_now_and_then)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_MESSAGES, 64));
	reads_meanwhile(_metadata, self, 200, 7, true);
}

/*
 * What the reader has begun fills the queue, so that it is the new messages
 * that are dropped: their place is behind what is being read.
 */
TEST_F(slow, reads_bundles_larger_than_the_byte_limit)
{
	ASSERT_TRUE(limit(self, BLIPMQ_QUEUE_BYTES, 16 * KIB));
	reads_meanwhile(_metadata, self, KIB, 24, false);
}

TEST_HARNESS_MAIN
