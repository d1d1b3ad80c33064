// SPDX-License-Identifier: GPL-2.0
/*
 * The limits of a namespace, as attributes.
 */
#include <net/genetlink.h>
#include <net/netlink.h>

#include "frame.h"
#include "gen/netlink-gen.h"
#include "netlink.h"
#include "netns.h"

/* More than any machine has, and far from where sums overflow. */
#define BYTES_MAX	BIT_ULL(50)
#define COUNT_MAX	SZ_16M

/**
 * struct nl_limit - a limit
 * @attr: its attribute
 * @at: where it is in struct blipmq_limits
 * @wide: it has 64 bits
 * @min: the least that it may be
 * @max: the most
 * @range: name and range, for people
 */
struct nl_limit {
	u16		attr;
	u16		at;
	bool		wide;
	u64		min;
	u64		max;
	const char	*range;
};

#define LIMIT(_attr, _member, _wide, _min, _max, _range) {	\
	.attr = BLIPMQ_A_LIMITS_##_attr,			\
	.at = offsetof(struct blipmq_limits, _member),		\
	.wide = _wide, .min = _min, .max = _max,		\
	.range = _range,					\
}

static const struct nl_limit nl_limits[] = {
	LIMIT(PAYLOAD_BYTES, payload_bytes, false, 1, BLIPMQ_FRAME_PAYLOAD_MAX,
	      "payload-bytes is 1 to 16777216"),
	LIMIT(QUEUE_MESSAGES, queue_messages, false, 1, SZ_1M,
	      "queue-messages is 1 to 1048576"),
	LIMIT(QUEUE_BYTES, queue_bytes, false, 1, BLIPMQ_QUEUE_BYTES_MAX,
	      "queue-bytes is 1 to 268435456"),
	LIMIT(QUEUE_MESSAGES_MAX, queue_messages_max, false, 1, SZ_1M,
	      "queue-messages-max is 1 to 1048576"),
	LIMIT(QUEUE_BYTES_MAX, queue_bytes_max, false, 1, BLIPMQ_QUEUE_BYTES_MAX,
	      "queue-bytes-max is 1 to 268435456"),
	LIMIT(ANSWER_BYTES, answer_bytes, false, SZ_1K, SZ_1M,
	      "answer-bytes is 1024 to 1048576"),
	LIMIT(SOCKETS, sockets, false, 1, COUNT_MAX, "sockets is 1 to 16777216"),
	LIMIT(TOPICS, topics, false, 1, COUNT_MAX, "topics is 1 to 16777216"),
	LIMIT(SUBSCRIPTIONS, subscriptions, false, 1, COUNT_MAX,
	      "subscriptions is 1 to 16777216"),
	LIMIT(MEMORY_BYTES, memory_bytes, true, SZ_64K, BYTES_MAX,
	      "memory-bytes is 65536 to 2^50"),
	LIMIT(SHARE_BYTES, share_bytes, true, SZ_64K, BYTES_MAX,
	      "share-bytes is 65536 to 2^50"),
	LIMIT(FLIGHT_BYTES, flight_bytes, true, SZ_4K, BYTES_MAX,
	      "flight-bytes is 4096 to 2^50"),
	LIMIT(USER_TOPICS, user_topics, false, 1, COUNT_MAX,
	      "user-topics is 1 to 16777216"),
	LIMIT(RETAINED_MESSAGES, retained_messages, false, 0, COUNT_MAX,
	      "retained-messages is 0 to 16777216"),
	LIMIT(RETAINED_BYTES, retained_bytes, true, 0, BYTES_MAX,
	      "retained-bytes is 0 to 2^50"),
	LIMIT(USER_PATTERNS, user_patterns, false, 1, COUNT_MAX,
	      "user-patterns is 1 to 16777216"),
};

static u64 limit_get(const struct nl_limit *n, const struct blipmq_limits *l)
{
	const void *at = (const u8 *)l + n->at;

	return n->wide ? READ_ONCE(*(const u64 *)at) :
			 READ_ONCE(*(const u32 *)at);
}

static void limit_set(const struct nl_limit *n, struct blipmq_limits *l,
		      u64 value)
{
	void *at = (u8 *)l + n->at;

	if (n->wide)
		WRITE_ONCE(*(u64 *)at, value);
	else
		WRITE_ONCE(*(u32 *)at, value);
}

static int limit_put(struct sk_buff *skb, const struct nl_limit *n,
		     const struct blipmq_limits *l)
{
	if (n->wide)
		return nla_put_u64_64bit(skb, n->attr, limit_get(n, l),
					 BLIPMQ_A_LIMITS_PAD);
	return nla_put_u32(skb, n->attr, limit_get(n, l));
}

/**
 * blipmq_nl_put_limit() - add one limit to a message, or all
 * @skb: the message
 * @nest: the attribute that they are nested in
 * @attr: which, BLIPMQ_A_LIMITS_*; 0 for all
 * @l: the limits
 *
 * Return: 0 or -EMSGSIZE.
 */
int blipmq_nl_put_limit(struct sk_buff *skb, int nest, int attr,
			const struct blipmq_limits *l)
{
	struct nlattr *start = nla_nest_start(skb, nest);
	int i;

	if (!start)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(nl_limits); i++)
		if ((!attr || attr == nl_limits[i].attr) &&
		    limit_put(skb, &nl_limits[i], l))
			return -EMSGSIZE;
	nla_nest_end(skb, start);
	return 0;
}

static int limit_refuse(struct netlink_ext_ack *extack,
			const struct nlattr *attr, const char *text)
{
	NL_SET_BAD_ATTR(extack, attr);
	/* The macros take nothing but literals. */
	if (extack)
		extack->_msg = text;
	return -ERANGE;
}

/* Into @l, as far as they are in range. */
static int limits_take(struct blipmq_limits *l, struct nlattr **attrs,
		       struct netlink_ext_ack *extack)
{
	const struct nl_limit *n;
	struct nlattr *attr;
	u64 value;
	int i;

	for (i = 0; i < ARRAY_SIZE(nl_limits); i++) {
		n = &nl_limits[i];
		attr = attrs[n->attr];
		if (!attr)
			continue;
		value = n->wide ? nla_get_u64(attr) : nla_get_u32(attr);
		if (value < n->min || value > n->max)
			return limit_refuse(extack, attr, n->range);
		limit_set(n, l, value);
	}
	if (l->queue_messages > l->queue_messages_max)
		return limit_refuse(extack,
				    attrs[BLIPMQ_A_LIMITS_QUEUE_MESSAGES] ?:
				    attrs[BLIPMQ_A_LIMITS_QUEUE_MESSAGES_MAX],
				    "queue-messages is above queue-messages-max");
	if (l->queue_bytes > l->queue_bytes_max)
		return limit_refuse(extack,
				    attrs[BLIPMQ_A_LIMITS_QUEUE_BYTES] ?:
				    attrs[BLIPMQ_A_LIMITS_QUEUE_BYTES_MAX],
				    "queue-bytes is above queue-bytes-max");
	return 0;
}

/**
 * blipmq_nl_limit_set_doit() - change limits
 * @skb: the request
 * @info: what netlink knows of it
 *
 * What exists is left alone: a limit that falls below what is used refuses what
 * is added, and drops nothing.
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; -EINVAL without limits; -ERANGE with nothing changed.
 */
int blipmq_nl_limit_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	struct nlattr *attrs[BLIPMQ_A_LIMITS_MAX + 1];
	struct blipmq_limits l;
	bool check;
	int err, i;

	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_BROKER_LIMITS))
		return -EINVAL;
	err = nla_parse_nested(attrs, BLIPMQ_A_LIMITS_MAX,
			       info->attrs[BLIPMQ_A_BROKER_LIMITS],
			       blipmq_limits_nl_policy, info->extack);
	if (err)
		return err;
	/* One change at a time; who uses a limit reads it once. */
	mutex_lock(&ns->limits_lock);
	l = ns->limits;
	err = limits_take(&l, attrs, info->extack);
	check = info->attrs[BLIPMQ_A_BROKER_CHECK];
	for (i = 0; !err && !check && i < ARRAY_SIZE(nl_limits); i++)
		limit_set(&nl_limits[i], &ns->limits,
			  limit_get(&nl_limits[i], &l));
	mutex_unlock(&ns->limits_lock);
	return err;
}
