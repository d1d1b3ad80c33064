// SPDX-License-Identifier: GPL-2.0
/*
 * Rates of a list whose entries have rising numbers: the second look is read
 * along the first one. The kernel counts nothing for that.
 */
#include "moment.h"
#include "rate.h"

/* Keys of counters, or of the entry itself. */
const struct value_spec ctl_rate_specs[] = {
	{ "published", 0, VALUE_COUNT },
	{ "published-bytes", 0, VALUE_BYTES },
	{ "delivered", 0, VALUE_COUNT },
	{ "delivered-bytes", 0, VALUE_BYTES },
	{ "lost", 0, VALUE_COUNT },
	{ }
};

static void rate_next(struct rate_walk *w)
{
	w->at = dump_next(w->before, w->at);
	w->id = UINT64_MAX;
	if (!w->at)
		return;
	entry_take(&w->entry, w->at);
	w->id = entry_number(&w->entry, "id");
}

/**
 * rate_begin() - begin with the first entry
 * @w: the walk
 * @l: the list
 * @before: the first look
 * @d: the second one
 */
void rate_begin(struct rate_walk *w, const struct list *l,
		const struct dump *before, const struct dump *d)
{
	w->before = before;
	w->seconds = d->at - before->at;
	w->at = NULL;
	entry_init(&w->entry, l);
	rate_next(w);
}

/**
 * rate_take() - what went through an entry in a second
 * @w: the walk
 * @e: the next entry of the second look, whose rates are set
 *
 * One that was not there at the first look counts from nothing.
 */
void rate_take(struct rate_walk *w, struct entry *e)
{
	uint64_t id = entry_number(e, "id"), from, to;
	const char *key;
	int i;

	while (w->id < id)
		rate_next(w);
	e->rates.specs = ctl_rate_specs;
	for (i = 0; (key = ctl_rate_specs[i].key); i++) {
		from = w->id == id ? entry_number(&w->entry, key) : 0;
		to = entry_number(e, key);
		e->rates.number[i] = moment_rate(from, to, w->seconds);
		e->rates.present |= 1U << i;
	}
}
