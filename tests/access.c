// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of who may publish, subscribe and block: by any way in and out, and when
 * they change under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "reader.h"

#define NOBODY	65534

/* The user of blipmqd's clients, by whatever way. */
FIXTURE(access) {
	struct reader r;
	struct lib_peer pub;	/* .fd alone, for packet sockets */
	int root;
	long long subscriptions;
};

FIXTURE_VARIANT(access) {
	enum reader_way way;
};

FIXTURE_VARIANT_ADD(access, stream) {
	.way = READER_STREAM,
};

FIXTURE_VARIANT_ADD(access, tcp) {
	.way = READER_TCP,
};

FIXTURE_VARIANT_ADD(access, packet) {
	.way = READER_PACKET,
};

FIXTURE_SETUP(access)
{
	const struct timeval hang = { .tv_sec = LIB_HANG_MS / 1000 };

	self->subscriptions = lib_status_of("subscriptions");
	ASSERT_TRUE(lib_become(0, 0, 0));
	self->root = lib_packet();
	ASSERT_LE(0, self->root);
	setsockopt(self->root, SOL_SOCKET, SO_SNDTIMEO, &hang, sizeof(hang));
	ASSERT_TRUE(lib_become(NOBODY, NOBODY, 0));
	ASSERT_TRUE(reader_open(&self->r, variant->way));
	if (variant->way == READER_PACKET)
		self->pub.fd = lib_packet();
	else
		lib_open(&self->pub, variant->way == READER_TCP ? LIB_TCP :
								  LIB_LOCAL);
	ASSERT_LE(0, self->pub.fd);
	ASSERT_TRUE(lib_become(0, 0, 0));
}

FIXTURE_TEARDOWN(access)
{
	EXPECT_TRUE(lib_become(0, 0, 0));
	EXPECT_TRUE(lib_rules_clear());
	reader_close(&self->r);
	if (variant->way == READER_PACKET)
		close(self->pub.fd);
	else
		lib_close(&self->pub);
	close(self->root);
	EXPECT_TRUE(lib_status_wait("subscriptions", self->subscriptions));
	EXPECT_TRUE(lib_status_law());
}

/* Returns 0, or the negative errno with which it was refused. */
static int publish(struct lib_peer *p, bool packet, const char *topic,
		   u8 flags, u32 number)
{
	static u32 tag;
	struct lib_frame in;
	u8 payload[4];
	ssize_t n;

	blipmq_put_le32(payload, number);
	if (packet) {
		n = flags ? lib_retain(p->fd, topic, payload, 4) :
			    lib_sendto(p->fd, topic, payload, 4);
		return n == 4 ? 0 : (int)n;
	}
	lib_put_pub(p, flags | BLIPMQ_FLAG_CONFIRM, topic, ++tag, payload, 4);
	if (!lib_send(p) || lib_next(p, &in) != 1 ||
	    blipmq_get_le32(in.body) != tag ||
	    in.f.topic_len != strlen(topic) ||
	    memcmp(in.topic, topic, in.f.topic_len))
		return -EIO;
	if (in.f.op == BLIPMQ_OP_ACK)
		return 0;
	if (in.f.op == BLIPMQ_OP_ERR && blipmq_get_le16(in.body + 4) == 403)
		return -EACCES;
	return -EPROTO;
}

#define PUBLISH(topic, number) \
	publish(&self->pub, variant->way == READER_PACKET, topic, 0, number)
#define RETAIN(topic, number) \
	publish(&self->pub, variant->way == READER_PACKET, topic, \
		BLIPMQ_FLAG_RETAIN, number)
#define REFUSED(pattern, group) \
	reader_refused(&self->r, BLIPMQ_SUBSCRIBE, pattern, group, EACCES)

/* Without a rule for it, a topic is everybody's. */
TEST_F(access, where_nothing_is_said)
{
	ASSERT_EQ(0, lib_rule_add("ac.else", 0, 0, 0));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.x.*", NULL));
	EXPECT_EQ(0, PUBLISH("ac.x.y", 1));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.x.y", 1));
	EXPECT_EQ(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH,
		  lib_rule_may("ac.x.y", NOBODY, NOBODY));
	EXPECT_EQ(0, lib_rule_may("ac.else", NOBODY, NOBODY));
}

TEST_F(access, publishing)
{
	long long refused = lib_status_of("totals.refused");
	long long published = lib_status_of("totals.published");

	ASSERT_EQ(0, lib_rule_add("ac.*", 0, 0, 0644));
	ASSERT_EQ(0, lib_rule_add("ac.open", 0, 0, 0666));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.*", NULL));
	EXPECT_EQ(-EACCES, PUBLISH("ac.x", 1));
	EXPECT_EQ(0, PUBLISH("ac.open", 2));
	EXPECT_EQ(-EACCES, PUBLISH("ac.x", 3));
	EXPECT_EQ(-EACCES, RETAIN("ac.x", 4));
	EXPECT_EQ(0, PUBLISH("ac.x.y", 5));
	EXPECT_EQ(4, lib_sendto(self->root, "ac.x", "\6\0\0\0", 4));
	EXPECT_EQ(refused + 3, lib_status_of("totals.refused"));
	EXPECT_EQ(published + 3, lib_status_of("totals.published"));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.open", 2));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.x", 6));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	/* A refusal changes nothing: there is no value. */
	ASSERT_TRUE(reader_unsubscribe(&self->r, "ac.*", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.x", NULL));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

/* More topics than a publisher remembers, in turns. */
TEST_F(access, publishing_to_many_topics)
{
	char topic[32];
	int i, round;

	ASSERT_EQ(0, lib_rule_add("ac.*.no", 0, 0, 0644));
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 20; i++) {
			snprintf(topic, sizeof(topic), "ac.%d.%s", i,
				 i % 3 ? "yes" : "no");
			ASSERT_EQ(i % 3 ? 0 : -EACCES, PUBLISH(topic, 1));
		}
	}
	ASSERT_EQ(0, lib_rule_add("ac.*.no", 0, 0, 0666));
	ASSERT_EQ(0, PUBLISH("ac.0.no", 1));
	ASSERT_EQ(0, lib_rule_add("ac.*.yes", 0, 0, 0644));
	ASSERT_EQ(-EACCES, PUBLISH("ac.1.yes", 1));
	ASSERT_EQ(0, lib_rule_delete("ac.*.yes"));
	ASSERT_EQ(0, PUBLISH("ac.1.yes", 1));
}

TEST_F(access, subscribing)
{
	ASSERT_EQ(0, lib_rule_add("ac.secret", 0, 0, 0660));
	ASSERT_EQ(4, lib_retain(self->root, "ac.secret", "\1\0\0\0", 4));
	ASSERT_EQ(4, lib_retain(self->root, "ac.known", "\2\0\0\0", 4));
	EXPECT_TRUE(REFUSED("ac.secret", NULL));
	EXPECT_TRUE(REFUSED("ac.secret", "g"));
	EXPECT_TRUE(REFUSED("ac.*", NULL));
	EXPECT_TRUE(REFUSED("ac.*", "g"));
	EXPECT_TRUE(REFUSED("*.secret", NULL));
	EXPECT_TRUE(REFUSED("*.*", NULL));
	EXPECT_TRUE(REFUSED("ac.>", NULL));
	EXPECT_TRUE(REFUSED(">", NULL));
	EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_UNSUBSCRIBE, "ac.*", NULL,
				   ENOENT));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.secret.*", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.known", NULL));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.known", 2));
	ASSERT_EQ(4, lib_sendto(self->root, "ac.secret", "\3\0\0\0", 4));
	ASSERT_EQ(4, lib_sendto(self->root, "ac.secret.x", "\4\0\0\0", 4));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.secret.x", 4));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	ASSERT_EQ(0, lib_retain(self->root, "ac.secret", "", 0));
	ASSERT_EQ(0, lib_retain(self->root, "ac.known", "", 0));
}

/* A rule that contains a pattern decides before those that say less. */
TEST_F(access, subscribing_to_what_is_open)
{
	ASSERT_EQ(0, lib_rule_add("ac.>", 0, 0, 0600));
	ASSERT_EQ(0, lib_rule_add("ac.open.>", 0, 0, 0666));
	EXPECT_TRUE(reader_subscribe(&self->r, "ac.open.>", NULL));
	EXPECT_TRUE(reader_subscribe(&self->r, "ac.open.*", NULL));
	EXPECT_TRUE(reader_subscribe(&self->r, "ac.open.*", "g"));
	EXPECT_TRUE(reader_subscribe(&self->r, "ac.open.x", NULL));
	EXPECT_TRUE(REFUSED("ac.*.x", NULL));
	EXPECT_TRUE(REFUSED("ac.open", NULL));
	EXPECT_EQ(-EACCES, PUBLISH("ac.open", 1));
	EXPECT_EQ(0, PUBLISH("ac.open.x", 2));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.open.x", 2));
}

TEST_F(access, a_rule_that_takes_away)
{
	long long subscriptions;

	ASSERT_TRUE(reader_subscribe(&self->r, "ac.*", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.x", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.x", "g"));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.y", NULL));
	subscriptions = lib_status_of("subscriptions");
	ASSERT_EQ(0, PUBLISH("ac.y", 1));
	ASSERT_EQ(0, lib_rule_add("ac.x", 0, 0, 0660));
	EXPECT_EQ(subscriptions - 3, lib_status_of("subscriptions"));
	EXPECT_EQ(-EACCES, PUBLISH("ac.x", 2));
	ASSERT_EQ(4, lib_sendto(self->root, "ac.x", "\3\0\0\0", 4));
	ASSERT_EQ(4, lib_sendto(self->root, "ac.z", "\4\0\0\0", 4));
	ASSERT_EQ(0, PUBLISH("ac.y", 5));
	/* What came before is the reader's. */
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.y", 1));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.y", 5));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
	EXPECT_TRUE(reader_refused(&self->r, BLIPMQ_UNSUBSCRIBE, "ac.x", NULL,
				   ENOENT));
	EXPECT_TRUE(REFUSED("ac.*", NULL));
	/* One that gives. */
	ASSERT_EQ(0, lib_rule_delete("ac.x"));
	EXPECT_TRUE(reader_subscribe(&self->r, "ac.*", NULL));
	EXPECT_EQ(0, PUBLISH("ac.x", 6));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.x", 6));
}

/* One that says less has no say, and one that goes has no more. */
TEST_F(access, a_rule_that_goes_away)
{
	long long subscriptions;

	ASSERT_EQ(0, lib_rule_add("ac.open.*", 0, 0, 0666));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.open.x", NULL));
	subscriptions = lib_status_of("subscriptions");
	ASSERT_EQ(0, lib_rule_add("ac.>", 0, 0, 0600));
	EXPECT_EQ(subscriptions, lib_status_of("subscriptions"));
	EXPECT_EQ(0, PUBLISH("ac.open.x", 1));
	EXPECT_TRUE(reader_expect_u32(&self->r, "ac.open.x", 1));
	ASSERT_EQ(0, lib_rule_delete("ac.open.*"));
	EXPECT_EQ(subscriptions - 1, lib_status_of("subscriptions"));
	EXPECT_EQ(-EACCES, PUBLISH("ac.open.x", 2));
	EXPECT_TRUE(REFUSED("ac.open.x", NULL));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

/* Rules come and go while messages do: each is delivered or refused. */
TEST_F(access, changes_under_traffic)
{
	u32 i, sent = 0, refused = 0, received = 0;
	struct lib_message m;
	u8 bytes[4];
	int ret, status;
	pid_t pid;

	ASSERT_EQ(0, lib_subscription(self->root, BLIPMQ_SUBSCRIBE, "ac.t",
				      NULL));
	pid = fork();
	if (!pid) {
		for (i = 0; i < 100; i++)
			if (lib_rule_add("ac.t", 0, 0, i % 2 ? 0666 : 0644) ||
			    lib_rule_add("ac.*", 0, 0, 0600))
				_exit(1);
		_exit(lib_rules_clear() ? 0 : 1);
	}
	ASSERT_LT(0, pid);
	for (i = 0; ; i++) {
		ret = PUBLISH("ac.t", i);
		sent += !ret;
		refused += ret == -EACCES;
		ASSERT_TRUE(!ret || ret == -EACCES);
		while (lib_recvmsg(self->root, &m, bytes, 4, MSG_DONTWAIT) > 0)
			received++;
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	EXPECT_EQ(0, status);
	EXPECT_EQ(sent, received);
	ASSERT_EQ(0, PUBLISH("ac.t", i + 1));
	EXPECT_EQ(4, lib_recvmsg(self->root, &m, bytes, 4, MSG_DONTWAIT));
	TH_LOG("%u sent, %u refused", sent, refused);
}

TEST_F(access, blocking)
{
	struct lib_peer *p = &self->r.peer;
	bool packet = variant->way == READER_PACKET;
	u32 block = BLIPMQ_OVERFLOW_BLOCK;

#define SET_BLOCK() (packet ? \
	lib_set_u32(self->r.fd, BLIPMQ_OVERFLOW, block) : \
	lib_option(p, BLIPMQ_OVERFLOW, block))
	ASSERT_EQ(0, lib_rule_add("ac.n", 0, 0, 0666));
	/* Root could whatever the rules say. */
	ASSERT_TRUE(lib_become(NOBODY, NOBODY, 0));
	if (packet) {
		EXPECT_EQ(-1, setsockopt(self->r.fd, SOL_BLIPMQ,
					 BLIPMQ_OVERFLOW, &block, 4));
		EXPECT_EQ(EACCES, errno);
	} else {
		lib_put_option(p, BLIPMQ_OVERFLOW, block);
		ASSERT_TRUE(lib_send(p));
		EXPECT_TRUE(lib_expect_err(p, 403, 0, NULL));
	}
	ASSERT_TRUE(lib_become(0, 0, 0));
	ASSERT_EQ(0, lib_rule_add("ac.b", 0, 0, 0777));
	ASSERT_EQ(0, lib_rule_add("ac.c.*", 0, 0, 0777));
	ASSERT_TRUE(lib_become(NOBODY, NOBODY, 0));
	ASSERT_TRUE(SET_BLOCK());
	EXPECT_TRUE(REFUSED("ac.n", NULL));
	EXPECT_TRUE(REFUSED("ac.else", NULL));
	EXPECT_TRUE(REFUSED("ac.*", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.c.*", NULL));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.b", NULL));
	ASSERT_TRUE(reader_set_limits(&self->r, 2, 1 << 20));
	ASSERT_TRUE(lib_become(0, 0, 0));
	if (variant->way != READER_TCP) {
		/* One that would block, until the right is gone. */
		ASSERT_EQ(4, lib_sendto(self->root, "ac.b", "\1\0\0\0", 4));
		ASSERT_EQ(4, lib_sendto(self->root, "ac.b", "\2\0\0\0", 4));
		ASSERT_EQ(0, lib_connect(self->root, "ac.b"));
		EXPECT_EQ(-1, send(self->root, "x", 1, MSG_DONTWAIT));
		EXPECT_EQ(EAGAIN, errno);
		ASSERT_EQ(0, lib_rule_add("ac.b", 0, 0, 0666));
		ASSERT_EQ(4, lib_sendto(self->root, "ac.b", "\3\0\0\0", 4));
		EXPECT_TRUE(reader_expect_u32(&self->r, "ac.b", 1));
		EXPECT_TRUE(reader_expect_u32(&self->r, "ac.b", 2));
	}
	if (packet) {
		EXPECT_EQ((u32)BLIPMQ_OVERFLOW_DROP_NEW,
			  lib_get_u32(self->r.fd, BLIPMQ_OVERFLOW));
	}
}

/* In one write: those that may pass do, in their order, and the others not. */
TEST_F(access, frames_of_a_bundle)
{
	u8 payload[4];
	u32 i;

	if (variant->way == READER_PACKET)
		SKIP(return, "a stream's");
	ASSERT_EQ(0, lib_rule_add("ac.no", 0, 0, 0644));
	ASSERT_TRUE(reader_subscribe(&self->r, "ac.*", NULL));
	for (i = 0; i < 60; i++) {
		blipmq_put_le32(payload, i);
		lib_put_pub(&self->pub, i % 7 ? 0 : BLIPMQ_FLAG_CONFIRM,
			    i % 5 ? "ac.yes" : "ac.no", i, payload, 4);
	}
	ASSERT_TRUE(lib_send(&self->pub));
	for (i = 0; i < 60; i++) {
		if (!(i % 5)) {
			EXPECT_TRUE(lib_expect_err(&self->pub, 403, i,
						   "ac.no"));
		} else if (!(i % 7)) {
			EXPECT_TRUE(lib_expect_ack(&self->pub, i, "ac.yes"));
		}
	}
	for (i = 0; i < 60; i++)
		if (i % 5)
			EXPECT_TRUE(reader_expect_u32(&self->r, "ac.yes", i));
	EXPECT_TRUE(reader_expect_nothing(&self->r));
}

TEST_HARNESS_MAIN
