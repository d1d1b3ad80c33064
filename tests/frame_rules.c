// SPDX-License-Identifier: GPL-2.0
/*
 * Unit test of module/frame.c, in user space: the codec, and which verdict a
 * frame gets. What a broker answers to the same is tested by protocol.c.
 */
#include "harness.h"
#include "../module/frame.h"
#include "../module/pattern.h"

#define MAX	1000U	/* payload limit in these tests */

/* The verdict on a frame, as the module reaches it: header, then body. */
static u16 judge(u32 size, u8 op, u8 flags, u8 topic_len, u16 reserved,
		 const char *topic, const void *body, u32 body_len)
{
	struct blipmq_frame f = {
		.size = size, .op = op, .flags = flags,
		.topic_len = topic_len, .reserved = reserved,
	};
	struct blipmq_verdict v = blipmq_frame_check_header(&f, MAX);

	if (!v.code)
		v = blipmq_frame_check_body(&f, (const u8 *)topic, body,
					    body_len, false);
	/* A refusal says why; what is in order has nothing to say. */
	if (!v.code != !v.text)
		return 0xffff;
	return v.code;
}

static u16 judge_sub(u8 flags, const char *topic, const char *body,
		     u32 body_len)
{
	u8 len = (u8)strlen(topic);

	return judge(8 + len + body_len, BLIPMQ_OP_SUB, flags, len, 0, topic,
		     body, body_len);
}

TEST(frame_integers)
{
	u8 b[8];

	blipmq_put_le64(b, 0x1122334455667788ULL);
	EXPECT_EQ(0x88, b[0]);
	EXPECT_EQ(0x11, b[7]);
	EXPECT_EQ(0x1122334455667788ULL, blipmq_get_le64(b));
	EXPECT_EQ(0x55667788U, blipmq_get_le32(b));
	EXPECT_EQ(0x7788, blipmq_get_le16(b));
	blipmq_put_le32(b, 0xfffffffeU);
	EXPECT_EQ(0xfffffffeU, blipmq_get_le32(b));
	EXPECT_EQ(0x11223344U, blipmq_get_le32(b + 4));
	blipmq_put_le16(b + 1, 0xa55a);
	EXPECT_EQ(0xa55a, blipmq_get_le16(b + 1));
}

TEST(frame_header_on_the_wire)
{
	static const u8 wire[8] = { 0x34, 0x12, 0, 0, 0x1b, 7, 0, 0 };
	struct blipmq_frame f;
	u8 b[8];

	blipmq_frame_encode(b, BLIPMQ_OP_PUB, 11, 7, 0x1234 - 8 - 7);
	EXPECT_EQ(0, memcmp(wire, b, sizeof(wire)));
	blipmq_frame_decode(&f, wire);
	EXPECT_EQ(0x1234U, f.size);
	EXPECT_EQ(BLIPMQ_OP_PUB, f.op);
	EXPECT_EQ(11, f.flags);
	EXPECT_EQ(7, f.topic_len);
	EXPECT_EQ(0, f.reserved);
}

TEST(frame_pub_becomes_msg_in_place)
{
	u8 b[8 + 3 + 8 + 2] = { 0 }, want[sizeof(b)];

	blipmq_frame_encode(b, BLIPMQ_OP_PUB, BLIPMQ_FLAG_CONFIRM, 3, 10);
	memcpy(b + 8, "a.b\1\2\3\4\5\6\7\10hi", 13);
	memcpy(want, b, sizeof(b));
	blipmq_frame_to_msg(b, b + 11, 0x0102030405060708ULL);
	want[4] = 0x60;
	memcpy(want + 11, "\10\7\6\5\4\3\2\1", 8);
	EXPECT_EQ(0, memcmp(want, b, sizeof(b)));
}

TEST(frame_size_below_eight)
{
	u32 size;
	u8 op;

	for (op = 0; op < 16; op++)
		for (size = 0; size < 8; size++)
			EXPECT_EQ(400, judge(size, op, 0, 0, 0, "", "", 0));
}

TEST(frame_reserved)
{
	u16 bit;

	for (bit = 1; bit; bit <<= 1)
		EXPECT_EQ(400, judge(8, BLIPMQ_OP_PING, 0, 0, bit, "", "", 0));
}

TEST(frame_direction)
{
	static const u8 theirs[] = {
		0, BLIPMQ_OP_ACK, BLIPMQ_OP_MSG, BLIPMQ_OP_ERR,
		BLIPMQ_OP_LOST, 13, 14, 15,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(theirs); i++)
		EXPECT_EQ(400, judge(40, theirs[i], 0, 0, 0, "", "", 0));
}

TEST(frame_size_limits)
{
	static const u8 ops[] = {
		BLIPMQ_OP_SUB, BLIPMQ_OP_UNSUB, BLIPMQ_OP_QUIT, BLIPMQ_OP_PING,
		BLIPMQ_OP_PONG, BLIPMQ_OP_AUTH, BLIPMQ_OP_OPTION,
	};
	static const char zeros[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		EXPECT_EQ(413, judge(776, ops[i], 0, 0, 0, "", "", 0));
		EXPECT_EQ(413, judge(U32_MAX, ops[i], 0, 0, 0, "", "", 0));
		/* Allowed by size, but no body is that long. */
		EXPECT_EQ(400, judge(775, ops[i], 0, 0, 0, "", "", 0));
	}
	EXPECT_EQ(0, judge(8 + 1 + 8 + MAX, BLIPMQ_OP_PUB, 0, 1, 0, "a", zeros,
			   8));
	EXPECT_EQ(413, judge(8 + 1 + 8 + MAX + 1, BLIPMQ_OP_PUB, 0, 1, 0, "a",
			     zeros, 8));
	EXPECT_EQ(413, judge(U32_MAX, BLIPMQ_OP_PUB, 0, 255, 0, "a", zeros,
			     8));
	/* The form goes before the limit. */
	EXPECT_EQ(400, judge(U32_MAX, BLIPMQ_OP_PUB, 0, 1, 1, "a", zeros, 8));
	EXPECT_EQ(400, judge(U32_MAX, 0, 0, 1, 0, "a", zeros, 8));
	EXPECT_EQ(400, judge(U32_MAX, BLIPMQ_OP_SUB, 2, 1, 0, "a", zeros, 8));
}

/* Topic and fixed part must fit, whatever topic_len says. */
TEST(frame_topic_past_the_end)
{
	static const char zeros[300];
	unsigned int len;

	for (len = 0; len < 256; len++) {
		EXPECT_EQ(400, judge(8 + len + 7, BLIPMQ_OP_PUB, 0, (u8)len, 0,
				     zeros, zeros, 7));
		if (len)
			EXPECT_EQ(400, judge(8 + len - 1, BLIPMQ_OP_SUB, 0,
					     (u8)len, 0, zeros, zeros, 0));
	}
}

TEST(frame_flags)
{
	/* For each operation, the flags that it defines. */
	static const struct {
		u8 op, defined, fixed;
		const char *topic;
	} ops[] = {
		{ BLIPMQ_OP_PUB, 3, 8, "a" },
		{ BLIPMQ_OP_SUB, 1, 0, "a" },
		{ BLIPMQ_OP_UNSUB, 1, 0, "a" },
		{ BLIPMQ_OP_QUIT, 0, 0, "" },
		{ BLIPMQ_OP_PING, 0, 0, "" },
		{ BLIPMQ_OP_PONG, 0, 0, "" },
		{ BLIPMQ_OP_AUTH, 1, 0, "" },
		{ BLIPMQ_OP_OPTION, 1, 2, "" },
	};
	static const char zeros[8];
	size_t i;
	u8 flags;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		for (flags = 0; flags < 16; flags++) {
			u8 len = (u8)strlen(ops[i].topic);
			u16 want = 0;

			if (flags & 3 & ~ops[i].defined)
				want = 400;
			else if (flags & 12 || ops[i].op == BLIPMQ_OP_AUTH)
				want = 501;
			EXPECT_EQ(want, judge(8 + len + ops[i].fixed,
					      ops[i].op, flags, len, 0,
					      ops[i].topic, zeros,
					      ops[i].fixed));
		}
	}
}

TEST(frame_group_body)
{
	EXPECT_EQ(0, judge_sub(0, "a.b", "", 0));
	EXPECT_EQ(0, judge_sub(0, "a.b", "\1g", 2));
	EXPECT_EQ(0, judge_sub(1, "a.*", "", 0));
	EXPECT_EQ(0, judge_sub(0, "a.>", "\3g.h", 4));
	EXPECT_EQ(400, judge_sub(0, "a.b", "\0", 1));
	EXPECT_EQ(400, judge_sub(0, "a.b", "\1", 1));
	EXPECT_EQ(400, judge_sub(0, "a.b", "\1gh", 3));
	EXPECT_EQ(422, judge_sub(0, "a.b", "\1*", 2));
	EXPECT_EQ(422, judge_sub(0, "a.b", "\2g.", 3));
	/* The form goes before the names. */
	EXPECT_EQ(400, judge_sub(0, "a..b", "\2g", 2));
	EXPECT_EQ(422, judge_sub(0, "a..b", "\1g", 2));
}

TEST(frame_not_built_goes_last)
{
	static const char ttl[8] = "\1", zeros[8], never[8] = "\377\377\377\377";

	EXPECT_EQ(0, judge(17, BLIPMQ_OP_PUB, 1, 1, 0, "a", zeros, 8));
	EXPECT_EQ(0, judge(17, BLIPMQ_OP_PUB, 1, 1, 0, "a", never, 8));
	EXPECT_EQ(0, judge(17, BLIPMQ_OP_PUB, 0, 1, 0, "a", ttl, 8));
	EXPECT_EQ(0, judge(17, BLIPMQ_OP_PUB, 2, 1, 0, "a", zeros, 8));
	EXPECT_EQ(422, judge(17, BLIPMQ_OP_PUB, 2, 1, 0, "*", ttl, 8));
	EXPECT_EQ(422, judge(17, BLIPMQ_OP_PUB, 4, 1, 0, " ", zeros, 8));
	EXPECT_EQ(400, judge(15, BLIPMQ_OP_PUB, 2, 1, 0, "*", ttl, 6));
}

TEST(frame_fatal_codes)
{
	EXPECT_TRUE(blipmq_code_is_fatal(400));
	EXPECT_TRUE(blipmq_code_is_fatal(401));
	EXPECT_TRUE(blipmq_code_is_fatal(413));
	EXPECT_FALSE(blipmq_code_is_fatal(403));
	EXPECT_FALSE(blipmq_code_is_fatal(404));
	EXPECT_FALSE(blipmq_code_is_fatal(422));
	EXPECT_FALSE(blipmq_code_is_fatal(429));
	EXPECT_FALSE(blipmq_code_is_fatal(501));
	EXPECT_FALSE(blipmq_code_is_fatal(503));
}

TEST_HARNESS_MAIN
