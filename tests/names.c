// SPDX-License-Identifier: GPL-2.0
/*
 * Unit test of module/pattern.c, in user space: which names are topics, which
 * are patterns.
 */
#include <stdint.h>
#include <string.h>

#include <kselftest.h>

#include "../module/pattern.h"
#include "names.h"

/* A slow twin: UTF-8 by decoding and encoding again, tokens by copying. */
static size_t utf8_decode(const u8 *s, size_t len, uint32_t *c)
{
	static const u8 lead[] = { 0x00, 0xc0, 0xe0, 0xf0 };
	static const u8 mask[] = { 0x7f, 0x1f, 0x0f, 0x07 };
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	size_t n, i;

	for (n = 0; n < 4; n++)
		if ((s[0] & (u8)~mask[n]) == lead[n])
			break;
	if (n == 4 || n + 1 > len)
		return 0;
	*c = s[0] & mask[n];
	for (i = 1; i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n + 1;
}

static bool twin(const u8 *s, size_t len, bool wildcards)
{
	size_t i, n, start = 0;
	uint32_t c;

	for (i = 0; i < len; i += n) {
		n = utf8_decode(s + i, len - i, &c);
		if (!n || c <= 32 || c == 127)
			return false;
	}
	for (i = 0; i <= len; i++) {
		if (i < len && s[i] != '.')
			continue;
		n = i - start;
		if (!n)
			return false;
		if (n == 1 && s[start] == '*' && !wildcards)
			return false;
		if (n == 1 && s[start] == '>' && (!wildcards || i < len))
			return false;
		start = i + 1;
	}
	return len <= 255;
}

static bool agrees(const u8 *s, size_t len)
{
	return blipmq_topic_valid(s, len) == twin(s, len, false) &&
	       blipmq_pattern_valid(s, len) == twin(s, len, true);
}

/* Random names from an alphabet of what is near the rules' edges. */
static bool random_names(unsigned int rounds)
{
	static const char * const pieces[] = {
		"a", "bc", ".", ".", ".", "*", ">", "*", " ", "\x7f", "\x1f",
		"\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x90\xa7", "\xc3",
		"\xe2", "\x82", "\xed\xa0\x80", "\xc0\xaf", "/", "\xf4",
		"\x8f", "\xbf",
	};
	uint32_t seed = 12345;
	u8 name[64];
	size_t len, n;

	while (rounds--) {
		for (len = 0; len < 24;) {
			const char *piece;

			seed = seed * 1664525 + 1013904223;
			piece = pieces[(seed >> 16) % ARRAY_SIZE(pieces)];
			n = strlen(piece);
			memcpy(name + len, piece, n);
			len += n;
			if (!(seed >> 28))
				break;
		}
		if (!agrees(name, len)) {
			for (n = 0; n < len; n++)
				fprintf(stderr, "%s%02x", n ? " " : "# ",
					name[n]);
			fprintf(stderr, "\n");
			return false;
		}
	}
	return true;
}

/* Every name of up to three bytes; four where they begin with a lead byte. */
static bool all_short_names(void)
{
	unsigned int a, b, c, d;
	u8 s[4];

	for (a = 0; a < 256; a++) {
		s[0] = (u8)a;
		if (!agrees(s, 1))
			return false;
		for (b = 0; b < 256; b++) {
			s[1] = (u8)b;
			if (!agrees(s, 2))
				return false;
			for (c = a < 0x80 ? 0x20 : 0; c < 256; c += 3) {
				s[2] = (u8)c;
				if (!agrees(s, 3))
					return false;
				for (d = 0x7f; a >= 0xf0 && d < 0xc1; d += 13) {
					s[3] = (u8)d;
					if (!agrees(s, 4))
						return false;
				}
			}
		}
	}
	return true;
}

static bool length_limit(void)
{
	u8 s[300];

	memset(s, 'x', sizeof(s));
	return blipmq_topic_valid(s, 255) && !blipmq_topic_valid(s, 256) &&
	       blipmq_pattern_valid(s, 255) && !blipmq_pattern_valid(s, 256) &&
	       !blipmq_topic_valid(s, 300);
}

int main(void)
{
	size_t i;

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(names) + 3);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const struct name *n = &names[i];
		const u8 *s = (const u8 *)n->bytes;
		bool ok = blipmq_topic_valid(s, n->len) == n->topic &&
			  blipmq_pattern_valid(s, n->len) == n->pattern;

		/* Only what is a valid pattern may be asked. */
		if (n->pattern)
			ok = ok && blipmq_pattern_is_exact(s, n->len) ==
				   n->topic;
		ksft_test_result(ok && agrees(s, n->len), "names: %s\n",
				 n->what);
	}
	ksft_test_result(length_limit(), "names: 255 bytes are the limit\n");
	ksft_test_result(all_short_names(),
			 "names: short names, against a slow twin\n");
	ksft_test_result(random_names(200000),
			 "names: random names, against a slow twin\n");
	ksft_exit(!ksft_get_fail_cnt());
}
