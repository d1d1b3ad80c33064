/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Socket addresses as text.
 */
#ifndef _BLIPMQD_ADDRESS_H
#define _BLIPMQD_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

/* "[", an IPv6 address, "]:65535" and the zero byte. */
#define ADDRESS_TEXT_MAX	(INET6_ADDRSTRLEN + 8)

void address_text(const struct sockaddr_storage *a, char *text);

#endif /* _BLIPMQD_ADDRESS_H */
