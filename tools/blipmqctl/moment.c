// SPDX-License-Identifier: GPL-2.0
/*
 * Moments of the monotonic clock, waiting, and what grew in a second.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "moment.h"

/**
 * moment_now() - the moment
 *
 * Return: seconds of the monotonic clock.
 */
double moment_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/**
 * moment_wait() - sleep, also when signals come
 * @seconds: how long
 */
void moment_wait(double seconds)
{
	struct timespec t = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - floor(seconds)) * 1e9),
	};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/**
 * moment_parse() - the time between two looks
 * @text: what was typed
 * @seconds: set to it
 *
 * Return: false unless it is from 0.01 to 86400.
 */
bool moment_parse(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && *seconds >= 0.01 && *seconds <= 86400;
}

/**
 * moment_rate() - what a counter grew by in a second
 * @from: what it was
 * @to: what it is; less when it was reset meanwhile
 * @seconds: the time between
 *
 * Return: a whole number; 0 when it did not grow.
 */
uint64_t moment_rate(uint64_t from, uint64_t to, double seconds)
{
	return to > from && seconds > 0 ?
		(uint64_t)llround((double)(to - from) / seconds) : 0;
}
