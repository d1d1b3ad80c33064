// SPDX-License-Identifier: GPL-2.0
/*
 * Operations of the control plane. Tables and policies come from the
 * specification, uapi/netlink/specs/blipmq.yaml.
 */
#include <net/genetlink.h>
#include <net/netlink.h>

#include "event.h"
#include "netlink.h"
#include "netns.h"
#include "sock.h"

/* As a part of this file: the generator makes the table of groups static. */
#include "gen/netlink-gen.c"

/**
 * struct nl_number - a number and the attribute that carries it
 * @attr: the attribute
 * @value: the number
 */
struct nl_number {
	int	attr;
	u64	value;
};

static int nl_put_u64s(struct sk_buff *skb, const struct nl_number *numbers,
		       int nr, int pad)
{
	int i;

	for (i = 0; i < nr; i++)
		if (nla_put_u64_64bit(skb, numbers[i].attr, numbers[i].value,
				      pad))
			return -EMSGSIZE;
	return 0;
}

/**
 * blipmq_nl_put_totals() - add counters to a message
 * @skb: the message
 * @attr: the attribute that they are nested in
 * @t: the counters
 *
 * Return: 0 or -EMSGSIZE.
 */
int blipmq_nl_put_totals(struct sk_buff *skb, int attr,
			 const struct blipmq_totals *t)
{
	const struct nl_number numbers[] = {
		{ BLIPMQ_A_TOTALS_PUBLISHED, t->published },
		{ BLIPMQ_A_TOTALS_PUBLISHED_BYTES, t->published_bytes },
		{ BLIPMQ_A_TOTALS_UNROUTED, t->unrouted },
		{ BLIPMQ_A_TOTALS_MATCHED, t->matched },
		{ BLIPMQ_A_TOTALS_DELIVERED, t->delivered },
		{ BLIPMQ_A_TOTALS_DELIVERED_BYTES, t->delivered_bytes },
		{ BLIPMQ_A_TOTALS_DROPPED_OVERFLOW,
		  t->dropped[BLIPMQ_DROP_OVERFLOW] },
		{ BLIPMQ_A_TOTALS_DROPPED_CONFLATED,
		  t->dropped[BLIPMQ_DROP_CONFLATED] },
		{ BLIPMQ_A_TOTALS_DROPPED_EXPIRED,
		  t->dropped[BLIPMQ_DROP_EXPIRED] },
		{ BLIPMQ_A_TOTALS_DROPPED_FILTERED,
		  t->dropped[BLIPMQ_DROP_FILTERED] },
		{ BLIPMQ_A_TOTALS_DROPPED_CLOSED,
		  t->dropped[BLIPMQ_DROP_CLOSED] },
		{ BLIPMQ_A_TOTALS_DROPPED_NO_MEMORY,
		  t->dropped[BLIPMQ_DROP_NO_MEMORY] },
		{ BLIPMQ_A_TOTALS_QUEUED_MESSAGES, t->queued_messages },
		{ BLIPMQ_A_TOTALS_QUEUED_BYTES, t->queued_bytes },
		{ BLIPMQ_A_TOTALS_REFUSED, t->refused },
		{ BLIPMQ_A_TOTALS_PARTIAL, t->partial },
	};
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest || nl_put_u64s(skb, numbers, ARRAY_SIZE(numbers),
				 BLIPMQ_A_TOTALS_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * blipmq_nl_put_name() - add bytes as a text
 * @skb: the message
 * @attr: the attribute
 * @name: the bytes, none of which is zero
 * @len: how many
 *
 * Return: 0 or -EMSGSIZE.
 */
int blipmq_nl_put_name(struct sk_buff *skb, int attr, const u8 *name, u8 len)
{
	struct nlattr *a = nla_reserve(skb, attr, len + 1);
	u8 *text;

	if (!a)
		return -EMSGSIZE;
	text = nla_data(a);
	memcpy(text, name, len);
	text[len] = '\0';
	return 0;
}

static int nl_put_broker(struct sk_buff *skb, struct blipmq_net *ns)
{
	if (nla_put_string(skb, BLIPMQ_A_BROKER_VERSION, BLIPMQ_VERSION) ||
	    nla_put_u32(skb, BLIPMQ_A_BROKER_FAMILY, blipmq_family) ||
	    nla_put_u32(skb, BLIPMQ_A_BROKER_SOCKETS,
			READ_ONCE(ns->nr_sockets)) ||
	    nla_put_u32(skb, BLIPMQ_A_BROKER_TOPICS,
			READ_ONCE(ns->nr_topics)) ||
	    nla_put_u32(skb, BLIPMQ_A_BROKER_SUBSCRIPTIONS,
			atomic_read(&ns->nr_subscriptions)) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_BROKER_MEMORY_BYTES,
			      percpu_counter_sum_positive(&ns->memory),
			      BLIPMQ_A_BROKER_PAD) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_BROKER_RING_BYTES,
			      atomic64_read(&ns->ring_bytes),
			      BLIPMQ_A_BROKER_PAD))
		return -EMSGSIZE;
	if (READ_ONCE(ns->draining))
		return nla_put_flag(skb, BLIPMQ_A_BROKER_DRAINING);
	return 0;
}

static int nl_put_details(struct sk_buff *skb, struct blipmq_net *ns)
{
	struct blipmq_totals totals;

	blipmq_net_totals(ns, &totals);
	if (nla_put_u64_64bit(skb, BLIPMQ_A_BROKER_IN_FLIGHT, totals.in_flight,
			      BLIPMQ_A_BROKER_PAD))
		return -EMSGSIZE;
	if (blipmq_nl_put_totals(skb, BLIPMQ_A_BROKER_TOTALS, &totals) ||
	    blipmq_nl_put_limit(skb, BLIPMQ_A_BROKER_LIMITS, 0,
				&ns->limits))
		return -EMSGSIZE;
	return 0;
}

/**
 * blipmq_nl_broker_get_doit() - the state of the namespace's broker
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int blipmq_nl_broker_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	struct sk_buff *reply;
	void *header;

	reply = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &blipmq_nl_family, 0,
				   BLIPMQ_CMD_BROKER_GET);
	if (!header || nl_put_broker(reply, ns) ||
	    (!info->attrs[BLIPMQ_A_BROKER_BRIEF] &&
	     nl_put_details(reply, ns))) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

/**
 * blipmq_nl_drain_doit() - refuse what is new, or no longer
 * @skb: the request
 * @info: what netlink knows of it
 *
 * A call that has begun may go on; the totals say how many do. No other one
 * that begins after the return is accepted, or refused.
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0.
 */
int blipmq_nl_drain_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	bool draining = !info->attrs[BLIPMQ_A_BROKER_UNDO];

	mutex_lock(&ns->limits_lock);
	if (draining != ns->draining) {
		WRITE_ONCE(ns->draining, draining);
		blipmq_event_drain(ns, draining ?
				   BLIPMQ_EVENT_KIND_DRAIN_BEGAN :
				   BLIPMQ_EVENT_KIND_DRAIN_ENDED);
	}
	mutex_unlock(&ns->limits_lock);
	/*
	 * Before tx_lock is looked at: who takes it later than that sees the
	 * flag.
	 */
	smp_mb();
	return 0;
}

/* As the generator knows no rights of groups. */
static struct genl_multicast_group nl_groups[ARRAY_SIZE(blipmq_nl_mcgrps)]
	__ro_after_init;

struct genl_family blipmq_nl_family __ro_after_init = {
	.name = BLIPMQ_FAMILY_NAME,
	.version = BLIPMQ_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = blipmq_nl_ops,
	.n_ops = ARRAY_SIZE(blipmq_nl_ops),
	.mcgrps = nl_groups,
	.n_mcgrps = ARRAY_SIZE(nl_groups),
};

/**
 * blipmq_netlink_register() - open the control plane
 *
 * Return: 0 or a negative errno.
 */
int __init blipmq_netlink_register(void)
{
	int err, i;

	for (i = 0; i < ARRAY_SIZE(nl_groups); i++) {
		nl_groups[i] = blipmq_nl_mcgrps[i];
		nl_groups[i].flags = GENL_MCAST_CAP_NET_ADMIN;
	}
	err = genl_register_family(&blipmq_nl_family);
	if (!err)
		blipmq_events_open();
	return err;
}

/**
 * blipmq_netlink_unregister() - close it
 */
void blipmq_netlink_unregister(void)
{
	blipmq_events_close();
	genl_unregister_family(&blipmq_nl_family);
}
