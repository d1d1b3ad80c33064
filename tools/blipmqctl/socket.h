/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets, which other commands look at as well.
 */
#ifndef _BLIPMQCTL_SOCKET_H
#define _BLIPMQCTL_SOCKET_H

#include "list.h"

extern const struct list ctl_sockets;

#endif /* _BLIPMQCTL_SOCKET_H */
