// SPDX-License-Identifier: GPL-2.0
/*
 * Topics, as the control plane shows them. A list of them follows the table by
 * which they are found, a bucket at a time: what did not fit is told again with
 * the next message. When the table is made anew meanwhile, the list ends and
 * says that it was interrupted.
 */
#include <linux/rhashtable.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/netlink.h>

#include "access.h"
#include "bundle.h"
#include "gen/netlink-gen.h"
#include "netlink.h"
#include "netlink_reader.h"
#include "netns.h"
#include "pattern.h"
#include "topic.h"
#include "user.h"

/* Which a dump looks at before it lets others have the table. */
#define BUCKETS_AT_ONCE	256U

/**
 * struct dump_place - where a dump is
 * @table: what tells the table from others, 0 before the first
 * @bucket: the next one
 */
struct dump_place {
	u32	table;
	u32	bucket;
};

static u32 topic_groups(const struct blipmq_route *route)
{
	u32 i, n = 0;

	for (i = 0; i < route->nr_sets; i++)
		n += !!route->sets[i]->deal;
	return n;
}

static u32 topic_retained_bytes(struct blipmq_net *ns,
				const struct blipmq_topic *topic)
{
	u32 bytes = 0;

	if (!READ_ONCE(topic->retained))
		return 0;
	spin_lock(&ns->retain_lock);
	if (topic->retained)
		bytes = blipmq_bundle_cb(topic->retained)->charge;
	spin_unlock(&ns->retain_lock);
	return bytes;
}

static const struct blipmq_rule *
topic_rule(const struct blipmq_nl_reader *r, const u8 *name, u8 len)
{
	return blipmq_rules_find(rcu_dereference(r->ns->rules), name, len);
}

/* Whom its own rule names, else who subscribed first, as long as anybody does. */
static kuid_t topic_owner(const struct blipmq_topic *topic,
			  const struct blipmq_rule *rule)
{
	if (rule && rule->judges)
		return rule->uid;
	return topic->owner ? topic->owner->uid : INVALID_UID;
}

static int topic_put_attrs(struct sk_buff *skb,
			   const struct blipmq_nl_reader *r,
			   const struct blipmq_topic *topic,
			   const struct blipmq_rule *rule)
{
	kuid_t uid = topic_owner(topic, rule);
	struct blipmq_route *route = rcu_dereference(topic->route);
	u32 bytes = topic_retained_bytes(r->ns, topic);

	if (blipmq_nl_put_name(skb, BLIPMQ_A_TOPIC_NAME, topic->name,
			       topic->name_len) ||
	    (uid_valid(uid) &&
	     nla_put_u32(skb, BLIPMQ_A_TOPIC_UID,
			 from_kuid_munged(r->user_ns, uid))) ||
	    blipmq_nl_put_settings(skb, r, rule) ||
	    nla_put_u32(skb, BLIPMQ_A_TOPIC_SUBSCRIPTIONS,
			topic->set ? READ_ONCE(topic->set->count) : 0) ||
	    nla_put_u32(skb, BLIPMQ_A_TOPIC_RECEIVERS,
			blipmq_route_legs(route)) ||
	    nla_put_u32(skb, BLIPMQ_A_TOPIC_GROUPS, topic_groups(route)) ||
	    (bytes && nla_put_u32(skb, BLIPMQ_A_TOPIC_RETAINED_BYTES, bytes)) ||
	    (!topic->users && nla_put_flag(skb, BLIPMQ_A_TOPIC_IDLE)))
		return -EMSGSIZE;
	return 0;
}

/* Return: 0, also when it is left out; -EMSGSIZE. */
static int topic_put(struct sk_buff *skb, const struct blipmq_nl_reader *r,
		     const struct blipmq_topic *topic)
{
	const struct blipmq_rule *rule;
	void *header;

	lockdep_assert_held(&r->ns->topics_lock);
	rule = topic_rule(r, topic->name, topic->name_len);
	if (!blipmq_nl_may_see(r, topic_owner(topic, rule)) ||
	    !blipmq_nl_matches(r, topic->name, topic->name_len))
		return 0;
	header = blipmq_nl_begin(skb, r, BLIPMQ_CMD_TOPIC_GET);
	if (!header)
		return -EMSGSIZE;
	if (topic_put_attrs(skb, r, topic, rule)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/* One that does not exist, and of which something is said. Return: likewise. */
static int settings_put(struct sk_buff *skb, const struct blipmq_nl_reader *r,
			const struct blipmq_rule *rule)
{
	kuid_t uid = rule->judges ? rule->uid : INVALID_UID;
	void *header;

	if (!blipmq_nl_may_see(r, uid))
		return 0;
	header = blipmq_nl_begin(skb, r, BLIPMQ_CMD_TOPIC_GET);
	if (!header)
		return -EMSGSIZE;
	if (blipmq_nl_put_name(skb, BLIPMQ_A_TOPIC_NAME, rule->pattern,
			       rule->len) ||
	    (rule->judges &&
	     nla_put_u32(skb, BLIPMQ_A_TOPIC_UID,
			 from_kuid_munged(r->user_ns, uid))) ||
	    blipmq_nl_put_settings(skb, r, rule) ||
	    nla_put_flag(skb, BLIPMQ_A_TOPIC_IDLE)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/* Return: 0, also when it may not be seen; -ENOENT, -EMSGSIZE. */
static int name_put(struct sk_buff *skb, const struct blipmq_nl_reader *r,
		    const struct nlattr *attr)
{
	u8 len = strnlen(nla_data(attr), nla_len(attr));
	const struct blipmq_rule *rule;
	struct blipmq_topic *topic;

	topic = blipmq_topic_find(r->ns, nla_data(attr), len);
	if (topic)
		return topic_put(skb, r, topic);
	/* Rules are for what is valid. */
	rule = blipmq_topic_valid(nla_data(attr), len) ?
	       topic_rule(r, nla_data(attr), len) : NULL;
	return rule ? settings_put(skb, r, rule) : -ENOENT;
}

/**
 * blipmq_nl_topic_get_doit() - one topic
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0; -ENOENT when there is none that the reader may see; another
 * negative errno.
 */
int blipmq_nl_topic_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[BLIPMQ_A_TOPIC_NAME];
	struct blipmq_nl_reader r;
	struct sk_buff *reply;
	int err;

	err = blipmq_nl_reader_of_info(&r, skb, info,
				       info->attrs[BLIPMQ_A_TOPIC_UID]);
	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_TOPIC_NAME))
		return -EINVAL;
	reply = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&r.ns->topics_lock);
	rcu_read_lock();
	err = name_put(reply, &r, name);
	rcu_read_unlock();
	mutex_unlock(&r.ns->topics_lock);
	if (!err && reply->len)
		return genlmsg_reply(reply, info);
	nlmsg_free(reply);
	if (err == -EMSGSIZE)
		return err;
	NL_SET_ERR_MSG_ATTR(info->extack, name,
			    "there is no such topic that you may see");
	return -ENOENT;
}

/* What tells a table from others; 0 while topics are being moved to a new one. */
static u32 table_name(const struct bucket_table *table)
{
	if (rcu_access_pointer(table->future_tbl))
		return 0;
	return table->hash_rnd | 1;
}

/* Return: 0; -EMSGSIZE with nothing added. */
static int topics_put_bucket(struct sk_buff *skb,
			     const struct blipmq_nl_reader *r,
			     struct bucket_table *table, u32 bucket)
{
	unsigned int before = skb->len;
	struct blipmq_topic *topic;
	struct rhash_head *pos;

	rht_for_each_entry_rcu(topic, pos, table, bucket, node) {
		if (topic_put(skb, r, topic)) {
			skb_trim(skb, before);
			return -EMSGSIZE;
		}
	}
	return 0;
}

/*
 * Go through some buckets, or until the answer is full.
 *
 * Return: false when the table is not the one that the dump began with.
 */
static bool topics_put(struct sk_buff *skb, const struct blipmq_nl_reader *r,
		       struct dump_place *place, bool *full)
{
	struct bucket_table *table;
	u32 name, last;

	lockdep_assert_held(&r->ns->topics_lock);
	table = rcu_dereference(r->ns->topics.tbl);
	name = table_name(table);
	if (!name || (place->table && place->table != name))
		return false;
	place->table = name;
	last = min(table->size, place->bucket + BUCKETS_AT_ONCE);
	for (; place->bucket < last; place->bucket++) {
		*full = topics_put_bucket(skb, r, table, place->bucket);
		if (*full)
			break;
	}
	/* They may be moved without the lock. */
	smp_rmb();
	return table_name(table) == name;
}

/**
 * blipmq_nl_topic_get_dumpit() - the topics of a namespace
 * @skb: the answer
 * @cb: the dump
 *
 * Context: may sleep.
 * Return: bytes of the answer, 0 at the end, or a negative errno.
 */
int blipmq_nl_topic_get_dumpit(struct sk_buff *skb,
			       struct netlink_callback *cb)
{
	struct dump_place *place = (void *)cb->ctx;
	struct nlattr **attrs = blipmq_dump_attrs(cb);
	struct blipmq_nl_reader r;
	bool holds, more, full = false;
	int err;

	BUILD_BUG_ON(sizeof(*place) > sizeof(cb->ctx));
	err = blipmq_nl_reader_of_dump(&r, cb, attrs[BLIPMQ_A_TOPIC_UID],
				       attrs[BLIPMQ_A_TOPIC_PATTERN]);
	if (err)
		return err;
	/* A table that is being made is soon there. */
	if (!place->table)
		flush_work(&r.ns->topics.run_work);
	/* A dump that shows none of them is not to hold everybody up. */
	do {
		if (mutex_lock_killable(&r.ns->topics_lock))
			return -EINTR;
		rcu_read_lock();
		holds = topics_put(skb, &r, place, &full);
		more = place->bucket < rcu_dereference(r.ns->topics.tbl)->size;
		rcu_read_unlock();
		mutex_unlock(&r.ns->topics_lock);
		cond_resched();
	} while (holds && more && !full);
	if (!holds) {
		/* Numbers that differ: netlink says so with the end. */
		skb_trim(skb, 0);
		cb->prev_seq = 1;
		cb->seq = 2;
		return 0;
	}
	return skb->len ?: (more ? -EMSGSIZE : 0);
}
