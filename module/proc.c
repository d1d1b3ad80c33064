// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/blipmq: a line for each open socket of the namespace, for quick
 * eyes. Everybody sees what he sees there of other families, whose it is and
 * how much waits; but not what it is about, nor who does it.
 */
#include <linux/blipmq.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/xarray.h>

#include "netlink_reader.h"
#include "netns.h"
#include "proc.h"
#include "queue.h"
#include "sock.h"

/* Positions are numbers of sockets, so what comes and goes skips nothing. */
static void *proc_find(struct seq_file *seq, loff_t *pos)
{
	struct blipmq_net *ns = blipmq_net_of(seq_file_net(seq));
	unsigned long index = *pos;
	void *bs;

	bs = xa_find(&ns->sockets, &index, ULONG_MAX, XA_PRESENT);
	if (bs)
		*pos = index;
	return bs;
}

static void *proc_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	return *pos ? proc_find(seq, pos) : SEQ_START_TOKEN;
}

static void *proc_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return proc_find(seq, pos);
}

static void proc_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static const char *policy_name(u32 policy)
{
	static const char * const names[] = {
		[BLIPMQ_OVERFLOW_DROP_OLDEST] = "drop-oldest",
		[BLIPMQ_OVERFLOW_DROP_NEW] = "drop-new",
		[BLIPMQ_OVERFLOW_BLOCK] = "block",
		[BLIPMQ_OVERFLOW_DISCONNECT] = "disconnect",
		[BLIPMQ_OVERFLOW_CONFLATE] = "conflate",
	};

	return policy < ARRAY_SIZE(names) ? names[policy] : "-";
}

static int proc_show(struct seq_file *seq, void *v)
{
	struct blipmq_sock *bs = v;
	u64 messages, bytes;

	if (v == SEQ_START_TOKEN) {
		seq_puts(seq, "     Num Type      Policy        User    Inode   Subs   Queued      Bytes       Lost\n");
		return 0;
	}
	blipmq_queue_usage(&bs->queue, &messages, &bytes);
	seq_printf(seq, "%8llu %-9s %-11s %6u %8lu %6u %8llu %10llu %10llu\n",
		   bs->serial,
		   bs->sk.sk_type == SOCK_STREAM ? "stream" : "seqpacket",
		   policy_name(READ_ONCE(bs->queue.policy)),
		   from_kuid_munged(seq_user_ns(seq), blipmq_nl_uid_of(bs)),
		   (unsigned long)sock_i_ino(&bs->sk),
		   READ_ONCE(bs->nr_subscriptions),
		   messages, bytes, READ_ONCE(bs->queue.lost));
	return 0;
}

static const struct seq_operations proc_ops = {
	.start = proc_start,
	.next = proc_next,
	.stop = proc_stop,
	.show = proc_show,
};

/**
 * blipmq_proc_init() - show a namespace's sockets
 * @net: the namespace
 *
 * Return: 0 or -ENOMEM.
 */
int blipmq_proc_init(struct net *net)
{
	if (!IS_ENABLED(CONFIG_PROC_FS))
		return 0;
	return proc_create_net("blipmq", 0444, net->proc_net, &proc_ops,
			       sizeof(struct seq_net_private)) ? 0 : -ENOMEM;
}

/**
 * blipmq_proc_exit() - no longer
 * @net: the namespace
 *
 * Context: may sleep; nobody reads any more afterwards.
 */
void blipmq_proc_exit(struct net *net)
{
	remove_proc_entry("blipmq", net->proc_net);
}
