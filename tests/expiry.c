// SPDX-License-Identifier: GPL-2.0
/*
 * Messages with a time to live: what is over is not delivered, is counted as
 * expired and not told as lost, and leaves queues that nobody reads. Nothing
 * here says how long anything takes: what shall be over has a millisecond, and
 * is waited for; what shall stay has an hour.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"expiry.t"
#define HOUR	3600000U
/* Header, topic, fixed part and payload of the frames here. */
#define FRAME	(8 + 8 + 8 + 4)
/* Sockets that are looked at in one run. */
#define HANDS	200

FIXTURE(expiry) {
	struct lib_peer pub;	/* .fd alone, for packet sockets */
	struct lib_peer sub;
	bool packet_pub;
	bool packet_sub;
};

FIXTURE_VARIANT(expiry) {
	bool packet_pub;
	bool packet_sub;
};

FIXTURE_VARIANT_ADD(expiry, stream_to_stream) {
	.packet_pub = false,
	.packet_sub = false,
};

FIXTURE_VARIANT_ADD(expiry, stream_to_seqpacket) {
	.packet_pub = false,
	.packet_sub = true,
};

FIXTURE_VARIANT_ADD(expiry, seqpacket_to_stream) {
	.packet_pub = true,
	.packet_sub = false,
};

FIXTURE_VARIANT_ADD(expiry, seqpacket_to_seqpacket) {
	.packet_pub = true,
	.packet_sub = true,
};

FIXTURE_SETUP(expiry)
{
	const struct timeval hang = { .tv_sec = LIB_HANG_MS / 1000 };

	self->packet_pub = variant->packet_pub;
	self->packet_sub = variant->packet_sub;
	if (variant->packet_pub)
		self->pub.fd = lib_packet();
	else
		lib_open(&self->pub, LIB_LOCAL);
	ASSERT_LE(0, self->pub.fd);
	if (variant->packet_sub)
		self->sub.fd = lib_packet();
	else
		lib_open(&self->sub, LIB_LOCAL);
	ASSERT_LE(0, self->sub.fd);
	/* What does not come fails a test, and does not hold it up. */
	ASSERT_EQ(0, setsockopt(self->sub.fd, SOL_SOCKET, SO_RCVTIMEO, &hang,
				sizeof(hang)));
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_INFO, BLIPMQ_INFO_LOST));
	ASSERT_EQ(0, lib_subscription(self->sub.fd, BLIPMQ_SUBSCRIBE, TOPIC,
				      NULL));
}

FIXTURE_TEARDOWN(expiry)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
}

static bool send_packet(int fd, u32 number, u32 ttl_ms)
{
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(sizeof(struct blipmq_publish))];
	} control = { .bytes = { 0 } };
	struct blipmq_publish publish = { .ttl_ms = ttl_ms };
	u8 payload[4];
	struct iovec iov = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct sockaddr_blipmq sa;
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = lib_address(&sa, TOPIC),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	blipmq_put_le32(payload, number);
	control.c.cmsg_level = SOL_BLIPMQ;
	control.c.cmsg_type = BLIPMQ_PUBLISH;
	control.c.cmsg_len = CMSG_LEN(sizeof(publish));
	memcpy(CMSG_DATA(&control.c), &publish, sizeof(publish));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == sizeof(payload);
}

/* A frame for the next write; a packet socket sends at once. */
static bool put(FIXTURE_DATA(expiry) *self, u32 number, u32 ttl_ms)
{
	u8 payload[4];

	if (self->packet_pub)
		return send_packet(self->pub.fd, number, ttl_ms);
	blipmq_put_le32(payload, number);
	lib_put_pub(&self->pub, 0, TOPIC, 0, payload, sizeof(payload));
	blipmq_put_le32(self->pub.out + self->pub.out_len - 12, ttl_ms);
	return true;
}

static bool sent(FIXTURE_DATA(expiry) *self)
{
	return self->packet_pub ||
	       (lib_send(&self->pub) && lib_sync(&self->pub));
}

/*
 * The message @number comes next, without a loss before it, and not a byte of
 * the one behind it is read.
 */
static bool expect(FIXTURE_DATA(expiry) *self, u32 number)
{
	struct lib_message m;
	u8 b[FRAME] = { 0 };
	u32 got;

	if (self->packet_sub) {
		if (lib_recvmsg(self->sub.fd, &m, b, 4, 0) != 4 || m.have_lost)
			return false;
		got = blipmq_get_le32(b);
	} else {
		if (recv(self->sub.fd, b, FRAME, MSG_WAITALL) != FRAME ||
		    b[4] != BLIPMQ_OP_MSG << 4)
			return false;
		got = blipmq_get_le32(b + FRAME - 4);
	}
	if (got != number)
		lib_say("expected %u, got %u", number, got);
	return got == number;
}

static bool quiet(FIXTURE_DATA(expiry) *self)
{
	char c;

	return recv(self->sub.fd, &c, 1, MSG_DONTWAIT) == -1 &&
	       errno == EAGAIN;
}

static bool counted(int fd, u64 delivered, u64 expired, u64 queued)
{
	struct blipmq_socket_stats s;

	if (!lib_stats(fd, &s) || !lib_law(&s))
		return false;
	if (s.delivered == delivered && s.dropped_expired == expired &&
	    s.queued_messages == queued && !s.dropped_overflow)
		return true;
	lib_say("delivered %llu, expired %llu, queued %llu, overflow %llu",
		(unsigned long long)s.delivered,
		(unsigned long long)s.dropped_expired,
		(unsigned long long)s.queued_messages,
		(unsigned long long)s.dropped_overflow);
	return false;
}

/* A millisecond, and more than one on every clock. */
static void pass(void)
{
	usleep(20000);
}

TEST_F(expiry, is_skipped)
{
	ASSERT_TRUE(put(self, 0, 1));
	ASSERT_TRUE(put(self, 1, 0));
	ASSERT_TRUE(put(self, 2, 1));
	ASSERT_TRUE(put(self, 3, HOUR));
	ASSERT_TRUE(put(self, 4, 1));
	ASSERT_TRUE(put(self, 5, BLIPMQ_TTL_NEVER));
	ASSERT_TRUE(put(self, 6, 1));
	ASSERT_TRUE(sent(self));
	pass();
	ASSERT_TRUE(expect(self, 1));
	ASSERT_TRUE(expect(self, 3));
	ASSERT_TRUE(expect(self, 5));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self->sub.fd, 3, 4, 0));
}

/* The socket's own time is for messages that do not say theirs. */
TEST_F(expiry, default_of_the_socket)
{
	EXPECT_EQ(0U, lib_get_u32(self->pub.fd, BLIPMQ_TTL));
	ASSERT_TRUE(self->packet_pub ?
		    lib_set_u32(self->pub.fd, BLIPMQ_TTL, 1) :
		    lib_option(&self->pub, BLIPMQ_TTL, 1));
	EXPECT_EQ(1U, lib_get_u32(self->pub.fd, BLIPMQ_TTL));
	ASSERT_TRUE(put(self, 0, 0));
	ASSERT_TRUE(put(self, 1, HOUR));
	ASSERT_TRUE(put(self, 2, 0));
	ASSERT_TRUE(put(self, 3, BLIPMQ_TTL_NEVER));
	ASSERT_TRUE(sent(self));
	pass();
	ASSERT_TRUE(expect(self, 1));
	ASSERT_TRUE(expect(self, 3));
	ASSERT_TRUE(lib_set_u32(self->pub.fd, BLIPMQ_TTL, BLIPMQ_TTL_NEVER));
	ASSERT_TRUE(put(self, 4, 0));
	ASSERT_TRUE(sent(self));
	pass();
	ASSERT_TRUE(expect(self, 4));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self->sub.fd, 3, 2, 0));
}

/* Nobody reads, and they leave the queue all the same. */
static bool leaves(int fd, u64 expired, u64 queued)
{
	struct blipmq_socket_stats s = { 0 };
	int i;

	for (i = 0; i < LIB_HANG_MS / 20; i++) {
		if (!lib_stats(fd, &s))
			return false;
		if (s.dropped_expired == expired && s.queued_messages == queued)
			return lib_law(&s);
		pass();
	}
	lib_say("expired %llu, queued %llu",
		(unsigned long long)s.dropped_expired,
		(unsigned long long)s.queued_messages);
	return false;
}

TEST_F(expiry, leaves_unread_queues)
{
	u32 i;

	for (i = 0; i < 300; i++)
		ASSERT_TRUE(put(self, i, 1));
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(leaves(self->sub.fd, 300, 0));
	/* And again, after the timer has come to rest. */
	for (i = 0; i < 10; i++)
		ASSERT_TRUE(put(self, i, 1));
	ASSERT_TRUE(put(self, i, 0));
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(leaves(self->sub.fd, 310, 1));
	ASSERT_TRUE(expect(self, 10));
	EXPECT_TRUE(quiet(self));
}

/* What is over makes room: for who waits, and before anything is lost. */
TEST_F(expiry, makes_room)
{
	int fd = self->sub.fd;
	u32 i;

	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 4));
	for (i = 0; i < 4; i++)
		ASSERT_TRUE(put(self, i, 1));
	ASSERT_TRUE(sent(self));
	pass();
	for (; i < 8; i++)
		ASSERT_TRUE(put(self, i, 0));
	ASSERT_TRUE(sent(self));
	EXPECT_TRUE(counted(fd, 0, 4, 4));
	for (i = 4; i < 8; i++)
		ASSERT_TRUE(expect(self, i));

	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_BLOCK));
	for (i = 0; i < 5; i++)
		ASSERT_TRUE(put(self, i, i < 4 ? 1 : 0));
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(expect(self, 4));
	EXPECT_TRUE(counted(fd, 5, 8, 0));
}

TEST_F(expiry, conflated)
{
	ASSERT_TRUE(lib_set_u32(self->sub.fd, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_CONFLATE));
	ASSERT_TRUE(put(self, 0, HOUR));
	ASSERT_TRUE(put(self, 1, 1));
	ASSERT_TRUE(sent(self));
	pass();
	EXPECT_TRUE(quiet(self));
	ASSERT_TRUE(put(self, 2, 1));
	ASSERT_TRUE(sent(self));
	ASSERT_TRUE(leaves(self->sub.fd, 2, 0));
}

/* What a peek has shown, or a stream has begun to read, comes to its end. */
TEST_F(expiry, what_is_begun_stays)
{
	u8 b[FRAME];

	ASSERT_TRUE(put(self, 0, 50));
	ASSERT_TRUE(put(self, 1, 50));
	ASSERT_TRUE(sent(self));
	if (recv(self->sub.fd, b, sizeof(b), MSG_PEEK | MSG_DONTWAIT) < 0)
		SKIP(return, "this machine was too slow");
	usleep(100000);
	ASSERT_TRUE(expect(self, 0));
	EXPECT_TRUE(quiet(self));
	EXPECT_TRUE(counted(self->sub.fd, 1, 1, 0));
	if (self->packet_sub)
		return;
	ASSERT_TRUE(put(self, 2, 50));
	ASSERT_TRUE(put(self, 3, 50));
	ASSERT_TRUE(put(self, 4, 0));
	ASSERT_TRUE(sent(self));
	if (recv(self->sub.fd, b, 9, MSG_DONTWAIT) != 9 || b[4] != 0x60)
		SKIP(return, "this machine was too slow");
	usleep(100000);
	ASSERT_EQ(FRAME - 9, recv(self->sub.fd, b + 9, FRAME - 9, MSG_WAITALL));
	if (blipmq_get_le32(b + FRAME - 4) != 4)
		ASSERT_TRUE(expect(self, 4));
	EXPECT_TRUE(quiet(self));
}

/* Messages that were not delivered, for one reason or the other. */
static long long ended(void)
{
	return lib_status_of("totals.dropped-closed") +
	       lib_status_of("totals.dropped-expired");
}

/* Closed with some that are over and some that are not: all are counted once. */
TEST_F(expiry, closed_meanwhile)
{
	long long before = ended();
	u32 i;

	for (i = 0; i < 20; i++)
		ASSERT_TRUE(put(self, i, i % 2 ? 1 : HOUR));
	ASSERT_TRUE(sent(self));
	lib_close(&self->sub);
	lib_close(&self->pub);
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	EXPECT_EQ(before + 20, ended());
	EXPECT_TRUE(lib_status_law());
}

/*
 * Sockets are closed while the timer takes what is over out of their readers'
 * hands: it begins with the first one, the closes with the last one.
 */
TEST(closed_under_the_timer)
{
	struct blipmq_socket_stats s;
	int fds[HANDS], round, rounds = lib_rounds(40), i, k;
	time_t end;
	struct lib_peer pub;
	char b[4] = { 0 };

	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < HANDS; i++) {
			fds[i] = lib_packet();
			ASSERT_EQ(0, lib_subscription(fds[i], BLIPMQ_SUBSCRIBE,
						      TOPIC, NULL));
		}
		for (k = 0; k < 2; k++) {
			lib_put_pub(&pub, 0, TOPIC, 0, b, sizeof(b));
			blipmq_put_le32(pub.out + pub.out_len - 12, 100);
		}
		ASSERT_TRUE(lib_send(&pub) && lib_sync(&pub));
		for (i = 0; i < HANDS; i++)
			recv(fds[i], b, sizeof(b), MSG_DONTWAIT);
		end = time(NULL) + LIB_HANG_MS / 1000;
		do {
			ASSERT_TRUE(lib_stats(fds[0], &s));
			ASSERT_GE(end, time(NULL));
		} while (s.queued_messages);
		for (i = HANDS; i--;)
			close(fds[i]);
	}
	lib_close(&pub);
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	EXPECT_TRUE(lib_status_law());
}

TEST_F(expiry, over_tcp)
{
	struct lib_peer tcp;
	u8 payload[4] = { 0 };

	if (self->packet_pub)
		SKIP(return, "the publisher is a TCP client");
	ASSERT_LE(0, lib_open(&tcp, LIB_TCP));
	ASSERT_TRUE(lib_option(&tcp, BLIPMQ_TTL, 1));
	lib_put_pub(&tcp, 0, TOPIC, 0, payload, sizeof(payload));
	ASSERT_TRUE(lib_send(&tcp) && lib_sync(&tcp));
	pass();
	payload[0] = 1;
	lib_put_pub(&tcp, 0, TOPIC, 0, payload, sizeof(payload));
	blipmq_put_le32(tcp.out + tcp.out_len - 12, HOUR);
	ASSERT_TRUE(lib_send(&tcp) && lib_sync(&tcp));
	ASSERT_TRUE(expect(self, 1));
	EXPECT_TRUE(counted(self->sub.fd, 1, 1, 0));
	lib_close(&tcp);
}

TEST_HARNESS_MAIN
