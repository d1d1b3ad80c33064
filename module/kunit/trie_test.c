// SPDX-License-Identifier: GPL-2.0
/*
 * Patterns: the trie against a twin that looks at every pattern there is, one
 * token after the other, and the routes that are made from it.
 */
#include <linux/slab.h>

#include "route.h"
#include "suites.h"
#include "trie.h"

#define PATTERNS	300
#define STEPS		6000
#define TOPICS		20

/**
 * struct twin - what there is
 * @pattern: the pattern
 * @leaf: what the trie gave for it
 * @users: how often
 */
struct twin {
	char			pattern[64];
	struct blipmq_trie_node	*leaf;
	u32			users;
};

static struct blipmq_names trie_names(const char *pattern)
{
	struct blipmq_names names = {
		.pattern = pattern,
		.pattern_len = strlen(pattern),
	};

	return names;
}

static struct blipmq_trie_node *trie_get(struct blipmq_trie *trie,
					 const char *pattern)
{
	struct blipmq_names names = trie_names(pattern);

	return blipmq_trie_get(trie, NULL, 0, &names);
}

/* Few tokens, so that much matches; some that only look like wildcards. */
static u8 trie_name(struct rnd_state *rnd, char *name, bool wildcards)
{
	static const char * const tokens[] = { "a", "b", "cc", "*a", ">>", "c" };
	u32 n = 1 + blipmq_test_below(rnd, 5), i, len = 0;

	for (i = 0; i < n; i++) {
		const char *token = tokens[blipmq_test_below(rnd, 6)];

		if (wildcards && !blipmq_test_below(rnd, 3))
			token = "*";
		if (wildcards && i == n - 1 && !blipmq_test_below(rnd, 3))
			token = ">";
		len += sprintf(name + len, i ? ".%s" : "%s", token);
	}
	return len;
}

static bool twin_matches(const char *pattern, const char *topic)
{
	size_t p, t;

	for (;;) {
		p = strcspn(pattern, ".");
		t = strcspn(topic, ".");
		if (p == 1 && *pattern == '>')
			return true;
		if (!(p == 1 && *pattern == '*') &&
		    (p != t || memcmp(pattern, topic, p)))
			return false;
		pattern += p;
		topic += t;
		if (!*pattern || !*topic)
			return !*pattern && !*topic;
		pattern++;
		topic++;
	}
}

static void trie_expect(struct kunit *test, struct blipmq_trie *trie,
			struct twin *twins, const char *topic)
{
	struct blipmq_trie_walk w;
	struct blipmq_set *set;
	u32 i, want = 0, found = 0, steps = 0;

	rcu_read_lock();
	for (i = 0; i < PATTERNS; i++)
		if (twins[i].users && twin_matches(twins[i].pattern, topic))
			want++;
	blipmq_trie_walk_start(&w, trie, topic, strlen(topic));
	while ((set = blipmq_trie_walk_next(&w))) {
		for (i = 0; i < PATTERNS; i++)
			if (twins[i].users && twins[i].leaf->set == set)
				break;
		KUNIT_EXPECT_LT(test, i, (u32)PATTERNS);
		if (i < PATTERNS)
			KUNIT_EXPECT_TRUE(test, twin_matches(twins[i].pattern,
							     topic));
		found++;
	}
	/* None twice: there are as many as there should be, all of them good. */
	KUNIT_EXPECT_EQ(test, want, found);
	KUNIT_EXPECT_EQ(test, blipmq_trie_matches(trie, topic, strlen(topic),
						  &steps), want > 0);
	rcu_read_unlock();
}

static void trie_step(struct kunit *test, struct blipmq_trie *trie,
		      struct twin *t, bool more)
{
	struct blipmq_names names = trie_names(t->pattern);
	struct blipmq_trie_node *leaf;

	if (more) {
		leaf = blipmq_trie_get(trie, NULL, 0, &names);
		KUNIT_ASSERT_FALSE(test, IS_ERR(leaf));
		if (t->users)
			KUNIT_EXPECT_PTR_EQ(test, leaf, t->leaf);
		t->leaf = leaf;
		t->users++;
	} else if (t->users) {
		blipmq_trie_put(trie, t->leaf);
		t->users--;
	}
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, blipmq_trie_find(trie, &names),
			    t->users ? t->leaf : NULL);
	rcu_read_unlock();
}

static bool twin_is_new(struct twin *twins, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (!strcmp(twins[i].pattern, twins[n].pattern))
			return false;
	return true;
}

static void trie_random(struct kunit *test)
{
	struct twin *twins = kunit_kcalloc(test, PATTERNS, sizeof(*twins),
					   GFP_KERNEL);
	struct blipmq_trie *trie = kunit_kzalloc(test, sizeof(*trie),
						 GFP_KERNEL);
	struct rnd_state rnd;
	char topic[64];
	u32 i, n;

	KUNIT_ASSERT_TRUE(test, twins && trie);
	KUNIT_ASSERT_EQ(test, 0, blipmq_trie_init(trie));
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	for (n = 0; n < PATTERNS; n++) {
		do {
			trie_name(&rnd, twins[n].pattern, true);
		} while (!twin_is_new(twins, n));
	}
	for (i = 0; i < STEPS; i++) {
		/* Fills and empties. */
		bool more = blipmq_test_below(&rnd, 10) < (i / 1500 % 2 ? 2 : 8);

		trie_step(test, trie, &twins[blipmq_test_below(&rnd, PATTERNS)],
			  more);
		if (i % 20)
			continue;
		for (n = 0; n < TOPICS; n++) {
			trie_name(&rnd, topic, false);
			trie_expect(test, trie, twins, topic);
		}
	}
	for (n = 0; n < PATTERNS; n++)
		while (twins[n].users)
			trie_step(test, trie, &twins[n], false);
	KUNIT_EXPECT_EQ(test, 0U, trie->nr_leaves);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&trie->nodes.nelems));
	blipmq_trie_destroy(trie);
}

/* A change is seen by the topics that it may concern, and what is seen holds. */
static void trie_generations(struct kunit *test)
{
	struct blipmq_trie *trie = kunit_kzalloc(test, sizeof(*trie),
						 GFP_KERNEL);
	const unsigned long *a, *b;
	struct blipmq_trie_node *leaf[4];
	unsigned long seen;

	KUNIT_ASSERT_NOT_NULL(test, trie);
	KUNIT_ASSERT_EQ(test, 0, blipmq_trie_init(trie));
	a = blipmq_trie_generation(trie, "a.x", 3);
	b = blipmq_trie_generation(trie, "b", 1);
	KUNIT_EXPECT_PTR_EQ(test, a, blipmq_trie_generation(trie, "a", 1));
	KUNIT_ASSERT_PTR_NE(test, a, b);

	seen = *b;
	KUNIT_EXPECT_NE(test, 0UL, seen);
	leaf[0] = trie_get(trie, "a.*");
	KUNIT_EXPECT_EQ(test, seen + 1, *a);
	KUNIT_EXPECT_EQ(test, seen, *b);
	/* One that is there already changes nothing. */
	leaf[1] = trie_get(trie, "a.*");
	KUNIT_EXPECT_EQ(test, seen + 1, *a);
	leaf[2] = trie_get(trie, "*.x");
	leaf[3] = trie_get(trie, ">");
	KUNIT_EXPECT_EQ(test, seen + 3, *a);
	KUNIT_EXPECT_EQ(test, seen + 2, *b);
	blipmq_trie_put(trie, leaf[0]);
	KUNIT_EXPECT_EQ(test, seen + 3, *a);
	blipmq_trie_put(trie, leaf[1]);
	KUNIT_EXPECT_EQ(test, seen + 4, *a);
	blipmq_trie_put(trie, leaf[2]);
	blipmq_trie_put(trie, leaf[3]);
	blipmq_trie_destroy(trie);
}

static bool trie_confirms(struct blipmq_trie *trie, struct blipmq_route *route,
			  struct blipmq_set *exact)
{
	u32 steps = 0;
	bool holds;

	rcu_read_lock();
	holds = blipmq_route_confirm(route, trie, exact, "a.x", 3, &steps);
	rcu_read_unlock();
	return holds;
}

static void trie_routes(struct kunit *test)
{
	struct blipmq_trie *trie = kunit_kzalloc(test, sizeof(*trie),
						 GFP_KERNEL);
	struct blipmq_set *exact = blipmq_set_create(), *set;
	static const char * const patterns[] = { "a.*", "*.x", ">", "b.*" };
	struct blipmq_trie_node *leaf[4];
	struct blipmq_route *route;
	u32 i;

	KUNIT_ASSERT_TRUE(test, trie && exact);
	KUNIT_ASSERT_EQ(test, 0, blipmq_trie_init(trie));
	route = blipmq_route_match(trie, exact, "a.x", 3);
	KUNIT_ASSERT_NOT_NULL(test, route);
	KUNIT_EXPECT_PTR_EQ(test, exact, route->only);
	KUNIT_EXPECT_TRUE(test, trie_confirms(trie, route, exact));
	KUNIT_EXPECT_FALSE(test, trie_confirms(trie, route, NULL));
	blipmq_route_put(route);

	for (i = 0; i < 4; i++) {
		leaf[i] = trie_get(trie, patterns[i]);
		KUNIT_ASSERT_FALSE(test, IS_ERR(leaf[i]));
	}
	route = blipmq_route_match(trie, exact, "a.x", 3);
	KUNIT_ASSERT_NOT_NULL(test, route);
	KUNIT_EXPECT_EQ(test, 4U, route->nr_sets);
	KUNIT_EXPECT_PTR_EQ(test, NULL, route->only);
	KUNIT_EXPECT_TRUE(test, trie_confirms(trie, route, exact));
	/* What does not match does not matter. */
	KUNIT_EXPECT_FALSE(test, blipmq_trie_put(trie, leaf[3]));
	KUNIT_EXPECT_NE(test, route->seen, 0UL);
	KUNIT_EXPECT_TRUE(test, trie_confirms(trie, route, exact));
	KUNIT_EXPECT_FALSE(test, blipmq_route_has_dead(route));
	/* A pattern that goes is held by the route until that goes, too. */
	set = leaf[1]->set;
	KUNIT_EXPECT_TRUE(test, blipmq_trie_put(trie, leaf[1]));
	KUNIT_EXPECT_FALSE(test, trie_confirms(trie, route, exact));
	KUNIT_EXPECT_TRUE(test, blipmq_route_has_dead(route));
	KUNIT_EXPECT_EQ(test, 1U, refcount_read(&set->refs));
	blipmq_route_put(route);
	KUNIT_EXPECT_EQ(test, 1U, refcount_read(&exact->refs));
	blipmq_trie_put(trie, leaf[0]);
	blipmq_trie_put(trie, leaf[2]);
	blipmq_trie_destroy(trie);
	blipmq_set_put(exact);
}

/* As if all but one were there: making a million takes minutes. */
static void trie_is_bounded(struct kunit *test)
{
	struct blipmq_trie *trie = kunit_kzalloc(test, sizeof(*trie),
						 GFP_KERNEL);
	struct blipmq_trie_node *leaf[3];
	u32 others = BLIPMQ_TRIE_COST_MAX - 1;
	int nodes;

	KUNIT_ASSERT_NOT_NULL(test, trie);
	KUNIT_ASSERT_EQ(test, 0, blipmq_trie_init(trie));
	trie->cost = others;
	leaf[0] = trie_get(trie, "a.*");
	KUNIT_ASSERT_FALSE(test, IS_ERR(leaf[0]));
	KUNIT_EXPECT_EQ(test, BLIPMQ_TRIE_COST_MAX, trie->cost);
	nodes = atomic_read(&trie->nodes.nelems);
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-ENOBUFS), trie_get(trie, "b.c.*"));
	/* Nothing of it is left. */
	KUNIT_EXPECT_EQ(test, nodes, atomic_read(&trie->nodes.nelems));
	/* Another of one that is there is none more. */
	leaf[1] = trie_get(trie, "a.*");
	KUNIT_EXPECT_PTR_EQ(test, leaf[0], leaf[1]);
	blipmq_trie_put(trie, leaf[0]);
	blipmq_trie_put(trie, leaf[1]);
	leaf[2] = trie_get(trie, "b.c.*");
	KUNIT_ASSERT_FALSE(test, IS_ERR(leaf[2]));
	blipmq_trie_put(trie, leaf[2]);
	KUNIT_EXPECT_EQ(test, others, trie->cost);
	trie->cost -= others;
	blipmq_trie_destroy(trie);
}

/* What a walk may come to is what counts, not how many patterns that is. */
static void trie_counts_tokens(struct kunit *test)
{
	static const char eight[] = "a.*.a.*.a.*.a.>", nine[] = "a.a.a.a.a.a.a.a.a";
	struct blipmq_trie *trie = kunit_kzalloc(test, sizeof(*trie),
						 GFP_KERNEL);
	struct blipmq_trie_node *leaf[2];
	u32 steps = 5;

	KUNIT_ASSERT_NOT_NULL(test, trie);
	KUNIT_ASSERT_EQ(test, 0, blipmq_trie_init(trie));
	leaf[0] = trie_get(trie, eight);
	KUNIT_ASSERT_FALSE(test, IS_ERR(leaf[0]));
	KUNIT_EXPECT_EQ(test, 1U, trie->cost);
	leaf[1] = trie_get(trie, nine);
	KUNIT_ASSERT_FALSE(test, IS_ERR(leaf[1]));
	KUNIT_EXPECT_EQ(test, 3U, trie->cost);
	rcu_read_lock();
	KUNIT_EXPECT_FALSE(test, blipmq_trie_matches(trie, "a.a.x", 5, &steps));
	/* The root, a, and each of a and '*' below it. */
	KUNIT_EXPECT_EQ(test, 5U + 4, steps);
	rcu_read_unlock();
	trie->cost = BLIPMQ_TRIE_COST_MAX - 1;
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-ENOBUFS),
			    trie_get(trie, "b.b.b.b.b.b.b.b.*"));
	trie->cost = 3;
	blipmq_trie_put(trie, leaf[1]);
	KUNIT_EXPECT_EQ(test, 1U, trie->cost);
	blipmq_trie_put(trie, leaf[0]);
	blipmq_trie_destroy(trie);
}

static struct kunit_case trie_test_cases[] = {
	KUNIT_CASE(trie_random),
	KUNIT_CASE(trie_generations),
	KUNIT_CASE(trie_routes),
	KUNIT_CASE(trie_is_bounded),
	KUNIT_CASE(trie_counts_tokens),
	{}
};

struct kunit_suite blipmq_trie_suite = {
	.name = "blipmq_trie",
	.test_cases = trie_test_cases,
};
