/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The limits of a namespace, shown by limit and by status.
 */
#ifndef _BLIPMQCTL_LIMIT_H
#define _BLIPMQCTL_LIMIT_H

#include "value.h"

extern const struct value_spec ctl_limit_specs[];

void ctl_print_limits(const struct values *v);

#endif /* _BLIPMQCTL_LIMIT_H */
