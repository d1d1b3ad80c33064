// SPDX-License-Identifier: GPL-2.0
/*
 * What recvmsg() says beside the message, and many messages in one call.
 */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "harness.h"
#include "lib.h"

#define TOPIC	"c.t"

FIXTURE(control) {
	int pub;
	int sub;
};

FIXTURE_SETUP(control)
{
	self->pub = lib_packet();
	self->sub = lib_packet();
	ASSERT_LE(0, self->pub);
	ASSERT_LE(0, self->sub);
	ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE, TOPIC,
				      NULL));
}

FIXTURE_TEARDOWN(control)
{
	close(self->pub);
	close(self->sub);
}

TEST_F(control, none_unless_asked_for)
{
	struct lib_message m;
	char c;

	ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "x", 1));
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
	EXPECT_EQ(0U, m.controls);
	EXPECT_STREQ(TOPIC, m.topic);
	EXPECT_EQ(2U + strlen(TOPIC), m.name_len);
}

/* The publisher's number above, its sequence below: one more each time. */
TEST_F(control, msg_id)
{
	struct lib_message m, other;
	u64 first = 0;
	u64 i;
	char c;

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO, BLIPMQ_INFO_ID));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "x", 1));
		ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
		ASSERT_TRUE(m.have_id);
		EXPECT_EQ(1U, m.controls);
		if (!i)
			first = m.id;
		ASSERT_EQ(first + i, m.id);
	}
	/* Another publisher has another number. */
	ASSERT_EQ(1, lib_sendto(self->sub, TOPIC, "x", 1));
	ASSERT_EQ(1, lib_recvmsg(self->sub, &other, &c, 1, 0));
	EXPECT_NE(m.id >> 40, other.id >> 40);
}

/* All subscribers, of either type, see the same id. */
TEST_F(control, msg_id_is_the_same_for_all)
{
	struct lib_message m;
	struct lib_peer s;
	u64 id = 0;
	char c;

	ASSERT_LE(0, lib_open(&s, LIB_LOCAL));
	ASSERT_TRUE(lib_subscribe(&s, TOPIC));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO, BLIPMQ_INFO_ID));
	ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "x", 1));
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
	ASSERT_TRUE(lib_expect_msg(&s, TOPIC, "x", 1, &id));
	EXPECT_TRUE(m.have_id);
	EXPECT_EQ(id, m.id);
	lib_close(&s);
}

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/*
 * When it was published, not when it was read. A coarse clock may be one
 * tick of at most 10 ms behind.
 */
TEST_F(control, timestamp)
{
	struct lib_message m;
	u64 before, after;
	char c;

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO,
				BLIPMQ_INFO_TIMESTAMP));
	before = now();
	ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "x", 1));
	after = now();
	/* The clock moves on before it is read. */
	while (now() < after + 20000000)
		;
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
	ASSERT_TRUE(m.have_timestamp);
	EXPECT_LE(before - 10000000, m.timestamp);
	EXPECT_GE(after, m.timestamp);
}

/* Only on the message after the gap; a peek does not take it away. */
TEST_F(control, lost)
{
	struct lib_message m;
	int i;
	char c;

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO, BLIPMQ_INFO_LOST));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_MESSAGES, 4));
	for (i = 0; i < 10; i++) {
		c = (char)('0' + i);
		ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, &c, 1));
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, MSG_PEEK));
		ASSERT_TRUE(m.have_lost);
		EXPECT_EQ(6ULL, m.lost);
		EXPECT_EQ('6', c);
	}
	for (i = 6; i < 10; i++) {
		ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
		EXPECT_EQ('0' + i, c);
		EXPECT_EQ(i == 6, m.have_lost);
		EXPECT_EQ(i == 6 ? 6ULL : 0ULL, m.lost);
	}
	/* The next gap counts anew. */
	for (i = 0; i < 5; i++)
		ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "x", 1));
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
	EXPECT_EQ(1ULL, m.lost);
}

/* A peeked message is never evicted: it is the one that is read next. */
TEST_F(control, a_peeked_message_stays)
{
	struct lib_message m;
	u64 lost = 0;
	int i, last = 0;
	char c;

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO, BLIPMQ_INFO_LOST));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_MESSAGES, 4));
	ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "0", 1));
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, MSG_PEEK));
	for (i = 1; i < 10; i++) {
		c = (char)('0' + i);
		ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, &c, 1));
	}
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
	EXPECT_EQ('0', c);
	EXPECT_FALSE(m.have_lost);
	for (i = 1; i < 10; i += 1 + (int)m.lost) {
		ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
		/* The gap is as long as it is said to be. */
		EXPECT_EQ('0' + last + 1 + (int)m.lost, c);
		last = c - '0';
		lost += m.lost;
	}
	EXPECT_EQ(9, last);
	EXPECT_LE(5ULL, lost);
}

/* A topic longer than an address comes as a control message, always. */
TEST_F(control, long_topics)
{
	struct lib_message m;
	char topic[256];
	size_t len;
	char c;

	for (len = 118; len < 256; len += len < 128 ? 1 : 127) {
		memset(topic, 'y', len);
		topic[len] = '\0';
		ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE,
					      topic, NULL));
		ASSERT_EQ(0, setsockopt(self->pub, SOL_BLIPMQ,
					BLIPMQ_TOPIC_DEFAULT, topic,
					(socklen_t)len));
		ASSERT_EQ(1, send(self->pub, "x", 1, 0));
		ASSERT_EQ(1, lib_recvmsg(self->sub, &m, &c, 1, 0));
		EXPECT_STREQ(topic, m.topic);
		EXPECT_EQ(!m.topic_by_control, m.name_len == len + 2);
		EXPECT_EQ(m.topic_by_control, m.name_len == 0);
		if (len <= 120)
			EXPECT_FALSE(m.topic_by_control);
		if (len > BLIPMQ_ADDRESS_TOPIC_MAX)
			EXPECT_TRUE(m.topic_by_control);
	}
}

/* Too little room for control messages is said, and loses no message. */
/* A count that finds no room comes with the next message that has some. */
TEST_F(control, lost_without_room)
{
	char buf[8], control[24];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct lib_message m;
	int i;

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO, BLIPMQ_INFO_ID |
				BLIPMQ_INFO_LOST));
	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_QUEUE_MESSAGES, 2));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "x", 1));
	/* Room for the id, which comes first. */
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	ASSERT_EQ(1, recvmsg(self->sub, &msg, 0));
	EXPECT_TRUE(msg.msg_flags & MSG_CTRUNC);
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, buf, sizeof(buf), 0));
	ASSERT_TRUE(m.have_lost);
	EXPECT_EQ(3ULL, m.lost);
	ASSERT_EQ(1, lib_sendto(self->pub, TOPIC, "x", 1));
	ASSERT_EQ(1, lib_recvmsg(self->sub, &m, buf, sizeof(buf), 0));
	EXPECT_FALSE(m.have_lost);
}

TEST_F(control, truncated_control)
{
	char control[CMSG_SPACE(8)] __attribute__((aligned(8)));
	char buf[8];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};

	ASSERT_TRUE(lib_set_u32(self->sub, BLIPMQ_INFO,
				BLIPMQ_INFO_ID | BLIPMQ_INFO_TIMESTAMP));
	ASSERT_EQ(2, lib_sendto(self->pub, TOPIC, "hi", 2));
	EXPECT_EQ(2, recvmsg(self->sub, &msg, 0));
	EXPECT_EQ(MSG_CTRUNC, msg.msg_flags & MSG_CTRUNC);
}

TEST_F(control, publish)
{
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(sizeof(struct blipmq_publish))];
	} control = { .bytes = { 0 } };
	struct blipmq_publish publish = { .ttl_ms = BLIPMQ_TTL_NEVER };
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct sockaddr_blipmq sa;
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = lib_address(&sa, TOPIC),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	char c;

	control.c.cmsg_level = SOL_BLIPMQ;
	control.c.cmsg_type = BLIPMQ_PUBLISH;
	control.c.cmsg_len = CMSG_LEN(sizeof(publish));
	memcpy(CMSG_DATA(&control.c), &publish, sizeof(publish));
	EXPECT_EQ(1, sendmsg(self->pub, &msg, 0));
	EXPECT_EQ(1, recv(self->sub, &c, 1, MSG_DONTWAIT));
	publish.ttl_ms = 0;
	publish.flags = 1;
	memcpy(CMSG_DATA(&control.c), &publish, sizeof(publish));
	EXPECT_EQ(-1, sendmsg(self->pub, &msg, 0));
	EXPECT_EQ(EINVAL, errno);
	/* One that is cut short. */
	control.c.cmsg_len = CMSG_LEN(4);
	EXPECT_EQ(-1, sendmsg(self->pub, &msg, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, recv(self->sub, &c, 1, MSG_DONTWAIT));
}

#define MANY	40

TEST_F(control, sendmmsg_and_recvmmsg)
{
	struct sockaddr_blipmq to, from[MANY];
	struct mmsghdr out[MANY] = { 0 }, in[MANY] = { 0 };
	struct iovec iov[MANY], riov[MANY];
	char text[MANY][16], buf[MANY][16];
	int i, n, have = 0;

	for (i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof(text[i]), "message %d", i);
		iov[i].iov_base = text[i];
		iov[i].iov_len = strlen(text[i]);
		out[i].msg_hdr.msg_iov = &iov[i];
		out[i].msg_hdr.msg_iovlen = 1;
		out[i].msg_hdr.msg_name = &to;
		out[i].msg_hdr.msg_namelen = lib_address(&to, TOPIC);
		riov[i].iov_base = buf[i];
		riov[i].iov_len = sizeof(buf[i]);
		in[i].msg_hdr.msg_iov = &riov[i];
		in[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_name = &from[i];
		in[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	ASSERT_EQ(MANY, sendmmsg(self->pub, out, MANY, 0));
	while (have < MANY) {
		n = recvmmsg(self->sub, in + have, (unsigned int)(MANY - have),
			     MSG_WAITFORONE, NULL);
		ASSERT_LT(0, n);
		have += n;
	}
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(strlen(text[i]), in[i].msg_len);
		EXPECT_EQ(0, memcmp(text[i], buf[i], in[i].msg_len));
		EXPECT_EQ(2 + strlen(TOPIC), in[i].msg_hdr.msg_namelen);
		EXPECT_EQ(0, memcmp(from[i].sbm_topic, TOPIC, strlen(TOPIC)));
	}
	EXPECT_EQ(-1, recvmmsg(self->sub, in, 1, MSG_DONTWAIT, NULL));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_HARNESS_MAIN
