// SPDX-License-Identifier: GPL-2.0
/*
 * The system calls that move a stream's bytes: large messages in many pieces,
 * writev, peeking, splice and sendfile.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "harness.h"
#include "lib.h"

#define MIB	(1U << 20)

FIXTURE(io) {
	struct lib_peer pub;
	struct lib_peer sub;
	u8 *payload;	/* a MiB that repeats nowhere */
};

FIXTURE_VARIANT(io) {
	enum lib_way way;
};

FIXTURE_VARIANT_ADD(io, local) {
	.way = LIB_LOCAL,
};

FIXTURE_VARIANT_ADD(io, tcp) {
	.way = LIB_TCP,
};

FIXTURE_SETUP(io)
{
	u32 i;

	ASSERT_LE(0, lib_open(&self->pub, variant->way));
	ASSERT_LE(0, lib_open(&self->sub, variant->way));
	ASSERT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_BYTES, 16 * MIB));
	ASSERT_TRUE(lib_subscribe(&self->sub, "i.t"));
	self->payload = malloc(MIB);
	ASSERT_NE(NULL, self->payload);
	for (i = 0; i < MIB / 4; i++)
		blipmq_put_le32(self->payload + 4 * i, i * 2654435761U);
}

FIXTURE_TEARDOWN(io)
{
	free(self->payload);
	lib_close(&self->pub);
	lib_close(&self->sub);
}

TEST_F(io, payload_sizes)
{
	static const u32 sizes[] = {
		0, 1, 7, 8, 9, 63, 64, 1000, 4079, 4080, 4081, 4096, 8191,
		16384, 32767, 32768, 65535, 65536, 65537, 100000, 262144,
		524288, MIB - 1, MIB,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_TRUE(lib_publish(&self->pub, "i.t", self->payload,
					sizes[i]));
		ASSERT_TRUE(lib_expect_msg(&self->sub, "i.t", self->payload,
					   sizes[i], NULL));
	}
}

TEST_F(io, one_byte_over_the_limit)
{
	struct lib_peer p;

	ASSERT_LE(0, lib_open(&p, variant->way));
	lib_put_pub(&p, BLIPMQ_FLAG_CONFIRM, "i.t", 3, self->payload, MIB);
	lib_raw(&p, "x", 1);
	blipmq_put_le32(p.out, blipmq_get_le32(p.out) + 1);
	/* The answer may come, and the end, before all is written. */
	p.out_len = 100000;
	ASSERT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_err(&p, 413, 0, ""));
	EXPECT_TRUE(lib_expect_eof(&p));
	lib_close(&p);
	EXPECT_TRUE(lib_sync(&self->sub));
}

/* Sizes in a row that end everywhere in pages and in buffers. */
TEST_F(io, mixed_sizes_in_one_stream)
{
	u32 size, i;

	for (i = 0, size = 1; i < 60; i++, size = size * 7 % 40009)
		lib_put_pub(&self->pub, 0, "i.t", i, self->payload + i, size);
	ASSERT_TRUE(lib_send(&self->pub));
	for (i = 0, size = 1; i < 60; i++, size = size * 7 % 40009)
		ASSERT_TRUE(lib_expect_msg(&self->sub, "i.t",
					   self->payload + i, size, NULL));
}

TEST_F(io, read_in_small_pieces)
{
	u8 got[700];
	size_t have = 0, want = 8 + 3 + 8 + 600;

	ASSERT_TRUE(lib_publish(&self->pub, "i.t", self->payload, 600));
	while (have < want) {
		size_t step = have % 13 + 1;
		ssize_t n;

		if (step > want - have)
			step = want - have;
		n = recv(self->sub.fd, got + have, step, 0);
		ASSERT_LT(0, n);
		have += (size_t)n;
	}
	EXPECT_EQ(want, blipmq_get_le32(got));
	EXPECT_EQ(BLIPMQ_OP_MSG << 4, got[4]);
	EXPECT_EQ(0, memcmp(got + 8, "i.t", 3));
	EXPECT_EQ(0, memcmp(got + 19, self->payload, 600));
	EXPECT_TRUE(lib_sync(&self->sub));
}

TEST_F(io, writev_of_pieces)
{
	struct iovec iov[16];
	int i, n = 0;
	size_t done = 0;

	lib_put_pub(&self->pub, 0, "i.t", 1, self->payload, 5000);
	lib_put_pub(&self->pub, 0, "i.t", 2, self->payload + 5000, 333);
	for (i = 0; i < 16; i++) {
		size_t len = i == 15 ? self->pub.out_len - done :
			     (size_t)(i * 37 % 300);

		iov[i].iov_base = self->pub.out + done;
		iov[i].iov_len = len;
		done += len;
	}
	ASSERT_EQ(self->pub.out_len, done);
	n = (int)writev(self->pub.fd, iov, 16);
	ASSERT_EQ((int)done, n);
	EXPECT_TRUE(lib_expect_msg(&self->sub, "i.t", self->payload, 5000,
				   NULL));
	EXPECT_TRUE(lib_expect_msg(&self->sub, "i.t", self->payload + 5000,
				   333, NULL));
}

TEST_F(io, readv_into_pieces)
{
	u8 a[5], b[3], c[8], d[4];
	struct iovec iov[4] = {
		{ a, sizeof(a) }, { b, sizeof(b) }, { c, sizeof(c) },
		{ d, sizeof(d) },
	};
	struct pollfd pfd = { .events = POLLIN };

	ASSERT_TRUE(lib_publish(&self->pub, "i.t", "1", 1));
	pfd.fd = self->sub.fd;
	ASSERT_EQ(1, poll(&pfd, 1, LIB_HANG_MS));
	ASSERT_EQ(20, readv(self->sub.fd, iov, 4));
	EXPECT_EQ(20U, blipmq_get_le32(a));
	EXPECT_EQ(3, b[0]);
	EXPECT_EQ(0, memcmp(c, "i.t", 3));
	EXPECT_EQ('1', d[3]);
}

TEST_F(io, peek_moves_nothing)
{
	u8 first[64], again[64];
	struct lib_frame in;

	ASSERT_TRUE(lib_publish(&self->pub, "i.t", "peeked", 6));
	ASSERT_EQ(25, recv(self->sub.fd, first, 25, MSG_PEEK | MSG_WAITALL));
	ASSERT_EQ(25, recv(self->sub.fd, again, sizeof(again), MSG_PEEK));
	EXPECT_EQ(0, memcmp(first, again, 25));
	ASSERT_EQ(4, recv(self->sub.fd, first, 4, 0));
	ASSERT_EQ(21, recv(self->sub.fd, again, sizeof(again), MSG_PEEK));
	EXPECT_EQ(0, memcmp(first, "\31\0\0\0", 4));
	EXPECT_EQ(BLIPMQ_OP_MSG << 4, again[0]);
	ASSERT_EQ(21, recv(self->sub.fd, again, sizeof(again), 0));
	EXPECT_EQ(0, memcmp(again + 15, "peeked", 6));
	EXPECT_EQ(-ETIMEDOUT, lib_next_within(&self->sub, &in, 0));
}

/* MSG_WAITALL waits for all that was asked for, over many messages. */
TEST_F(io, waitall)
{
	const size_t each = 8 + 3 + 8 + 1000, want = 20 * each;
	u8 *got = malloc(want);
	int i, status;
	pid_t pid;

	ASSERT_NE(NULL, got);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (i = 0; i < 20; i++)
			if (!lib_publish(&self->pub, "i.t", self->payload,
					 1000))
				_exit(1);
		_exit(0);
	}
	EXPECT_EQ((ssize_t)want, recv(self->sub.fd, got, want, MSG_WAITALL));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, memcmp(got + (size_t)i * each + 19,
				    self->payload, 1000));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	free(got);
}

TEST_F(io, splice_from_a_pipe)
{
	size_t left;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	lib_put_pub(&self->pub, 0, "i.t", 1, self->payload, 30000);
	lib_put_pub(&self->pub, 0, "i.t", 2, self->payload + 7, 12345);
	left = self->pub.out_len;
	ASSERT_EQ((ssize_t)left, write(p[1], self->pub.out, left));
	while (left) {
		ssize_t n = splice(p[0], NULL, self->pub.fd, NULL, left, 0);

		ASSERT_LT(0, n);
		left -= (size_t)n;
	}
	EXPECT_TRUE(lib_expect_msg(&self->sub, "i.t", self->payload, 30000,
				   NULL));
	EXPECT_TRUE(lib_expect_msg(&self->sub, "i.t", self->payload + 7,
				   12345, NULL));
	close(p[0]);
	close(p[1]);
}

TEST_F(io, sendfile_of_frames)
{
	off_t offset = 0;
	size_t len;
	int i, fd;

	for (i = 0; i < 50; i++)
		lib_put_pub(&self->pub, 0, "i.t", (u32)i, self->payload + i,
			    (size_t)i * 400);
	len = self->pub.out_len;
	fd = lib_temporary(self->pub.out, len);
	ASSERT_LE(0, fd);
	while ((size_t)offset < len)
		ASSERT_LT(0, sendfile(self->pub.fd, fd, &offset,
				      len - (size_t)offset));
	for (i = 0; i < 50; i++)
		ASSERT_TRUE(lib_expect_msg(&self->sub, "i.t",
					   self->payload + i, (size_t)i * 400,
					   NULL));
	close(fd);
}

TEST_F(io, splice_to_a_pipe)
{
	size_t want = 8 + 3 + 8 + 3000, have = 0;
	u8 got[4096];
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_TRUE(lib_publish(&self->pub, "i.t", self->payload, 3000));
	while (have < want) {
		ssize_t n = splice(self->sub.fd, NULL, p[1], NULL,
				   want - have, 0);

		ASSERT_LT(0, n);
		ASSERT_EQ(n, read(p[0], got + have, (size_t)n));
		have += (size_t)n;
	}
	EXPECT_EQ(want, have);
	EXPECT_EQ(0, memcmp(got + 19, self->payload, 3000));
	close(p[0]);
	close(p[1]);
}

/* A publisher that may not wait is not told that it must. */
TEST_F(io, writes_without_waiting)
{
	size_t done = 0, len;
	int i;

	for (i = 0; i < 500; i++)
		lib_put_pub(&self->pub, 0, "i.t", 0, self->payload, 1000);
	len = self->pub.out_len;
	while (done < len) {
		ssize_t n = send(self->pub.fd, self->pub.out + done,
				 len - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN &&
		    variant->way == LIB_TCP) {
			struct pollfd pfd = { .fd = self->pub.fd,
					      .events = POLLOUT };

			ASSERT_EQ(1, poll(&pfd, 1, LIB_HANG_MS));
			continue;
		}
		ASSERT_LT(0, n);
		done += (size_t)n;
	}
	self->pub.out_len = 0;
	for (i = 0; i < 500; i++)
		ASSERT_TRUE(lib_expect_msg(&self->sub, "i.t", self->payload,
					   1000, NULL));
}

TEST_HARNESS_MAIN
