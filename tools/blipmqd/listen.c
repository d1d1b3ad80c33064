// SPDX-License-Identifier: GPL-2.0
/*
 * Listening: from ADDRESS:PORT to sockets.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "server.h"

#define HOST_MAX	256
#define BACKLOG		4096

/*
 * ADDRESS:PORT, [IPV6]:PORT; an address that is missing, as in :9999, is every
 * one.
 */
static bool split_address(const char *text, char *host, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t len;

	if (!colon || !colon[1])
		return false;
	*port = colon + 1;
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false;
	}
	if (len >= HOST_MAX)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return true;
}

static bool is_loopback(const struct sockaddr *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a;
	const struct sockaddr_in *in = (const void *)a;

	/* NOLINTNEXTLINE(clang-analyzer-core.*): getaddrinfo() has filled it */
	if (a->sa_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return a->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int open_listener(const struct addrinfo *a, bool alone)
{
	int fd, one = 1, only = !alone, error;

	fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return -errno;
	/* A server that starts again must not wait for old connections. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	if (!bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void tell_listening(int fd, bool *warned)
{
	char text[ADDRESS_TEXT_MAX];
	struct sockaddr_storage a;
	socklen_t size = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &size))
		return;
	address_text(&a, text);
	if (!is_loopback((struct sockaddr *)&a) && !*warned) {
		log_line("warning: no authentication: whoever reaches %s may publish and subscribe",
			 text);
		*warned = true;
	}
	log_line("listening on %s", text);
}

/**
 * listen_on() - open the listening sockets
 * @s: the server
 * @address: ADDRESS:PORT
 *
 * A name with several addresses listens on each of them.
 *
 * Return: EXIT_DONE, or another status after saying why.
 */
int listen_on(struct server *s, const char *address)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *found, *a;
	char host[HOST_MAX];
	bool warned = false;
	const char *port;
	int fd = 0, ret;

	if (!split_address(address, host, &port)) {
		log_line("'%s' is not of the form ADDRESS:PORT; an IPv6 address stands in brackets",
			 address);
		return EXIT_USAGE;
	}
	/* The C library takes it modulo 65536. */
	if (strspn(port, "0123456789") == strlen(port) && atol(port) > 65535) {
		log_line("port %s is above 65535", port);
		return EXIT_USAGE;
	}
	ret = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	if (ret) {
		log_line("cannot listen on %s: %s", address,
			 gai_strerror(ret));
		return EXIT_USAGE;
	}
	for (a = found; a && s->listener_count < LISTENERS_MAX;
	     a = a->ai_next) {
		fd = open_listener(a, !found->ai_next);
		/* A machine without IPv6 may still name its addresses. */
		if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
			continue;
		if (fd < 0)
			break;
		s->listeners[s->listener_count++] = fd;
		tell_listening(fd, &warned);
	}
	freeaddrinfo(found);
	if (fd < 0 && (!s->listener_count || fd == -EADDRINUSE)) {
		log_line("cannot listen on %s: %s%s", address, strerror(-fd),
			 fd == -EADDRINUSE ? "; is another blipmqd running?" :
			 "");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
