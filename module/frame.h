/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The wire protocol's frames: layout, codec and rules. Pure: no allocation,
 * no lock, nothing of the kernel's but its integer types, so that the module,
 * the library and fuzzers compile the same file.
 */
#ifndef _BLIPMQ_FRAME_H
#define _BLIPMQ_FRAME_H

#include "pure.h"

#define BLIPMQ_FRAME_HEADER	8U
#define BLIPMQ_FRAME_TOPIC_MAX	255U
/* The ttl_ms and tag of a PUB, where the msg_id of its MSG will stand. */
#define BLIPMQ_FRAME_PUB_FIXED	8U
#define BLIPMQ_FRAME_PING_MAX	64U
/* The largest frame that is no PUB and no MSG. */
#define BLIPMQ_FRAME_CONTROL_MAX (8U + 255U + 512U)
/* Payload limit: default, and what no configuration may exceed. */
#define BLIPMQ_FRAME_PAYLOAD_DEFAULT	(1U << 20)
#define BLIPMQ_FRAME_PAYLOAD_MAX	(16U << 20)

enum blipmq_op {
	BLIPMQ_OP_PUB		= 1,
	BLIPMQ_OP_SUB		= 2,
	BLIPMQ_OP_UNSUB		= 3,
	BLIPMQ_OP_QUIT		= 4,
	BLIPMQ_OP_ACK		= 5,
	BLIPMQ_OP_MSG		= 6,
	BLIPMQ_OP_PING		= 7,
	BLIPMQ_OP_PONG		= 8,
	BLIPMQ_OP_ERR		= 9,
	BLIPMQ_OP_AUTH		= 10,
	BLIPMQ_OP_LOST		= 11,
	BLIPMQ_OP_OPTION	= 12,
};

#define BLIPMQ_FLAG_CONFIRM	1U
#define BLIPMQ_FLAG_RETAIN	2U
#define BLIPMQ_FLAG_ACKED	4U
#define BLIPMQ_FLAG_REDELIVERED	8U

/* The codes of ERR. */
enum blipmq_code {
	BLIPMQ_CODE_OK		= 0,
	BLIPMQ_CODE_MALFORMED	= 400,
	BLIPMQ_CODE_AUTH	= 401,
	BLIPMQ_CODE_FORBIDDEN	= 403,
	BLIPMQ_CODE_NOT_FOUND	= 404,
	BLIPMQ_CODE_TOO_LARGE	= 413,
	BLIPMQ_CODE_INVALID	= 422,
	BLIPMQ_CODE_LIMIT	= 429,
	BLIPMQ_CODE_NOT_BUILT	= 501,
	BLIPMQ_CODE_DRAINING	= 503,
};

/**
 * struct blipmq_frame - the header of a frame, decoded
 * @size: bytes of the whole frame, header included
 * @reserved: zero in a valid frame
 * @op: enum blipmq_op, or what the sender wrote
 * @flags: BLIPMQ_FLAG_*
 * @topic_len: bytes of topic after the header
 */
struct blipmq_frame {
	u32	size;
	u16	reserved;
	u8	op;
	u8	flags;
	u8	topic_len;
};

static inline u16 blipmq_get_le16(const void *p)
{
	const u8 *b = p;

	return (u16)(b[0] | b[1] << 8);
}

static inline u32 blipmq_get_le32(const void *p)
{
	const u8 *b = p;

	return b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24;
}

static inline u64 blipmq_get_le64(const void *p)
{
	const u8 *b = p;

	return blipmq_get_le32(b) | (u64)blipmq_get_le32(b + 4) << 32;
}

static inline void blipmq_put_le16(void *p, u16 v)
{
	u8 *b = p;

	b[0] = (u8)v;
	b[1] = (u8)(v >> 8);
}

static inline void blipmq_put_le32(void *p, u32 v)
{
	u8 *b = p;

	b[0] = (u8)v;
	b[1] = (u8)(v >> 8);
	b[2] = (u8)(v >> 16);
	b[3] = (u8)(v >> 24);
}

static inline void blipmq_put_le64(void *p, u64 v)
{
	u8 *b = p;

	blipmq_put_le32(b, (u32)v);
	blipmq_put_le32(b + 4, (u32)(v >> 32));
}

/**
 * blipmq_frame_decode() - read a header
 * @f: where to
 * @header: BLIPMQ_FRAME_HEADER bytes
 *
 * Judges nothing.
 */
static inline void blipmq_frame_decode(struct blipmq_frame *f,
				       const void *header)
{
	const u8 *b = header;

	f->size = blipmq_get_le32(b);
	f->op = b[4] >> 4;
	f->flags = b[4] & 15;
	f->topic_len = b[5];
	f->reserved = blipmq_get_le16(b + 6);
}

/**
 * blipmq_frame_encode() - write a header
 * @header: room for BLIPMQ_FRAME_HEADER bytes
 * @op: enum blipmq_op
 * @flags: BLIPMQ_FLAG_*
 * @topic_len: bytes of topic
 * @body_len: bytes after the topic
 */
static inline void blipmq_frame_encode(void *header, u8 op, u8 flags,
				       u8 topic_len, u32 body_len)
{
	u8 *b = header;

	blipmq_put_le32(b, BLIPMQ_FRAME_HEADER + topic_len + body_len);
	b[4] = (u8)(op << 4 | flags);
	b[5] = topic_len;
	b[6] = 0;
	b[7] = 0;
}

/**
 * blipmq_frame_to_msg() - turn a PUB into the MSG that subscribers get
 * @header: the frame's header
 * @fixed: the eight bytes after its topic
 * @id: the msg_id
 *
 * The frame keeps its length, so nothing moves. Flags are those of a live
 * message: none.
 */
static inline void blipmq_frame_to_msg(void *header, void *fixed, u64 id)
{
	((u8 *)header)[4] = BLIPMQ_OP_MSG << 4;
	blipmq_put_le64(fixed, id);
}

/* What is wrong with a frame, and why, for the text of the ERR. */
struct blipmq_verdict {
	u16		code;
	const char	*text;
};

struct blipmq_verdict blipmq_frame_check_header(const struct blipmq_frame *f,
						u32 payload_max);
struct blipmq_verdict blipmq_frame_check_body(const struct blipmq_frame *f,
					      const u8 *topic, const u8 *body,
					      u32 body_avail, bool known);
bool blipmq_code_is_fatal(u16 code);
u32 blipmq_frame_body_fixed(u8 op);

#endif /* _BLIPMQ_FRAME_H */
