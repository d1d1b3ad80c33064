// SPDX-License-Identifier: GPL-2.0
/*
 * Real input: the machine's Debian package index, one stanza a message, to a
 * topic by its section; 2 publishers over TCP and 2 local ones, 16 subscribers
 * (8 over TCP, 4 streams, 4 packet sockets). Each subscriber ends with exactly
 * the bytes of its topics, in order per publisher.
 *
 * The file comes from "apt-cache dumpavail" on the host, as build/dumpavail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kselftest.h>

#include "index.h"

static struct input input;
static struct subscriber subscribers[SUBSCRIBERS];
static struct publisher publishers[PUBLISHERS];

/*
 * Every section goes to two subscribers, every third one to a third; the last
 * packet subscriber takes what the first TCP one takes, and more.
 */
static void spread(void)
{
	u32 i;

	for (i = 0; i < input.nr_topics; i++) {
		subscribers[i % SUBSCRIBERS].wants[i] = true;
		subscribers[(i * 7 + 3) % SUBSCRIBERS].wants[i] = true;
		if (i % 3 == 0)
			subscribers[(i + 9) % SUBSCRIBERS].wants[i] = true;
		if (subscribers[0].wants[i])
			subscribers[SUBSCRIBERS - 1].wants[i] = true;
	}
	for (i = 0; i < input.nr_stanzas; i++) {
		u32 k;

		for (k = 0; k < SUBSCRIBERS; k++)
			if (subscribers[k].wants[input.stanzas[i].section])
				subscribers[k].expected++;
	}
}

static bool start(void)
{
	u32 i;

	for (i = 0; i < SUBSCRIBERS; i++) {
		struct subscriber *s = &subscribers[i];

		s->in = &input;
		s->number = i;
		s->kind = i < 8 ? CLIENT_TCP : i < 12 ? CLIENT_STREAM :
			  CLIENT_PACKET;
		if (!subscriber_start(s)) {
			lib_say("subscriber %u does not start", i);
			return false;
		}
	}
	return true;
}

static bool run(void)
{
	bool ok = true;
	u32 i;

	for (i = 0; i < SUBSCRIBERS; i++)
		if (pthread_create(&subscribers[i].thread, NULL,
				   subscriber_run, &subscribers[i]))
			exit(KSFT_FAIL);
	for (i = 0; i < PUBLISHERS; i++) {
		struct publisher *p = &publishers[i];

		p->in = &input;
		p->number = i;
		p->kind = i < 2 ? CLIENT_TCP : i < 3 ? CLIENT_STREAM :
			  CLIENT_PACKET;
		p->subscribers = subscribers;
		if (pthread_create(&p->thread, NULL, publisher_run, p))
			exit(KSFT_FAIL);
	}
	for (i = 0; i < PUBLISHERS; i++) {
		pthread_join(publishers[i].thread, NULL);
		ok = ok && publishers[i].ok;
	}
	for (i = 0; i < SUBSCRIBERS; i++)
		pthread_join(subscribers[i].thread, NULL);
	return ok;
}

static bool same(const struct chain *a, const struct chain *b)
{
	return a->count == b->count && a->bytes == b->bytes &&
	       a->hash == b->hash;
}

/*
 * What came from each publisher is what that publisher sent. Which id belongs
 * to which publisher is learnt from the first subscriber that heard of it, and
 * must be so for all others.
 */
static bool complete(const struct subscriber *s)
{
	static u64 ids[PUBLISHERS];
	static bool known[PUBLISHERS];
	bool ok = s->ok;
	u32 p, i;

	for (p = 0; p < PUBLISHERS; p++) {
		const struct chain *want = &publishers[p].want[s->number];

		for (i = 0; i < s->nr_publishers; i++)
			if (same(want, &s->got[i]) &&
			    (!known[p] || ids[p] == s->publisher[i]))
				break;
		if (i < s->nr_publishers) {
			known[p] = true;
			ids[p] = s->publisher[i];
		} else if (want->count) {
			lib_say("subscriber %u: not the %llu messages of publisher %u",
				s->number, (unsigned long long)want->count, p);
			ok = false;
		}
	}
	return ok;
}

static bool nothing_dropped(const struct lib_status *before)
{
	static const char * const reasons[] = {
		"totals.dropped-overflow", "totals.dropped-no-memory",
		"totals.dropped-expired", "totals.dropped-filtered",
		"totals.dropped-closed", "totals.dropped-conflated",
		"totals.refused",
	};
	struct lib_status after;
	bool ok = lib_status(&after);
	size_t i;

	for (i = 0; ok && i < ARRAY_SIZE(reasons); i++) {
		long long n = lib_status_value(&after, reasons[i]) -
			      lib_status_value(before, reasons[i]);

		if (n) {
			lib_say("%s: %lld", reasons[i], n);
			return false;
		}
	}
	return ok && lib_status_law();
}

/* What one publisher may have in flight, and one user hold. */
static const char * const raised[] = {
	"limits.queue-bytes-max", "limits.share-bytes", "limits.flight-bytes",
};

static bool limits_raise(void)
{
	return !lib_limit_set(raised[0], 256 << 20) &&
	       !lib_limit_set(raised[1], 1ULL << 40) &&
	       !lib_limit_set(raised[2], 1ULL << 40);
}

static bool limits_restore(const struct lib_status *before)
{
	bool ok = true;
	size_t i;

	for (i = 0; i < sizeof(raised) / sizeof(raised[0]); i++)
		ok &= !lib_limit_set(raised[i], (unsigned long long)
				     lib_status_value(before, raised[i]));
	return ok;
}

int main(int argc, char **argv)
{
	static const char * const kinds[] = { "tcp", "stream", "seqpacket" };
	const char *path = argc > 1 ? argv[1] : "build/dumpavail";
	struct lib_status before;
	struct timespec a, b;
	u64 deliveries = 0;
	bool ok;
	u32 i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	ksft_set_plan(SUBSCRIBERS + 5);
	if (input_read(&input, path)) {
		ksft_test_result_pass("index: read %s\n", path);
	} else {
		input_make_up(&input);
		ksft_test_result_skip("index: no %s (apt-cache dumpavail), a made-up one instead\n",
				      path);
	}
	spread();
	if (!lib_status(&before))
		ksft_exit_fail_msg("no status\n");
	ksft_print_msg("%u stanzas, %llu bytes, %u sections\n",
		       input.nr_stanzas, (unsigned long long)input.bytes,
		       input.nr_topics);
	if (!limits_raise())
		ksft_exit_fail_msg("limits cannot be raised\n");
	if (!start())
		ksft_exit_fail_msg("subscribers do not start\n");
	clock_gettime(CLOCK_MONOTONIC, &a);
	ok = run();
	clock_gettime(CLOCK_MONOTONIC, &b);
	ksft_test_result(ok, "index: 2 TCP and 2 local publishers, nothing refused\n");
	for (i = 0; i < SUBSCRIBERS; i++) {
		ksft_test_result(complete(&subscribers[i]),
				 "index: subscriber %u (%s), %llu messages, same bytes, in order\n",
				 i, kinds[subscribers[i].kind],
				 (unsigned long long)subscribers[i].expected);
		deliveries += subscribers[i].expected;
	}
	ksft_test_result(nothing_dropped(&before), "index: nothing dropped\n");
	for (i = 0; i < SUBSCRIBERS; i++)
		lib_close(&subscribers[i].peer);
	ksft_test_result(lib_status_wait("memory-bytes", 0),
			 "index: no memory is left in use\n");
	ksft_test_result(limits_restore(&before),
			 "index: limits are what they were\n");
	ksft_print_msg("%llu deliveries in %lld ms\n",
		       (unsigned long long)deliveries,
		       (b.tv_sec - a.tv_sec) * 1000LL +
		       (b.tv_nsec - a.tv_nsec) / 1000000);
	ksft_exit(!ksft_get_fail_cnt());
}
