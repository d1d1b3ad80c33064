// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing but what is meant to leaves the kernel. Every buffer is filled with
 * a pattern first; after a call each of its bytes is either untouched or the
 * one expected. Memory that the kernel gives out next is filled with another
 * pattern before each test, so that what it forgets to write is not zero by
 * chance.
 *
 * Kernels that clear memory when they allocate it hide the contents of a leak,
 * not its length; slub_debug=P page_poison=1 or init_on_alloc=0 on the kernel's
 * command line shows them.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "harness.h"

#include <linux/blipmq_netlink.h>

#include "lib.h"

#define UNTOUCHED	0x5a
#define FORGOTTEN	0xa5
#define BUFFER		1024
#define LARGE		400000
#define TOPIC_MAX	255

static u8 pattern[65536];

/* Leave the pattern in memory that is free: of messages and of other buffers. */
static bool pollute(int fd)
{
	int pair[2], i;
	size_t size;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return false;
	memset(pattern, FORGOTTEN, sizeof(pattern));
	for (size = 16; size <= sizeof(pattern); size *= 2) {
		for (i = 0; i < 8; i++) {
			/* Nobody is subscribed, so they are freed at once. */
			lib_sendto(fd, "leaks.none", pattern, size - 16);
			send(pair[0], pattern, size - 16, MSG_DONTWAIT);
		}
	}
	close(pair[0]);
	close(pair[1]);
	return true;
}

/* The same for the stack that the next system call has. */
static void pollute_stack(int fd)
{
	setsockopt(fd, SOL_BLIPMQ, BLIPMQ_SUBSCRIBE, pattern, 514);
}

FIXTURE(leaks) {
	int pub;
	int sub;
	struct lib_peer in;
	char topic[TOPIC_MAX + 1];
	u8 *bad;
};

FIXTURE_SETUP(leaks)
{
	self->pub = lib_packet();
	self->sub = lib_packet();
	ASSERT_LE(0, self->pub);
	ASSERT_LE(0, self->sub);
	ASSERT_LE(0, lib_open(&self->in, LIB_LOCAL));
	memset(self->topic, 't', TOPIC_MAX);
	self->topic[TOPIC_MAX] = '\0';
	/* A page that can be read and written, and one that cannot. */
	self->bad = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->bad);
	ASSERT_EQ(0, mprotect(self->bad + 4096, 4096, PROT_NONE));
	ASSERT_TRUE(pollute(self->pub));
}

FIXTURE_TEARDOWN(leaks)
{
	close(self->pub);
	close(self->sub);
	lib_close(&self->in);
	munmap(self->bad, 8192);
}

/* @bytes are @want, and what is behind them up to @room was left alone. */
static bool exact(const char *what, const void *bytes, size_t room,
		  const void *want, size_t len)
{
	const u8 *b = bytes, *w = want;
	size_t i;

	for (i = 0; i < room; i++) {
		if (b[i] == (i < len ? w[i] : UNTOUCHED))
			continue;
		lib_say("%s: byte %zu is %#x, want %#x", what, i, b[i],
			i < len ? w[i] : UNTOUCHED);
		return false;
	}
	return true;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Publish one message to a topic of any length. */
static bool publish(int fd, const char *topic, size_t len, const void *payload,
		    size_t size)
{
	return !setsockopt(fd, SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT, topic,
			   (socklen_t)len) &&
	       send(fd, payload, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* The address that names a topic, or nothing where it does not fit. */
static size_t address_of(struct sockaddr_blipmq *sa, const char *topic,
			 size_t len)
{
	if (len > BLIPMQ_ADDRESS_TOPIC_MAX)
		return 0;
	sa->sbm_family = AF_BLIPMQ;
	memcpy(sa->sbm_topic, topic, len);
	return offsetof(struct sockaddr_blipmq, sbm_topic) + len;
}

TEST_F(leaks, names_of_sockets)
{
	struct sockaddr_blipmq want;
	u8 buf[BUFFER];
	socklen_t room, len;
	size_t n, size;

	for (n = 1; n <= TOPIC_MAX; n++) {
		ASSERT_EQ(0, setsockopt(self->pub, SOL_BLIPMQ,
					BLIPMQ_TOPIC_DEFAULT, self->topic, n));
		size = address_of(&want, self->topic, n);
		if (!size)
			size = sizeof(want.sbm_family);
		for (room = 0; room <= 160; room++) {
			memset(buf, UNTOUCHED, sizeof(buf));
			len = room;
			ASSERT_EQ(0, getpeername(self->pub, (void *)buf, &len));
			ASSERT_EQ(size, len);
			ASSERT_TRUE(exact("getpeername", buf, sizeof(buf),
					  &want, least(size, room)));
		}
		memset(buf, UNTOUCHED, sizeof(buf));
		len = sizeof(buf);
		ASSERT_EQ(0, getsockname(self->pub, (void *)buf, &len));
		ASSERT_EQ(sizeof(want.sbm_family), len);
		ASSERT_TRUE(exact("getsockname", buf, sizeof(buf), &want, len));
	}
}

/* Every length of a topic, in much and in little room. */
TEST_F(leaks, addresses_of_messages)
{
	static const socklen_t rooms[] = { 0, 1, 2, 3, 64, 127, 128, BUFFER };
	struct sockaddr_blipmq want;
	u8 buf[BUFFER], payload[8];
	size_t n, i, size;
	socklen_t len;

	for (n = 1; n <= TOPIC_MAX; n++) {
		self->topic[n] = '\0';
		ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE,
					      self->topic, NULL));
		self->topic[n] = 't';
		ASSERT_TRUE(publish(self->pub, self->topic, n, "x", 1));
		size = address_of(&want, self->topic, n);
		for (i = 0; i < ARRAY_SIZE(rooms); i++) {
			memset(buf, UNTOUCHED, sizeof(buf));
			memset(payload, UNTOUCHED, sizeof(payload));
			len = rooms[i];
			ASSERT_EQ(1, recvfrom(self->sub, payload,
					      sizeof(payload), MSG_PEEK,
					      (void *)buf, &len));
			ASSERT_EQ(size, len);
			ASSERT_TRUE(exact("address", buf, sizeof(buf), &want,
					  least(size, rooms[i])));
			ASSERT_TRUE(exact("payload", payload, sizeof(payload),
					  "x", 1));
		}
		ASSERT_EQ(1, recv(self->sub, payload, 1, 0));
	}
}

/* Any option there is and some there are not, in every length of buffer. */
TEST_F(leaks, options)
{
	const struct blipmq_socket_stats stats = {
		.published = 3, .matched = 2, .delivered = 2,
		.published_bytes = 3 * (8 + 4 + 8 + 5),
		.delivered_bytes = 2 * (8 + 4 + 8 + 5),
		.unrouted = 1, .refused = 1,
	};
	const struct blipmq_identity identity = { .uid = 1, .gid = 2,
						  .name = "me" };
	const u32 messages = 5, size = 77777, zero = 0, info = 7;
	const struct {
		const void *value;
		size_t len;
	} want[16] = {
		[BLIPMQ_TOPIC_DEFAULT] = { self->topic, TOPIC_MAX },
		[BLIPMQ_QUEUE_MESSAGES] = { &messages, sizeof(messages) },
		[BLIPMQ_QUEUE_BYTES] = { &size, sizeof(size) },
		[BLIPMQ_OVERFLOW] = { &zero, sizeof(zero) },
		[BLIPMQ_TTL] = { &zero, sizeof(zero) },
		[BLIPMQ_INFO] = { &info, sizeof(info) },
		[BLIPMQ_PASSCRED] = { &zero, sizeof(zero) },
		[BLIPMQ_IDENTITY] = { &identity, sizeof(identity) },
		[BLIPMQ_STATS] = { &stats, sizeof(stats) },
	};
	int fd = lib_packet(), option, ret;
	u8 buf[BUFFER];
	socklen_t room, len;
	int i;

	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "l.op", NULL));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(5, lib_sendto(fd, i ? "l.op" : "l.no", "12345", 5));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(5, recv(fd, buf, sizeof(buf), 0));
	ASSERT_EQ(-EINVAL, lib_sendto(fd, "l..op", "12345", 5));
	ASSERT_EQ(0, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT,
				self->topic, TOPIC_MAX));
	ASSERT_EQ(0, setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &identity,
				sizeof(identity)));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, messages));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, size));
	ASSERT_TRUE(lib_set_u32(fd, BLIPMQ_INFO, info));

	for (option = 0; option < (int)ARRAY_SIZE(want); option++) {
		for (room = 0; room <= 300; room++) {
			/* By way of another socket: this one's are counted. */
			pollute_stack(self->sub);
			memset(buf, UNTOUCHED, sizeof(buf));
			len = room;
			ret = getsockopt(fd, SOL_BLIPMQ, option, buf, &len);
			ASSERT_EQ(want[option].value ? 0 : -1, ret);
			ASSERT_EQ(ret ? room : least(want[option].len, room),
				  len);
			ASSERT_TRUE(exact("option", buf, sizeof(buf),
					  want[option].value,
					  ret ? 0 : len));
		}
	}
	close(fd);
}

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

static size_t attribute_size(int nest, int type)
{
	/* The same in each set: a pad is empty. */
	if (type == BLIPMQ_A_BROKER_PAD)
		return 0;
	if (nest == BLIPMQ_A_BROKER_TOTALS)
		return 8;
	if (nest == BLIPMQ_A_BROKER_LIMITS)
		return type == BLIPMQ_A_LIMITS_RETAINED_BYTES ||
		       (type >= BLIPMQ_A_LIMITS_MEMORY_BYTES &&
			type <= BLIPMQ_A_LIMITS_FLIGHT_BYTES) ? 8 : 4;
	return type == BLIPMQ_A_BROKER_MEMORY_BYTES ||
	       type == BLIPMQ_A_BROKER_RING_BYTES ||
	       type == BLIPMQ_A_BROKER_IN_FLIGHT ? 8 : 4;
}

/* Return: the types seen as bits, 0 when a byte is not accounted for. */
static u64 attributes(const u8 *a, size_t len, int nest)
{
	struct nlattr n;
	u64 seen = 0;
	size_t size;

	while (len) {
		memcpy(&n, a, least(sizeof(n), len));
		n.nla_type &= NLA_TYPE_MASK;
		if (len < sizeof(n) || n.nla_len < sizeof(n) ||
		    (size_t)NLA_ALIGN(n.nla_len) > len)
			return 0;
		size = n.nla_len - sizeof(n);
		a += sizeof(n);
		if (!nest && (n.nla_type == BLIPMQ_A_BROKER_TOTALS ||
			      n.nla_type == BLIPMQ_A_BROKER_LIMITS))
			seen |= attributes(a, size, n.nla_type) ?
				1ULL << n.nla_type : 1;
		else if (size != attribute_size(nest, n.nla_type))
			seen |= 1;
		else if (size)
			seen |= 1ULL << n.nla_type;
		for (; size < NLA_ALIGN(n.nla_len) - sizeof(n); size++)
			if (a[size])
				seen |= 1;
		a += size;
		len -= NLA_ALIGN(n.nla_len);
	}
	return seen & 1 ? 0 : seen;
}

/* The type of blipmq's messages is found in the answer to the first request. */
static ssize_t ask(int fd, u16 type, u8 command, u8 *buf)
{
	struct {
		struct nlmsghdr		n;
		struct genlmsghdr	g;
		struct nlattr		a;
		char			name[8];
	} q = {
		.n = { sizeof(q), type, NLM_F_REQUEST, 1, 0 },
		.g = { .cmd = command, .version = 1 },
		.a = { sizeof(q.a) + 7, CTRL_ATTR_FAMILY_NAME },
		.name = BLIPMQ_FAMILY_NAME,
	};

	if (type != GENL_ID_CTRL)
		q.n.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
	/* No message of netlink's: it is copied, and forgotten. */
	if (send(fd, pattern, 3500, 0) != 3500 ||
	    send(fd, &q, q.n.nlmsg_len, 0) != q.n.nlmsg_len)
		return -1;
	memset(buf, UNTOUCHED, BUFFER * 8);
	return recv(fd, buf, BUFFER * 8, 0);
}

TEST_F(leaks, netlink)
{
	/* The pattern of this test, and those of poisoned slabs and pages. */
	static const char * const runs[] = { "\xa5\xa5\xa5\xa5",
		"\x6b\x6b\x6b\x6b", "\xaa\xaa\xaa\xaa" };
	const size_t head = NLMSG_HDRLEN + GENL_HDRLEN;
	u8 buf[BUFFER * 8];
	struct genlmsghdr g;
	struct nlmsghdr h;
	size_t k;
	ssize_t n;
	int fd, i;
	u16 type;

	fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	ASSERT_LE(0, fd);
	n = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, buf);
	ASSERT_LT((ssize_t)head, n);
	/* Behind the name, which comes first, there is the number. */
	memcpy(&type, buf + head + NLA_HDRLEN + 8 + NLA_HDRLEN, sizeof(type));
	for (i = 0; i < 8; i++) {
		n = ask(fd, type, BLIPMQ_CMD_BROKER_GET, buf);
		ASSERT_LT((ssize_t)head, n);
		memcpy(&h, buf, sizeof(h));
		memcpy(&g, buf + NLMSG_HDRLEN, sizeof(g));
		ASSERT_EQ(type, h.nlmsg_type);
		ASSERT_EQ(n, (ssize_t)h.nlmsg_len);
		ASSERT_EQ(0, h.nlmsg_flags);
		ASSERT_EQ(1U, h.nlmsg_seq);
		ASSERT_EQ(BLIPMQ_CMD_BROKER_GET, g.cmd);
		ASSERT_EQ(1, g.version);
		ASSERT_EQ(0, g.reserved);
		/* All but pads, flags, and what is in requests only. */
		ASSERT_EQ(((1ULL << BLIPMQ_A_BROKER_BRIEF) - 4) |
			  1ULL << BLIPMQ_A_BROKER_IN_FLIGHT,
			  attributes(buf + head, (size_t)n - head, 0));
		for (k = 0; k < ARRAY_SIZE(runs); k++)
			ASSERT_EQ(NULL, memmem(buf, (size_t)n, runs[k], 4));
		ASSERT_TRUE(exact("netlink", buf + n, sizeof(buf) - (size_t)n,
				  NULL, 0));
	}
	close(fd);
}

TEST_HARNESS_MAIN
