/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attributes of the control plane as named values: tables that say how each is
 * read, and printing for people and as JSON from the same tables.
 */
#ifndef _BLIPMQCTL_VALUE_H
#define _BLIPMQCTL_VALUE_H

#include <libmnl/libmnl.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/**
 * enum value_kind - what a value is
 * @VALUE_COUNT: a number, of 32 or 64 bits as the attribute is
 * @VALUE_BYTES: the same, of bytes, which people see with a unit
 * @VALUE_TEXT: a text
 * @VALUE_FLAG: there or not
 * @VALUE_TYPE: a socket's type, by its name
 * @VALUE_POLICY: an overflow policy, by its name
 * @VALUE_MODE: rights, in octal digits as a file has them
 * @VALUE_EVENT: what happened, by its name
 * @VALUE_STATE: what a worker does, by its name
 */
enum value_kind {
	VALUE_COUNT,
	VALUE_BYTES,
	VALUE_TEXT,
	VALUE_FLAG,
	VALUE_TYPE,
	VALUE_POLICY,
	VALUE_MODE,
	VALUE_EVENT,
	VALUE_STATE,
};

/**
 * struct value_spec - one attribute
 * @key: its name in the specification; NULL ends a table
 * @attr: its number
 * @kind: what it is
 */
struct value_spec {
	const char	*key;
	uint16_t	attr;
	enum value_kind	kind;
};

#define VALUES_MAX	32

/* Attributes have smaller numbers. */
#define VALUES_TYPES	64

/* The longest text: a topic. */
#define VALUE_ROOM	256

/**
 * struct values - what the kernel said for a table
 * @specs: the table
 * @present: bit by place in the table
 * @number: by place
 * @text: of VALUE_TEXT
 * @placed: the table that @places is of
 * @places: by an attribute's number its place and one, 0 for none
 */
struct values {
	const struct value_spec	*specs;
	uint32_t		present;
	uint64_t		number[VALUES_MAX];
	char			text[VALUES_MAX][VALUE_ROOM];
	const struct value_spec	*placed;
	uint8_t			places[VALUES_TYPES];
};

/* value.c */
const char *value_word(enum value_kind kind, uint64_t number);
void value_mode(uint64_t mode, char *text);
const char *value_number(uint64_t number, char *text);
void values_take(struct values *v, const struct nlattr *attr);
int values_place(const struct value_spec *specs, const char *key);
const char *values_format_at(const struct values *v, int i, bool plain,
			     char *text);
bool values_get(const struct values *v, const char *key, uint64_t *number);
const char *values_text(const struct values *v, const char *key);
const char *values_format(const struct values *v, const char *key, bool plain,
			  char *text);
void value_print(const char *label, const struct values *v, const char *key);
char *value_bytes(uint64_t bytes, char *text, size_t size);

/* value_json.c */
void json_print(json_object *o, bool pretty);
void values_to_json(const struct values *v, json_object *o);
bool values_write_json(FILE *to, const struct values *v);

#endif /* _BLIPMQCTL_VALUE_H */
