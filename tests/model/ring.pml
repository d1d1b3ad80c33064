/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rings of a receive queue for SPIN: module/ring.h (in ring_slots.pml), the
 * chain of module/chain.c, and drop-oldest of module/queue_room.c.
 *
 * One step here is one access to shared memory there. Accesses that neither an
 * acquire nor a release puts in order are made in every order. Positions do not
 * wrap, as those of 64 bits do not. Evictors pop without head_lock, which
 * allows more than the module does; grow_lock is a lock, and nobody dies who
 * holds it.
 *
 * Given on the command line:
 *	PUBLISHERS, EACH	how many, and what each of them publishes
 *	ITEMS			all of it; the last publisher may have less
 *	LIMIT			messages that the queue may hold
 *	MEMORY			1: there may be memory for a second ring
 *	DEATHS			publishers that may stop for ever, anywhere
 *	SEAL			1: the chain is sealed at any moment; 2: and
 *				closed, so that a second consumer drains it
 *	PATIENT			1: a push into a full ring that finds nothing
 *				to evict tries until it does, as the module;
 *				0: it gives up, as it does for the limits
 *	MUTANT			one of these errors, 0 for none
 */
#define NO_SEQUENCE	1	/* the indices alone say what is full, empty */
#define NO_RELEASE_B	2	/* the commit overtakes the contents */
#define NO_ACQUIRE_C	3	/* contents are read ahead of the sequence */
#define NO_RELEASE_D	4	/* a slot is free before it was read */
#define POP_UNCHECKED	5	/* head behind tail is enough to pop */
#define WRONG_LAP	6	/* positions are compared within one lap */
#define FREED_SHORT	7	/* a popped slot is free for no lap */
#define NO_CMPXCHG	8	/* the tail is read, then written */
#define LEAVE_EARLY	9	/* closed counts as finished */
#define START_EARLY	10	/* where a ring ends is read before it closes */
#define LINK_EARLY	11	/* a ring is published before it is set up */
#define DRAIN_EARLY	12	/* sealed and not readable counts as drained */
#define EVICT_UNCOUNTED	13	/* what was evicted stays charged */

#define S0	2		/* slots of the first ring */
#define S1	4		/* and of the one behind it */
#define CLOSED	128
#define NONE	255
#define TRIES	2		/* ROOM_TRIES */

#define OK		0
#define FULL		1
#define IS_CLOSED	2

#define SIZE(k)		((k) == 0 -> S0 : S1)
#define AT(k, p)	((k) == 0 -> (p) % S0 : S0 + (p) % S1)
#define INDEX(word)	((word) & 127)
#define FINISHED(k)	((tail[k] & CLOSED) && head[k] == INDEX(tail[k]))
#define READABLE(k)	(seq[AT(k, head[k])] > head[k])
#define HAS_NEXT(k)	((k) == 0 && next)
/* Not even the last of the rings will give anything. */
#define DRAINED		(sealed && FINISHED(chain_head) &&		\
			 (!HAS_NEXT(chain_head) || FINISHED(1)))

/* What became of an item; only the checker knows it. */
mtype = { unborn, queued, gone };

byte tail[2], head[2];
byte seq[S0 + S1], bundle[S0 + S1], mask[S0 + S1];
bool next;			/* the first ring has one behind it */
byte chain_tail, chain_head;
bool sealed, grow_lock;
byte used;

/* From here on the checker's own. */
mtype fate[ITEMS + 1];
byte place[ITEMS + 1];
bool writing[S0 + S1], reading[S0 + S1];
bool drained_seen;
byte publishing, working, deaths;

#include "ring_slots.pml"

/* blipmq_chain_pop() and blipmq_chain_leave(), until item or nothing. */
inline chain_take()
{
	do
	:: true ->
		ring = chain_head;
		ring_pop(ring);
		turn = tail[ring];
		if
		:: item -> break
#if MUTANT == LEAVE_EARLY
		:: !item && HAS_NEXT(ring) && (turn & CLOSED) ->
#else
		:: !item && HAS_NEXT(ring) && (turn & CLOSED) &&
		   head[ring] == INDEX(turn) ->
#endif
			chain_head = 1
		:: else -> break
		fi
	od;
	turn = 0
}

inline settle()
{
	fate[item] = gone;
	place[item] = 0;
	used--;
	item = 0;
	pos = 0
}

/* blipmq_queue_evict(), with the count of those that found nothing. */
inline evict()
{
	chain_take();
	atomic {
		if
		:: item ->
			settle();
#if MUTANT == EVICT_UNCOUNTED
			used++
#endif
		:: else -> tries++; pos = 0
		fi
	}
}

/* chain_grow(): FULL when there is no memory. */
inline chain_grow()
{
	atomic { !grow_lock; grow_lock = true };
	if
	:: sealed || chain_tail != ring -> result = OK
	:: else ->
		if
		:: MEMORY && ring == 0 ->
#if MUTANT == LINK_EARLY
			next = true;
			chain_tail = 1;
#endif
#if MUTANT == START_EARLY
			pos = tail[0];
			tail[0] = pos | CLOSED;
#else
			d_step { pos = tail[0]; tail[0] = pos | CLOSED };
#endif
			d_step {
				tail[1] = pos;
				head[1] = pos;
				for (todo : 0 .. S1 - 1) {
					seq[AT(1, pos + todo)] = pos + todo
				}
				todo = 0;
				pos = 0
			}
			next = true;
			chain_tail = 1;
			result = OK
		:: result = FULL
		fi
	fi;
	grow_lock = false
}

#define LOCALS	byte ring, pos, turn, todo, item, frames

/* blipmq_queue_push(), for one item after the other. */
proctype publisher(byte own; byte end)
{
	byte tries, result;
	LOCALS;

	do
	:: own > end -> break
	:: own <= end && sealed -> atomic { fate[own] = gone; own++ }
	:: own <= end && !sealed ->
		used++;
		do
		:: used <= LIMIT -> break
		:: used > LIMIT && tries < TRIES -> evict()
		:: used > LIMIT && tries == TRIES -> goto refuse
		od;
again:
		tries = 0;
		do
		:: true ->
			may_die;
			ring = chain_tail;
			if
			:: ring == NONE -> goto refuse
			:: else
			fi;
			ring_push(ring, own);
			if
			:: result == OK -> break
			:: result == IS_CLOSED ->
				(chain_tail != ring)
			:: result == FULL ->
				chain_grow();
				if
				:: result == OK -> goto again
				:: result == FULL && chain_head != ring ->
					goto refuse
				:: else -> evict()
				fi;
				if
				:: tries == 0
#if PATIENT
				:: tries && (READABLE(chain_head) ||
					     chain_head != ring ||
					     (tail[ring] & CLOSED) ||
					     seq[AT(ring, tail[ring])] ==
					     tail[ring]) -> tries = 0
#else
				:: tries && tries < TRIES
				:: tries == TRIES -> goto refuse
#endif
				fi
			fi
		od;
		may_die;
		goto done;
refuse:
		atomic { fate[own] = gone; used-- }
done:
		atomic {
			own++;
			tries = 0;
			ring = 0;
			result = 0
		}
	od;
dead:
	atomic {
		publishing--;
		working--;
		own = 0;
		tries = 0;
		result = 0;
		ring = 0;
		pos = 0;
		turn = 0;
		todo = 0;
		item = 0;
		frames = 0
	}
}

/* The next position that may come, and the last item of each publisher. */
byte next_pos, last[PUBLISHERS];

proctype reader()
{
	bool last_look;
	LOCALS;

	do
	:: true ->
		last_look = (publishing == 0);
		chain_take();
		atomic {
			if
			:: item ->
				assert(pos >= next_pos);
				next_pos = pos + 1;
				assert(item > last[(item - 1) / EACH]);
				last[(item - 1) / EACH] = item;
				settle()
			:: else ->
				pos = 0;
				if
				:: last_look -> break
#if MUTANT == DRAIN_EARLY
				:: sealed && !READABLE(chain_head) ->
#else
				:: DRAINED ->
#endif
					drained_seen = true;
					break
				:: READABLE(chain_head)
				:: FINISHED(chain_head) && HAS_NEXT(chain_head)
				:: publishing == 0
				fi
			fi
		}
	od;
	working--;
dead:
	skip
}

#if SEAL
/* blipmq_chain_seal(), and the drain of blipmq_queue_close(). */
proctype closer()
{
	byte tries;
	LOCALS;

	atomic { !grow_lock; grow_lock = true };
	tail[chain_tail] = tail[chain_tail] | CLOSED;
	chain_tail = NONE;
	sealed = true;
	grow_lock = false;
#if SEAL == 2
	do
	:: DRAINED -> break
	:: READABLE(chain_head) -> evict()
	:: publishing == 0 -> break
	od;
#endif
	working--;
dead:
	skip
}
#endif

/* At a quiet moment: nothing lost, nothing kept, every slot free. */
inline judge()
{
	byte i, k;

	for (i : 1 .. ITEMS) {
		assert(fate[i] == gone)
	}
	assert(used == 0);
	for (k : 0 .. (next -> 1 : 0)) {
		assert(head[k] == INDEX(tail[k]));
		for (i : head[k] .. head[k] + SIZE(k) - 1) {
			assert(seq[AT(k, i)] == i)
		}
	}
}

init {
	byte n;

	d_step {
		for (n : 0 .. ITEMS) {
			fate[n] = unborn
		}
		for (n : 0 .. S0 - 1) {
			seq[n] = n
		}
		publishing = PUBLISHERS;
		working = PUBLISHERS + 1 + (SEAL > 0 -> 1 : 0);
		deaths = DEATHS
	}
	atomic {
		for (n : 1 .. PUBLISHERS) {
			run publisher((n - 1) * EACH + 1,
				      (n < PUBLISHERS -> n * EACH : ITEMS))
		}
		run reader();
#if SEAL
		run closer();
#endif
	}
	(working == 0);
	d_step {
		if
		:: deaths == DEATHS -> judge()
		:: else
		fi
	}
}
