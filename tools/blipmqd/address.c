// SPDX-License-Identifier: GPL-2.0
/*
 * Socket addresses as text.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "address.h"

/**
 * address_text() - ADDRESS:PORT, with an IPv6 address in brackets
 * @a: the address
 * @text: room for ADDRESS_TEXT_MAX bytes
 */
void address_text(const struct sockaddr_storage *a, char *text)
{
	const struct sockaddr_in6 *in6 = (const void *)a;
	const struct sockaddr_in *in = (const void *)a;
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT_MAX, "[%s]:%u", host,
			 ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT_MAX, "%s:%u", host,
			 ntohs(in->sin_port));
	}
}
