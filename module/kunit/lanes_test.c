// SPDX-License-Identifier: GPL-2.0
/*
 * The table of lanes: which rule a topic goes by. Random edits have a plain list
 * of rules as their twin, which is searched as the documentation says it.
 */
#include <linux/blipmq_netlink.h>
#include <linux/err.h>
#include <linux/mm.h>

#include "lane.h"
#include "pattern.h"
#include "suites.h"
#include "worker.h"

#define EDITS	4000
#define RULES	40

/* What a twin has for a topic: what the rule says, not which lane that is. */
struct lane_said {
	u8	mode;
	u32	pin;
};

struct lanes_twin {
	struct blipmq_lane_rule	rules[RULES];
	u32			nr;
	struct lane_said	all;
};

static void rule_set(struct blipmq_lane_rule *r, const char *pattern, u8 mode,
		     u32 pin)
{
	memset(r, 0, sizeof(*r));
	r->mode = mode;
	r->pin = pin;
	r->len = strlen(pattern);
	memcpy(r->pattern, pattern, r->len);
}

static int lanes_edit(struct kunit *test, struct blipmq_lanes **t,
		      const char *pattern, u8 mode, u32 pin)
{
	struct blipmq_lane_rule rule;
	struct blipmq_lanes *next;

	rule_set(&rule, pattern, mode, pin);
	next = blipmq_lanes_edit(*t, &rule);
	if (IS_ERR(next))
		return PTR_ERR(next);
	kvfree(*t);
	*t = next;
	return 0;
}

static u32 lanes_find(const struct blipmq_lanes *t, const char *topic)
{
	u32 lane;

	rcu_read_lock();
	lane = blipmq_lanes_find(t, topic, strlen(topic));
	rcu_read_unlock();
	return lane;
}

/* An exact topic is before every pattern, and a longer one before a shorter. */
static void lanes_cases(struct kunit *test)
{
	struct blipmq_lanes *t = NULL, moving = { .moving = true };
	const u8 worker = BLIPMQ_LANE_MODE_WORKER;
	const u8 direct = BLIPMQ_LANE_MODE_DIRECT;
	static const char * const all[] = { "a.>", "a.*.c", "a.b.c" };
	u32 i;

	KUNIT_EXPECT_EQ(test, lanes_find(NULL, "a"), BLIPMQ_LANE_DIRECT);
	KUNIT_EXPECT_EQ(test, -ENOENT,
			lanes_edit(test, &t, "a", BLIPMQ_LANE_MODE_DEFAULT, 0));
	KUNIT_ASSERT_EQ(test, 0, lanes_edit(test, &t, "a.>", worker, 1));
	KUNIT_ASSERT_EQ(test, 0, lanes_edit(test, &t, "a.*.c", direct, 0));
	KUNIT_ASSERT_EQ(test, 0, lanes_edit(test, &t, "a.b.c", worker, 1));
	KUNIT_EXPECT_EQ(test, lanes_find(t, "a.b.c"), 1U);
	KUNIT_EXPECT_EQ(test, lanes_find(t, "a.x.c"), BLIPMQ_LANE_DIRECT);
	KUNIT_EXPECT_EQ(test, lanes_find(t, "a.b.d"), 1U);
	KUNIT_EXPECT_EQ(test, lanes_find(t, "b"), BLIPMQ_LANE_DIRECT);
	KUNIT_EXPECT_TRUE(test, blipmq_lanes_use_workers(t));

	/* On the way to a table that says nothing. */
	moving.from = t;
	KUNIT_EXPECT_EQ(test, lanes_find(&moving, "a.b.c"),
			BLIPMQ_LANE_MOVING);
	KUNIT_EXPECT_EQ(test, lanes_find(&moving, "a.x.c"),
			BLIPMQ_LANE_DIRECT);
	moving.frozen = true;
	KUNIT_EXPECT_EQ(test, lanes_find(&moving, "a.b.d"),
			BLIPMQ_LANE_MOVING);
	KUNIT_EXPECT_EQ(test, lanes_find(&moving, "b"), BLIPMQ_LANE_DIRECT);

	/* A worker that is not there: by the hash, so by some other one. */
	KUNIT_ASSERT_EQ(test, 0, lanes_edit(test, &t, "a.b.c", worker, 1000));
	KUNIT_EXPECT_GE(test, lanes_find(t, "a.b.c"), 1U);
	KUNIT_EXPECT_LT(test, lanes_find(t, "a.b.c"), 1000U);
	for (i = 0; i < ARRAY_SIZE(all); i++)
		KUNIT_ASSERT_EQ(test, 0,
				lanes_edit(test, &t, all[i],
					   BLIPMQ_LANE_MODE_DEFAULT, 0));
	KUNIT_EXPECT_NULL(test, t);
}

static void lanes_too_many(struct kunit *test)
{
	struct blipmq_lanes *t = NULL;
	char name[16];
	u32 i;

	for (i = 0; i < BLIPMQ_LANE_RULES_MAX; i++) {
		snprintf(name, sizeof(name), "r.%u", i);
		KUNIT_ASSERT_EQ(test, 0, lanes_edit(test, &t, name,
						    BLIPMQ_LANE_MODE_DIRECT,
						    0));
	}
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			lanes_edit(test, &t, "more", BLIPMQ_LANE_MODE_DIRECT,
				   0));
	/* In the place of another one, there is room. */
	KUNIT_EXPECT_EQ(test, 0, lanes_edit(test, &t, "r.7",
					    BLIPMQ_LANE_MODE_WORKER, 1));
	KUNIT_EXPECT_EQ(test, t->nr_rules, BLIPMQ_LANE_RULES_MAX);
	kvfree(t);
}

/* A random topic, or pattern, of up to three tokens of two letters. */
static void random_name(struct rnd_state *rnd, bool pattern, char *name)
{
	static const char letters[] = "ab*>";
	u32 i, n = 1 + blipmq_test_below(rnd, 3);
	char *at = name;

	for (i = 0; i < n; i++) {
		*at = letters[blipmq_test_below(rnd, pattern ? 4 : 2)];
		if (*at == '>')
			i = n;
		else if (*at != '*' && blipmq_test_below(rnd, 2))
			*++at = 'x';
		*++at = '.';
		at++;
	}
	at[-1] = '\0';
}

static bool same_pattern(const struct blipmq_lane_rule *a,
			 const struct blipmq_lane_rule *b)
{
	return a->len == b->len && !memcmp(a->pattern, b->pattern, a->len);
}

static int twin_edit(struct lanes_twin *t, const struct blipmq_lane_rule *rule)
{
	u32 i = 0;

	if (!rule->len) {
		t->all.mode = rule->mode ?: BLIPMQ_LANE_MODE_DIRECT;
		t->all.pin = rule->pin;
		return 0;
	}
	while (i < t->nr && !same_pattern(&t->rules[i], rule))
		i++;
	if (rule->mode != BLIPMQ_LANE_MODE_DEFAULT) {
		t->rules[i] = *rule;
		if (i == t->nr)
			t->nr++;
		return 0;
	}
	if (i == t->nr)
		return -ENOENT;
	t->rules[i] = t->rules[--t->nr];
	return 0;
}

/* Is @a to be asked before @b? */
static bool comes_before(const struct blipmq_lane_rule *a,
			 const struct blipmq_lane_rule *b)
{
	bool exact_a = blipmq_pattern_is_exact(a->pattern, a->len);
	bool exact_b = blipmq_pattern_is_exact(b->pattern, b->len);

	if (exact_a != exact_b)
		return exact_a;
	if (a->len != b->len)
		return a->len > b->len;
	return memcmp(a->pattern, b->pattern, a->len) < 0;
}

static struct lane_said twin_find(const struct lanes_twin *t,
				  const char *topic)
{
	const struct blipmq_lane_rule *best = NULL;
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (blipmq_pattern_matches(t->rules[i].pattern, t->rules[i].len,
					   topic, strlen(topic)) &&
		    (!best || comes_before(&t->rules[i], best)))
			best = &t->rules[i];
	if (!best)
		return t->all;
	return (struct lane_said){ .mode = best->mode, .pin = best->pin };
}

static void lanes_random(struct kunit *test)
{
	struct lanes_twin *twin = kunit_kzalloc(test, sizeof(*twin), GFP_KERNEL);
	struct blipmq_lanes *t = NULL;
	struct blipmq_lane_rule rule;
	struct lane_said said;
	struct rnd_state rnd;
	u32 i, k, lane, workers;
	char name[16];
	u8 mode;

	KUNIT_ASSERT_NOT_NULL(test, twin);
	twin->all.mode = BLIPMQ_LANE_MODE_DIRECT;
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	rcu_read_lock();
	workers = blipmq_workers_count();
	rcu_read_unlock();
	for (i = 0; i < EDITS; i++) {
		random_name(&rnd, true, name);
		if (!blipmq_test_below(&rnd, 20))
			name[0] = '\0';
		mode = blipmq_test_below(&rnd, 3);
		if (twin->nr > RULES - 2)
			mode = BLIPMQ_LANE_MODE_DEFAULT;
		rule_set(&rule, name, mode, mode == BLIPMQ_LANE_MODE_WORKER ?
			 blipmq_test_below(&rnd, workers + 1) : 0);
		KUNIT_ASSERT_EQ(test, twin_edit(twin, &rule),
				lanes_edit(test, &t, name, mode, rule.pin));
		KUNIT_ASSERT_EQ(test, t ? t->nr_rules : 0, twin->nr);
		for (k = 0; k < 8; k++) {
			random_name(&rnd, false, name);
			said = twin_find(twin, name);
			lane = lanes_find(t, name);
			if (said.mode != BLIPMQ_LANE_MODE_WORKER)
				KUNIT_ASSERT_EQ(test, lane, BLIPMQ_LANE_DIRECT);
			else if (said.pin)
				KUNIT_ASSERT_EQ(test, lane, said.pin);
			else
				KUNIT_ASSERT_TRUE(test, lane && lane <= workers);
		}
	}
	kvfree(t);
}

/* Rules name workers, so there have to be some. */
static int lanes_suite_init(struct kunit_suite *suite)
{
	int err = blipmq_lanes_lock();

	if (err)
		return err;
	err = blipmq_workers_start();
	blipmq_lanes_unlock();
	return err;
}

static struct kunit_case lanes_test_cases[] = {
	KUNIT_CASE(lanes_cases),
	KUNIT_CASE(lanes_too_many),
	KUNIT_CASE(lanes_random),
	{}
};

struct kunit_suite blipmq_lanes_suite = {
	.name = "blipmq_lanes",
	.suite_init = lanes_suite_init,
	.test_cases = lanes_test_cases,
};
