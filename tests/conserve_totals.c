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
		published -= see(p->total);
		if (see(p->total) != shared->plan.publishers[i].messages)
			killed = p;
	}
	if (!killed)
		return is("published by nobody", published, 0, 0);
	tell(killed->total, (u32)published);
	return is("published by who was killed", published, killed->sent,
		  killed->begun);
}

/* Messages to topics in @topics. */
static u64 messages_to(const struct shared *shared, u32 topics)
{
	const struct plan *plan = &shared->plan;
	u64 n = 0;
	u32 p, k;

	for (p = 0; p < plan->nr_publishers; p++)
		for (k = 0; k < shared->publishers[p].total; k++)
			n += topics >> message_topic(plan, p, k) & 1;
	return n;
}

/**
 * totals_judge() - hold the counters against the ledgers
 * @shared: the round, at a quiet moment, all ledgers judged
 *
 * Return: false after a complaint.
 */
bool totals_judge(const struct shared *shared)
{
	const struct plan *plan = &shared->plan;
	/* The hellos were read. */
	u64 read = plan->nr_publishers, lost = 0, own = 0;
	bool read_more = false, lost_more = false, ok;
	u32 i, touched = 0, stays = 0;

	for (i = 0; i < plan->nr_subscribers; i++) {
		const struct subscriber_state *s = &shared->subscribers[i];

		read += s->read;
		lost += s->lost;
		own += s->own;
		touched |= s->touched;
		read_more = read_more || s->read_more;
		lost_more = lost_more || s->lost_more;
		if (!plan->subscribers[i].roams &&
		    plan->subscribers[i].kill_at == NEVER)
			stays |= plan->subscribers[i].topics;
	}
	if (!lib_status(&quiet))
		return false;
	ok = lib_status_law();
	ok = is("published", added(&quiet, "totals.published"),
		messages_to(shared, ~0U) + plan->nr_publishers + own,
		messages_to(shared, ~0U) + plan->nr_publishers + own) && ok;
	ok = is("unrouted", added(&quiet, "totals.unrouted"),
		messages_to(shared, ~touched),
		messages_to(shared, ~stays)) && ok;
	ok = is("delivered", added(&quiet, "totals.delivered"), read,
		read_more ? UINT64_MAX : read) && ok;
	ok = is("lost", added(&quiet, "totals.dropped-overflow") +
		added(&quiet, "totals.dropped-no-memory"), lost,
		lost_more ? UINT64_MAX : lost) && ok;
	ok = is("conflated", added(&quiet, "totals.dropped-conflated"),
		0, 0) && ok;
	ok = is("expired", added(&quiet, "totals.dropped-expired"),
		0, plan->expires ? UINT64_MAX : 0) && ok;
	ok = is("filtered", added(&quiet, "totals.dropped-filtered"),
		0, 0) && ok;
	return is("refused", added(&quiet, "totals.refused"), 0, 0) && ok;
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
		"sockets", "subscriptions", "memory-bytes", "ring-bytes",
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
	return is("delivered in the end", added(&s, "totals.delivered"),
		  added(&quiet, "totals.delivered"),
		  added(&quiet, "totals.delivered")) && ok;
}
