// SPDX-License-Identifier: GPL-2.0
/*
 * Programs: new ones, changed ones, and the corpus of those that reached
 * something that none before them had.
 */
#include <string.h>

#include "calls.h"

#define CORPUS	1024

static struct calls_program corpus[CORPUS];
static unsigned int corpus_nr;
static pthread_mutex_t corpus_lock = PTHREAD_MUTEX_INITIALIZER;

/* A multiplicative generator with a mixed output; any state but 0. */
u64 calls_random(u64 *state)
{
	u64 x = *state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

static unsigned int below(u64 *random, unsigned int n)
{
	return (unsigned int)(calls_random(random) >> 33) % n;
}

static void random_op(u64 *random, u8 *op)
{
	u64 a = calls_random(random), b = calls_random(random);

	memcpy(op, &a, 8);
	memcpy(op + 8, &b, 8);
}

/* Begins with what the rest needs: sockets, and subscriptions. */
static void new_program(u64 *random, struct calls_program *p)
{
	unsigned int i;

	p->nr = (u8)(3 + below(random, CALLS_OPS - 2));
	for (i = 0; i < p->nr; i++)
		random_op(random, p->ops[i]);
	p->ops[0][0] = 0;
	/* As calls_kinds has it: opens, closes, then subscriptions. */
	p->ops[1][0] = 24;
}

/* Make room for @n operations at @at; those that do not fit are gone. */
static void open_gap(struct calls_program *p, unsigned int at, unsigned int n)
{
	unsigned int rest;

	if (n > CALLS_OPS - at)
		n = CALLS_OPS - at;
	rest = p->nr - at;
	if (rest > CALLS_OPS - at - n)
		rest = CALLS_OPS - at - n;
	memmove(p->ops[at + n], p->ops[at], rest * CALLS_OP_BYTES);
	p->nr = (u8)(at + n + rest);
}

static void splice(u64 *random, struct calls_program *p,
		   const struct calls_program *other)
{
	unsigned int at = below(random, p->nr), from, n;

	from = below(random, other->nr);
	n = 1 + below(random, other->nr - from);
	if (n > CALLS_OPS - at)
		n = CALLS_OPS - at;
	open_gap(p, at, n);
	memcpy(p->ops[at], other->ops[from], n * CALLS_OP_BYTES);
}

static void change(u64 *random, struct calls_program *p,
		   const struct calls_program *other)
{
	unsigned int at = below(random, p->nr);
	u8 *byte = &p->ops[at][below(random, CALLS_OP_BYTES)];

	switch (below(random, 8)) {
	case 0:
	case 1:
		*byte = (u8)calls_random(random);
		break;
	case 2:
		*byte ^= (u8)(1U << below(random, 8));
		break;
	case 3:
		random_op(random, p->ops[at]);
		break;
	case 4:
		open_gap(p, at, 1);
		random_op(random, p->ops[at]);
		break;
	case 5:
		open_gap(p, at, 1);
		memcpy(p->ops[at], p->ops[below(random, p->nr)],
		       CALLS_OP_BYTES);
		break;
	case 6:
		if (p->nr > 1) {
			memmove(p->ops[at], p->ops[at + 1],
				(size_t)(p->nr - at - 1) * CALLS_OP_BYTES);
			p->nr--;
		}
		break;
	case 7:
		splice(random, p, other);
		break;
	}
}

void calls_choose(struct calls_thread *t, struct calls_program *p)
{
	struct calls_program other;
	unsigned int n;

	pthread_mutex_lock(&corpus_lock);
	if (!corpus_nr || !below(&t->random, 4)) {
		pthread_mutex_unlock(&corpus_lock);
		new_program(&t->random, p);
		return;
	}
	*p = corpus[below(&t->random, corpus_nr)];
	other = corpus[below(&t->random, corpus_nr)];
	pthread_mutex_unlock(&corpus_lock);
	for (n = 1 + below(&t->random, 6); n; n--)
		change(&t->random, p, &other);
}

/* A full corpus forgets any one: new ones stand for what is not known yet. */
void calls_learn(const struct calls_program *p)
{
	static u64 random = 1;
	unsigned int at;

	pthread_mutex_lock(&corpus_lock);
	at = corpus_nr < CORPUS ? corpus_nr++ : below(&random, CORPUS);
	corpus[at] = *p;
	pthread_mutex_unlock(&corpus_lock);
}

unsigned int calls_learned(void)
{
	return corpus_nr;
}
