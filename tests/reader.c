// SPDX-License-Identifier: GPL-2.0
/*
 * Subscribing and receiving, whichever way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reader.h"

bool reader_open(struct reader *r, enum reader_way way)
{
	memset(r, 0, sizeof(*r));
	r->way = way;
	if (way == READER_PACKET)
		r->fd = lib_packet();
	else
		r->fd = lib_open(&r->peer, way == READER_TCP ? LIB_TCP :
							       LIB_LOCAL);
	return r->fd >= 0;
}

void reader_close(struct reader *r)
{
	for (; r->at_early < r->nr_early; r->at_early++)
		free(r->early[r->at_early].bytes);
	r->at_early = 0;
	r->nr_early = 0;
	if (r->way == READER_PACKET)
		close(r->fd);
	else
		lib_close(&r->peer);
	r->fd = -1;
}

static void put(struct reader *r, int option, const char *pattern,
		const char *group)
{
	u8 body[256];
	size_t len = group ? strlen(group) : 0;

	body[0] = (u8)len;
	memcpy(body + 1, group ? group : "", len);
	lib_put(&r->peer, option == BLIPMQ_SUBSCRIBE ? BLIPMQ_OP_SUB :
						       BLIPMQ_OP_UNSUB,
		BLIPMQ_FLAG_CONFIRM, pattern, body, group ? len + 1 : 0);
}

static bool keep_early(struct reader *r, const struct lib_frame *in)
{
	struct reader_early *e = &r->early[r->nr_early];

	if (r->nr_early == READER_EARLY)
		return false;
	memcpy(e->topic, in->topic, in->f.topic_len);
	e->topic[in->f.topic_len] = '\0';
	e->len = in->body_len - 8;
	e->bytes = malloc(e->len + 1);
	if (!e->bytes)
		return false;
	memcpy(e->bytes, in->body + 8, e->len);
	e->retained = in->f.flags & BLIPMQ_FLAG_RETAIN;
	r->nr_early++;
	return true;
}

/* The confirmation, which messages may come before. */
static bool expect_ack(struct reader *r, const char *pattern)
{
	struct lib_frame in;
	int ret;

	for (;;) {
		ret = lib_next(&r->peer, &in);
		if (ret != 1 || in.f.op != BLIPMQ_OP_MSG ||
		    !keep_early(r, &in))
			break;
	}
	if (ret == 1 && in.f.op == BLIPMQ_OP_ACK &&
	    in.f.topic_len == strlen(pattern) &&
	    !memcmp(in.topic, pattern, in.f.topic_len))
		return true;
	lib_say("expected ACK of %s, got %d: operation %u", pattern, ret,
		in.f.op);
	return false;
}

static bool done(struct reader *r, int option, const char *pattern,
		 const char *group)
{
	int ret;

	if (r->way == READER_PACKET) {
		ret = lib_subscription(r->fd, option, pattern, group);
		if (ret)
			lib_say("option %d of %s: %s", option, pattern,
				strerror(-ret));
		return !ret;
	}
	put(r, option, pattern, group);
	return lib_send(&r->peer) && expect_ack(r, pattern);
}

bool reader_subscribe(struct reader *r, const char *pattern, const char *group)
{
	return done(r, BLIPMQ_SUBSCRIBE, pattern, group);
}

bool reader_unsubscribe(struct reader *r, const char *pattern,
			const char *group)
{
	return done(r, BLIPMQ_UNSUBSCRIBE, pattern, group);
}

static u16 code_of(int error)
{
	switch (error) {
	case EINVAL:	return 422;
	case EACCES:	return 403;
	case ENOENT:	return 404;
	case ENOBUFS:	return 429;
	}
	return 0;
}

/* Is it refused with this errno, or the code that belongs to it? */
bool reader_refused(struct reader *r, int option, const char *pattern,
		    const char *group, int error)
{
	int ret;

	if (r->way == READER_PACKET) {
		ret = lib_subscription(r->fd, option, pattern, group);
		if (ret != -error)
			lib_say("option %d of %s: %d, not %d", option, pattern,
				ret, -error);
		return ret == -error;
	}
	put(r, option, pattern, group);
	return lib_send(&r->peer) &&
	       lib_expect_err(&r->peer, code_of(error), 0, pattern);
}

static int next_early(struct reader *r, char *topic, void *payload,
		      size_t room)
{
	struct reader_early *e = &r->early[r->at_early++];

	strcpy(topic, e->topic);
	memcpy(payload, e->bytes, e->len < room ? e->len : room);
	r->retained = e->retained;
	free(e->bytes);
	if (r->at_early == r->nr_early) {
		r->at_early = 0;
		r->nr_early = 0;
	}
	return (int)e->len;
}

/* The next message; its bytes, -EAGAIN when there is none in time. */
static int next(struct reader *r, char *topic, void *payload, size_t room,
		bool wait)
{
	struct lib_message m;
	struct lib_frame in;
	size_t len;

	if (r->nr_early)
		return next_early(r, topic, payload, room);
	if (r->way == READER_PACKET) {
		if (lib_recvmsg(r->fd, &m, payload, room,
				wait ? 0 : MSG_DONTWAIT) >= 0)
			strcpy(topic, m.topic);
		r->retained = m.retained;
		return (int)m.len;
	}
	if (lib_next(&r->peer, &in) != 1 || in.f.op != BLIPMQ_OP_MSG) {
		lib_say("no message: operation %u", in.f.op);
		return -EAGAIN;
	}
	r->retained = in.f.flags & BLIPMQ_FLAG_RETAIN;
	memcpy(topic, in.topic, in.f.topic_len);
	topic[in.f.topic_len] = '\0';
	len = in.body_len - 8;
	memcpy(payload, in.body + 8, len < room ? len : room);
	return (int)len;
}

int reader_next(struct reader *r, char *topic, void *payload, size_t room)
{
	return next(r, topic, payload, room, true);
}

bool reader_expect(struct reader *r, const char *topic, const void *payload,
		   size_t len)
{
	char name[256], bytes[256];
	int n = reader_next(r, name, bytes, sizeof(bytes));

	if (n == (int)len && !strcmp(name, topic) &&
	    !memcmp(bytes, payload, len))
		return true;
	lib_say("expected %zu bytes of %s, got %d: %s", len, topic, n,
		n < 0 ? strerror(-n) : name);
	return false;
}

bool reader_expect_u32(struct reader *r, const char *topic, u32 number)
{
	u8 bytes[4];

	blipmq_put_le32(bytes, number);
	return reader_expect(r, topic, bytes, sizeof(bytes));
}

/*
 * Messages up to one to itself, which comes behind all that were published
 * before this. Through a proxy there is no other way to know.
 */
static int count_tcp(struct reader *r)
{
	static unsigned int number;
	struct lib_frame in;
	char mark[32];
	int n = 0;

	snprintf(mark, sizeof(mark), "reader.mark.%u", ++number);
	lib_put(&r->peer, BLIPMQ_OP_SUB, 0, mark, NULL, 0);
	lib_put_pub(&r->peer, 0, mark, 0, "mark", 4);
	lib_put(&r->peer, BLIPMQ_OP_UNSUB, 0, mark, NULL, 0);
	if (!lib_send(&r->peer))
		return -1;
	while (lib_next(&r->peer, &in) == 1 && in.f.op == BLIPMQ_OP_MSG) {
		if (in.f.topic_len == strlen(mark) &&
		    !memcmp(in.topic, mark, in.f.topic_len))
			return n;
		n++;
	}
	lib_say("expected messages, got operation %u", in.f.op);
	return -1;
}

/* Messages that are there, read and counted; -1 on a surprise. */
int reader_count(struct reader *r)
{
	char name[256], bytes[256];
	struct lib_frame in;
	int n = 0, ret;

	for (; r->nr_early; n++)
		next_early(r, name, bytes, sizeof(bytes));
	switch (r->way) {
	case READER_TCP:
		ret = count_tcp(r);
		return ret < 0 ? ret : n + ret;
	case READER_PACKET:
		while ((ret = next(r, name, bytes, sizeof(bytes), false)) >= 0)
			n++;
		return ret == -EAGAIN ? n : -1;
	case READER_STREAM:
		while ((ret = lib_next_within(&r->peer, &in, 0)) == 1) {
			if (in.f.op != BLIPMQ_OP_MSG)
				return -1;
			n++;
		}
		return ret == -ETIMEDOUT ? n : -1;
	}
	return -1;
}

/* All that was published before this has come, and was expected. */
bool reader_expect_nothing(struct reader *r)
{
	int n = reader_count(r);

	if (n)
		lib_say("expected nothing, got %d messages", n);
	return !n;
}

/* Limits of its queue. */
bool reader_set_limits(struct reader *r, u32 messages, u32 bytes)
{
	if (r->way == READER_PACKET)
		return lib_set_u32(r->fd, BLIPMQ_QUEUE_MESSAGES, messages) &&
		       lib_set_u32(r->fd, BLIPMQ_QUEUE_BYTES, bytes);
	return lib_option(&r->peer, BLIPMQ_QUEUE_MESSAGES, messages) &&
	       lib_option(&r->peer, BLIPMQ_QUEUE_BYTES, bytes);
}
