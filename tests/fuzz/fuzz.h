/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the libFuzzer harnesses share.
 */
#ifndef _BLIPMQ_TESTS_FUZZ_H
#define _BLIPMQ_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../module/frame.h"

/* A finding: libFuzzer keeps the input of an abort. */
#define FUZZ_CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, \
				__LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* What libFuzzer calls, once for each input, by a name of its own. */
int fuzz_input(const uint8_t *data, size_t size)
	__asm__("LLVMFuzzerTestOneInput");

/* A block of exactly that length, so that a read past its end is seen. */
static inline void *fuzz_copy(const void *bytes, size_t len)
{
	void *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/*
 * Random bytes make a frame once in millions of times. So, for inputs that ask
 * for it, most lengths become such that the frames fill the stream.
 */
static inline void fuzz_make_frames(u8 *stream, size_t len)
{
	u32 size;

	while (len >= BLIPMQ_FRAME_HEADER) {
		size = BLIPMQ_FRAME_HEADER + (blipmq_get_le16(stream) & 0x3ff);
		if (size > len)
			size = (u32)len;
		if (stream[3] < 0xf0)
			blipmq_put_le32(stream, size);
		if (stream[7] < 0xf0)
			blipmq_put_le16(stream + 6, 0);
		stream += size;
		len -= size;
	}
}

#endif /* _BLIPMQ_TESTS_FUZZ_H */
