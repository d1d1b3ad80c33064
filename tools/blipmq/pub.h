/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Publishing lines.
 */
#ifndef _BLIPMQ_PUB_H
#define _BLIPMQ_PUB_H

struct blipmq;

int pub_lines(struct blipmq *b, const char *topic);

#endif /* _BLIPMQ_PUB_H */
