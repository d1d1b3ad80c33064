// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Option structures begin with their size, so that programs and libraries of
 * different age fit together.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/**
 * blipmq_options_copy() - read an option structure of the caller's version
 * @to: this version's structure
 * @to_size: its bytes
 * @from: the caller's structure, which begins with a size_t of its bytes; NULL
 *	for all zero
 *
 * Return: 0; -EINVAL: no size; -E2BIG: asks for what this version does not
 * know.
 */
int blipmq_options_copy(void *to, size_t to_size, const void *from)
{
	const u8 *bytes = from;
	size_t size, i;

	memset(to, 0, to_size);
	if (!from)
		return 0;
	memcpy(&size, from, sizeof(size));
	if (size < sizeof(size))
		return -EINVAL;
	for (i = to_size; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(to, from, size < to_size ? size : to_size);
	return 0;
}
