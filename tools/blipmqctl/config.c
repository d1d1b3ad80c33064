// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include "config.h"

/* In the order in which they are read, written and applied. */
static const struct config_section *const sections[] = {
	&config_limits,
	&config_workers,
	&config_lanes,
	&config_access,
	&config_ultra,
};

#define SECTIONS	(sizeof(sections) / sizeof(sections[0]))

static const struct toml_node *find(const struct toml_node *table,
				    const char *key)
{
	size_t i;

	for (i = 0; i < table->nr; i++)
		if (!strcmp(table->children[i].key, key))
			return &table->children[i];
	return NULL;
}

static bool is_section(const char *key)
{
	size_t i;

	for (i = 0; i < SECTIONS; i++)
		if (!strcmp(sections[i]->name, key))
			return true;
	return false;
}

/**
 * config_read() - take what a file says
 * @c: the configuration, zeroed; what is wrong with the file is among its
 *	problems
 * @text: the file
 * @len: bytes of it
 */
void config_read(struct config *c, const char *text, size_t len)
{
	const struct toml_node *table;
	struct toml_error error;
	struct toml_node *root;
	size_t i;

	root = toml_parse(text, len, &error);
	if (!root) {
		config_error(c, error.line, "this is not TOML: %s", error.text);
		return;
	}
	for (i = 0; i < root->nr; i++)
		if (!is_section(root->children[i].key))
			config_unknown(c, root, &root->children[i]);
	for (i = 0; i < SECTIONS; i++) {
		table = find(root, sections[i]->name);
		if (table && config_is_table(c, table))
			sections[i]->read(c, table);
	}
	toml_free(root);
}

/**
 * config_write() - print a configuration as config_read() reads it
 * @c: the configuration
 * @to: where to
 */
void config_write(const struct config *c, FILE *to)
{
	size_t i;

	for (i = 0; i < SECTIONS; i++)
		if (sections[i]->write)
			sections[i]->write(c, to);
}

/**
 * config_get() - ask the kernel for the configuration that it has
 * @c: the configuration, zeroed
 * @g: the netlink socket
 *
 * Return: 0 or a negative errno.
 */
int config_get(struct config *c, struct blipmq_genl *g)
{
	size_t i;
	int ret;

	for (i = 0; i < SECTIONS; i++) {
		ret = sections[i]->get ? sections[i]->get(c, g) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * config_plan() - find out what has to be changed
 * @p: the plan, zeroed
 * @now: what the kernel has
 * @want: what it shall have; what can be seen to be impossible is an error of
 *	it
 */
void config_plan(struct plan *p, const struct config *now, struct config *want)
{
	size_t i;

	for (i = 0; i < SECTIONS; i++)
		if (sections[i]->plan)
			sections[i]->plan(p, now, want);
}

/**
 * config_free() - forget a configuration
 * @c: the configuration
 */
void config_free(struct config *c)
{
	size_t i;

	for (i = 0; i < c->nr_problems; i++)
		free(c->problems[i].text);
	free(c->problems);
	free(c->lanes.rules);
	free(c->access.rules);
}
