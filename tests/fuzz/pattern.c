// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of topics and patterns: every input is a name, and a topic
 * behind a pattern.
 */
#include <string.h>

#include "../../module/pattern.h"
#include "fuzz.h"
#include "twin.h"

/* The first zero byte parts a pattern from a topic. */
static void matching(const uint8_t *data, size_t size)
{
	const uint8_t *zero = memchr(data, 0, size);
	size_t len = zero ? (size_t)(zero - data) : size;
	size_t rest = zero ? size - len - 1 : 0;
	u8 *pattern, *topic;

	if (twin_name(data, len) == TWIN_NO_NAME ||
	    twin_name(data + len + 1, rest) != TWIN_TOPIC)
		return;
	pattern = fuzz_copy(data, len);
	topic = fuzz_copy(data + len + 1, rest);
	FUZZ_CHECK(blipmq_pattern_matches(pattern, len, topic, rest) ==
		   twin_matches(data, len, data + len + 1, rest));
	/* To a topic, a pattern is all or nothing, and says less. */
	FUZZ_CHECK(blipmq_pattern_relate(pattern, len, topic, rest) ==
		   (twin_matches(data, len, data + len + 1, rest) ?
		    BLIPMQ_PATTERN_CONTAINS : BLIPMQ_PATTERN_DISJOINT));
	if (twin_matches(data, len, data + len + 1, rest))
		FUZZ_CHECK((blipmq_pattern_cmp(topic, rest, pattern, len) < 0) ==
			   (twin_name(data, len) != TWIN_TOPIC));
	free(pattern);
	free(topic);
}

int fuzz_input(const uint8_t *data, size_t size)
{
	enum twin_name kind = twin_name(data, size);
	u8 *name = fuzz_copy(data, size);
	size_t i;

	FUZZ_CHECK(blipmq_topic_valid(name, size) == (kind == TWIN_TOPIC));
	FUZZ_CHECK(blipmq_pattern_valid(name, size) == (kind != TWIN_NO_NAME));
	/* Of what is no pattern, nobody asks. */
	if (kind != TWIN_NO_NAME)
		FUZZ_CHECK(blipmq_pattern_is_exact(name, size) ==
			   (kind == TWIN_TOPIC));
	for (i = 0; i < size; i++)
		FUZZ_CHECK(blipmq_utf8_sequence(name + i, size - i) ==
			   twin_character(data + i, size - i));
	free(name);
	if (size && memchr(data, 0, size))
		matching(data, size);
	return 0;
}
