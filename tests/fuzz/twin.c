// SPDX-License-Identifier: GPL-2.0
/*
 * Topics, patterns and frames as docs/PROTOCOL.md has them, one sentence after
 * the other: all faults of a frame are found first, and then the one that the
 * section "Errors" puts first is the verdict.
 */
#include <string.h>

#include "twin.h"

/**
 * struct row - a row of the table of operations
 * @op: the number
 * @client: a client may send it
 * @name: what the topic field is: 't'opic, 'p'attern, or none ('-')
 * @fixed: bytes that the body has in any case
 * @most: bytes that it has at most; -1: what the frame's own limit allows
 * @flags: those that the operation defines
 */
struct row {
	unsigned int	op;
	bool		client;
	char		name;
	unsigned int	fixed;
	long		most;
	unsigned int	flags;
};

enum { CONFIRM = 1, RETAIN = 2, ACKED = 4, REDELIVERED = 8 };

static const struct row rows[] = {
	{  1, true,  't', 8, -1,  CONFIRM | RETAIN },	/* PUB */
	{  2, true,  'p', 0, 256, CONFIRM },		/* SUB */
	{  3, true,  'p', 0, 256, CONFIRM },		/* UNSUB */
	{  4, true,  '-', 0, 0,   0 },			/* QUIT */
	{  5, false, 't', 4, -1,  0 },			/* ACK */
	{  6, false, 't', 8, -1,  RETAIN },		/* MSG */
	{  7, true,  '-', 0, 64,  0 },			/* PING */
	{  8, true,  '-', 0, 64,  0 },			/* PONG */
	{  9, false, 't', 6, -1,  0 },			/* ERR */
	{ 10, true,  '-', 0, 512, CONFIRM },		/* AUTH */
	{ 11, false, '-', 8, -1,  0 },			/* LOST */
	{ 12, true,  '-', 2, 512, CONFIRM },		/* OPTION */
};

static const struct row *find(unsigned int op)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].op == op)
			return &rows[i];
	return NULL;
}

/* The bytes of a code point, in the one form that UTF-8 allows. */
static size_t encode(uint32_t c, uint8_t *to)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 + c / 64);
		to[1] = (uint8_t)(0x80 + c % 64);
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 + c / 4096);
		to[1] = (uint8_t)(0x80 + c / 64 % 64);
		to[2] = (uint8_t)(0x80 + c % 64);
		return 3;
	}
	to[0] = (uint8_t)(0xf0 + c / 262144);
	to[1] = (uint8_t)(0x80 + c / 4096 % 64);
	to[2] = (uint8_t)(0x80 + c / 64 % 64);
	to[3] = (uint8_t)(0x80 + c % 64);
	return 4;
}

/* Bytes of the character at @s, 0 if there is none: decoded, encoded again. */
size_t twin_character(const uint8_t *s, size_t len)
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	uint8_t again[4];
	uint32_t c;
	size_t n, i;

	for (n = 1; n <= 4 && n <= len; n++) {
		c = (uint32_t)(s[0] - lead[n]);
		if (s[0] < lead[n] || c >= (n == 1 ? 128U : 128U >> n))
			continue;
		for (i = 1; i < n; i++)
			c = c * 64 + (uint32_t)(s[i] - 0x80) % 256;
		if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			continue;
		if (encode(c, again) == n && !memcmp(again, s, n))
			return n;
	}
	return 0;
}

/* Is it a token, and which? 'w'ord, '*', '>', or no token at all (0). */
static char token(const uint8_t *s, size_t len)
{
	size_t i;

	if (!len)
		return 0;
	for (i = 0; i < len; i++)
		if (s[i] < 32 || s[i] == 127 || s[i] == ' ')
			return 0;
	if (len == 1 && (s[0] == '*' || s[0] == '>'))
		return (char)s[0];
	return 'w';
}

enum twin_name twin_name(const uint8_t *s, size_t len)
{
	enum twin_name kind = TWIN_TOPIC;
	size_t begin = 0, end, n;

	if (len < 1 || len > 255)
		return TWIN_NO_NAME;
	for (begin = 0; begin < len; begin += n) {
		n = twin_character(s + begin, len - begin);
		if (!n)
			return TWIN_NO_NAME;
	}
	for (begin = 0; begin <= len; begin = end + 1) {
		for (end = begin; end < len && s[end] != '.'; end++)
			;
		switch (token(s + begin, end - begin)) {
		case 0:
			return TWIN_NO_NAME;
		case '>':
			if (end != len)
				return TWIN_NO_NAME;
			kind = TWIN_PATTERN;
			break;
		case '*':
			kind = TWIN_PATTERN;
			break;
		}
	}
	return kind;
}

/* Does a pattern match a topic? Token by token, from the front. */
bool twin_matches(const uint8_t *p, size_t p_len, const uint8_t *t,
		  size_t t_len)
{
	size_t p_end = 0, t_end = 0;

	while (p_end < p_len && p[p_end] != '.')
		p_end++;
	while (t_end < t_len && t[t_end] != '.')
		t_end++;
	if (token(p, p_end) == '>')
		return true;
	if (token(p, p_end) != '*' &&
	    (p_end != t_end || memcmp(p, t, p_end)))
		return false;
	if (p_end == p_len || t_end == t_len)
		return p_end == p_len && t_end == t_len;
	return twin_matches(p + p_end + 1, p_len - p_end - 1, t + t_end + 1,
			    t_len - t_end - 1);
}

static uint64_t number(const uint8_t *s, int bytes)
{
	return bytes ? s[0] + 256 * number(s + 1, bytes - 1) : 0;
}

/* What eight bytes are good for: 0, 400 or 413. */
unsigned int twin_header(const uint8_t *header, uint64_t payload_max)
{
	const struct row *row = find(header[4] / 16);
	uint64_t size = number(header, 4), most = 8 + 255 + 512;
	unsigned int flags = header[4] % 16;

	if (size < 8 || header[6] || header[7] || !row || !row->client)
		return 400;
	if ((flags & CONFIRM && !(row->flags & CONFIRM)) ||
	    (flags & RETAIN && !(row->flags & RETAIN)))
		return 400;
	if (row->op == 1)
		most = 8 + header[5] + 8 + payload_max;
	return size > most ? 413 : 0;
}

/* Does a body say which group, in the right form? */
static bool group_form(const uint8_t *body, size_t len)
{
	return len == 0 || (len >= 2 && body[0] == len - 1);
}

/* What a whole frame is good for, once its header is: 0, 400, 422, 501. */
unsigned int twin_body(const uint8_t *frame, size_t size)
{
	const struct row *row = find(frame[4] / 16);
	unsigned int flags = frame[4] % 16;
	size_t topic_len = frame[5], len;
	bool malformed = false, invalid = false, unbuilt;
	const uint8_t *topic = frame + 8, *body;

	if (size < 8 + topic_len + row->fixed)
		return 400;
	body = topic + topic_len;
	len = size - 8 - topic_len;
	unbuilt = flags & (ACKED | REDELIVERED) || row->op == 10;

	if (row->name == '-' && topic_len)
		malformed = true;
	if (row->most >= 0 && len > (size_t)row->most)
		malformed = true;
	if (row->name == 't') {
		if (twin_name(topic, topic_len) != TWIN_TOPIC)
			invalid = true;
	}
	if (row->name == 'p') {
		if (!group_form(body, len))
			malformed = true;
		else if (len && twin_name(body + 1, len - 1) != TWIN_TOPIC)
			invalid = true;
		if (twin_name(topic, topic_len) == TWIN_NO_NAME)
			invalid = true;
	}
	return malformed ? 400 : invalid ? 422 : unbuilt ? 501 : 0;
}

unsigned int twin_fixed(unsigned int op)
{
	const struct row *row = find(op);

	return row ? row->fixed : 0;
}
