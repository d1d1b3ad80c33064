// SPDX-License-Identifier: GPL-2.0
/*
 * The section [access]: who may do what with topics, and what else holds for
 * them. The rules in it are all that there are.
 */
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "dump.h"
#include "pattern.h"
#include "plan.h"

static void add_rule(struct config_access *a, const struct config_rule *r)
{
	if (a->nr == a->room) {
		a->room = a->room ? 2 * a->room : 16;
		a->rules = config_memory(a->rules, a->room, sizeof(*a->rules));
	}
	a->rules[a->nr++] = *r;
}

static void take_rule(struct config *c, const struct toml_node *table)
{
	struct config_rule r;

	if (!config_rule_take(c, &r, table))
		return;
	if (c->access.nr == BLIPMQ_RULES_MAX)
		config_error(c, r.line, "a namespace has %d rules at most",
			     BLIPMQ_RULES_MAX);
	else
		add_rule(&c->access, &r);
}

/* In the order in which they decide, which is the kernel's. */
static int compare(const void *a, const void *b)
{
	const struct config_rule *x = a, *y = b;

	return blipmq_pattern_cmp((const void *)x->pattern, x->len,
				  (const void *)y->pattern, y->len);
}

static int compare_places(const void *a, const void *b)
{
	const struct config_rule *x = a, *y = b;

	return compare(a, b) ?: x->pattern_line - y->pattern_line;
}

static void drop_twins(struct config *c)
{
	struct config_access *a = &c->access;
	size_t i, kept = 0;

	if (a->nr)
		qsort(a->rules, a->nr, sizeof(*a->rules), compare_places);
	for (i = 0; i < a->nr; i++) {
		if (kept && !compare(&a->rules[kept - 1], &a->rules[i]))
			config_error(c, a->rules[i].pattern_line,
				     "line %d has a rule for this pattern already",
				     a->rules[kept - 1].pattern_line);
		else
			a->rules[kept++] = a->rules[i];
	}
	a->nr = kept;
}

static void access_read(struct config *c, const struct toml_node *table)
{
	const struct toml_node *node;
	size_t i, k;

	c->access.line = table->line;
	for (i = 0; i < table->nr; i++) {
		node = &table->children[i];
		if (strcmp(node->key, "rule")) {
			config_unknown(c, table, node);
		} else if (node->kind != TOML_ARRAY) {
			config_error(c, node->line,
				     "rule has to be an array of tables, [[access.rule]]");
		} else {
			for (k = 0; k < node->nr; k++)
				take_rule(c, &node->children[k]);
		}
	}
	drop_twins(c);
}

static void write_number(FILE *to, const char *key, const struct setting *s)
{
	if (s->set)
		fprintf(to, "%s = %lld\n", key, (long long)s->value);
}

static void write_rule(const struct config_rule *r, FILE *to)
{
	fputs("\n[[access.rule]]\npattern = ", to);
	config_write_text(to, r->pattern, r->len);
	putc('\n', to);
	write_number(to, "user", &r->user);
	write_number(to, "group", &r->group);
	if (r->mode.set && !(r->user.set && r->group.set))
		fputs("# its user or group is none here, so the rule has to stay\n", to);
	if (r->mode.set)
		fprintf(to, "mode = \"%03llo\"\n",
			(unsigned long long)r->mode.value);
	if (r->ttl_ms.set && r->ttl_ms.value == CONFIG_NEVER)
		fputs("ttl-ms = \"never\"\n", to);
	else
		write_number(to, "ttl-ms", &r->ttl_ms);
	write_number(to, "publish-rate", &r->rate);
}

static void access_write(const struct config *c, FILE *to)
{
	size_t i;

	if (!c->access.line)
		return;
	fputs("\n[access]\n", to);
	for (i = 0; i < c->access.nr; i++)
		write_rule(&c->access.rules[i], to);
}

static int rule_attr(const struct nlattr *attr, void *data)
{
	size_t len = mnl_attr_get_payload_len(attr);
	struct config_rule *r = data;
	struct setting *s;

	switch (mnl_attr_get_type(attr)) {
	case BLIPMQ_A_RULE_PATTERN:
		r->len = len < sizeof(r->pattern) ? len : 0;
		memcpy(r->pattern, mnl_attr_get_payload(attr), r->len);
		return MNL_CB_OK;
	case BLIPMQ_A_RULE_UID:
		s = &r->user;
		break;
	case BLIPMQ_A_RULE_GID:
		s = &r->group;
		break;
	case BLIPMQ_A_RULE_MODE:
		s = &r->mode;
		break;
	case BLIPMQ_A_RULE_TTL_MS:
		s = &r->ttl_ms;
		break;
	case BLIPMQ_A_RULE_PUBLISH_RATE:
		s = &r->rate;
		break;
	default:
		return MNL_CB_OK;
	}
	if (len == sizeof(uint32_t))
		*s = (struct setting){ .set = true,
				       .value = mnl_attr_get_u32(attr) };
	return MNL_CB_OK;
}

static int access_get(struct config *c, struct blipmq_genl *g)
{
	__u8 buffer[256] __attribute__((aligned(8)));
	const struct nlmsghdr *nlh = NULL;
	struct config_rule r;
	struct dump d = { };
	int ret;

	c->access.line = 1;
	ret = dump_run(&d, g, blipmq_genl_new_dump(g, buffer,
						   BLIPMQ_CMD_RULE_GET));
	while (!ret && (nlh = dump_next(&d, nlh))) {
		memset(&r, 0, sizeof(r));
		mnl_attr_parse(nlh, sizeof(struct genlmsghdr), rule_attr, &r);
		if (r.len)
			add_rule(&c->access, &r);
	}
	dump_free(&d);
	return ret;
}

static const struct config_rule *find_rule(const struct config_access *a,
					   const struct config_rule *like)
{
	return a->nr ? bsearch(like, a->rules, a->nr, sizeof(*like), compare) :
		       NULL;
}

static bool same(const struct setting *a, const struct setting *b)
{
	return a->set == b->set && (!a->set || a->value == b->value);
}

static bool same_rule(const struct config_rule *a, const struct config_rule *b)
{
	return a && same(&a->user, &b->user) && same(&a->group, &b->group) &&
	       same(&a->mode, &b->mode) && same(&a->ttl_ms, &b->ttl_ms) &&
	       same(&a->rate, &b->rate);
}

static void rule_text(const struct config_rule *r, char *text)
{
	int n = 0;

	if (!r) {
		snprintf(text, PLAN_TEXT, "none");
		return;
	}
	*text = '\0';
	if (r->mode.set)
		n = snprintf(text, PLAN_TEXT, "%03llo %lld:%lld",
			     (unsigned long long)r->mode.value,
			     (long long)r->user.value,
			     (long long)r->group.value);
	if (r->ttl_ms.set && r->ttl_ms.value == CONFIG_NEVER)
		n += snprintf(text + n, PLAN_TEXT - (size_t)n, "%sttl-ms never",
			      n ? " " : "");
	else if (r->ttl_ms.set)
		n += snprintf(text + n, PLAN_TEXT - (size_t)n, "%sttl-ms %lld",
			      n ? " " : "", (long long)r->ttl_ms.value);
	if (r->rate.set)
		snprintf(text + n, PLAN_TEXT - (size_t)n, "%spublish-rate %lld",
			 n ? " " : "", (long long)r->rate.value);
}

/* An attribute of the request, and where the file says it. */
static void put_part(struct step *s, uint16_t attr, const struct setting *from,
		     bool vital)
{
	struct change *change;

	if (!from->set)
		return;
	change = step_change(s, from->line, s->changes[0].what, "", "");
	change->silent = true;
	change->vital = vital;
	mnl_attr_put_u32(step_request(s), attr, (uint32_t)from->value);
}

static void put_undo(struct nlmsghdr *nlh, uint16_t attr,
		     const struct setting *from)
{
	if (from->set)
		mnl_attr_put_u32(nlh, attr, (uint32_t)from->value);
}

/* The rule of @to or else @from; a rule that there is not is NULL. */
static void plan_rule(struct plan *p, const struct config_rule *from,
		      const struct config_rule *to, int line)
{
	const struct config_rule *r = to ?: from;
	char what[2 * VALUE_ROOM], texts[2][PLAN_TEXT];
	struct nlmsghdr *undo;
	struct step *s;

	if (!r)
		return;
	s = plan_step(p, BLIPMQ_CMD_RULE_SET, BLIPMQ_A_RULE_CHECK,
		      "this needs CAP_NET_ADMIN in the network namespace");
	undo = step_undo(s);
	snprintf(what, sizeof(what), "access.rule %.*s", (int)r->len,
		 r->pattern);
	rule_text(from, texts[0]);
	rule_text(to, texts[1]);
	step_change(s, line, what, texts[0], texts[1])->vital = true;
	mnl_attr_put(step_request(s), BLIPMQ_A_RULE_PATTERN, r->len, r->pattern);
	mnl_attr_put(undo, BLIPMQ_A_RULE_PATTERN, r->len, r->pattern);
	if (to) {
		put_part(s, BLIPMQ_A_RULE_UID, &to->user, true);
		put_part(s, BLIPMQ_A_RULE_GID, &to->group, true);
		put_part(s, BLIPMQ_A_RULE_MODE, &to->mode, true);
		put_part(s, BLIPMQ_A_RULE_TTL_MS, &to->ttl_ms, false);
		put_part(s, BLIPMQ_A_RULE_PUBLISH_RATE, &to->rate, false);
	}
	if (from) {
		put_undo(undo, BLIPMQ_A_RULE_UID, &from->user);
		put_undo(undo, BLIPMQ_A_RULE_GID, &from->group);
		put_undo(undo, BLIPMQ_A_RULE_MODE, &from->mode);
		put_undo(undo, BLIPMQ_A_RULE_TTL_MS, &from->ttl_ms);
		put_undo(undo, BLIPMQ_A_RULE_PUBLISH_RATE, &from->rate);
	}
}

/* The rule decides for its topics, and will leave that to others. */
static bool stops_judging(const struct config_rule *from,
			  const struct config_rule *to)
{
	return from && from->mode.set && !(to && to->mode.set);
}

/* What is changed has to be known whole, to be said again. */
static void check_owner(struct config *want, const struct config_rule *from,
			int line)
{
	if (from && from->mode.set && !(from->user.set && from->group.set))
		config_error(want, line,
			     "the rule for %.*s belongs to a user or group that is none here",
			     (int)from->len, from->pattern);
}

/*
 * The rules that say most are set first, and of those that decide no longer the
 * ones that say least go first, at the end: so what decides for a topic is at any
 * moment either what did before or what will afterwards, and never a rule behind
 * both.
 */
static void access_plan(struct plan *p, const struct config *now,
			struct config *want)
{
	const struct config_access *from = &now->access, *to = &want->access;
	const struct config_rule *before, *after;
	size_t i, added = 0;

	if (!to->line)
		return;
	for (i = 0; i < to->nr; i++) {
		before = find_rule(from, &to->rules[i]);
		added += !before;
		if (same_rule(before, &to->rules[i]))
			continue;
		check_owner(want, before, to->rules[i].pattern_line);
		if (!stops_judging(before, &to->rules[i]))
			plan_rule(p, before, &to->rules[i],
				  to->rules[i].pattern_line);
	}
	if (!want->nr_errors && from->nr + added > BLIPMQ_RULES_MAX)
		config_error(want, to->line,
			     "%zu rules would be added to %zu before others go; a namespace has %d at most",
			     added, from->nr, BLIPMQ_RULES_MAX);
	for (i = from->nr; i--;) {
		after = find_rule(to, &from->rules[i]);
		if (!after)
			check_owner(want, &from->rules[i], to->line);
		if (!after || stops_judging(&from->rules[i], after))
			plan_rule(p, &from->rules[i], after,
				  after ? after->pattern_line : to->line);
	}
}

const struct config_section config_access = {
	.name = "access",
	.read = access_read,
	.write = access_write,
	.get = access_get,
	.plan = access_plan,
};
