// SPDX-License-Identifier: GPL-2.0
/*
 * What an administrator does meanwhile: lanes, workers and rules change.
 */
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "conserve.h"

/* Lanes of some topics, or of all, and workers. */
bool move_lanes(const struct plan *plan, struct dice *d)
{
	u32 mode = dice_one_in(d, 3) ? BLIPMQ_LANE_MODE_DIRECT :
				       BLIPMQ_LANE_MODE_WORKER;
	const char *pattern = NULL;
	int err, worker = -1;

	if (dice_one_in(d, 4)) {
		err = lib_worker_count(1 + dice_below(d, 4));
	} else {
		if (dice_one_in(d, 2))
			pattern = plan->interests[dice_below(d, plan->nr_plain)].pattern;
		if (mode == BLIPMQ_LANE_MODE_WORKER && dice_one_in(d, 2))
			worker = 0;
		err = lib_lane_set(pattern, mode, worker);
	}
	if (err)
		lib_say("lanes cannot move: %s", strerror(-err));
	return !err;
}

/* As they were; what was under way has arrived then. */
bool move_lanes_back(const struct plan *plan)
{
	u32 i;

	for (i = 0; plan->moves && i < plan->nr_plain; i++)
		lib_lane_set(plan->interests[i].pattern,
			     BLIPMQ_LANE_MODE_DEFAULT, -1);
	return !plan->moves || !lib_lanes_direct();
}

static const struct rules *rules_now(const struct shared *shared)
{
	static const struct rules none;

	return shared->events_done ?
	       &shared->events[shared->events_done - 1].after : &none;
}

/* The rules are to be as @after says, but for one; @err is what that says. */
static struct rules_event *event_begin(struct shared *shared,
				       const struct rules *after)
{
	struct rules_event *e = &shared->events[shared->events_done];

	e->after = *after;
	look(shared, e->from, false);
	memset(e->to, 0xff, sizeof(e->to));
	tell(shared->events_begun, shared->events_done + 1);
	return e;
}

static bool event_end(struct shared *shared, struct rules_event *e, int err)
{
	look(shared, e->to, true);
	tell(shared->events_done, shared->events_begun);
	if (err)
		lib_say("rules cannot change: %s", strerror(-err));
	return !err;
}

static u32 rules_take_out(struct rules *rules, u32 i)
{
	u32 interest = rules->rule[i].interest;

	for (rules->nr--; i < rules->nr; i++)
		rules->rule[i] = rules->rule[i + 1];
	return interest;
}

static bool rule_delete(struct shared *shared, u32 i)
{
	struct rules rules = *rules_now(shared);
	u32 interest = rules_take_out(&rules, i);
	struct rules_event *e = event_begin(shared, &rules);
	const char *pattern = shared->plan.interests[interest].pattern;

	return event_end(shared, e, lib_rule_delete(pattern));
}

static bool rule_set(struct shared *shared, u32 interest, u32 mode)
{
	const char *pattern = shared->plan.interests[interest].pattern;
	struct rules rules = *rules_now(shared);
	struct rules_event *e;
	u32 i;

	for (i = 0; i < rules.nr; i++)
		if (rules.rule[i].interest == interest)
			rules_take_out(&rules, i);
	rules_insert(&shared->plan, &rules, interest, mode);
	e = event_begin(shared, &rules);
	return event_end(shared, e,
			 lib_rule_add(pattern, 0, 0, 0700 | mode));
}

/* Root may do all. Those that take rules out have room at the end. */
bool move_rules(struct shared *shared, struct dice *d)
{
	static const u32 modes[] = { 0, 2, 4, 6, 7 };
	u32 nr = rules_now(shared)->nr;

	if (shared->events_done >= EVENTS_MAX - RULES_MAX)
		return true;
	if (nr == RULES_MAX || (nr && dice_one_in(d, 3)))
		return rule_delete(shared, dice_below(d, nr));
	return rule_set(shared, dice_below(d, shared->plan.nr_plain),
			modes[dice_below(d, 5)]);
}

bool move_rules_back(struct shared *shared)
{
	while (rules_now(shared)->nr)
		if (!rule_delete(shared, 0))
			return false;
	return true;
}
