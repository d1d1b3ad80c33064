// SPDX-License-Identifier: GPL-2.0
/*
 * The frame codec, and the verdicts on frames: a table, and random frames
 * beside a slow reading of the rules.
 */
#include "frame.h"
#include "pattern.h"
#include "suites.h"

#define PAYLOAD_MAX	1000U
#define RANDOM_FRAMES	200000

/**
 * struct frame_case - a frame, and the code that it gets
 * @name: what it is about
 * @op: operation
 * @flags: flags
 * @reserved: reserved bytes
 * @topic: topic, which gives topic_len unless @topic_len does
 * @topic_len: what the header says instead
 * @body: body
 * @body_len: its bytes
 * @extra: added to the size that follows from topic and body
 * @code: the verdict
 */
struct frame_case {
	const char	*name;
	u8		op;
	u8		flags;
	u16		reserved;
	const char	*topic;
	u8		topic_len;
	const char	*body;
	u32		body_len;
	s32		extra;
	u16		code;
};

#define ZEROS	"\0\0\0\0\0\0\0\0"
#define OP(x)	BLIPMQ_OP_##x

static const struct frame_case frame_cases[] = {
	{ "pub", OP(PUB), 0, 0, "a.b", 0, ZEROS, 8, 0, 0 },
	{ "pub_confirm", OP(PUB), 1, 0, "a", 0, ZEROS, 8, 0, 0 },
	{ "pub_payload_at_limit", OP(PUB), 0, 0, "a", 0, ZEROS, 8, 1000, 0 },
	{ "pub_payload_over_limit", OP(PUB), 0, 0, "a", 0, ZEROS, 8, 1001,
	  413 },
	{ "pub_without_fixed_part", OP(PUB), 0, 0, "a", 0, ZEROS, 7, 0, 400 },
	{ "pub_topic_past_the_end", OP(PUB), 0, 0, "a", 200, ZEROS, 8, 0,
	  400 },
	{ "pub_no_topic", OP(PUB), 0, 0, "", 0, ZEROS, 8, 0, 422 },
	{ "pub_wildcard", OP(PUB), 0, 0, "a.*", 0, ZEROS, 8, 0, 422 },
	{ "pub_retain", OP(PUB), 2, 0, "a", 0, ZEROS, 8, 0, 0 },
	{ "pub_ttl", OP(PUB), 0, 0, "a", 0, "\1\0\0\0\0\0\0\0", 8, 0, 0 },
	{ "pub_ttl_never", OP(PUB), 0, 0, "a", 0,
	  "\377\377\377\377\0\0\0\0", 8, 0, 0 },
	{ "pub_reserved", OP(PUB), 0, 0x8000, "a", 0, ZEROS, 8, 0, 400 },
	{ "form_before_limit", OP(PUB), 0, 1, "a", 0, ZEROS, 8, 1001, 400 },
	{ "size_below_header", OP(PING), 0, 0, "", 0, "", 0, -1, 400 },
	{ "sub", OP(SUB), 1, 0, "a.b", 0, "", 0, 0, 0 },
	{ "sub_pattern", OP(SUB), 0, 0, "a.>", 0, "", 0, 0, 0 },
	{ "sub_group", OP(SUB), 0, 0, "a", 0, "\1g", 2, 0, 0 },
	{ "sub_group_empty", OP(SUB), 0, 0, "a", 0, "\0", 1, 0, 400 },
	{ "sub_group_cut", OP(SUB), 0, 0, "a", 0, "\2g", 2, 0, 400 },
	{ "sub_group_invalid", OP(SUB), 0, 0, "a", 0, "\1*", 2, 0, 422 },
	{ "sub_retain", OP(SUB), 2, 0, "a", 0, "", 0, 0, 400 },
	{ "unsub_empty_token", OP(UNSUB), 0, 0, "a..b", 0, "", 0, 0, 422 },
	{ "quit", OP(QUIT), 0, 0, "", 0, "", 0, 0, 0 },
	{ "quit_with_body", OP(QUIT), 0, 0, "", 0, "x", 1, 0, 400 },
	{ "quit_with_topic", OP(QUIT), 0, 0, "a", 0, "", 0, 0, 400 },
	{ "ping", OP(PING), 0, 0, "", 0, "1234", 4, 0, 0 },
	{ "ping_too_long", OP(PING), 0, 0, "", 0, "", 0, 65, 400 },
	{ "option", OP(OPTION), 1, 0, "", 0, "\1\0\1\0\0\0", 6, 0, 0 },
	{ "option_cut", OP(OPTION), 0, 0, "", 0, "\1", 1, 0, 400 },
	{ "auth", OP(AUTH), 0, 0, "", 0, "", 0, 0, 501 },
	{ "acked", OP(SUB), 4, 0, "a", 0, "", 0, 0, 501 },
	{ "redelivered", OP(PUB), 8, 0, "a", 0, ZEROS, 8, 0, 501 },
	{ "control_over_limit", OP(SUB), 0, 0, "a", 0, "", 0, 767, 413 },
	{ "ack_from_a_client", OP(ACK), 0, 0, "a", 0, ZEROS, 4, 0, 400 },
	{ "msg_from_a_client", OP(MSG), 0, 0, "a", 0, ZEROS, 8, 0, 400 },
	{ "unknown_operation", 13, 0, 0, "", 0, "", 0, 0, 400 },
};

static void frame_case_name(const struct frame_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(frame, frame_cases, frame_case_name);

static u16 frame_judge(const struct blipmq_frame *f, const u8 *topic,
		       const u8 *body, u32 body_avail)
{
	struct blipmq_verdict v = blipmq_frame_check_header(f, PAYLOAD_MAX);

	if (!v.code)
		v = blipmq_frame_check_body(f, topic, body, body_avail,
					    false);
	return v.code;
}

static void frame_verdict(struct kunit *test)
{
	const struct frame_case *c = test->param_value;
	u32 topic_len = strlen(c->topic);
	struct blipmq_frame f = {
		.size = 8 + topic_len + c->body_len + c->extra,
		.reserved = c->reserved,
		.op = c->op,
		.flags = c->flags,
		.topic_len = c->topic_len ?: topic_len,
	};

	KUNIT_EXPECT_EQ(test, c->code,
			frame_judge(&f, c->topic, c->body, c->body_len));
}

static void frame_codec(struct kunit *test)
{
	struct blipmq_frame f;
	struct rnd_state rnd;
	u8 wire[8], fixed[8];
	int i;

	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	for (i = 0; i < 1000; i++) {
		u8 op = blipmq_test_below(&rnd, 16);
		u8 flags = blipmq_test_below(&rnd, 16);
		u8 len = prandom_u32_state(&rnd);
		u32 body = prandom_u32_state(&rnd) >> 1;

		blipmq_frame_encode(wire, op, flags, len, body);
		blipmq_frame_decode(&f, wire);
		KUNIT_ASSERT_EQ(test, f.size, 8 + len + body);
		KUNIT_ASSERT_EQ(test, f.op, op);
		KUNIT_ASSERT_EQ(test, f.flags, flags);
		KUNIT_ASSERT_EQ(test, f.topic_len, len);
		KUNIT_ASSERT_EQ(test, f.reserved, 0);
	}
	blipmq_frame_encode(wire, OP(PUB), 3, 1, 9);
	blipmq_frame_to_msg(wire, fixed, 0x1122334455667788ULL);
	KUNIT_EXPECT_EQ(test, wire[4], OP(MSG) << 4);
	KUNIT_EXPECT_EQ(test, blipmq_get_le32(wire), 18U);
	KUNIT_EXPECT_EQ(test, blipmq_get_le64(fixed), 0x1122334455667788ULL);
	KUNIT_EXPECT_EQ(test, fixed[0], 0x88);
}

/* The rules of the protocol once more, one after the other. */
static u16 frame_twin(const struct blipmq_frame *f, const u8 *topic,
		      const u8 *body)
{
	static const char flags_of[16] = {
		[OP(PUB)] = 15, [OP(SUB)] = 13, [OP(UNSUB)] = 13,
		[OP(QUIT)] = 12, [OP(PING)] = 12, [OP(PONG)] = 12,
		[OP(AUTH)] = 13, [OP(OPTION)] = 13,
	};
	bool named = f->op >= OP(PUB) && f->op <= OP(UNSUB);
	u32 len, head = 8 + f->topic_len;

	if (f->size < 8 || f->reserved || !flags_of[f->op] ||
	    f->flags & ~flags_of[f->op])
		return 400;
	if (f->op == OP(PUB) ? f->size > head + 8 + PAYLOAD_MAX :
			       f->size > 8 + 255 + 512)
		return 413;
	if (f->size < head || (f->topic_len && !named))
		return 400;
	len = f->size - head;
	if ((f->op == OP(PUB) && len < 8) || (f->op == OP(QUIT) && len) ||
	    ((f->op == OP(PING) || f->op == OP(PONG)) && len > 64) ||
	    (f->op == OP(OPTION) && (len < 2 || len > 512)) ||
	    (f->op == OP(AUTH) && len > 512))
		return 400;
	if (f->op == OP(SUB) || f->op == OP(UNSUB)) {
		if (len && (!body[0] || len != 1 + body[0]))
			return 400;
		if (!blipmq_pattern_valid(topic, f->topic_len) ||
		    (len && !blipmq_topic_valid(body + 1, body[0])))
			return 422;
	}
	if (f->op == OP(PUB) && !blipmq_topic_valid(topic, f->topic_len))
		return 422;
	return f->op == OP(AUTH) || f->flags & 12 ? 501 : 0;
}

/* Frames that are mostly in order: pure noise is always refused at once. */
static void frame_random(struct kunit *test)
{
	static const char letters[] = "ab.*>\0\xc3\xa9 ";
	u8 *bytes = kunit_kzalloc(test, 2048, GFP_KERNEL);
	u32 *seen = kunit_kcalloc(test, 600, sizeof(*seen), GFP_KERNEL);
	struct rnd_state rnd;
	int i, k;

	KUNIT_ASSERT_TRUE(test, bytes && seen);
	prandom_seed_state(&rnd, BLIPMQ_TEST_SEED);
	for (i = 0; i < RANDOM_FRAMES; i++) {
		u32 topic_len = blipmq_test_below(&rnd, 6);
		u32 body_len = blipmq_test_below(&rnd, 20);
		struct blipmq_frame f = {
			.size = 8 + topic_len + body_len,
			.op = blipmq_test_below(&rnd, 16),
			.flags = blipmq_test_below(&rnd, 4) ? 0 :
				 blipmq_test_below(&rnd, 16),
			.topic_len = topic_len,
			.reserved = blipmq_test_below(&rnd, 50) == 0,
		};
		u16 got, want;

		if (!blipmq_test_below(&rnd, 20))
			f.size = blipmq_test_below(&rnd, 2048);
		if (!blipmq_test_below(&rnd, 20))
			f.topic_len = prandom_u32_state(&rnd);
		for (k = 0; k < topic_len; k++)
			bytes[k] = letters[blipmq_test_below(&rnd,
						sizeof(letters) - 1)];
		for (k = topic_len; k < topic_len + body_len; k++)
			bytes[k] = blipmq_test_below(&rnd, 3) ? 0 :
				   blipmq_test_below(&rnd, 20);
		got = frame_judge(&f, bytes, bytes + f.topic_len,
				  f.size - min_t(u32, f.size,
						 8 + f.topic_len));
		want = frame_twin(&f, bytes, bytes + f.topic_len);
		KUNIT_ASSERT_EQ_MSG(test, got, want,
				    "op %u flags %u size %u topic_len %u",
				    f.op, f.flags, f.size, f.topic_len);
		seen[got]++;
	}
	/* Each verdict came up, or the run says nothing. */
	KUNIT_EXPECT_GT(test, seen[0], 1000U);
	KUNIT_EXPECT_GT(test, seen[400], 1000U);
	KUNIT_EXPECT_GT(test, seen[413], 100U);
	KUNIT_EXPECT_GT(test, seen[422], 1000U);
	KUNIT_EXPECT_GT(test, seen[501], 1000U);
}

static struct kunit_case frame_test_cases[] = {
	KUNIT_CASE_PARAM(frame_verdict, frame_gen_params),
	KUNIT_CASE(frame_codec),
	KUNIT_CASE(frame_random),
	{}
};

struct kunit_suite blipmq_frame_suite = {
	.name = "blipmq_frame",
	.test_cases = frame_test_cases,
};
