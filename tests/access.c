// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of who may publish, subscribe and block: by any way in and out, for
 * users and groups, when they change under way, and whoever asks for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "reader.h"

#define NOBODY	65534
#define ALICE	1001
#define STAFF	4711

#define ALL	(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH | BLIPMQ_MAY_BLOCK)

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

static int connect_to(int fd, const char *topic)
{
	struct sockaddr_blipmq sa;
	socklen_t len = lib_address(&sa, topic);

	return connect(fd, (struct sockaddr *)&sa, len) ? -errno : 0;
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
		ASSERT_EQ(0, connect_to(self->root, "ac.b"));
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

/* What stands outside of any way. */
FIXTURE(rules) { };

FIXTURE_SETUP(rules)
{
	ASSERT_TRUE(lib_become(0, 0, 0));
}

FIXTURE_TEARDOWN(rules)
{
	EXPECT_TRUE(lib_become(0, 0, 0));
	EXPECT_TRUE(lib_rules_clear());
}

/* Returns a socket that somebody has opened. */
static int socket_of(uid_t uid, gid_t gid, gid_t group)
{
	int fd = lib_become(uid, gid, group) ? lib_packet() : -1;

	return lib_become(0, 0, 0) ? fd : -1;
}

/* What a socket may do, by trying it. */
static int may(int fd, const char *topic)
{
	u32 block = BLIPMQ_OVERFLOW_BLOCK;
	int can = 0;

	if (lib_sendto(fd, topic, "x", 1) == 1)
		can |= BLIPMQ_MAY_PUBLISH;
	if (!lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL)) {
		can |= BLIPMQ_MAY_SUBSCRIBE;
		/* As who is not root. */
		if (seteuid(NOBODY))
			return -1;
		if (!setsockopt(fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW, &block, 4))
			can |= BLIPMQ_MAY_BLOCK;
		if (seteuid(0))
			return -1;
		block = BLIPMQ_OVERFLOW_DROP_OLDEST;
		setsockopt(fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW, &block, 4);
		lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, topic, NULL);
	}
	return can;
}

/* All modes, for the owner, a member of the group, and others. */
TEST_F(rules, modes)
{
	int owner = socket_of(ALICE, 1, 0);
	int member = socket_of(1002, 1, STAFF);
	int primary = socket_of(1002, STAFF, 0);
	int other = socket_of(1002, 1, 0), n;
	u32 mode;

	for (mode = 0; mode < 8; mode++) {
		/* Who cannot subscribe has nothing to block with. */
		n = mode & BLIPMQ_MAY_SUBSCRIBE ? (int)mode :
						  (int)mode & ~BLIPMQ_MAY_BLOCK;
		ASSERT_EQ(0, lib_rule_add("ac.m", ALICE, STAFF, mode << 6));
		EXPECT_EQ(n, may(owner, "ac.m"));
		EXPECT_EQ(0, may(member, "ac.m"));
		EXPECT_EQ((int)mode, lib_rule_may("ac.m", ALICE, STAFF));
		ASSERT_EQ(0, lib_rule_add("ac.m", ALICE, STAFF, mode << 3));
		EXPECT_EQ(0, may(owner, "ac.m"));
		EXPECT_EQ(n, may(member, "ac.m"));
		EXPECT_EQ(n, may(primary, "ac.m"));
		EXPECT_EQ(0, may(other, "ac.m"));
		EXPECT_EQ((int)mode, lib_rule_may("ac.m", 1002, STAFF));
		ASSERT_EQ(0, lib_rule_add("ac.m", ALICE, STAFF, mode));
		EXPECT_EQ(0, may(owner, "ac.m"));
		EXPECT_EQ(0, may(member, "ac.m"));
		EXPECT_EQ(n, may(other, "ac.m"));
		EXPECT_EQ((int)mode, lib_rule_may("ac.m", 1002, 1));
	}
	close(owner);
	close(member);
	close(primary);
	close(other);
}

/* Who opened a socket is judged, whoever holds it; root as anybody else. */
TEST_F(rules, of_who_opened_the_socket)
{
	int root = socket_of(0, 0, 0), alice = socket_of(ALICE, ALICE, 0);

	ASSERT_EQ(0, lib_rule_add("ac.a", ALICE, ALICE, 0600));
	EXPECT_EQ(-EACCES, lib_sendto(root, "ac.a", "x", 1));
	EXPECT_EQ(-EACCES, lib_subscription(root, BLIPMQ_SUBSCRIBE, "ac.a",
					    NULL));
	EXPECT_EQ(1, lib_sendto(alice, "ac.a", "x", 1));
	close(root);
	close(alice);
}

TEST_F(rules, of_who_is_acted_for)
{
	struct blipmq_identity id = { .uid = ALICE, .gid = STAFF, .name = "i" };
	int fd = socket_of(0, 0, 4712);

	ASSERT_EQ(0, lib_rule_add("ac.a", ALICE, 0, 0600));
	ASSERT_EQ(0, lib_rule_add("ac.g", 0, STAFF, 0060));
	ASSERT_EQ(0, lib_rule_add("ac.r", 0, 0, 0600));
	ASSERT_EQ(0, lib_rule_add("ac.s", 1002, 4712, 0060));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.r", NULL));
	ASSERT_EQ(1, lib_sendto(fd, "ac.s", "x", 1));
	ASSERT_EQ(1, lib_sendto(fd, "ac.r", "x", 1));
	ASSERT_EQ(0, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &id,
				sizeof(id)));
	EXPECT_EQ(1, lib_sendto(fd, "ac.a", "x", 1));
	EXPECT_EQ(1, lib_sendto(fd, "ac.g", "x", 1));
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.r", "x", 1));
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.s", "x", 1));
	/* What it was subscribed to as root is gone. */
	EXPECT_EQ(-ENOENT, lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, "ac.r",
					    NULL));
	EXPECT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.a", NULL));
	close(fd);
}

static int default_topic(int fd, const char *topic)
{
	return setsockopt(fd, SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT, topic,
			  (socklen_t)strlen(topic)) ? -errno : 0;
}

/* A topic that a socket has is judged when it is set, and with each message. */
TEST_F(rules, of_a_connected_socket)
{
	int fd = socket_of(ALICE, ALICE, 0);
	char topic[128];

	memset(topic, 'a', 127);
	topic[127] = '\0';
	ASSERT_EQ(0, lib_rule_add("ac.no", 0, 0, 0644));
	EXPECT_EQ(-EACCES, connect_to(fd, "ac.no"));
	EXPECT_EQ(-EACCES, default_topic(fd, "ac.no"));
	EXPECT_EQ(-1, send(fd, "x", 1, 0));
	EXPECT_EQ(EDESTADDRREQ, errno);
	EXPECT_EQ(0, connect_to(fd, "ac.yes"));
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(-EACCES, default_topic(fd, "ac.no"));
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	ASSERT_EQ(0, lib_rule_add("ac.yes", 0, 0, 0644));
	EXPECT_EQ(-1, send(fd, "x", 1, 0));
	EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(0, lib_rule_delete("ac.yes"));
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	/* Too long for an address. */
	EXPECT_EQ(0, default_topic(fd, topic));
	ASSERT_EQ(0, lib_rule_add(topic, 0, 0, 0644));
	EXPECT_EQ(-1, send(fd, "x", 1, 0));
	EXPECT_EQ(EACCES, errno);
	close(fd);
}

/* By the one that says most, in whatever order they came. */
TEST_F(rules, which_decides)
{
	static const char * const patterns[] = {
		">", "*.*.*", "ac.>", "ac.*.*", "ac.b.>", "ac.b.*", "ac.b.c",
	};
	const int n = ARRAY_SIZE(patterns);
	int i, k;

	for (i = 0; i < n; i++) {
		k = i * 3 % n;
		ASSERT_EQ(0, lib_rule_add(patterns[k], ALICE, 0, 0));
	}
	for (i = n - 1; i >= 0; i--) {
		EXPECT_EQ(0, lib_rule_may("ac.b.c", ALICE, 0));
		ASSERT_EQ(0, lib_rule_add(patterns[i], ALICE, 0, 0700));
		EXPECT_EQ(ALL, lib_rule_may("ac.b.c", ALICE, 0)) {
			TH_LOG("%s", patterns[i]);
		}
		ASSERT_EQ(0, lib_rule_delete(patterns[i]));
	}
	EXPECT_EQ(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH,
		  lib_rule_may("ac.b.c", ALICE, 0));
}

TEST_F(rules, bad_input)
{
	const struct lib_attr no_mode = { BLIPMQ_A_RULE_PATTERN, "ac.x", 0 };
	const struct lib_attr no_pattern = { BLIPMQ_A_RULE_MODE, NULL, 0 };
	char pattern[257];

	memset(pattern, 'a', 256);
	pattern[256] = '\0';
	EXPECT_EQ(-EINVAL, lib_rule_add("", 0, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac..x", 0, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac.>.x", 0, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac x", 0, 0, 0));
	EXPECT_EQ(-ERANGE, lib_rule_add(pattern, 0, 0, 0));
	EXPECT_EQ(-ERANGE, lib_rule_add("ac.x", 0, 0, 01000));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac.x", (uid_t)-1, 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_add("ac.x", 0, (gid_t)-1, 0));
	EXPECT_EQ(-EINVAL, lib_request(BLIPMQ_CMD_RULE_ADD, &no_mode, 1, 0));
	EXPECT_EQ(-EINVAL, lib_request(BLIPMQ_CMD_RULE_ADD, &no_pattern, 1, 0));
	EXPECT_EQ(-ENOENT, lib_rule_delete("ac.x"));
	EXPECT_EQ(-EINVAL, lib_rule_delete("ac..x"));
	EXPECT_EQ(-EINVAL, lib_rule_may("ac..x", 0, 0));
	EXPECT_EQ(-EINVAL, lib_rule_may("ac.x", (uid_t)-1, 0));
	/* None of it has said anything. */
	EXPECT_EQ(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH,
		  lib_rule_may(">", ALICE, ALICE));
}

TEST_F(rules, for_who_has_the_right)
{
	ASSERT_TRUE(lib_become(ALICE, ALICE, 0));
	EXPECT_EQ(-EPERM, lib_rule_add("ac.x", ALICE, ALICE, 0600));
	EXPECT_EQ(-EPERM, lib_rule_delete("ac.x"));
	EXPECT_EQ(BLIPMQ_MAY_SUBSCRIBE | BLIPMQ_MAY_PUBLISH,
		  lib_rule_may("ac.x", ALICE, ALICE));
}

/* As many as there may be, and no more. */
TEST_F(rules, many)
{
	char pattern[32];
	int i, fd;

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	for (i = 0; i < 4096; i++) {
		snprintf(pattern, sizeof(pattern), "ac.%d.>", i);
		ASSERT_EQ(0, lib_rule_add(pattern, ALICE, ALICE, 0600));
	}
	EXPECT_EQ(-ENOSPC, lib_rule_add("ac.more", 0, 0, 0));
	EXPECT_EQ(0, lib_rule_add("ac.4095.>", ALICE, ALICE, 0644));
	fd = lib_packet();
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.4095.x", "x", 1));
	EXPECT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.4095.x", NULL));
	EXPECT_EQ(-EACCES, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.4094.x",
					    NULL));
	EXPECT_EQ(1, lib_sendto(fd, "ac.4096.x", "x", 1));
	close(fd);
	/* The rest goes with the namespace. */
	for (i = 0; i < 100; i++) {
		snprintf(pattern, sizeof(pattern), "ac.%d.>", i * 37);
		EXPECT_EQ(0, lib_rule_delete(pattern));
	}
	EXPECT_EQ(0, lib_rule_add("ac.more", 0, 0, 0));
}

/* Another namespace has its own; its superuser may set them, of its users. */
TEST_F(rules, of_another_namespace)
{
	int here = socket_of(ALICE, ALICE, 0), status, fd;
	pid_t pid;

	ASSERT_EQ(0, lib_rule_add("ac.x", 0, 0, 0644));
	pid = fork();
	if (!pid) {
		if (!lib_become(ALICE, ALICE, 0) || setresuid(ALICE, ALICE, ALICE) ||
		    unshare(CLONE_NEWUSER | CLONE_NEWNET) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		/* Nobody has a name here yet. */
		if (lib_rule_add("ac.y", 0, 0, 0600) != -EINVAL)
			_exit(2);
		fd = open("/proc/self/uid_map", O_WRONLY);
		if (write(fd, "0 1001 1", 8) != 8)
			_exit(3);
		fd = open("/proc/self/setgroups", O_WRONLY);
		if (write(fd, "deny", 4) != 4)
			_exit(4);
		fd = open("/proc/self/gid_map", O_WRONLY);
		if (write(fd, "0 1001 1", 8) != 8)
			_exit(5);
		if (lib_rule_add("ac.y", 0, 0, 0600) ||
		    lib_rule_add("ac.z", 0, 0, 0066) ||
		    lib_rule_add("ac.y", 1, 0, 0600) != -EINVAL)
			_exit(6);
		fd = lib_packet();
		if (lib_sendto(fd, "ac.x", "x", 1) != 1 ||
		    lib_sendto(fd, "ac.y", "x", 1) != 1 ||
		    lib_sendto(fd, "ac.z", "x", 1) != -EACCES)
			_exit(7);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(-EACCES, lib_sendto(here, "ac.x", "x", 1));
	EXPECT_EQ(1, lib_sendto(here, "ac.y", "x", 1));
	EXPECT_EQ(1, lib_sendto(here, "ac.z", "x", 1));
	close(here);
}

/* Killed in the middle of a change, or of what it changes: nothing hangs. */
TEST_F(rules, kill)
{
	int i, status, fd;
	pid_t pids[3];

	ASSERT_EQ(0, lib_rule_add("ac.k", 0, 0, 0666));
	for (i = 0; i < 30; i++) {
		pids[0] = fork();
		if (!pids[0])
			for (;;) {
				lib_rule_add("ac.k", 0, 0, 0600);
				lib_rule_add("ac.k", 0, 0, 0666);
			}
		pids[1] = fork();
		if (!pids[1]) {
			fd = socket_of(ALICE, ALICE, 0);
			for (;;)
				lib_sendto(fd, "ac.k", "x", 1);
		}
		pids[2] = fork();
		if (!pids[2]) {
			fd = socket_of(ALICE, ALICE, 0);
			for (;;) {
				lib_subscription(fd, BLIPMQ_SUBSCRIBE, "ac.*",
						 NULL);
				lib_subscription(fd, BLIPMQ_UNSUBSCRIBE,
						 "ac.*", NULL);
			}
		}
		usleep(20000);
		for (fd = 0; fd < 3; fd++) {
			kill(pids[fd], SIGKILL);
			ASSERT_EQ(pids[fd], waitpid(pids[fd], &status, 0));
		}
	}
	ASSERT_EQ(0, lib_rule_add("ac.k", 0, 0, 0600));
	fd = socket_of(ALICE, ALICE, 0);
	EXPECT_EQ(-EACCES, lib_sendto(fd, "ac.k", "x", 1));
	close(fd);
	EXPECT_TRUE(lib_status_wait("subscriptions", 0));
}

TEST_HARNESS_MAIN
