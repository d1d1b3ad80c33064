// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Addresses: from a text to a connected stream.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "family.h"
#include "internal.h"

#define HOST_MAX	256
#define PORT_MAX	32

static int open_local(struct blipmq *b)
{
	int fd;

	fd = socket(blipmq_family_number(), SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		return fd;
	if (errno == EAFNOSUPPORT)
		return blipmq_fail(b, -EAFNOSUPPORT,
				   "the kernel module blipmq is not loaded; modprobe or insmod it");
	if (errno == ESHUTDOWN)
		return blipmq_fail(b, -ESHUTDOWN, "the broker is draining");
	return blipmq_fail(b, -errno, "%s", strerror(errno));
}

/* connect() with a time limit. Return: 0 or a negative errno. */
static int connect_until(int fd, const struct sockaddr *to, socklen_t len,
			 s64 end)
{
	socklen_t size = sizeof(int);
	int error, ready;

	if (!connect(fd, to, len))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	ready = blipmq_poll_all(fd, POLLOUT, blipmq_left_ms(end));
	if (ready <= 0)
		return ready ? ready : -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
		return -errno;
	return -error;
}

static int open_connected(int family, const struct sockaddr *to, socklen_t len,
			  s64 end)
{
	int fd, ret;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect_until(fd, to, len, end);
	if (!ret && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK))
		ret = -errno;
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

/* HOST:PORT, where an IPv6 address stands in brackets. */
static int split_host(const char *text, char *host, char *port)
{
	const char *end, *colon;
	size_t len;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || end[1] != ':')
			return -EINVAL;
		colon = end + 1;
	} else {
		colon = strchr(text, ':');
		/* Two colons without brackets: which one ends the host? */
		if (!colon || strchr(colon + 1, ':'))
			return -EINVAL;
		end = colon;
	}
	len = (size_t)(end - text);
	if (!len || len >= HOST_MAX || !colon[1] ||
	    strlen(colon + 1) >= PORT_MAX)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	strcpy(port, colon + 1);
	return 0;
}

static int resolve(struct blipmq *b, const char *host, const char *port,
		   struct addrinfo **found)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	int ret;

	/* The C library takes it modulo 65536. */
	if (strspn(port, "0123456789") == strlen(port) && atol(port) > 65535)
		return blipmq_fail(b, -EINVAL, "port %s is above 65535", port);
	ret = getaddrinfo(host, port, &hints, found);
	if (!ret)
		return 0;
	if (ret == EAI_SYSTEM)
		return blipmq_fail(b, -errno, "%s", strerror(errno));
	return blipmq_fail(b, ret == EAI_SERVICE ? -EINVAL : -EHOSTUNREACH,
			   "%s", gai_strerror(ret));
}

static int open_tcp(struct blipmq *b, const char *text, int timeout_ms)
{
	char host[HOST_MAX], port[PORT_MAX];
	struct addrinfo *found, *a;
	int fd = -EHOSTUNREACH, one = 1, ret;

	if (split_host(text, host, port))
		return blipmq_fail(b, -EINVAL,
				   "the address is not of the form tcp://HOST:PORT");
	ret = resolve(b, host, port, &found);
	if (ret)
		return ret;
	/* Names may take their time. */
	b->connect_end = blipmq_end_ms(timeout_ms);
	for (a = found; a; a = a->ai_next) {
		if (a != found && !blipmq_left_ms(b->connect_end))
			break;
		fd = open_connected(a->ai_family, a->ai_addr, a->ai_addrlen,
				    b->connect_end);
		if (fd >= 0)
			break;
	}
	freeaddrinfo(found);
	if (fd < 0)
		return blipmq_fail(b, fd, "%s%s", strerror(-fd),
				   fd == -ECONNREFUSED ?
				   "; is blipmqd running?" : "");
	/* Latency: frames are collected here, not in the network stack. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	b->network = true;
	return fd;
}

static int open_unix(struct blipmq *b, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd;

	if (!len || len >= sizeof(to.sun_path))
		return blipmq_fail(b, -EINVAL,
				   "the path has no or too many bytes");
	memcpy(to.sun_path, path, len);
	fd = open_connected(AF_UNIX, (struct sockaddr *)&to, sizeof(to),
			    b->connect_end);
	if (fd < 0)
		return blipmq_fail(b, fd, "%s", strerror(-fd));
	/* Something stands between this socket and the kernel's broker. */
	b->network = true;
	return fd;
}

/**
 * blipmq_address_open() - open the stream that an address names
 * @b: takes the reason of a failure, and until when the rest of connecting may last
 * @address: as given to blipmq_connect()
 * @timeout_ms: for connecting, -1 for ever
 *
 * Return: a descriptor or a negative errno.
 */
int blipmq_address_open(struct blipmq *b, const char *address, int timeout_ms)
{
	b->connect_end = blipmq_end_ms(timeout_ms);
	if (!strcmp(address, "local:"))
		return open_local(b);
	if (!strncmp(address, "tcp://", 6))
		return open_tcp(b, address + 6, timeout_ms);
	if (!strncmp(address, "unix:", 5))
		return open_unix(b, address + 5);
	if (!strncmp(address, "tls://", 6))
		return blipmq_fail(b, -EOPNOTSUPP,
				   "TLS is not built yet; use tcp:// on a network you trust");
	return blipmq_fail(b, -EINVAL,
			   "an address is local:, tcp://HOST:PORT or unix:PATH");
}
