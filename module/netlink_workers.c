// SPDX-License-Identifier: GPL-2.0
/*
 * The workers, as attributes.
 */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <net/genetlink.h>
#include <net/netlink.h>

#include "deliver.h"
#include "gen/netlink-gen.h"
#include "lane.h"
#include "netlink.h"
#include "worker.h"

static int put_config(struct sk_buff *skb,
		      const struct blipmq_worker_config *c)
{
	if (c->cpu < 0 && nla_put_flag(skb, BLIPMQ_A_WORKER_AUTOMATIC))
		return -EMSGSIZE;
	if (nla_put_u32(skb, BLIPMQ_A_WORKER_CLASS, c->class) ||
	    nla_put_u32(skb, BLIPMQ_A_WORKER_BUSY_POLL_US, c->busy_poll_us))
		return -EMSGSIZE;
	if (c->class == BLIPMQ_WORKER_CLASS_FIFO)
		return nla_put_u32(skb, BLIPMQ_A_WORKER_PRIORITY, c->priority);
	return nla_put_s32(skb, BLIPMQ_A_WORKER_NICE, c->nice);
}

/*
 * What a worker does for all namespaces together: for those alone who may
 * configure it, as a namespace learns nothing of another one.
 */
static int put_work(struct sk_buff *skb, const struct blipmq_worker *w)
{
	u32 state = READ_ONCE(w->armed) ? BLIPMQ_WORKER_STATE_IDLE :
					  BLIPMQ_WORKER_STATE_BUSY;

	if (nla_put_u32(skb, BLIPMQ_A_WORKER_STATE, state) ||
	    nla_put_u32(skb, BLIPMQ_A_WORKER_PID, task_pid_nr(w->task)) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_WORKER_BUNDLES,
			      READ_ONCE(w->bundles), BLIPMQ_A_WORKER_PAD) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_WORKER_MESSAGES,
			      READ_ONCE(w->messages), BLIPMQ_A_WORKER_PAD) ||
	    nla_put_u64_64bit(skb, BLIPMQ_A_WORKER_SHARED,
			      blipmq_deliver_shared(w->fan.deliver), BLIPMQ_A_WORKER_PAD) ||
	    nla_put_u32(skb, BLIPMQ_A_WORKER_RING_DEPTH,
			blipmq_worker_depth(w)))
		return -EMSGSIZE;
	return 0;
}

/* What only a worker that runs has. */
static int put_worker(struct sk_buff *skb, const struct blipmq_worker *w,
		      bool work)
{
	if (nla_put_u32(skb, BLIPMQ_A_WORKER_CPU, w->cpu) ||
	    nla_put_u32(skb, BLIPMQ_A_WORKER_NODE, max(w->node, 0)) ||
	    nla_put_u32(skb, BLIPMQ_A_WORKER_RING_SLOTS, BLIPMQ_WORKER_SLOTS))
		return -EMSGSIZE;
	return work ? put_work(skb, w) : 0;
}

static int put_number(struct sk_buff *skb, u32 number, bool work)
{
	const struct blipmq_worker_config *c = blipmq_worker_config(number);
	struct blipmq_worker *w = blipmq_worker_now(number);

	if (nla_put_u32(skb, BLIPMQ_A_WORKER_NUMBER, number) ||
	    put_config(skb, c))
		return -EMSGSIZE;
	if (w)
		return put_worker(skb, w, work);
	if (c->cpu >= 0 && nla_put_u32(skb, BLIPMQ_A_WORKER_CPU, c->cpu))
		return -EMSGSIZE;
	return nla_put_u32(skb, BLIPMQ_A_WORKER_STATE,
			   BLIPMQ_WORKER_STATE_STOPPED);
}

static int put_all(struct sk_buff *skb)
{
	if (nla_put_u32(skb, BLIPMQ_A_WORKER_COUNT, blipmq_workers_wanted()) ||
	    nla_put_u32(skb, BLIPMQ_A_WORKER_DELEGATE,
			blipmq_workers_delegated()))
		return -EMSGSIZE;
	return blipmq_workers_automatic() ?
	       nla_put_flag(skb, BLIPMQ_A_WORKER_AUTOMATIC) : 0;
}

static int no_worker(struct genl_info *info, struct nlattr *attr)
{
	NL_SET_ERR_MSG_ATTR(info->extack, attr, "there is no such worker");
	return -ENOENT;
}

/**
 * blipmq_nl_worker_get_doit() - one worker, or how many there are
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int blipmq_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[BLIPMQ_A_WORKER_NUMBER];
	bool work = netlink_capable(skb, CAP_NET_ADMIN);
	struct sk_buff *reply;
	void *header;
	int err;

	reply = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &blipmq_nl_family, 0,
				   BLIPMQ_CMD_WORKER_GET);
	err = header ? blipmq_lanes_lock() : -EMSGSIZE;
	if (err)
		goto err_free;
	if (!attr)
		err = put_all(reply);
	else if (nla_get_u32(attr) >= blipmq_workers_wanted())
		err = no_worker(info, attr);
	else
		err = put_number(reply, nla_get_u32(attr), work);
	blipmq_lanes_unlock();
	if (err)
		goto err_free;
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);

err_free:
	nlmsg_free(reply);
	return err;
}

/**
 * blipmq_nl_worker_get_dumpit() - all workers
 * @skb: where to
 * @cb: how far it came, a number
 *
 * Context: may sleep.
 * Return: bytes, 0 at the end, or a negative errno.
 */
int blipmq_nl_worker_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	bool work = netlink_capable(cb->skb, CAP_NET_ADMIN);
	void *header;
	int err;

	err = blipmq_lanes_lock();
	if (err)
		return err;
	while (cb->args[0] < blipmq_workers_wanted()) {
		header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				     cb->nlh->nlmsg_seq, &blipmq_nl_family,
				     NLM_F_MULTI, BLIPMQ_CMD_WORKER_GET);
		if (!header)
			break;
		if (put_number(skb, cb->args[0], work)) {
			genlmsg_cancel(skb, header);
			break;
		}
		genlmsg_end(skb, header);
		cb->args[0]++;
	}
	blipmq_lanes_unlock();
	return skb->len;
}

static int out_of_range(struct genl_info *info, int attr, const char *text)
{
	NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
	/* The macros take nothing but literals. */
	if (info->extack)
		info->extack->_msg = text;
	return -ERANGE;
}

static int take_cpu(struct genl_info *info, struct blipmq_worker_config *c)
{
	u32 cpu = nla_get_u32(info->attrs[BLIPMQ_A_WORKER_CPU]);

	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return out_of_range(info, BLIPMQ_A_WORKER_CPU,
				    "cpu is not one that is online");
	c->cpu = cpu;
	return 0;
}

static int take_class(struct genl_info *info, struct blipmq_worker_config *c)
{
	struct nlattr **attrs = info->attrs;

	if (attrs[BLIPMQ_A_WORKER_CLASS]) {
		c->class = nla_get_u32(attrs[BLIPMQ_A_WORKER_CLASS]);
		c->priority = c->class == BLIPMQ_WORKER_CLASS_FIFO ? 1 : 0;
		c->nice = 0;
	}
	if (attrs[BLIPMQ_A_WORKER_PRIORITY]) {
		c->priority = nla_get_u32(attrs[BLIPMQ_A_WORKER_PRIORITY]);
		if (c->class != BLIPMQ_WORKER_CLASS_FIFO)
			return out_of_range(info, BLIPMQ_A_WORKER_PRIORITY,
					    "priority is for class fifo");
		if (!c->priority || c->priority > 99)
			return out_of_range(info, BLIPMQ_A_WORKER_PRIORITY,
					    "priority is 1 to 99");
	}
	if (attrs[BLIPMQ_A_WORKER_NICE]) {
		c->nice = nla_get_s32(attrs[BLIPMQ_A_WORKER_NICE]);
		if (c->class != BLIPMQ_WORKER_CLASS_OTHER)
			return out_of_range(info, BLIPMQ_A_WORKER_NICE,
					    "nice is for class other");
		if (c->nice < -20 || c->nice > 19)
			return out_of_range(info, BLIPMQ_A_WORKER_NICE,
					    "nice is -20 to 19");
	}
	return 0;
}

static bool has_config(struct nlattr **attrs)
{
	return attrs[BLIPMQ_A_WORKER_CPU] || attrs[BLIPMQ_A_WORKER_CLASS] ||
	       attrs[BLIPMQ_A_WORKER_PRIORITY] || attrs[BLIPMQ_A_WORKER_NICE] ||
	       attrs[BLIPMQ_A_WORKER_BUSY_POLL_US] ||
	       (attrs[BLIPMQ_A_WORKER_NUMBER] &&
		attrs[BLIPMQ_A_WORKER_AUTOMATIC]);
}

static bool is_check(struct genl_info *info)
{
	return info->attrs[BLIPMQ_A_WORKER_CHECK];
}

/* One of them, by its number. */
static int set_one(struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct blipmq_worker_config c;
	u32 number;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, BLIPMQ_A_WORKER_NUMBER))
		return -EINVAL;
	number = nla_get_u32(attrs[BLIPMQ_A_WORKER_NUMBER]);
	/* Of what is checked, some is not there yet. */
	if (number >= (is_check(info) ? BLIPMQ_WORKERS_MAX :
					blipmq_workers_wanted()))
		return no_worker(info, attrs[BLIPMQ_A_WORKER_NUMBER]);
	c = *blipmq_worker_config(number);
	if (attrs[BLIPMQ_A_WORKER_AUTOMATIC])
		c.cpu = -1;
	err = attrs[BLIPMQ_A_WORKER_CPU] ? take_cpu(info, &c) : 0;
	if (!err)
		err = take_class(info, &c);
	if (err)
		return err;
	if (attrs[BLIPMQ_A_WORKER_BUSY_POLL_US]) {
		c.busy_poll_us = nla_get_u32(attrs[BLIPMQ_A_WORKER_BUSY_POLL_US]);
		if (c.busy_poll_us > BLIPMQ_BUSY_POLL_MAX)
			return out_of_range(info, BLIPMQ_A_WORKER_BUSY_POLL_US,
					    "busy-poll-us is 0 to 1000000");
	}
	return is_check(info) ? 0 : blipmq_worker_configure(number, &c);
}

/* All of them: how many, and who may use them. */
static int set_all(struct genl_info *info)
{
	struct nlattr *delegate = info->attrs[BLIPMQ_A_WORKER_DELEGATE];
	struct nlattr *count = info->attrs[BLIPMQ_A_WORKER_COUNT];
	int err = 0;

	if (delegate && nla_get_u32(delegate) > 1)
		return out_of_range(info, BLIPMQ_A_WORKER_DELEGATE,
				    "delegate is 0 or 1");
	if (count && (!nla_get_u32(count) ||
		      nla_get_u32(count) > BLIPMQ_WORKERS_MAX))
		return out_of_range(info, BLIPMQ_A_WORKER_COUNT,
				    "count is 1 to 64");
	if (is_check(info))
		return 0;
	if (count || info->attrs[BLIPMQ_A_WORKER_AUTOMATIC])
		err = blipmq_workers_set_count(count ? nla_get_u32(count) : 0);
	if (!err && delegate)
		blipmq_workers_delegate(nla_get_u32(delegate));
	return err;
}

/**
 * blipmq_nl_worker_set_doit() - change the workers
 * @skb: the request
 * @info: what netlink knows of it
 *
 * Context: may sleep; the caller has CAP_NET_ADMIN in the initial user
 * namespace.
 * Return: 0; -EINVAL when it says nothing, or of one worker and of all;
 * -ENOENT; -ERANGE; with nothing changed.
 */
int blipmq_nl_worker_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	bool all = info->attrs[BLIPMQ_A_WORKER_COUNT] ||
		   info->attrs[BLIPMQ_A_WORKER_DELEGATE] ||
		   (info->attrs[BLIPMQ_A_WORKER_AUTOMATIC] &&
		    !info->attrs[BLIPMQ_A_WORKER_NUMBER]);
	bool one = has_config(info->attrs);
	int err;

	if (one == all || (all && info->attrs[BLIPMQ_A_WORKER_NUMBER])) {
		NL_SET_ERR_MSG(info->extack,
			       "wanted: count or delegate, or else number and how that runs");
		return -EINVAL;
	}
	err = blipmq_lanes_lock();
	if (err)
		return err;
	err = all ? set_all(info) : set_one(info);
	blipmq_lanes_unlock();
	return err;
}
