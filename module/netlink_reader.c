// SPDX-License-Identifier: GPL-2.0
/*
 * Who asks the control plane, and what he may see: his own, and with
 * CAP_NET_ADMIN in the namespace everybody's.
 *
 * Lists stand in arrays by a rising number. A dump goes on behind the number
 * that it has come to, so what is there all the time is told exactly once,
 * whatever comes and goes meanwhile.
 */
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "netlink.h"
#include "netlink_reader.h"
#include "netns.h"
#include "pattern.h"

/* Entries that are looked at without letting others run. */
#define DUMP_AT_ONCE	256

/**
 * struct dump_place - where a dump is
 * @next: the least number that was not looked at
 */
struct dump_place {
	unsigned long	next;
};

static int reader_init(struct blipmq_nl_reader *r, struct sk_buff *skb,
		       const struct nlattr *uid,
		       struct netlink_ext_ack *extack)
{
	struct sock *sk = NETLINK_CB(skb).sk;
	struct net *net = sock_net(sk);

	memset(r, 0, sizeof(*r));
	r->ns = blipmq_net_of(net);
	r->user_ns = sk_user_ns(sk);
	r->pid_ns = task_active_pid_ns(current);
	r->self = NETLINK_CREDS(skb)->uid;
	r->all = netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN);
	r->only = INVALID_UID;
	if (!uid)
		return 0;
	r->only = make_kuid(r->user_ns, nla_get_u32(uid));
	if (!uid_valid(r->only)) {
		NL_SET_ERR_MSG_ATTR(extack, uid, "there is no such user here");
		return -EINVAL;
	}
	if (!r->all && !uid_eq(r->only, r->self)) {
		NL_SET_ERR_MSG_ATTR(extack, uid,
				    "what is another user's is for CAP_NET_ADMIN");
		return -EPERM;
	}
	return 0;
}

/**
 * blipmq_nl_reader_of_info() - who asks for one thing
 * @r: the reader
 * @skb: the request
 * @info: what netlink knows of it
 * @uid: the attribute that says whose, or NULL
 *
 * Return: 0; -EINVAL; -EPERM when he may not ask for that.
 */
int blipmq_nl_reader_of_info(struct blipmq_nl_reader *r, struct sk_buff *skb,
			     struct genl_info *info, const struct nlattr *uid)
{
	int err = reader_init(r, skb, uid, info->extack);

	r->portid = info->snd_portid;
	r->seq = info->snd_seq;
	return err;
}

/**
 * blipmq_nl_reader_of_dump() - who asks for a list
 * @r: the reader
 * @cb: the dump
 * @uid: the attribute that says whose, or NULL
 * @pattern: the attribute that says which, or NULL
 *
 * Return: 0; -EINVAL; -EPERM when he may not ask for that.
 */
int blipmq_nl_reader_of_dump(struct blipmq_nl_reader *r,
			     struct netlink_callback *cb,
			     const struct nlattr *uid,
			     const struct nlattr *pattern)
{
	int err = reader_init(r, (struct sk_buff *)cb->skb, uid, cb->extack);

	if (err)
		return err;
	r->portid = NETLINK_CB(cb->skb).portid;
	r->seq = cb->nlh->nlmsg_seq;
	r->flags = NLM_F_MULTI;
	if (!pattern)
		return 0;
	r->pattern = nla_data(pattern);
	r->pattern_len = strnlen(nla_data(pattern), nla_len(pattern));
	if (blipmq_pattern_valid(r->pattern, r->pattern_len))
		return 0;
	NL_SET_ERR_MSG_ATTR(cb->extack, pattern, "this is no valid pattern");
	return -EINVAL;
}

/**
 * blipmq_nl_may_see() - is this for the eyes of who asks, and asked for?
 * @r: who asks
 * @uid: whose it is, or INVALID_UID for nobody's
 */
bool blipmq_nl_may_see(const struct blipmq_nl_reader *r, kuid_t uid)
{
	if (uid_valid(r->only) && !(uid_valid(uid) && uid_eq(uid, r->only)))
		return false;
	return r->all || (uid_valid(uid) && uid_eq(uid, r->self));
}

/**
 * blipmq_nl_matches() - is a topic, or a pattern, asked for?
 * @r: who asks
 * @name: its bytes
 * @len: how many
 */
bool blipmq_nl_matches(const struct blipmq_nl_reader *r, const u8 *name, u8 len)
{
	return !r->pattern || blipmq_pattern_matches(r->pattern, r->pattern_len,
						     name, len);
}

/**
 * blipmq_nl_begin() - begin a message of an answer
 * @skb: the answer
 * @r: who asks
 * @command: enum blipmq_command
 *
 * Return: what genlmsg_end() and genlmsg_cancel() want; NULL without room.
 */
void *blipmq_nl_begin(struct sk_buff *skb, const struct blipmq_nl_reader *r,
		      u8 command)
{
	return genlmsg_put(skb, r->portid, r->seq, &blipmq_nl_family, r->flags,
			   command);
}

/**
 * blipmq_nl_dump_array() - answer with a part of a list
 * @skb: the answer
 * @cb: the dump
 * @r: who asks
 * @xa: the list
 * @put: adds an entry, which is freed after a grace period at the earliest
 *
 * Context: may sleep.
 * Return: bytes of the answer, 0 at the end of the list.
 */
int blipmq_nl_dump_array(struct sk_buff *skb, struct netlink_callback *cb,
			 const struct blipmq_nl_reader *r, struct xarray *xa,
			 blipmq_nl_put_t *put)
{
	struct dump_place *place = (void *)cb->ctx;
	unsigned long index;
	int err = 0, n = 0;
	void *entry;

	BUILD_BUG_ON(sizeof(*place) > sizeof(cb->ctx));
	rcu_read_lock();
	xa_for_each_start(xa, index, entry, place->next) {
		err = put(skb, r, entry);
		if (err)
			break;
		place->next = index + 1;
		if (++n % DUMP_AT_ONCE)
			continue;
		rcu_read_unlock();
		cond_resched();
		rcu_read_lock();
	}
	rcu_read_unlock();
	/* The next message has room for what did not fit here. */
	return skb->len ?: err;
}

/**
 * blipmq_nl_get_entry() - answer with one entry of a list
 * @info: the request
 * @r: who asks
 * @xa: the list
 * @index: its number
 * @put: adds it
 *
 * Context: may sleep.
 * Return: 0; -ENOENT when there is none that he may see; another negative
 * errno.
 */
int blipmq_nl_get_entry(struct genl_info *info,
			const struct blipmq_nl_reader *r, struct xarray *xa,
			unsigned long index, blipmq_nl_put_t *put)
{
	struct sk_buff *reply = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	int err = -ENOENT;
	void *entry;

	if (!reply)
		return -ENOMEM;
	rcu_read_lock();
	entry = xa_load(xa, index);
	if (entry)
		err = put(reply, r, entry);
	rcu_read_unlock();
	if (!err && !reply->len)
		err = -ENOENT;
	if (!err)
		return genlmsg_reply(reply, info);
	if (err == -ENOENT)
		GENL_SET_ERR_MSG(info, "there is none of this number that you may see");
	nlmsg_free(reply);
	return err;
}
