// SPDX-License-Identifier: GPL-2.0
/*
 * The judgement, at a quiet moment: what was sent, as far as somebody was
 * subscribed, against what was read and what the counters say.
 *
 * What a socket missed lies between two numbers, and for one that stays
 * subscribed all the time these are the same. Of a queue group it is not known
 * who should have got a message, but that one did: so the members' accounts are
 * added up. Of conflation it is not known which messages it took, but how many,
 * and that the last one is not among them.
 */
#include <string.h>

#include "conserve.h"

#define complain(l, fmt, ...) \
	lib_say("%s: " fmt, (l)->who, ##__VA_ARGS__)

static bool sum_message(struct ledger *l, u32 p, u32 k, struct sums *sums)
{
	const struct plan *plan = &l->shared->plan;
	u32 topic = message_topic(plan, p, k), copies = l->copies[p][k];
	u32 must, may, groups;

	if (!was_published(l->shared, p, k)) {
		if (copies)
			complain(l, "message %u of %u was refused, and read", k,
				 p);
		return !copies;
	}
	must = must_have(l->windows, l->nr_windows, p, k, topic);
	may = may_have(l->windows, l->nr_windows, p, k, topic, &groups);
	sums->must_match += must;
	sums->may_match += may - (u32)__builtin_popcount(groups);
	if (copies > may) {
		complain(l, "message %u of %u was read %u times, subscribed for %u",
			 k, p, copies, may);
		return false;
	}
	sums->must_miss += must > copies ? must - copies : 0;
	sums->may_miss += may - copies;
	if (expires_soon(&plan->publishers[p]))
		sums->may_expire += may - copies;
	return true;
}

static bool sum_replays(struct ledger *l, struct sums *sums)
{
	u32 t, i, must, may;

	for (t = 0; t < l->shared->plan.nr_topics; t++) {
		must = 0;
		may = 0;
		for (i = 0; i < l->nr_windows; i++) {
			must += l->windows[i].replay_must >> t & 1;
			may += l->windows[i].replay_may >> t & 1;
		}
		if (l->replays[t] > may) {
			complain(l, "%u retained values of topic %u, not %u to %u",
				 l->replays[t], t, must, may);
			return false;
		}
		sums->must_match += must;
		sums->may_match += may;
		sums->must_miss += must > l->replays[t] ?
				   must - l->replays[t] : 0;
		sums->may_miss += may - l->replays[t];
		if (l->shared->plan.expires)
			sums->may_expire += may - l->replays[t];
	}
	return true;
}

/**
 * ledger_sums() - what follows from the windows, all publishers having ended
 * @l: the ledger
 * @sums: set to that
 *
 * Return: false after a complaint about what was read.
 */
bool ledger_sums(struct ledger *l, struct sums *sums)
{
	const struct shared *shared = l->shared;
	u32 p, k, total;
	bool ok = true;

	memset(sums, 0, sizeof(*sums));
	ledger_end_by_rules(l);
	for (p = 0; p < shared->plan.nr_publishers && ok; p++) {
		total = see(shared->publishers[p].total);
		if (l->next[p] > total) {
			complain(l, "read message %u of %u, which published %u",
				 l->next[p] - 1, p, total);
			ok = false;
		}
		for (k = 0; k < total && ok; k++)
			ok = sum_message(l, p, k, sums);
	}
	return ok && sum_replays(l, sums);
}

/* Was the last message that publisher @p sent to a topic read? */
enum last { LAST_NONE, LAST_UNKNOWN, LAST_READ, LAST_NOT_READ };

static enum last last_of(const struct ledger *l, u32 p, u32 topic)
{
	const struct shared *shared = l->shared;
	u32 k = see(shared->publishers[p].total);

	while (k--) {
		if (message_topic(&shared->plan, p, k) != topic ||
		    !was_published(shared, p, k))
			continue;
		if (!must_have(l->windows, l->nr_windows, p, k, topic))
			return LAST_UNKNOWN;
		return l->copies[p][k] ? LAST_READ : LAST_NOT_READ;
	}
	return LAST_NONE;
}

/* Of each topic, the last message of one publisher was the last of all. */
static bool has_last_values(struct ledger *l)
{
	u32 t, p, nr[LAST_NOT_READ + 1];

	for (t = 0; t < l->shared->plan.nr_topics; t++) {
		memset(nr, 0, sizeof(nr));
		for (p = 0; p < l->shared->plan.nr_publishers; p++)
			nr[last_of(l, p, t)]++;
		if (!nr[LAST_NOT_READ] || nr[LAST_READ] || nr[LAST_UNKNOWN])
			continue;
		complain(l, "nobody's last message of topic %u was read", t);
		return false;
	}
	return true;
}

static bool is_stats(struct ledger *l, const struct blipmq_socket_stats *s,
		     bool drained)
{
	bool ok = lib_law(s);

	if (!ok)
		complain(l, "the law does not hold for the socket");
	if (s->delivered != l->read || s->delivered_bytes != l->bytes) {
		complain(l, "read %llu of %llu bytes, delivered %llu of %llu",
			 l->read, l->bytes, s->delivered,
			 s->delivered_bytes);
		ok = false;
	}
	if (l->announced > l->lost ||
	    (drained && !l->cut && l->announced != l->lost)) {
		complain(l, "announced %llu, dropped %llu by overflow and %llu for want of memory",
			 l->announced, s->dropped_overflow,
			 s->dropped_no_memory);
		ok = false;
	}
	if ((s->dropped_conflated && !l->conflates) || s->dropped_filtered) {
		complain(l, "dropped for reasons that nobody gave");
		ok = false;
	}
	if (drained && (s->queued_messages || s->queued_bytes)) {
		complain(l, "drained, and %llu messages of %llu bytes queued",
			 s->queued_messages, s->queued_bytes);
		ok = false;
	}
	/* Nothing else took any, so the last ones are there. */
	if (drained && l->conflates && !l->groups && !l->lost &&
	    !s->dropped_expired && !s->dropped_closed)
		ok = has_last_values(l) && ok;
	return ok;
}

static void take_counters(struct ledger *l,
			  const struct blipmq_socket_stats *stats)
{
	l->counted = true;
	l->lost = stats->dropped_overflow + stats->dropped_no_memory;
	l->conflated = stats->dropped_conflated;
	l->missed = l->lost + l->conflated + stats->dropped_expired +
		    stats->queued_messages + stats->dropped_closed;
}

/**
 * ledger_end() - judge a socket, at a quiet moment
 * @l: its ledger
 * @stats: its counters, NULL when they cannot be had
 * @drained: all was read, and all losses were announced
 *
 * Return: false after a complaint.
 */
bool ledger_end(struct ledger *l, const struct blipmq_socket_stats *stats,
		bool drained)
{
	/* A TCP client does not know what expired, or was conflated. */
	bool knows = stats || (drained && !l->shared->plan.expires &&
			       !l->conflates && !l->cut);
	struct sums sums;
	bool ok;

	l->lost = l->announced;
	l->missed = l->announced;
	if (stats)
		take_counters(l, stats);
	else
		l->counted = knows;
	/* Who has lost nothing was not ended for it. */
	if (l->cuts && (l->lost || !stats))
		ledger_may_be_cut(l);
	ok = ledger_sums(l, &sums);
	if (!ok)
		return false;
	if (stats) {
		ok = is_stats(l, stats, drained);
		if (stats->dropped_expired > sums.may_expire) {
			complain(l, "%llu expired, %llu could",
				 stats->dropped_expired, sums.may_expire);
			ok = false;
		}
	}
	if ((knows && l->missed < sums.must_miss) ||
	    l->missed > sums.may_miss) {
		complain(l, "missed %llu by its counters, %llu to %llu by what was sent",
			 l->missed, sums.must_miss, sums.may_miss);
		ok = false;
	}
	if (!ok)
		complain(l, "read %llu, announced %llu, windows %u, groups %#x%s%s",
			 l->read, l->announced, l->nr_windows, l->groups,
			 l->conflates ? ", conflates" : "",
			 l->cut ? ", cut" : "");
	return ok;
}

static struct ledger *ledger_of(struct shared *shared, u32 *s, u32 *i)
{
	while (*s < shared->plan.nr_subscribers) {
		if (*i < see(shared->subscribers[*s].ledgers))
			return &shared->ledgers[*s][(*i)++];
		*i = 0;
		++*s;
	}
	return NULL;
}

/**
 * struct group_sums - what members of a queue group have and should have
 * @must: messages that some member must have got
 * @may: messages that some member may have got
 * @must_miss: of those of @must, those that nobody read
 * @may_miss: of those of @may, those that nobody read
 */
struct group_sums {
	u64	must;
	u64	may;
	u64	must_miss;
	u64	may_miss;
};

static void group_message(struct shared *shared, int g, u32 p, u32 k,
			  struct group_sums *sums)
{
	u32 topic = message_topic(&shared->plan, p, k), s = 0, i = 0, n;
	bool must = false, may = false;
	const struct window *w;
	struct ledger *l;

	while ((l = ledger_of(shared, &s, &i)) && !must) {
		if (!(l->groups & 1U << g))
			continue;
		for (n = 0, w = l->windows; n < l->nr_windows; n++, w++) {
			if (w->group != g || !(w->topics & 1U << topic))
				continue;
			must = must || (k >= w->must_from[p] &&
					k < w->must_to[p]);
			may = may || (k >= w->may_from[p] && k < w->may_to[p]);
		}
	}
	sums->must += must;
	sums->may += may;
	sums->must_miss += must && !shared->taken[g][p][k];
	sums->may_miss += may && !shared->taken[g][p][k];
}

static void group_sum(struct shared *shared, int g, struct group_sums *sums)
{
	u32 p, k;

	memset(sums, 0, sizeof(*sums));
	for (p = 0; p < shared->plan.nr_publishers; p++)
		for (k = 0; k < see(shared->publishers[p].total); k++)
			if (was_published(shared, p, k))
				group_message(shared, g, p, k, sums);
}

/* The losses of those who were in this group and in nothing else. */
static u64 group_missed(struct shared *shared, u32 g, bool *all)
{
	u32 s = 0, i = 0;
	struct ledger *l;
	u64 missed = 0;

	*all = true;
	while ((l = ledger_of(shared, &s, &i))) {
		if (!(l->groups & 1U << g))
			continue;
		if (l->plain || l->groups != 1U << g || !l->counted)
			*all = false;
		else
			missed += l->missed;
	}
	return missed;
}

static bool group_judge(struct shared *shared, u32 g)
{
	struct group_sums sums;
	u64 missed;
	bool all;

	group_sum(shared, (int)g, &sums);
	missed = group_missed(shared, g, &all);
	if (missed <= sums.may_miss && (!all || missed >= sums.must_miss))
		return true;
	lib_say("group %u missed %llu%s, %llu to %llu by what was sent", g,
		missed, all ? "" : " at least", sums.must_miss, sums.may_miss);
	return false;
}

/* Each group by itself, once all ledgers are judged. */
bool groups_judge(struct shared *shared)
{
	bool ok = true;
	u32 g;

	for (g = 0; g < GROUPS_MAX; g++)
		ok = group_judge(shared, g) && ok;
	return ok;
}

/* Those of who was killed, or has closed, are judged here alone. */
static bool sum_all(struct shared *shared, u64 *must, u64 *may)
{
	struct group_sums group;
	u32 s = 0, i = 0, g;
	struct sums sums;
	struct ledger *l;
	bool ok = true;

	while ((l = ledger_of(shared, &s, &i))) {
		ok = ledger_sums(l, &sums) && ok;
		*must += sums.must_match;
		*may += sums.may_match;
	}
	for (g = 0; g < GROUPS_MAX; g++) {
		group_sum(shared, (int)g, &group);
		*must += group.must;
		*may += group.may;
	}
	return ok;
}

/**
 * matched_judge() - has as much matched as was subscribed to?
 * @shared: the round, at a quiet moment, all ledgers judged
 * @matched: by the namespace's counters, without what is no part of a ledger
 *
 * Return: false after a complaint.
 */
bool matched_judge(struct shared *shared, u64 matched)
{
	u64 must = 0, may = 0;

	if (!sum_all(shared, &must, &may))
		return false;
	if (matched >= must && matched <= may)
		return true;
	lib_say("totals: matched %llu, %llu to %llu by what was sent", matched,
		must, may);
	return false;
}
