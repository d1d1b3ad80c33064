// SPDX-License-Identifier: GPL-2.0
/*
 * A round: its processes, and the phases that they go through together.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conserve.h"

/* A guard against hangs, for each phase; debug kernels are slow. */
#define PHASE_SECONDS	150
/* Each after 20 ms. */
#define QUIET_LOOKS	25
/* As blipmqd's clients are. */
#define STRANGER	65534
#define ACTORS_MAX	(PUBLISHERS_MAX + SUBSCRIBERS_MAX)

/**
 * struct actor - a process
 * @pid: its number; 0 once it has ended
 * @killed: it was killed on purpose
 */
struct actor {
	pid_t	pid;
	bool	killed;
};

static struct shared *shared;	/* the round's */
/* Publishers, then subscribers. */
static struct actor actors[ACTORS_MAX];
static time_t deadline;

void nap_us(u32 microseconds)
{
	const struct timespec ts = { .tv_nsec = (long)microseconds * 1000 };

	nanosleep(&ts, NULL);
}

void wait_phase(const struct shared *round, enum phase phase)
{
	while (see(round->phase) < phase)
		nap_us(300);
}

bool become_stranger(void)
{
	if (!lib_become(STRANGER, STRANGER, 0))
		return false;
	/* That has ended with the other identity. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return true;
}

static struct actor *publisher(u32 p)
{
	return &actors[p];
}

static struct actor *subscriber(u32 s)
{
	return &actors[PUBLISHERS_MAX + s];
}

static bool start(struct actor *a, int (*run)(struct shared *shared, u32 n),
		  u32 n)
{
	pid_t parent = getpid();

	a->killed = false;
	a->pid = fork();
	if (a->pid < 0) {
		a->pid = 0;
		lib_say("fork failed");
		return false;
	}
	if (a->pid)
		return true;
	/* Nobody stays behind when the test itself is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	_exit(run(shared, n));
}

static void next_phase(enum phase phase)
{
	tell(shared->phase, phase);
	deadline = time(NULL) + PHASE_SECONDS;
}

/* Its sockets are closed, but for what blipmqd has of them. */
static void bury_subscriber(u32 s)
{
	struct subscriber_state *state = &shared->subscribers[s];
	struct ledger *l = shared->ledgers[s];
	u32 i;

	if (shared->plan.subscribers[s].way != WAY_TCP)
		look(shared, state->kill_to, true);
	for (i = 0; i < state->ledgers; i++, l++) {
		ledger_end_by_kill(l, state);
		if (l->cuts)
			ledger_may_be_cut(l);
		l->counted = false;
	}
}

/* Has nobody failed, and is there time left? */
static bool all_well(void)
{
	int status;
	pid_t pid;
	u32 i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < ACTORS_MAX; i++) {
			if (actors[i].pid != pid)
				continue;
			actors[i].pid = 0;
			if (i >= PUBLISHERS_MAX && actors[i].killed)
				bury_subscriber(i - PUBLISHERS_MAX);
			if (!status || (actors[i].killed &&
					WIFSIGNALED(status)))
				continue;
			lib_say("%s %u ended with status %#x",
				i < PUBLISHERS_MAX ? "publisher" :
				"subscriber", i < PUBLISHERS_MAX ? i :
				i - PUBLISHERS_MAX, status);
			return false;
		}
	}
	if (time(NULL) < deadline)
		return true;
	lib_say("phase %u takes too long", see(shared->phase));
	return false;
}

static bool wait_subscribers(enum phase phase)
{
	u32 i, waiting;

	do {
		waiting = 0;
		for (i = 0; i < shared->plan.nr_subscribers; i++)
			if (!subscriber(i)->killed &&
			    see(shared->subscribers[i].reached) < phase)
				waiting++;
		if (!all_well())
			return false;
		nap_us(500);
	} while (waiting);
	return true;
}

static bool wait_ended(void)
{
	u32 i, waiting;

	do {
		if (!all_well())
			return false;
		for (i = 0, waiting = 0; i < ACTORS_MAX; i++)
			waiting += actors[i].pid != 0;
		nap_us(500);
	} while (waiting);
	return true;
}

static void kill_actor(struct actor *a)
{
	if (!a->pid)
		return;
	a->killed = true;
	kill(a->pid, SIGKILL);
}

static void kill_subscriber(u32 s)
{
	struct subscriber_state *state = &shared->subscribers[s];

	if (subscriber(s)->killed)
		return;
	look(shared, state->kill_from, false);
	memset(state->kill_to, 0xff, sizeof(state->kill_to));
	kill_actor(subscriber(s));
	/* Between two looks of its own it may have read or lost more. */
	state->read_more = true;
	state->more = true;
	state->killed = true;
}

/* Kills those whose time has come, until all publishers have ended. */
static bool publish(void)
{
	const struct plan *plan = &shared->plan;
	struct dice d = { .state = mixed(plan->seed, 900) };
	u32 i, begun, all, running, last = 0;

	do {
		if (!all_well())
			return false;
		if (plan->moves && dice_one_in(&d, 8) && !move_lanes(plan, &d))
			return false;
		if (plan->rules && dice_one_in(&d, 30) &&
		    !move_rules(shared, &d))
			return false;
		for (i = 0, all = 0, running = 0; i < plan->nr_publishers;
		     i++) {
			begun = see(shared->publishers[i].begun);
			all += begun;
			running += publisher(i)->pid != 0;
			if (begun > plan->publishers[i].kill_at)
				kill_actor(publisher(i));
		}
		/* Slow is not stuck. */
		if (all != last)
			deadline = time(NULL) + PHASE_SECONDS;
		last = all;
		for (i = 0; i < plan->nr_subscribers; i++)
			if (plan->subscribers[i].kill_at != NEVER &&
			    (all > plan->subscribers[i].kill_at || !running))
				kill_subscriber(i);
		nap_us(200);
	} while (running);
	return true;
}

/*
 * Sockets of those who are gone are closed by blipmqd when it hears of it. Where
 * it may have closed others as well, the number has to stay for a while.
 */
static bool wait_quiet(void)
{
	long long most = 0, unsure = 0, seen, last = -1;
	u32 i, same = 0;

	for (i = 0; i < shared->plan.nr_subscribers; i++) {
		if (subscriber(i)->killed)
			continue;
		most += see(shared->subscribers[i].sockets);
		unsure += see(shared->subscribers[i].unsure);
	}
	if (!unsure)
		return lib_status_wait("sockets", most);
	while (same < QUIET_LOOKS) {
		if (!all_well()) {
			lib_say("sockets is %lld, waited for %lld to %lld",
				last, most - unsure, most);
			return false;
		}
		seen = lib_status_of("sockets");
		same = seen == last && seen <= most && seen >= most - unsure ?
		       same + 1 : 0;
		last = seen;
		nap_us(20000);
	}
	return true;
}

static bool act(void)
{
	const struct plan *plan = &shared->plan;
	u32 i, ready;

	/* Nobody gets their hello but they themselves. */
	for (i = 0; i < plan->nr_publishers; i++)
		if (!start(publisher(i), publisher_run, i))
			return false;
	next_phase(PHASE_OPEN);
	do {
		for (i = 0, ready = 0; i < plan->nr_publishers; i++)
			ready += see(shared->publishers[i].number) != 0;
		if (!all_well())
			return false;
		nap_us(200);
	} while (ready < plan->nr_publishers);
	for (i = 0; i < plan->nr_subscribers; i++)
		if (!start(subscriber(i), subscriber_run, i))
			return false;
	if (!wait_subscribers(PHASE_OPEN))
		return false;
	next_phase(PHASE_RUN);
	if (!publish() || !move_lanes_back(plan) || !move_rules_back(shared))
		return false;
	tell(shared->settled, true);
	next_phase(PHASE_STOP);
	if (!wait_subscribers(PHASE_STOP) || !wait_quiet() ||
	    !totals_count_killed(shared))
		return false;
	next_phase(PHASE_JUDGE);
	if (!wait_subscribers(PHASE_JUDGE) || !totals_judge(shared))
		return false;
	next_phase(PHASE_CLOSE);
	return wait_ended();
}

static void end_all(void)
{
	u32 i;

	for (i = 0; i < ACTORS_MAX; i++) {
		if (!actors[i].pid)
			continue;
		kill(actors[i].pid, SIGKILL);
		waitpid(actors[i].pid, NULL, 0);
		actors[i].pid = 0;
	}
}

/**
 * round_run() - carry a plan out
 * @round: the round, with its plan
 *
 * Return: false after a complaint. No process of it is left.
 */
bool round_run(struct shared *round)
{
	bool ok;

	shared = round;
	memset(actors, 0, sizeof(actors));
	ok = act();
	end_all();
	ok = move_lanes_back(&round->plan) && ok;
	return move_rules_back(round) && ok;
}
