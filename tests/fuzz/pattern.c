// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of topics and patterns: every input is a name.
 */
#include "../../module/pattern.h"
#include "fuzz.h"
#include "twin.h"

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
	return 0;
}
