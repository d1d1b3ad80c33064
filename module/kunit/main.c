// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suites of BlipMQ, one for each unit. Loading the module runs them;
 * what they print is KTAP.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "../netns.h"
#include "../sock.h"
#include "suites.h"

kunit_test_suites(&blipmq_frame_suite, &blipmq_ring_suite,
		  &blipmq_bundle_suite, &blipmq_queue_suite,
		  &blipmq_topic_suite, &blipmq_route_suite, &blipmq_trie_suite,
		  &blipmq_deal_suite, &blipmq_share_suite, &blipmq_gaps_suite,
		  &blipmq_conflate_suite, &blipmq_credit_suite,
		  &blipmq_lanes_suite);

/* As setsockopt() does it, with the locks that it takes. */
int blipmq_test_set_policy(struct blipmq_sock *bs, u32 policy)
{
	int err;

	mutex_lock(&bs->tx_lock);
	down_read(&bs->ns->rules_sem);
	err = blipmq_sock_set_policy(bs, policy);
	up_read(&bs->ns->rules_sem);
	mutex_unlock(&bs->tx_lock);
	return err;
}

MODULE_DESCRIPTION("KUnit suites of BlipMQ");
MODULE_AUTHOR("The BlipMQ maintainers");
MODULE_LICENSE("GPL");
