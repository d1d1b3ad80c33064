// SPDX-License-Identifier: GPL-2.0
/*
 * How long messages took, as attributes, and counting from zero.
 */
#include <net/genetlink.h>
#include <net/netlink.h>

#include "gen/netlink-gen.h"
#include "latency.h"
#include "netlink.h"
#include "netns.h"
#include "sock.h"

/*
 * Of a reply with all that may be in it. Three histograms are more than
 * NLMSG_GOODSIZE where pages are small.
 */
static size_t latency_size(void)
{
	size_t histogram = nla_total_size_64bit(sizeof(u64)) +
			   nla_total_size_64bit(sizeof(u64)) +
			   nla_total_size_64bit(sizeof_field(struct blipmq_histogram,
							     buckets));

	return nla_total_size(sizeof(u32)) +
	       BLIPMQ_LATENCY_KINDS * nla_total_size(histogram);
}

static int put_histogram(struct sk_buff *skb, int attr,
			 const struct blipmq_histogram *h)
{
	struct nlattr *nest = nla_nest_start(skb, attr);
	u64 count = 0;
	int i, used = 0;

	for (i = 0; i < BLIPMQ_LATENCY_BUCKETS; i++) {
		count += h->buckets[i];
		if (h->buckets[i])
			used = i + 1;
	}
	if (!nest ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_HISTOGRAM_COUNT, count,
			      BLIPMQ_A_HISTOGRAM_PAD) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_HISTOGRAM_SUM, h->sum,
			      BLIPMQ_A_HISTOGRAM_PAD) ||
	    nla_put_64bit(skb, BLIPMQ_A_HISTOGRAM_BUCKETS, used * sizeof(u64),
			  h->buckets, BLIPMQ_A_HISTOGRAM_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_histograms(struct sk_buff *skb, struct blipmq_net *ns)
{
	struct blipmq_histograms *sum = kvmalloc(sizeof(*sum), GFP_KERNEL);
	int err = 0;

	if (!sum)
		return -ENOMEM;
	blipmq_latency_sum(ns, sum);
	if (put_histogram(skb, BLIPMQ_A_LATENCY_ROUTING,
			  &sum->of[BLIPMQ_LATENCY_ROUTING]) ||
	    put_histogram(skb, BLIPMQ_A_LATENCY_WAITING,
			  &sum->of[BLIPMQ_LATENCY_WAITING]) ||
	    put_histogram(skb, BLIPMQ_A_LATENCY_TOTAL,
			  &sum->of[BLIPMQ_LATENCY_TOTAL]))
		err = -EMSGSIZE;
	kvfree(sum);
	return err;
}

/**
 * blipmq_nl_latency_get_doit() - how long messages took
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int blipmq_nl_latency_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	struct sk_buff *reply = genlmsg_new(latency_size(), GFP_KERNEL);
	void *header;
	int err = -EMSGSIZE;

	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &blipmq_nl_family, 0,
				   BLIPMQ_CMD_LATENCY_GET);
	if (header)
		err = nla_put_u32(reply, BLIPMQ_A_LATENCY_ENABLED,
				  READ_ONCE(ns->measures));
	if (!err && !info->attrs[BLIPMQ_A_LATENCY_BRIEF])
		err = put_histograms(reply, ns);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

/**
 * blipmq_nl_latency_set_doit() - measure how long messages take, or no longer
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; -EINVAL; -ERANGE; -ENOMEM; with nothing changed.
 */
int blipmq_nl_latency_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	struct nlattr *enabled = info->attrs[BLIPMQ_A_LATENCY_ENABLED];

	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_LATENCY_ENABLED))
		return -EINVAL;
	if (nla_get_u32(enabled) > 1) {
		NL_SET_ERR_MSG_ATTR(info->extack, enabled,
				    "enabled is 0 or 1");
		return -ERANGE;
	}
	return blipmq_latency_measure(ns, nla_get_u32(enabled));
}

/**
 * blipmq_nl_reset_doit() - count from here
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0.
 */
int blipmq_nl_reset_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	bool totals = info->attrs[BLIPMQ_A_RESET_TOTALS];
	bool latency = info->attrs[BLIPMQ_A_RESET_LATENCY];

	if (totals || !latency)
		blipmq_net_reset(ns);
	if (latency || !totals)
		blipmq_latency_reset(ns);
	return 0;
}
