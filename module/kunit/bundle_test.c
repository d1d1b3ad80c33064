// SPDX-License-Identifier: GPL-2.0
/*
 * Bundles: what is put in comes out, wherever skbs and pages end, and the
 * account of memory returns to where it was.
 */
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/net_namespace.h>

#include "bundle.h"
#include "netns.h"
#include "suites.h"

#define BYTES_MAX	SZ_1M
#define ROUNDS		60

static const u32 bundle_sizes[] = {
	1, 8, 64, 1023, 1024, 1025, 4095, 4096, 4097, 16000,
	65535, 65536, 65537, 131072, 200001, 1048576,
};

static void bundle_size_name(const u32 *size, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%u_bytes", *size);
}

KUNIT_ARRAY_PARAM(bundle, bundle_sizes, bundle_size_name);

static s64 bundle_memory(void)
{
	return percpu_counter_sum(&blipmq_net_of(&init_net)->memory);
}

static u8 *bundle_bytes(struct kunit *test)
{
	u8 *bytes = kvmalloc(BYTES_MAX, GFP_KERNEL);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	prandom_bytes_state(&rnd, bytes, BYTES_MAX);
	return bytes;
}

static int bundle_fill(struct sk_buff *b, u32 offset, u8 *from, u32 len)
{
	struct kvec vec = { .iov_base = from, .iov_len = len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, len);
	return blipmq_bundle_fill(b, offset, &iter, len);
}

static bool bundle_same(struct sk_buff *b, const u8 *bytes, u32 len)
{
	u8 *got = kvmalloc(len, GFP_KERNEL);
	bool same;

	same = got && !skb_copy_bits(b, 0, got, len) &&
	       !memcmp(got, bytes, len);
	kvfree(got);
	return same;
}

static struct blipmq_sender *bundle_sender(struct kunit *test)
{
	struct blipmq_sender *s;

	s = blipmq_sender_create(blipmq_net_of(&init_net), GLOBAL_ROOT_UID,
				 GLOBAL_ROOT_GID, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	return s;
}

static void bundle_whole(struct kunit *test)
{
	u32 size = *(const u32 *)test->param_value;
	struct blipmq_sender *s = bundle_sender(test);
	u8 *bytes = bundle_bytes(test);
	s64 before = bundle_memory();
	struct sk_buff *b;

	b = blipmq_bundle_alloc(s, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, b->len, size);
	KUNIT_EXPECT_GE(test, skb_headlen(b),
			min(size, BLIPMQ_BUNDLE_HEAD));
	if (size <= BLIPMQ_BUNDLE_LINEAR)
		KUNIT_EXPECT_FALSE(test, skb_is_nonlinear(b));
	KUNIT_EXPECT_EQ(test, 0, bundle_fill(b, 0, bytes, size));
	KUNIT_EXPECT_TRUE(test, bundle_same(b, bytes, size));
	/* What it holds is counted, and no less. */
	KUNIT_EXPECT_GE(test, blipmq_bundle_cb(b)->charge, size);
	KUNIT_EXPECT_EQ(test, bundle_memory() - before,
			(s64)blipmq_bundle_cb(b)->charge);
	blipmq_bundle_seal(b, size, 1);
	KUNIT_EXPECT_EQ(test, blipmq_bundle_cb(b)->len, size);
	blipmq_bundle_get(b, 3);
	blipmq_bundle_put(b);
	blipmq_bundle_put(b);
	blipmq_bundle_put(b);
	KUNIT_EXPECT_TRUE(test, bundle_same(b, bytes, size));
	blipmq_bundle_put(b);
	KUNIT_EXPECT_EQ(test, bundle_memory(), before);
	blipmq_sender_retire(s);
	kvfree(bytes);
}

/* A frame that grows with what comes, as unfinished ones do. */
static void bundle_grows(struct kunit *test)
{
	struct blipmq_sender *s = bundle_sender(test);
	u8 *bytes = bundle_bytes(test);
	s64 before = bundle_memory();
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	for (i = 0; i < ROUNDS; i++) {
		u32 room = 1 + blipmq_test_below(&rnd, BLIPMQ_BUNDLE_HEAD);
		u32 want = room + blipmq_test_below(&rnd, BYTES_MAX - room);
		struct sk_buff *b = blipmq_bundle_alloc(s, room, GFP_KERNEL);
		u32 have = 0;

		KUNIT_ASSERT_NOT_NULL(test, b);
		while (have < want) {
			u32 n = 1 + blipmq_test_below(&rnd, 80000);

			if (have == room) {
				u32 more = min(want - room,
					       1 + blipmq_test_below(&rnd,
								     SZ_64K));

				KUNIT_ASSERT_EQ(test, 0,
						blipmq_bundle_extend(b, more,
								GFP_KERNEL));
				room += more;
				KUNIT_ASSERT_EQ(test, b->len, room);
			}
			n = min(n, min(room, want) - have);
			KUNIT_ASSERT_EQ(test, 0, bundle_fill(b, have,
							     bytes + have, n));
			have += n;
		}
		KUNIT_ASSERT_TRUE(test, bundle_same(b, bytes, want));
		KUNIT_ASSERT_EQ(test, bundle_memory() - before,
				(s64)blipmq_bundle_cb(b)->charge);
		blipmq_bundle_put(b);
		KUNIT_ASSERT_EQ(test, bundle_memory(), before);
	}
	blipmq_sender_retire(s);
	kvfree(bytes);
}

static void bundle_masks(struct kunit *test)
{
	u32 n;

	for (n = 1; n <= BLIPMQ_BUNDLE_FRAMES; n++) {
		KUNIT_EXPECT_EQ(test, hweight64(blipmq_bundle_mask(n)), n);
		KUNIT_EXPECT_TRUE(test, blipmq_bundle_mask(n) & 1);
	}
}

static struct kunit_case bundle_test_cases[] = {
	KUNIT_CASE_PARAM(bundle_whole, bundle_gen_params),
	KUNIT_CASE(bundle_grows),
	KUNIT_CASE(bundle_masks),
	{}
};

struct kunit_suite blipmq_bundle_suite = {
	.name = "blipmq_bundle",
	.test_cases = bundle_test_cases,
};
