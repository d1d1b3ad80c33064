// SPDX-License-Identifier: GPL-2.0
/*
 * New connections, and what those hear that cannot be served.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "frame.h"
#include "worker.h"

/* Connections of one turn: signals and the clock wait meanwhile. */
#define TURN_ACCEPTS	64

/* Reads of 4 KiB from one that is refused. */
#define REFUSE_READS	16

/* Unsent bytes for a peer: beyond that they wait in the broker's queue. */
#define UNSENT_BYTES	(256 << 10)

/* A peer that has vanished is noticed after two minutes. */
#define KEEP_IDLE_S	60
#define KEEP_INTERVAL_S	10
#define KEEP_PROBES	6

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_up_tcp(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
}

/* Tell why with the protocol's own frame. */
static void refuse(int fd, u16 code, const char *text)
{
	unsigned char frame[BLIPMQ_FRAME_HEADER + 64], unread[4096];
	size_t len = strlen(text);
	int turns;

	blipmq_frame_encode(frame, BLIPMQ_OP_ERR, 0, 0, (u32)(6 + len));
	blipmq_put_le32(frame + BLIPMQ_FRAME_HEADER, 0);
	blipmq_put_le16(frame + BLIPMQ_FRAME_HEADER + 4, code);
	memcpy(frame + BLIPMQ_FRAME_HEADER + 6, text, len);
	send(fd, frame, BLIPMQ_FRAME_HEADER + 6 + len,
	     MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	/* What it sent already would make close() a reset; one that sends on has it. */
	for (turns = 0; turns < REFUSE_READS; turns++)
		if (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) <= 0)
			break;
	close(fd);
}

/* Return: 0, also when the client was refused; a negative errno to pause. */
static int serve(struct server *s, int tcp, const struct sockaddr_storage *peer)
{
	char name[ADDRESS_TEXT_MAX];
	struct client *c;
	struct worker *w;
	int kernel;

	if (atomic_load(&s->connections) >= s->max_connections) {
		refuse(tcp, BLIPMQ_CODE_LIMIT, "too many connections");
		return 0;
	}
	address_text(peer, name);
	kernel = kernel_open(s, name);
	if (kernel == -ESHUTDOWN) {
		/* There may be others soon: it is no trouble of ours. */
		refuse(tcp, BLIPMQ_CODE_DRAINING, "the broker is draining");
		return 0;
	}
	if (kernel < 0) {
		refuse(tcp, BLIPMQ_CODE_LIMIT, "the broker takes no more connections");
		return kernel;
	}
	set_up_tcp(tcp);
	c = client_new(tcp, kernel);
	if (!c) {
		close(kernel);
		close(tcp);
		return -ENOMEM;
	}
	w = balance_place(s);
	atomic_fetch_add(&s->connections, 1);
	worker_add(w, c);
	worker_wake(w);
	return 0;
}

/**
 * server_accept() - take the connections that wait
 * @s: the server
 * @listener: where
 *
 * Return: 0; a negative errno when trying again at once would be in vain.
 */
int server_accept(struct server *s, int listener)
{
	struct sockaddr_storage peer;
	socklen_t size;
	int turn, fd, ret;

	for (turn = 0; turn < TURN_ACCEPTS; turn++) {
		size = sizeof(peer);
		fd = accept4(listener, (struct sockaddr *)&peer, &size,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			switch (errno) {
			case EMFILE:
			case ENFILE:
			case ENOBUFS:
			case ENOMEM:
				return -errno;
			case EAGAIN:
				return 0;
			}
			/* That connection failed; others may wait. */
			continue;
		}
		ret = serve(s, fd, &peer);
		if (ret)
			return ret;
	}
	return 0;
}
