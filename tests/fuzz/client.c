// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of libblipmq: a program that makes calls while a broker
 * sends what it likes. An input is
 *
 *	u8 settings, u8 n, n + 1 bytes of script, what the broker sends
 *
 * The script says which calls are made; then, over and over, how the network
 * cuts the bytes.
 */
#include <errno.h>

#include "client_model.h"

#define MAKE_FRAMES	0x80
#define SMALL_BACKLOG	0x40
#define SMALL_BUFFER	0x20
#define ASK_LIMITS	0x10
#define NETWORK		0x08
/* The lowest three bits: how the stream ends, and from here on untaken. */
#define LEAVES		6

/* Longer than the smallest buffer of the library. */
static const char big[5000];

static const struct blipmq_message *current;

/* The peer's text ends up on terminals. */
static void check_text(const struct blipmq *b)
{
	const char *s;

	for (s = blipmq_last_error(b); *s; s++)
		FUZZ_CHECK((unsigned char)*s >= ' ' && *s != 0x7f);
}

static int next(struct blipmq *b, int timeout_ms)
{
	int ret = blipmq_next(b, timeout_ms, &current);

	FUZZ_CHECK(!ret == !!current);
	if (!ret)
		model_message(current);
	return ret;
}

static int handle(const struct blipmq_message *m, void *data)
{
	size_t *count = data;

	++*count;
	model_message(m);
	return seam_choice() < 32;
}

static int dispatch(struct blipmq *b)
{
	size_t count = 0;
	int ret;

	ret = blipmq_dispatch(b, handle, &count);
	FUZZ_CHECK(ret < 0 ? !count : (size_t)ret == count);
	return ret < 0 ? ret : 0;
}

static int publish(struct blipmq *b, const char *topic, const void *payload,
		   size_t size, bool confirm)
{
	struct blipmq_publish_options o = {
		.size = sizeof(o), .flags = BLIPMQ_PUBLISH_CONFIRM,
	};
	int ret = blipmq_publish(b, topic, payload, size, confirm ? &o : NULL);

	if (!ret && confirm)
		model_confirmed(true);
	return ret;
}

/* What a relay does: it passes on what it still holds. */
static int republish(struct blipmq *b, bool buffered)
{
	const struct blipmq_message *m = current;

	if (!m || !m->topic)
		return 0;
	if (buffered)
		return blipmq_publish_buffered(b, m->topic, m->payload,
					       m->size);
	return publish(b, m->topic, m->payload, m->size, false);
}

static int subscribe(struct blipmq *b, bool undo, const char *group)
{
	const char *pattern = "a.*";
	struct blipmq_subscribe_options o = {
		.size = sizeof(o), .group = group,
	};
	int ret;

	if (current && current->topic && seam_choice() & 1)
		pattern = current->topic;
	if (undo)
		ret = blipmq_unsubscribe(b, pattern, &o);
	else
		ret = blipmq_subscribe(b, pattern, &o);
	if (!ret)
		model_confirmed(false);
	return ret;
}

static void call(struct blipmq *b, u8 what)
{
	int ret = 0;

	model_same(current);
	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		ret = next(b, what & 16);
		break;
	case 4:
		ret = dispatch(b);
		break;
	case 5:
		ret = publish(b, "a.b", "hello", 5, false);
		break;
	case 6:
		ret = publish(b, "a.b", NULL, 0, true);
		break;
	case 7:
		ret = blipmq_publish_buffered(b, "a.b", "hello", 5);
		break;
	case 8:
		ret = blipmq_publish_buffered(b, "a.b", big, sizeof(big));
		break;
	case 9:
		ret = blipmq_flush(b);
		break;
	case 10:
		ret = blipmq_sync(b);
		break;
	case 11:
		ret = subscribe(b, what & 16, what & 32 ? "g" : NULL);
		break;
	case 12:
	case 13:
		ret = republish(b, false);
		break;
	case 14:
		ret = republish(b, true);
		break;
	case 15:
		if (what & 16)
			ret = blipmq_drain(b);
		break;
	}
	FUZZ_CHECK(ret <= 0);
	if (ret)
		check_text(b);
	if (what % 16 >= 4)
		current = NULL;
}

/*
 * Until nothing comes. A signal ends a call, and a refusal of what was
 * published does, once.
 */
static void take_all(struct blipmq *b)
{
	int failures = 0;

	model_same(current);
	while (failures < 8)
		failures = next(b, 1) ? failures + 1 : 0;
	check_text(b);
	model_taken();
}

static void talk(const u8 *calls, size_t nr, u8 settings)
{
	struct blipmq_options o = {
		.size = sizeof(o),
		/* Of a clock that goes on each time it is looked at. */
		.connect_timeout_ms = 50,
		.timeout_ms = 50,
		.queue_messages = settings & ASK_LIMITS ? 7 : 0,
		.backlog_bytes = settings & SMALL_BACKLOG ? 64 : 0,
		.buffer_bytes = settings & SMALL_BUFFER ? 1 : 0,
	};
	struct blipmq *b;
	size_t i;

	current = NULL;
	if (blipmq_connect("local:", &o, &b)) {
		FUZZ_CHECK(!b);
		check_text(NULL);
		return;
	}
	if (settings & ASK_LIMITS)
		model_confirmed(false);
	for (i = 0; i < nr; i++)
		call(b, calls[i]);
	if (settings % 8 < LEAVES)
		take_all(b);
	blipmq_close(b);
}

int fuzz_input(const uint8_t *data, size_t size)
{
	u8 settings, *stream;
	size_t nr;

	if (size < 3)
		return 0;
	settings = data[0];
	nr = data[1] % 32;
	data += 2;
	size -= 2;
	if (size < nr + 1)
		return 0;
	seam = (struct seam) {
		.script = data, .script_len = nr + 1,
		.end = settings % 8 % SEAM_ENDS,
		.network = settings & NETWORK,
		.len = size - nr - 1, .now = 1000,
	};
	stream = fuzz_copy(data + nr + 1, seam.len);
	if (settings & MAKE_FRAMES)
		fuzz_make_frames(stream, seam.len);
	seam.stream = stream;
	model_begin(!(settings & SMALL_BACKLOG));
	talk(data, nr, settings);
	model_sent();
	model_end();
	free(seam.sent);
	free(stream);
	return 0;
}
