/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lanes, as the kernel tells of them.
 */
#ifndef _BLIPMQCTL_LANE_H
#define _BLIPMQCTL_LANE_H

#include "genl.h"
#include "value.h"

/**
 * struct lane - a rule, or the lane of a topic
 * @name: the pattern or the topic, empty for all other topics
 * @len: its bytes
 * @mode: place in ctl_mode_names
 * @worker: the worker's number, negative for none in particular
 * @moving: it has no lane at the moment
 * @list: where JSON is collected, or NULL
 */
struct lane {
	char		name[VALUE_ROOM];
	size_t		len;
	uint32_t	mode;
	long		worker;
	bool		moving;
	json_object	*list;
};

/* By enum blipmq_lane_mode; NULL ends them. */
extern const char * const ctl_mode_names[];

int ctl_lane_take(const struct nlmsghdr *nlh, struct lane *l);

#endif /* _BLIPMQCTL_LANE_H */
