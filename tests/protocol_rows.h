/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A frame, and the answer that it must get.
 */
#ifndef _BLIPMQ_TESTS_PROTOCOL_ROWS_H
#define _BLIPMQ_TESTS_PROTOCOL_ROWS_H

#include "lib.h"

/* What comes back for a row that is no error. */
enum row_answer {
	ROW_ERR,	/* an ERR with .code; whether it closes, .code says */
	ROW_NOTHING,
	ROW_ACK,
	ROW_PONG,	/* the body, echoed */
	ROW_EOF,
};

/**
 * struct row - one case of the table
 * @what: for the test's output
 * @op: operation
 * @flags: flags
 * @topic: the topic's bytes
 * @topic_bytes: how many, when strlen() does not say it
 * @body: what follows the topic
 * @body_len: how many bytes
 * @size: frame_size to claim instead of the true one
 * @size_zero: frame_size to claim is zero
 * @topic_len: topic_len to claim instead of the true one
 * @reserved: the reserved field
 * @header_only: only the eight bytes are sent: they suffice for the verdict
 * @before: SUB that goes before it in the same write
 * @answer: the kind of answer
 * @code: of the ERR
 * @tag: of the answer
 * @echo: the answer echoes the topic
 */
struct row {
	const char	*what;
	u8		op;
	u8		flags;
	const char	*topic;
	size_t		topic_bytes;
	const char	*body;
	u32		body_len;
	u32		size;
	bool		size_zero;
	u8		topic_len;
	u16		reserved;
	bool		header_only;
	const char	*before;
	enum row_answer	answer;
	u16		code;
	u32		tag;
	bool		echo;
};

extern const struct row protocol_rows[];
extern const size_t protocol_rows_nr;

#endif /* _BLIPMQ_TESTS_PROTOCOL_ROWS_H */
