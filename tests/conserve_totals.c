// SPDX-License-Identifier: GPL-2.0
/*
 * The namespace's counters, held against what all actors say. They are those
 * of this round alone, since nobody else uses the namespace meanwhile.
 */
#include <string.h>

#include "conserve.h"

static struct lib_status before, quiet;

/* What the round has added to a counter by now. */
static u64 added(const struct lib_status *s, const char *path)
{
	return (u64)(lib_status_value(s, path) -
		     lib_status_value(&before, path));
}

static bool is(const char *what, u64 counted, u64 least, u64 most)
{
	if (counted >= least && counted <= most)
		return true;
	lib_say("totals: %s %llu, not %llu to %llu", what,
		counted, least,
		most);
	return false;
}

/* Before a round. */
bool totals_begin(void)
{
	return lib_status(&before);
}

/**
 * totals_count_killed() - how much did the publisher publish that was killed?
 * @shared: the round; all publishers have ended
 *
 * What the others did not. Each had said hello, too.
 *
 * Return: false after a complaint.
 */
bool totals_count_killed(struct shared *shared)
{
	struct publisher_state *killed = NULL, *p;
	struct lib_status s;
	u64 published;
	u32 i;

	if (!lib_status(&s))
		return false;
	published = added(&s, "totals.published") -
		    shared->plan.nr_publishers;
	for (i = 0; i < shared->plan.nr_publishers; i++) {
		p = &shared->publishers[i];
		published -= see(p->total) - p->nr_refused;
		if (see(p->total) != shared->plan.publishers[i].messages)
			killed = p;
	}
	if (!killed)
		return is("published by nobody", published, 0, 0);
	tell(killed->total, (u32)published);
	return is("published by who was killed", published, killed->sent,
		  killed->begun);
}

/* Messages to topics in @topics that were published. */
static u64 messages_to(const struct shared *shared, u32 topics)
{
	const struct plan *plan = &shared->plan;
	u64 n = 0;
	u32 p, k;

	for (p = 0; p < plan->nr_publishers; p++)
		for (k = 0; k < shared->publishers[p].total; k++)
			n += was_published(shared, p, k) &&
			     topics >> message_topic(plan, p, k) & 1;
	return n;
}

/**
 * struct said - what all subscribers say
 * @read: messages that they read
 * @lost: messages that they lost
 * @conflated: messages that were conflated
 * @own: messages that they published to themselves
 * @refused: frames of them that were refused
 * @more: some cannot tell all of that
 * @read_more: of @read neither
 * @touched: topics that any of them ever was on
 * @stays: topics that one of them was on all the time
 */
struct said {
	u64	read;
	u64	lost;
	u64	conflated;
	u64	own;
	u64	refused;
	bool	more;
	bool	read_more;
	u32	touched;
	u32	stays;
};

static u32 interest_topics(const struct plan *plan, u32 interests)
{
	u32 i, topics = 0;

	for (i = 0; i < plan->nr_interests; i++)
		if (interests >> i & 1)
			topics |= plan->interests[i].topics;
	return topics;
}

static void ask_all(const struct shared *shared, struct said *said)
{
	const struct plan *plan = &shared->plan;
	const struct subscriber_plan *sp;
	const struct subscriber_state *s;
	u32 i;

	memset(said, 0, sizeof(*said));
	for (i = 0; i < plan->nr_subscribers; i++) {
		s = &shared->subscribers[i];
		sp = &plan->subscribers[i];
		said->read += s->read;
		said->lost += s->lost;
		said->conflated += s->conflated;
		said->own += s->own;
		said->refused += s->refused;
		said->touched |= s->touched;
		said->more = said->more || s->more;
		said->read_more = said->read_more || s->read_more;
		/* What TCP clients lost without being told they do not know. */
		if (sp->way == WAY_TCP && (sp->conflates || sp->cuts))
			said->more = true;
		if (!sp->roams && !sp->cuts && !sp->stranger &&
		    sp->kill_at == NEVER)
			said->stays |= interest_topics(plan, sp->first);
	}
}

/**
 * totals_judge() - hold the counters against the ledgers
 * @shared: the round, at a quiet moment, all ledgers judged
 *
 * Return: false after a complaint.
 */
bool totals_judge(struct shared *shared)
{
	const struct plan *plan = &shared->plan;
	u64 published, refused = 0;
	struct said said;
	bool ok;
	u32 p;

	ask_all(shared, &said);
	if (!lib_status(&quiet))
		return false;
	/* Each publisher has said hello to itself. */
	for (p = 0; p < plan->nr_publishers; p++)
		refused += shared->publishers[p].refusals;
	published = messages_to(shared, ~0U) + plan->nr_publishers + said.own;
	ok = lib_status_law();
	ok = is("published", added(&quiet, "totals.published"), published,
		published) && ok;
	ok = is("unrouted", added(&quiet, "totals.unrouted"),
		messages_to(shared, ~said.touched),
		messages_to(shared, ~said.stays)) && ok;
	ok = is("delivered", added(&quiet, "totals.delivered"),
		said.read + plan->nr_publishers, said.read_more ? UINT64_MAX :
		said.read + plan->nr_publishers) && ok;
	ok = is("lost", added(&quiet, "totals.dropped-overflow") +
		added(&quiet, "totals.dropped-no-memory"), said.lost,
		said.more ? UINT64_MAX : said.lost) && ok;
	ok = is("conflated", added(&quiet, "totals.dropped-conflated"),
		said.conflated, said.more ? UINT64_MAX : said.conflated) && ok;
	ok = is("expired", added(&quiet, "totals.dropped-expired"),
		0, plan->expires ? UINT64_MAX : 0) && ok;
	ok = is("filtered", added(&quiet, "totals.dropped-filtered"),
		0, 0) && ok;
	ok = is("refused", added(&quiet, "totals.refused"), refused +
		said.refused, said.more ? UINT64_MAX :
		refused + said.refused) && ok;
	ok = matched_judge(shared, added(&quiet, "totals.matched") -
			   plan->nr_publishers - said.own) && ok;
	return groups_judge(shared) && ok;
}

/**
 * totals_end() - nothing may be left
 * @shared: the round
 *
 * What was queued at the quiet moment was dropped by closing, no more; or its
 * time ran out before.
 *
 * Return: false after a complaint.
 */
bool totals_end(const struct shared *shared)
{
	static const char * const zero[] = {
		"sockets", "subscriptions", "ring-bytes",
		"totals.queued-messages", "totals.queued-bytes",
	};
	struct lib_status s;
	u64 closed, expired;
	bool ok = true;
	size_t i;

	for (i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		ok = lib_status_wait(zero[i], 0) && ok;
	if (!lib_status_law() || !lib_status(&s))
		return false;
	closed = added(&quiet, "totals.dropped-closed") +
		 (u64)lib_status_value(&quiet, "totals.queued-messages");
	expired = added(&s, "totals.dropped-expired") -
		  added(&quiet, "totals.dropped-expired");
	ok = is("expired in the end", expired, 0,
		shared->plan.expires ? closed : 0) && ok;
	ok = is("closed or expired", added(&s, "totals.dropped-closed") +
		expired, closed, closed) && ok;
	ok = is("delivered in the end", added(&s, "totals.delivered"),
		added(&quiet, "totals.delivered"),
		added(&quiet, "totals.delivered")) && ok;
	/* Values keep their topics, and memory. */
	if (shared->plan.retained && lib_forget_retained() < 0)
		return false;
	return lib_status_wait("memory-bytes", 0) && ok;
}
