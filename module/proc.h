/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file in /proc/net.
 */
#ifndef _BLIPMQ_PROC_H
#define _BLIPMQ_PROC_H

struct net;

int __must_check blipmq_proc_init(struct net *net);
void blipmq_proc_exit(struct net *net);

#endif /* _BLIPMQ_PROC_H */
