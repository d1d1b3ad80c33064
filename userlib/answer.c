// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Answers of the broker: which call they belong to, and waiting for them. They
 * come in the order of the frames, so one call at a time waits for one.
 */
#include <errno.h>
#include <poll.h>

#include "internal.h"

/* Is this the answer that is waited for? */
static bool answer_fits(struct blipmq *b, enum blipmq_wait wait, u64 tag)
{
	if (wait == BLIPMQ_WAIT_NAMED && b->stale) {
		b->stale--;
		return false;
	}
	return b->wait == wait && !b->wait_done &&
	       (wait == BLIPMQ_WAIT_NAMED || b->wait_tag == tag);
}

static void answer_done(struct blipmq *b, int error)
{
	b->wait_done = true;
	b->wait_error = error;
}

static void answer_err(struct blipmq *b, const struct blipmq_frame *f,
		       const u8 *topic, const u8 *body)
{
	u32 tag = blipmq_get_le32(body);
	u16 code = blipmq_get_le16(body + 4);
	size_t text_len = f->size - BLIPMQ_FRAME_HEADER - f->topic_len - 6;
	bool fatal = blipmq_code_is_fatal(code), late;
	struct blipmq_failure *failure = &b->last;
	enum blipmq_wait kind;

	if (fatal && b->broken)
		return;
	kind = tag ? BLIPMQ_WAIT_PUB : BLIPMQ_WAIT_NAMED;
	late = kind == BLIPMQ_WAIT_NAMED && b->stale;
	if (answer_fits(b, kind, tag))
		answer_done(b, blipmq_error_of_code(code));
	else if (late && !fatal)
		return;
	else if (!fatal)
		failure = &b->later;

	if (failure == &b->later && b->later.error) {
		b->later_more++;
		return;
	}
	if (failure == &b->later)
		b->later_named = kind == BLIPMQ_WAIT_NAMED;
	/* Who waits knows the topic; who learns it later does not. */
	blipmq_refused(failure, code, topic,
		       failure == &b->later ? f->topic_len : 0, body + 6,
		       text_len);
	if (fatal)
		b->broken = b->last.error;
}

/**
 * blipmq_answer_handle() - take note of an ACK, PONG or ERR
 * @b: the connection
 * @f: its header
 * @frame: the whole frame
 */
void blipmq_answer_handle(struct blipmq *b, const struct blipmq_frame *f,
			  const u8 *frame)
{
	const u8 *topic = frame + BLIPMQ_FRAME_HEADER;
	const u8 *body = topic + f->topic_len;
	u32 tag;

	switch (f->op) {
	case BLIPMQ_OP_ACK:
		tag = blipmq_get_le32(body);
		if (answer_fits(b, tag ? BLIPMQ_WAIT_PUB : BLIPMQ_WAIT_NAMED,
				tag))
			answer_done(b, 0);
		break;
	case BLIPMQ_OP_PONG:
		if (f->size == BLIPMQ_FRAME_HEADER + f->topic_len + 8 &&
		    answer_fits(b, BLIPMQ_WAIT_PONG, blipmq_get_le64(body)))
			answer_done(b, 0);
		break;
	case BLIPMQ_OP_ERR:
		answer_err(b, f, topic, body);
		break;
	}
}

/**
 * blipmq_answer_expect() - say which answer will be waited for
 * @b: the connection
 * @wait: its kind
 * @tag: its tag, or the body of the PONG
 *
 * Before its frame is written: the answer may come while that is going on.
 */
void blipmq_answer_expect(struct blipmq *b, enum blipmq_wait wait, u64 tag)
{
	b->wait = wait;
	b->wait_tag = tag;
	b->wait_done = false;
	b->wait_error = 0;
}

/**
 * blipmq_answer_wait() - wait for the answer that is expected
 * @b: the connection
 *
 * A signal does not end the wait: the answer would be left behind. Nor do messages
 * that come meanwhile make it longer.
 *
 * Return: 0 or the broker's refusal; -ETIMEDOUT; another error.
 */
int blipmq_answer_wait(struct blipmq *b)
{
	enum blipmq_wait wait = b->wait;
	s64 end = blipmq_end_ms(b->timeout_ms);
	int ret = 0, left;
	ssize_t n;

	while (!b->wait_done) {
		n = blipmq_input_keep(b);
		if (b->wait_done)
			break;
		if (n < 0) {
			ret = (int)n;
			break;
		}
		left = blipmq_left_ms(end);
		if (n && left)
			continue;
		ret = n ? 0 : blipmq_poll_all(b->fd, POLLIN, left);
		if (!ret) {
			ret = blipmq_fail(b, -ETIMEDOUT,
					  "the broker does not answer");
			break;
		}
		if (ret < 0) {
			blipmq_fail(b, ret, "cannot wait for the broker");
			break;
		}
		ret = 0;
	}
	/* It may still come, and then it is nobody's. */
	if (!b->wait_done && wait == BLIPMQ_WAIT_NAMED)
		b->stale++;
	if (b->wait_done) {
		ret = b->wait_error;
		b->unsettled = false;
	}
	b->wait = BLIPMQ_WAIT_NONE;
	return ret;
}
