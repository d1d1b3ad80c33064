/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The limits of a namespace, shown by limit and by status.
 */
#ifndef _BLIPMQCTL_LIMIT_H
#define _BLIPMQCTL_LIMIT_H

#include "value.h"

extern const struct value_spec ctl_limit_specs[];

void ctl_print_limits(const struct values *v);
bool ctl_limit_is_wide(uint16_t attr);
bool ctl_parse_limit(const char *text, uint64_t *value);

#endif /* _BLIPMQCTL_LIMIT_H */
