/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of docs/PROTOCOL.md once more, written to be compared with that
 * text and nothing else: slow, and sharing no line with the module.
 */
#ifndef _BLIPMQ_TESTS_FUZZ_TWIN_H
#define _BLIPMQ_TESTS_FUZZ_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum twin_name {
	TWIN_NO_NAME,
	TWIN_TOPIC,
	TWIN_PATTERN,	/* one that is no topic */
};

size_t twin_character(const uint8_t *s, size_t len);
enum twin_name twin_name(const uint8_t *s, size_t len);
bool twin_matches(const uint8_t *p, size_t p_len, const uint8_t *t,
		  size_t t_len);
unsigned int twin_header(const uint8_t *header, uint64_t payload_max);
unsigned int twin_body(const uint8_t *frame, size_t size);
unsigned int twin_fixed(unsigned int op);

#endif /* _BLIPMQ_TESTS_FUZZ_TWIN_H */
