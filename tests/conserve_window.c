// SPDX-License-Identifier: GPL-2.0
/*
 * Subscriptions, seen in message numbers.
 *
 * A message that was published wholly within a subscription must have been
 * queued, one that overlaps it may have been, all others must not. Joining and
 * leaving are calls that see() the publishers before and after; what ends a
 * subscription without such a call (a rule, an overflow, a death) is looked up
 * afterwards, from what those who did it have noted.
 */
#include <string.h>

#include "conserve.h"

/* What has begun, or what has arrived for certain, of each publisher. */
void look(const struct shared *shared, u32 *to, bool begun)
{
	const struct publisher_state *p = shared->publishers;
	u32 i;

	/* What was sent to a worker may still be under way. */
	if (!begun && shared->plan.moves && !see(shared->settled)) {
		memset(to, 0, PUBLISHERS_MAX * sizeof(*to));
		return;
	}
	for (i = 0; i < PUBLISHERS_MAX; i++)
		to[i] = begun ? see(p[i].begun) : see(p[i].sent);
}

bool was_published(const struct shared *shared, u32 p, u32 k)
{
	return !shared->publishers[p].refused[k];
}

/* Has some message before these numbers given the topic a value? */
static bool has_value(const struct shared *shared, u32 topic, const u32 *to)
{
	const struct plan *plan = &shared->plan;
	u32 p, k;

	for (p = 0; p < plan->nr_publishers; p++) {
		if (!plan->publishers[p].retains)
			continue;
		for (k = 0; k < to[p] && k < plan->publishers[p].messages; k++)
			if (message_topic(plan, p, k) == topic &&
			    message_retains(plan, p, k) &&
			    message_size(plan, p, k) &&
			    was_published(shared, p, k))
				return true;
	}
	return false;
}

/* Topics that have a retained value, going by messages before @to. */
static u32 values(const struct shared *shared, u32 topics, const u32 *to)
{
	u32 t, found = 0;

	for (t = 0; t < shared->plan.nr_topics; t++)
		if (topics & shared->plan.retained & 1U << t &&
		    has_value(shared, t, to))
			found |= 1U << t;
	return found;
}

/* Before the call that subscribes; NULL when there were too many. */
struct window *ledger_joining(struct ledger *l, u32 interest)
{
	const struct interest *in = &l->shared->plan.interests[interest];
	struct window *w = &l->windows[l->nr_windows];

	if (l->nr_windows == WINDOWS_MAX)
		return NULL;
	memset(w, 0xff, sizeof(*w));
	w->interest = interest;
	w->topics = in->topics;
	w->group = in->group;
	w->rules_from = see(l->shared->events_done);
	look(l->shared, w->may_from, false);
	w->replay_must = 0;
	w->replay_may = 0;
	if (in->group < 0) {
		/* Until it is known better. */
		w->replay_may = in->topics & l->shared->plan.retained;
		l->plain = true;
	} else {
		l->groups |= 1U << in->group;
	}
	l->nr_windows++;
	return w;
}

/* Returns false after a complaint. */
bool ledger_joined(struct ledger *l, struct window *w)
{
	const char *name = l->shared->plan.interests[w->interest].pattern;

	look(l->shared, w->must_from, true);
	w->rules_to = see(l->shared->events_begun);
	w->replay_must = values(l->shared, w->replay_may, w->may_from) &
			 ~l->shared->plan.fickle;
	w->replay_may = values(l->shared, w->replay_may, w->must_from);
	if (!l->stranger ||
	    rules_can(l->shared, w->rules_from, name, MAY_SUBSCRIBE, true))
		return true;
	lib_say("%s: rules refuse '%s', and it was subscribed to it", l->who,
		name);
	return false;
}

/* It was not let. Returns false after a complaint. */
bool ledger_join_refused(struct ledger *l, struct window *w)
{
	const char *name = l->shared->plan.interests[w->interest].pattern;
	bool ok = l->stranger && rules_can(l->shared, w->rules_from, name,
					   MAY_SUBSCRIBE, false);

	/* Who blocks needs that right for all that it is on. */
	if (!ok && l->stranger && l->blocks)
		ok = rules_can(l->shared, w->rules_from, name, MAY_BLOCK,
			       false);

	if (!ok)
		lib_say("%s: no rule refuses '%s', but somebody did", l->who,
			name);
	l->nr_windows--;
	return ok;
}

void ledger_leaving(struct ledger *l, struct window *w)
{
	look(l->shared, w->must_to, false);
}

void ledger_left(struct ledger *l, struct window *w)
{
	look(l->shared, w->may_to, true);
}

/* The change of the rules, of the first @to, that may have ended it; NEVER. */
u32 ledger_rules_end(const struct ledger *l, const struct window *w, u32 to)
{
	if (!l->stranger)
		return NEVER;
	return rules_end(l->shared, w->rules_from, to,
			 l->shared->plan.interests[w->interest].pattern);
}

/* That which has ended it for certain. */
u32 ledger_rules_end_at_last(const struct ledger *l, const struct window *w,
			     u32 to)
{
	if (!l->stranger)
		return NEVER;
	return rules_end_at_last(l->shared, w->rules_from, w->rules_to, to,
				 l->shared->plan.interests[w->interest].pattern);
}

static void lower(u32 *to, const u32 *by)
{
	u32 p;

	for (p = 0; p < PUBLISHERS_MAX; p++)
		if (by[p] < to[p])
			to[p] = by[p];
}

/* Once all changes are done. */
void ledger_end_by_rules(struct ledger *l)
{
	const struct rules_event *events = l->shared->events;
	u32 i, done = see(l->shared->events_done);
	struct window *w;

	for (w = l->windows; w < l->windows + l->nr_windows; w++) {
		i = ledger_rules_end(l, w, done);
		if (i != NEVER)
			lower(w->must_to, events[i].from);
		i = ledger_rules_end_at_last(l, w, done);
		if (i != NEVER)
			lower(w->may_to, events[i].to);
	}
}

/*
 * An overflow may have ended it, at a time that nobody knows; after the last
 * message that it got, for what is queued comes in order.
 */
void ledger_may_be_cut(struct ledger *l)
{
	struct window *w;

	for (w = l->windows; w < l->windows + l->nr_windows; w++) {
		lower(w->must_to, l->next);
		w->replay_must = 0;
	}
}

/* One has ended it by now. */
void ledger_end_by_cut(struct ledger *l)
{
	u32 now[PUBLISHERS_MAX];
	struct window *w;

	l->cut = true;
	ledger_may_be_cut(l);
	look(l->shared, now, true);
	for (w = l->windows; w < l->windows + l->nr_windows; w++)
		lower(w->may_to, now);
}

void ledger_end_by_kill(struct ledger *l, const struct subscriber_state *s)
{
	struct window *w;

	for (w = l->windows; w < l->windows + l->nr_windows; w++) {
		lower(w->must_to, s->kill_from);
		lower(w->may_to, s->kill_to);
	}
}

/* Must a plain subscription of these have got the message? 0 or 1. */
u32 must_have(const struct window *w, u32 nr, u32 p, u32 k, u32 topic)
{
	for (; nr--; w++)
		if (w->group < 0 && w->topics & 1U << topic &&
		    k >= w->must_from[p] && k < w->must_to[p])
			return 1;
	return 0;
}

/* How often these may have got it; @groups: by which queue groups. */
u32 may_have(const struct window *w, u32 nr, u32 p, u32 k, u32 topic,
	     u32 *groups)
{
	u32 plain = 0;

	*groups = 0;
	for (; nr--; w++) {
		if (!(w->topics & 1U << topic) || k < w->may_from[p] ||
		    k >= w->may_to[p])
			continue;
		if (w->group < 0)
			plain = 1;
		else
			*groups |= 1U << w->group;
	}
	return plain + (u32)__builtin_popcount(*groups);
}
