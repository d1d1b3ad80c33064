/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ending the connection of a reader that is too slow.
 */
#ifndef _BLIPMQ_DISCONNECT_H
#define _BLIPMQ_DISCONNECT_H

#include <linux/compiler.h>
#include <linux/init.h>

int __must_check blipmq_disconnect_init(void);
void blipmq_disconnect_exit(void);

#endif /* _BLIPMQ_DISCONNECT_H */
