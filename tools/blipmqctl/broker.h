/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of the namespace's broker, as several commands show it.
 */
#ifndef _BLIPMQCTL_BROKER_H
#define _BLIPMQCTL_BROKER_H

#include "genl.h"
#include "value.h"

/**
 * struct broker - the answer of BROKER_GET
 * @broker: the broker's own values
 * @totals: what went through
 * @limits: what may be used
 */
struct broker {
	struct values	broker;
	struct values	totals;
	struct values	limits;
};

extern const struct value_spec ctl_total_specs[];

int broker_get(struct blipmq_genl *g, struct broker *b);
void broker_print_json(const struct broker *b);
int broker_take_nested(const struct nlattr *attr, void *data);

#endif /* _BLIPMQCTL_BROKER_H */
