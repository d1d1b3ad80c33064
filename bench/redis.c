// SPDX-License-Identifier: GPL-2.0
/*
 * Redis: RESP version 2, PUBLISH pipelined. A PUBLISH is answered by default,
 * with how many got it; "redis" tells the server not to, since no rival
 * answers either, "redis-replies" leaves it as it comes.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

static const char load_redis_quiet[] =
	"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n";

static void load_redis_open_replies(struct load_conn *c,
				    const struct load_options *o)
{
	c->fd = load_tcp_connect(o);
}

static void load_redis_open(struct load_conn *c, const struct load_options *o)
{
	c->fd = load_tcp_connect(o);
	if (c->publisher)
		load_conn_write(c, load_redis_quiet,
				sizeof(load_redis_quiet) - 1);
}

static void load_redis_subscribe(struct load_conn *c,
				 const struct load_options *o)
{
	char line[LOAD_FRAME_ROOM];
	int n = snprintf(line, sizeof(line),
			 "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n",
			 strlen(o->topic), o->topic);

	load_conn_write(c, line, (size_t)n);
	load_conn_expect_confirm(c);
}

static size_t load_redis_encode(u8 *frame, const struct load_options *o,
				size_t *payload_at)
{
	char line[LOAD_FRAME_ROOM];
	int n = snprintf(line, sizeof(line),
			 "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%u\r\n",
			 strlen(o->topic), o->topic, o->size);

	memcpy(frame, line, (size_t)n);
	*payload_at = (size_t)n;
	memcpy(frame + *payload_at + o->size, "\r\n", 2);
	return *payload_at + o->size + 2;
}

/* "$12\r\n" or ":12\r\n": returns its size, 0 for "incomplete". */
static size_t load_redis_number(const u8 *p, size_t n, size_t *value)
{
	size_t at = 1, v = 0;

	while (at < n && p[at] >= '0' && p[at] <= '9')
		v = v * 10 + (size_t)(p[at++] - '0');
	if (at + 2 > n)
		return 0;
	if (p[at] != '\r')
		errx(1, "no number in RESP: %.*s", (int)at, p);
	*value = v;
	return at + 2;
}

/* Three elements: message, channel, payload; or subscribe, channel, count. */
static size_t load_redis_push(const u8 *p, size_t n, struct load_item *item)
{
	size_t at = 4, len, head;
	int i;

	for (i = 0; i < 3; i++) {
		if (at >= n)
			return 0;
		head = load_redis_number(p + at, n - at, &len);
		if (!head)
			return 0;
		at += head;
		if (p[at - head] == ':') {
			item->kind = LOAD_CONFIRM;
			return at;
		}
		at += len + 2;
	}
	if (at > n)
		return 0;
	item->kind = LOAD_MESSAGE;
	item->data = p + at - len - 2;
	item->len = len;
	return at;
}

static size_t load_redis_parse(const u8 *p, size_t n, struct load_item *item)
{
	const u8 *end;

	if (n >= 4 && p[0] == '*') {
		if (p[1] != '3')
			errx(1, "a RESP array of other than 3 elements");
		return load_redis_push(p, n, item);
	}
	end = memchr(p, '\r', n);
	if (!end || end + 1 == p + n)
		return 0;
	item->kind = *p == '-' ? LOAD_ERROR : LOAD_NOTHING;
	item->data = p;
	item->len = (size_t)(end - p);
	return item->len + 2;
}

const struct load_protocol load_redis = {
	.name = "redis",
	.port = "6379",
	.open = load_redis_open,
	.subscribe = load_redis_subscribe,
	.encode = load_redis_encode,
	.parse = load_redis_parse,
};

const struct load_protocol load_redis_replies = {
	.name = "redis-replies",
	.port = "6379",
	.open = load_redis_open_replies,
	.subscribe = load_redis_subscribe,
	.encode = load_redis_encode,
	.parse = load_redis_parse,
};
