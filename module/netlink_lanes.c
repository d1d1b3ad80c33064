// SPDX-License-Identifier: GPL-2.0
/*
 * The lanes of topics, as attributes.
 */
#include <net/genetlink.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "gen/netlink-gen.h"
#include "lane.h"
#include "netlink.h"
#include "netns.h"
#include "pattern.h"
#include "worker.h"

static int put_rule(struct sk_buff *skb, const struct blipmq_lane_rule *rule)
{
	if ((rule->len && nla_put(skb, BLIPMQ_A_LANE_PATTERN, rule->len,
				  rule->pattern)) ||
	    nla_put_u32(skb, BLIPMQ_A_LANE_MODE, rule->mode) ||
	    (rule->pin && nla_put_u32(skb, BLIPMQ_A_LANE_WORKER,
				      rule->pin - 1)))
		return -EMSGSIZE;
	return 0;
}

static int put_lane(struct sk_buff *skb, const struct nlattr *topic, u32 lane)
{
	if (nla_put(skb, BLIPMQ_A_LANE_TOPIC, nla_len(topic), nla_data(topic)))
		return -EMSGSIZE;
	if (lane == BLIPMQ_LANE_MOVING)
		return nla_put_flag(skb, BLIPMQ_A_LANE_MOVING);
	if (lane == BLIPMQ_LANE_DIRECT)
		return nla_put_u32(skb, BLIPMQ_A_LANE_MODE,
				   BLIPMQ_LANE_MODE_DIRECT);
	if (nla_put_u32(skb, BLIPMQ_A_LANE_MODE, BLIPMQ_LANE_MODE_WORKER))
		return -EMSGSIZE;
	return nla_put_u32(skb, BLIPMQ_A_LANE_WORKER, lane - 1);
}

/**
 * blipmq_nl_lane_get_doit() - the lane of a topic
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int blipmq_nl_lane_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	struct nlattr *topic = info->attrs[BLIPMQ_A_LANE_TOPIC];
	struct sk_buff *reply;
	void *header;
	u32 lane;

	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_LANE_TOPIC))
		return -EINVAL;
	if (!blipmq_topic_valid(nla_data(topic), nla_len(topic))) {
		NL_SET_ERR_MSG_ATTR(info->extack, topic,
				    "topic is not a valid one");
		return -EINVAL;
	}
	lane = blipmq_lane_of(ns, nla_data(topic), nla_len(topic));
	reply = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &blipmq_nl_family, 0,
				   BLIPMQ_CMD_LANE_GET);
	if (!header || put_lane(reply, topic, lane)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

/**
 * blipmq_nl_lane_get_dumpit() - all rules, the more general one first
 * @skb: where to
 * @cb: how far it came: that rule, and those with a pattern
 *
 * Context: may sleep.
 * Return: bytes, 0 at the end, or a negative errno.
 */
int blipmq_nl_lane_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct blipmq_net *ns = blipmq_net_of(sock_net(cb->skb->sk));
	static const struct blipmq_lane_rule direct = {
		.mode = BLIPMQ_LANE_MODE_DIRECT,
	};
	const struct blipmq_lane_rule *rule;
	const struct blipmq_lanes *t;
	void *header;
	int err;

	err = blipmq_lanes_lock();
	if (err)
		return err;
	t = blipmq_lanes_now(ns);
	/* Who changes rules between two messages makes places mean others. */
	cb->seq = (t ? (u32)t->epoch : 0) << 1 | 1;
	while (cb->args[0] <= (t ? t->nr_rules : 0)) {
		if (cb->args[0])
			rule = &t->rules[cb->args[0] - 1];
		else
			rule = t ? &t->rule : &direct;
		header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				     cb->nlh->nlmsg_seq, &blipmq_nl_family,
				     NLM_F_MULTI, BLIPMQ_CMD_LANE_GET);
		if (!header)
			break;
		if (put_rule(skb, rule)) {
			genlmsg_cancel(skb, header);
			break;
		}
		genl_dump_check_consistent(cb, header);
		genlmsg_end(skb, header);
		cb->args[0]++;
	}
	blipmq_lanes_unlock();
	return skb->len;
}

static int take_pattern(struct genl_info *info, struct blipmq_lane_rule *rule)
{
	struct nlattr *attr = info->attrs[BLIPMQ_A_LANE_PATTERN];

	if (!attr)
		return 0;
	if (!blipmq_pattern_valid(nla_data(attr), nla_len(attr))) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "pattern is not a valid topic or pattern");
		return -EINVAL;
	}
	rule->len = nla_len(attr);
	memcpy(rule->pattern, nla_data(attr), rule->len);
	return 0;
}

static int take_worker(struct genl_info *info, struct blipmq_lane_rule *rule)
{
	struct nlattr *attr = info->attrs[BLIPMQ_A_LANE_WORKER];

	if (!attr)
		return 0;
	if (rule->mode != BLIPMQ_LANE_MODE_WORKER) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "worker is for mode worker");
		return -EINVAL;
	}
	/* Of what is checked, some is not there yet. */
	if (!info->attrs[BLIPMQ_A_LANE_CHECK] &&
	    nla_get_u32(attr) >= blipmq_workers_wanted()) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "there is no such worker");
		return -ENOENT;
	}
	rule->pin = nla_get_u32(attr) + 1;
	return 0;
}

static int lane_change(struct sk_buff *skb, struct genl_info *info,
		       struct blipmq_lane_rule *rule)
{
	struct nlattr **attrs = info->attrs;
	int err;

	/* Also direct: who moves topics holds the lock of all while they move. */
	if (rule->mode != BLIPMQ_LANE_MODE_DEFAULT &&
	    !blipmq_workers_delegated() && !netlink_capable(skb, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[BLIPMQ_A_LANE_MODE],
				    "lanes are not delegated to this namespace");
		return -EPERM;
	}
	err = take_worker(info, rule);
	if (err || attrs[BLIPMQ_A_LANE_CHECK])
		return err;
	err = blipmq_lanes_change(blipmq_net_of(genl_info_net(info)), rule);
	if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[BLIPMQ_A_LANE_PATTERN],
				    "there is no rule for this pattern");
	else if (err == -ENOSPC)
		NL_SET_ERR_MSG(info->extack,
			       "a namespace has 256 rules of lanes at most");
	return err;
}

/**
 * blipmq_nl_lane_set_doit() - change the lanes of topics
 * @skb: the request
 * @info: what netlink knows of it
 *
 * On return the topics have moved.
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_nl_lane_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_lane_rule *rule;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_LANE_MODE))
		return -EINVAL;
	rule = kzalloc(sizeof(*rule), GFP_KERNEL);
	if (!rule)
		return -ENOMEM;
	rule->mode = nla_get_u32(info->attrs[BLIPMQ_A_LANE_MODE]);
	err = take_pattern(info, rule);
	if (!err)
		err = blipmq_lanes_lock();
	if (!err) {
		err = lane_change(skb, info, rule);
		blipmq_lanes_unlock();
	}
	kfree(rule);
	return err;
}
