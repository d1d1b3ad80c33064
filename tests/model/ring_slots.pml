/* SPDX-License-Identifier: GPL-2.0 */
/*
 * module/ring.h, one step for each access to shared memory. Included by
 * ring.pml, where the words are defined.
 */

#if MUTANT == NO_SEQUENCE
#define PUSH_TURN(k, p)	((p) - head[k] < SIZE(k) -> (p) : (p) - 1)
#else
#define PUSH_TURN(k, p)	seq[AT(k, p)]
#endif

#if MUTANT == NO_SEQUENCE || MUTANT == POP_UNCHECKED
#define POP_TURN(k, p)	((p) < INDEX(tail[k]) -> (p) + 1 : (p))
#else
#define POP_TURN(k, p)	seq[AT(k, p)]
#endif

#if MUTANT == FREED_SHORT
#define LAP(k)	(SIZE(k) - 1)
#else
#define LAP(k)	SIZE(k)
#endif

/* The accesses that wait for both others, or with a mutant do not. */
#if MUTANT == NO_RELEASE_B
#define MAY_COMMIT	(todo & 4)
#else
#define MAY_COMMIT	(todo == 4)
#endif

#if MUTANT == NO_RELEASE_D
#define MAY_FREE	(todo & 4)
#else
#define MAY_FREE	(todo == 4)
#endif

/* Publishers may: the first processes that run. */
#if DEATHS
#define may_die								\
	if								\
	:: deaths > 0 && _pid <= PUBLISHERS -> deaths--; goto dead	\
	:: true								\
	fi
#else
#define may_die	skip
#endif

/* What a cmpxchg of the tail compares. */
#if MUTANT == WRONG_LAP
#define SAME(a, b)	(!((a) & CLOSED) && (a) % S0 == (b) % S0)
#else
#define SAME(a, b)	((a) == (b))
#endif

/* Whose slot it is now is known to the checker from here on. */
inline ring_reserved(k, what)
{
	assert(!drained_seen);
	assert(!writing[AT(k, pos)]);
	assert(!reading[AT(k, pos)]);
	assert(fate[what] == unborn);
	writing[AT(k, pos)] = true;
	fate[what] = queued;
	place[what] = pos;
	result = OK
}

inline ring_reserve(k, what)
{
	pos = tail[k];
	do
	:: pos & CLOSED -> result = IS_CLOSED; break
	:: else ->
		may_die;
		turn = PUSH_TURN(k, pos);			/* A */
		if
		:: turn == pos ->
			may_die;
#if MUTANT == NO_CMPXCHG
			turn = tail[k];
			if
			:: turn == pos ->
				d_step {
					tail[k] = pos + 1;
					ring_reserved(k, what)
				}
				break
			:: else -> pos = turn
			fi
#else
			atomic {
				if
				:: SAME(tail[k], pos) ->
					pos = tail[k];
					tail[k] = pos + 1;
					ring_reserved(k, what);
					break
				:: else -> pos = tail[k]
				fi
			}
#endif
		:: turn < pos -> result = FULL; break
		:: turn > pos -> pos = tail[k]
		fi
	od
}

inline ring_push(k, what)
{
	ring_reserve(k, what);
	todo = (result == OK -> 7 : 0);
	do
	:: todo & 1 ->
		may_die;
		atomic { bundle[AT(k, pos)] = what; todo = todo - 1 }
	:: todo & 2 ->
		may_die;
		atomic { mask[AT(k, pos)] = what; todo = todo - 2 }
	:: MAY_COMMIT ->					/* B */
		may_die;
		atomic {
			seq[AT(k, pos)] = pos + 1;
			todo = todo - 4;
			writing[AT(k, pos)] = (todo != 0)
		}
	:: todo == 0 -> break
	od;
	atomic {
		if
		:: result == OK -> writing[AT(k, pos)] = false
		:: else
		fi;
		pos = 0;
		turn = 0
	}
}

/* The position that is this consumer's now; NONE when there is nothing. */
inline ring_take(k)
{
	pos = head[k];
	do
	:: true ->
#if MUTANT == NO_ACQUIRE_C
		item = bundle[AT(k, pos)];
#endif
		may_die;
		turn = POP_TURN(k, pos);			/* C */
		if
		:: turn == pos + 1 ->
			may_die;
			atomic {
				if
				:: head[k] == pos ->
					head[k] = pos + 1;
					assert(!writing[AT(k, pos)]);
					assert(!reading[AT(k, pos)]);
					reading[AT(k, pos)] = true;
					break
				:: else -> pos = head[k]
				fi
			}
		:: turn < pos + 1 -> pos = NONE; break
		:: turn > pos + 1 -> pos = head[k]
		fi
	od
}

/* What was in a slot that is free makes no difference, so there is nothing. */
inline forget(k)
{
	if
	:: todo == 0 ->
		bundle[AT(k, pos)] = 0;
		mask[AT(k, pos)] = 0
	:: else
	fi
}

/* Sets item, 0 for nothing, and pos to its position. */
inline ring_pop(k)
{
	ring_take(k);
	todo = (pos == NONE -> 0 : 7);
	do
	:: todo & 1 ->
		may_die;
		atomic {
#if MUTANT != NO_ACQUIRE_C
			item = bundle[AT(k, pos)];
#endif
			todo = todo - 1
		}
	:: todo & 2 ->
		may_die;
		atomic { frames = mask[AT(k, pos)]; todo = todo - 2 }
	:: MAY_FREE ->						/* D */
		may_die;
		atomic {
			seq[AT(k, pos)] = pos + LAP(k);
			todo = todo - 4;
			forget(k);
			reading[AT(k, pos)] = (todo != 0)
		}
	:: todo == 0 -> break
	od;
	atomic {
		if
		:: pos == NONE -> item = 0
		:: else ->
#if MUTANT == NO_RELEASE_D
			reading[AT(k, pos)] = false;
#endif
			assert(item >= 1 && item <= ITEMS);
			assert(frames == item);
			assert(fate[item] == queued);
			assert(place[item] == pos)
		fi;
		frames = 0;
		turn = 0
	}
}
