// SPDX-License-Identifier: GPL-2.0
/*
 * The ways in which a receiving socket ends, and is judged.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conserve.h"

/* Leave what others' own messages match, with which a round ends. */
bool inbox_leave_wide(struct inbox *in)
{
	const struct plan *plan = &in->ledger->shared->plan;
	u32 i;

	for (i = 0; i < plan->nr_interests; i++)
		if (in->open[i] && plan->interests[i].wide &&
		    !in->ledger->cut && !inbox_leave(in, i))
			return false;
	return true;
}

/*
 * A packet socket tells a loss with the message after it, so let there be one.
 */
static bool flush_packet(struct inbox *in, struct dice *dice)
{
	struct interest own = { .group = -1 };
	enum answer answer;
	int ret;

	/* A rule may have let a stranger block, which no rule says of this topic. */
	if (in->ledger->stranger && in->ledger->blocks &&
	    !inbox_limit(in, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_DROP_OLDEST))
		return false;
	snprintf(own.pattern, sizeof(own.pattern), "own.%d", getpid());
	answer = inbox_subscription(in, BLIPMQ_SUBSCRIBE, &own);
	if (answer == ANSWER_REFUSED)
		lib_say("%s: may not subscribe to %s: %u", in->ledger->who,
			own.pattern, in->refusal);
	if (answer != ANSWER_OK)
		return answer == ANSWER_CUT;
	ret = (int)lib_sendto(in->peer.fd, own.pattern, own.pattern,
			      strlen(own.pattern));
	if (ret != (int)strlen(own.pattern)) {
		lib_say("%s: send to itself: %d", in->ledger->who, ret);
		return false;
	}
	ret = inbox_read(in, dice, LIB_HANG_MS);
	if (ret > 0 && in->ledger->own == 1)
		return true;
	if (ret >= 0)
		lib_say("%s: its own message did not come",
			in->ledger->who);
	return false;
}

static int read_all(struct inbox *in, struct dice *dice, int wait)
{
	int ret;

	do {
		ret = inbox_read(in, dice, wait);
	} while (ret > 0);
	return ret;
}

/**
 * inbox_drain() - read all there is, with all losses
 * @in: the inbox; nobody publishes to it any more
 * @dice: decides how
 *
 * Return: false after a complaint.
 */
bool inbox_drain(struct inbox *in, struct dice *dice)
{
	/* What an overflow has ended takes no QUIT. */
	if (in->ledger->cuts && read_all(in, dice, 0) < 0)
		return false;
	/* Over TCP only its end shows that no more is on the way. */
	if (!in->ledger->cut &&
	    (in->way == WAY_TCP ||
	     (in->way == WAY_STREAM && dice_one_in(dice, 2)))) {
		in->leaving = true;
		lib_put(&in->peer, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
		if (!lib_send(&in->peer))
			return false;
	}
	if (read_all(in, dice, in->leaving ? LIB_HANG_MS : 0) < 0)
		return false;
	if (in->leaving && !in->ended) {
		lib_say("%s: the stream does not end after QUIT",
			in->ledger->who);
		return false;
	}
	return in->way != WAY_PACKET || in->ledger->cut ||
	       flush_packet(in, dice);
}

/* Receive no more, and drop what is queued. */
bool inbox_shut(struct inbox *in)
{
	u32 i;

	if (!inbox_read_begun(in))
		return false;
	for (i = 0; i < INTERESTS_MAX; i++)
		if (in->open[i])
			ledger_leaving(in->ledger, in->open[i]);
	if (!in->ledger->cut && shutdown(in->peer.fd, SHUT_RD)) {
		lib_say("%s: shutdown: %s", in->ledger->who, strerror(errno));
		return false;
	}
	for (i = 0; i < INTERESTS_MAX; i++)
		if (in->open[i])
			ledger_left(in->ledger, in->open[i]);
	memset(in->open, 0, sizeof(in->open));
	in->closed = true;
	return true;
}

/* At a quiet moment: does all agree? */
bool inbox_judge(struct inbox *in, bool drained)
{
	struct blipmq_socket_stats stats;

	/* By sum_all(). */
	if (in->gone)
		return true;
	if (in->way == WAY_TCP)
		return ledger_end(in->ledger, NULL, drained);
	return lib_stats(in->peer.fd, &stats) &&
	       ledger_end(in->ledger, &stats, drained);
}

void inbox_close(struct inbox *in)
{
	u32 i;

	if (in->gone)
		return;
	for (i = 0; i < INTERESTS_MAX; i++)
		if (in->open[i])
			ledger_leaving(in->ledger, in->open[i]);
	lib_close(&in->peer);
	for (i = 0; i < INTERESTS_MAX; i++)
		if (in->open[i] && in->way != WAY_TCP)
			ledger_left(in->ledger, in->open[i]);
	if (in->ledger->cuts)
		ledger_may_be_cut(in->ledger);
	in->gone = true;
}
