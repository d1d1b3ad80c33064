// SPDX-License-Identifier: GPL-2.0
/*
 * Which lane a topic has, as the namespace's table says.
 */
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include <linux/blipmq_netlink.h>

#include "lane.h"
#include "pattern.h"
#include "worker.h"

static u32 rule_lane(const struct blipmq_lane_rule *rule, const u8 *topic,
		     u8 len)
{
	u32 workers;

	if (rule->mode != BLIPMQ_LANE_MODE_WORKER)
		return BLIPMQ_LANE_DIRECT;
	workers = blipmq_workers_count();
	if (rule->pin && rule->pin <= workers)
		return rule->pin;
	return 1 + reciprocal_scale(jhash(topic, len, 0), workers);
}

static u32 table_lane(const struct blipmq_lanes *t, const u8 *topic, u8 len)
{
	const struct blipmq_lane_rule *rule;
	u32 i;

	if (!t)
		return BLIPMQ_LANE_DIRECT;
	for (i = 0; i < t->nr_rules; i++) {
		rule = &t->rules[i];
		if (blipmq_pattern_matches(rule->pattern, rule->len, topic,
					   len))
			return rule_lane(rule, topic, len);
	}
	return rule_lane(&t->rule, topic, len);
}

/**
 * blipmq_lanes_find() - the lane of a topic
 * @t: the table, or NULL
 * @topic: the topic
 * @len: its bytes
 *
 * Context: an RCU read-side section, in which the lane is used.
 * Return: the lane; BLIPMQ_LANE_MOVING when its publishers have to wait.
 */
u32 blipmq_lanes_find(const struct blipmq_lanes *t, const u8 *topic, u8 len)
{
	u32 lane;

	if (!t || likely(!t->moving))
		return table_lane(t, topic, len);
	lane = table_lane(t->from, topic, len);
	if (t->frozen)
		return lane == BLIPMQ_LANE_DIRECT ? lane : BLIPMQ_LANE_MOVING;
	return lane == table_lane(t->to, topic, len) ? lane :
						       BLIPMQ_LANE_MOVING;
}

/**
 * blipmq_lanes_use_workers() - are there topics in the lanes of workers?
 * @t: a table that is not moving
 */
bool blipmq_lanes_use_workers(const struct blipmq_lanes *t)
{
	u32 i;

	if (t->rule.mode == BLIPMQ_LANE_MODE_WORKER)
		return true;
	for (i = 0; i < t->nr_rules; i++)
		if (t->rules[i].mode == BLIPMQ_LANE_MODE_WORKER)
			return true;
	return false;
}

/* The more it says of a topic, the earlier it comes. */
static int rule_cmp(const struct blipmq_lane_rule *a,
		    const struct blipmq_lane_rule *b)
{
	int exact = blipmq_pattern_is_exact(b->pattern, b->len) -
		    blipmq_pattern_is_exact(a->pattern, a->len);

	return exact ?: b->len - a->len ?: memcmp(a->pattern, b->pattern,
						  a->len);
}

/**
 * blipmq_lanes_edit() - a copy of a table in which one rule is another one
 * @old: the table, NULL for one that says nothing
 * @rule: the rule, without a pattern that for topics which no other one names;
 *	with the default mode it is taken out
 *
 * Context: may sleep.
 * Return: the copy, NULL when it says nothing; -ENOSPC when there are too many
 * rules, -ENOENT when there is none to take out, -ENOMEM.
 */
struct blipmq_lanes *blipmq_lanes_edit(const struct blipmq_lanes *old,
				       const struct blipmq_lane_rule *rule)
{
	u32 nr = old ? old->nr_rules : 0, at = 0, rest;
	bool there = false;
	struct blipmq_lanes *t;

	while (rule->len && at < nr && rule_cmp(&old->rules[at], rule) < 0)
		at++;
	if (rule->len && at < nr)
		there = !rule_cmp(&old->rules[at], rule);
	if (rule->len && rule->mode == BLIPMQ_LANE_MODE_DEFAULT && !there)
		return ERR_PTR(-ENOENT);
	t = kvzalloc(struct_size(t, rules, nr + 1), GFP_KERNEL_ACCOUNT);
	if (!t)
		return ERR_PTR(-ENOMEM);
	t->rule.mode = old ? old->rule.mode : BLIPMQ_LANE_MODE_DIRECT;
	t->rule.pin = old ? old->rule.pin : 0;
	if (!rule->len) {
		t->rule = *rule;
		if (rule->mode == BLIPMQ_LANE_MODE_DEFAULT)
			t->rule.mode = BLIPMQ_LANE_MODE_DIRECT;
		at = nr;
	}
	if (old)
		memcpy(t->rules, old->rules, at * sizeof(*rule));
	t->nr_rules = at;
	if (rule->len && rule->mode != BLIPMQ_LANE_MODE_DEFAULT)
		t->rules[t->nr_rules++] = *rule;
	rest = nr - at - there;
	if (rest)
		memcpy(t->rules + t->nr_rules, old->rules + at + there,
		       rest * sizeof(*rule));
	t->nr_rules += rest;
	if (t->nr_rules > BLIPMQ_LANE_RULES_MAX) {
		kvfree(t);
		return ERR_PTR(-ENOSPC);
	}
	if (!t->nr_rules && t->rule.mode == BLIPMQ_LANE_MODE_DIRECT) {
		kvfree(t);
		return NULL;
	}
	return t;
}
