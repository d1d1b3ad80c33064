// SPDX-License-Identifier: GPL-2.0
/*
 * The frames that came, walked from the first byte without the library: which
 * messages there were, what was lost before each, and what was confirmed.
 */
#include "client_model.h"
#include "twin.h"

/* Longer is no frame: header, topic, id and the largest payload. */
#define FRAME_MOST	(8U + 255U + 8U + (16U << 20))

/**
 * struct entry - a MSG of the stream
 * @frame: where it stands
 * @lost: the sum of the LOST frames before it
 */
struct entry {
	const u8	*frame;
	u64		lost;
};

/**
 * struct model - what is known of the stream
 * @entries: the messages in it
 * @nr: how many
 * @parsed: bytes of the stream that were looked at
 * @malformed: the next frame is none
 * @lost: the sum of all LOST frames
 * @acks: ACK frames, of a PUB and of others
 * @keeps_all: the backlog has room for all that comes
 * @next: the entry that the program gets next
 * @skipped: entries that the library left out, and counted as lost
 * @reported: losses that it has reported
 * @done: confirmations that it has reported, of a PUB and of others
 * @current: the entry that the program holds
 */
static struct model {
	struct entry		*entries;
	size_t			nr;
	size_t			parsed;
	bool			malformed;
	u64			lost;
	u64			acks[2];
	bool			keeps_all;
	size_t			next;
	u64			skipped;
	u64			reported;
	u64			done[2];
	const struct entry	*current;
} model;

static u64 number(const u8 *s, int bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 | s[bytes];
	return value;
}

/* Bytes of the frame at @at; 0 when it is not whole, or none. */
static size_t whole(const u8 *at, size_t left, bool *malformed)
{
	u64 size;

	if (left < 8)
		return 0;
	size = number(at, 4);
	*malformed = at[6] || at[7] || size > FRAME_MOST ||
		     size < 8U + at[5] + twin_fixed(at[4] / 16);
	return *malformed || size > left ? 0 : (size_t)size;
}

static void take(const u8 *frame)
{
	const u8 *body = frame + 8 + frame[5];

	switch (frame[4] / 16) {
	case BLIPMQ_OP_MSG:
		model.entries = realloc(model.entries, (model.nr + 1) *
					sizeof(*model.entries));
		FUZZ_CHECK(model.entries);
		model.entries[model.nr].frame = frame;
		model.entries[model.nr++].lost = model.lost;
		break;
	case BLIPMQ_OP_LOST:
		model.lost += number(body, 8);
		break;
	case BLIPMQ_OP_ACK:
		model.acks[number(body, 4) != 0]++;
		break;
	}
}

static void look(void)
{
	size_t n = 0;

	while (!model.malformed) {
		n = whole(seam.stream + model.parsed,
			  seam.given - model.parsed, &model.malformed);
		if (!n)
			break;
		take(seam.stream + model.parsed);
		model.parsed += n;
	}
}

void model_begin(bool keeps_all)
{
	memset(&model, 0, sizeof(model));
	model.keeps_all = keeps_all;
}

static bool equal(const struct entry *e, const struct blipmq_message *m)
{
	const u8 *topic = e->frame + 8, *body = topic + e->frame[5];
	size_t size = number(e->frame, 4) - 8 - e->frame[5] - 8;

	return m->topic_len == e->frame[5] &&
	       !memcmp(m->topic, topic, m->topic_len) &&
	       m->id == number(body, 8) && m->size == size &&
	       (!size || !memcmp(m->payload, body + 8, size)) &&
	       m->retained == ((e->frame[4] & BLIPMQ_FLAG_RETAIN) != 0);
}

/*
 * The program got @m: the next message, or one after it if all in between, and
 * all that the broker lost, were reported as lost up to here.
 */
void model_message(const struct blipmq_message *m)
{
	size_t i;

	look();
	model.current = NULL;
	model.reported += m->lost;
	if (!m->topic) {
		FUZZ_CHECK(m->lost && !m->topic_len && !m->size && !m->id);
		return;
	}
	for (i = model.next; i < model.nr; i++)
		if (model.reported == model.entries[i].lost + model.skipped +
				      (i - model.next) &&
		    equal(&model.entries[i], m))
			break;
	FUZZ_CHECK(i < model.nr);
	FUZZ_CHECK(m->topic[m->topic_len] == '\0');
	model.skipped += i - model.next;
	FUZZ_CHECK(!model.keeps_all || !model.skipped);
	model.next = i + 1;
	model.current = &model.entries[i];
}

/* It holds until the next call with its connection. */
void model_same(const struct blipmq_message *m)
{
	if (model.current && m && m->topic)
		FUZZ_CHECK(equal(model.current, m));
}

/* The tag of the last PUB that asked for a confirmation. */
static u64 asked_tag(void)
{
	const u8 *at = seam.sent;
	bool malformed;
	u64 tag = 0;
	size_t n;

	for (;; at += n) {
		n = whole(at, seam.sent_len - (size_t)(at - seam.sent),
			  &malformed);
		if (!n)
			return tag;
		if (at[4] == (BLIPMQ_OP_PUB << 4 | BLIPMQ_FLAG_CONFIRM))
			tag = number(at + 8 + at[5] + 4, 4);
	}
}

static bool was_acked(u64 tag)
{
	const u8 *at = seam.stream;
	bool malformed;
	size_t n;

	for (;; at += n) {
		n = whole(at, seam.given - (size_t)(at - seam.stream),
			  &malformed);
		if (!n)
			return false;
		if (at[4] / 16 == BLIPMQ_OP_ACK &&
		    number(at + 8 + at[5], 4) == tag)
			return true;
	}
}

/* A call said that its frame was confirmed: then it was. */
void model_confirmed(bool pub)
{
	look();
	FUZZ_CHECK(was_acked(pub ? asked_tag() : 0));
	model.done[pub]++;
	FUZZ_CHECK(model.done[pub] <= model.acks[pub]);
}

/*
 * All that came was taken. A loss may still wait for the frame behind it, of
 * which only a part came, on a connection that has not ended.
 */
void model_taken(void)
{
	u64 owed;

	look();
	owed = model.lost + model.skipped + (model.nr - model.next);
	FUZZ_CHECK(!model.keeps_all || model.next == model.nr);
	if (seam.given > model.parsed && !model.malformed &&
	    (seam.given < seam.len || seam.end == SEAM_SILENCE))
		FUZZ_CHECK(model.reported <= owed);
	else
		FUZZ_CHECK(model.reported == owed);
}

/* Was there a PING with the body of this PONG? */
static bool was_pinged(const u8 *pong, size_t size)
{
	const u8 *at = seam.stream;
	bool malformed;
	size_t n;

	for (;; at += n) {
		n = whole(at, seam.given - (size_t)(at - seam.stream),
			  &malformed);
		if (!n)
			return false;
		if (at[4] / 16 == BLIPMQ_OP_PING && n == size &&
		    !memcmp(at + 8, pong + 8, size - 8))
			return true;
	}
}

/* What the library wrote are frames that a broker takes for frames. */
void model_sent(void)
{
	const u8 *at = seam.sent;
	size_t left = seam.sent_len;
	unsigned int code;
	u64 size;

	while (left >= 8) {
		size = number(at, 4);
		FUZZ_CHECK(!twin_header(at, BLIPMQ_FRAME_PAYLOAD_MAX));
		if (size > left)
			break;
		code = twin_body(at, size);
		FUZZ_CHECK(code != BLIPMQ_CODE_MALFORMED);
		if (at[4] / 16 == BLIPMQ_OP_PONG)
			FUZZ_CHECK(was_pinged(at, size));
		at += size;
		left -= size;
	}
}

void model_end(void)
{
	free(model.entries);
	model.entries = NULL;
}
