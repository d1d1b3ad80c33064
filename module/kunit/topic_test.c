// SPDX-License-Identifier: GPL-2.0
/*
 * Topics by name: found while somebody uses them and a while longer, counted,
 * limited.
 */
#include <net/net_namespace.h>

#include "netns.h"
#include "suites.h"
#include "topic.h"

#define NAMES	200
#define STEPS	20000

static u8 topic_name(char *name, u32 n)
{
	return sprintf(name, "kunit.%u.%.*s", n, (int)(n % 200),
		       "0123456789abcdef0123456789abcdef0123456789abcdef"
		       "0123456789abcdef0123456789abcdef0123456789abcdef"
		       "0123456789abcdef0123456789abcdef0123456789abcdef"
		       "0123456789abcdef0123456789abcdef0123456789abcdef");
}

static struct blipmq_topic *topic_find(struct blipmq_net *ns, const char *name,
				       u8 len)
{
	struct blipmq_topic *topic;

	rcu_read_lock();
	topic = blipmq_topic_find(ns, name, len);
	rcu_read_unlock();
	return topic;
}

static void topic_names(struct kunit *test)
{
	struct blipmq_net *ns = blipmq_net_of(&init_net);
	struct blipmq_topic *a, *b, *c;

	KUNIT_EXPECT_PTR_EQ(test, NULL, topic_find(ns, "kunit.a", 7));
	a = blipmq_topic_get(ns, NULL, "kunit.a", 7);
	b = blipmq_topic_get(ns, NULL, "kunit.ab", 8);
	c = blipmq_topic_get(ns, NULL, "kunit.ab", 7);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a) || IS_ERR(b) || IS_ERR(c));
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_PTR_EQ(test, a, c);
	KUNIT_EXPECT_EQ(test, a->users, 2U);
	KUNIT_EXPECT_PTR_EQ(test, a, topic_find(ns, "kunit.a", 7));
	KUNIT_EXPECT_PTR_EQ(test, b, topic_find(ns, "kunit.ab", 8));
	KUNIT_EXPECT_PTR_EQ(test, NULL, topic_find(ns, "kunit.abc", 9));
	KUNIT_EXPECT_PTR_EQ(test, NULL, topic_find(ns, "kunit.", 6));
	blipmq_topic_put(ns, a);
	blipmq_topic_put(ns, b);
	blipmq_topic_put(ns, c);
}

static void topic_random(struct kunit *test)
{
	struct blipmq_net *ns = blipmq_net_of(&init_net);
	struct blipmq_topic **topics;
	u32 *users, i, n;
	struct rnd_state rnd;
	char name[256];
	u8 len;

	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	topics = kunit_kcalloc(test, NAMES, sizeof(*topics), GFP_KERNEL);
	users = kunit_kcalloc(test, NAMES, sizeof(*users), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, topics && users);
	for (i = 0; i < STEPS; i++) {
		n = blipmq_test_below(&rnd, NAMES);
		len = topic_name(name, n);
		if (blipmq_test_below(&rnd, 2) || !users[n]) {
			struct blipmq_topic *t = blipmq_topic_get(ns, NULL, name,
								  len);

			KUNIT_ASSERT_FALSE(test, IS_ERR(t));
			/* While it is used there is one of that name. */
			if (users[n])
				KUNIT_ASSERT_PTR_EQ(test, t, topics[n]);
			topics[n] = t;
			users[n]++;
			KUNIT_ASSERT_EQ(test, t->name_len, len);
			KUNIT_ASSERT_EQ(test, 0, memcmp(t->name, name, len));
		} else {
			blipmq_topic_put(ns, topics[n]);
			users[n]--;
		}
		if (users[n]) {
			KUNIT_ASSERT_EQ(test, topics[n]->users, users[n]);
			KUNIT_ASSERT_PTR_EQ(test, topics[n],
					    topic_find(ns, name, len));
		}
	}
	for (n = 0; n < NAMES; n++)
		while (users[n]--)
			blipmq_topic_put(ns, topics[n]);
}

/* One that nobody uses lingers, and comes back as it was. */
static void topic_lingers(struct kunit *test)
{
	struct blipmq_net *ns = blipmq_net_of(&init_net);
	struct blipmq_topic *a, *b;

	a = blipmq_topic_get(ns, NULL, "kunit.linger", 12);
	KUNIT_ASSERT_FALSE(test, IS_ERR(a));
	blipmq_topic_put(ns, a);
	KUNIT_EXPECT_PTR_EQ(test, a, topic_find(ns, "kunit.linger", 12));
	b = blipmq_topic_get(ns, NULL, "kunit.linger", 12);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	KUNIT_EXPECT_EQ(test, a->users, 1U);
	KUNIT_EXPECT_TRUE(test, list_empty(&a->idle));
	blipmq_topic_put(ns, b);
}

/* At the limit those that linger give way, the oldest first; then it holds. */
static void topic_limit(struct kunit *test)
{
	struct blipmq_net *ns = blipmq_net_of(&init_net);
	struct blipmq_topic **held, *again;
	u32 limit = ns->limits.topics, full, i, n;
	char name[256];
	u8 len;

	topic_lingers(test);
	full = ns->nr_topics;
	ns->limits.topics = full;
	held = kunit_kcalloc(test, full + 1, sizeof(*held), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, held);
	for (n = 0; n <= full; n++) {
		len = sprintf(name, "kunit.limit.%u", n);
		held[n] = blipmq_topic_get(ns, NULL, name, len);
		if (IS_ERR(held[n]))
			break;
		KUNIT_EXPECT_EQ(test, ns->nr_topics, full);
	}
	KUNIT_EXPECT_GT(test, n, 0U);
	KUNIT_ASSERT_LE(test, n, full);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(held[n]), -ENOBUFS);
	KUNIT_EXPECT_TRUE(test, list_empty(&ns->idle_topics));
	/* One that is there can be used by more. */
	again = blipmq_topic_get(ns, NULL, "kunit.limit.0", 13);
	KUNIT_EXPECT_PTR_EQ(test, again, held[0]);
	blipmq_topic_put(ns, again);
	for (i = 0; i < n; i++)
		blipmq_topic_put(ns, held[i]);
	ns->limits.topics = limit;
}

static struct kunit_case topic_test_cases[] = {
	KUNIT_CASE(topic_names),
	KUNIT_CASE(topic_random),
	KUNIT_CASE(topic_limit),
	KUNIT_CASE(topic_lingers),
	{}
};

struct kunit_suite blipmq_topic_suite = {
	.name = "blipmq_topic",
	.test_cases = topic_test_cases,
};
