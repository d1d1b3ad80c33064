/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The input of a stream: from bytes to frames to their effects.
 */
#ifndef _BLIPMQ_STREAM_IN_H
#define _BLIPMQ_STREAM_IN_H

#include <linux/uio.h>

#include "fanout.h"
#include "frame.h"
#include "types.h"

int __must_check blipmq_stream_ingest(struct blipmq_sock *bs,
				      struct iov_iter *from, u64 called);
void blipmq_stream_end_input(struct blipmq_sock *bs);
void blipmq_stream_drop_input(struct blipmq_sock *bs);

/* stream_frame.c */

/* What became of a frame. */
enum blipmq_frame_result {
	BLIPMQ_FRAME_TAKEN,	/* go on with the next one */
	BLIPMQ_FRAME_BARRIER,	/* publish what is before it, and come again */
	BLIPMQ_FRAME_LAST,	/* the bundle ends with it */
};

int __must_check blipmq_stream_frame(struct blipmq_sock *bs,
				     struct blipmq_batch *batch,
				     struct sk_buff *b, u32 offset,
				     const struct blipmq_frame *f, u32 index);
int __must_check blipmq_stream_fail(struct blipmq_sock *bs,
				    struct blipmq_verdict v);
void blipmq_stream_show_answers(struct blipmq_sock *bs);
void blipmq_stream_disconnect(struct blipmq_sock *bs);
int blipmq_stream_refuse(struct blipmq_sock *bs,
			 const struct blipmq_batch *batch,
			 const struct blipmq_frame *f, const u8 *topic, u32 tag,
			 struct blipmq_verdict v);
extern const struct blipmq_verdict blipmq_verdict_draining;

/* stream_publish.c */
int __must_check blipmq_stream_publish(struct blipmq_sock *bs,
				       struct blipmq_batch *batch,
				       struct sk_buff *b, u32 offset,
				       const struct blipmq_frame *f, u32 index);
void blipmq_stream_follow(struct blipmq_sock *bs, struct blipmq_batch *batch,
			  struct sk_buff *b, u32 len, u32 payload_max,
			  u32 *offset, u32 *index);
void blipmq_stream_undo(struct blipmq_sock *bs,
			const struct blipmq_batch *batch,
			const struct sk_buff *b, u32 end);

#endif /* _BLIPMQ_STREAM_IN_H */
