// SPDX-License-Identifier: GPL-2.0
/*
 * One conversation, cut into writes of 1 byte, of 7 bytes, of a few other
 * sizes, and in one write: the broker gives the same bytes back each time.
 */
#include <errno.h>
#include <sys/socket.h>

#include "harness.h"
#include "lib.h"

/*
 * Everything that a client can say and that is answered one way only: what is
 * in order, and errors that let the connection go on.
 */
static void put_conversation(struct lib_peer *p)
{
	static const char long_text[3000];
	char topic[256];
	u32 i;

	lib_put(p, BLIPMQ_OP_PING, 0, NULL, "hello", 5);
	lib_put_option(p, BLIPMQ_QUEUE_MESSAGES, 500);
	lib_put(p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, "k.a", NULL, 0);
	lib_put(p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, "k.a", NULL, 0);
	memset(topic, 'k', 255);
	topic[255] = '\0';
	lib_put(p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, topic, NULL, 0);
	for (i = 0; i < 100; i++)
		lib_put_pub(p, i % 3 ? 0 : BLIPMQ_FLAG_CONFIRM,
			    i % 2 ? "k.a" : "k.b", i, "payload", i % 8);
	lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, topic, 0xffffffff, long_text,
		    sizeof(long_text));
	lib_put_pub(p, 0, "k..a", 1, "x", 1);
	/* Of nothing: what stays would come to the next conversation. */
	lib_put_pub(p, BLIPMQ_FLAG_RETAIN | BLIPMQ_FLAG_CONFIRM, "k.a", 2, NULL,
		    0);
	lib_put(p, BLIPMQ_OP_SUB, 0, "k.*", NULL, 0);
	lib_put(p, BLIPMQ_OP_SUB, 0, "k.a", "\1g", 2);
	lib_put(p, BLIPMQ_OP_UNSUB, 0, "k.unknown", NULL, 0);
	lib_put(p, BLIPMQ_OP_PONG, 0, NULL, "ignored", 7);
	lib_put(p, BLIPMQ_OP_AUTH, 0, NULL, "token", 5);
	lib_put(p, BLIPMQ_OP_OPTION, 0, NULL, "\xff\0\0\0\0\0", 6);
	lib_put(p, BLIPMQ_OP_UNSUB, BLIPMQ_FLAG_CONFIRM, "k.a", NULL, 0);
	lib_put_pub(p, BLIPMQ_FLAG_CONFIRM, "k.a", 3, "too late", 8);
	lib_put(p, BLIPMQ_OP_PING, 0, NULL, "end", 3);
	lib_put(p, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
}

/**
 * struct record - what came back
 * @answers: ACK, ERR and PONG frames, as they came
 * @messages: MSG frames, as they came, the publisher's number cleared
 *
 * Answers and messages are two orders: which one overtakes the other depends
 * on when the reader looks.
 */
struct record {
	u8	answers[65536];
	size_t	answers_len;
	u8	messages[65536];
	size_t	messages_len;
	u64	first_id;
};

static bool keep(struct record *r, const struct lib_frame *in)
{
	bool msg = in->f.op == BLIPMQ_OP_MSG;
	u8 *to = msg ? r->messages : r->answers;
	size_t *len = msg ? &r->messages_len : &r->answers_len;
	u8 *frame = to + *len;

	if (*len + in->f.size > sizeof(r->answers))
		return false;
	memcpy(frame, in->topic - BLIPMQ_FRAME_HEADER, in->f.size);
	if (msg) {
		u64 id = blipmq_get_le64(in->body);

		if (!r->messages_len)
			r->first_id = id;
		blipmq_put_le64(frame + BLIPMQ_FRAME_HEADER + in->f.topic_len,
				id - r->first_id);
	}
	*len += in->f.size;
	return true;
}

static bool converse(struct record *r, enum lib_way way, size_t step)
{
	struct lib_frame in;
	struct lib_peer p;
	bool ok;
	int ret;

	memset(r, 0, sizeof(*r));
	if (lib_open(&p, way) < 0)
		return false;
	put_conversation(&p);
	ok = lib_send_cut(&p, step);
	while (ok && (ret = lib_next(&p, &in)) != 0) {
		if (ret < 0)
			lib_say("in pieces of %zu: %s", step, strerror(-ret));
		ok = ret == 1 && keep(r, &in);
	}
	lib_close(&p);
	return ok;
}

static bool same(const struct record *a, const struct record *b)
{
	size_t i;

	if (a->answers_len == b->answers_len &&
	    a->messages_len == b->messages_len &&
	    !memcmp(a->answers, b->answers, a->answers_len) &&
	    !memcmp(a->messages, b->messages, a->messages_len))
		return true;
	for (i = 0; i < a->answers_len && a->answers[i] == b->answers[i]; i++)
		;
	lib_say("answers %zu and %zu bytes, differ at %zu; messages %zu and %zu bytes",
		a->answers_len, b->answers_len, i, a->messages_len,
		b->messages_len);
	return false;
}

static struct record whole, cut;

FIXTURE(cuts) {
	int unused;
};

FIXTURE_VARIANT(cuts) {
	enum lib_way way;
};

FIXTURE_VARIANT_ADD(cuts, local) {
	.way = LIB_LOCAL,
};

FIXTURE_VARIANT_ADD(cuts, tcp) {
	.way = LIB_TCP,
};

FIXTURE_SETUP(cuts)
{
	ASSERT_TRUE(converse(&whole, LIB_LOCAL, SIZE_MAX));
}

FIXTURE_TEARDOWN(cuts)
{
}

/* The record that the others are compared with is what it should be. */
TEST_F(cuts, in_one_write)
{
	size_t at = 0;
	u32 n = 0;

	ASSERT_TRUE(converse(&cut, variant->way, SIZE_MAX));
	EXPECT_TRUE(same(&whole, &cut));
	/*
	 * 50 of the 100, the one to the long topic, the one with RETAIN, and the
	 * last one by the pattern and by the group.
	 */
	for (; at < whole.messages_len; n++)
		at += blipmq_get_le32(whole.messages + at);
	EXPECT_EQ(54U, n);
	/* PONG, OPTION and SUB, PUB, the long PUB, RETAIN, ERR, UNSUB and PUB */
	for (at = 0, n = 0; at < whole.answers_len; n++)
		at += blipmq_get_le32(whole.answers + at);
	EXPECT_EQ(2U + 4 + 34 + 1 + 1 + 4 + 2, n);
}

TEST_F(cuts, in_writes_of_1_byte)
{
	ASSERT_TRUE(converse(&cut, variant->way, 1));
	EXPECT_TRUE(same(&whole, &cut));
}

TEST_F(cuts, in_writes_of_7_bytes)
{
	ASSERT_TRUE(converse(&cut, variant->way, 7));
	EXPECT_TRUE(same(&whole, &cut));
}

TEST_F(cuts, in_writes_of_other_sizes)
{
	static const size_t steps[] = { 8, 9, 19, 64, 263, 1000, 4096 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		ASSERT_TRUE(converse(&cut, variant->way, steps[i]));
		EXPECT_TRUE(same(&whole, &cut)) {
			TH_LOG("in pieces of %zu", steps[i]);
		}
	}
}

TEST_HARNESS_MAIN
