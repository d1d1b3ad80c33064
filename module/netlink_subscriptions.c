// SPDX-License-Identifier: GPL-2.0
/*
 * Subscriptions, as the control plane shows them.
 */
#include <net/genetlink.h>
#include <net/netlink.h>

#include "gen/netlink-gen.h"
#include "netlink.h"
#include "netlink_reader.h"
#include "netns.h"
#include "pattern.h"
#include "sock.h"
#include "subscription.h"
#include "trie.h"

/**
 * blipmq_nl_put_subscription() - add what a subscription is to
 * @skb: the message
 * @sub: the subscription
 * @pattern: the attribute for its pattern
 * @group: the attribute for its queue group, which is left out when it has none
 *
 * Context: an RCU read-side section, or the subscription stays.
 * Return: 0 or -EMSGSIZE.
 */
int blipmq_nl_put_subscription(struct sk_buff *skb,
			       const struct blipmq_subscription_node *sub,
			       int pattern, int group)
{
	const struct blipmq_trie_node *leaf = sub->interest.leaf;
	u8 name[BLIPMQ_PATTERN_MAX];
	u8 len = blipmq_subscription_pattern(sub, name);
	int err = blipmq_nl_put_name(skb, pattern, name, len);

	if (err || !leaf || !leaf->name_len)
		return err;
	return blipmq_nl_put_name(skb, group, leaf->name, leaf->name_len);
}

static int subscription_put(struct sk_buff *skb,
			    const struct blipmq_nl_reader *r, void *entry)
{
	const struct blipmq_subscription_node *sub = entry;
	kuid_t uid = blipmq_nl_uid_of(sub->bs);
	u8 name[BLIPMQ_PATTERN_MAX];
	void *header;

	if (!blipmq_nl_may_see(r, uid) ||
	    !blipmq_nl_matches(r, name, blipmq_subscription_pattern(sub, name)))
		return 0;
	header = blipmq_nl_begin(skb, r, BLIPMQ_CMD_SUBSCRIPTION_GET);
	if (!header)
		return -EMSGSIZE;
	if (nla_put_u32(skb, BLIPMQ_A_SUBSCRIPTION_ID, sub->id) ||
	    blipmq_nl_put_subscription(skb, sub, BLIPMQ_A_SUBSCRIPTION_PATTERN,
				       BLIPMQ_A_SUBSCRIPTION_GROUP) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_SUBSCRIPTION_SOCKET,
			      sub->bs->serial, BLIPMQ_A_SUBSCRIPTION_PAD) ||
	    blipmq_nl_put_process(skb, r, sub->bs, BLIPMQ_A_SUBSCRIPTION_PID,
				  BLIPMQ_A_SUBSCRIPTION_COMMAND) ||
	    nla_put_u32(skb, BLIPMQ_A_SUBSCRIPTION_UID,
			from_kuid_munged(r->user_ns, uid))) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/**
 * blipmq_nl_subscription_get_doit() - one subscription
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int blipmq_nl_subscription_get_doit(struct sk_buff *skb,
				    struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct blipmq_nl_reader r;
	int err;

	err = blipmq_nl_reader_of_info(&r, skb, info,
				       attrs[BLIPMQ_A_SUBSCRIPTION_UID]);
	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_SUBSCRIPTION_ID))
		return -EINVAL;
	return blipmq_nl_get_entry(info, &r, &r.ns->subscriptions,
				   nla_get_u32(attrs[BLIPMQ_A_SUBSCRIPTION_ID]),
				   subscription_put);
}

/**
 * blipmq_nl_subscription_get_dumpit() - the subscriptions of a namespace
 * @skb: the answer
 * @cb: the dump
 *
 * Context: may sleep.
 * Return: bytes of the answer, 0 at the end, or a negative errno.
 */
int blipmq_nl_subscription_get_dumpit(struct sk_buff *skb,
				      struct netlink_callback *cb)
{
	struct nlattr **attrs = blipmq_dump_attrs(cb);
	struct blipmq_nl_reader r;
	int err;

	err = blipmq_nl_reader_of_dump(&r, cb, attrs[BLIPMQ_A_SUBSCRIPTION_UID],
				       attrs[BLIPMQ_A_SUBSCRIPTION_PATTERN]);
	if (err)
		return err;
	return blipmq_nl_dump_array(skb, cb, &r, &r.ns->subscriptions,
				    subscription_put);
}
