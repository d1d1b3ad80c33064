// SPDX-License-Identifier: GPL-2.0
/*
 * What the KUnit suites call, which are a module of their own. Built only for
 * kernels that have KUnit.
 */
#include <linux/export.h>

#include "bundle.h"
#include "credit.h"
#include "fanout.h"
#include "frame.h"
#include "gaps.h"
#include "gather.h"
#include "lane.h"
#include "netns.h"
#include "pattern.h"
#include "queue.h"
#include "route.h"
#include "sender.h"
#include "set.h"
#include "sock.h"
#include "topic.h"
#include "trie.h"
#include "user.h"
#include "worker.h"

EXPORT_SYMBOL_GPL(blipmq_family);
EXPORT_SYMBOL_GPL(blipmq_net_of);

EXPORT_SYMBOL_GPL(blipmq_frame_check_header);
EXPORT_SYMBOL_GPL(blipmq_frame_check_body);
EXPORT_SYMBOL_GPL(blipmq_code_is_fatal);
EXPORT_SYMBOL_GPL(blipmq_topic_valid);
EXPORT_SYMBOL_GPL(blipmq_pattern_valid);
EXPORT_SYMBOL_GPL(blipmq_pattern_is_exact);
EXPORT_SYMBOL_GPL(blipmq_pattern_matches);

EXPORT_SYMBOL_GPL(blipmq_sender_create);
EXPORT_SYMBOL_GPL(blipmq_sender_retire);
EXPORT_SYMBOL_GPL(__blipmq_sender_charge);
EXPORT_SYMBOL_GPL(__blipmq_sender_free);
EXPORT_SYMBOL_GPL(__blipmq_sender_admits);
EXPORT_SYMBOL_GPL(blipmq_user_get);
EXPORT_SYMBOL_GPL(blipmq_user_put);
EXPORT_SYMBOL_GPL(blipmq_user_charge);
EXPORT_SYMBOL_GPL(blipmq_user_reserve);

EXPORT_SYMBOL_GPL(blipmq_bundle_alloc);
EXPORT_SYMBOL_GPL(blipmq_bundle_extend);
EXPORT_SYMBOL_GPL(blipmq_bundle_fill);
EXPORT_SYMBOL_GPL(blipmq_bundle_seal);
EXPORT_SYMBOL_GPL(blipmq_bundle_free);

EXPORT_SYMBOL_GPL(blipmq_chain_open);
EXPORT_SYMBOL_GPL(blipmq_chain_readable);
EXPORT_SYMBOL_GPL(blipmq_chain_drained);
EXPORT_SYMBOL_GPL(blipmq_queue_push);
EXPORT_SYMBOL_GPL(blipmq_queue_pop);
EXPORT_SYMBOL_GPL(blipmq_queue_take_lost);
EXPORT_SYMBOL_GPL(blipmq_queue_release);
EXPORT_SYMBOL_GPL(blipmq_queue_usage);
EXPORT_SYMBOL_GPL(blipmq_queue_set_limits);
EXPORT_SYMBOL_GPL(blipmq_sock_set_policy);
EXPORT_SYMBOL_GPL(blipmq_conflate_empty);
EXPORT_SYMBOL_GPL(blipmq_queue_reserve);
EXPORT_SYMBOL_GPL(blipmq_queue_give_back);
EXPORT_SYMBOL_GPL(blipmq_queue_set_user);
EXPORT_SYMBOL_GPL(blipmq_queue_seal);
EXPORT_SYMBOL_GPL(blipmq_queue_close);

EXPORT_SYMBOL_GPL(blipmq_topic_get);
EXPORT_SYMBOL_GPL(blipmq_topic_put);
EXPORT_SYMBOL_GPL(blipmq_topic_find);
EXPORT_SYMBOL_GPL(blipmq_set_create);
EXPORT_SYMBOL_GPL(blipmq_set_create_group);
EXPORT_SYMBOL_GPL(blipmq_deal);
EXPORT_SYMBOL_GPL(blipmq_set_put);
EXPORT_SYMBOL_GPL(blipmq_set_join);
EXPORT_SYMBOL_GPL(blipmq_set_leave);
EXPORT_SYMBOL_GPL(blipmq_route_match);
EXPORT_SYMBOL_GPL(blipmq_route_confirm);
EXPORT_SYMBOL_GPL(blipmq_route_has_dead);
EXPORT_SYMBOL_GPL(blipmq_route_put);
EXPORT_SYMBOL_GPL(blipmq_route_legs);

EXPORT_SYMBOL_GPL(blipmq_trie_init);
EXPORT_SYMBOL_GPL(blipmq_trie_destroy);
EXPORT_SYMBOL_GPL(blipmq_trie_get);
EXPORT_SYMBOL_GPL(blipmq_trie_put);
EXPORT_SYMBOL_GPL(blipmq_trie_find);
EXPORT_SYMBOL_GPL(blipmq_trie_generation);
EXPORT_SYMBOL_GPL(blipmq_trie_walk_start);
EXPORT_SYMBOL_GPL(blipmq_trie_walk_next);
EXPORT_SYMBOL_GPL(__blipmq_trie_matches);

EXPORT_SYMBOL_GPL(blipmq_gather_alloc);
EXPORT_SYMBOL_GPL(blipmq_gather_free);
EXPORT_SYMBOL_GPL(blipmq_gather_add);
EXPORT_SYMBOL_GPL(blipmq_gather_larger);
EXPORT_SYMBOL_GPL(blipmq_gather_clear);

EXPORT_SYMBOL_GPL(blipmq_gaps_init);
EXPORT_SYMBOL_GPL(blipmq_gaps_destroy);
EXPORT_SYMBOL_GPL(blipmq_gaps_add_first);
EXPORT_SYMBOL_GPL(blipmq_gaps_add_last);
EXPORT_SYMBOL_GPL(blipmq_gaps_take);

EXPORT_SYMBOL_GPL(blipmq_credit_take);
EXPORT_SYMBOL_GPL(blipmq_credit_give_back);
EXPORT_SYMBOL_GPL(__blipmq_credit_forget);

EXPORT_SYMBOL_GPL(blipmq_lanes_edit);
EXPORT_SYMBOL_GPL(blipmq_lanes_find);
EXPORT_SYMBOL_GPL(blipmq_lanes_use_workers);
EXPORT_SYMBOL_GPL(blipmq_lanes_lock);
EXPORT_SYMBOL_GPL(blipmq_lanes_unlock);
EXPORT_SYMBOL_GPL(blipmq_workers_start);
EXPORT_SYMBOL_GPL(blipmq_workers_count);
