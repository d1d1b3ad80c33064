// SPDX-License-Identifier: GPL-2.0
/*
 * Time and CPU time, in nanoseconds: on the meter, in instructions.
 */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

static u64 load_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

u64 load_now(void)
{
	return load_clock(CLOCK_MONOTONIC);
}

void load_sleep_until(u64 time)
{
	struct timespec t = {
		.tv_sec = (time_t)(time / 1000000000ULL),
		.tv_nsec = (long)(time % 1000000000ULL),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ==
	       EINTR)
		;
}

static u64 load_first_number(const char *path)
{
	unsigned long long v = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	if (fscanf(f, "%llu", &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

/*
 * The scheduler's own count for each thread: /proc/PID/stat says the same in
 * steps of 10 ms, too coarse for short runs. No broker here ends threads while
 * it serves.
 */
static u64 load_process_cpu(pid_t pid)
{
	char path[64];
	struct dirent *e;
	u64 sum = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (!d)
		err(1, "the broker's %s", path);
	while ((e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat",
			 (int)pid, e->d_name);
		sum += load_first_number(path);
	}
	closedir(d);
	return sum;
}

/* Time that any CPU was not idle. */
static u64 load_machine_cpu(void)
{
	unsigned long long user, nice, system, idle, wait, irq, soft;
	FILE *f = fopen("/proc/stat", "re");
	long tick = sysconf(_SC_CLK_TCK);
	u64 busy = 0;

	if (!f)
		return 0;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
		   &system, &idle, &wait, &irq, &soft) == 7)
		busy = user + nice + system + irq + soft;
	fclose(f);
	return busy * (1000000000ULL / (u64)tick);
}

void load_usage_get(struct load_usage *u, pid_t broker)
{
	u->broker = broker ? load_process_cpu(broker) : 0;
	u->machine = load_machine_cpu();
	u->generator = load_clock(CLOCK_PROCESS_CPUTIME_ID);
	u->clock = load_now();
}

void load_usage_since(struct load_usage *now, const struct load_usage *then)
{
	now->clock -= then->clock;
	now->generator -= then->generator;
	now->broker -= then->broker;
	now->machine -= then->machine;
}
