// SPDX-License-Identifier: GPL-2.0
/*
 * A subscriber: one process, one socket at a time. Sockets that it has shut
 * down stay open until all is quiet, to be asked for their counters.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conserve.h"

/* Sockets that stay open when they receive no more. */
#define SHUT_MAX	4

/**
 * struct reader - a subscriber
 * @shared: the round
 * @number: which subscriber it is
 * @plan: what it does
 * @state: what others see of it
 * @dice: decides the rest
 * @inboxes: the one in use, behind those that it had
 * @nr_had: how many it had
 * @nr_shut: how many of these are open
 */
struct reader {
	struct shared			*shared;
	u32				number;
	const struct subscriber_plan	*plan;
	struct subscriber_state		*state;
	struct dice			dice;
	struct inbox			inboxes[INBOXES_MAX];
	u32				nr_had;
	u32				nr_shut;
};

static struct inbox *in_use(struct reader *r)
{
	return &r->inboxes[r->nr_had];
}

static void report(struct reader *r)
{
	u64 read = 0, lost = 0, own = 0, conflated = 0, refused = 0;
	const struct ledger *l;
	u32 i, open = 0, unsure = 0;

	for (i = 0; i <= r->nr_had; i++) {
		l = r->inboxes[i].ledger;
		read += l->read;
		lost += l->counted ? l->lost : l->announced;
		conflated += l->conflated;
		own += l->own;
		refused += l->refused;
		if (r->inboxes[i].gone)
			continue;
		open++;
		unsure += r->plan->way == WAY_TCP && l->cuts;
	}
	tell(r->state->read, read);
	tell(r->state->lost, lost);
	tell(r->state->conflated, conflated);
	tell(r->state->own, own);
	tell(r->state->refused, refused);
	tell(r->state->sockets, open);
	tell(r->state->unsure, unsure);
}

/* It may be ended as long as there is room for another one. */
static bool may_end(const struct reader *r)
{
	return r->nr_had < INBOXES_MAX - 2;
}

/*
 * It holds publishers up only if it reads: they would not come to their end
 * else.
 */
static bool turn_policy(struct reader *r, u32 choice)
{
	u32 policy = choice % 2 ? BLIPMQ_OVERFLOW_DROP_NEW :
				  BLIPMQ_OVERFLOW_DROP_OLDEST;
	struct ledger *l = in_use(r)->ledger;

	if (choice > 5 && r->plan->way != WAY_TCP &&
	    r->plan->pace != PACE_NOT_AT_ALL)
		policy = BLIPMQ_OVERFLOW_BLOCK;
	if (choice < 4 && r->plan->conflates)
		policy = BLIPMQ_OVERFLOW_CONFLATE;
	if (choice == 4 && r->plan->cuts && may_end(r))
		policy = BLIPMQ_OVERFLOW_DISCONNECT;
	if (policy == BLIPMQ_OVERFLOW_CONFLATE)
		ledger_will_conflate(l);
	if (policy == BLIPMQ_OVERFLOW_DISCONNECT)
		l->cuts = true;
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

static bool join(struct reader *r, u32 interest)
{
	tell(r->state->touched, r->state->touched |
	     r->shared->plan.interests[interest].topics);
	return inbox_join(in_use(r), interest);
}

static struct ledger *begin_ledger(struct reader *r)
{
	struct ledger *l = &r->shared->ledgers[r->number][r->nr_had];

	memset(l, 0, sizeof(*l));
	l->shared = r->shared;
	snprintf(l->who, sizeof(l->who), "subscriber %u.%u", r->number,
		 r->nr_had);
	l->stranger = r->plan->stranger;
	tell(r->state->ledgers, r->nr_had + 1);
	return l;
}

static bool begin(struct reader *r, u32 interests)
{
	u32 i;

	if (!inbox_open(in_use(r), r->plan->way, begin_ledger(r),
			dice_one_in(&r->dice, 2)))
		return false;
	/* One that does nothing else loses nothing else. */
	if (r->plan->conflates && !r->plan->turns) {
		ledger_will_conflate(in_use(r)->ledger);
		if (!inbox_limit(in_use(r), BLIPMQ_OVERFLOW,
				 BLIPMQ_OVERFLOW_CONFLATE))
			return false;
	} else if (dice_one_in(&r->dice, 2) && !turn_limit(r)) {
		return false;
	}
	for (i = 0; i < r->shared->plan.nr_interests; i++)
		if (interests & 1U << i && !in_use(r)->ledger->cut &&
		    !join(r, i))
			return false;
	report(r);
	return true;
}

static bool change_interest(struct reader *r)
{
	u32 i = dice_below(&r->dice, r->shared->plan.nr_interests);

	if (in_use(r)->open[i])
		return inbox_leave(in_use(r), i);
	return !(r->plan->interests >> i & 1) || join(r, i);
}

/* The socket receives no more; with another one it goes on. */
static bool end_socket(struct reader *r, bool shut)
{
	struct inbox *in = in_use(r);

	if (shut && in->way != WAY_TCP && r->nr_shut < SHUT_MAX) {
		if (!inbox_shut(in))
			return false;
		r->nr_shut++;
	} else {
		if (!inbox_read_begun(in))
			return false;
		r->state->more = true;
		/* blipmqd may have read more than it could hand on. */
		if (in->way == WAY_TCP)
			r->state->read_more = true;
		inbox_close(in);
	}
	r->nr_had++;
	return true;
}

/* End this socket one way or the other, and begin with another one. */
static bool change_socket(struct reader *r)
{
	return !may_end(r) ||
	       (end_socket(r, dice_one_in(&r->dice, 2)) &&
		begin(r, (u32)dice_next(&r->dice) & r->plan->interests));
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
	if (ok && in_use(r)->ledger->cut)
		return end_socket(r, true) && begin(r, r->plan->first);
	if (ok && r->plan->roams && dice_one_in(d, 8))
		ok = change_interest(r);
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
	for (i = 0; i < r->nr_had; i++)
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
	r.number = s;
	r.plan = &shared->plan.subscribers[s];
	r.state = &shared->subscribers[s];
	r.dice.state = mixed(shared->plan.seed, 400 + s);
	if (r.plan->stranger && !become_stranger())
		return 1;
	if (!begin(&r, r.plan->first))
		return 1;
	tell(r.state->reached, PHASE_OPEN);
	while (see(shared->phase) < PHASE_STOP)
		if (!step(&r))
			return 1;
	if (!inbox_leave_wide(in_use(&r)))
		return 1;
	report(&r);
	tell(r.state->reached, PHASE_STOP);
	wait_phase(shared, PHASE_JUDGE);
	if (!judge(&r))
		return 1;
	tell(r.state->reached, PHASE_JUDGE);
	wait_phase(shared, PHASE_CLOSE);
	for (i = 0; i <= r.nr_had; i++)
		inbox_close(&r.inboxes[i]);
	return 0;
}
