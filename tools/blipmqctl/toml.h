/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TOML as a tree of plain structures; toml++ reads it.
 */
#ifndef _BLIPMQCTL_TOML_H
#define _BLIPMQCTL_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * enum toml_kind - what a value is
 * @TOML_TABLE: values by key
 * @TOML_ARRAY: values in a row
 * @TOML_TEXT: a text
 * @TOML_NUMBER: a whole number
 * @TOML_BOOL: true or false
 * @TOML_OTHER: what nothing here is: a fraction, a date or a time
 */
enum toml_kind {
	TOML_TABLE,
	TOML_ARRAY,
	TOML_TEXT,
	TOML_NUMBER,
	TOML_BOOL,
	TOML_OTHER,
};

/**
 * struct toml_node - a value
 * @key: its key, in which control characters became question marks; empty in
 *	an array
 * @kind: what it is
 * @line: where it is in the file, from 1 on
 * @number: of a TOML_NUMBER; 0 or 1 of a TOML_BOOL
 * @text: of a TOML_TEXT, with a zero behind it
 * @len: bytes of @text, which may have zeros
 * @children: of a table by line, of an array in their order
 * @nr: how many those are
 */
struct toml_node {
	char			*key;
	enum toml_kind		kind;
	int			line;
	int64_t			number;
	char			*text;
	size_t			len;
	struct toml_node	*children;
	size_t			nr;
};

/**
 * struct toml_error - why something is not TOML
 * @line: where
 * @text: what is wrong there
 */
struct toml_error {
	int	line;
	char	text[256];
};

#ifdef __cplusplus
extern "C" {
#endif

struct toml_node *toml_parse(const char *text, size_t len,
			     struct toml_error *error);
void toml_free(struct toml_node *root);

#ifdef __cplusplus
}
#endif

#endif /* _BLIPMQCTL_TOML_H */
