// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Clocks and waiting.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "internal.h"

static s64 clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (s64)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/**
 * blipmq_now_ms() - a clock for deadlines
 *
 * Return: milliseconds since some moment; never goes back.
 */
s64 blipmq_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/**
 * blipmq_now_coarse_ms() - a clock that is cheap enough for every message
 *
 * Return: as blipmq_now_ms(), some milliseconds late.
 */
s64 blipmq_now_coarse_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC_COARSE);
}

/**
 * blipmq_poll() - wait for a descriptor
 * @fd: the descriptor
 * @events: POLLIN, POLLOUT or both
 * @timeout_ms: how long, -1 for ever
 *
 * Return: what is ready, an error of the descriptor included; 0 after the
 * time; negative errno, -EINTR for a signal.
 */
int blipmq_poll(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n ? p.revents : 0;
}

/**
 * blipmq_poll_all() - as blipmq_poll(), through all signals
 * @fd: the descriptor
 * @events: POLLIN, POLLOUT or both
 * @timeout_ms: how long, however many signals come; -1 for ever
 *
 * Return: as blipmq_poll(), but never -EINTR.
 */
int blipmq_poll_all(int fd, short events, int timeout_ms)
{
	s64 end = timeout_ms > 0 ? blipmq_now_ms() + timeout_ms : 0;
	s64 left = timeout_ms;
	int ret;

	for (;;) {
		ret = blipmq_poll(fd, events, (int)left);
		if (ret != -EINTR)
			return ret;
		if (timeout_ms > 0) {
			left = end - blipmq_now_ms();
			if (left <= 0)
				return 0;
		}
	}
}
