// SPDX-License-Identifier: GPL-2.0
/*
 * What is said of one topic: its own rule, how long its messages live, and how
 * many a second there may be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "reader.h"

#define ALICE	1001
#define STAFF	4711
#define NEVER	0xffffffff

/* Long enough for the one and short enough for the other. */
#define SHORT_MS	20
#define LONG_MS		600000

#define TTL	BLIPMQ_A_TOPIC_TTL_MS
#define RATE	BLIPMQ_A_TOPIC_PUBLISH_RATE
#define MODE	BLIPMQ_A_TOPIC_MODE
#define UID	BLIPMQ_A_TOPIC_UID
#define GID	BLIPMQ_A_TOPIC_GID

static const char * const names[] = { "st.a", "st.b", "st.c", "st.own" };

static int set(const char *topic, int attr, u32 value)
{
	const struct lib_attr attrs[] = {
		{ BLIPMQ_A_TOPIC_NAME, topic, 0 },
		{ attr, NULL, value },
	};

	return (int)lib_request(BLIPMQ_CMD_TOPIC_SET, attrs, 2, 0);
}

/* -ENODATA when nothing is said of it. */
static long long get(const char *topic, int attr)
{
	const struct lib_attr name = { BLIPMQ_A_TOPIC_NAME, topic, 0 };

	return lib_request(BLIPMQ_CMD_TOPIC_GET, &name, 1, attr);
}

static int delete(const char *topic)
{
	const struct lib_attr name = { BLIPMQ_A_TOPIC_NAME, topic, 0 };

	return (int)lib_request(BLIPMQ_CMD_TOPIC_DELETE, &name, 1, 0);
}

FIXTURE(settings) {
	struct reader r;
	struct lib_peer pub;	/* .fd alone, for packet sockets */
	bool packet;
};

FIXTURE_VARIANT(settings) {
	enum reader_way way;
};

FIXTURE_VARIANT_ADD(settings, stream) {
	.way = READER_STREAM,
};

FIXTURE_VARIANT_ADD(settings, tcp) {
	.way = READER_TCP,
};

FIXTURE_VARIANT_ADD(settings, packet) {
	.way = READER_PACKET,
};

FIXTURE_SETUP(settings)
{
	ASSERT_TRUE(reader_open(&self->r, variant->way));
	self->packet = variant->way == READER_PACKET;
	if (self->packet)
		self->pub.fd = lib_packet();
	else
		lib_open(&self->pub, variant->way == READER_TCP ? LIB_TCP :
								  LIB_LOCAL);
	ASSERT_LE(0, self->pub.fd);
}

FIXTURE_TEARDOWN(settings)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		delete(names[i]);
	EXPECT_TRUE(lib_rules_clear());
	reader_close(&self->r);
	if (self->packet)
		close(self->pub.fd);
	else
		lib_close(&self->pub);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
	EXPECT_TRUE(lib_status_law());
}

/* A PUB with a time to live of its own, 0 for none. */
static void put_ttl(struct lib_peer *p, const char *topic, u32 ttl, u32 number)
{
	u8 body[12];

	blipmq_put_le32(body, ttl);
	blipmq_put_le32(body + 4, 0);
	blipmq_put_le32(body + 8, number);
	lib_put(p, BLIPMQ_OP_PUB, 0, topic, body, sizeof(body));
}

static bool send_ttl(int fd, const char *topic, u32 ttl, u32 number)
{
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(sizeof(struct blipmq_publish))];
	} control = { .bytes = { 0 } };
	struct blipmq_publish publish = { .ttl_ms = ttl };
	struct sockaddr_blipmq sa;
	u8 payload[4];
	struct iovec iov = { payload, sizeof(payload) };
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = lib_address(&sa, topic),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	blipmq_put_le32(payload, number);
	control.c.cmsg_level = SOL_BLIPMQ;
	control.c.cmsg_type = BLIPMQ_PUBLISH;
	control.c.cmsg_len = CMSG_LEN(sizeof(publish));
	memcpy(CMSG_DATA(&control.c), &publish, sizeof(publish));
	return sendmsg(fd, &msg, 0) == 4;
}

static bool publish_ttl(struct lib_peer *p, bool packet, const char *topic,
			u32 ttl, u32 number)
{
	if (packet)
		return send_ttl(p->fd, topic, ttl, number);
	put_ttl(p, topic, ttl, number);
	return true;
}

/* The message says it, else the socket, else the topic. */
TEST_F(settings, time_to_live)
{
	struct lib_peer *p = &self->pub;
	bool packet = self->packet;

	ASSERT_EQ(0, set("st.a", TTL, SHORT_MS));
	ASSERT_EQ(0, set("st.b", TTL, LONG_MS));
	ASSERT_TRUE(reader_subscribe(&self->r, "st.*", NULL));
	/* Neighbours of one write. */
	ASSERT_TRUE(publish_ttl(p, packet, "st.a", 0, 1));
	ASSERT_TRUE(publish_ttl(p, packet, "st.b", 0, 2));
	ASSERT_TRUE(publish_ttl(p, packet, "st.a", 0, 3));
	ASSERT_TRUE(publish_ttl(p, packet, "st.a", LONG_MS, 4));
	ASSERT_TRUE(publish_ttl(p, packet, "st.b", SHORT_MS, 5));
	ASSERT_TRUE(publish_ttl(p, packet, "st.a", NEVER, 6));
	ASSERT_TRUE(publish_ttl(p, packet, "st.c", 0, 7));
	if (!packet)
		ASSERT_TRUE(lib_send(p) && lib_sync(p));
	if (variant->way == READER_TCP)
		SKIP(return, "a TCP client may have got them already");
	usleep(10 * SHORT_MS * 1000);
	EXPECT_TRUE(reader_expect_u32(&self->r, "st.b", 2));
	EXPECT_TRUE(reader_expect_u32(&self->r, "st.a", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, "st.a", 6));
	EXPECT_TRUE(reader_expect_u32(&self->r, "st.c", 7));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

TEST_F(settings, time_to_live_of_a_socket)
{
	struct lib_peer *p = &self->pub;
	bool packet = self->packet;

	if (variant->way == READER_TCP)
		SKIP(return, "it is read before it expires");
	ASSERT_EQ(0, set("st.a", TTL, SHORT_MS));
	ASSERT_TRUE(reader_subscribe(&self->r, "st.*", NULL));
	ASSERT_TRUE(packet ? lib_set_u32(p->fd, BLIPMQ_TTL, LONG_MS) :
			     lib_option(p, BLIPMQ_TTL, LONG_MS));
	ASSERT_TRUE(publish_ttl(p, packet, "st.a", 0, 1));
	if (!packet)
		ASSERT_TRUE(lib_sync(p));
	ASSERT_TRUE(packet ? lib_set_u32(p->fd, BLIPMQ_TTL, 0) :
			     lib_option(p, BLIPMQ_TTL, 0));
	ASSERT_TRUE(publish_ttl(p, packet, "st.a", 0, 2));
	ASSERT_EQ(0, set("st.a", TTL, 0));
	if (!packet)
		ASSERT_TRUE(lib_sync(p));
	usleep(10 * SHORT_MS * 1000);
	ASSERT_TRUE(publish_ttl(p, packet, "st.a", 0, 3));
	if (!packet)
		ASSERT_TRUE(lib_sync(p));
	EXPECT_TRUE(reader_expect_u32(&self->r, "st.a", 1));
	if (packet) {
		EXPECT_TRUE(reader_expect_u32(&self->r, "st.a", 3));
		EXPECT_TRUE(reader_expect_nothing(&self->r));
	}
}

/* Returns messages that were accepted of @n, -1 when something else came. */
static int flood(struct lib_peer *p, bool packet, const char *topic, int n)
{
	struct lib_frame in;
	char payload[4] = "";
	int i, accepted = 0;
	ssize_t ret;

	for (i = 0; packet && i < n; i++) {
		ret = lib_sendto(p->fd, topic, payload, 4);
		if (ret != 4 && ret != -ENOBUFS)
			return -1;
		accepted += ret == 4;
	}
	if (packet)
		return accepted;
	for (i = 0; i < n; i++)
		lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, topic, (u32)i, payload, 4);
	if (!lib_send(p))
		return -1;
	for (i = 0; i < n; i++) {
		if (lib_next(p, &in) != 1 ||
		    blipmq_get_le32(in.body) != (u32)i)
			return -1;
		if (in.f.op == BLIPMQ_OP_ACK)
			accepted++;
		else if (in.f.op != BLIPMQ_OP_ERR ||
			 blipmq_get_le16(in.body + 4) != 429 ||
			 !memmem(in.body + 6, in.body_len - 6, "publish-rate",
				 12))
			return -1;
	}
	return accepted;
}

static bool expect(struct reader *r, const char *topic, int n)
{
	while (n-- > 0)
		if (!reader_expect(r, topic, "\0\0\0", 4))
			return false;
	return true;
}

/* A second's worth may come at once, and what is too much has no effect. */
TEST_F(settings, publish_rate)
{
	int n;

	ASSERT_EQ(0, set("st.a", RATE, 2));
	ASSERT_TRUE(reader_subscribe(&self->r, "st.*", NULL));
	n = flood(&self->pub, self->packet, "st.a", 300);
	EXPECT_LE(2, n);
	EXPECT_GT(300, n);
	EXPECT_TRUE(expect(&self->r, "st.a", n));
	/* Another topic, a higher rate, and none. */
	EXPECT_EQ(300, flood(&self->pub, self->packet, "st.b", 300));
	EXPECT_TRUE(expect(&self->r, "st.b", 300));
	ASSERT_EQ(0, set("st.a", RATE, 1000));
	EXPECT_EQ(300, flood(&self->pub, self->packet, "st.a", 300));
	EXPECT_TRUE(expect(&self->r, "st.a", 300));
	ASSERT_EQ(0, set("st.a", RATE, 1));
	EXPECT_GT(300, flood(&self->pub, self->packet, "st.a", 300));
	ASSERT_EQ(0, set("st.a", RATE, 0));
	EXPECT_EQ(300, flood(&self->pub, self->packet, "st.a", 300));
}

/* What is not published is not counted: here the reader has no room. */
TEST_F(settings, publish_rate_of_what_waits)
{
	char payload[4] = "";
	int i;

	if (variant->way == READER_TCP)
		SKIP(return, "its proxy waits in its place");
	ASSERT_EQ(0, set("st.a", RATE, 2));
	ASSERT_TRUE(self->packet ?
		    lib_set_u32(self->r.fd, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_BLOCK) :
		    lib_option(&self->r.peer, BLIPMQ_OVERFLOW,
			       BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_TRUE(reader_set_limits(&self->r, 1, 1 << 20));
	ASSERT_TRUE(reader_subscribe(&self->r, "st.*", NULL));
	ASSERT_EQ(1, flood(&self->pub, self->packet, "st.a", 1));
	if (!self->packet) {
		lib_put_pub(&self->pub, BLIPMQ_FLAG_CONFIRM, "st.a", 7, payload,
			    4);
	}
	ASSERT_EQ(0, fcntl(self->pub.fd, F_SETFL, O_NONBLOCK));
	for (i = 0; i < 100; i++) {
		if (self->packet) {
			ASSERT_EQ(-EAGAIN, lib_sendto(self->pub.fd, "st.a",
						      payload, 4));
		} else {
			ASSERT_EQ(-1, send(self->pub.fd, self->pub.out,
					   self->pub.out_len, 0));
			ASSERT_EQ(EAGAIN, errno);
		}
	}
	ASSERT_EQ(0, fcntl(self->pub.fd, F_SETFL, 0));
	EXPECT_TRUE(expect(&self->r, "st.a", 1));
	if (self->packet) {
		EXPECT_EQ(4, lib_sendto(self->pub.fd, "st.a", payload, 4));
	} else {
		ASSERT_TRUE(lib_send(&self->pub));
		EXPECT_TRUE(lib_expect_ack(&self->pub, 7, "st.a"));
	}
	EXPECT_TRUE(expect(&self->r, "st.a", 1));
}

/* What stands outside of any way. */
FIXTURE(topic) { };

FIXTURE_SETUP(topic) { }

FIXTURE_TEARDOWN(topic)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		delete(names[i]);
	EXPECT_TRUE(lib_rules_clear());
}

TEST_F(topic, own_rule)
{
	int open = BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH;

	ASSERT_EQ(0, lib_rule_add("st.*", ALICE, ALICE, 0600));
	/* What says nothing of rights leaves them to others. */
	ASSERT_EQ(0, set("st.own", TTL, LONG_MS));
	EXPECT_EQ(0, lib_rule_may("st.own", 1002, STAFF));
	EXPECT_EQ(open, lib_rule_may("st.own", ALICE, STAFF));
	EXPECT_EQ(-ENODATA, set("st.own", UID, 1002));
	EXPECT_EQ(-ENODATA, set("st.b", GID, STAFF));
	EXPECT_EQ(0, set("st.own", MODE, 0660));
	EXPECT_EQ(0, lib_rule_may("st.own", ALICE, STAFF));
	EXPECT_EQ(open, lib_rule_may("st.own", 0, STAFF));
	EXPECT_EQ(0, set("st.own", UID, 1002));
	EXPECT_EQ(0, set("st.own", GID, STAFF));
	EXPECT_EQ(open, lib_rule_may("st.own", 1002, 1));
	EXPECT_EQ(open, lib_rule_may("st.own", 1003, STAFF));
	EXPECT_EQ(0, lib_rule_may("st.own", 0, 0));
	EXPECT_EQ(1002, get("st.own", UID));
	EXPECT_EQ(STAFF, get("st.own", GID));
	EXPECT_EQ(0660, get("st.own", MODE));
	EXPECT_EQ(LONG_MS, get("st.own", TTL));
	EXPECT_EQ(-ENODATA, get("st.own", RATE));
	/* Its rule goes, its settings stay. */
	EXPECT_EQ(0, lib_rule_delete("st.own"));
	EXPECT_EQ(-ENOENT, lib_rule_delete("st.own"));
	EXPECT_EQ(open, lib_rule_may("st.own", ALICE, STAFF));
	EXPECT_EQ(LONG_MS, get("st.own", TTL));
	EXPECT_EQ(-ENODATA, get("st.own", MODE));
	/* And a rule that comes lets them be. */
	EXPECT_EQ(0, lib_rule_add("st.own", 0, 0, 0600));
	EXPECT_EQ(LONG_MS, get("st.own", TTL));
	EXPECT_EQ(0, delete("st.own"));
	EXPECT_EQ(-ENOENT, delete("st.own"));
	EXPECT_EQ(-ENOENT, get("st.own", TTL));
	EXPECT_EQ(open, lib_rule_may("st.own", ALICE, STAFF));
}

/* What somebody who may not change it is told of its mode; -1 if he may. */
static int seen_by(uid_t uid)
{
	int status, told;
	pid_t pid = fork();

	if (!pid) {
		if (setresuid(uid, uid, uid) ||
		    set("st.a", RATE, 6) != -EPERM || delete("st.a") != -EPERM)
			_exit(1);
		told = (int)get("st.a", MODE);
		_exit(told == 0666 ? 2 : told == -ENOENT ? 3 : 1);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status) == 2 ? 0666 :
	       WEXITSTATUS(status) == 3 ? -ENOENT : -1;
}

/* A topic that exists shows them, to its owner. */
TEST_F(topic, in_the_list)
{
	int fd = lib_packet();

	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "st.a", NULL));
	EXPECT_EQ(0, get("st.a", UID));
	EXPECT_EQ(-ENODATA, get("st.a", MODE));
	ASSERT_EQ(0, set("st.a", RATE, 5));
	ASSERT_EQ(0, set("st.a", MODE, 0666));
	ASSERT_EQ(0, set("st.a", UID, ALICE));
	EXPECT_EQ(ALICE, get("st.a", UID));
	EXPECT_EQ(5, get("st.a", RATE));
	EXPECT_EQ(1, get("st.a", BLIPMQ_A_TOPIC_SUBSCRIPTIONS));
	EXPECT_EQ(0666, seen_by(ALICE));
	EXPECT_EQ(-ENOENT, seen_by(1002));
	ASSERT_EQ(0, delete("st.a"));
	EXPECT_EQ(0, get("st.a", UID));
	EXPECT_EQ(-ENODATA, get("st.a", RATE));
	close(fd);
}

TEST_F(topic, bad_input)
{
	const struct lib_attr name = { BLIPMQ_A_TOPIC_NAME, "st.a", 0 };
	const struct lib_attr rate = { RATE, NULL, 1 };

	EXPECT_EQ(-EINVAL, set("st.*", RATE, 1));
	EXPECT_EQ(-EINVAL, set("st..a", RATE, 1));
	EXPECT_EQ(-EINVAL, delete(">"));
	EXPECT_EQ(-ERANGE, set("st.a", RATE, 10000001));
	EXPECT_EQ(-ERANGE, set("st.a", MODE, 01000));
	EXPECT_EQ(-EINVAL, set("st.a", UID, (u32)-1));
	EXPECT_EQ(-EINVAL, lib_request(BLIPMQ_CMD_TOPIC_SET, &name, 1, 0));
	EXPECT_EQ(-EINVAL, lib_request(BLIPMQ_CMD_TOPIC_SET, &rate, 1, 0));
	EXPECT_EQ(-ENOENT, delete("st.a"));
	/* To say nothing where nothing is said. */
	EXPECT_EQ(0, set("st.a", RATE, 0));
	EXPECT_EQ(-ENOENT, delete("st.a"));
	EXPECT_EQ(0, set("st.a", RATE, 1));
	EXPECT_EQ(0, set("st.a", RATE, 0));
	EXPECT_EQ(-ENOENT, delete("st.a"));
}

TEST_HARNESS_MAIN
