// SPDX-License-Identifier: GPL-2.0
/*
 * BlipMQ: frames over TCP or over a local stream socket, and message borders
 * kept by a local packet socket.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/blipmq.h>

#include "load.h"

static void load_blipmq_open(struct load_conn *c, const struct load_options *o)
{
	c->fd = load_tcp_connect(o);
}

static void load_blipmq_open_stream(struct load_conn *c,
				    const struct load_options *o)
{
	c->fd = socket(o->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		err(1, "stream socket of family %d", o->family);
}

static void load_blipmq_subscribe(struct load_conn *c,
				  const struct load_options *o)
{
	u8 frame[BLIPMQ_FRAME_HEADER + BLIPMQ_FRAME_TOPIC_MAX];
	size_t len = strlen(o->topic);

	blipmq_frame_encode(frame, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, (u8)len,
			    0);
	memcpy(frame + BLIPMQ_FRAME_HEADER, o->topic, len);
	load_conn_write(c, frame, BLIPMQ_FRAME_HEADER + len);
	load_conn_expect_confirm(c);
}

static size_t load_blipmq_encode(u8 *frame, const struct load_options *o,
				 size_t *payload_at)
{
	size_t len = strlen(o->topic);
	u8 *fixed = frame + BLIPMQ_FRAME_HEADER + len;

	blipmq_frame_encode(frame, BLIPMQ_OP_PUB, 0, (u8)len,
			    BLIPMQ_FRAME_PUB_FIXED + o->size);
	memcpy(frame + BLIPMQ_FRAME_HEADER, o->topic, len);
	memset(fixed, 0, BLIPMQ_FRAME_PUB_FIXED);
	*payload_at = BLIPMQ_FRAME_HEADER + len + BLIPMQ_FRAME_PUB_FIXED;
	return *payload_at + o->size;
}

static void load_blipmq_lost(const u8 *body, struct load_item *item)
{
	static char text[64];

	item->kind = LOAD_ERROR;
	item->data = (const u8 *)text;
	item->len = (size_t)snprintf(text, sizeof(text), "LOST %llu",
				     blipmq_get_le64(body));
}

static size_t load_blipmq_parse(const u8 *p, size_t n, struct load_item *item)
{
	struct blipmq_frame f;
	const u8 *body;

	if (n < BLIPMQ_FRAME_HEADER)
		return 0;
	blipmq_frame_decode(&f, p);
	if (f.size < BLIPMQ_FRAME_HEADER + f.topic_len)
		errx(1, "a frame of %u bytes", f.size);
	if (n < f.size)
		return 0;
	body = p + BLIPMQ_FRAME_HEADER + f.topic_len;
	item->data = body;
	item->len = (size_t)(p + f.size - body);
	switch (f.op) {
	case BLIPMQ_OP_MSG:
		item->kind = LOAD_MESSAGE;
		item->data += BLIPMQ_FRAME_PUB_FIXED;
		item->len -= BLIPMQ_FRAME_PUB_FIXED;
		break;
	case BLIPMQ_OP_ACK:
		item->kind = LOAD_CONFIRM;
		break;
	case BLIPMQ_OP_PING:
		item->kind = LOAD_PING;
		break;
	case BLIPMQ_OP_LOST:
		load_blipmq_lost(body, item);
		break;
	case BLIPMQ_OP_ERR:
		item->kind = LOAD_ERROR;
		item->data += 6;
		item->len -= 6;
		break;
	default:
		item->kind = LOAD_NOTHING;
	}
	return f.size;
}

static void load_blipmq_open_packets(struct load_conn *c,
				     const struct load_options *o)
{
	struct sockaddr_blipmq to = { .sbm_family = (u16)o->family };
	size_t len = strlen(o->topic);

	if (len > sizeof(to.sbm_topic))
		errx(1, "the topic does not fit an address");
	c->fd = socket(o->family, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		err(1, "packet socket of family %d", o->family);
	if (!c->publisher)
		return;
	memcpy(to.sbm_topic, o->topic, len);
	if (connect(c->fd, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_blipmq, sbm_topic) +
				len)))
		err(1, "connect to topic %s", o->topic);
}

static void load_blipmq_subscribe_packets(struct load_conn *c,
					  const struct load_options *o)
{
	struct blipmq_subscription *s;
	size_t len = strlen(o->topic);

	s = calloc(1, sizeof(*s) + len);
	if (!s)
		err(1, "memory");
	s->pattern_len = (u8)len;
	memcpy(s->names, o->topic, len);
	if (setsockopt(c->fd, SOL_BLIPMQ, BLIPMQ_SUBSCRIBE, s,
		       (socklen_t)(sizeof(*s) + len)))
		err(1, "subscribe to %s", o->topic);
	free(s);
}

/* An empty PONG. */
static const u8 load_blipmq_pong[BLIPMQ_FRAME_HEADER] = {
	BLIPMQ_FRAME_HEADER, 0, 0, 0, BLIPMQ_OP_PONG << 4, 0, 0, 0,
};

const struct load_protocol load_blipmq = {
	.name = "blipmq",
	.port = "9999",
	.pong = load_blipmq_pong,
	.pong_len = sizeof(load_blipmq_pong),
	.open = load_blipmq_open,
	.subscribe = load_blipmq_subscribe,
	.encode = load_blipmq_encode,
	.parse = load_blipmq_parse,
};

const struct load_protocol load_blipmq_stream = {
	.name = "blipmq-stream",
	.pong = load_blipmq_pong,
	.pong_len = sizeof(load_blipmq_pong),
	.open = load_blipmq_open_stream,
	.subscribe = load_blipmq_subscribe,
	.encode = load_blipmq_encode,
	.parse = load_blipmq_parse,
};

const struct load_protocol load_blipmq_seqpacket = {
	.name = "blipmq-seqpacket",
	.packets = true,
	.open = load_blipmq_open_packets,
	.subscribe = load_blipmq_subscribe_packets,
};
