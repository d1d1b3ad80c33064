/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events as the control plane sends them.
 */
#ifndef _BLIPMQCTL_EVENT_H
#define _BLIPMQCTL_EVENT_H

#include "genl.h"
#include "value.h"

/**
 * struct event - an event
 * @own: its values
 * @limit: the limit that it is about
 */
struct event {
	struct values	own;
	struct values	limit;
};

void event_init(struct event *e);
void event_take(struct event *e, const struct nlmsghdr *nlh);
bool event_is_kind(const char *name);
bool event_limit(const struct event *e, const char **name, uint64_t *value);
const char *event_text(const struct event *e, const char *key, char *text);
json_object *event_to_json(const struct event *e);

#endif /* _BLIPMQCTL_EVENT_H */
