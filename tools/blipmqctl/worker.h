/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Workers, as the kernel tells of them.
 */
#ifndef _BLIPMQCTL_WORKER_H
#define _BLIPMQCTL_WORKER_H

#include "genl.h"
#include "value.h"

/**
 * struct worker - what the kernel says of one
 * @v: its numbers
 * @class: its scheduling class
 * @state: what it does
 * @nice: of the class other
 * @list: where JSON is collected, or NULL
 */
struct worker {
	struct values	v;
	uint32_t	class;
	uint32_t	state;
	int32_t		nice;
	json_object	*list;
};

/* By enum blipmq_worker_class; NULL ends them. */
extern const char * const ctl_class_names[];

int ctl_worker_take(const struct nlmsghdr *nlh, struct worker *w);
int ctl_workers_get(struct blipmq_genl *g, struct values *all);

#endif /* _BLIPMQCTL_WORKER_H */
