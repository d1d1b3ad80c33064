// SPDX-License-Identifier: GPL-2.0
/*
 * The formats of blipmq sub.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "blipmq.h"
#include "format.h"
#include "text.h"

static void write_raw(const struct blipmq_message *m)
{
	fwrite_unlocked(m->payload, 1, m->size, stdout);
}

static void write_line(const struct blipmq_message *m)
{
	static int terminal = -1;

	if (!m->topic)
		return;
	if (terminal < 0)
		terminal = isatty(STDOUT_FILENO);
	if (terminal) {
		text_write_plain(stdout, m->topic, m->topic_len);
		putc('\t', stdout);
		text_write_plain(stdout, m->payload, m->size);
		putc('\n', stdout);
		return;
	}
	fwrite_unlocked(m->topic, 1, m->topic_len, stdout);
	putc_unlocked('\t', stdout);
	fwrite_unlocked(m->payload, 1, m->size, stdout);
	putc_unlocked('\n', stdout);
}

/* JSON holds text only: other bytes stand in base64 beside a null. */
static void add_payload(json_object *o, const struct blipmq_message *m)
{
	json_object *payload = NULL;
	char *base64;

	if (text_is_utf8(m->payload, m->size)) {
		payload = json_object_new_string_len(m->payload, (int)m->size);
		json_object_object_add(o, "payload", payload);
		return;
	}
	json_object_object_add(o, "payload", NULL);
	base64 = text_base64(m->payload, m->size);
	if (base64)
		payload = json_object_new_string(base64);
	json_object_object_add(o, "payload-base64", payload);
	text_free(base64);
}

static void write_json(const struct blipmq_message *m)
{
	const int flags = JSON_C_TO_STRING_PLAIN |
			  JSON_C_TO_STRING_NOSLASHESCAPE;
	json_object *o = json_object_new_object();
	json_object *topic = NULL;
	const char *text;
	size_t size;

	if (m->topic)
		topic = json_object_new_string_len(m->topic,
						   (int)m->topic_len);
	json_object_object_add(o, "topic", topic);
	/* A loss alone has no topic, and so no message's keys either. */
	if (m->topic) {
		json_object_object_add(o, "id", json_object_new_uint64(m->id));
		add_payload(o, m);
		json_object_object_add(o, "retained",
				       json_object_new_boolean(m->retained));
	}
	json_object_object_add(o, "lost", json_object_new_uint64(m->lost));
	text = json_object_to_json_string_length(o, flags, &size);
	if (text) {
		text_write_json(stdout, text, size);
		putc_unlocked('\n', stdout);
	}
	json_object_put(o);
}

static const struct format formats[] = {
	{ .name = "raw", .write = write_raw },
	{ .name = "line", .write = write_line },
	{ .name = "json", .write = write_json, .tells_loss = true },
	{ }
};

/**
 * format_find() - a format by its name
 * @name: as given to --format
 *
 * Return: the format, NULL when there is none.
 */
const struct format *format_find(const char *name)
{
	const struct format *f;

	for (f = formats; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}
