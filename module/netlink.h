/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control plane, a generic netlink family.
 */
#ifndef _BLIPMQ_NETLINK_H
#define _BLIPMQ_NETLINK_H

int blipmq_netlink_register(void);
void blipmq_netlink_unregister(void);

#endif /* _BLIPMQ_NETLINK_H */
