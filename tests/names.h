/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names that are topics, patterns, or neither: one table for the unit test of
 * the rules and for what a broker answers.
 */
#ifndef _BLIPMQ_TESTS_NAMES_H
#define _BLIPMQ_TESTS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct name - a name and what it may be used for
 * @what: for the test's output: plain words
 * @bytes: the name
 * @len: how many bytes
 * @topic: a valid topic
 * @pattern: a valid pattern
 */
struct name {
	const char	*what;
	const char	*bytes;
	size_t		len;
	bool		topic;
	bool		pattern;
};

#define BYTES(s)	(s), sizeof(s) - 1
#define TOPIC		true, true
#define PATTERN		false, true
#define INVALID		false, false

#define X8		"xxxxxxxx"
#define X64		X8 X8 X8 X8 X8 X8 X8 X8
#define X255		X64 X64 X64 X8 X8 X8 X8 X8 X8 X8 "xxxxxxx"

static const struct name names[] = {
	{ "one character", BYTES("a"), TOPIC },
	{ "tokens", BYTES("a.b.c"), TOPIC },
	{ "a slash is a character", BYTES("a/b"), TOPIC },
	{ "other punctuation", BYTES("a-b_c:d,e;f!g$h"), TOPIC },
	{ "quotes and a backslash", BYTES("a\"b\\c'd"), TOPIC },
	{ "255 bytes", BYTES(X255), TOPIC },
	{ "two-byte UTF-8", BYTES("stra\xc3\x9f" "e"), TOPIC },
	{ "smallest two-byte", BYTES("\xc2\x80"), TOPIC },
	{ "largest two-byte", BYTES("\xdf\xbf"), TOPIC },
	{ "three-byte UTF-8", BYTES("\xe2\x82\xac.eur"), TOPIC },
	{ "smallest three-byte", BYTES("\xe0\xa0\x80"), TOPIC },
	{ "below the surrogates", BYTES("\xed\x9f\xbf"), TOPIC },
	{ "above the surrogates", BYTES("\xee\x80\x80"), TOPIC },
	{ "four-byte UTF-8", BYTES("\xf0\x9f\x90\xa7"), TOPIC },
	{ "smallest four-byte", BYTES("\xf0\x90\x80\x80"), TOPIC },
	{ "U+10FFFF", BYTES("\xf4\x8f\xbf\xbf"), TOPIC },
	{ "star inside a token", BYTES("a*.b"), TOPIC },
	{ "star after a character", BYTES("a.b*"), TOPIC },
	{ "two stars", BYTES("**"), TOPIC },
	{ "greater inside a token", BYTES("a>.b"), TOPIC },
	{ "two greaters", BYTES(">>"), TOPIC },
	{ "star and greater", BYTES("*>"), TOPIC },

	{ "star alone", BYTES("*"), PATTERN },
	{ "star first", BYTES("*.a"), PATTERN },
	{ "star in the middle", BYTES("a.*.b"), PATTERN },
	{ "star last", BYTES("a.*"), PATTERN },
	{ "many stars", BYTES("*.*.*"), PATTERN },
	{ "greater alone", BYTES(">"), PATTERN },
	{ "greater last", BYTES("a.>"), PATTERN },
	{ "star, then greater", BYTES("*.>"), PATTERN },

	{ "nothing", BYTES(""), INVALID },
	{ "a dot", BYTES("."), INVALID },
	{ "two dots", BYTES(".."), INVALID },
	{ "dot first", BYTES(".a"), INVALID },
	{ "dot last", BYTES("a."), INVALID },
	{ "empty token", BYTES("a..b"), INVALID },
	{ "greater first", BYTES(">.a"), INVALID },
	{ "greater in the middle", BYTES("a.>.b"), INVALID },
	{ "greater twice", BYTES(">.>"), INVALID },
	{ "greater, then dot", BYTES("a.>."), INVALID },
	{ "space", BYTES("a b"), INVALID },
	{ "space alone", BYTES(" "), INVALID },
	{ "space last", BYTES("a "), INVALID },
	{ "zero byte", BYTES("a\0b"), INVALID },
	{ "zero byte last", BYTES("a\0"), INVALID },
	{ "control character 1", BYTES("a\x01"), INVALID },
	{ "tab", BYTES("a\tb"), INVALID },
	{ "line feed", BYTES("a\nb"), INVALID },
	{ "control character 31", BYTES("\x1f"), INVALID },
	{ "DEL", BYTES("a\x7f"), INVALID },
	{ "continuation byte first", BYTES("\x80"), INVALID },
	{ "continuation byte alone", BYTES("a\xbf" "b"), INVALID },
	{ "overlong slash, two bytes", BYTES("a\xc0\xaf" "b"), INVALID },
	{ "overlong DEL, two bytes", BYTES("\xc1\xbf"), INVALID },
	{ "overlong, three bytes", BYTES("\xe0\x9f\xbf"), INVALID },
	{ "overlong, four bytes", BYTES("\xf0\x8f\xbf\xbf"), INVALID },
	{ "first surrogate", BYTES("\xed\xa0\x80"), INVALID },
	{ "last surrogate", BYTES("\xed\xbf\xbf"), INVALID },
	{ "above U+10FFFF", BYTES("\xf4\x90\x80\x80"), INVALID },
	{ "lead byte F5", BYTES("\xf5\x80\x80\x80"), INVALID },
	{ "byte FE", BYTES("\xfe"), INVALID },
	{ "byte FF", BYTES("\xff"), INVALID },
	{ "two bytes, cut off", BYTES("a\xc3"), INVALID },
	{ "three bytes, cut off", BYTES("a\xe2\x82"), INVALID },
	{ "four bytes, cut off", BYTES("\xf0\x9f\x90"), INVALID },
	{ "cut off by a dot", BYTES("\xe2\x82.a"), INVALID },
	{ "lead byte twice", BYTES("\xc3\xc3\x9f"), INVALID },
};

#endif /* _BLIPMQ_TESTS_NAMES_H */
