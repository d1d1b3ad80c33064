/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes as text.
 */
#ifndef _BLIPMQ_TEXT_H
#define _BLIPMQ_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

bool text_is_utf8(const void *data, size_t size);
void text_write_plain(FILE *to, const void *data, size_t size);
void text_write_json(FILE *to, const char *json, size_t size);
char *text_base64(const void *data, size_t size);
void text_free(char *text);

#endif /* _BLIPMQ_TEXT_H */
