// SPDX-License-Identifier: GPL-2.0
/*
 * Workers and the lanes of topics, by generic netlink.
 */
#include <errno.h>
#include <time.h>

#include <linux/blipmq_netlink.h>

#include "lib.h"

#define WAIT_SECONDS	30

/* By a rule for @pattern; to @worker, or by hash if that is negative. */
int lib_lane_set(const char *pattern, u32 mode, int worker)
{
	struct lib_attr attrs[3] = { { BLIPMQ_A_LANE_MODE, NULL, mode } };
	size_t nr = 1;

	if (pattern)
		attrs[nr++] = (struct lib_attr){ BLIPMQ_A_LANE_PATTERN,
						 pattern, 0 };
	if (worker >= 0)
		attrs[nr++] = (struct lib_attr){ BLIPMQ_A_LANE_WORKER, NULL,
						 (u32)worker };
	return (int)lib_request(BLIPMQ_CMD_LANE_SET, attrs, nr, 0);
}

/* The number of the worker; -ENODATA when there is none; -errno. */
int lib_lane_of(const char *topic)
{
	const struct lib_attr attr = { BLIPMQ_A_LANE_TOPIC, topic, 0 };

	return (int)lib_request(BLIPMQ_CMD_LANE_GET, &attr, 1,
				BLIPMQ_A_LANE_WORKER);
}

/* All other topics are direct; what was in flight there has arrived then. */
int lib_lanes_direct(void)
{
	return lib_lane_set(NULL, BLIPMQ_LANE_MODE_DIRECT, -1);
}

int lib_worker_set(u32 number, int attr, u32 value)
{
	const struct lib_attr attrs[] = {
		{ BLIPMQ_A_WORKER_NUMBER, NULL, number },
		{ attr, NULL, value },
	};

	return (int)lib_request(BLIPMQ_CMD_WORKER_SET, attrs, 2, 0);
}

int lib_worker_count(u32 count)
{
	const struct lib_attr attr = { BLIPMQ_A_WORKER_COUNT, NULL, count };

	return (int)lib_request(BLIPMQ_CMD_WORKER_SET, &attr, 1, 0);
}

long long lib_worker_get(u32 number, int attr)
{
	const struct lib_attr attrs = { BLIPMQ_A_WORKER_NUMBER, NULL, number };

	return lib_request(BLIPMQ_CMD_WORKER_GET, &attrs, 1, attr);
}

bool lib_worker_wait(u32 number, int attr, long long value)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	time_t end = time(NULL) + WAIT_SECONDS;
	long long seen;

	do {
		seen = lib_worker_get(number, attr);
		if (seen == value)
			return true;
		nanosleep(&pause, NULL);
	} while (time(NULL) < end);
	lib_say("attribute %d of worker %u is %lld, waited for %lld", attr,
		number, seen, value);
	return false;
}
