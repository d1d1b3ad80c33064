// SPDX-License-Identifier: GPL-2.0
/*
 * Conflation: each topic's last message, in the order in which the topics became
 * new. Random runs have a list of topics as their twin.
 */
#include <linux/bitops.h>
#include <linux/net.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "bundle.h"
#include "queue.h"
#include "sock.h"
#include "suites.h"

#define STEPS		20000
#define TOPICS		50
#define FRAME_BYTES	(BLIPMQ_FRAME_HEADER + 2 + BLIPMQ_FRAME_PUB_FIXED)

/**
 * struct conflate_twin - conflation by the slow and obvious way
 * @topics: those that wait, the longest first
 * @ids: their messages
 * @nr: how many
 * @lost: messages lost since the last one was taken
 * @conflated: messages whose place another one took
 * @overflow: messages lost at all
 */
struct conflate_twin {
	u8	topics[TOPICS];
	u64	ids[TOPICS];
	u32	nr;
	u64	lost;
	u64	conflated;
	u64	overflow;
};

static struct blipmq_queue *conflate_open(struct kunit *test,
					  struct socket **sock, u32 limit)
{
	struct blipmq_sock *bs;

	KUNIT_ASSERT_EQ(test, 0, sock_create(blipmq_family, SOCK_STREAM, 0,
					     sock));
	bs = blipmq_sk((*sock)->sk);
	KUNIT_ASSERT_EQ(test, 0, blipmq_queue_open(&bs->queue));
	mutex_lock(&bs->tx_lock);
	blipmq_queue_set_limits(&bs->queue, limit, SZ_256M);
	mutex_unlock(&bs->tx_lock);
	KUNIT_ASSERT_EQ(test, 0,
			blipmq_test_set_policy(bs, BLIPMQ_OVERFLOW_CONFLATE));
	return &bs->queue;
}

static void conflate_set_policy(struct kunit *test, struct blipmq_queue *q,
				u32 policy)
{
	KUNIT_EXPECT_EQ(test, 0,
			blipmq_test_set_policy(blipmq_queue_sock(q), policy));
}

/* A bundle of a message for each of @topics, with rising numbers from @id. */
static struct sk_buff *conflate_bundle(struct kunit *test,
				       struct blipmq_queue *q,
				       const u8 *topics, u32 nr, u64 id)
{
	struct blipmq_sender *s = blipmq_queue_sock(q)->sender;
	u32 size = nr * FRAME_BYTES, i;
	struct sk_buff *b;
	u8 *at;

	b = blipmq_bundle_alloc(s, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	for (i = 0; i < nr; i++) {
		at = blipmq_bundle_head(b, i * FRAME_BYTES, FRAME_BYTES);
		blipmq_frame_encode(at, BLIPMQ_OP_MSG, 0, 2,
				    BLIPMQ_FRAME_PUB_FIXED);
		at[BLIPMQ_FRAME_HEADER] = 't';
		at[BLIPMQ_FRAME_HEADER + 1] = topics[i];
		blipmq_put_le64(at + BLIPMQ_FRAME_HEADER + 2, id + i);
	}
	blipmq_bundle_seal(b, size, nr);
	return b;
}

static void conflate_push(struct kunit *test, struct blipmq_queue *q,
			  const u8 *topics, u32 nr, u64 mask, u64 id)
{
	struct sk_buff *b = conflate_bundle(test, q, topics, nr, id);

	rcu_read_lock();
	KUNIT_ASSERT_EQ(test, (int)blipmq_queue_push(q, b, mask),
			(int)BLIPMQ_PUSH_KEPT);
	rcu_read_unlock();
}

/* Return: false when there was none. */
static bool conflate_pop(struct blipmq_queue *q, struct blipmq_entry *entry,
			 u8 *topic, u64 *id)
{
	u8 *at;

	if (!blipmq_queue_pop(q, entry))
		return false;
	at = blipmq_bundle_head(entry->bundle,
				__ffs64(entry->mask) * FRAME_BYTES,
				FRAME_BYTES);
	*topic = at[BLIPMQ_FRAME_HEADER + 1];
	*id = blipmq_get_le64(at + BLIPMQ_FRAME_HEADER + 2);
	blipmq_queue_release(q, hweight64(entry->mask),
			     blipmq_bundle_cb(entry->bundle)->charge);
	blipmq_bundle_put(entry->bundle);
	return true;
}

static void conflate_expect(struct kunit *test, struct blipmq_queue *q,
			    u8 topic, u64 id, u64 lost)
{
	struct blipmq_entry entry;
	u64 got_id = 0;
	u8 got = 0;

	KUNIT_ASSERT_TRUE(test, conflate_pop(q, &entry, &got, &got_id));
	KUNIT_EXPECT_EQ(test, got, topic);
	KUNIT_EXPECT_EQ(test, got_id, id);
	KUNIT_EXPECT_EQ(test, entry.lost, lost);
	KUNIT_EXPECT_EQ(test, hweight64(entry.mask), 1UL);
}

/* The place stays, the message is the new one; a limit takes the oldest. */
static void conflate_cases(struct kunit *test)
{
	static const u8 abcab[] = { 'a', 'b', 'c', 'a', 'b' };
	struct blipmq_entry entry;
	struct blipmq_queue *q;
	struct socket *sock;
	u8 topic;
	u64 id;

	q = conflate_open(test, &sock, 100);
	conflate_push(test, q, abcab, 5, 0x1f, 1);
	conflate_push(test, q, abcab, 3, 0x4, 10);
	conflate_expect(test, q, 'a', 4, 0);
	conflate_expect(test, q, 'b', 5, 0);
	conflate_expect(test, q, 'c', 12, 0);
	KUNIT_EXPECT_FALSE(test, conflate_pop(q, &entry, &topic, &id));
	KUNIT_EXPECT_EQ(test, q->dropped[BLIPMQ_DROP_CONFLATED], 3ULL);

	blipmq_queue_set_limits(q, 2, SZ_256M);
	conflate_push(test, q, abcab, 5, 0x1f, 20);
	conflate_expect(test, q, 'b', 24, 1);
	conflate_expect(test, q, 'c', 22, 0);
	KUNIT_EXPECT_FALSE(test, conflate_pop(q, &entry, &topic, &id));
	KUNIT_EXPECT_EQ(test, atomic64_read(&q->used), 0LL);
	sock_release(sock);
}

/* What waited before comes first, and what waits when it ends, is not lost. */
static void conflate_begins_and_ends(struct kunit *test)
{
	static const u8 ab[] = { 'a', 'b' };
	struct blipmq_entry entry;
	struct blipmq_queue *q;
	struct socket *sock;
	u8 topic;
	u64 id;

	q = conflate_open(test, &sock, 1000);
	conflate_set_policy(test, q, BLIPMQ_OVERFLOW_DROP_OLDEST);
	conflate_push(test, q, ab, 1, 1, 1);
	conflate_set_policy(test, q, BLIPMQ_OVERFLOW_CONFLATE);
	conflate_push(test, q, ab, 1, 1, 2);
	conflate_push(test, q, ab, 2, 3, 3);
	conflate_set_policy(test, q, BLIPMQ_OVERFLOW_DROP_OLDEST);
	KUNIT_EXPECT_TRUE(test, blipmq_conflate_empty(q));
	conflate_push(test, q, ab, 1, 1, 5);
	conflate_expect(test, q, 'a', 1, 0);
	/* The two of one bundle went to the ring as one entry. */
	KUNIT_ASSERT_TRUE(test, conflate_pop(q, &entry, &topic, &id));
	KUNIT_EXPECT_EQ(test, entry.mask, 3ULL);
	KUNIT_EXPECT_EQ(test, id, 3ULL);
	conflate_expect(test, q, 'a', 5, 0);
	KUNIT_EXPECT_EQ(test, q->dropped[BLIPMQ_DROP_CONFLATED], 1ULL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&q->used), 0LL);
	sock_release(sock);
}

static void twin_remove(struct conflate_twin *t)
{
	t->nr--;
	memmove(t->topics, t->topics + 1, t->nr);
	memmove(t->ids, t->ids + 1, t->nr * sizeof(u64));
}

static void twin_push(struct conflate_twin *t, u8 topic, u64 id)
{
	u32 i;

	for (i = 0; i < t->nr && t->topics[i] != topic; i++)
		;
	if (i < t->nr)
		t->conflated++;
	t->topics[i] = topic;
	t->ids[i] = id;
	if (i == t->nr)
		t->nr++;
}

static void twin_limit(struct conflate_twin *t, u32 limit)
{
	while (t->nr > limit) {
		twin_remove(t);
		t->lost++;
		t->overflow++;
	}
}

static void conflate_random(struct kunit *test)
{
	struct conflate_twin *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u8 topics[BLIPMQ_BUNDLE_FRAMES], topic = 0;
	struct blipmq_entry entry;
	struct blipmq_queue *q;
	u64 id = 1, mask, got = 0;
	struct rnd_state rnd;
	struct socket *sock;
	u32 i, k, n, limit = 20;

	KUNIT_ASSERT_NOT_NULL(test, t);
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	q = conflate_open(test, &sock, limit);
	for (i = 0; i < STEPS; i++) {
		if (i % 1000 == 999) {
			limit = 1 + blipmq_test_below(&rnd, TOPICS);
			blipmq_queue_set_limits(q, limit, SZ_256M);
			twin_limit(t, limit);
		}
		if (blipmq_test_below(&rnd, 100) < 70) {
			if (!conflate_pop(q, &entry, &topic, &got)) {
				KUNIT_ASSERT_EQ(test, t->nr, 0U);
				continue;
			}
			KUNIT_ASSERT_GT(test, t->nr, 0U);
			KUNIT_ASSERT_EQ(test, topic, t->topics[0]);
			KUNIT_ASSERT_EQ(test, got, t->ids[0]);
			KUNIT_ASSERT_EQ(test, entry.lost, t->lost);
			t->lost = 0;
			twin_remove(t);
			continue;
		}
		n = 1 + blipmq_test_below(&rnd, i % 3 ? 4 : 64);
		mask = BIT_ULL(n - 1) | (blipmq_bundle_mask(n) &
					 prandom_u32_state(&rnd));
		for (k = 0; k < n; k++)
			topics[k] = '0' + blipmq_test_below(&rnd, TOPICS);
		conflate_push(test, q, topics, n, mask, id);
		for (k = 0; k < n; k++)
			if (mask & BIT_ULL(k))
				twin_push(t, topics[k], id + k);
		twin_limit(t, limit);
		id += n;
		KUNIT_ASSERT_EQ(test, (u64)t->nr,
				blipmq_used_messages(atomic64_read(&q->used)));
	}
	KUNIT_EXPECT_EQ(test, q->dropped[BLIPMQ_DROP_CONFLATED], t->conflated);
	KUNIT_EXPECT_EQ(test, q->dropped[BLIPMQ_DROP_OVERFLOW], t->overflow);
	KUNIT_EXPECT_GT(test, t->overflow, 100ULL);
	KUNIT_EXPECT_GT(test, t->conflated, 1000ULL);
	sock_release(sock);
}

static struct kunit_case conflate_test_cases[] = {
	KUNIT_CASE(conflate_cases),
	KUNIT_CASE(conflate_begins_and_ends),
	KUNIT_CASE(conflate_random),
	{}
};

struct kunit_suite blipmq_conflate_suite = {
	.name = "blipmq_conflate",
	.test_cases = conflate_test_cases,
};
