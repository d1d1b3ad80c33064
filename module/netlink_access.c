// SPDX-License-Identifier: GPL-2.0
/*
 * Rules, as attributes, and what somebody may do by them.
 */
#include <linux/cred.h>
#include <net/genetlink.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "access.h"
#include "gen/netlink-gen.h"
#include "netlink.h"
#include "netns.h"
#include "pattern.h"

static struct user_namespace *user_ns_of(const struct sk_buff *skb)
{
	return sk_user_ns(NETLINK_CB(skb).sk);
}

/* Return: the pattern's attribute, NULL when it has none that is valid. */
static const struct nlattr *take_pattern(struct genl_info *info)
{
	struct nlattr *attr = info->attrs[BLIPMQ_A_RULE_PATTERN];

	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_RULE_PATTERN))
		return NULL;
	if (blipmq_pattern_valid(nla_data(attr), nla_len(attr)))
		return attr;
	NL_SET_ERR_MSG_ATTR(info->extack, attr,
			    "pattern is not a valid topic or pattern");
	return NULL;
}

/**
 * blipmq_nl_take_ids() - a user and a group, who asks where nothing is said
 * @skb: the request
 * @extack: where to say what is wrong
 * @u: the attribute of the user, or NULL
 * @g: that of the group, or NULL
 * @uid: set to the user
 * @gid: set to the group
 *
 * Return: 0; -EINVAL when they are not known to who asks.
 */
int blipmq_nl_take_ids(const struct sk_buff *skb,
		       struct netlink_ext_ack *extack, const struct nlattr *u,
		       const struct nlattr *g, kuid_t *uid, kgid_t *gid)
{
	*uid = u ? make_kuid(user_ns_of(skb), nla_get_u32(u)) :
		   current_euid();
	*gid = g ? make_kgid(user_ns_of(skb), nla_get_u32(g)) :
		   current_egid();
	if (!uid_valid(*uid)) {
		NL_SET_ERR_MSG_ATTR(extack, u, "there is no such user here");
		return -EINVAL;
	}
	if (!gid_valid(*gid)) {
		NL_SET_ERR_MSG_ATTR(extack, g, "there is no such group here");
		return -EINVAL;
	}
	return 0;
}

/**
 * blipmq_nl_take_mode() - the mode of a rule
 * @extack: where to say what is wrong
 * @attr: its attribute
 * @mode: set to the mode
 *
 * Return: 0 or -ERANGE.
 */
int blipmq_nl_take_mode(struct netlink_ext_ack *extack,
			const struct nlattr *attr, u32 *mode)
{
	*mode = nla_get_u32(attr);
	if (*mode <= 0777)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "mode is 0 to 0777, in octal digits");
	return -ERANGE;
}

/**
 * blipmq_nl_set_rule() - blipmq_rules_set(), and say what is wrong
 * @info: the request
 * @edit: how the rule is to be
 *
 * Context: may sleep.
 * Return: as blipmq_rules_set().
 */
int blipmq_nl_set_rule(struct genl_info *info,
		       const struct blipmq_rule_edit *edit)
{
	int err = blipmq_rules_set(blipmq_net_of(genl_info_net(info)), edit);

	if (err == -ENOSPC)
		GENL_SET_ERR_MSG(info, "a namespace has 4096 rules at most");
	else if (err == -ENODATA)
		GENL_SET_ERR_MSG(info,
				 "it had no owner so far: say a mode, too");
	return err;
}

/* Return: the groups, NULL for none, or an error. */
static struct group_info *take_groups(const struct sk_buff *skb,
				      struct genl_info *info)
{
	struct nlattr *attr = info->attrs[BLIPMQ_A_RULE_GROUPS];
	int i, n = attr ? nla_len(attr) / sizeof(u32) : 0;
	struct group_info *groups;
	u32 gid;

	/* Who asks for himself has his own. */
	if (!attr && !info->attrs[BLIPMQ_A_RULE_UID] &&
	    !info->attrs[BLIPMQ_A_RULE_GID])
		return get_current_groups();
	if (!n)
		return NULL;
	groups = groups_alloc(n);
	if (!groups)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < n; i++) {
		memcpy(&gid, nla_data(attr) + i * sizeof(gid), sizeof(gid));
		groups->gid[i] = make_kgid(user_ns_of(skb), gid);
		if (!gid_valid(groups->gid[i])) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "there is no such group here");
			put_group_info(groups);
			return ERR_PTR(-EINVAL);
		}
	}
	groups_sort(groups);
	return groups;
}

static int put_answer(struct sk_buff *reply, struct genl_info *info,
		      const struct nlattr *pattern,
		      const struct blipmq_subject *subject)
{
	struct blipmq_net *ns = blipmq_net_of(genl_info_net(info));
	const struct blipmq_rule *by;
	int err = 0;
	u32 may;

	rcu_read_lock();
	may = blipmq_access(rcu_dereference(ns->rules), subject,
			    nla_data(pattern), nla_len(pattern), &by);
	if (nla_put(reply, BLIPMQ_A_RULE_PATTERN, nla_len(pattern),
		    nla_data(pattern)) ||
	    nla_put_u32(reply, BLIPMQ_A_RULE_MAY, may) ||
	    (by && nla_put(reply, BLIPMQ_A_RULE_BY, by->len, by->pattern)))
		err = -EMSGSIZE;
	rcu_read_unlock();
	return err;
}

static int answer(struct genl_info *info, const struct nlattr *pattern,
		  const struct blipmq_subject *subject)
{
	struct sk_buff *reply = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *header;

	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &blipmq_nl_family, 0,
				   BLIPMQ_CMD_RULE_GET);
	if (!header || put_answer(reply, info, pattern, subject)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

/**
 * blipmq_nl_rule_get_doit() - what somebody may do with a topic or a pattern
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int blipmq_nl_rule_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *pattern = take_pattern(info);
	struct blipmq_subject subject;
	struct group_info *groups;
	int err;

	if (!pattern)
		return -EINVAL;
	err = blipmq_nl_take_ids(skb, info->extack,
				 info->attrs[BLIPMQ_A_RULE_UID],
				 info->attrs[BLIPMQ_A_RULE_GID], &subject.uid,
				 &subject.gid);
	if (err)
		return err;
	groups = take_groups(skb, info);
	if (IS_ERR(groups))
		return PTR_ERR(groups);
	subject.groups = groups;
	err = answer(info, pattern, &subject);
	if (groups)
		put_group_info(groups);
	return err;
}

/*
 * Whose topics they are, unless there is no such user or group for who asks:
 * the number that stands for all of those might be said again as if it were one.
 */
static int put_owner(struct sk_buff *skb, struct user_namespace *user_ns,
		     const struct blipmq_rule *rule)
{
	uid_t uid = from_kuid(user_ns, rule->uid);
	gid_t gid = from_kgid(user_ns, rule->gid);

	if ((uid != (uid_t)-1 && nla_put_u32(skb, BLIPMQ_A_RULE_UID, uid)) ||
	    (gid != (gid_t)-1 && nla_put_u32(skb, BLIPMQ_A_RULE_GID, gid)))
		return -EMSGSIZE;
	return 0;
}

static int put_rule(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct blipmq_rule *rule)
{
	struct user_namespace *user_ns = user_ns_of(cb->skb);
	void *header;

	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
			     cb->nlh->nlmsg_seq, &blipmq_nl_family,
			     NLM_F_MULTI, BLIPMQ_CMD_RULE_GET);
	if (!header)
		return -EMSGSIZE;
	if (nla_put(skb, BLIPMQ_A_RULE_PATTERN, rule->len, rule->pattern) ||
	    (rule->judges &&
	     (put_owner(skb, user_ns, rule) ||
	      nla_put_u32(skb, BLIPMQ_A_RULE_MODE, rule->mode))) ||
	    (rule->ttl_ms &&
	     nla_put_u32(skb, BLIPMQ_A_RULE_TTL_MS, rule->ttl_ms)) ||
	    (rule->rate &&
	     nla_put_u32(skb, BLIPMQ_A_RULE_PUBLISH_RATE, rule->rate))) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return 0;
}

/**
 * blipmq_nl_rule_get_dumpit() - all rules, in the order in which they decide
 * @skb: where to
 * @cb: how far it came
 *
 * When they change meanwhile, netlink says so with the end.
 *
 * Return: bytes, 0 at the end, or a negative errno.
 */
int blipmq_nl_rule_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct blipmq_net *ns = blipmq_net_of(sock_net(cb->skb->sk));
	const struct blipmq_rules *rules;

	rcu_read_lock();
	rules = rcu_dereference(ns->rules);
	/* Zero would say nothing. */
	cb->seq = (rules ? (u32)rules->generation : 0) << 1 | 1;
	while (rules && cb->args[0] < rules->nr &&
	       !put_rule(skb, cb, rules->rule[cb->args[0]]))
		cb->args[0]++;
	rcu_read_unlock();
	return skb->len;
}

/**
 * blipmq_nl_rule_add_doit() - add a rule, or replace one
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_nl_rule_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *pattern = take_pattern(info);
	struct blipmq_rule_edit edit = { .says = BLIPMQ_RULE_JUDGES };
	struct nlattr **attrs = info->attrs;
	int err;

	if (!pattern || GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_RULE_MODE))
		return -EINVAL;
	edit.pattern = nla_data(pattern);
	edit.len = nla_len(pattern);
	err = blipmq_nl_take_mode(info->extack, attrs[BLIPMQ_A_RULE_MODE],
				  &edit.mode);
	if (!err)
		err = blipmq_nl_take_ids(skb, info->extack,
					 attrs[BLIPMQ_A_RULE_UID],
					 attrs[BLIPMQ_A_RULE_GID], &edit.uid,
					 &edit.gid);
	if (!err)
		err = blipmq_nl_set_rule(info, &edit);
	return err;
}

/**
 * blipmq_nl_rule_delete_doit() - take a rule out
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_nl_rule_delete_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *pattern = take_pattern(info);
	int err;

	if (!pattern)
		return -EINVAL;
	err = blipmq_rules_delete(blipmq_net_of(genl_info_net(info)),
				  nla_data(pattern), nla_len(pattern), false);
	if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack, pattern,
				    "there is no rule for this pattern");
	return err;
}

/* What a rule says that is said whole, but for its pattern. */
static int take_rule(const struct sk_buff *skb, struct genl_info *info,
		     struct blipmq_rule_edit *edit)
{
	const struct nlattr *uid = info->attrs[BLIPMQ_A_RULE_UID];
	const struct nlattr *gid = info->attrs[BLIPMQ_A_RULE_GID];
	const struct nlattr *mode = info->attrs[BLIPMQ_A_RULE_MODE];
	const struct nlattr *ttl = info->attrs[BLIPMQ_A_RULE_TTL_MS];
	const struct nlattr *rate = info->attrs[BLIPMQ_A_RULE_PUBLISH_RATE];
	int err = 0;

	if (!uid != !mode || !gid != !mode) {
		NL_SET_ERR_MSG_ATTR(info->extack, uid ?: gid ?: mode,
				    "a user, a group and a mode go together");
		return -EINVAL;
	}
	if ((ttl || rate) &&
	    !blipmq_pattern_is_exact(edit->pattern, edit->len)) {
		NL_SET_ERR_MSG_ATTR(info->extack, ttl ?: rate,
				    "ttl-ms and publish-rate are for topics, not for patterns");
		return -EINVAL;
	}
	if (ttl)
		edit->ttl_ms = nla_get_u32(ttl);
	if (rate)
		err = blipmq_nl_take_rate(info->extack, rate, &edit->rate);
	if (err || !mode)
		return err;
	edit->says |= BLIPMQ_RULE_JUDGES;
	err = blipmq_nl_take_mode(info->extack, mode, &edit->mode);
	return err ?: blipmq_nl_take_ids(skb, info->extack, uid, gid,
					 &edit->uid, &edit->gid);
}

/**
 * blipmq_nl_rule_set_doit() - have a rule say this and nothing else
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the namespace.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_nl_rule_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_rule_edit edit = { .says = BLIPMQ_RULE_WHOLE };
	const struct nlattr *pattern = take_pattern(info);
	int err;

	if (!pattern)
		return -EINVAL;
	edit.pattern = nla_data(pattern);
	edit.len = nla_len(pattern);
	err = take_rule(skb, info, &edit);
	if (err || info->attrs[BLIPMQ_A_RULE_CHECK])
		return err;
	return blipmq_nl_set_rule(info, &edit);
}
