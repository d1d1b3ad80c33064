// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing leaks by names, addresses, options and netlink.
 */
#include <errno.h>
#include <linux/genetlink.h>

#include "leaks.h"

#include <linux/blipmq_netlink.h>

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
