// SPDX-License-Identifier: GPL-2.0
/*
 * The account of one receiving socket, as messages come.
 *
 * What a socket gets plainly is in order for each publisher, and so is what it
 * gets as a member of a queue group; a socket that does both gets a mixture of
 * ordered sequences. Under the policy conflate the order holds by topic.
 */
#include <string.h>

#include "conserve.h"

#define SEQUENCE_BITS	40
/* Before message 0 a publisher says hello: ids begin at 1, and with that. */
#define FIRST_SEQUENCE	2

/* Two clocks say when a message is over, one after the other. */
#define EXPIRY_SLACK_NS	1000000

#define complain(l, fmt, ...) \
	lib_say("%s: " fmt, (l)->who, ##__VA_ARGS__)

/*
 * Messages of @p up to @to were not read, and will not be. That is only so
 * where there is one order, and only known where nothing was refused.
 */
static void pass(struct ledger *l, u32 p, u32 to)
{
	u32 k, topic, groups;

	for (k = l->passed[p]; k < to; k++) {
		if (l->copies[p][k])
			continue;
		topic = message_topic(&l->shared->plan, p, k);
		l->must_miss += must_have(l->windows, l->nr_windows, p, k,
					  topic);
		l->may_miss += may_have(l->windows, l->nr_windows, p, k, topic,
					&groups);
	}
	l->passed[p] = to;
}

static bool is_content(struct ledger *l, u32 p, u32 k, const struct arrival *a)
{
	const struct plan *plan = &l->shared->plan;
	const char *name = plan->topics[message_topic(plan, p, k)];
	static u8 wanted[PAYLOAD_MAX];
	u32 size = message_size(plan, p, k), i;

	if (a->topic_len != strlen(name) ||
	    memcmp(a->topic, name, a->topic_len)) {
		complain(l, "message %u of %u: topic '%.*s', not '%s'", k, p,
			 (int)a->topic_len, a->topic, name);
		return false;
	}
	if (a->len != size) {
		complain(l, "message %u of %u: %zu bytes, not %u", k, p,
			 a->len, size);
		return false;
	}
	message_fill(plan, p, k, wanted);
	if (!memcmp(a->payload, wanted, size))
		return true;
	for (i = 0; a->payload[i] == wanted[i]; i++)
		;
	complain(l, "message %u of %u: byte %u of %u is %#x, not %#x", k, p, i,
		 size, a->payload[i], wanted[i]);
	return false;
}

static u64 replays_allowed(const struct ledger *l)
{
	u64 n = 0;
	u32 i;

	for (i = 0; i < l->nr_windows; i++)
		n += (u32)__builtin_popcount(l->windows[i].replay_may);
	return n;
}

/* What is missing so far must have been announced by now. */
static bool is_announced(struct ledger *l, u32 p, u32 k)
{
	if (l->conflates || l->groups || l->shared->plan.rules)
		return true;
	pass(l, p, k);
	if (l->must_miss > l->announced && !l->shared->plan.expires) {
		complain(l, "before message %u of %u %llu are missing, announced %llu",
			 k, p, l->must_miss, l->announced);
		return false;
	}
	/* Losses of others may stand before it, but there are none. */
	if (l->shared->plan.nr_publishers == 1 &&
	    l->announced > l->may_miss + replays_allowed(l)) {
		complain(l, "before message %u %llu losses were announced, %llu are missing",
			 k, l->announced, l->may_miss);
		return false;
	}
	return true;
}

static bool take_own(struct ledger *l, const struct arrival *a)
{
	static const char own[] = "own.";

	if (a->topic_len < sizeof(own) ||
	    memcmp(a->topic, own, sizeof(own) - 1))
		return false;
	l->own++;
	return true;
}

/* Which publisher's message is it, and which one of that? */
static bool whose(struct ledger *l, const struct arrival *a, u32 *p, u32 *k)
{
	const struct plan *plan = &l->shared->plan;
	u64 sequence = a->id & ((1ULL << SEQUENCE_BITS) - 1);

	for (*p = 0; *p < plan->nr_publishers; ++*p)
		if (see(l->shared->publishers[*p].number) ==
		    a->id >> SEQUENCE_BITS)
			break;
	*k = (u32)sequence - FIRST_SEQUENCE;
	/* What is refused has no number. */
	if (plan->rules && a->len >= sizeof(*k))
		*k = message_number(a->payload);
	if (*p < plan->nr_publishers && sequence <= *k + FIRST_SEQUENCE &&
	    *k < see(l->shared->publishers[*p].begun))
		return true;
	complain(l, "id %#llx, topic '%.*s': nobody sent that", a->id,
		 (int)a->topic_len, a->topic);
	return false;
}

/* Put it behind the last one of the sequence that comes closest to it. */
static bool in_order(struct ledger *l, u32 p, u32 k, u32 topic)
{
	u32 chains = l->plain + (u32)__builtin_popcount(l->groups), i;
	u32 *heads = l->heads[p][l->conflates ? topic : 0];
	u32 *best = NULL;

	for (i = 0; i < chains; i++)
		if (heads[i] <= k && (!best || heads[i] > *best))
			best = &heads[i];
	if (k >= l->floor[p][topic] && best) {
		*best = k + 1;
		return true;
	}
	complain(l, "message %u of %u, read %u times, after %u, retained %u: twice, again or late",
		 k, p, l->copies[p][k], l->next[p] - 1, l->floor[p][topic]);
	return false;
}

/* Of the members of a queue group one gets it. */
static bool is_alone(struct ledger *l, u32 p, u32 k, u32 groups)
{
	u8 *taken, other;
	u32 g;

	/* It may be from any of them. */
	if (__builtin_popcount(groups) != 1)
		return true;
	g = (u32)__builtin_ctz(groups);
	taken = (u8 *)&l->shared->taken[g][p][k];
	other = __atomic_exchange_n(taken, 1, __ATOMIC_SEQ_CST);
	if (other)
		complain(l, "message %u of %u: another member of group %u had it",
			 k, p, g);
	return !other;
}

static bool take_copy(struct ledger *l, u32 p, u32 k, u32 topic)
{
	u32 groups, may = may_have(l->windows, l->nr_windows, p, k, topic,
				   &groups);

	if (!may) {
		complain(l, "message %u of %u: not subscribed to topic %u at that time",
			 k, p, topic);
		return false;
	}
	if (++l->copies[p][k] > may) {
		complain(l, "message %u of %u: read %u times, subscribed for %u",
			 k, p, l->copies[p][k], may);
		return false;
	}
	return (u32)__builtin_popcount(groups) != may ||
	       is_alone(l, p, k, groups);
}

/* Is there a newer value that was there when it subscribed? */
static bool is_outdated(const struct ledger *l, u32 p, u32 k, u32 topic)
{
	const struct plan *plan = &l->shared->plan;
	const struct window *w;
	u32 from = NEVER, i;

	/* The oldest subscription that it may be from. */
	for (w = l->windows; w < l->windows + l->nr_windows; w++)
		if (w->replay_may & 1U << topic && w->may_from[p] < from)
			from = w->may_from[p];
	if (from == NEVER)
		return true;
	for (i = k + 1; i < from; i++)
		if (message_topic(plan, p, i) == topic &&
		    message_retains(plan, p, i) &&
		    was_published(l->shared, p, i))
			return true;
	return false;
}

/* A retained value. Nothing that is older may come behind it. */
static bool take_replay(struct ledger *l, u32 p, u32 k, u32 topic)
{
	u32 most = 0, i;

	for (i = 0; i < l->nr_windows; i++)
		most += l->windows[i].replay_may >> topic & 1;
	if (!message_retains(&l->shared->plan, p, k) ||
	    ++l->replays[topic] > most || is_outdated(l, p, k, topic)) {
		complain(l, "message %u of %u is not to be replayed: %u of topic %u, most %u",
			 k, p, l->replays[topic], topic, most);
		return false;
	}
	if (l->floor[p][topic] <= k)
		l->floor[p][topic] = k + 1;
	return true;
}

static bool is_over(struct ledger *l, u32 p, u32 k, const struct arrival *a)
{
	u64 live = l->shared->plan.publishers[p].ttl_ms * 1000000ULL;

	if (!live || !a->published_ns ||
	    a->asked_ns <= a->published_ns + live + EXPIRY_SLACK_NS)
		return false;
	complain(l, "message %u of %u was over for %llu ns when it was asked for",
		 k, p, a->asked_ns - a->published_ns - live);
	return true;
}

/**
 * ledger_message() - a message was read
 * @l: the ledger of the socket
 * @a: what it is
 *
 * Return: false after a complaint.
 */
bool ledger_message(struct ledger *l, const struct arrival *a)
{
	u32 p, k, topic;

	l->read++;
	l->bytes += BLIPMQ_FRAME_HEADER + a->topic_len + 8 + a->len;
	if (take_own(l, a))
		return true;
	if (!whose(l, a, &p, &k) || !is_content(l, p, k, a) ||
	    is_over(l, p, k, a))
		return false;
	topic = message_topic(&l->shared->plan, p, k);
	if (a->retained)
		return take_replay(l, p, k, topic);
	if (!in_order(l, p, k, topic) || !take_copy(l, p, k, topic))
		return false;
	if (l->next[p] <= k)
		l->next[p] = k + 1;
	return is_announced(l, p, k);
}

/* It said that @count messages were lost. */
bool ledger_lost(struct ledger *l, u64 count)
{
	l->announced += count;
	if (count)
		return true;
	complain(l, "a loss of none was announced");
	return false;
}

/* From here on its order is by topic, and always that of what came before. */
void ledger_will_conflate(struct ledger *l)
{
	u32 p, t;

	if (l->conflates)
		return;
	for (p = 0; p < PUBLISHERS_MAX; p++)
		for (t = 1; t < TOPICS_MAX; t++)
			memcpy(l->heads[p][t], l->heads[p][0],
			       sizeof(l->heads[p][t]));
	l->conflates = true;
}
