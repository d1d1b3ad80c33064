// SPDX-License-Identifier: GPL-2.0
/*
 * What the rules of a round say to strangers. How patterns relate is the
 * module's own code, which pattern_rules.c tests; which rule decides is not.
 */
#include <string.h>

#include "../module/pattern.h"
#include "conserve.h"

static const char *pattern_of(const struct plan *plan, const struct rules *r,
			      u32 i)
{
	return plan->interests[r->rule[i].interest].pattern;
}

/* May a stranger do that to a topic, or to all of a pattern? */
bool rules_allow(const struct plan *plan, const struct rules *rules,
		 const char *name, u32 right)
{
	enum blipmq_pattern_relation relation;
	const char *pattern;
	u32 i;

	for (i = 0; i < rules->nr; i++) {
		pattern = pattern_of(plan, rules, i);
		relation = blipmq_pattern_relate((const u8 *)pattern,
						 strlen(pattern),
						 (const u8 *)name,
						 strlen(name));
		if (relation == BLIPMQ_PATTERN_DISJOINT)
			continue;
		if (!(rules->rule[i].mode & right))
			return false;
		if (relation == BLIPMQ_PATTERN_CONTAINS)
			return true;
	}
	/* What no rule speaks of is everybody's, but to block with. */
	return right != MAY_BLOCK;
}

/* In its place, the one that says most first. */
void rules_insert(const struct plan *plan, struct rules *rules, u32 interest,
		  u32 mode)
{
	const char *pattern = plan->interests[interest].pattern, *other;
	u32 i;

	for (i = rules->nr++; i; i--) {
		other = pattern_of(plan, rules, i - 1);
		if (blipmq_pattern_cmp((const u8 *)pattern, strlen(pattern),
				       (const u8 *)other, strlen(other)) > 0)
			break;
		rules->rule[i] = rules->rule[i - 1];
	}
	rules->rule[i].interest = (u8)interest;
	rules->rule[i].mode = (u8)mode;
}

static const struct rules *rules_at(const struct shared *shared, u32 i)
{
	static const struct rules none;

	return i ? &shared->events[i - 1].after : &none;
}

/**
 * rules_can() - could that be said to a stranger?
 * @shared: the round
 * @from: changes that were done before
 * @name: a topic or pattern
 * @right: what he asked for
 * @allow: what he was told
 */
bool rules_can(const struct shared *shared, u32 from, const char *name,
	       u32 right, bool allow)
{
	u32 i, to = see(shared->events_begun);

	for (i = from; i <= to; i++)
		if (rules_allow(&shared->plan, rules_at(shared, i), name,
				right) == allow)
			return true;
	return false;
}

/**
 * rules_end() - which change ended a stranger's subscription, at first?
 * @shared: the round
 * @from: changes that were done before it began
 * @to: changes to look at
 * @name: what it was to
 *
 * Return: the number of the event; NEVER.
 */
u32 rules_end(const struct shared *shared, u32 from, u32 to, const char *name)
{
	u32 i;

	for (i = from; i < to; i++)
		if (!rules_allow(&shared->plan, &shared->events[i].after, name,
				 MAY_SUBSCRIBE))
			return i;
	return NEVER;
}

/**
 * rules_end_at_last() - which change ended a stranger's subscription at last?
 * @shared: the round
 * @from: changes that were done before it began
 * @begun: those that were begun when it had begun
 * @to: changes to look at
 * @name: what it was to
 *
 * Of the changes while it began it may have been behind some, as far as it was
 * allowed there.
 *
 * Return: the number of the event; NEVER when it may not have ended.
 */
u32 rules_end_at_last(const struct shared *shared, u32 from, u32 begun, u32 to,
		      const char *name)
{
	u32 i = see(shared->events_begun);

	for (i = begun < i ? begun : i; i > from; i--)
		if (rules_allow(&shared->plan, rules_at(shared, i), name,
				MAY_SUBSCRIBE))
			break;
	return rules_end(shared, i, to, name);
}
