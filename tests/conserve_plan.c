// SPDX-License-Identifier: GPL-2.0
/*
 * The plan of a round, drawn from a seed.
 */
#include <stdio.h>
#include <string.h>

#include "conserve.h"

u64 mixed(u64 a, u64 b)
{
	u64 x = a + 0x9e3779b97f4a7c15ULL * (b + 1);

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

u64 dice_next(struct dice *d)
{
	return mixed(d->state++, 1);
}

u32 dice_below(struct dice *d, u32 limit)
{
	return (u32)(dice_next(d) % limit);
}

bool dice_one_in(struct dice *d, u32 n)
{
	return !dice_below(d, n);
}

/* Some are longer than an address holds. */
static void draw_topics(struct plan *plan, struct dice *d)
{
	size_t len;
	u32 i;

	plan->nr_topics = 1 + dice_below(d, TOPICS_MAX);
	for (i = 0; i < plan->nr_topics; i++) {
		snprintf(plan->topics[i], sizeof(plan->topics[i]),
			 "conserve.%u", i);
		if (!dice_one_in(d, 4))
			continue;
		len = strlen(plan->topics[i]);
		plan->topics[i][len] = '.';
		memset(plan->topics[i] + len + 1, 'x',
		       BLIPMQ_NAME_MAX - 1 - len - dice_below(d, 130));
	}
}

static enum kind draw_way(struct dice *d, bool tcp)
{
	return (enum kind)dice_below(d, tcp ? 3 : 2);
}

static void draw_publisher(struct publisher_plan *p, struct dice *d, bool tcp)
{
	static const u32 batches[] = { 1, 1, 7, 30, 200 };
	static const u32 naps[] = { 1, 4, 16, 1000 };
	static const u32 lives[] = { 0, 0, 0, 1, 20, 3600000 };

	p->way = draw_way(d, tcp);
	p->messages = 100 + dice_below(d, 1400);
	p->batch = batches[dice_below(d, 5)];
	p->large = dice_one_in(d, 3) ? 8 : 200;
	if (p->large == 8)
		p->messages /= 4;
	p->naps = naps[dice_below(d, 4)];
	p->ttl_ms = lives[dice_below(d, 6)];
	p->kill_at = NEVER;
}

static void draw_subscriber(struct subscriber_plan *s, struct dice *d,
			    const struct plan *plan, bool tcp)
{
	s->way = draw_way(d, tcp);
	s->topics = dice_below(d, 1U << plan->nr_topics);
	s->roams = dice_one_in(d, 2);
	if (!s->roams && (!s->topics || dice_one_in(d, 2)))
		s->topics = (1U << plan->nr_topics) - 1;
	s->pace = (enum pace)dice_below(d, 3);
	s->turns = dice_one_in(d, 2);
	/* What TCP holds is not quiet until it is read. */
	s->ending = s->way != WAY_TCP && dice_one_in(d, 4) ?
		    ENDING_LEAVE_QUEUED : ENDING_DRAIN;
	s->kill_at = NEVER;
}

/**
 * plan_draw() - draw a round
 * @plan: what is drawn
 * @seed: determines it
 * @tcp: there is a blipmqd
 *
 * At most one publisher is killed, so that the namespace's total tells how
 * many messages it published.
 */
void plan_draw(struct plan *plan, u64 seed, bool tcp)
{
	struct dice d = { .state = mixed(seed, 0) };
	struct publisher_plan *p;
	u32 i, all = 0;

	memset(plan, 0, sizeof(*plan));
	plan->seed = seed;
	draw_topics(plan, &d);
	plan->nr_publishers = 1 + dice_below(&d, PUBLISHERS_MAX);
	for (i = 0; i < plan->nr_publishers; i++) {
		draw_publisher(&plan->publishers[i], &d, tcp);
		all += plan->publishers[i].messages;
		plan->expires = plan->expires || plan->publishers[i].ttl_ms;
	}
	if (dice_one_in(&d, 3)) {
		p = &plan->publishers[dice_below(&d, plan->nr_publishers)];
		p->kill_at = dice_below(&d, p->messages);
	}
	plan->nr_subscribers = 2 + dice_below(&d, SUBSCRIBERS_MAX - 1);
	for (i = 0; i < plan->nr_subscribers; i++)
		draw_subscriber(&plan->subscribers[i], &d, plan, tcp);
	/* One at least stays. */
	plan->subscribers[0].roams = false;
	plan->subscribers[0].topics |= 1;
	for (i = 1; i < plan->nr_subscribers; i++)
		if (dice_one_in(&d, 8))
			plan->subscribers[i].kill_at = dice_below(&d, all);
	plan->moves = dice_one_in(&d, 2);
}

static void print_end(u32 kill_at)
{
	if (kill_at == NEVER)
		fprintf(stderr, "\n");
	else
		fprintf(stderr, ", killed at %u\n", kill_at);
}

/* For people: all that a failure may have to do with. */
void plan_print(const struct plan *plan)
{
	static const char * const ways[] = { "seqpacket", "stream", "tcp" };
	static const char * const paces[] = { "fast", "slow", "not reading" };
	u32 i;

	fprintf(stderr, "# again: conserve --rounds 1 --seed %llu\n",
		plan->seed);
	if (plan->moves)
		fputs("# lanes and workers change\n", stderr);
	for (i = 0; i < plan->nr_topics; i++)
		fprintf(stderr, "# topic %u has %zu bytes\n", i,
			strlen(plan->topics[i]));
	for (i = 0; i < plan->nr_publishers; i++) {
		const struct publisher_plan *p = &plan->publishers[i];

		fprintf(stderr,
			"# publisher %u: %s, %u messages, %u a call, large 1 in %u, naps 1 in %u, %u ms to live",
			i, ways[p->way], p->messages, p->batch, p->large,
			p->naps, p->ttl_ms);
		print_end(p->kill_at);
	}
	for (i = 0; i < plan->nr_subscribers; i++) {
		const struct subscriber_plan *s = &plan->subscribers[i];

		fprintf(stderr,
			"# subscriber %u: %s, topics %#x, %s, %s%s%s",
			i, ways[s->way], s->topics,
			s->roams ? "roams" : "stays", paces[s->pace],
			s->turns ? ", limits and policy change" : "",
			s->ending == ENDING_DRAIN ? "" : ", leaves the rest");
		print_end(s->kill_at);
	}
}
