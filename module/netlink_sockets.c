// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets, as the control plane shows them.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <net/genetlink.h>
#include <net/netlink.h>

#include "gen/netlink-gen.h"
#include "netlink.h"
#include "netlink_reader.h"
#include "netns.h"
#include "sock.h"
#include "user.h"

/**
 * blipmq_nl_uid_of() - on whose behalf a socket receives
 * @bs: the socket
 *
 * Context: an RCU read-side section.
 */
kuid_t blipmq_nl_uid_of(struct blipmq_sock *bs)
{
	kuid_t uid;

	/* The user may be another one, and the old one gone, at any time. */
	spin_lock(&bs->queue.chain.head_lock);
	uid = bs->queue.user->uid;
	spin_unlock(&bs->queue.chain.head_lock);
	return uid;
}

/**
 * blipmq_nl_put_process() - add the process that opened a socket
 * @skb: the answer
 * @r: who asks
 * @bs: the socket
 * @pid: the attribute for its number
 * @command: the attribute for its command name
 *
 * Context: an RCU read-side section.
 * Return: 0 or -EMSGSIZE.
 */
int blipmq_nl_put_process(struct sk_buff *skb, const struct blipmq_nl_reader *r,
			  const struct blipmq_sock *bs, int pid, int command)
{
	char comm[TASK_COMM_LEN];
	struct task_struct *task;
	pid_t nr = pid_nr_ns(bs->opener, r->pid_ns);

	if (nla_put_u32(skb, pid, nr))
		return -EMSGSIZE;
	task = nr ? pid_task(bs->opener, PIDTYPE_TGID) : NULL;
	if (!task)
		return 0;
	get_task_comm(comm, task);
	return nla_put_string(skb, command, comm);
}

static int socket_put_identity(struct sk_buff *skb, const struct blipmq_sock *bs)
{
	const char *identity = rcu_dereference(bs->identity);

	return identity ? nla_put_string(skb, BLIPMQ_A_SOCKET_IDENTITY,
					 identity) : 0;
}

static int socket_put_numbers(struct sk_buff *skb, struct blipmq_sock *bs)
{
	struct blipmq_totals totals = {};
	struct blipmq_queue *q = &bs->queue;

	blipmq_sock_totals(bs, &totals);
	if (nla_put_u32(skb, BLIPMQ_A_SOCKET_TYPE, bs->sk.sk_type) ||
	    nla_put_u32(skb, BLIPMQ_A_SOCKET_POLICY, READ_ONCE(q->policy)) ||
	    nla_put_u32(skb, BLIPMQ_A_SOCKET_SUBSCRIPTIONS,
			READ_ONCE(bs->nr_subscriptions)) ||
	    nla_put_u32(skb, BLIPMQ_A_SOCKET_LIMIT_MESSAGES,
			READ_ONCE(q->limit_messages)) ||
	    nla_put_u32(skb, BLIPMQ_A_SOCKET_LIMIT_BYTES,
			blipmq_queue_limit_bytes(q)) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_SOCKET_LOST, READ_ONCE(q->lost),
			      BLIPMQ_A_SOCKET_PAD) ||
	    (blipmq_credit_blocked(&bs->waiter) &&
	     nla_put_flag(skb, BLIPMQ_A_SOCKET_BLOCKED)))
		return -EMSGSIZE;
	return blipmq_nl_put_totals(skb, BLIPMQ_A_SOCKET_TOTALS, &totals);
}

static int socket_put(struct sk_buff *skb, const struct blipmq_nl_reader *r,
		      void *entry)
{
	struct blipmq_sock *bs = entry;
	kuid_t uid = blipmq_nl_uid_of(bs);
	void *header;

	if (!blipmq_nl_may_see(r, uid))
		return 0;
	header = blipmq_nl_begin(skb, r, BLIPMQ_CMD_SOCKET_GET);
	if (!header)
		return -EMSGSIZE;
	if (nla_put_u64_64bit(skb, BLIPMQ_A_SOCKET_ID, bs->serial,
			      BLIPMQ_A_SOCKET_PAD) ||
	    blipmq_nl_put_process(skb, r, bs, BLIPMQ_A_SOCKET_PID,
				  BLIPMQ_A_SOCKET_COMMAND) ||
	    nla_put_u32(skb, BLIPMQ_A_SOCKET_UID,
			from_kuid_munged(r->user_ns, uid)) ||
	    socket_put_identity(skb, bs) || socket_put_numbers(skb, bs)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/**
 * blipmq_nl_socket_get_doit() - one socket
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int blipmq_nl_socket_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct blipmq_nl_reader r;
	int err;

	err = blipmq_nl_reader_of_info(&r, skb, info,
				       info->attrs[BLIPMQ_A_SOCKET_UID]);
	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_SOCKET_ID))
		return -EINVAL;
	return blipmq_nl_get_entry(info, &r, &r.ns->sockets,
				   nla_get_u64(info->attrs[BLIPMQ_A_SOCKET_ID]),
				   socket_put);
}

/**
 * blipmq_nl_socket_get_dumpit() - the sockets of a namespace
 * @skb: the answer
 * @cb: the dump
 *
 * Context: may sleep.
 * Return: bytes of the answer, 0 at the end, or a negative errno.
 */
int blipmq_nl_socket_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct nlattr **attrs = blipmq_dump_attrs(cb);
	struct blipmq_nl_reader r;
	int err;

	err = blipmq_nl_reader_of_dump(&r, cb, attrs[BLIPMQ_A_SOCKET_UID],
				       NULL);
	if (err)
		return err;
	return blipmq_nl_dump_array(skb, cb, &r, &r.ns->sockets, socket_put);
}
