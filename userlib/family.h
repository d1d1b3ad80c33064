/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The number of the socket family. For the library and for the tools that link
 * it statically; nothing here is exported.
 */
#ifndef _BLIPMQ_FAMILY_H
#define _BLIPMQ_FAMILY_H

int blipmq_family_number(void);

#endif /* _BLIPMQ_FAMILY_H */
