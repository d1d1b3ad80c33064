// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to the netlink family, many in one call: each command with attributes
 * as it takes them, and then most often damaged, cut off, or made of nothing but
 * chance. Those that would change a lot are mostly checked alone, so that a
 * million of them take minutes.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <linux/blipmq_netlink.h>

#include "calls.h"

#define BATCH	8
#define ROOM	2048
/* What is read of one call's answers: nobody waits for the rest of a list. */
#define READS	64

enum value {
	NONE,
	U32,
	U64,
	FLAG,
	CHECK,		/* a flag that is nearly always there */
	TEXT,		/* a topic, with its zero */
	TEXT_PATTERN,
	PATTERN,	/* without one */
	LIMITS,
	GROUPS,
};

#define SHAPE_ATTRS	10

/**
 * struct shape - a command and what it takes
 * @command: enum blipmq_command
 * @weight: how often, of 128
 * @dumps: there is a list
 * @attrs: attributes
 */
struct shape {
	u8	command;
	u8	weight;
	bool	dumps;
	struct {
		u8		type;
		enum value	value;
	} attrs[SHAPE_ATTRS];
};

#define A(name, value)	{ BLIPMQ_A_##name, value }

static const struct shape shapes[] = {
	{ BLIPMQ_CMD_BROKER_GET, 8, false, { A(BROKER_BRIEF, FLAG) } },
	{ BLIPMQ_CMD_LIMIT_SET, 14, false,
	  { A(BROKER_LIMITS, LIMITS), A(BROKER_CHECK, CHECK) } },
	{ BLIPMQ_CMD_TOPIC_GET, 14, true,
	  { A(TOPIC_NAME, TEXT), A(TOPIC_UID, U32),
	    A(TOPIC_PATTERN, TEXT_PATTERN) } },
	{ BLIPMQ_CMD_SUBSCRIPTION_GET, 10, true,
	  { A(SUBSCRIPTION_ID, U32), A(SUBSCRIPTION_PATTERN, TEXT_PATTERN),
	    A(SUBSCRIPTION_UID, U32) } },
	{ BLIPMQ_CMD_SOCKET_GET, 10, true,
	  { A(SOCKET_ID, U64), A(SOCKET_UID, U32) } },
	{ BLIPMQ_CMD_WORKER_GET, 6, true, { A(WORKER_NUMBER, U32) } },
	{ BLIPMQ_CMD_WORKER_SET, 14, false,
	  { A(WORKER_NUMBER, U32), A(WORKER_COUNT, U32),
	    A(WORKER_DELEGATE, U32), A(WORKER_CPU, U32), A(WORKER_CLASS, U32),
	    A(WORKER_PRIORITY, U32), A(WORKER_NICE, U32),
	    A(WORKER_BUSY_POLL_US, U32), A(WORKER_AUTOMATIC, FLAG),
	    A(WORKER_CHECK, CHECK) } },
	{ BLIPMQ_CMD_LANE_GET, 6, true, { A(LANE_TOPIC, PATTERN) } },
	{ BLIPMQ_CMD_LANE_SET, 14, false,
	  { A(LANE_PATTERN, PATTERN), A(LANE_MODE, U32), A(LANE_WORKER, U32),
	    A(LANE_CHECK, CHECK) } },
	{ BLIPMQ_CMD_RULE_GET, 8, true,
	  { A(RULE_PATTERN, PATTERN), A(RULE_UID, U32), A(RULE_GID, U32),
	    A(RULE_GROUPS, GROUPS) } },
	{ BLIPMQ_CMD_RULE_SET, 14, false,
	  { A(RULE_PATTERN, PATTERN), A(RULE_UID, U32), A(RULE_GID, U32),
	    A(RULE_MODE, U32), A(RULE_TTL_MS, U32), A(RULE_PUBLISH_RATE, U32),
	    A(RULE_CHECK, CHECK) } },
	/* These wait for grace periods. */
	{ BLIPMQ_CMD_RULE_ADD, 1, false,
	  { A(RULE_PATTERN, PATTERN), A(RULE_UID, U32), A(RULE_GID, U32),
	    A(RULE_MODE, U32) } },
	{ BLIPMQ_CMD_RULE_DELETE, 1, false, { A(RULE_PATTERN, PATTERN) } },
	{ BLIPMQ_CMD_TOPIC_SET, 1, false,
	  { A(TOPIC_NAME, TEXT), A(TOPIC_UID, U32), A(TOPIC_GID, U32),
	    A(TOPIC_MODE, U32), A(TOPIC_TTL_MS, U32),
	    A(TOPIC_PUBLISH_RATE, U32) } },
	{ BLIPMQ_CMD_TOPIC_DELETE, 1, false, { A(TOPIC_NAME, TEXT) } },
	{ BLIPMQ_CMD_DRAIN, 1, false, { A(BROKER_UNDO, CHECK) } },
	{ BLIPMQ_CMD_LATENCY_GET, 2, false, { A(LATENCY_BRIEF, FLAG) } },
	{ BLIPMQ_CMD_LATENCY_SET, 2, false, { A(LATENCY_ENABLED, U32) } },
	{ BLIPMQ_CMD_RESET, 1, false,
	  { A(RESET_TOTALS, FLAG), A(RESET_LATENCY, FLAG) } },
};

#define SHAPES	(sizeof(shapes) / sizeof(shapes[0]))

static const struct shape *choose_shape(struct calls_thread *t)
{
	unsigned int at = calls_u8(t) % 128;
	size_t i;

	for (i = 0; i < SHAPES - 1 && at >= shapes[i].weight; i++)
		at -= shapes[i].weight;
	return &shapes[i];
}

static u32 number(struct calls_thread *t)
{
	static const u32 odd[] = {
		0, 1, 2, 3, 4, 5, 63, 64, 65, 99, 100, 0777, 01000, 1000, 65534,
		65535, 65536, 1000000, 10000000, 10000001, 1U << 24, 1U << 28,
		0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	};
	u8 choice = calls_u8(t);

	return choice < 240 ? odd[choice % (sizeof(odd) / sizeof(odd[0]))] :
			      calls_u32(t);
}

static size_t put(u8 *to, u16 type, const void *bytes, size_t len)
{
	struct nlattr a = {
		.nla_len = (u16)(NLA_HDRLEN + len), .nla_type = type,
	};

	memset(to, 0, NLA_HDRLEN + NLA_ALIGN(len));
	memcpy(to, &a, sizeof(a));
	memcpy(to + NLA_HDRLEN, bytes, len);
	return NLA_HDRLEN + NLA_ALIGN(len);
}

static size_t put_limits(struct calls_thread *t, u8 *to, u16 type)
{
	unsigned int n = calls_u8(t) % 4;
	u8 nested[128];
	size_t len = 0;
	u64 value;
	u16 limit;

	while (n--) {
		limit = calls_u8(t) % (BLIPMQ_A_LIMITS_MAX + 2);
		value = (u64)number(t) << (calls_u8(t) & 32);
		len += put(nested + len, limit, &value,
			   limit >= BLIPMQ_A_LIMITS_MEMORY_BYTES ? 8 : 4);
	}
	return put(to, type | NLA_F_NESTED, nested, len);
}

/* Returns its bytes. */
static size_t put_attr(struct calls_thread *t, u8 *to, u16 type,
		       enum value value)
{
	u32 numbers[8];
	u8 text[256];
	size_t len = 0;
	u64 wide;

	switch (value) {
	case U64:
		wide = number(t);
		return put(to, type, &wide, sizeof(wide));
	case TEXT:
		len = calls_topic(t, text);
		break;
	case TEXT_PATTERN:
		len = calls_pattern(t, text);
		break;
	case PATTERN:
		return put(to, type, text, calls_pattern(t, text));
	case LIMITS:
		return put_limits(t, to, type);
	case GROUPS:
		for (len = 0; len < 8; len++)
			numbers[len] = number(t);
		return put(to, type, numbers, calls_u8(t) % sizeof(numbers));
	case FLAG:
	case CHECK:
		return put(to, type, "", 0);
	default:
		numbers[0] = number(t);
		return put(to, type, numbers, sizeof(numbers[0]));
	}
	text[len] = '\0';
	return put(to, type, text, len + 1);
}

static size_t put_attrs(struct calls_thread *t, u8 *to, const struct shape *s)
{
	size_t len = 0;
	unsigned int i;
	u8 choice;

	for (i = 0; i < SHAPE_ATTRS && s->attrs[i].value; i++) {
		choice = calls_u8(t);
		if (s->attrs[i].value == CHECK ? choice >= 252 : choice & 1)
			continue;
		len += put_attr(t, to + len, s->attrs[i].type,
				s->attrs[i].value);
	}
	return len;
}

/* Something of it is wrong. Returns its new length. */
static size_t damage(struct calls_thread *t, u8 *message, size_t len)
{
	struct nlmsghdr *n = (struct nlmsghdr *)message;
	struct genlmsghdr *g = (struct genlmsghdr *)(n + 1);
	const size_t head = NLMSG_HDRLEN + GENL_HDRLEN;
	struct nlattr *first = (struct nlattr *)(message + head);
	size_t i;

	switch (calls_u8(t) % 12) {
	case 0:
		g->cmd = calls_u8(t) % 32;
		break;
	case 1:
		g->version = calls_u8(t);
		break;
	case 2:
		n->nlmsg_flags = (u16)calls_u32(t) | NLM_F_REQUEST;
		break;
	case 3:
		if (len > head)
			first->nla_len = (u16)calls_u32(t);
		break;
	case 4:
		if (len > head)
			first->nla_len = calls_u8(t) % 16;
		break;
	case 5:
		if (len > head)
			first->nla_type = (u16)calls_u32(t);
		break;
	case 6:
		if (len > head)
			first->nla_type ^= calls_u8(t) & 1 ? NLA_F_NESTED :
							     NLA_F_NET_BYTEORDER;
		break;
	case 7:
	case 8:
		/* Cut off anywhere behind the first header. */
		len = NLMSG_HDRLEN + calls_u8(t) % (len - NLMSG_HDRLEN + 1);
		break;
	case 9:
		for (i = calls_u8(t) % 64; i; i--)
			message[len++] = calls_u8(t);
		break;
	case 10:
		if (len > head)
			message[head + calls_u32(t) % (len - head)] = calls_u8(t);
		break;
	default:
		len = head + calls_u8(t);
		for (i = head; i < len; i++)
			message[i] = calls_u8(t);
	}
	return len;
}

static size_t make_request(struct calls_thread *t, u8 *message)
{
	const struct shape *s = choose_shape(t);
	struct nlmsghdr *n = (struct nlmsghdr *)message;
	struct genlmsghdr *g = (struct genlmsghdr *)(n + 1);
	size_t len = NLMSG_HDRLEN + GENL_HDRLEN;
	u8 choice = calls_u8(t);

	memset(message, 0, len);
	n->nlmsg_type = (u16)calls_family;
	n->nlmsg_flags = NLM_F_REQUEST;
	if (choice & 1)
		n->nlmsg_flags |= NLM_F_ACK;
	if (choice & 2 && s->dumps)
		n->nlmsg_flags |= NLM_F_DUMP;
	g->cmd = s->command;
	g->version = BLIPMQ_FAMILY_VERSION;
	len += put_attrs(t, message + len, s);
	if (choice >= 96)
		len = damage(t, message, len);
	n->nlmsg_len = (u32)len;
	return len;
}

/* What the kernel says of each of them. */
static void count_answers(struct calls_thread *t, const u8 *bytes, size_t len)
{
	const struct nlmsghdr *n;
	int error;

	while (len >= sizeof(*n)) {
		n = (const struct nlmsghdr *)bytes;
		if (n->nlmsg_len < sizeof(*n) || n->nlmsg_len > len)
			return;
		if (n->nlmsg_type == NLMSG_ERROR ||
		    n->nlmsg_type == NLMSG_DONE) {
			memcpy(&error, bytes + NLMSG_HDRLEN, sizeof(error));
			errno = -error;
			calls_result(t, error ? -1 : 0);
		}
		if (NLMSG_ALIGN(n->nlmsg_len) >= len)
			return;
		bytes += NLMSG_ALIGN(n->nlmsg_len);
		len -= NLMSG_ALIGN(n->nlmsg_len);
	}
}

static void read_answers(struct calls_thread *t)
{
	ssize_t len;
	int i;

	for (i = 0; i < READS; i++) {
		len = recv(t->netlink, t->memory, CALLS_MEMORY, MSG_DONTWAIT);
		if (len > 0)
			count_answers(t, t->memory, (size_t)len);
		else if (errno != ENOBUFS)
			break;
	}
}

static void renew_socket(struct calls_thread *t)
{
	int group = calls_u8(t), on = 1;

	if (t->netlink)
		close(t->netlink);
	t->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			    NETLINK_GENERIC);
	if (group & 1)
		setsockopt(t->netlink, SOL_NETLINK, NETLINK_EXT_ACK, &on,
			   sizeof(on));
	if (group >= 192)
		setsockopt(t->netlink, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
			   &group, sizeof(group));
}

/* The last of them may say that it is longer, or shorter, than it is. */
void calls_requests(struct calls_thread *t)
{
	u8 bytes[BATCH * ROOM];
	struct nlmsghdr *n = NULL;
	size_t len = 0;
	int i;

	if (!t->netlink || !calls_u8(t))
		renew_socket(t);
	for (i = 0; i < BATCH; i++) {
		len = NLMSG_ALIGN(len);
		n = (struct nlmsghdr *)(bytes + len);
		len += make_request(t, bytes + len);
	}
	if (calls_u8(t) < 32)
		n->nlmsg_len = calls_u8(t) & 1 ? calls_u8(t) : calls_u32(t);
	if (send(t->netlink, bytes, len, MSG_DONTWAIT) == (ssize_t)len)
		t->requests += BATCH;
	read_answers(t);
}
