// SPDX-License-Identifier: GPL-2.0
/*
 * Threads are used as the load asks for them. Whatever crosses from one thread
 * to another crosses CPUs, and a message on its way from client to client pays
 * a wake-up for that: so one thread serves all clients while it can. A thread
 * that is busy hands clients over, with about half of what it has to do, first
 * to a thread that has none. When the load has been low for a while, the last
 * thread in use gives its clients to the others.
 *
 * Workers measure themselves and hand over their own clients, between two
 * rounds of events, when nothing that epoll said is still to be looked at. The
 * main thread, once a second, decides who is let go.
 */
#include <time.h>

#include "worker.h"

/* Events between two looks at the clock. */
#define LOOK_EVENTS	64

/* After a move, before the next: it has to show in whole windows first. */
#define SETTLE_MS	(3 * WINDOW_MS)

/* Nothing to do, to judge by events: it looked so long ago. */
#define STALE_MS	(10 * WINDOW_MS)

/* Per cent of one CPU: busy above, and low load when fewer could do it. */
#define SHARE_BUSY	80U
#define SHARE_LOW	40U

/* A busy thread passes clients on to one that has so much less to do. */
#define SHARE_UNEVEN	25U

/* Clients that change threads in one turn: others wait meanwhile. */
#define TURN_MOVES	1024

/* Clients that come and go between threads stay longer each time. */
#define HOLD_MIN_S	2
#define HOLD_MAX_S	64
#define FLAP_MS		10000

/* Events between two moves of a client that is shuffled. */
#define SHUFFLE_EVENTS	8

/**
 * balance_init() - begin with one thread, or all of them
 * @s: the server; @spread and @worker_count say which
 */
void balance_init(struct server *s)
{
	struct balance *b = &s->balance;

	/* One thread has nobody to share with. */
	if (s->worker_count == 1)
		s->spread = SPREAD_ALWAYS;
	pthread_mutex_init(&b->lock, NULL);
	b->hold = HOLD_MIN_S;
	atomic_store(&b->used, s->spread == SPREAD_LOAD ? 1 : s->worker_count);
}

/* The one with the fewest clients. */
static struct worker *least_loaded(struct server *s)
{
	struct worker *best = s->workers[0];
	int i, used = atomic_load(&s->balance.used);

	for (i = 1; i < used; i++)
		if (atomic_load(&s->workers[i]->load) <
		    atomic_load(&best->load))
			best = s->workers[i];
	return best;
}

/**
 * balance_place() - which worker gets a new client
 * @s: the server
 *
 * The main thread alone calls it, so nobody is let go meanwhile.
 *
 * Return: the worker.
 */
struct worker *balance_place(struct server *s)
{
	struct balance *b = &s->balance;

	/* Without clients there is nothing to gather. */
	if (s->spread == SPREAD_LOAD && atomic_load(&b->used) > 1 &&
	    !atomic_load(&s->connections)) {
		pthread_mutex_lock(&b->lock);
		atomic_store(&b->used, 1);
		b->quiet = 0;
		b->measured = 0;
		pthread_mutex_unlock(&b->lock);
	}
	return least_loaded(s);
}

static int64_t workers_cpu_ns(struct server *s)
{
	struct timespec t;
	clockid_t clock;
	int64_t sum = 0;
	int i;

	for (i = 0; i < s->worker_count; i++)
		if (!pthread_getcpuclockid(s->workers[i]->thread, &clock) &&
		    !clock_gettime(clock, &t))
			sum += (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	return sum;
}

/* Return: whether one worker less would have little to do. */
static bool balance_low(struct server *s, int64_t now)
{
	struct balance *b = &s->balance;
	int64_t before = b->cpu_ns, since = now - b->measured;
	bool first = !b->measured;

	b->measured = now;
	b->cpu_ns = workers_cpu_ns(s);
	if (atomic_exchange(&b->pressed, false) || first || since <= 0)
		return false;
	return (b->cpu_ns - before) / (since * 10000) <=
	       (int64_t)SHARE_LOW * (atomic_load(&b->used) - 1);
}

/**
 * balance_second() - let a worker go when the load has been low
 * @s: the server
 *
 * The main thread calls it once a second.
 */
void balance_second(struct server *s)
{
	struct balance *b = &s->balance;
	struct worker *last = NULL;
	int64_t now;

	if (s->spread != SPREAD_LOAD)
		return;
	pthread_mutex_lock(&b->lock);
	if (atomic_load(&b->used) == 1) {
		b->quiet = 0;
		b->measured = 0;
		goto unlock;
	}
	now = worker_now();
	if (!balance_low(s, now)) {
		b->quiet = 0;
	} else if (++b->quiet >= b->hold) {
		b->gathered = now;
		last = s->workers[atomic_fetch_sub(&b->used, 1) - 1];
		atomic_store(&last->retire, true);
	}
unlock:
	pthread_mutex_unlock(&b->lock);
	if (last)
		worker_wake(last);
}

/* From here on, in a worker's own thread. */

/*
 * Hand over as many of the clients that had work as make up a part of it, but
 * never more, so that two workers do not take turns at being the busy one.
 * Return: whether there was any.
 */
static bool shed(struct worker *w, struct worker *to, unsigned int part,
		 unsigned int whole)
{
	struct client *c, *next;
	uint64_t total = 0, goal, given = 0, work;
	int moves = 0;

	TAILQ_FOREACH(c, &w->active, active_entry)
		total += window_work(c);
	goal = total / whole * part;
	for (c = TAILQ_FIRST(&w->active); c && moves < TURN_MOVES; c = next) {
		next = TAILQ_NEXT(c, active_entry);
		work = window_work(c);
		if (!work || given + work > goal)
			continue;
		given += work;
		moves++;
		client_leave(c);
		worker_add(to, c);
	}
	return moves;
}

/* Who looked long ago has next to nothing to do. */
static unsigned int share_of(const struct worker *w, int64_t now)
{
	return now - atomic_load(&w->looked) > STALE_MS ? 0 :
	       atomic_load(&w->share);
}

static struct worker *least_busy(struct worker *w, int64_t now)
{
	struct server *s = w->server;
	struct worker *best = NULL, *other;
	int i, used = atomic_load(&s->balance.used);

	for (i = 0; i < used; i++) {
		other = s->workers[i];
		if (other != w && (!best || share_of(other, now) <
					    share_of(best, now)))
			best = other;
	}
	return best;
}

/* Take one more worker in use. Return: it, or NULL when nobody can be moved. */
static struct worker *grow(struct worker *w, int64_t now)
{
	struct server *s = w->server;
	struct balance *b = &s->balance;
	struct worker *to = s->workers[atomic_load(&b->used)];

	if (!shed(w, to, 1, 2))
		return NULL;
	atomic_store(&to->retire, false);
	atomic_fetch_add(&b->used, 1);
	b->quiet = 0;
	b->measured = 0;
	if (!b->gathered)
		return to;
	b->hold = now - b->gathered > FLAP_MS ? HOLD_MIN_S : b->hold * 2;
	if (b->hold > HOLD_MAX_S)
		b->hold = HOLD_MAX_S;
	b->gathered = 0;
	return to;
}

/* Give to one that does less. Return: it, or NULL when nobody was moved. */
static struct worker *even_out(struct worker *w, unsigned int share,
			       int64_t now)
{
	struct worker *to = least_busy(w, now);
	unsigned int less = to ? share_of(to, now) : share;

	if (less + SHARE_UNEVEN > share ||
	    !shed(w, to, share - less, 2 * share))
		return NULL;
	return to;
}

static void balance_pressed(struct worker *w, unsigned int share, int64_t now)
{
	struct server *s = w->server;
	struct balance *b = &s->balance;
	struct worker *to = NULL;
	int used;

	atomic_store(&b->pressed, true);
	pthread_mutex_lock(&b->lock);
	used = atomic_load(&b->used);
	/* One that is being let go has no say. */
	if (now >= b->settled && w->number < used)
		to = used < s->worker_count ? grow(w, now) :
					      even_out(w, share, now);
	if (to)
		b->settled = now + SETTLE_MS;
	pthread_mutex_unlock(&b->lock);
	if (to)
		worker_wake(to);
}

static void balance_look(struct worker *w)
{
	int64_t now = worker_now();
	int share = window_end(w, now);

	if (share < 0)
		return;
	atomic_store(&w->share, (unsigned int)share);
	atomic_store(&w->looked, now);
	if (share >= (int)SHARE_BUSY)
		balance_pressed(w, (unsigned int)share, now);
}

/* Everybody who can move goes to the others, some each turn. */
static void balance_retire(struct worker *w)
{
	struct server *s = w->server;
	struct client *c, *next;
	struct worker *to;
	int moves = 0, i;

	pthread_mutex_lock(&s->balance.lock);
	if (!atomic_load(&w->retire))
		goto unlock;
	for (c = TAILQ_FIRST(&w->clients); c && moves < TURN_MOVES; c = next) {
		next = TAILQ_NEXT(c, entry);
		/* Those end soon, and by the clock of this thread. */
		if (c->lingering)
			continue;
		to = least_loaded(s);
		client_leave(c);
		worker_add(to, c);
		moves++;
	}
	for (i = 0; i < atomic_load(&s->balance.used); i++)
		worker_wake(s->workers[i]);
	if (moves == TURN_MOVES)
		worker_wake(w);
	else
		atomic_store(&w->retire, false);
unlock:
	pthread_mutex_unlock(&s->balance.lock);
}

/* Each to another thread: those that went together would stay together. */
static void balance_shuffle(struct worker *w)
{
	struct server *s = w->server;
	struct worker *to = w;
	struct client *c;

	while ((c = TAILQ_FIRST(&w->active))) {
		to = s->workers[(to->number + 1) % s->worker_count];
		if (to == w)
			continue;
		client_leave(c);
		worker_add(to, c);
		worker_wake(to);
	}
}

/**
 * balance_turn() - after a round of events, see whether clients are to move
 * @w: the worker, whose thread calls
 * @events: in the round
 */
void balance_turn(struct worker *w, unsigned int events)
{
	struct window *v = &w->window;
	enum spread spread = w->server->spread;

	if (spread == SPREAD_ALWAYS)
		return;
	v->turns++;
	v->events += events;
	v->unseen += events;
	if (w->retiring) {
		w->retiring = false;
		balance_retire(w);
	}
	if (v->unseen < (spread == SPREAD_LOAD ? LOOK_EVENTS : SHUFFLE_EVENTS))
		return;
	v->unseen = 0;
	if (spread == SPREAD_LOAD)
		balance_look(w);
	else
		balance_shuffle(w);
}
