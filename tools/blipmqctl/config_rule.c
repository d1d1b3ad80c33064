// SPDX-License-Identifier: GPL-2.0
/*
 * One rule of the section [access], as a file says it.
 */
#include <string.h>

#include "config.h"
#include "pattern.h"
#include "who.h"

/* A name, or a number; the greatest one is nobody's. */
static void take_who(struct config *c, struct setting *s,
		     const struct toml_node *node,
		     bool (*find)(const char *text, uint32_t *id))
{
	uint32_t id;

	/* It is there, whatever it says. */
	s->line = node->line;
	if (node->kind == TOML_NUMBER && node->number >= 0 &&
	    node->number < UINT32_MAX)
		config_set(c, s, node->line, node->number);
	else if (node->kind == TOML_NUMBER)
		config_error(c, node->line, "%s cannot be %lld", node->key,
			     (long long)node->number);
	else if (node->kind != TOML_TEXT)
		config_error(c, node->line, "%s wants a name or a number",
			     node->key);
	else if (strlen(node->text) == node->len && find(node->text, &id))
		config_set(c, s, node->line, id);
	else
		config_error(c, node->line, "there is no %s '%s'", node->key,
			     node->text);
}

/* As a text: of what a number means, its digits say nothing. */
static void take_mode(struct config *c, struct setting *s,
		      const struct toml_node *node)
{
	uint32_t mode;

	s->line = node->line;
	if (node->kind == TOML_TEXT && strlen(node->text) == node->len &&
	    who_mode(node->text, &mode))
		config_set(c, s, node->line, mode);
	else
		config_error(c, node->line,
			     "mode wants three octal digits, as \"640\"");
}

static void take_ttl(struct config *c, struct setting *s,
		     const struct toml_node *node)
{
	if (toml_is(node, "never"))
		config_set(c, s, node->line, CONFIG_NEVER);
	else if (node->kind == TOML_NUMBER && node->number < CONFIG_NEVER)
		config_take_number(c, s, node, 1);
	else
		config_error(c, node->line,
			     "ttl-ms wants milliseconds, or \"never\"");
}

static void take_pattern(struct config *c, struct config_rule *r,
			 const struct toml_node *node)
{
	r->pattern_line = node->line;
	if (node->kind != TOML_TEXT || !node->len ||
	    node->len >= sizeof(r->pattern)) {
		config_error(c, node->line,
			     "pattern wants a topic or pattern of 1 to %zu bytes",
			     sizeof(r->pattern) - 1);
		return;
	}
	if (!blipmq_pattern_valid((const void *)node->text, node->len)) {
		config_error(c, node->line,
			     "pattern is not a valid topic or pattern");
		return;
	}
	memcpy(r->pattern, node->text, node->len);
	r->len = node->len;
}

static void take_key(struct config *c, struct config_rule *r,
		     const struct toml_node *table,
		     const struct toml_node *node)
{
	if (!strcmp(node->key, "pattern"))
		take_pattern(c, r, node);
	else if (!strcmp(node->key, "user"))
		take_who(c, &r->user, node, who_user);
	else if (!strcmp(node->key, "group"))
		take_who(c, &r->group, node, who_group);
	else if (!strcmp(node->key, "mode"))
		take_mode(c, &r->mode, node);
	else if (!strcmp(node->key, "ttl-ms"))
		take_ttl(c, &r->ttl_ms, node);
	else if (!strcmp(node->key, "publish-rate"))
		config_take_number(c, &r->rate, node, 1);
	else
		config_unknown(c, table, node);
}

/* An owner goes with a mode, and so that nobody has to be guessed. */
static void check_parts(struct config *c, const struct config_rule *r)
{
	int owner = r->user.line ?: r->group.line;

	if (!r->pattern_line)
		config_error(c, r->line, "this rule has no pattern");
	if (r->mode.line && (!r->user.line || !r->group.line))
		config_error(c, r->mode.line,
			     "mode wants a user and a group beside it");
	else if (owner && !r->mode.line)
		config_error(c, owner, "an owner wants a mode beside it");
}

/**
 * config_rule_take() - take a rule
 * @c: the configuration, which gets an error for each thing that is wrong
 * @r: set to the rule
 * @table: what has it
 *
 * Return: false when something is wrong with it.
 */
bool config_rule_take(struct config *c, struct config_rule *r,
		      const struct toml_node *table)
{
	size_t i, before = c->nr_problems;

	memset(r, 0, sizeof(*r));
	r->line = table->line;
	if (!config_is_table(c, table))
		return false;
	for (i = 0; i < table->nr; i++)
		take_key(c, r, table, &table->children[i]);
	check_parts(c, r);
	if (c->nr_problems != before)
		return false;
	if (r->mode.set || r->ttl_ms.set || r->rate.set)
		return true;
	config_error(c, r->line, "this rule says nothing");
	return false;
}
