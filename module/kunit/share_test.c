// SPDX-License-Identifier: GPL-2.0
/*
 * Shares of users, the account of a publisher, and what a queue reserves.
 */
#include <linux/net.h>
#include <net/net_namespace.h>

#include "netns.h"
#include "queue.h"
#include "sender.h"
#include "sock.h"
#include "suites.h"
#include "user.h"

/* Users that hold all they may, one after the other, get halves of halves. */
static void share_rule(struct kunit *test)
{
	const s64 budget = SZ_1M;
	s64 others = 0;
	int i;

	KUNIT_EXPECT_TRUE(test, blipmq_share_allows(budget, 0, 0, budget / 2));
	KUNIT_EXPECT_FALSE(test, blipmq_share_allows(budget, 0, 0,
						     budget / 2 + 1));
	KUNIT_EXPECT_FALSE(test, blipmq_share_allows(budget, budget / 2, 0, 1));
	KUNIT_EXPECT_FALSE(test, blipmq_share_allows(budget, 0, 2 * budget, 1));
	for (i = 1; i < 20; i++) {
		s64 own = (budget - others) / 2;

		KUNIT_EXPECT_TRUE(test, blipmq_share_allows(budget, 0, others,
							    own));
		KUNIT_EXPECT_FALSE(test, blipmq_share_allows(budget, own,
							     others, 1));
		others += own;
		KUNIT_EXPECT_LT(test, others, budget);
	}
}

static struct blipmq_user *share_user(struct kunit *test, u32 uid)
{
	struct blipmq_user *u;

	u = blipmq_user_get(blipmq_net_of(&init_net), KUIDT_INIT(uid));
	KUNIT_ASSERT_NOT_NULL(test, u);
	return u;
}

/* The counts of others are not known to the byte: a MiB less is enough. */
static void share_of_users(struct kunit *test)
{
	struct blipmq_net *ns = blipmq_net_of(&init_net);
	struct blipmq_user *a = share_user(test, 70001);
	struct blipmq_user *b = share_user(test, 70002);
	u64 budget = ns->limits.share_bytes;
	s64 held = 0;

	KUNIT_EXPECT_PTR_EQ(test, a, share_user(test, 70001));
	blipmq_user_put(a);
	ns->limits.share_bytes = SZ_64M;
	while (blipmq_user_reserve(a, SZ_1M))
		held += SZ_1M;
	KUNIT_EXPECT_LE(test, held, (s64)SZ_32M);
	KUNIT_EXPECT_GE(test, held, (s64)SZ_32M - SZ_1M);
	KUNIT_EXPECT_TRUE(test, blipmq_user_reserve(b, SZ_16M - SZ_1M));
	KUNIT_EXPECT_FALSE(test, blipmq_user_reserve(b, SZ_2M));
	blipmq_user_charge(a, -held);
	KUNIT_EXPECT_TRUE(test, blipmq_user_reserve(b, SZ_16M));
	blipmq_user_charge(b, -percpu_counter_sum(&b->held));
	ns->limits.share_bytes = budget;
	blipmq_user_put(a);
	blipmq_user_put(b);
	KUNIT_EXPECT_NULL(test, xa_load(&ns->users, 70001));
}

static void share_of_a_queue(struct kunit *test)
{
	struct blipmq_user *u;
	struct blipmq_queue *q;
	struct socket *sock;
	s64 before;

	KUNIT_ASSERT_EQ(test, 0, sock_create(blipmq_family, SOCK_STREAM, 0,
					     &sock));
	q = &blipmq_sk(sock->sk)->queue;
	u = q->user;
	before = percpu_counter_sum(&u->held);
	KUNIT_EXPECT_EQ(test, q->reserved, 0ULL);
	rcu_read_lock();
	KUNIT_EXPECT_TRUE(test, blipmq_queue_reserve(q, 100));
	KUNIT_EXPECT_EQ(test, q->reserved, (u64)BLIPMQ_QUEUE_IDLE);
	KUNIT_EXPECT_TRUE(test, blipmq_queue_reserve(q, SZ_1M));
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, q->reserved, (u64)SZ_1M + SZ_64K);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(&u->held) - before,
			(s64)q->reserved);
	/* What waits stays reserved, the rest is given back. */
	atomic64_set(&q->used, blipmq_used(1, SZ_512K));
	blipmq_queue_give_back(q);
	KUNIT_EXPECT_EQ(test, q->reserved, (u64)SZ_512K + SZ_64K);
	atomic64_set(&q->used, 0);
	blipmq_queue_give_back(q);
	KUNIT_EXPECT_EQ(test, q->reserved, (u64)BLIPMQ_QUEUE_IDLE);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(&u->held) - before,
			(s64)BLIPMQ_QUEUE_IDLE);
	sock_release(sock);
}

static void share_of_a_sender(struct kunit *test)
{
	struct blipmq_net *ns = blipmq_net_of(&init_net);
	u64 limit = ns->limits.flight_bytes;
	struct blipmq_sender *s;
	u64 flight = 0;

	s = blipmq_sender_create(ns, GLOBAL_ROOT_UID, GLOBAL_ROOT_GID, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	ns->limits.flight_bytes = SZ_1M;
	while (blipmq_sender_admits(s, 0) && flight < SZ_16M) {
		blipmq_sender_charge(s, 1000);
		flight += 1000;
		KUNIT_ASSERT_EQ(test, atomic64_read(&s->bytes) - s->credit -
				BLIPMQ_SENDER_BIAS, (s64)flight);
	}
	KUNIT_EXPECT_GE(test, flight, (u64)SZ_1M);
	KUNIT_EXPECT_LE(test, flight, (u64)SZ_1M + SZ_64K + 1000);
	/* The bundle that is judged does not stand in its own way. */
	KUNIT_EXPECT_TRUE(test, blipmq_sender_admits(s, SZ_64K + 1000));
	s->over = true;
	KUNIT_EXPECT_FALSE(test, blipmq_sender_admits(s, 0));
	blipmq_sender_uncharge(s, flight - 1000);
	KUNIT_EXPECT_TRUE(test, blipmq_sender_admits(s, 0));
	ns->limits.flight_bytes = limit;
	/* It is freed with its last byte: the leak detector watches. */
	blipmq_sender_retire(s);
	blipmq_sender_charge(s, 500);
	blipmq_sender_uncharge(s, 500);
	blipmq_sender_uncharge(s, 1000);
}

static struct kunit_case share_test_cases[] = {
	KUNIT_CASE(share_rule),
	KUNIT_CASE(share_of_users),
	KUNIT_CASE(share_of_a_queue),
	KUNIT_CASE(share_of_a_sender),
	{}
};

struct kunit_suite blipmq_share_suite = {
	.name = "blipmq_share",
	.test_cases = share_test_cases,
};
