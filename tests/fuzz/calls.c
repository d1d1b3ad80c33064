// SPDX-License-Identifier: GPL-2.0
/*
 * A fuzzer of system calls on the sockets and the netlink family of the module,
 * run in a guest as root. Several threads run random programs on the same
 * descriptors. Where the kernel has KCOV, programs that reach new code are kept
 * and changed.
 *
 *	fuzz_calls [--seconds S] [--runs N] [--seed N] [--threads T]
 *	fuzz_calls --netlink [--count N] ...
 *
 * With --netlink there are requests to the netlink family alone, N of them, in a
 * network namespace of their own.
 *
 * It judges what holds whatever was called: no call hangs, the law of each
 * socket and of all holds, and of what was closed nothing is left. Whether the
 * kernel complained, the guest's console tells.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

/* Of a program of requests, of which each is many: what KCOV has room for. */
#define REQUEST_OPS	4

/* A call that is not over by then, signals or not, never is. */
#define HANG_SECONDS	120
#define TICK_NS		100000000L

static struct calls_thread threads[CALLS_THREADS];
static unsigned int nr_threads = 3;
static unsigned long seconds = 10, runs;
static u64 seed = 1, nr_runs, count, nr_requests;
static bool enough, netlink;
static unsigned int tap_number;
static bool tap_failed;

static void result(bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++tap_number, what);
	tap_failed |= !good;
}

static void ignore(int number)
{
}

static void prepare(struct calls_thread *t, unsigned int number)
{
	u8 *memory = mmap(NULL, CALLS_MEMORY + 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED ||
	    mprotect(memory + CALLS_MEMORY, 4096, PROT_NONE)) {
		perror("mmap");
		exit(1);
	}
	memset(memory, 'm', CALLS_MEMORY);
	t->memory = memory;
	t->random = seed * 1000003 + number + 1;
}

static void run_program(struct calls_thread *t, const struct calls_program *p)
{
	unsigned int i;
	u64 random;

	calls_cover_start(&t->cover);
	for (i = 0; i < p->nr; i++)
		calls_run_op(t, p->ops[i]);
	t->programs++;
	if (calls_cover_new(&t->cover))
		calls_learn(p);
	/* Or the first sockets would stay, shut down and unfit. */
	random = calls_random(&t->random);
	calls_renew(CALLS_FD + (int)(random % CALLS_FDS), random >> 40 & 3);
}

/* So many at least, all threads together. */
static bool enough_requests(const struct calls_thread *t, u64 before)
{
	u64 n = t->requests - before;

	return count && __atomic_add_fetch(&nr_requests, n,
					   __ATOMIC_RELAXED) >= count;
}

static void *work(void *arg)
{
	struct calls_thread *t = arg;
	struct calls_program p;
	u64 before;

	calls_cover_open(&t->cover);
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		if (runs && __atomic_fetch_add(&nr_runs, 1,
					       __ATOMIC_RELAXED) >= runs)
			break;
		calls_choose(t, &p);
		if (netlink && p.nr > REQUEST_OPS)
			p.nr = REQUEST_OPS;
		before = t->requests;
		run_program(t, &p);
		if (enough_requests(t, before))
			break;
	}
	calls_cover_stop(&t->cover);
	t->progress = 0;
	return NULL;
}

/*
 * Until the time is over or all have ended: interrupt calls that block. One
 * that goes on blocking is a fault, and then nothing can be closed any more.
 */
static void watch(void)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	time_t begin = time(NULL), since[CALLS_THREADS];
	u64 last[CALLS_THREADS] = { 0 }, now;
	unsigned int i, running = nr_threads;

	for (i = 0; i < nr_threads; i++)
		since[i] = begin;
	while (running) {
		nanosleep(&tick, NULL);
		if (!runs && !count && time(NULL) - begin >= (time_t)seconds)
			__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
		running = 0;
		for (i = 0; i < nr_threads; i++) {
			if (!threads[i].thread)
				continue;
			if (!pthread_tryjoin_np(threads[i].thread, NULL)) {
				threads[i].thread = 0;
				continue;
			}
			running++;
			now = threads[i].progress;
			if (now != last[i]) {
				last[i] = now;
				since[i] = time(NULL);
				continue;
			}
			pthread_kill(threads[i].thread, SIGUSR1);
			if (time(NULL) - since[i] < HANG_SECONDS)
				continue;
			printf("# hangs: %s\n",
			       calls_kinds[threads[i].kind].name);
			result(false, "no call hangs");
			printf("1..%u\n", tap_number);
			fflush(stdout);
			_exit(1);
		}
	}
}

static void report(void)
{
	unsigned int kind, error, i;
	u64 n, programs = 0, all = 0;

	for (kind = 0; kind < CALLS_KINDS && calls_kinds[kind].name; kind++) {
		printf("# %-14s", calls_kinds[kind].name);
		for (error = 0; error < CALLS_ERRNOS; error++) {
			for (n = 0, i = 0; i < nr_threads; i++)
				n += threads[i].results[kind][error];
			all += n;
			if (n)
				printf("  %s %llu", error ?
				       strerrorname_np((int)error) : "ok",
				       (unsigned long long)n);
		}
		printf("\n");
	}
	for (i = 0; i < nr_threads; i++)
		programs += threads[i].programs;
	printf("# %llu programs, %llu calls, seed %llu\n",
	       (unsigned long long)programs, (unsigned long long)all,
	       (unsigned long long)seed);
	if (calls_cover_pcs())
		printf("# guided: %u programs kept, %u places in %s\n",
		       calls_learned(), calls_cover_pcs(),
		       calls_cover_where());
}

/* What the kernel uses among its own, as ERESTARTSYS, is no answer. */
static bool errors_are_known(void)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < nr_threads; i++) {
		if (!threads[i].strange)
			continue;
		good = false;
		lib_say("a call failed with %d", threads[i].strange);
	}
	return good;
}

/* A quiet moment: nobody calls, and what is queued stays so. */
static bool laws_hold(void)
{
	struct blipmq_socket_stats stats;
	bool good = true;
	socklen_t len;
	int fd, i;

	for (i = 0; i < CALLS_FDS; i++) {
		fd = CALLS_FD + i;
		len = sizeof(stats);
		if (!getsockopt(fd, SOL_BLIPMQ, BLIPMQ_STATS, &stats, &len))
			good &= lib_law(&stats);
	}
	return good;
}

static void check_what_is_left(void)
{
	static const char * const paths[] = {
		"sockets", "subscriptions", "topics", "ring-bytes",
		"memory-bytes", "totals.queued-messages",
		"totals.queued-bytes",
	};
	char what[80];
	size_t i;

	/*
	 * What is retained is there to stay. A value whose time is over before it
	 * is read goes with the next who joins.
	 */
	while (lib_forget_retained() > 0)
		;
	lib_forget_retained();
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(what, sizeof(what), "%s is 0 when all is closed",
			 paths[i]);
		result(lib_status_wait(paths[i], 0), what);
	}
	result(lib_status_law(), "the law of the namespace holds");
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (*end || end == text) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "runs", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'e' },
		{ "threads", required_argument, NULL, 't' },
		{ "netlink", no_argument, NULL, 'n' },
		{ "count", required_argument, NULL, 'c' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			seconds = number(optarg);
			break;
		case 'r':
			runs = number(optarg);
			break;
		case 'e':
			seed = number(optarg);
			break;
		case 't':
			nr_threads = (unsigned int)number(optarg);
			break;
		case 'n':
			netlink = true;
			break;
		case 'c':
			count = number(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (!nr_threads || nr_threads > CALLS_THREADS) {
		fprintf(stderr, "1 to %d threads\n", CALLS_THREADS);
		exit(2);
	}
	if (count && !netlink) {
		fprintf(stderr, "--count is of --netlink\n");
		exit(2);
	}
}

static void begin(void)
{
	struct sigaction act = { .sa_handler = ignore };
	struct calls_cover probe;
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Without SA_RESTART: it ends calls that block. */
	sigaction(SIGUSR1, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	signal(SIGURG, SIG_IGN);
	calls_kinds_init(netlink ? calls_requests : NULL);
	/* Limits and rules stay behind in there. */
	if (netlink && unshare(CLONE_NEWNET)) {
		perror("a network namespace of its own");
		exit(1);
	}
	calls_family = calls_find_family();
	if (calls_family < 0) {
		printf("Bail out! the netlink family blipmq is not there\n");
		exit(1);
	}
	if (calls_cover_open(&probe))
		calls_cover_stop(&probe);
	else
		printf("# no KCOV in this kernel: unguided\n");
	for (i = 0; i < nr_threads; i++)
		prepare(&threads[i], i);
	for (i = 0; i < CALLS_FDS; i++)
		calls_renew(CALLS_FD + (int)i, true);
}

static u64 all_results(int error)
{
	unsigned int kind, i;
	u64 n = 0;

	for (i = 0; i < nr_threads; i++)
		for (kind = 0; kind < CALLS_KINDS; kind++)
			n += threads[i].results[kind][error];
	return n;
}

/* Workers are those of all namespaces. */
static void end_requests(void)
{
	u64 n = 0;
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		n += threads[i].requests;
	printf("# %llu netlink requests\n", (unsigned long long)n);
	result(n >= count, "so many requests were sent");
	result(all_results(0) && all_results(EINVAL) && all_results(ENOENT) &&
	       all_results(ERANGE), "some were granted, and some refused");
	result(!lib_worker_count((u32)sysconf(_SC_NPROCESSORS_ONLN)),
	       "workers are as many as there were");
}

int main(int argc, char **argv)
{
	struct lib_status before, after;
	unsigned int i;

	options(argc, argv);
	begin();
	if (!lib_status(&before))
		return 1;
	for (i = 0; i < nr_threads; i++) {
		if (pthread_create(&threads[i].thread, NULL, work,
				   &threads[i])) {
			perror("pthread_create");
			return 1;
		}
	}
	watch();
	report();
	result(true, "no call hangs");
	result(errors_are_known(), "every error has a name");
	result(laws_hold(), "the law of each socket holds");
	for (i = 0; i < CALLS_FDS; i++)
		close(CALLS_FD + (int)i);
	check_what_is_left();
	if (netlink)
		end_requests();
	lib_status(&after);
	for (i = 0; i < LIB_STATUS_KEYS; i++)
		after.values[i] -= before.values[i];
	printf("# published %lld, delivered %lld, lost %lld, refused %lld\n",
	       lib_status_value(&after, "totals.published"),
	       lib_status_value(&after, "totals.delivered"),
	       lib_status_value(&after, "totals.dropped-overflow"),
	       lib_status_value(&after, "totals.refused"));
	if (!netlink)
		result(lib_status_value(&after, "totals.published") > 0 &&
		       lib_status_value(&after, "totals.delivered") > 0,
		       "messages were published and delivered");
	printf("1..%u\n", tap_number);
	return tap_failed;
}
