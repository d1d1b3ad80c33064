// SPDX-License-Identifier: GPL-2.0
/*
 * The plan of a round, drawn from a seed.
 */
#include <stdio.h>
#include <string.h>

#include "../module/pattern.h"
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
		snprintf(plan->topics[i], sizeof(plan->topics[i]), "%s.%u%s",
			 dice_one_in(d, 2) ? "conserve" : "kept", i,
			 dice_one_in(d, 3) ? ".deep" : "");
		if (!dice_one_in(d, 4))
			continue;
		len = strlen(plan->topics[i]);
		plan->topics[i][len] = '.';
		memset(plan->topics[i] + len + 1, 'x',
		       BLIPMQ_NAME_MAX - 1 - len - dice_below(d, 130));
	}
}

static void add_interest(struct plan *plan, const char *pattern, int group)
{
	struct interest *in = &plan->interests[plan->nr_interests++];
	u32 i;

	snprintf(in->pattern, sizeof(in->pattern), "%s", pattern);
	in->group = group;
	in->wide = pattern[0] == '>' || pattern[0] == '*';
	for (i = 0; i < plan->nr_topics; i++)
		if (blipmq_pattern_matches((const u8 *)pattern, strlen(pattern),
					   (const u8 *)plan->topics[i],
					   strlen(plan->topics[i])))
			in->topics |= 1U << i;
}

static void draw_interests(struct plan *plan, struct dice *d)
{
	static const char * const patterns[] = {
		">", "*.>", "conserve.>", "kept.>", "*.*", "conserve.*",
		"kept.*", "*.0.>", "*.*.>", "*.*.*", "*.1", "*.*.deep",
		"conserve.1.>",
	};
	const u32 nr = sizeof(patterns) / sizeof(patterns[0]);
	u32 i, n;

	for (i = 0; i < plan->nr_topics; i++)
		add_interest(plan, plan->topics[i], -1);
	/* Each of them once. */
	n = dice_below(d, PATTERNS_MAX + 1);
	for (i = 0; i < nr && n; i++) {
		if (dice_below(d, nr - i) >= n)
			continue;
		add_interest(plan, patterns[i], -1);
		n--;
	}
	plan->nr_plain = plan->nr_interests;
	n = dice_below(d, GROUPS_MAX + 1);
	for (i = 0; i < n; i++)
		add_interest(plan, dice_one_in(d, 2) ?
			     patterns[dice_below(d, nr)] :
			     plan->interests[dice_below(d, plan->nr_plain)].pattern,
			     (int)i);
}

/* Some that come soon enough for a value to be gone before the round is. */
bool expires_soon(const struct publisher_plan *p)
{
	return p->ttl_ms && p->ttl_ms < 1000000;
}

static void draw_retained(struct plan *plan)
{
	const struct publisher_plan *pub;
	u32 p, k, topic;

	for (p = 0; p < plan->nr_publishers; p++) {
		pub = &plan->publishers[p];
		for (k = 0; pub->retains && k < pub->messages; k++) {
			if (!message_retains(plan, p, k))
				continue;
			topic = 1U << message_topic(plan, p, k);
			plan->retained |= topic;
			if (!message_size(plan, p, k) || expires_soon(pub))
				plan->fickle |= topic;
		}
	}
}

static enum kind draw_way(struct dice *d, bool tcp)
{
	return (enum kind)dice_below(d, tcp ? 3 : 2);
}

static void draw_publisher(struct publisher_plan *p, struct dice *d,
			   const struct plan *plan, bool tcp)
{
	static const u32 batches[] = { 1, 1, 7, 30, 200 };
	static const u32 retains[] = { 0, 0, 5, 50 };
	static const u32 naps[] = { 1, 4, 16, 1000 };
	static const u32 lives[] = { 0, 0, 0, 1, 20, 3600000 };

	p->way = draw_way(d, tcp);
	p->messages = 100 + dice_below(d, 1400);
	p->batch = batches[dice_below(d, 5)];
	p->large = dice_one_in(d, 3) ? 8 : 200;
	if (p->large == 8)
		p->messages /= 4;
	p->retains = retains[dice_below(d, 4)];
	p->naps = naps[dice_below(d, 4)];
	p->ttl_ms = lives[dice_below(d, 6)];
	p->kill_at = NEVER;
	if (!plan->rules)
		return;
	/* The answers to all of them have to fit. */
	if (p->batch > 100)
		p->batch = 100;
	p->stranger = p->way == WAY_TCP || dice_one_in(d, 2);
}

/* What it may be interested in: plainly, as member of a group, or both. */
static u32 draw_kinds(struct subscriber_plan *s, struct dice *d,
		      const struct plan *plan)
{
	u32 plain = (1U << plan->nr_plain) - 1;
	u32 groups = (1U << plan->nr_interests) - 1 - plain;
	u32 choice = dice_below(d, 10);

	if (!groups || choice < 5)
		return plain;
	/* What comes to it is in no order then that tells where it ended. */
	if (choice < 7)
		s->cuts = false;
	if (choice < 7)
		return plain | groups;
	return 1U << (plan->nr_plain +
		      dice_below(d, plan->nr_interests - plan->nr_plain));
}

static void draw_subscriber(struct subscriber_plan *s, struct dice *d,
			    const struct plan *plan, bool tcp)
{
	s->way = draw_way(d, tcp);
	s->pace = (enum pace)dice_below(d, 3);
	s->turns = dice_one_in(d, 2);
	s->conflates = dice_one_in(d, 3);
	s->cuts = dice_one_in(d, 3);
	s->stranger = plan->rules && (s->way == WAY_TCP || dice_one_in(d, 2));
	s->interests = draw_kinds(s, d, plan);
	s->first = (u32)dice_next(d) & s->interests;
	s->roams = dice_one_in(d, 2);
	if (!s->roams && (!s->first || dice_one_in(d, 2)))
		s->first = s->interests;
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
	plan->rules = dice_one_in(&d, 3);
	draw_topics(plan, &d);
	draw_interests(plan, &d);
	plan->nr_publishers = 1 + dice_below(&d, PUBLISHERS_MAX);
	for (i = 0; i < plan->nr_publishers; i++) {
		draw_publisher(&plan->publishers[i], &d, plan, tcp);
		all += plan->publishers[i].messages;
		plan->expires = plan->expires ||
				expires_soon(&plan->publishers[i]);
	}
	if (dice_one_in(&d, 3)) {
		p = &plan->publishers[dice_below(&d, plan->nr_publishers)];
		p->kill_at = dice_below(&d, p->messages);
		/* What it was refused nobody would know. */
		p->stranger = false;
		if (plan->rules && p->way == WAY_TCP)
			p->way = WAY_STREAM;
	}
	draw_retained(plan);
	plan->nr_subscribers = 2 + dice_below(&d, SUBSCRIBERS_MAX - 1);
	for (i = 0; i < plan->nr_subscribers; i++)
		draw_subscriber(&plan->subscribers[i], &d, plan, tcp);
	/* One at least stays. */
	plan->subscribers[0].roams = false;
	plan->subscribers[0].cuts = false;
	plan->subscribers[0].first |= 1;
	plan->subscribers[0].interests |= 1;
	plan->subscribers[0].stranger = plan->rules &&
					plan->subscribers[0].way == WAY_TCP;
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
	if (plan->rules)
		fputs("# rules change\n", stderr);
	for (i = 0; i < plan->nr_interests; i++)
		fprintf(stderr, "# interest %u is %.40s, %zu bytes, group %d, topics %#x\n",
			i, plan->interests[i].pattern,
			strlen(plan->interests[i].pattern),
			plan->interests[i].group, plan->interests[i].topics);
	fprintf(stderr, "# retained: topics %#x, of these not for long %#x\n",
		plan->retained, plan->fickle);
	for (i = 0; i < plan->nr_publishers; i++) {
		const struct publisher_plan *p = &plan->publishers[i];

		fprintf(stderr,
			"# publisher %u: %s%s, %u messages, %u a call, large 1 in %u, retained 1 in %u, naps 1 in %u, %u ms to live",
			i, ways[p->way], p->stranger ? " of a stranger" : "",
			p->messages, p->batch, p->large, p->retains, p->naps,
			p->ttl_ms);
		print_end(p->kill_at);
	}
	for (i = 0; i < plan->nr_subscribers; i++) {
		const struct subscriber_plan *s = &plan->subscribers[i];

		fprintf(stderr,
			"# subscriber %u: %s%s, interests %#x, first %#x, %s, %s%s%s%s%s",
			i, ways[s->way], s->stranger ? " of a stranger" : "",
			s->interests, s->first, s->roams ? "roams" : "stays",
			paces[s->pace],
			s->turns ? ", limits and policy change" : "",
			s->conflates ? ", conflates" : "",
			s->cuts ? ", may be cut off" : "",
			s->ending == ENDING_DRAIN ? "" : ", leaves the rest");
		print_end(s->kill_at);
	}
}
