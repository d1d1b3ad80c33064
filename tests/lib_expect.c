// SPDX-License-Identifier: GPL-2.0
/*
 * What must come next on a connection, to the byte.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib.h"

static const char * const op_names[16] = {
	"op 0", "PUB", "SUB", "UNSUB", "QUIT", "ACK", "MSG", "PING", "PONG",
	"ERR", "AUTH", "LOST", "OPTION", "op 13", "op 14", "op 15",
};

/* For people: what came, in one line. */
static const char *described(int ret, const struct lib_frame *in)
{
	static char text[600];
	int n;

	if (!ret)
		return "end of the stream";
	if (ret < 0)
		return strerror(-ret);
	n = snprintf(text, sizeof(text), "%s flags %u topic '%.*s' body %u",
		     op_names[in->f.op], in->f.flags, in->f.topic_len,
		     (const char *)in->topic, in->body_len);
	if (in->f.op == BLIPMQ_OP_ERR && in->body_len >= 6)
		snprintf(text + n, sizeof(text) - (size_t)n,
			 ": code %u tag %u '%.*s'",
			 blipmq_get_le16(in->body + 4),
			 blipmq_get_le32(in->body), (int)in->body_len - 6,
			 (const char *)in->body + 6);
	else if (in->f.op == BLIPMQ_OP_ACK && in->body_len >= 4)
		snprintf(text + n, sizeof(text) - (size_t)n, ": tag %u",
			 blipmq_get_le32(in->body));
	else if (in->f.op == BLIPMQ_OP_LOST && in->body_len >= 8)
		snprintf(text + n, sizeof(text) - (size_t)n, ": %llu",
			 (unsigned long long)blipmq_get_le64(in->body));
	return text;
}

static bool is_bytes(int ret, const struct lib_frame *in, u8 op,
		     const void *topic, size_t len)
{
	return ret == 1 && in->f.op == op && !in->f.flags &&
	       in->f.topic_len == len && !memcmp(in->topic, topic, len);
}

static bool is(int ret, const struct lib_frame *in, u8 op, const char *topic)
{
	if (!topic)
		topic = "";
	return is_bytes(ret, in, op, topic, strlen(topic));
}

bool lib_expect_ack(struct lib_peer *p, u32 tag, const char *topic)
{
	struct lib_frame in;
	int ret = lib_next(p, &in);

	if (is(ret, &in, BLIPMQ_OP_ACK, topic) && in.body_len == 4 &&
	    blipmq_get_le32(in.body) == tag)
		return true;
	lib_say("expected ACK of tag %u topic '%s', got %s", tag,
		topic ? topic : "", described(ret, &in));
	return false;
}

static bool is_utf8_text(const u8 *s, u32 len)
{
	u32 i;

	/* The texts are English: plain ASCII is what a person can read. */
	for (i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return len > 0;
}

/* @topic may be what no valid topic is, a zero byte included. */
bool lib_expect_err_bytes(struct lib_peer *p, u16 code, u32 tag,
			  const void *topic, size_t len)
{
	struct lib_frame in;
	int ret = lib_next(p, &in);

	if (is_bytes(ret, &in, BLIPMQ_OP_ERR, topic, len) && in.body_len > 6 &&
	    in.f.size <= BLIPMQ_FRAME_CONTROL_MAX &&
	    blipmq_get_le32(in.body) == tag &&
	    blipmq_get_le16(in.body + 4) == code &&
	    is_utf8_text(in.body + 6, in.body_len - 6))
		return true;
	lib_say("expected ERR %u of tag %u topic '%.*s', got %s", code, tag,
		(int)len, (const char *)topic, described(ret, &in));
	return false;
}

bool lib_expect_err(struct lib_peer *p, u16 code, u32 tag, const char *topic)
{
	if (!topic)
		topic = "";
	return lib_expect_err_bytes(p, code, tag, topic, strlen(topic));
}

bool lib_expect_msg(struct lib_peer *p, const char *topic,
		    const void *payload, size_t len, u64 *id)
{
	struct lib_frame in;
	int ret = lib_next(p, &in);

	if (is(ret, &in, BLIPMQ_OP_MSG, topic) && in.body_len == 8 + len &&
	    !memcmp(in.body + 8, payload, len)) {
		if (id)
			*id = blipmq_get_le64(in.body);
		return true;
	}
	lib_say("expected MSG topic '%s' of %zu bytes, got %s", topic, len,
		described(ret, &in));
	return false;
}

bool lib_expect_pong(struct lib_peer *p, const void *body, size_t len)
{
	struct lib_frame in;
	int ret = lib_next(p, &in);

	if (is(ret, &in, BLIPMQ_OP_PONG, NULL) && in.body_len == len &&
	    !memcmp(in.body, body, len))
		return true;
	lib_say("expected PONG of %zu bytes, got %s", len,
		described(ret, &in));
	return false;
}

bool lib_expect_lost(struct lib_peer *p, u64 count)
{
	struct lib_frame in;
	int ret = lib_next(p, &in);

	if (is(ret, &in, BLIPMQ_OP_LOST, NULL) && in.body_len == 8 &&
	    blipmq_get_le64(in.body) == count)
		return true;
	lib_say("expected LOST of %llu, got %s", (unsigned long long)count,
		described(ret, &in));
	return false;
}

bool lib_expect_eof(struct lib_peer *p)
{
	struct lib_frame in;
	int ret = lib_next(p, &in);

	if (!ret)
		return true;
	lib_say("expected the end of the stream, got %s",
		described(ret, &in));
	return false;
}

/*
 * Nothing is waiting. Only after a lib_sync() of the connection that would
 * have caused something, so that it does not depend on speed.
 */
bool lib_expect_silence(struct lib_peer *p)
{
	struct lib_frame in;
	int ret = lib_next_within(p, &in, 0);

	if (ret == -ETIMEDOUT)
		return true;
	lib_say("expected nothing, got %s", described(ret, &in));
	return false;
}

/*
 * Everything sent before has taken effect. Nothing came of it but, to a subscriber,
 * messages that the answer has overtaken: those lib_expect_silence() would see.
 */
bool lib_sync(struct lib_peer *p)
{
	static unsigned int number;
	char body[16];

	snprintf(body, sizeof(body), "sync-%010u", ++number);
	lib_put(p, BLIPMQ_OP_PING, 0, NULL, body, 15);
	return lib_send(p) && lib_expect_pong(p, body, 15);
}

bool lib_subscribe(struct lib_peer *p, const char *topic)
{
	lib_put(p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, topic, NULL, 0);
	return lib_send(p) && lib_expect_ack(p, 0, topic);
}

bool lib_unsubscribe(struct lib_peer *p, const char *topic)
{
	lib_put(p, BLIPMQ_OP_UNSUB, BLIPMQ_FLAG_CONFIRM, topic, NULL, 0);
	return lib_send(p) && lib_expect_ack(p, 0, topic);
}

bool lib_option(struct lib_peer *p, u16 number, u32 value)
{
	lib_put_option(p, number, value);
	return lib_send(p) && lib_expect_ack(p, 0, NULL);
}

bool lib_publish(struct lib_peer *p, const char *topic, const void *payload,
		 size_t len)
{
	static u32 tag = 1000;

	tag++;
	lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, topic, tag, payload, len);
	return lib_send(p) && lib_expect_ack(p, tag, topic);
}
