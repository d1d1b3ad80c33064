// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing leaks with messages, their control messages, and answers.
 */
#include <errno.h>
#include <sys/uio.h>

#include "leaks.h"

/* What put_cmsg() may write of one message: its bytes, never its padding. */
static size_t want_cmsg(u8 *buf, size_t at, size_t room, int type,
			const void *data, size_t size)
{
	struct cmsghdr c = { .cmsg_level = SOL_BLIPMQ, .cmsg_type = type };

	if (room - at < sizeof(c))
		return at;
	c.cmsg_len = least(CMSG_LEN(size), room - at);
	memcpy(buf + at, &c, sizeof(c));
	memcpy(buf + at + sizeof(c), data, c.cmsg_len - sizeof(c));
	return at + least(CMSG_SPACE(size), room - at);
}

TEST_F(leaks, control_messages)
{
	u8 got[BUFFER], want[BUFFER], payload[8];
	struct iovec iov = { payload, sizeof(payload) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const u64 lost = 2;
	struct lib_message m;
	size_t n, at, room;
	int i;

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO, BLIPMQ_INFO_ID |
				BLIPMQ_INFO_TIMESTAMP | BLIPMQ_INFO_LOST));
	/* Lengths around what needs no control message, and with any padding. */
	for (n = 125; n <= 135; n += n < 134 ? 1 : TOPIC_MAX - 134) {
		self->topic[n] = '\0';
		ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE,
					      self->topic, NULL));
		self->topic[n] = 't';
		for (i = 0; i < 3; i++)
			ASSERT_TRUE(publish(self->pub, self->topic, n, "x", 1));
		ASSERT_EQ(1, lib_recvmsg(self->sub, &m, payload, 1, MSG_PEEK));
		ASSERT_TRUE(m.have_id && m.have_timestamp);
		ASSERT_EQ(lost, m.lost);
		for (room = 0; room <= 400; room++) {
			memset(got, UNTOUCHED, sizeof(got));
			memset(want, UNTOUCHED, sizeof(want));
			msg.msg_control = got;
			msg.msg_controllen = room;
			ASSERT_EQ(1, recvmsg(self->sub, &msg, MSG_PEEK));
			at = 0;
			if (n > BLIPMQ_ADDRESS_TOPIC_MAX)
				at = want_cmsg(want, at, room, BLIPMQ_TOPIC,
					       self->topic, n);
			at = want_cmsg(want, at, room, BLIPMQ_MSG_ID, &m.id, 8);
			at = want_cmsg(want, at, room, BLIPMQ_TIMESTAMP,
				       &m.timestamp, 8);
			at = want_cmsg(want, at, room, BLIPMQ_LOST, &lost, 8);
			ASSERT_EQ(at, msg.msg_controllen);
			ASSERT_TRUE(exact("control", got, sizeof(got), want,
					  sizeof(want)));
		}
		/* The count of losses stays until there is room for it. */
		ASSERT_EQ(1, lib_recvmsg(self->sub, &m, payload, 1, 0));
		ASSERT_EQ(lost, m.lost);
	}
}

/* Around each size at which a message is stored in another way. */
TEST_F(leaks, payloads)
{
	static const size_t sizes[] = { 0, 1, 7, 300, 1000, 1024, 4096, 15000,
					16384, 32768, 65519, 65536, 300001 };
	u8 *out = malloc(LARGE), *in = malloc(LARGE), head[21];
	size_t i, k, size;
	u64 id, last = 0;

	ASSERT_TRUE(out && in);
	ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE, "leaks",
				      NULL));
	ASSERT_TRUE(lib_subscribe(&self->in, "leaks"));
	for (i = 0; i < LARGE; i++)
		out[i] = (u8)(i * 7 + i / 256);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = sizes[i];
		ASSERT_TRUE(publish(self->pub, "leaks", 5, out, size));
		/* In little room, in enough, in plenty. */
		for (k = 0; k < 3; k++) {
			memset(in, UNTOUCHED, LARGE);
			ASSERT_EQ((ssize_t)(k ? size : size / 2),
				  recv(self->sub, in, k < 2 ? size / (2 - k) :
				       LARGE, k < 2 ? MSG_PEEK : 0));
			ASSERT_TRUE(exact("message", in, LARGE, out,
					  k ? size : size / 2));
		}
		/* The id is the one thing that is not known beforehand. */
		memset(in, UNTOUCHED, LARGE);
		ASSERT_EQ((ssize_t)(sizeof(head) + size),
			  recv(self->in.fd, in, LARGE, 0));
		id = blipmq_get_le64(in + 13);
		EXPECT_EQ(i ? last + 1 : id, id);
		last = id;
		blipmq_frame_encode(head, BLIPMQ_OP_MSG, 0, 5, (u32)(8 + size));
		memcpy(head + 8, "leaks", 5);
		blipmq_put_le64(head + 13, id);
		ASSERT_EQ(0, memcmp(in, head, sizeof(head)));
		ASSERT_TRUE(exact("frame", in + 21, LARGE - 21, out, size));
	}
	free(out);
	free(in);
}

/* To the byte, but for the texts, which are for people. */
TEST_F(leaks, answers)
{
	struct lib_peer *p = &self->in;
	u8 body[BLIPMQ_FRAME_PING_MAX];
	char *t = self->topic;
	size_t n, i;

	for (i = 0; i < sizeof(body); i++)
		body[i] = (u8)i;
	for (n = 0; n <= sizeof(body); n++) {
		lib_put(p, BLIPMQ_OP_PING, 0, NULL, body, n);
		ASSERT_TRUE(lib_send(p));
		ASSERT_TRUE(lib_expect_pong(p, body, n));
	}
	for (n = 1; n <= TOPIC_MAX; n++) {
		t[n] = '\0';
		lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, t, 0x01020304, NULL, 0);
		lib_put(p, BLIPMQ_OP_UNSUB, 0, t, NULL, 0);
		ASSERT_TRUE(lib_send(p));
		ASSERT_TRUE(lib_expect_ack(p, 0x01020304, t));
		ASSERT_TRUE(lib_expect_err(p, 404, 0, t));
		t[n] = 't';
	}
	ASSERT_TRUE(lib_option(p, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(lib_subscribe(p, "leaks"));
	for (i = 0; i < 3; i++)
		ASSERT_TRUE(publish(self->pub, "leaks", 5, "x", 1));
	ASSERT_TRUE(lib_expect_lost(p, 2));
	ASSERT_TRUE(lib_expect_msg(p, "leaks", "x", 1, NULL));
}

/* What could not be copied in whole is not published, and leaves no gap. */
TEST_F(leaks, faults_of_the_writer)
{
	struct lib_peer *p = &self->in, out;
	size_t size = 3000, head = 8 + 5 + 8, cut;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	u8 *end = self->bad + 4096;

	ASSERT_LE(0, lib_open(&out, LIB_LOCAL));
	ASSERT_TRUE(lib_subscribe(p, "leaks"));
	memset(self->bad, 'm', 4096);
	for (cut = 0; cut < 4096; cut += 1365) {
		EXPECT_EQ(-1, send(self->pub, end - cut, cut + 500, 0));
		iov = (struct iovec){ end - cut, cut + 500 };
		EXPECT_EQ(-EFAULT, lib_sendto(self->pub, "leaks", end - cut,
					      cut + 500));
	}
	/* A stream's frame, of which the second write faults half way. */
	lib_put_pub(&out, 0, "leaks", 0, self->bad, size);
	for (cut = 1; cut < head + size; cut += 500) {
		memcpy(self->bad, out.out, head + size);
		ASSERT_EQ((ssize_t)cut, send(out.fd, out.out, cut, 0));
		iov = (struct iovec){ end - 1, 600 };
		EXPECT_EQ(-1, sendmsg(out.fd, &msg, MSG_NOSIGNAL));
		EXPECT_EQ(EFAULT, errno);
		ASSERT_EQ((ssize_t)(head + size - cut),
			  send(out.fd, out.out + cut, head + size - cut, 0));
		ASSERT_TRUE(lib_expect_msg(p, "leaks", out.out + head, size,
					   NULL));
	}
	EXPECT_TRUE(lib_sync(p));
	lib_close(&out);
}

TEST_HARNESS_MAIN
