// SPDX-License-Identifier: GPL-2.0
/*
 * A subscriber: one process, one socket at a time. Sockets that it has shut
 * down stay open until all is quiet, to be asked for their counters.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conserve.h"

#define SHUT_MAX	4

/**
 * struct reader - a subscriber
 * @shared: the round
 * @plan: what it does
 * @state: what others see of it
 * @who: its name
 * @dice: decides the rest
 * @inboxes: the one in use, behind those that were shut down
 * @nr_shut: how many were
 * @read: messages read by those that are closed
 * @lost: losses that those were told of
 */
struct reader {
	struct shared			*shared;
	const struct subscriber_plan	*plan;
	struct subscriber_state		*state;
	char				who[40];
	struct dice			dice;
	struct inbox			inboxes[SHUT_MAX + 1];
	u32				nr_shut;
	u64				read;
	u64				lost;
};

static struct inbox *in_use(struct reader *r)
{
	return &r->inboxes[r->nr_shut];
}

static void report(struct reader *r)
{
	u64 read = r->read, lost = r->lost, own = 0;
	const struct ledger *l;
	u32 i;

	for (i = 0; i <= r->nr_shut; i++) {
		l = &r->inboxes[i].ledger;
		read += l->read;
		lost += l->lost ? l->lost : l->announced;
		own += l->own;
	}
	tell(r->state->read, read);
	tell(r->state->lost, lost);
	tell(r->state->own, own);
	tell(r->state->sockets, r->nr_shut + 1);
}

/*
 * What it loses it can tell to the message by these. It holds publishers up
 * only if it reads: they would not come to their end else.
 */
static bool turn_policy(struct reader *r, u32 choice)
{
	u32 policy = choice % 2 ? BLIPMQ_OVERFLOW_DROP_NEW :
				  BLIPMQ_OVERFLOW_DROP_OLDEST;

	if (choice > 4 && r->plan->way != WAY_TCP &&
	    r->plan->pace != PACE_NOT_AT_ALL)
		policy = BLIPMQ_OVERFLOW_BLOCK;
	return inbox_limit(in_use(r), BLIPMQ_OVERFLOW, policy);
}

static bool turn_limit(struct reader *r)
{
	static const u32 messages[] = { 1, 2, 5, 20, 64, 100, 1024, 10000 };
	static const u32 bytes[] = {
		1, 300, 4096, 16384, 65536, 262144, 1048576, 8388608,
	};
	u32 i = dice_below(&r->dice, 8);

	if (dice_one_in(&r->dice, 3))
		return turn_policy(r, i);
	if (dice_one_in(&r->dice, 2))
		return inbox_limit(in_use(r), BLIPMQ_QUEUE_MESSAGES,
				   messages[i]);
	return inbox_limit(in_use(r), BLIPMQ_QUEUE_BYTES, bytes[i]);
}

static bool join(struct reader *r, u32 topic)
{
	tell(r->state->touched, r->state->touched | 1U << topic);
	return inbox_join(in_use(r), topic);
}

static bool begin(struct reader *r, u32 topics)
{
	u32 i;

	if (!inbox_open(in_use(r), r->plan->way, r->shared, r->who,
			dice_one_in(&r->dice, 2)))
		return false;
	if (dice_one_in(&r->dice, 2) && !turn_limit(r))
		return false;
	for (i = 0; i < r->shared->plan.nr_topics; i++)
		if (topics & 1U << i && !join(r, i))
			return false;
	report(r);
	return true;
}

static bool change_topic(struct reader *r)
{
	u32 topic = dice_below(&r->dice, r->shared->plan.nr_topics);

	if (in_use(r)->open[topic])
		return inbox_leave(in_use(r), topic);
	return join(r, topic);
}

/* End this socket one way or the other, and begin with another one. */
static bool change_socket(struct reader *r)
{
	struct inbox *in = in_use(r);

	if (in->way != WAY_TCP && r->nr_shut < SHUT_MAX &&
	    dice_one_in(&r->dice, 2)) {
		if (!inbox_shut(in))
			return false;
		r->nr_shut++;
	} else {
		if (!inbox_read_begun(in))
			return false;
		r->read += in->ledger.read;
		r->lost += in->ledger.announced;
		r->state->lost_more = true;
		/* blipmqd may have read more than it could hand on. */
		if (in->way == WAY_TCP)
			r->state->read_more = true;
		inbox_close(in);
	}
	return begin(r, dice_below(&r->dice, 1U << r->shared->plan.nr_topics));
}

static bool read_some(struct reader *r, u32 most, int timeout_ms)
{
	int ret = 1;

	while (ret > 0 && most--) {
		ret = inbox_read(in_use(r), &r->dice, timeout_ms);
		timeout_ms = 0;
	}
	return ret >= 0;
}

static bool step(struct reader *r)
{
	struct dice *d = &r->dice;
	bool ok = true;

	switch (r->plan->pace) {
	case PACE_FAST:
		ok = read_some(r, 100, 2);
		break;
	case PACE_SLOW:
		ok = read_some(r, dice_below(d, 20), 0);
		nap_us(dice_below(d, 3000));
		break;
	case PACE_NOT_AT_ALL:
		nap_us(2000);
	}
	if (ok && r->plan->turns && dice_one_in(d, 10))
		ok = turn_limit(r);
	if (ok && r->plan->roams && dice_one_in(d, 8))
		ok = change_topic(r);
	if (ok && r->plan->roams && dice_one_in(d, 60))
		ok = change_socket(r);
	report(r);
	return ok;
}

static bool judge(struct reader *r)
{
	struct inbox *in = in_use(r);
	bool drained = r->plan->ending == ENDING_DRAIN, ok;
	u32 i;

	ok = drained ? inbox_drain(in, &r->dice) : inbox_read_begun(in);
	ok = ok && inbox_judge(in, drained);
	for (i = 0; i < r->nr_shut; i++)
		ok = inbox_judge(&r->inboxes[i], false) && ok;
	report(r);
	return ok;
}

/**
 * subscriber_run() - be subscriber @s
 * @shared: the round
 * @s: which one
 *
 * Return: exit status.
 */
int subscriber_run(struct shared *shared, u32 s)
{
	static struct reader r;
	u32 i;

	r.shared = shared;
	r.plan = &shared->plan.subscribers[s];
	r.state = &shared->subscribers[s];
	r.dice.state = mixed(shared->plan.seed, 400 + s);
	snprintf(r.who, sizeof(r.who), "subscriber %u", s);
	if (!begin(&r, r.plan->topics))
		return 1;
	tell(r.state->reached, PHASE_OPEN);
	while (see(shared->phase) < PHASE_STOP)
		if (!step(&r))
			return 1;
	tell(r.state->reached, PHASE_STOP);
	wait_phase(shared, PHASE_JUDGE);
	if (!judge(&r))
		return 1;
	tell(r.state->reached, PHASE_JUDGE);
	wait_phase(shared, PHASE_CLOSE);
	for (i = 0; i <= r.nr_shut; i++)
		inbox_close(&r.inboxes[i]);
	return 0;
}
