// SPDX-License-Identifier: GPL-2.0
/*
 * The account of one receiving socket, and the judgement.
 *
 * A message that was published wholly within a subscription must have been
 * queued, one that overlaps it may have been, all others must not. So what a
 * socket missed lies between two numbers, and for one that stays subscribed
 * all the time these are the same.
 */
#include <string.h>

#include "conserve.h"

#define SEQUENCE_BITS	40
/* Before message 0 a publisher says hello: ids begin at 1, and with that. */
#define FIRST_SEQUENCE	2

#define complain(l, fmt, ...) \
	lib_say("%s: " fmt, (l)->who, ##__VA_ARGS__)

static void look(const struct ledger *l, u32 *to, bool begun)
{
	const struct publisher_state *p = l->shared->publishers;
	u32 i;

	/* What was sent to a worker may still be under way. */
	if (!begun && l->shared->plan.moves) {
		memset(to, 0, PUBLISHERS_MAX * sizeof(*to));
		return;
	}
	for (i = 0; i < PUBLISHERS_MAX; i++)
		to[i] = begun ? see(p[i].begun) : see(p[i].sent);
}

/* Before the call that subscribes; NULL when there were too many. */
struct window *ledger_joining(struct ledger *l, u32 topic)
{
	struct window *w = &l->windows[l->nr_windows];

	if (l->nr_windows == WINDOWS_MAX)
		return NULL;
	memset(w, 0xff, sizeof(*w));
	w->topic = topic;
	look(l, w->may_from, false);
	l->nr_windows++;
	return w;
}

void ledger_joined(struct ledger *l, struct window *w)
{
	look(l, w->must_from, true);
}

void ledger_leaving(struct ledger *l, struct window *w)
{
	look(l, w->must_to, false);
}

void ledger_left(struct ledger *l, struct window *w)
{
	look(l, w->may_to, true);
}

static bool must_have(const struct ledger *l, u32 p, u32 k, u32 topic)
{
	const struct window *w;

	for (w = l->windows; w < l->windows + l->nr_windows; w++)
		if (w->topic == topic && k >= w->must_from[p] &&
		    k < w->must_to[p])
			return true;
	return false;
}

static bool may_have(const struct ledger *l, u32 p, u32 k, u32 topic)
{
	const struct window *w;

	for (w = l->windows; w < l->windows + l->nr_windows; w++)
		if (w->topic == topic && k >= w->may_from[p] &&
		    k < w->may_to[p])
			return true;
	return false;
}

/* Messages of @p up to @to were not read, and will not be. */
static void pass(struct ledger *l, u32 p, u32 to)
{
	u32 k, topic;

	for (k = l->next[p]; k < to; k++) {
		topic = message_topic(&l->shared->plan, p, k);
		l->must_miss += must_have(l, p, k, topic);
		l->may_miss += may_have(l, p, k, topic);
	}
	l->next[p] = to;
}

static bool is_content(struct ledger *l, u32 p, u32 k, const char *topic,
		       size_t topic_len, const void *payload, size_t len)
{
	const struct plan *plan = &l->shared->plan;
	const char *name = plan->topics[message_topic(plan, p, k)];
	static u8 wanted[PAYLOAD_MAX];
	u32 size = message_size(plan, p, k), i;
	const u8 *got = payload;

	if (topic_len != strlen(name) || memcmp(topic, name, topic_len)) {
		complain(l, "message %u of %u: topic '%.*s', not '%s'", k, p,
			 (int)topic_len, topic, name);
		return false;
	}
	if (len != size) {
		complain(l, "message %u of %u: %zu bytes, not %u", k, p, len,
			 size);
		return false;
	}
	message_fill(plan, p, k, wanted);
	if (!memcmp(got, wanted, size))
		return true;
	for (i = 0; got[i] == wanted[i]; i++)
		;
	complain(l, "message %u of %u: byte %u of %u is %#x, not %#x", k, p, i,
		 size, got[i], wanted[i]);
	return false;
}

/* What is missing so far must have been announced by now. */
static bool is_announced(struct ledger *l, u32 p, u32 k)
{
	if (l->must_miss > l->announced && !l->shared->plan.expires) {
		complain(l, "before message %u of %u %llu are missing, announced %llu",
			 k, p, l->must_miss, l->announced);
		return false;
	}
	/* Losses of others may stand before it, but there are none. */
	if (l->shared->plan.nr_publishers == 1 &&
	    l->announced > l->may_miss) {
		complain(l, "before message %u %llu losses were announced, %llu are missing",
			 k, l->announced, l->may_miss);
		return false;
	}
	return true;
}

static bool take_own(struct ledger *l, const char *topic, size_t topic_len,
		     size_t len)
{
	static const char own[] = "conserve.own.";

	if (topic_len < sizeof(own) || memcmp(topic, own, sizeof(own) - 1))
		return false;
	l->own++;
	l->read++;
	l->bytes += BLIPMQ_FRAME_HEADER + topic_len + 8 + len;
	return true;
}

/**
 * ledger_message() - a message was read
 * @l: the ledger of the socket
 * @topic: its topic
 * @topic_len: bytes of that
 * @id: its id
 * @payload: its payload
 * @len: bytes of that
 *
 * Return: false after a complaint.
 */
bool ledger_message(struct ledger *l, const char *topic, size_t topic_len,
		    u64 id, const void *payload, size_t len)
{
	const struct plan *plan = &l->shared->plan;
	u64 k = (id & ((1ULL << SEQUENCE_BITS) - 1)) - FIRST_SEQUENCE;
	u32 p;

	if (take_own(l, topic, topic_len, len))
		return true;
	for (p = 0; p < plan->nr_publishers; p++)
		if (see(l->shared->publishers[p].number) ==
		    id >> SEQUENCE_BITS)
			break;
	if (p == plan->nr_publishers ||
	    k >= see(l->shared->publishers[p].begun)) {
		complain(l, "id %#llx, topic '%.*s': nobody sent that",
			 id, (int)topic_len, topic);
		return false;
	}
	if (k < l->next[p]) {
		complain(l, "message %llu of %u after %u of it: %s", k, p,
			 l->next[p] - 1, k + 1 == l->next[p] ? "twice" :
			 "again, or too late");
		return false;
	}
	if (!is_content(l, p, (u32)k, topic, topic_len, payload, len))
		return false;
	if (!may_have(l, p, (u32)k, message_topic(plan, p, (u32)k))) {
		complain(l, "message %llu of %u: not subscribed to topic %u at that time",
			 k, p, message_topic(plan, p, (u32)k));
		return false;
	}
	pass(l, p, (u32)k);
	l->next[p]++;
	l->read++;
	l->bytes += BLIPMQ_FRAME_HEADER + topic_len + 8 + len;
	return is_announced(l, p, (u32)k);
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
	    (drained && l->announced != l->lost)) {
		complain(l, "announced %llu, dropped %llu by overflow and %llu for want of memory",
			 l->announced, s->dropped_overflow,
			 s->dropped_no_memory);
		ok = false;
	}
	if (s->dropped_conflated || s->dropped_filtered ||
	    (s->dropped_expired && !l->shared->plan.expires)) {
		complain(l, "dropped for reasons that nobody gave");
		ok = false;
	}
	if (drained && (s->queued_messages || s->queued_bytes)) {
		complain(l, "drained, and %llu messages of %llu bytes queued",
			 s->queued_messages, s->queued_bytes);
		ok = false;
	}
	return ok;
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
	u64 missed = l->announced;
	bool ok = true;
	u32 p;

	l->lost = l->announced;
	for (p = 0; p < l->shared->plan.nr_publishers; p++) {
		u32 total = see(l->shared->publishers[p].total);

		if (l->next[p] > total) {
			complain(l, "read message %u of %u, which published %u",
				 l->next[p] - 1, p, total);
			ok = false;
		}
		pass(l, p, total);
	}
	if (stats) {
		l->lost = stats->dropped_overflow + stats->dropped_no_memory;
		ok = is_stats(l, stats, drained) && ok;
		l->expired = stats->dropped_expired;
		missed = l->lost + l->expired + stats->queued_messages +
			 stats->dropped_closed;
	}
	/* A TCP client does not know what expired. */
	if ((missed < l->must_miss &&
	     (stats || !l->shared->plan.expires)) ||
	    missed > l->may_miss) {
		complain(l, "missed %llu by its counters, %llu to %llu by what was sent",
			 missed, l->must_miss, l->may_miss);
		ok = false;
	}
	if (!ok)
		complain(l, "read %llu, announced %llu, windows %u",
			 l->read, l->announced, l->nr_windows);
	return ok;
}
