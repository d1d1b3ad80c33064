/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What is a topic, what is a pattern. Pure, as frame.h is.
 */
#ifndef _BLIPMQ_PATTERN_H
#define _BLIPMQ_PATTERN_H

#include "frame.h"

#define BLIPMQ_PATTERN_MAX	255U

/* Of a pattern to another one: what it matches of the other one's topics. */
enum blipmq_pattern_relation {
	BLIPMQ_PATTERN_DISJOINT,	/* none */
	BLIPMQ_PATTERN_OVERLAPS,	/* some */
	BLIPMQ_PATTERN_CONTAINS,	/* all */
};

size_t blipmq_utf8_sequence(const u8 *s, size_t len);
bool blipmq_topic_valid(const u8 *topic, size_t len);
bool blipmq_pattern_valid(const u8 *pattern, size_t len);
bool blipmq_pattern_is_exact(const u8 *pattern, size_t len);
bool blipmq_pattern_matches(const u8 *pattern, size_t pattern_len,
			    const u8 *topic, size_t topic_len);
enum blipmq_pattern_relation blipmq_pattern_relate(const u8 *a, size_t a_len,
						   const u8 *b, size_t b_len);
int blipmq_pattern_cmp(const u8 *a, size_t a_len, const u8 *b, size_t b_len);

#endif /* _BLIPMQ_PATTERN_H */
