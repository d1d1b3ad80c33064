// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The rules of topics and patterns: NATS subjects in strict UTF-8.
 */
#include "pattern.h"

/**
 * blipmq_utf8_sequence() - the UTF-8 sequence that bytes begin with
 * @s: the bytes
 * @len: how many, at least one
 *
 * Overlong forms, surrogates and what lies above U+10FFFF are not valid
 * (RFC 3629, the table of section 4).
 *
 * Return: its bytes, 0 when it is not a valid one.
 */
size_t blipmq_utf8_sequence(const u8 *s, size_t len)
{
	u8 low = 0x80, high = 0xbf;
	size_t need, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (need > len)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < need; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return need;
}

static bool is_wildcard(const u8 *token, size_t len)
{
	return len == 1 && (*token == '*' || *token == '>');
}

/*
 * One walk for both: the tokens of a name, with or without wildcards.
 */
static bool name_valid(const u8 *s, size_t len, bool wildcards)
{
	size_t token = 0, i = 0, n;

	if (!len || len > BLIPMQ_PATTERN_MAX)
		return false;
	for (;;) {
		/* What most names are made of. */
		while (i < len && s[i] > '.' && s[i] < 0x7f)
			i++;
		if (i == len || s[i] == '.') {
			if (i == token)
				return false;
			if (is_wildcard(s + token, i - token)) {
				if (!wildcards)
					return false;
				if (s[token] == '>' && i != len)
					return false;
			}
			if (i == len)
				return true;
			token = ++i;
			continue;
		}
		if (s[i] <= ' ' || s[i] == 0x7f)
			return false;
		n = s[i] < 0x80 ? 1 : blipmq_utf8_sequence(s + i, len - i);
		if (!n)
			return false;
		i += n;
	}
}

/**
 * blipmq_topic_valid() - may messages be published to this topic?
 * @topic: its bytes
 * @len: how many
 *
 * Group names follow the same rules.
 *
 * Return: true for a valid topic.
 */
bool blipmq_topic_valid(const u8 *topic, size_t len)
{
	return name_valid(topic, len, false);
}

/**
 * blipmq_pattern_valid() - may one subscribe to this pattern?
 * @pattern: its bytes
 * @len: how many
 *
 * Return: true for a valid pattern; every valid topic is one.
 */
bool blipmq_pattern_valid(const u8 *pattern, size_t len)
{
	return name_valid(pattern, len, true);
}

/**
 * blipmq_pattern_is_exact() - does a valid pattern name one topic?
 * @pattern: its bytes
 * @len: how many
 *
 * Return: true when it has no wildcard token.
 */
bool blipmq_pattern_is_exact(const u8 *pattern, size_t len)
{
	return name_valid(pattern, len, false);
}

static size_t token_end(const u8 *s, size_t len, size_t at)
{
	while (at < len && s[at] != '.')
		at++;
	return at;
}

/* By bytes, a beginning of the other before it. */
static int token_cmp(const u8 *a, size_t a_len, const u8 *b, size_t b_len)
{
	size_t i;

	for (i = 0; i < a_len && i < b_len; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return a_len < b_len ? -1 : a_len > b_len;
}

/**
 * blipmq_pattern_matches() - does a pattern match a topic?
 * @pattern: a valid pattern
 * @pattern_len: its bytes
 * @topic: a valid topic
 * @topic_len: its bytes
 *
 * Return: true when it does.
 */
bool blipmq_pattern_matches(const u8 *pattern, size_t pattern_len,
			    const u8 *topic, size_t topic_len)
{
	size_t p = 0, t = 0, p_end, t_end, i;

	for (;;) {
		p_end = token_end(pattern, pattern_len, p);
		t_end = token_end(topic, topic_len, t);
		if (p_end - p == 1 && pattern[p] == '>')
			return true;
		if (!(p_end - p == 1 && pattern[p] == '*')) {
			if (p_end - p != t_end - t)
				return false;
			for (i = 0; p + i < p_end; i++)
				if (pattern[p + i] != topic[t + i])
					return false;
		}
		if (p_end == pattern_len || t_end == topic_len)
			return p_end == pattern_len && t_end == topic_len;
		p = p_end + 1;
		t = t_end + 1;
	}
}

/* What a token says of topics: the less, the greater. */
enum token_kind {
	TOKEN_LITERAL,
	TOKEN_STAR,
	TOKEN_REST,
};

static enum token_kind token_kind(const u8 *token, size_t len)
{
	if (!is_wildcard(token, len))
		return TOKEN_LITERAL;
	return *token == '*' ? TOKEN_STAR : TOKEN_REST;
}

/**
 * blipmq_pattern_relate() - what do the topics of two patterns have in common?
 * @a: a valid pattern
 * @a_len: its bytes
 * @b: another one
 * @b_len: its bytes
 *
 * A topic that both match counts even if it is longer than topics may be.
 *
 * Return: enum blipmq_pattern_relation.
 */
enum blipmq_pattern_relation blipmq_pattern_relate(const u8 *a, size_t a_len,
						   const u8 *b, size_t b_len)
{
	size_t i = 0, j = 0, i_end, j_end;
	enum token_kind i_kind, j_kind;
	bool contains = true;

	for (;;) {
		i_end = token_end(a, a_len, i);
		j_end = token_end(b, b_len, j);
		i_kind = token_kind(a + i, i_end - i);
		j_kind = token_kind(b + j, j_end - j);
		/* The other one has a token here, and may have more. */
		if (i_kind == TOKEN_REST)
			break;
		if (j_kind == TOKEN_REST)
			return BLIPMQ_PATTERN_OVERLAPS;
		if (i_kind == TOKEN_LITERAL && j_kind == TOKEN_STAR)
			contains = false;
		else if (i_kind == TOKEN_LITERAL &&
			 token_cmp(a + i, i_end - i, b + j, j_end - j))
			return BLIPMQ_PATTERN_DISJOINT;
		if (i_end == a_len && j_end == b_len)
			break;
		if (i_end == a_len || j_end == b_len)
			return BLIPMQ_PATTERN_DISJOINT;
		i = i_end + 1;
		j = j_end + 1;
	}
	return contains ? BLIPMQ_PATTERN_CONTAINS : BLIPMQ_PATTERN_OVERLAPS;
}

/**
 * blipmq_pattern_cmp() - which of two patterns says more of a topic?
 * @a: a valid pattern
 * @a_len: its bytes
 * @b: another one
 * @b_len: its bytes
 *
 * Token by token a literal comes before '*', and that before '>'. Different
 * patterns that match one topic differ in that somewhere; so of all that do,
 * one is the first, in whatever company. Others are in the order of their
 * bytes.
 *
 * Return: negative when @a comes first, 0 when they are the same, else positive.
 */
int blipmq_pattern_cmp(const u8 *a, size_t a_len, const u8 *b, size_t b_len)
{
	size_t i = 0, j = 0, i_end, j_end;
	enum token_kind i_kind, j_kind;
	int cmp;

	for (;;) {
		i_end = token_end(a, a_len, i);
		j_end = token_end(b, b_len, j);
		i_kind = token_kind(a + i, i_end - i);
		j_kind = token_kind(b + j, j_end - j);
		if (i_kind != j_kind)
			return (int)i_kind - (int)j_kind;
		cmp = token_cmp(a + i, i_end - i, b + j, j_end - j);
		if (cmp)
			return cmp;
		if (i_end == a_len || j_end == b_len)
			return (j_end == b_len) - (i_end == a_len);
		i = i_end + 1;
		j = j_end + 1;
	}
}
