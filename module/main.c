// SPDX-License-Identifier: GPL-2.0
/*
 * The order in which the module begins and ends.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <net/genetlink.h>

#include "deliver.h"
#include "disconnect.h"
#include "netlink.h"
#include "netns.h"
#include "sock.h"
#include "worker.h"

module_param_named(family, blipmq_family, int, 0444);
MODULE_PARM_DESC(family, "number of the socket family AF_BLIPMQ (default 18)");

static int __init blipmq_init(void)
{
	int err;

	if (blipmq_family <= AF_UNSPEC || blipmq_family >= AF_MAX) {
		pr_err("family=%d is out of range, 1 to %d\n", blipmq_family,
		       AF_MAX - 1);
		return -EINVAL;
	}
	err = blipmq_disconnect_init();
	if (err)
		return err;
	err = blipmq_deliver_init();
	if (err)
		goto err_disconnect_exit;
	err = blipmq_workers_init();
	if (err)
		goto err_deliver_exit;
	err = blipmq_net_init();
	if (err)
		goto err_workers_exit;
	err = blipmq_netlink_register();
	if (err)
		goto err_net_exit;
	/* Last: from here on there may be sockets, so nothing may fail. */
	err = blipmq_sock_register();
	if (err) {
		if (err == -EEXIST)
			pr_err("family %d is taken; load with family=N\n",
			       blipmq_family);
		goto err_netlink_unregister;
	}
	pr_info("version %s, socket family %d\n", BLIPMQ_VERSION,
		blipmq_family);
	return 0;

err_netlink_unregister:
	blipmq_netlink_unregister();
err_net_exit:
	blipmq_net_exit();
	rcu_barrier();
err_workers_exit:
	blipmq_workers_exit();
err_deliver_exit:
	blipmq_deliver_exit();
err_disconnect_exit:
	blipmq_disconnect_exit();
	return err;
}

static void __exit blipmq_exit(void)
{
	blipmq_netlink_unregister();
	blipmq_sock_unregister();
	blipmq_disconnect_exit();
	blipmq_net_exit();
	blipmq_workers_exit();
	blipmq_deliver_exit();
	/* Topics, sets and rings are freed by RCU callbacks of ours. */
	rcu_barrier();
}

module_init(blipmq_init);
module_exit(blipmq_exit);

MODULE_DESCRIPTION("BlipMQ, a publish/subscribe broker");
MODULE_AUTHOR("The BlipMQ maintainers");
MODULE_LICENSE("GPL");
MODULE_VERSION(BLIPMQ_VERSION);
MODULE_ALIAS_NETPROTO(AF_BLIPMQ);
MODULE_ALIAS_GENL_FAMILY("blipmq");
