// SPDX-License-Identifier: GPL-2.0
/*
 * The section [lanes]: how messages of topics are handed out. The rules in it
 * are all that there are.
 */
#include <errno.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "dump.h"
#include "lane.h"
#include "plan.h"

/* What a file may say; the place is enum blipmq_lane_mode. */
static const char *const modes[] = { "", "direct", "worker", NULL };

static bool take_common(struct config *c, struct config_lane *l,
			const struct toml_node *node)
{
	if (!strcmp(node->key, "mode")) {
		config_take_word(c, &l->mode, node, modes);
		/* It is there, whatever it says. */
		l->mode.line = node->line;
	} else if (!strcmp(node->key, "worker")) {
		config_take_number(c, &l->worker, node, 0);
	} else {
		return false;
	}
	return true;
}

static bool take_pattern(struct config *c, struct config_lane *l,
			 const struct toml_node *node)
{
	if (strcmp(node->key, "pattern"))
		return false;
	l->pattern_line = node->line;
	if (node->kind != TOML_TEXT || !node->len ||
	    node->len >= sizeof(l->pattern)) {
		config_error(c, node->line,
			     "pattern wants a topic or pattern of 1 to %zu bytes",
			     sizeof(l->pattern) - 1);
		return true;
	}
	memcpy(l->pattern, node->text, node->len);
	l->len = node->len;
	return true;
}

static const struct config_lane *find_rule(const struct config_lanes *lanes,
					   const struct config_lane *like)
{
	size_t i;

	for (i = 0; i < lanes->nr; i++)
		if (lanes->rules[i].len == like->len &&
		    !memcmp(lanes->rules[i].pattern, like->pattern, like->len))
			return &lanes->rules[i];
	return NULL;
}

static void add_rule(struct config_lanes *lanes, const struct config_lane *l)
{
	lanes->rules = config_memory(lanes->rules, lanes->nr + 1,
				     sizeof(*lanes->rules));
	lanes->rules[lanes->nr++] = *l;
}

static void take_rule(struct config *c, const struct toml_node *table)
{
	struct config_lane l = { .line = table->line };
	const struct config_lane *before;
	size_t i;

	if (!config_is_table(c, table))
		return;
	for (i = 0; i < table->nr; i++)
		if (!take_common(c, &l, &table->children[i]) &&
		    !take_pattern(c, &l, &table->children[i]))
			config_unknown(c, table, &table->children[i]);
	if (!l.pattern_line)
		config_error(c, l.line, "this rule has no pattern");
	if (!l.mode.line)
		config_error(c, l.line, "this rule has no mode");
	if (!l.len || !l.mode.set)
		return;
	before = find_rule(&c->lanes, &l);
	if (before)
		config_error(c, l.pattern_line,
			     "line %d has a rule for this pattern already",
			     before->pattern_line);
	else if (c->lanes.nr == BLIPMQ_LANE_RULES_MAX)
		config_error(c, l.line,
			     "a namespace has %d rules of lanes at most",
			     BLIPMQ_LANE_RULES_MAX);
	else
		add_rule(&c->lanes, &l);
}

static void lanes_read(struct config *c, const struct toml_node *table)
{
	const struct toml_node *node;
	size_t i, k;

	c->lanes.line = table->line;
	for (i = 0; i < table->nr; i++) {
		node = &table->children[i];
		if (take_common(c, &c->lanes.all, node))
			continue;
		if (strcmp(node->key, "rule")) {
			config_unknown(c, table, node);
		} else if (node->kind != TOML_ARRAY) {
			config_error(c, node->line,
				     "rule has to be an array of tables, [[lanes.rule]]");
		} else {
			for (k = 0; k < node->nr; k++)
				take_rule(c, &node->children[k]);
		}
	}
	if (c->lanes.all.worker.set && !c->lanes.all.mode.line)
		config_error(c, c->lanes.all.worker.line,
			     "worker wants a mode beside it");
}

static void write_lane(const struct config_lane *l, FILE *to)
{
	if (l->mode.set)
		fprintf(to, "mode = \"%s\"\n", modes[l->mode.value]);
	if (l->worker.set)
		fprintf(to, "worker = %lld\n", (long long)l->worker.value);
}

static void lanes_write(const struct config *c, FILE *to)
{
	size_t i;

	if (!c->lanes.line)
		return;
	fputs("\n[lanes]\n", to);
	write_lane(&c->lanes.all, to);
	for (i = 0; i < c->lanes.nr; i++) {
		fputs("\n[[lanes.rule]]\npattern = ", to);
		config_write_text(to, c->lanes.rules[i].pattern,
				  c->lanes.rules[i].len);
		putc('\n', to);
		write_lane(&c->lanes.rules[i], to);
	}
}

static int add_lane(struct config *c, const struct nlmsghdr *nlh)
{
	struct config_lane l = { .len = 0 };
	struct lane from;

	if (ctl_lane_take(nlh, &from) < 0)
		return -errno;
	l.mode = (struct setting){ .set = true, .value = from.mode };
	l.worker = (struct setting){ .set = from.worker >= 0,
				     .value = from.worker };
	l.len = from.len;
	memcpy(l.pattern, from.name, from.len);
	if (l.len)
		add_rule(&c->lanes, &l);
	else
		c->lanes.all = l;
	return 0;
}

static int lanes_get(struct config *c, struct blipmq_genl *g)
{
	__u8 buffer[256] __attribute__((aligned(8)));
	const struct nlmsghdr *nlh = NULL;
	struct dump d = { };
	int ret;

	c->lanes.line = 1;
	ret = dump_run(&d, g, blipmq_genl_new_dump(g, buffer,
						   BLIPMQ_CMD_LANE_GET));
	while (!ret && (nlh = dump_next(&d, nlh)))
		ret = add_lane(c, nlh);
	dump_free(&d);
	return ret;
}

static void lane_text(const struct config_lane *l, char *text)
{
	if (!l)
		snprintf(text, PLAN_TEXT, "none");
	else if (l->worker.set)
		snprintf(text, PLAN_TEXT, "%s %lld", modes[l->mode.value],
			 (long long)l->worker.value);
	else
		snprintf(text, PLAN_TEXT, "%s", modes[l->mode.value]);
}

static void put_lane(struct nlmsghdr *nlh, const struct config_lane *l)
{
	mnl_attr_put_u32(nlh, BLIPMQ_A_LANE_MODE,
			 l ? (uint32_t)l->mode.value :
			     BLIPMQ_LANE_MODE_DEFAULT);
	if (l && l->worker.set)
		mnl_attr_put_u32(nlh, BLIPMQ_A_LANE_WORKER,
				 (uint32_t)l->worker.value);
}

static bool same_lane(const struct config_lane *a, const struct config_lane *b)
{
	return a && b && a->mode.value == b->mode.value &&
	       a->worker.set == b->worker.set &&
	       (!a->worker.set || a->worker.value == b->worker.value);
}

/* Only what is looked at by the kernel has a place in the request. */
static void say_part(struct step *s, int line, const struct change *first)
{
	step_change(s, line, first->what, "", "")->silent = true;
}

/* The rule of @to or else @from; a rule that there is not is NULL. */
static void plan_lane(struct plan *p, const struct config_lane *from,
		      const struct config_lane *to, int line)
{
	const struct config_lane *l = to ?: from;
	char what[2 * VALUE_ROOM], texts[2][PLAN_TEXT];
	struct nlmsghdr *request, *undo;
	struct step *s;

	s = plan_step(p, BLIPMQ_CMD_LANE_SET, BLIPMQ_A_LANE_CHECK,
		      "this needs CAP_NET_ADMIN in the network namespace");
	request = step_request(s);
	undo = step_undo(s);
	if (l->len)
		snprintf(what, sizeof(what), "lanes.rule %.*s", (int)l->len,
			 l->pattern);
	else
		snprintf(what, sizeof(what), "lanes");
	lane_text(from, texts[0]);
	lane_text(to, texts[1]);
	step_change(s, l->len && to ? l->pattern_line : line, what, texts[0],
		    texts[1])->vital = true;
	if (l->len) {
		mnl_attr_put(request, BLIPMQ_A_LANE_PATTERN, l->len, l->pattern);
		mnl_attr_put(undo, BLIPMQ_A_LANE_PATTERN, l->len, l->pattern);
		say_part(s, to ? to->mode.line : line, &s->changes[0]);
		s->changes[s->nr - 1].vital = true;
	}
	mnl_attr_put_u32(request, BLIPMQ_A_LANE_MODE,
			 to ? (uint32_t)to->mode.value :
			      BLIPMQ_LANE_MODE_DEFAULT);
	if (to && to->worker.set) {
		say_part(s, to->worker.line, &s->changes[0]);
		mnl_attr_put_u32(request, BLIPMQ_A_LANE_WORKER,
				 (uint32_t)to->worker.value);
	}
	put_lane(undo, from);
}

static bool worker_exists(struct config *c, const struct config_lane *l,
			  uint32_t count)
{
	if (!l->worker.set || l->worker.value < count)
		return true;
	config_error(c, l->worker.line,
		     "there is no worker %lld, since their count is %u",
		     (long long)l->worker.value, count);
	return false;
}

static void lanes_plan(struct plan *p, const struct config *now,
		       struct config *want)
{
	uint32_t count = config_workers_planned(now, want);
	const struct config_lane *from, *to;
	size_t i;

	if (!want->lanes.line)
		return;
	/* Room first. */
	for (i = 0; i < now->lanes.nr; i++) {
		from = &now->lanes.rules[i];
		if (!find_rule(&want->lanes, from))
			plan_lane(p, from, NULL, want->lanes.line);
	}
	to = &want->lanes.all;
	if (to->mode.set && !same_lane(&now->lanes.all, to) &&
	    worker_exists(want, to, count))
		plan_lane(p, &now->lanes.all, to, to->mode.line);
	for (i = 0; i < want->lanes.nr; i++) {
		to = &want->lanes.rules[i];
		from = find_rule(&now->lanes, to);
		if (!same_lane(from, to) && worker_exists(want, to, count))
			plan_lane(p, from, to, to->line);
	}
}

const struct config_section config_lanes = {
	.name = "lanes",
	.read = lanes_read,
	.write = lanes_write,
	.get = lanes_get,
	.plan = lanes_plan,
};
