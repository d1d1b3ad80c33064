// SPDX-License-Identifier: GPL-2.0
/*
 * For scripts: numbers out of the broker's status.
 *
 *	status			prints all, one path and number a line
 *	status PATH...		prints each number, such as totals.matched
 *	status --law		exits 0 when the conservation law holds
 *	status --wait PATH N	waits until a number is N
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

int main(int argc, char **argv)
{
	struct lib_status s;
	int i;

	if (argc == 2 && !strcmp(argv[1], "--law"))
		return !lib_status_law();
	if (argc == 4 && !strcmp(argv[1], "--wait"))
		return !lib_status_wait(argv[2], atoll(argv[3]));
	if (argc > 1 && argv[1][0] == '-') {
		fprintf(stderr,
			"usage: status [PATH...] | --law | --wait PATH N\n");
		return 2;
	}
	if (!lib_status(&s))
		return 1;
	if (argc == 1)
		lib_status_print(&s);
	for (i = 1; i < argc; i++) {
		long long value = lib_status_value(&s, argv[i]);

		if (value < 0) {
			fprintf(stderr, "# no %s in the status\n", argv[i]);
			return 1;
		}
		printf("%lld%c", value, i + 1 < argc ? ' ' : '\n');
	}
	return 0;
}
