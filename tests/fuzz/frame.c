// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of the frame codec. The first byte of an input chooses the
 * payload limit, the rest is what a client sends; each frame of it is judged
 * as the module does, and by the twin.
 */
#include "../../module/frame.h"
#include "fuzz.h"
#include "twin.h"

#define MAKE_FRAMES	0x80

static const u32 limits[] = {
	0, 1, 8, 100, 1000, BLIPMQ_FRAME_PAYLOAD_DEFAULT,
	BLIPMQ_FRAME_PAYLOAD_MAX - 1, BLIPMQ_FRAME_PAYLOAD_MAX,
};

/* A refusal says why; what is in order has nothing to say. */
static void check_verdict(struct blipmq_verdict v, unsigned int want)
{
	if (v.code != want)
		fprintf(stderr, "code %u (%s), by the rules it is %u\n",
			v.code, v.text ? v.text : "", want);
	FUZZ_CHECK(v.code == want);
	FUZZ_CHECK(!v.code == !v.text);
	FUZZ_CHECK(blipmq_code_is_fatal(v.code) ==
		   (v.code == BLIPMQ_CODE_MALFORMED ||
		    v.code == BLIPMQ_CODE_TOO_LARGE));
}

static void check_codec(const u8 *frame, const struct blipmq_frame *f)
{
	u8 again[BLIPMQ_FRAME_HEADER];

	FUZZ_CHECK(f->size == frame[0] + frame[1] * 0x100U +
			      frame[2] * 0x10000U + frame[3] * 0x1000000U);
	FUZZ_CHECK(f->op * 16 + f->flags == frame[4] && f->flags < 16);
	FUZZ_CHECK(f->topic_len == frame[5]);
	FUZZ_CHECK(f->reserved == frame[6] + frame[7] * 0x100U);
	FUZZ_CHECK(blipmq_frame_body_fixed(f->op) == twin_fixed(f->op));
	if (f->reserved || f->size < BLIPMQ_FRAME_HEADER + f->topic_len)
		return;
	memset(again, 0xa5, sizeof(again));
	blipmq_frame_encode(again, f->op, f->flags, f->topic_len,
			    f->size - BLIPMQ_FRAME_HEADER - f->topic_len);
	FUZZ_CHECK(!memcmp(again, frame, sizeof(again)));
}

/*
 * Judge the frame with @avail bytes of its body to be seen, and none behind.
 */
static struct blipmq_verdict judge(const u8 *frame,
				   const struct blipmq_frame *f, u32 avail)
{
	u32 len = f->size - BLIPMQ_FRAME_HEADER;
	struct blipmq_verdict v;
	u8 *shown;

	if (len > f->topic_len + avail)
		len = f->topic_len + avail;
	shown = fuzz_copy(frame + BLIPMQ_FRAME_HEADER, len);
	v = blipmq_frame_check_body(f, shown, shown + f->topic_len, avail,
				    false);
	free(shown);
	return v;
}

static void check_body(const u8 *frame, const struct blipmq_frame *f,
		       unsigned int want)
{
	u32 len = 0, need = twin_fixed(f->op), cut;

	if (f->size > BLIPMQ_FRAME_HEADER + f->topic_len)
		len = f->size - BLIPMQ_FRAME_HEADER - f->topic_len;
	/* All of it, for SUB and UNSUB. */
	if (f->op == BLIPMQ_OP_SUB || f->op == BLIPMQ_OP_UNSUB)
		need = len;
	check_verdict(judge(frame, f, len), want);
	if (need < len)
		check_verdict(judge(frame, f, need), want);
	if (!need || len < need)
		return;
	cut = frame[f->size - 1] % need;
	check_verdict(judge(frame, f, cut), BLIPMQ_CODE_MALFORMED);
}

static void check_to_msg(const u8 *frame, const struct blipmq_frame *f)
{
	u32 fixed = BLIPMQ_FRAME_HEADER + f->topic_len, i;
	u8 *msg = fuzz_copy(frame, f->size);
	u64 id = 0x0807060504030201ULL + frame[f->size - 1];
	struct blipmq_frame m;

	blipmq_frame_to_msg(msg, msg + fixed, id);
	blipmq_frame_decode(&m, msg);
	FUZZ_CHECK(m.op == BLIPMQ_OP_MSG && !m.flags && !m.reserved);
	FUZZ_CHECK(blipmq_get_le64(msg + fixed) == id);
	for (i = 0; i < f->size; i++)
		if (i != 4 && (i < fixed || i >= fixed + 8))
			FUZZ_CHECK(msg[i] == frame[i]);
	free(msg);
}

/* Returns the bytes of the frame, 0 when there is none, or none after it. */
static size_t check_frame(const u8 *frame, size_t left, u32 payload_max)
{
	struct blipmq_verdict v;
	struct blipmq_frame f;
	unsigned int want;

	blipmq_frame_decode(&f, frame);
	check_codec(frame, &f);
	v = blipmq_frame_check_header(&f, payload_max);
	check_verdict(v, twin_header(frame, payload_max));
	if (v.code || f.size > left)
		return 0;
	want = twin_body(frame, f.size);
	check_body(frame, &f, want);
	if (!want && f.op == BLIPMQ_OP_PUB)
		check_to_msg(frame, &f);
	return f.size;
}

int fuzz_input(const uint8_t *data, size_t size)
{
	size_t left, n;
	u32 limit;
	u8 *sent;

	if (!size)
		return 0;
	limit = limits[data[0] % (sizeof(limits) / sizeof(limits[0]))];
	left = size - 1;
	sent = fuzz_copy(data + 1, left);
	if (data[0] & MAKE_FRAMES)
		fuzz_make_frames(sent, left);
	for (data = sent; left >= BLIPMQ_FRAME_HEADER; left -= n, data += n) {
		n = check_frame(data, left, limit);
		if (!n)
			break;
	}
	free(sent);
	return 0;
}
