// SPDX-License-Identifier: GPL-2.0
/*
 * A write of many frames does what a write for each of them does: the same
 * answers, messages and counts, whatever stands beside what. Most of a large
 * write is judged in one go, so each kind of frame has to end that where it must.
 */
#include <stdlib.h>

#include "harness.h"
#include "lib.h"

#define FRAMES	60
#define ROUNDS	lib_rounds(80)
#define LARGE	20000

enum kind {
	PLAIN, OTHER, CONFIRMED, RETAINED, LIVING, INVALID, WILD, NAMELESS,
	RESERVED_FLAG, PINGED, SIZED, UNROUTED, SUBSCRIBED,
	KINDS,
	/* The connection ends with these. */
	UNKNOWN = KINDS, UNDEFINED_FLAG, CUT,
	ALL_KINDS,
};

/**
 * struct heard - what came of frames
 * @bytes: all frames that came, with ids as they follow the first one
 * @len: how many bytes
 * @first: the first message's id
 * @stats: the publisher's
 */
struct heard {
	u8				bytes[4 << 20];
	size_t				len;
	u64				first;
	struct blipmq_socket_stats	stats;
};

static struct heard one, each;

FIXTURE(together) {
	struct lib_peer sub;
	struct lib_peer mark;
};

FIXTURE_SETUP(together)
{
	ASSERT_LE(0, lib_open(&self->sub, LIB_LOCAL));
	ASSERT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_BYTES, 8 << 20));
	ASSERT_TRUE(lib_subscribe(&self->sub, "t.>"));
	ASSERT_LE(0, lib_open(&self->mark, LIB_LOCAL));
}

FIXTURE_TEARDOWN(together)
{
	lib_close(&self->sub);
	lib_close(&self->mark);
	EXPECT_LE(0, lib_forget_retained());
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
}

static void put(struct lib_peer *p, enum kind kind, unsigned int dice)
{
	static const char * const topics[] = {
		"t.a", "t.b", "t.a.b", "t.sections-of-an-index", "t.c",
	};
	const char *topic = topics[dice % 5];
	static u8 payload[LARGE];
	u8 body[9] = { 0 };
	u32 tag = dice;

	memset(payload, (int)(dice >> 3), sizeof(payload));
	switch (kind) {
	case PLAIN:
		lib_put_pub(p, 0, "t.a", tag, payload, dice % 100);
		break;
	case CONFIRMED:
		lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, topic, tag, payload, 3);
		break;
	case RETAINED:
		lib_put_pub(p, BLIPMQ_FLAG_RETAIN, topic, tag, payload, 5);
		break;
	case LIVING:
		blipmq_put_le32(body, 3600000 + dice % 2);
		lib_put(p, BLIPMQ_OP_PUB, 0, topic, body, sizeof(body));
		break;
	case INVALID:
		lib_put_pub(p, 0, "t..a", tag, payload, 4);
		break;
	case WILD:
		lib_put_pub(p, 0, "t.*", tag, payload, 4);
		break;
	case NAMELESS:
		lib_put_pub(p, 0, "", tag, payload, 4);
		break;
	case RESERVED_FLAG:
		lib_put_pub(p, BLIPMQ_FLAG_ACKED, topic, tag, payload, 4);
		break;
	case PINGED:
		lib_put(p, BLIPMQ_OP_PING, 0, NULL, &tag, sizeof(tag));
		break;
	case SIZED:
		lib_put_pub(p, 0, topic, tag, payload, LARGE - dice % 9000);
		break;
	case UNROUTED:
		lib_put_pub(p, 0, "u.a", tag, payload, 6);
		break;
	case SUBSCRIBED:
		lib_put(p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, "v.a", NULL, 0);
		break;
	case UNKNOWN:
		lib_put(p, 0, 0, "t.a", body, sizeof(body));
		break;
	case UNDEFINED_FLAG:
		lib_put(p, BLIPMQ_OP_QUIT, BLIPMQ_FLAG_RETAIN, NULL, NULL, 0);
		break;
	case CUT:
		/* Its body lacks a byte. */
		lib_put(p, BLIPMQ_OP_PUB, 0, "t.a", body, 7);
		break;
	default:
		lib_put_pub(p, 0, topic, tag, payload, dice % 200);
	}
}

/* Mostly what goes on in one go. */
static enum kind draw(unsigned int *seed)
{
	unsigned int dice = (unsigned int)rand_r(seed);

	return dice % 4 ? dice / 4 % 2 : dice / 8 % KINDS;
}

static void hear(struct heard *h, const struct lib_frame *in)
{
	u8 head[3] = { in->f.op, in->f.flags, in->f.topic_len };
	u8 *p = h->bytes + h->len;
	u64 id;

	if (h->len + in->f.size > sizeof(h->bytes))
		return;
	memcpy(p, head, sizeof(head));
	p += sizeof(head);
	memcpy(p, in->topic, in->f.topic_len);
	p += in->f.topic_len;
	memcpy(p, in->body, in->body_len);
	if (in->f.op == BLIPMQ_OP_MSG) {
		id = blipmq_get_le64(p);
		h->first = h->first ?: id;
		blipmq_put_le64(p, id - h->first);
	}
	h->len += sizeof(head) + in->f.topic_len + in->body_len;
}

/* The answers, up to that to a last PING, or to the end of the connection. */
static bool hear_answers(struct heard *h, struct lib_peer *p, bool ends)
{
	struct lib_frame in;
	int ret;

	while ((ret = lib_next(p, &in)) > 0) {
		if (in.f.op == BLIPMQ_OP_PONG && in.body_len == 3 &&
		    !memcmp(in.body, "end", 3))
			return !ends;
		hear(h, &in);
	}
	return ends && !ret;
}

/* The messages, up to one of somebody else's. */
static bool hear_messages(struct heard *h, struct lib_peer *sub,
			  struct lib_peer *mark)
{
	struct lib_frame in;

	if (!lib_publish(mark, "t.end", "", 0))
		return false;
	while (lib_next(sub, &in) > 0) {
		if (in.f.op == BLIPMQ_OP_MSG && in.f.topic_len == 5 &&
		    !memcmp(in.topic, "t.end", 5))
			return true;
		hear(h, &in);
	}
	return false;
}

/* One round of frames, in one write or in as many as there are. */
static bool listen_to(struct heard *h, unsigned int seed, bool in_one,
		      struct lib_peer *sub, struct lib_peer *mark)
{
	struct lib_peer p = { .fd = -1 };
	enum kind last = PLAIN;
	bool ok;
	int i;

	h->len = 0;
	h->first = 0;
	if (lib_open(&p, LIB_LOCAL) < 0)
		return false;
	if (seed % 2)
		last = KINDS + seed / 2 % (ALL_KINDS - KINDS);
	for (i = 0; i < FRAMES; i++) {
		enum kind kind = draw(&seed);

		put(&p, kind, (unsigned int)rand_r(&seed));
		if (!in_one && !lib_send(&p))
			return false;
	}
	if (last == PLAIN)
		lib_put(&p, BLIPMQ_OP_PING, 0, NULL, "end", 3);
	else
		put(&p, last, 1);
	ok = lib_send(&p) && hear_answers(h, &p, last != PLAIN) &&
	     lib_stats(p.fd, &h->stats) && hear_messages(h, sub, mark);
	lib_close(&p);
	return ok;
}

static bool same_count(const char *what, u64 in_one, u64 in_many)
{
	if (in_one == in_many)
		return true;
	lib_say("%s: %llu in one write, %llu in many", what,
		(unsigned long long)in_one, (unsigned long long)in_many);
	return false;
}

static bool same(void)
{
	const struct blipmq_socket_stats *s = &one.stats, *t = &each.stats;

	return same_count("bytes that came", one.len, each.len) &&
	       !memcmp(one.bytes, each.bytes, one.len) &&
	       same_count("published", s->published, t->published) &&
	       same_count("published bytes", s->published_bytes,
			  t->published_bytes) &&
	       same_count("unrouted", s->unrouted, t->unrouted) &&
	       same_count("refused", s->refused, t->refused);
}

TEST_F_TIMEOUT(together, in_one_write_or_in_many, 600)
{
	int round, rounds = ROUNDS;

	for (round = 1; round <= rounds; round++) {
		unsigned int seed = (unsigned int)round;

		ASSERT_TRUE(listen_to(&one, seed, true, &self->sub,
				      &self->mark));
		ASSERT_TRUE(listen_to(&each, seed, false, &self->sub,
				      &self->mark));
		ASSERT_LT(FRAMES * 8U, one.len);
		ASSERT_TRUE(same()) TH_LOG("in round %d", round);
	}
}

TEST_HARNESS_MAIN
