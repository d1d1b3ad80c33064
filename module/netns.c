// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces come and go; each has its own broker.
 */
#include <linux/mm.h>
#include <net/netns/generic.h>

#include "access.h"
#include "frame.h"
#include "gather.h"
#include "lane.h"
#include "netns.h"
#include "proc.h"
#include "retain.h"
#include "spare.h"
#include "topic.h"
#include "user.h"

static unsigned int blipmq_net_id __read_mostly;

/**
 * blipmq_net_of() - the broker of a namespace
 * @net: a live namespace
 *
 * Return: its state, which lives as long as @net.
 */
struct blipmq_net *blipmq_net_of(const struct net *net)
{
	return net_generic(net, blipmq_net_id);
}

/* Spare bundles go soon after a publisher was refused, and so often at most. */
#define RECLAIM_EVERY	(HZ / 4)

void __blipmq_net_full(struct blipmq_net *ns)
{
	blipmq_event_limit(ns, BLIPMQ_A_LIMITS_MEMORY_BYTES);
	queue_delayed_work(system_dfl_wq, &ns->reclaim, RECLAIM_EVERY);
}

static void blipmq_limits_init(struct blipmq_limits *limits)
{
	limits->payload_bytes = BLIPMQ_FRAME_PAYLOAD_DEFAULT;
	limits->queue_messages = 1024;
	limits->queue_bytes = SZ_1M;
	limits->queue_messages_max = SZ_1M;
	limits->queue_bytes_max = SZ_16M;
	limits->answer_bytes = SZ_64K;
	limits->sockets = SZ_128K;
	limits->topics = SZ_64K;
	limits->subscriptions = SZ_4K;
	limits->user_topics = SZ_32K;
	limits->user_patterns = SZ_32K;
	limits->retained_messages = SZ_16K;
	limits->retained_bytes = SZ_64M;
	/* An eighth of the machine, as much as it can spare unasked. */
	limits->memory_bytes = (u64)totalram_pages() << (PAGE_SHIFT - 3);
	limits->share_bytes = limits->memory_bytes;
	limits->flight_bytes = SZ_64M;
}

/* Enough for most publishes to go on in one pass without memory. */
#define SPARE_LEGS	100U

static int __net_init blipmq_net_create(struct net *net)
{
	struct blipmq_net *ns = blipmq_net_of(net);
	int err;

	ns->net = net;
	blipmq_events_init(ns);
	blipmq_latency_init(ns);
	blipmq_limits_init(&ns->limits);
	mutex_init(&ns->limits_lock);
	INIT_DELAYED_WORK(&ns->reclaim, blipmq_spare_reclaim_work);
	xa_init_flags(&ns->publishers, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	atomic_set(&ns->nr_subscriptions, 0);
	xa_init_flags(&ns->subscriptions,
		      XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&ns->sockets, XA_FLAGS_ACCOUNT);
	atomic64_set(&ns->ring_bytes, 0);
	blipmq_expiry_init(&ns->expiry);
	spin_lock_init(&ns->waiters_lock);
	spin_lock_init(&ns->socks_lock);
	INIT_LIST_HEAD(&ns->socks);
	mutex_init(&ns->sum_lock);
	ns->summed = U64_MAX;

	blipmq_lanes_init(ns);
	blipmq_rules_init(ns);
	blipmq_users_init(ns);
	blipmq_retain_init(ns);
	mutex_init(&ns->spare_lock);
	ns->spare = blipmq_gather_alloc(SPARE_LEGS);
	if (!ns->spare)
		return -ENOMEM;
	err = percpu_counter_init(&ns->memory, 0, GFP_KERNEL);
	if (err)
		goto err_free_spare;
	err = percpu_counter_init(&ns->held, 0, GFP_KERNEL);
	if (err)
		goto err_destroy_memory;
	err = blipmq_trie_init(&ns->trie);
	if (err)
		goto err_destroy_held;
	err = blipmq_topics_init(ns);
	if (err)
		goto err_destroy_trie;
	err = init_srcu_struct(&ns->many);
	if (err)
		goto err_destroy_topics;
	err = blipmq_proc_init(net);
	if (err)
		goto err_cleanup_many;
	return 0;

err_cleanup_many:
	cleanup_srcu_struct(&ns->many);
err_destroy_topics:
	blipmq_topics_destroy(ns);
err_destroy_trie:
	blipmq_trie_destroy(&ns->trie);
err_destroy_held:
	percpu_counter_destroy(&ns->held);
err_destroy_memory:
	percpu_counter_destroy(&ns->memory);
err_free_spare:
	blipmq_gather_free(ns->spare);
	return err;
}

/*
 * Every socket holds a reference to its namespace until it is freed, so none
 * is left here, and with them went all bundles and subscriptions. What is
 * left are topics that linger.
 */
static void __net_exit blipmq_net_destroy(struct net *net)
{
	struct blipmq_net *ns = blipmq_net_of(net);

	blipmq_proc_exit(net);
	cancel_delayed_work_sync(&ns->reclaim);
	blipmq_lanes_destroy(ns);
	blipmq_retain_destroy(ns);
	blipmq_expiry_destroy(&ns->expiry);
	WARN_ON_ONCE(!list_empty(&ns->socks));
	WARN_ON_ONCE(!xa_empty(&ns->publishers));
	WARN_ON_ONCE(!xa_empty(&ns->sockets));
	WARN_ON_ONCE(!xa_empty(&ns->subscriptions));
	WARN_ON_ONCE(atomic_read(&ns->nr_subscriptions));
	WARN_ON_ONCE(atomic64_read(&ns->ring_bytes));
	WARN_ON_ONCE(percpu_counter_sum(&ns->memory));

	cleanup_srcu_struct(&ns->many);
	blipmq_topics_destroy(ns);
	blipmq_trie_destroy(&ns->trie);
	blipmq_rules_destroy(ns);
	blipmq_gather_free(ns->spare);
	blipmq_users_destroy(ns);
	blipmq_latency_destroy(ns);
	xa_destroy(&ns->publishers);
	xa_destroy(&ns->sockets);
	xa_destroy(&ns->subscriptions);
	percpu_counter_destroy(&ns->held);
	percpu_counter_destroy(&ns->memory);
}

static struct pernet_operations blipmq_net_ops = {
	.init = blipmq_net_create,
	.exit = blipmq_net_destroy,
	.id = &blipmq_net_id,
	.size = sizeof(struct blipmq_net),
};

int __init blipmq_net_init(void)
{
	return register_pernet_subsys(&blipmq_net_ops);
}

void blipmq_net_exit(void)
{
	unregister_pernet_subsys(&blipmq_net_ops);
}
