// SPDX-License-Identifier: GPL-2.0
/*
 * Values of a configuration file, and what is wrong with them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/**
 * config_memory() - realloc() of an array that ends the program when it fails
 * @old: the array, or NULL
 * @nr: elements that it is to have
 * @size: of one of them
 *
 * Return: the array.
 */
void *config_memory(void *old, size_t nr, size_t size)
{
	void *memory = reallocarray(old, nr, size);

	if (!memory) {
		fputs("blipmqctl: there is no memory\n", stderr);
		exit(1);
	}
	return memory;
}

static void add_problem(struct config *c, int line, bool warning,
			const char *format, va_list args)
{
	struct config_problem *problem;
	va_list again;
	size_t i;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	c->problems = config_memory(c->problems, c->nr_problems + 1,
				    sizeof(*c->problems));
	problem = &c->problems[c->nr_problems];
	problem->line = line;
	problem->warning = warning;
	problem->text = config_memory(NULL, (size_t)len + 1, 1);
	vsnprintf(problem->text, (size_t)len + 1, format, args);
	for (i = 0; i < c->nr_problems; i++) {
		if (c->problems[i].line == line &&
		    !strcmp(c->problems[i].text, problem->text)) {
			free(problem->text);
			return;
		}
	}
	c->nr_problems++;
	c->nr_errors += !warning;
}

/**
 * config_error() - say why a file cannot be applied
 * @c: the configuration
 * @line: where
 * @format: what is wrong, as printf
 */
void config_error(struct config *c, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_problem(c, line, false, format, args);
	va_end(args);
}

/**
 * config_warning() - say that something has no effect
 * @c: the configuration
 * @line: where
 * @format: what and why, as printf
 */
void config_warning(struct config *c, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_problem(c, line, true, format, args);
	va_end(args);
}

static int compare_problems(const void *a, const void *b)
{
	const struct config_problem *x = a, *y = b;

	return x->line - y->line;
}

/**
 * config_sort_problems() - by line
 * @c: the configuration
 */
void config_sort_problems(struct config *c)
{
	if (c->nr_problems)
		qsort(c->problems, c->nr_problems, sizeof(*c->problems),
		      compare_problems);
}

/**
 * config_is_table() - is it one? If not, that is an error
 * @c: the configuration
 * @node: what should be a table
 */
bool config_is_table(struct config *c, const struct toml_node *node)
{
	if (node->kind == TOML_TABLE)
		return true;
	if (*node->key)
		config_error(c, node->line, "%s has to be a table, [%s]",
			     node->key, node->key);
	else
		config_error(c, node->line, "a table is wanted here");
	return false;
}

/**
 * config_unknown() - a key that means nothing
 * @c: the configuration
 * @table: where it is
 * @node: what has it
 */
void config_unknown(struct config *c, const struct toml_node *table,
		    const struct toml_node *node)
{
	config_error(c, node->line,
		     "there is no '%s' in %s%s; blipmq.toml(5) says what there is",
		     node->key, *table->key ? table->key : "this place",
		     *table->key ? "" : " of the file");
}

/**
 * config_set() - take what is said, if that is for the first time
 * @c: the configuration
 * @s: the setting
 * @line: where it is said
 * @value: what
 */
void config_set(struct config *c, struct setting *s, int line, int64_t value)
{
	if (s->set) {
		config_error(c, line, "line %d says this already", s->line);
		return;
	}
	s->set = true;
	s->line = line;
	s->value = value;
}

/**
 * config_take_number() - take a whole number
 * @c: the configuration
 * @s: the setting
 * @node: what has it
 * @least: the least that it can be; how much is too much is the kernel's
 *	to say
 */
void config_take_number(struct config *c, struct setting *s,
			const struct toml_node *node, int64_t least)
{
	if (node->kind != TOML_NUMBER)
		config_error(c, node->line, "%s wants a whole number",
			     node->key);
	else if (node->number < least || node->number > UINT32_MAX)
		config_error(c, node->line, "%s cannot be %lld", node->key,
			     (long long)node->number);
	else
		config_set(c, s, node->line, node->number);
}

/**
 * config_take_bool() - take true or false
 * @c: the configuration
 * @s: the setting
 * @node: what has it
 */
void config_take_bool(struct config *c, struct setting *s,
		      const struct toml_node *node)
{
	if (node->kind != TOML_BOOL)
		config_error(c, node->line, "%s wants true or false",
			     node->key);
	else
		config_set(c, s, node->line, node->number);
}

/**
 * toml_is() - is a value this text?
 * @node: the value
 * @text: the text
 */
bool toml_is(const struct toml_node *node, const char *text)
{
	return node->kind == TOML_TEXT && node->len == strlen(text) &&
	       !memcmp(node->text, text, node->len);
}

/**
 * config_take_word() - take one of some words
 * @c: the configuration
 * @s: the setting, which gets the word's place
 * @node: what has it
 * @words: the words, an empty one or NULL among them stands for none; the last
 *	is NULL
 *
 * Return: false when it is none of them, which is an error.
 */
bool config_take_word(struct config *c, struct setting *s,
		      const struct toml_node *node, const char *const *words)
{
	char list[128] = "";
	int i;

	for (i = 0; words[i]; i++) {
		if (*words[i] && toml_is(node, words[i])) {
			config_set(c, s, node->line, i);
			return true;
		}
		if (*words[i])
			snprintf(list + strlen(list), sizeof(list) - strlen(list),
				 "%s\"%s\"", *list ? " or " : "", words[i]);
	}
	config_error(c, node->line, "%s wants %s", node->key, list);
	return false;
}

/**
 * config_write_text() - print a text as TOML has it
 * @to: where to
 * @text: the text, UTF-8
 * @len: bytes of it
 */
void config_write_text(FILE *to, const char *text, size_t len)
{
	unsigned char ch;
	size_t i;

	putc('"', to);
	for (i = 0; i < len; i++) {
		ch = (unsigned char)text[i];
		if (ch == '"' || ch == '\\')
			fprintf(to, "\\%c", ch);
		else if (ch < ' ' || ch == 0x7f)
			fprintf(to, "\\u%04X", ch);
		else
			putc(ch, to);
	}
	putc('"', to);
}
