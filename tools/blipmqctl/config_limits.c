// SPDX-License-Identifier: GPL-2.0
/*
 * The section [limits]: what may be used in the namespace.
 */
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "broker.h"
#include "limit.h"
#include "plan.h"

/* A number, or a text as limit set takes it. */
static void take_limit(struct config *c, int place, const struct toml_node *node)
{
	bool wide = ctl_limit_is_wide(ctl_limit_specs[place].attr);
	uint64_t value;

	if (node->kind == TOML_NUMBER && node->number >= 0) {
		value = (uint64_t)node->number;
	} else if (node->kind == TOML_NUMBER) {
		config_error(c, node->line, "limits.%s cannot be %lld",
			     node->key, (long long)node->number);
		return;
	} else if (node->kind != TOML_TEXT || strlen(node->text) != node->len ||
		   !ctl_parse_limit(node->text, &value)) {
		config_error(c, node->line,
			     "limits.%s wants a number, as 4096 or \"16M\"",
			     node->key);
		return;
	}
	/* The kernel says what is too much; it has to see that it is. */
	if (value > (wide ? INT64_MAX : UINT32_MAX))
		value = wide ? INT64_MAX : UINT32_MAX;
	config_set(c, &c->limits.at[place], node->line, (int64_t)value);
}

static void limits_read(struct config *c, const struct toml_node *table)
{
	size_t i;
	int place;

	for (i = 0; i < table->nr; i++) {
		for (place = 0; ctl_limit_specs[place].key; place++)
			if (!strcmp(ctl_limit_specs[place].key,
				    table->children[i].key))
				break;
		if (ctl_limit_specs[place].key)
			take_limit(c, place, &table->children[i]);
		else
			config_unknown(c, table, &table->children[i]);
	}
}

static void limits_write(const struct config *c, FILE *to)
{
	int i;

	fputs("[limits]\n", to);
	for (i = 0; ctl_limit_specs[i].key; i++)
		if (c->limits.at[i].set)
			fprintf(to, "%s = %lld\n", ctl_limit_specs[i].key,
				(long long)c->limits.at[i].value);
}

static int limits_get(struct config *c, struct blipmq_genl *g)
{
	static struct broker b;
	uint64_t value;
	int ret, i;

	ret = broker_get(g, &b);
	for (i = 0; !ret && ctl_limit_specs[i].key; i++)
		if (values_get(&b.limits, ctl_limit_specs[i].key, &value))
			config_set(c, &c->limits.at[i], 0, (int64_t)value);
	return ret;
}

static void put_limit(struct nlmsghdr *nlh, uint16_t attr, int64_t value)
{
	if (ctl_limit_is_wide(attr))
		mnl_attr_put_u64(nlh, attr, (uint64_t)value);
	else
		mnl_attr_put_u32(nlh, attr, (uint32_t)value);
}

/* All in one request, since some may not be above others. */
static void limits_plan(struct plan *p, const struct config *now,
			struct config *want)
{
	struct nlattr *nest = NULL, *undo_nest = NULL;
	const struct setting *from, *to;
	char name[64], texts[2][32];
	struct step *s = NULL;
	int i;

	for (i = 0; ctl_limit_specs[i].key; i++) {
		from = &now->limits.at[i];
		to = &want->limits.at[i];
		snprintf(name, sizeof(name), "limits.%s", ctl_limit_specs[i].key);
		if (to->set && !from->set)
			config_error(want, to->line,
				     "%s: this kernel module has no such limit",
				     name);
		if (!to->set || !from->set || to->value == from->value)
			continue;
		if (!s) {
			s = plan_step(p, BLIPMQ_CMD_LIMIT_SET,
				      BLIPMQ_A_BROKER_CHECK,
				      "this needs CAP_NET_ADMIN in the network namespace");
			s->nest = step_request(s)->nlmsg_len;
			nest = mnl_attr_nest_start(step_request(s),
						   BLIPMQ_A_BROKER_LIMITS);
			undo_nest = mnl_attr_nest_start(step_undo(s),
							BLIPMQ_A_BROKER_LIMITS);
		}
		snprintf(texts[0], sizeof(texts[0]), "%lld",
			 (long long)from->value);
		snprintf(texts[1], sizeof(texts[1]), "%lld",
			 (long long)to->value);
		step_change(s, to->line, name, texts[0], texts[1]);
		put_limit(step_request(s), ctl_limit_specs[i].attr, to->value);
		put_limit(step_undo(s), ctl_limit_specs[i].attr, from->value);
	}
	if (s) {
		mnl_attr_nest_end(step_request(s), nest);
		mnl_attr_nest_end(step_undo(s), undo_nest);
	}
}

const struct config_section config_limits = {
	.name = "limits",
	.read = limits_read,
	.write = limits_write,
	.get = limits_get,
	.plan = limits_plan,
};
