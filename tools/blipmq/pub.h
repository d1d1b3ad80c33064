/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Publishing lines.
 */
#ifndef _BLIPMQ_PUB_H
#define _BLIPMQ_PUB_H

#include <stdbool.h>

struct blipmq;

int pub_lines(struct blipmq *b, const char *topic, bool retain);

#endif /* _BLIPMQ_PUB_H */
