// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes as text: is it UTF-8, and what to write when it is not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "text.h"

/**
 * text_is_utf8() - are these bytes strict UTF-8?
 * @data: the bytes
 * @size: how many
 *
 * Return: true when they are.
 */
bool text_is_utf8(const void *data, size_t size)
{
	const unsigned char *s = data;
	uint64_t eight;
	size_t i = 0, n;

	while (i < size) {
		if (size - i >= sizeof(eight)) {
			memcpy(&eight, s + i, sizeof(eight));
			if (!(eight & 0x8080808080808080ULL)) {
				i += sizeof(eight);
				continue;
			}
		}
		if (s[i] < 0x80) {
			i++;
			continue;
		}
		n = blipmq_utf8_sequence(s + i, size - i);
		if (!n)
			return false;
		i += n;
	}
	return true;
}

/* Bytes of a character that shows, 0 for one that does something else. */
static size_t text_shows(const unsigned char *s, size_t size)
{
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	/* C1: what terminals take for escapes as well. */
	if (s[0] == 0xc2 && size > 1 && s[1] < 0xa0)
		return 0;
	return blipmq_utf8_sequence(s, size);
}

/**
 * text_write_plain() - write bytes so that a terminal only shows them
 * @to: where to
 * @data: the bytes
 * @size: how many
 *
 * Control characters and what is no UTF-8 become \xHH; a backslash stays one.
 */
void text_write_plain(FILE *to, const void *data, size_t size)
{
	const unsigned char *s = data;
	size_t n, run;

	while (size) {
		for (run = 0; run < size; run += n) {
			/* Most are. */
			while (run < size && s[run] >= 0x20 && s[run] < 0x7f)
				run++;
			if (run == size)
				break;
			n = text_shows(s + run, size - run);
			if (!n)
				break;
		}
		fwrite(s, 1, run, to);
		s += run;
		size -= run;
		if (!size)
			break;
		fprintf(to, "\\x%02x", s[0]);
		s++;
		size--;
	}
}

/**
 * text_write_json() - write JSON so that a terminal only shows it
 * @to: where to
 * @json: what the library has made, in UTF-8
 * @size: its bytes
 *
 * The library leaves the controls from U+007F to U+009F as they are, which stand in
 * strings only, so that \u00XX means the same.
 */
void text_write_json(FILE *to, const char *json, size_t size)
{
	const unsigned char *s = (const unsigned char *)json;
	size_t run = 0;

	while (run < size) {
		if (s[run] == 0x7f) {
			fwrite(s, 1, run, to);
			fputs("\\u007f", to);
			run++;
		} else if (s[run] == 0xc2 && run + 1 < size &&
			   s[run + 1] < 0xa0) {
			fwrite(s, 1, run, to);
			fprintf(to, "\\u%04x", s[run + 1]);
			run += 2;
		} else {
			run++;
			continue;
		}
		s += run;
		size -= run;
		run = 0;
	}
	fwrite(s, 1, run, to);
}

/**
 * text_base64() - bytes in base64, with padding
 * @data: the bytes
 * @size: how many
 *
 * Return: a text for text_free(), NULL without memory.
 */
char *text_base64(const void *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = data;
	char *text = malloc((size + 2) / 3 * 4 + 1), *to = text;
	unsigned int bits;

	if (!text)
		return NULL;
	for (; size; s += 3, size -= 3) {
		bits = (unsigned int)s[0] << 16;
		if (size > 1)
			bits |= (unsigned int)s[1] << 8;
		if (size > 2)
			bits |= s[2];
		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = size > 1 ? digits[bits >> 6 & 63] : '=';
		*to++ = size > 2 ? digits[bits & 63] : '=';
		if (size < 3)
			break;
	}
	*to = '\0';
	return text;
}

/**
 * text_free() - give a text back
 * @text: from text_base64(), may be NULL
 */
void text_free(char *text)
{
	free(text);
}
