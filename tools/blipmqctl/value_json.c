// SPDX-License-Identifier: GPL-2.0
/*
 * Named values as JSON: objects of the library, and text for long lists.
 */
#include <stdio.h>

#include "../blipmq/text.h"
#include "value.h"

/**
 * json_print() - write an object, and a newline, to standard output
 * @o: the object
 * @pretty: for people: one value a line
 */
void json_print(json_object *o, bool pretty)
{
	const int flags = pretty ? JSON_C_TO_STRING_PRETTY |
				   JSON_C_TO_STRING_SPACED :
				   JSON_C_TO_STRING_PLAIN;
	size_t size;
	const char *text = json_object_to_json_string_length(o, flags, &size);

	text_write_json(stdout, text, size);
	putchar('\n');
}

/* A key of a table lives for ever, and is there once. */
static void add_new(json_object *o, const char *key, json_object *value)
{
	json_object_object_add_ex(o, key, value,
				  JSON_C_OBJECT_ADD_KEY_IS_NEW |
				  JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

/**
 * values_to_json() - add everything that the kernel said to an object
 * @v: the values
 * @o: the object
 */
void values_to_json(const struct values *v, json_object *o)
{
	char mode[VALUE_ROOM];
	const char *word;
	json_object *value;
	int i;

	for (i = 0; v->specs[i].key; i++) {
		/* A flag is there or not, which both is known. */
		if (!(v->present & 1U << i)) {
			if (v->specs[i].kind == VALUE_FLAG)
				add_new(o, v->specs[i].key,
					json_object_new_boolean(0));
			continue;
		}
		word = value_word(v->specs[i].kind, v->number[i]);
		if (v->specs[i].kind == VALUE_MODE) {
			value_mode(v->number[i], mode);
			word = mode;
		}
		if (v->specs[i].kind == VALUE_TEXT)
			value = json_object_new_string(v->text[i]);
		else if (v->specs[i].kind == VALUE_FLAG)
			value = json_object_new_boolean(1);
		else if (word)
			value = json_object_new_string(word);
		else
			value = json_object_new_uint64(v->number[i]);
		add_new(o, v->specs[i].key, value);
	}
}

/* What is short; the stream is ours alone. */
static void write_bytes(FILE *to, const char *text)
{
	while (*text)
		putc_unlocked(*text++, to);
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '"' ||
		    *text == '\\' || *text == '/')
			return false;
	return true;
}

/* As the library escapes it, where there is something to escape. */
static void write_json_text(FILE *to, const char *text)
{
	const char *escaped;
	json_object *o;
	size_t size;

	if (is_plain(text)) {
		putc_unlocked('"', to);
		write_bytes(to, text);
		putc_unlocked('"', to);
		return;
	}
	o = json_object_new_string(text);
	escaped = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN,
						    &size);
	text_write_json(to, escaped, size);
	json_object_put(o);
}

static void write_json_value(FILE *to, const struct values *v, int i)
{
	char text[VALUE_ROOM];
	const char *word;

	switch (v->specs[i].kind) {
	case VALUE_TEXT:
		write_json_text(to, v->text[i]);
		return;
	case VALUE_FLAG:
		write_bytes(to, v->present & 1U << i ? "true" : "false");
		return;
	case VALUE_MODE:
		value_mode(v->number[i], text);
		word = text;
		break;
	default:
		word = value_word(v->specs[i].kind, v->number[i]);
	}
	if (word)
		write_json_text(to, word);
	else
		write_bytes(to, value_number(v->number[i], text));
}

/**
 * values_write_json() - print what values_to_json() adds, without its braces
 * @to: where to
 * @v: the values
 *
 * To make objects of a long list takes several times as long.
 *
 * Return: true when there is anything.
 */
bool values_write_json(FILE *to, const struct values *v)
{
	bool any = false;
	int i;

	for (i = 0; v->specs[i].key; i++) {
		if (!(v->present & 1U << i) && v->specs[i].kind != VALUE_FLAG)
			continue;
		if (any)
			putc_unlocked(',', to);
		putc_unlocked('"', to);
		write_bytes(to, v->specs[i].key);
		write_bytes(to, "\":");
		write_json_value(to, v, i);
		any = true;
	}
	return any;
}
