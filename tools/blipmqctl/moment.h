/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Moments, and the time between two looks.
 */
#ifndef _BLIPMQCTL_MOMENT_H
#define _BLIPMQCTL_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

double moment_now(void);
void moment_wait(double seconds);
bool moment_parse(const char *text, double *seconds);
uint64_t moment_rate(uint64_t from, uint64_t to, double seconds);

#endif /* _BLIPMQCTL_MOMENT_H */
