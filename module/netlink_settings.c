// SPDX-License-Identifier: GPL-2.0
/*
 * What is said of one topic: its own rule, as attributes of the topic.
 */
#include <net/genetlink.h>
#include <net/netlink.h>

#include "access.h"
#include "gen/netlink-gen.h"
#include "netlink.h"
#include "netlink_reader.h"
#include "netns.h"
#include "pattern.h"

/**
 * blipmq_nl_put_settings() - add what a topic's own rule says
 * @skb: the message
 * @r: who asks
 * @rule: the rule, or NULL for none
 *
 * Its owner is the caller's to add.
 *
 * Return: 0 or -EMSGSIZE.
 */
int blipmq_nl_put_settings(struct sk_buff *skb,
			   const struct blipmq_nl_reader *r,
			   const struct blipmq_rule *rule)
{
	if (!rule)
		return 0;
	if ((rule->judges &&
	     (nla_put_u32(skb, BLIPMQ_A_TOPIC_GID,
			  from_kgid_munged(r->user_ns, rule->gid)) ||
	      nla_put_u32(skb, BLIPMQ_A_TOPIC_MODE, rule->mode))) ||
	    (rule->ttl_ms &&
	     nla_put_u32(skb, BLIPMQ_A_TOPIC_TTL_MS, rule->ttl_ms)) ||
	    (rule->rate &&
	     nla_put_u32(skb, BLIPMQ_A_TOPIC_PUBLISH_RATE, rule->rate)))
		return -EMSGSIZE;
	return 0;
}

/* Return: false when there is no valid topic. */
static bool take_topic(struct genl_info *info, const u8 **name, u8 *len)
{
	struct nlattr *attr = info->attrs[BLIPMQ_A_TOPIC_NAME];

	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_TOPIC_NAME))
		return false;
	*name = nla_data(attr);
	*len = strnlen(nla_data(attr), nla_len(attr));
	if (blipmq_topic_valid(*name, *len))
		return true;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "name is not a valid topic; rules are for patterns");
	return false;
}

/**
 * blipmq_nl_take_rate() - how many messages a second
 * @extack: where to say what is wrong
 * @attr: its attribute
 * @rate: set to the rate
 *
 * Return: 0 or -ERANGE.
 */
int blipmq_nl_take_rate(struct netlink_ext_ack *extack,
			const struct nlattr *attr, u32 *rate)
{
	*rate = nla_get_u32(attr);
	if (*rate <= BLIPMQ_RATE_MAX)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "publish-rate is 0 to 10000000");
	return -ERANGE;
}

static int take_settings(struct genl_info *info, struct blipmq_rule_edit *edit)
{
	struct nlattr **attrs = info->attrs;
	struct nlattr *rate = attrs[BLIPMQ_A_TOPIC_PUBLISH_RATE];
	int err;

	if (attrs[BLIPMQ_A_TOPIC_UID])
		edit->says |= BLIPMQ_RULE_UID;
	if (attrs[BLIPMQ_A_TOPIC_GID])
		edit->says |= BLIPMQ_RULE_GID;
	if (attrs[BLIPMQ_A_TOPIC_TTL_MS]) {
		edit->says |= BLIPMQ_RULE_TTL;
		edit->ttl_ms = nla_get_u32(attrs[BLIPMQ_A_TOPIC_TTL_MS]);
	}
	if (rate) {
		edit->says |= BLIPMQ_RULE_RATE;
		err = blipmq_nl_take_rate(info->extack, rate, &edit->rate);
		if (err)
			return err;
	}
	if (!attrs[BLIPMQ_A_TOPIC_MODE])
		return 0;
	edit->says |= BLIPMQ_RULE_MODE;
	return blipmq_nl_take_mode(info->extack, attrs[BLIPMQ_A_TOPIC_MODE],
				   &edit->mode);
}

/**
 * blipmq_nl_topic_set_doit() - say something of a topic
 * @skb: the request
 * @info: what netlink knows of it
 *
 * The topic need not exist.
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_nl_topic_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_rule_edit edit = { };
	int err;

	if (!take_topic(info, &edit.pattern, &edit.len))
		return -EINVAL;
	err = take_settings(info, &edit);
	if (err)
		return err;
	if (!edit.says) {
		GENL_SET_ERR_MSG(info, "nothing is said of the topic");
		return -EINVAL;
	}
	err = blipmq_nl_take_ids(skb, info->extack,
				 info->attrs[BLIPMQ_A_TOPIC_UID],
				 info->attrs[BLIPMQ_A_TOPIC_GID], &edit.uid,
				 &edit.gid);
	return err ?: blipmq_nl_set_rule(info, &edit);
}

/**
 * blipmq_nl_topic_delete_doit() - take back all that was said of a topic
 * @skb: the request
 * @info: what netlink knows of it
 *
 * The topic itself stays.
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_nl_topic_delete_doit(struct sk_buff *skb, struct genl_info *info)
{
	const u8 *name;
	int err;
	u8 len;

	if (!take_topic(info, &name, &len))
		return -EINVAL;
	err = blipmq_rules_delete(blipmq_net_of(genl_info_net(info)), name, len,
				  true);
	if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[BLIPMQ_A_TOPIC_NAME],
				    "nothing was said of this topic");
	return err;
}
