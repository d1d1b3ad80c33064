// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Errors: numbers, texts, and which one a call returns.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/**
 * blipmq_error_of_code() - the errno of a refusal
 * @code: the protocol's code
 *
 * Return: a negative errno; -EPROTO for a code that this version does not know.
 */
int blipmq_error_of_code(unsigned int code)
{
	switch (code) {
	case BLIPMQ_CODE_MALFORMED:
	case BLIPMQ_CODE_INVALID:
		return -EINVAL;
	case BLIPMQ_CODE_AUTH:
		return -EPERM;
	case BLIPMQ_CODE_FORBIDDEN:
		return -EACCES;
	case BLIPMQ_CODE_NOT_FOUND:
		return -ENOENT;
	case BLIPMQ_CODE_TOO_LARGE:
		return -EMSGSIZE;
	case BLIPMQ_CODE_LIMIT:
		return -ENOBUFS;
	case BLIPMQ_CODE_NOT_BUILT:
		return -EOPNOTSUPP;
	case BLIPMQ_CODE_DRAINING:
		return -ESHUTDOWN;
	}
	return -EPROTO;
}

const char *blipmq_strerror(int error)
{
	switch (error) {
	case -EINVAL:
		return "Invalid topic, pattern, address or option";
	case -EPERM:
		return "Authentication needed or refused";
	case -EACCES:
		return "Not allowed for this topic";
	case -ENOENT:
		return "No such subscription";
	case -EMSGSIZE:
		return "Message is larger than the broker's limit";
	case -ENOBUFS:
		return "A limit of the broker is reached";
	case -EOPNOTSUPP:
		return "Not supported by this version";
	case -ESHUTDOWN:
		return "The broker is draining and takes no more messages";
	case -EPROTO:
		return "The peer does not speak the BlipMQ protocol";
	case -ECONNRESET:
		return "The broker closed the connection";
	case -ENODATA:
		return "The connection was drained, no more messages";
	case -ETIMEDOUT:
		return "Timed out";
	case -EAFNOSUPPORT:
		return "The kernel module blipmq is not loaded";
	case -EHOSTUNREACH:
		return "Host is unknown or cannot be reached";
	}
	return strerror(error < 0 ? -error : error);
}

/**
 * blipmq_fail() - note why a call fails
 * @b: the connection
 * @error: negative errno
 * @format: for people, as printf
 *
 * Return: @error.
 */
int blipmq_fail(struct blipmq *b, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(b->last.text, sizeof(b->last.text), format, args);
	va_end(args);
	b->last.error = error;
	b->last.code = 0;
	return error;
}

/**
 * blipmq_break() - note why a connection is of no more use
 * @b: the connection
 * @error: negative errno, returned by every later call
 * @format: for people, as printf
 *
 * The first reason stays: what follows is its consequence.
 *
 * Return: the error that stays.
 */
int blipmq_break(struct blipmq *b, int error, const char *format, ...)
{
	va_list args;

	if (b->broken)
		return b->broken;
	/* A broker that takes no more connections says so and closes. */
	if (error == -ECONNRESET && b->later.error && b->later_named) {
		b->broken = b->later.error;
		return blipmq_report_later(b);
	}
	va_start(args, format);
	vsnprintf(b->last.text, sizeof(b->last.text), format, args);
	va_end(args);
	b->last.error = error;
	b->last.code = 0;
	b->broken = error;
	return error;
}

/* Of ASCII, or of C1, which is two bytes in UTF-8: each of them is one. */
static bool is_control(const u8 *s, size_t i, size_t len)
{
	if (s[i] < ' ' || s[i] == 0x7f)
		return true;
	if (s[i] == 0xc2)
		return i + 1 < len && s[i + 1] >= 0x80 && s[i + 1] < 0xa0;
	return s[i] >= 0x80 && s[i] < 0xa0 && i && s[i - 1] == 0xc2;
}

/* The peer's text ends up on terminals: no control characters from there. */
static size_t append_clean(char *to, size_t room, const u8 *from, size_t len)
{
	size_t i;

	for (i = 0; i < len && i + 1 < room; i++)
		to[i] = is_control(from, i, len) ? '?' : (char)from[i];
	to[i] = '\0';
	return i;
}

/**
 * blipmq_refused() - keep what the broker said in an ERR
 * @failure: where to
 * @code: the code
 * @topic: the topic of the refused frame
 * @topic_len: its bytes, 0 for none
 * @text: the broker's text
 * @text_len: its bytes
 */
void blipmq_refused(struct blipmq_failure *failure, unsigned int code,
		    const u8 *topic, size_t topic_len, const u8 *text,
		    size_t text_len)
{
	size_t room = sizeof(failure->text);
	char *to = failure->text;
	size_t n = 0;

	failure->error = blipmq_error_of_code(code);
	failure->code = (int)code;
	if (topic_len) {
		n = append_clean(to, room - 2, topic, topic_len);
		to[n++] = ':';
		to[n++] = ' ';
	}
	n += append_clean(to + n, room - n, text, text_len);
	snprintf(to + n, room - n, " (%u)", code);
}

/**
 * blipmq_report_later() - return a refusal that came after its call
 * @b: the connection
 *
 * Return: the error, once; 0 when there is none.
 */
int blipmq_report_later(struct blipmq *b)
{
	size_t n;

	if (!b->later.error)
		return 0;
	b->last = b->later;
	if (b->later_more) {
		n = strlen(b->last.text);
		snprintf(b->last.text + n, sizeof(b->last.text) - n,
			 ", and %lu more", b->later_more);
	}
	b->later.error = 0;
	b->later_more = 0;
	return b->last.error;
}

int blipmq_last_code(const struct blipmq *b)
{
	return b->last.code;
}
