// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Publishing: at once, buffered, and making sure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/*
 * What is published may be the message that was just received. Its buffer may
 * move while a writer waits, so then a copy is written.
 */
static bool publish_is_received(const struct blipmq *b, const void *p)
{
	uintptr_t at = (uintptr_t)p, in = (uintptr_t)b->in;

	return at >= in && at < in + b->in_size;
}

/* Report what came late, then judge the arguments: nothing was done yet. */
static int publish_begin(struct blipmq *b, const char *topic, size_t topic_len,
			 const void *payload, size_t size)
{
	int ret = blipmq_report_later(b);

	if (ret)
		return ret;
	if (b->broken)
		return b->broken;
	if (!topic_len)
		return blipmq_fail(b, -EINVAL, "the topic is empty");
	if (topic_len > BLIPMQ_FRAME_TOPIC_MAX)
		return blipmq_fail(b, -EINVAL, "topic is longer than %u bytes",
				   BLIPMQ_FRAME_TOPIC_MAX);
	if (size > BLIPMQ_FRAME_PAYLOAD_MAX)
		return blipmq_fail(b, -EMSGSIZE,
				   "message is larger than %u bytes",
				   BLIPMQ_FRAME_PAYLOAD_MAX);
	/* It reads as well, and that may move what was received. */
	if (publish_is_received(b, topic) || publish_is_received(b, payload))
		return 0;
	return blipmq_output_pong(b);
}

static size_t publish_head(struct blipmq *b, u8 *to, const char *topic,
			   size_t topic_len, size_t size, u8 flags, u32 ttl_ms)
{
	if (!++b->tag)
		b->tag = 1;
	blipmq_frame_encode(to, BLIPMQ_OP_PUB, flags, (u8)topic_len,
			    BLIPMQ_FRAME_PUB_FIXED + (u32)size);
	to += BLIPMQ_FRAME_HEADER;
	memcpy(to, topic, topic_len);
	to += topic_len;
	blipmq_put_le32(to, ttl_ms);
	blipmq_put_le32(to + 4, b->tag);
	b->unsettled = true;
	return BLIPMQ_FRAME_HEADER + topic_len + BLIPMQ_FRAME_PUB_FIXED;
}

/* One write for the buffer and this message. */
static int publish_write(struct blipmq *b, const char *topic, size_t topic_len,
			 const void *payload, size_t size, u8 flags,
			 u32 ttl_ms)
{
	u8 head[BLIPMQ_PUB_HEAD_MAX];
	struct iovec iov[] = {
		{ .iov_base = b->out, .iov_len = b->out_len },
		{ .iov_base = head },
		{ .iov_base = (void *)payload, .iov_len = size },
	};
	void *copy = NULL;
	int ret;

	if (size && publish_is_received(b, payload)) {
		copy = malloc(size);
		if (!copy)
			return blipmq_fail(b, -ENOMEM, "out of memory");
		iov[2].iov_base = memcpy(copy, payload, size);
	}
	iov[1].iov_len = publish_head(b, head, topic, topic_len, size, flags,
				      ttl_ms);
	b->out_len = 0;
	if (flags & BLIPMQ_FLAG_CONFIRM)
		blipmq_answer_expect(b, BLIPMQ_WAIT_PUB, b->tag);
	ret = blipmq_output_write(b, iov, 3);
	free(copy);
	if (ret || !(flags & BLIPMQ_FLAG_CONFIRM))
		return ret;
	return blipmq_answer_wait(b);
}

int blipmq_publish(struct blipmq *b, const char *topic, const void *payload,
		   size_t size, const struct blipmq_publish_options *options)
{
	struct blipmq_publish_options o;
	size_t topic_len = strlen(topic);
	u8 flags = 0;
	int ret;

	ret = publish_begin(b, topic, topic_len, payload, size);
	if (ret)
		return ret;
	ret = blipmq_options_copy(&o, sizeof(o), options);
	if (!ret && o.flags & ~(BLIPMQ_PUBLISH_CONFIRM | BLIPMQ_PUBLISH_RETAIN))
		ret = -EINVAL;
	if (ret)
		return blipmq_fail(b, ret, "unknown publish options");
	if (o.flags & BLIPMQ_PUBLISH_CONFIRM)
		flags |= BLIPMQ_FLAG_CONFIRM;
	if (o.flags & BLIPMQ_PUBLISH_RETAIN)
		flags |= BLIPMQ_FLAG_RETAIN;
	return publish_write(b, topic, topic_len, payload, size, flags,
			     o.ttl_ms);
}

int blipmq_publish_buffered(struct blipmq *b, const char *topic,
			    const void *payload, size_t size)
{
	size_t topic_len = strlen(topic);
	size_t need = BLIPMQ_FRAME_HEADER + topic_len + BLIPMQ_FRAME_PUB_FIXED +
		      size;
	int ret;

	ret = publish_begin(b, topic, topic_len, payload, size);
	if (ret)
		return ret;
	/* The buffer and what does not fit it any more go in one write. */
	if (need > b->out_size - b->out_len)
		return publish_write(b, topic, topic_len, payload, size, 0, 0);
	b->out_len += publish_head(b, b->out + b->out_len, topic, topic_len,
				   size, 0, 0);
	if (size)
		memcpy(b->out + b->out_len, payload, size);
	b->out_len += size;
	return 0;
}

int blipmq_flush(struct blipmq *b)
{
	int ret = blipmq_report_later(b);

	if (ret)
		return ret;
	ret = blipmq_output_pong(b);
	return ret ? ret : blipmq_output_flush(b);
}

int blipmq_sync(struct blipmq *b)
{
	u8 ping[BLIPMQ_FRAME_HEADER + sizeof(u64)];
	struct iovec iov[] = {
		{ .iov_base = b->out, .iov_len = b->out_len },
		{ .iov_base = ping, .iov_len = sizeof(ping) },
	};
	int ret;

	if (!b->broken) {
		/* No tag twice, so that a late PONG is not taken for this. */
		if (!++b->tag)
			b->tag = 1;
		blipmq_frame_encode(ping, BLIPMQ_OP_PING, 0, 0, sizeof(u64));
		blipmq_put_le64(ping + BLIPMQ_FRAME_HEADER, b->tag);
		b->out_len = 0;
		blipmq_answer_expect(b, BLIPMQ_WAIT_PONG, b->tag);
		ret = blipmq_output_write(b, iov, 2);
		if (!ret)
			ret = blipmq_answer_wait(b);
	} else {
		ret = b->broken;
	}
	return b->later.error ? blipmq_report_later(b) : ret;
}
