// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The rules of the wire protocol (docs/PROTOCOL.md), in the order in which a
 * frame is judged.
 */
#include "frame.h"
#include "pattern.h"

/**
 * struct op_rules - what an operation may carry
 * @fixed: bytes that its body has at least
 * @body_max: bytes that its body may have
 * @flags: flags that it defines
 * @named: it has a topic or a pattern
 * @from_client: a client may send it
 */
struct op_rules {
	u32	fixed;
	u32	body_max;
	u8	flags;
	bool	named;
	bool	from_client;
};

/* Flags that are set aside for at-least-once delivery, on any operation. */
#define FLAGS_SET_ASIDE	(BLIPMQ_FLAG_ACKED | BLIPMQ_FLAG_REDELIVERED)

static const struct op_rules op_rules[16] = {
	[BLIPMQ_OP_PUB] = {
		.fixed = BLIPMQ_FRAME_PUB_FIXED,
		.body_max = U32_MAX,
		.flags = BLIPMQ_FLAG_CONFIRM | BLIPMQ_FLAG_RETAIN,
		.named = true,
		.from_client = true,
	},
	[BLIPMQ_OP_SUB] = {
		.body_max = 1 + BLIPMQ_FRAME_TOPIC_MAX,
		.flags = BLIPMQ_FLAG_CONFIRM,
		.named = true,
		.from_client = true,
	},
	[BLIPMQ_OP_UNSUB] = {
		.body_max = 1 + BLIPMQ_FRAME_TOPIC_MAX,
		.flags = BLIPMQ_FLAG_CONFIRM,
		.named = true,
		.from_client = true,
	},
	[BLIPMQ_OP_QUIT] = {
		.from_client = true,
	},
	[BLIPMQ_OP_PING] = {
		.body_max = BLIPMQ_FRAME_PING_MAX,
		.from_client = true,
	},
	[BLIPMQ_OP_PONG] = {
		.body_max = BLIPMQ_FRAME_PING_MAX,
		.from_client = true,
	},
	[BLIPMQ_OP_AUTH] = {
		.body_max = 512,
		.flags = BLIPMQ_FLAG_CONFIRM,
		.from_client = true,
	},
	[BLIPMQ_OP_OPTION] = {
		.fixed = 2,
		.body_max = 512,
		.flags = BLIPMQ_FLAG_CONFIRM,
		.from_client = true,
	},
	[BLIPMQ_OP_ACK] = { .fixed = 4 },
	[BLIPMQ_OP_MSG] = { .fixed = 8 },
	[BLIPMQ_OP_ERR] = { .fixed = 6 },
	[BLIPMQ_OP_LOST] = { .fixed = 8 },
};

static struct blipmq_verdict verdict(u16 code, const char *text)
{
	struct blipmq_verdict v = { .code = code, .text = text };

	return v;
}

/**
 * blipmq_frame_check_header() - judge what a client sent by its eight bytes
 * @f: the decoded header
 * @payload_max: the configured limit of a payload, in bytes
 *
 * Return: code 0, 400 or 413, with a text for people.
 */
struct blipmq_verdict blipmq_frame_check_header(const struct blipmq_frame *f,
						u32 payload_max)
{
	const struct op_rules *rules = &op_rules[f->op & 15];
	u32 max = BLIPMQ_FRAME_CONTROL_MAX;

	if (f->size < BLIPMQ_FRAME_HEADER)
		return verdict(BLIPMQ_CODE_MALFORMED,
			       "frame_size is below 8");
	if (f->reserved)
		return verdict(BLIPMQ_CODE_MALFORMED,
			       "reserved bytes are not zero");
	if (!rules->from_client)
		return verdict(BLIPMQ_CODE_MALFORMED, rules->fixed ?
			       "operation is the broker's to send" :
			       "unknown operation");
	if (f->flags & ~(rules->flags | FLAGS_SET_ASIDE))
		return verdict(BLIPMQ_CODE_MALFORMED,
			       "flag is not defined for this operation");
	if (f->op == BLIPMQ_OP_PUB)
		max = BLIPMQ_FRAME_HEADER + f->topic_len +
		      BLIPMQ_FRAME_PUB_FIXED + payload_max;
	if (f->size > max)
		return verdict(BLIPMQ_CODE_TOO_LARGE,
			       "frame is larger than the limit");
	return verdict(BLIPMQ_CODE_OK, NULL);
}

static bool group_body_valid(const u8 *body, u32 len)
{
	return !len || (body[0] && len == 1U + body[0]);
}

/**
 * blipmq_frame_check_body() - judge a whole frame that a client sent
 * @f: the decoded header, which blipmq_frame_check_header() passed
 * @topic: @f->topic_len bytes, when that many fit the frame
 * @body: what follows the topic
 * @body_avail: readable bytes at @body; all of it but for a PUB's payload
 * @known: a PUB to this topic has passed before
 *
 * A verdict of 501 is the last one: the frame is in order, but asks for what
 * is not built.
 *
 * Return: code 0, 400, 422 or 501, with a text for people.
 */
struct blipmq_verdict blipmq_frame_check_body(const struct blipmq_frame *f,
					      const u8 *topic, const u8 *body,
					      u32 body_avail, bool known)
{
	const struct op_rules *rules = &op_rules[f->op & 15];
	u32 len;

	if (f->size < BLIPMQ_FRAME_HEADER + f->topic_len + rules->fixed)
		return verdict(BLIPMQ_CODE_MALFORMED,
			       "topic or body does not fit frame_size");
	if (!rules->named && f->topic_len)
		return verdict(BLIPMQ_CODE_MALFORMED,
			       "operation has no topic");
	len = f->size - BLIPMQ_FRAME_HEADER - f->topic_len;
	if (len > rules->body_max)
		return verdict(BLIPMQ_CODE_MALFORMED,
			       "body is too long for the operation");
	/* A caller that shows less than the fixed part has a fault. */
	if (body_avail < rules->fixed)
		return verdict(BLIPMQ_CODE_MALFORMED, "body is cut off");

	switch (f->op) {
	case BLIPMQ_OP_PUB:
		if (!known && !blipmq_topic_valid(topic, f->topic_len))
			return verdict(BLIPMQ_CODE_INVALID, "invalid topic");
		break;
	case BLIPMQ_OP_SUB:
	case BLIPMQ_OP_UNSUB:
		if (body_avail < len || !group_body_valid(body, len))
			return verdict(BLIPMQ_CODE_MALFORMED,
				       "group_len does not fit the body");
		if (!blipmq_pattern_valid(topic, f->topic_len))
			return verdict(BLIPMQ_CODE_INVALID, "invalid pattern");
		if (len && !blipmq_topic_valid(body + 1, body[0]))
			return verdict(BLIPMQ_CODE_INVALID,
				       "invalid group name");
		break;
	case BLIPMQ_OP_AUTH:
		return verdict(BLIPMQ_CODE_NOT_BUILT, "AUTH is not built yet");
	}
	if (f->flags & FLAGS_SET_ASIDE)
		return verdict(BLIPMQ_CODE_NOT_BUILT,
			       "at-least-once delivery is not built yet");
	return verdict(BLIPMQ_CODE_OK, NULL);
}

/**
 * blipmq_code_is_fatal() - does this error end the connection?
 * @code: enum blipmq_code
 *
 * Return: true when the stream cannot be trusted, or used, any further.
 */
bool blipmq_code_is_fatal(u16 code)
{
	return code == BLIPMQ_CODE_MALFORMED || code == BLIPMQ_CODE_AUTH ||
	       code == BLIPMQ_CODE_TOO_LARGE;
}

/**
 * blipmq_frame_body_fixed() - bytes that an operation's body always has
 * @op: enum blipmq_op
 *
 * Return: the number of bytes, 0 for an unknown operation.
 */
u32 blipmq_frame_body_fixed(u8 op)
{
	return op_rules[op & 15].fixed;
}
