/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The statistics line.
 */
#ifndef _BLIPMQD_STATS_H
#define _BLIPMQD_STATS_H

#include "server.h"

/**
 * struct stats - what the line says
 * @printed: totals that were printed
 * @connections: number that was printed
 * @busy: the last line had rates above zero
 * @seconds: time since the last line was due
 */
struct stats {
	struct counts	printed;
	unsigned int	connections;
	bool		busy;
	uint64_t	seconds;
};

void stats_collect(struct server *s);
void stats_print(struct stats *st, struct server *s);

#endif /* _BLIPMQD_STATS_H */
