// SPDX-License-Identifier: GPL-2.0
/*
 * NATS: lines of text, payloads with their length.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

static const char load_nats_connect[] =
	"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n";

/* The PONG says that the server has taken the line before. */
static void load_nats_line(struct load_conn *c, const char *line)
{
	load_conn_write(c, line, strlen(line));
	load_conn_expect_confirm(c);
}

static void load_nats_open(struct load_conn *c, const struct load_options *o)
{
	c->fd = load_tcp_connect(o);
	load_nats_line(c, load_nats_connect);
}

static void load_nats_subscribe(struct load_conn *c,
				const struct load_options *o)
{
	char line[LOAD_FRAME_ROOM];

	snprintf(line, sizeof(line), "SUB %s 1\r\nPING\r\n", o->topic);
	load_nats_line(c, line);
}

static size_t load_nats_encode(u8 *frame, const struct load_options *o,
			       size_t *payload_at)
{
	char line[LOAD_FRAME_ROOM];
	int n = snprintf(line, sizeof(line), "PUB %s %u\r\n", o->topic,
			 o->size);

	memcpy(frame, line, (size_t)n);
	*payload_at = (size_t)n;
	memcpy(frame + *payload_at + o->size, "\r\n", 2);
	return *payload_at + o->size + 2;
}

/* MSG subject sid [reply-to] bytes: only the last word matters here. */
static size_t load_nats_msg(const u8 *p, size_t n, const u8 *end,
			    struct load_item *item)
{
	const u8 *digit = end;
	size_t len = 0, unit = 1, size;

	while (digit[-1] >= '0' && digit[-1] <= '9') {
		len += unit * (size_t)(*--digit - '0');
		unit *= 10;
	}
	size = (size_t)(end - p) + 2 + len + 2;
	if (n < size)
		return 0;
	item->kind = LOAD_MESSAGE;
	item->data = end + 2;
	item->len = len;
	return size;
}

static size_t load_nats_parse(const u8 *p, size_t n, struct load_item *item)
{
	const u8 *end = memchr(p, '\r', n);

	if (!end || end + 1 == p + n)
		return 0;
	if (end - p > 4 && !memcmp(p, "MSG ", 4))
		return load_nats_msg(p, n, end, item);
	item->data = p;
	item->len = (size_t)(end - p);
	if (end - p == 4 && !memcmp(p, "PING", 4))
		item->kind = LOAD_PING;
	else if (end - p == 4 && !memcmp(p, "PONG", 4))
		item->kind = LOAD_CONFIRM;
	else if (*p == '-')
		item->kind = LOAD_ERROR;
	else
		item->kind = LOAD_NOTHING;
	return item->len + 2;
}

const struct load_protocol load_nats = {
	.name = "nats",
	.port = "4222",
	.pong = "PONG\r\n",
	.pong_len = 6,
	.open = load_nats_open,
	.subscribe = load_nats_subscribe,
	.encode = load_nats_encode,
	.parse = load_nats_parse,
};
