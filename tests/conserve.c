// SPDX-License-Identifier: GPL-2.0
/*
 * The conservation checker: for random publishers, subscribers, sizes, patterns,
 * queue groups, policies, retained values, lanes, rules, joins, leaves, deaths
 * and limits, every message that was sent is read or accounted for, exactly.
 *
 *	conserve [--seconds S] [--rounds N] [--seed N] [--tcp HOST:PORT]
 *
 * Rounds follow each other for S seconds, or are N. Each has the next seed, so
 * that a single one can be repeated, as far as the scheduler plays along, with
 * or without TCP as it was. Nobody else may use the namespace meanwhile.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "conserve.h"

static struct shared *shared;

static bool run_round(u32 number, u64 seed, bool tcp)
{
	const struct plan *plan = &shared->plan;
	u64 read = 0, lost = 0;
	u32 i, messages = 0;
	bool ok;

	/* Ledgers are cleared when they begin. */
	memset(shared, 0, offsetof(struct shared, ledgers));
	plan_draw(&shared->plan, seed, tcp);
	ok = totals_begin() && round_run(shared) && totals_end(shared);
	if (!ok)
		plan_print(plan);
	for (i = 0; i < plan->nr_publishers; i++)
		messages += shared->publishers[i].total;
	for (i = 0; i < plan->nr_subscribers; i++) {
		read += shared->subscribers[i].read;
		lost += shared->subscribers[i].lost;
	}
	printf("%sok %u - conserve: seed %llu: %u to %u, ",
	       ok ? "" : "not ", number, seed, plan->nr_publishers,
	       plan->nr_subscribers);
	printf("%u messages, %llu read, %llu lost\n", messages, read, lost);
	return ok;
}

/* Topics linger for a moment, those of whoever was here before as well. */
static bool is_empty(void)
{
	static const char * const zero[] = {
		"sockets", "subscriptions", "topics", "memory-bytes",
		"ring-bytes",
	};
	bool ok = true;
	size_t i;

	for (i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		ok = lib_status_wait(zero[i], 0) && ok;
	return ok;
}

static int usage(void)
{
	fprintf(stderr, "usage: conserve [--seconds S] [--rounds N] [--seed N] %s\n",
		"[--tcp HOST:PORT]");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'n' },
		{ "tcp", required_argument, NULL, 't' },
		{ 0 }
	};
	u64 seed = (u64)time(NULL);
	unsigned long seconds = 10, rounds = 0;
	u32 number = 0, failed = 0;
	time_t end;
	bool ok;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			rounds = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			setenv("BLIPMQ_TEST_TCP", optarg, 1);
			break;
		default:
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n# conserve: seed %llu, blipmqd at %s\n", seed,
	       getenv("BLIPMQ_TEST_TCP") ?: "none");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !totals_begin()) {
		printf("Bail out! no memory, or no module\n");
		return 1;
	}
	ok = is_empty();
	failed += !ok;
	printf("%sok %u - conserve: nobody else is here\n", ok ? "" : "not ",
	       ++number);
	end = time(NULL) + (time_t)seconds;
	while (!failed && (rounds ? number <= rounds : time(NULL) < end)) {
		number++;
		failed += !run_round(number, seed + number - 2,
				     getenv("BLIPMQ_TEST_TCP"));
	}
	ok = is_empty();
	failed += !ok;
	printf("%sok %u - conserve: nothing is left\n", ok ? "" : "not ",
	       ++number);
	printf("1..%u\n", number);
	return failed != 0;
}
