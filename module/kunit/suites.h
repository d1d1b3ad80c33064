/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The suites, and what they share.
 */
#ifndef _BLIPMQ_KUNIT_SUITES_H
#define _BLIPMQ_KUNIT_SUITES_H

#include <kunit/test.h>
#include <linux/prandom.h>

struct blipmq_sock;

extern struct kunit_suite blipmq_frame_suite;
extern struct kunit_suite blipmq_ring_suite;
extern struct kunit_suite blipmq_bundle_suite;
extern struct kunit_suite blipmq_queue_suite;
extern struct kunit_suite blipmq_topic_suite;
extern struct kunit_suite blipmq_route_suite;
extern struct kunit_suite blipmq_trie_suite;
extern struct kunit_suite blipmq_deal_suite;
extern struct kunit_suite blipmq_share_suite;
extern struct kunit_suite blipmq_gaps_suite;
extern struct kunit_suite blipmq_conflate_suite;
extern struct kunit_suite blipmq_credit_suite;
extern struct kunit_suite blipmq_lanes_suite;

/* Random runs repeat: the same numbers each time. */
#define BLIPMQ_TEST_SEED	20261124U

/* A number below @n. */
static inline u32 blipmq_test_below(struct rnd_state *rnd, u32 n)
{
	return prandom_u32_state(rnd) % n;
}

int __must_check blipmq_test_set_policy(struct blipmq_sock *bs, u32 policy);

#endif /* _BLIPMQ_KUNIT_SUITES_H */
