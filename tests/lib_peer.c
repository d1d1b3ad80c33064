// SPDX-License-Identifier: GPL-2.0
/*
 * A connection that speaks frames, over a local socket or over TCP.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"

/* A frame that claims more than this is a broken one, not a large one. */
#define FRAME_SANE	(BLIPMQ_FRAME_PAYLOAD_MAX + BLIPMQ_FRAME_CONTROL_MAX)

static void *grown(void *p, size_t *room, size_t need)
{
	size_t size = *room ? *room : 4096;

	if (need <= *room)
		return p;
	while (size < need)
		size *= 2;
	p = realloc(p, size);
	if (!p) {
		perror("# realloc");
		exit(1);
	}
	*room = size;
	return p;
}

int lib_socket(int type)
{
	int fd = socket(AF_BLIPMQ, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		lib_say("socket(AF_BLIPMQ, %d): %s", type, strerror(errno));
	return fd;
}

static int tcp_connect(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	const char *where = getenv("BLIPMQ_TEST_TCP");
	char host[128];
	const char *port;
	int fd, one = 1;

	port = where ? strrchr(where, ':') : NULL;
	if (!port) {
		lib_say("BLIPMQ_TEST_TCP=HOST:PORT of a blipmqd is not set");
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(port - where), where);
	if (getaddrinfo(host, port + 1, &hints, &ai)) {
		lib_say("cannot resolve %s", where);
		return -1;
	}
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen)) {
		lib_say("connect %s: %s", where, strerror(errno));
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	freeaddrinfo(ai);
	return fd;
}

int lib_open(struct lib_peer *p, enum lib_way way)
{
	memset(p, 0, sizeof(*p));
	p->fd = way == LIB_TCP ? tcp_connect() : lib_socket(SOCK_STREAM);
	return p->fd;
}

void lib_close(struct lib_peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->in);
	free(p->out);
	memset(p, 0, sizeof(*p));
	p->fd = -1;
}

void lib_raw(struct lib_peer *p, const void *bytes, size_t len)
{
	p->out = grown(p->out, &p->out_room, p->out_len + len);
	memcpy(p->out + p->out_len, bytes, len);
	p->out_len += len;
}

void lib_put(struct lib_peer *p, u8 op, u8 flags, const char *topic,
	     const void *body, size_t len)
{
	size_t topic_len = topic ? strlen(topic) : 0;
	u8 header[BLIPMQ_FRAME_HEADER];

	blipmq_frame_encode(header, op, flags, (u8)topic_len, (u32)len);
	lib_raw(p, header, sizeof(header));
	lib_raw(p, topic ? topic : "", topic_len);
	lib_raw(p, len ? body : "", len);
}

void lib_put_pub(struct lib_peer *p, u8 flags, const char *topic, u32 tag,
		 const void *payload, size_t len)
{
	size_t topic_len = strlen(topic);
	u8 header[BLIPMQ_FRAME_HEADER];
	u8 fixed[BLIPMQ_FRAME_PUB_FIXED] = { 0 };

	blipmq_frame_encode(header, BLIPMQ_OP_PUB, flags, (u8)topic_len,
			    (u32)(sizeof(fixed) + len));
	blipmq_put_le32(fixed + 4, tag);
	lib_raw(p, header, sizeof(header));
	lib_raw(p, topic, topic_len);
	lib_raw(p, fixed, sizeof(fixed));
	lib_raw(p, len ? payload : "", len);
}

void lib_put_option(struct lib_peer *p, u16 number, u32 value)
{
	u8 body[6];

	blipmq_put_le16(body, number);
	blipmq_put_le32(body + 2, value);
	lib_put(p, BLIPMQ_OP_OPTION, BLIPMQ_FLAG_CONFIRM, NULL, body,
		sizeof(body));
}

bool lib_send_cut(struct lib_peer *p, size_t step)
{
	size_t done = 0, len = p->out_len;

	p->out_len = 0;
	while (done < len) {
		size_t n = len - done < step ? len - done : step;
		ssize_t ret = send(p->fd, p->out + done, n, MSG_NOSIGNAL);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0) {
			lib_say("send of %zu bytes: %s", n, strerror(errno));
			return false;
		}
		done += (size_t)ret;
	}
	return true;
}

bool lib_send(struct lib_peer *p)
{
	return lib_send_cut(p, SIZE_MAX);
}

/* More bytes, or 0 at their end, or -errno. */
static ssize_t fill(struct lib_peer *p, int timeout_ms)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	ssize_t n;
	int ret;

	if (p->start) {
		memmove(p->in, p->in + p->start, p->end - p->start);
		p->end -= p->start;
		p->start = 0;
	}
	p->in = grown(p->in, &p->room, p->end + 65536);
	do {
		ret = poll(&pfd, 1, timeout_ms);
		if (!ret)
			return -ETIMEDOUT;
		/* What poll() has seen may have expired. */
		n = ret < 0 ? ret : recv(p->fd, p->in + p->end,
					 p->room - p->end, MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return -errno;
	p->end += (size_t)n;
	return n;
}

/*
 * The next frame: 1, or 0 at the end of the stream, or -errno: ETIMEDOUT, or
 * EPROTO for bytes that are no frame of a broker.
 */
int lib_next_within(struct lib_peer *p, struct lib_frame *in, int timeout_ms)
{
	for (;;) {
		size_t have = p->end - p->start;
		const u8 *b = p->in + p->start;
		ssize_t n;

		if (have >= BLIPMQ_FRAME_HEADER) {
			blipmq_frame_decode(&in->f, b);
			if (in->f.size < BLIPMQ_FRAME_HEADER +
					 in->f.topic_len ||
			    in->f.size > FRAME_SANE || in->f.reserved) {
				lib_say("no frame: size %u op %u topic_len %u reserved %u",
					in->f.size, in->f.op, in->f.topic_len,
					in->f.reserved);
				return -EPROTO;
			}
			if (have >= in->f.size) {
				in->topic = b + BLIPMQ_FRAME_HEADER;
				in->body = in->topic + in->f.topic_len;
				in->body_len = in->f.size -
					       BLIPMQ_FRAME_HEADER -
					       in->f.topic_len;
				p->start += in->f.size;
				return 1;
			}
		}
		n = fill(p, timeout_ms);
		if (n < 0)
			return (int)n;
		if (!n && have) {
			lib_say("the stream ends inside a frame, after %zu bytes",
				have);
			return -EPROTO;
		}
		if (!n)
			return 0;
	}
}

int lib_next(struct lib_peer *p, struct lib_frame *in)
{
	return lib_next_within(p, in, LIB_HANG_MS);
}
