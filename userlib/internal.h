/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the files of the library share: a connection and the verbs of its two
 * directions. Nothing here is exported.
 */
#ifndef _BLIPMQ_INTERNAL_H
#define _BLIPMQ_INTERNAL_H

#include <sys/types.h>
#include <sys/uio.h>

#include "blipmq.h"
#include "frame.h"

#define BLIPMQ_TEXT_MAX		768

/* A PUB without its payload: header, topic, ttl_ms and tag. */
#define BLIPMQ_PUB_HEAD_MAX	(BLIPMQ_FRAME_HEADER + BLIPMQ_FRAME_TOPIC_MAX + \
				 BLIPMQ_FRAME_PUB_FIXED)

/**
 * enum blipmq_wait - which answer is waited for
 * @BLIPMQ_WAIT_NONE: none
 * @BLIPMQ_WAIT_PUB: the one with the tag of a PUB
 * @BLIPMQ_WAIT_NAMED: the one without tag: of SUB, UNSUB and OPTION
 * @BLIPMQ_WAIT_PONG: the PONG with this body
 */
enum blipmq_wait {
	BLIPMQ_WAIT_NONE,
	BLIPMQ_WAIT_PUB,
	BLIPMQ_WAIT_NAMED,
	BLIPMQ_WAIT_PONG,
};

/**
 * struct blipmq_failure - an error and its explanation
 * @error: negative errno, 0 for none
 * @code: the protocol's code, 0 when the broker did not say it
 * @text: for people
 */
struct blipmq_failure {
	int	error;
	int	code;
	char	text[BLIPMQ_TEXT_MAX];
};

/**
 * struct blipmq - a connection
 * @fd: the stream
 * @network: what is written may be under way after close()
 * @unsettled: something was published since the last answer that settles it
 * @draining: QUIT was written, or the end: the peer's end is no loss
 * @broken: negative errno that every later call returns, 0 while usable
 * @timeout_ms: longest wait for progress, -1 for ever
 * @connect_end: when connecting has to be done, on blipmq_now_ms(); -1: never
 * @backlog_max: bytes of messages kept while waiting for something else
 * @out: frames that were not written yet
 * @out_len: bytes of them
 * @out_size: bytes of room at @out
 * @tag: of the last PUB; never 0, so that its answers are told from others
 * @looked: when a writer last looked for answers, in milliseconds
 * @pong: the PONG that is owed to the broker
 * @pong_len: bytes of it, 0 for none
 * @in: what was received
 * @in_size: bytes of room at @in
 * @head: offset of the first frame that was not taken
 * @scanned: offset of the first frame whose answers were not looked for
 * @tail: offset after the last byte
 * @lost: losses to report with the next message
 * @message: what the caller got last
 * @wait: which answer is waited for
 * @wait_tag: its tag, or the PONG's body
 * @wait_done: it came
 * @wait_error: with this result
 * @stale: untagged answers that came too late for who asked
 * @later: the first refusal that no call has returned yet
 * @later_more: how many followed it
 * @later_named: it is of no PUB: perhaps of the connection as a whole
 * @last: the last failure
 */
struct blipmq {
	int			fd;
	bool			network;
	bool			unsettled;
	bool			draining;
	int			broken;
	int			timeout_ms;
	s64			connect_end;
	size_t			backlog_max;

	u8			*out;
	size_t			out_len;
	size_t			out_size;
	u32			tag;
	s64			looked;
	u8			pong[BLIPMQ_FRAME_HEADER +
				     BLIPMQ_FRAME_PING_MAX];
	size_t			pong_len;

	u8			*in;
	size_t			in_size;
	size_t			head;
	size_t			scanned;
	size_t			tail;
	u64			lost;
	struct blipmq_message	message;

	enum blipmq_wait	wait;
	u64			wait_tag;
	bool			wait_done;
	int			wait_error;
	unsigned int		stale;
	struct blipmq_failure	later;
	unsigned long		later_more;
	bool			later_named;
	struct blipmq_failure	last;
};

/* address.c */
int blipmq_address_open(struct blipmq *b, const char *address, int timeout_ms);

/* answer.c */
void blipmq_answer_handle(struct blipmq *b, const struct blipmq_frame *f,
			  const u8 *frame);
void blipmq_answer_expect(struct blipmq *b, enum blipmq_wait wait, u64 tag);
int blipmq_answer_wait(struct blipmq *b);

/* error.c */
int blipmq_error_of_code(unsigned int code);
int blipmq_fail(struct blipmq *b, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int blipmq_break(struct blipmq *b, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void blipmq_refused(struct blipmq_failure *failure, unsigned int code,
		    const u8 *topic, size_t topic_len, const u8 *text,
		    size_t text_len);
int blipmq_report_later(struct blipmq *b);

/* input.c */
ssize_t blipmq_input_fill(struct blipmq *b);
ssize_t blipmq_input_keep(struct blipmq *b);
bool blipmq_input_take(struct blipmq *b);

/* option.c */
int blipmq_options_copy(void *to, size_t to_size, const void *from);

/* output.c */
int blipmq_output_write(struct blipmq *b, struct iovec *iov, int n);
int blipmq_output_flush(struct blipmq *b);
int blipmq_output_pong(struct blipmq *b);
int blipmq_output_ask(struct blipmq *b, u8 op, const char *topic,
		      const void *body, size_t body_len);

/* time.c */
s64 blipmq_now_ms(void);
s64 blipmq_now_coarse_ms(void);
int blipmq_poll(int fd, short events, int timeout_ms);
int blipmq_poll_all(int fd, short events, int timeout_ms);

/**
 * blipmq_end_ms() - when a time is over
 * @timeout_ms: how long it is, -1 for ever
 *
 * Return: the moment on blipmq_now_ms(); -1: never.
 */
static inline s64 blipmq_end_ms(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : blipmq_now_ms() + timeout_ms;
}

/**
 * blipmq_left_ms() - what is left until then
 * @end: from blipmq_end_ms()
 *
 * Return: milliseconds for blipmq_poll_all(), 0 when it is over.
 */
static inline int blipmq_left_ms(s64 end)
{
	s64 left;

	if (end < 0)
		return -1;
	left = end - blipmq_now_ms();
	return left > 0 ? (int)left : 0;
}

#endif /* _BLIPMQ_INTERNAL_H */
