/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What went through the entries of a list in a second, from two looks.
 */
#ifndef _BLIPMQCTL_RATE_H
#define _BLIPMQCTL_RATE_H

#include "dump.h"
#include "list.h"

/**
 * struct rate_walk - the first look, along which the second one is read
 * @before: the first look
 * @seconds: the time between the two
 * @at: the entry of it that was read last
 * @entry: that entry
 * @id: its number, past all others at the end
 */
struct rate_walk {
	const struct dump	*before;
	double			seconds;
	const struct nlmsghdr	*at;
	struct entry		entry;
	uint64_t		id;
};

extern const struct value_spec ctl_rate_specs[];

void rate_begin(struct rate_walk *w, const struct list *l,
		const struct dump *before, const struct dump *d);
void rate_take(struct rate_walk *w, struct entry *e);

#endif /* _BLIPMQCTL_RATE_H */
