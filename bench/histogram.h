/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A histogram of times with logarithmic buckets: each octave has 64, so that a
 * percentile is at most 1.6 % off, from nanoseconds to centuries, and adding
 * never allocates.
 */
#ifndef _BENCH_HISTOGRAM_H
#define _BENCH_HISTOGRAM_H

#include "../module/pure.h"

#define LOAD_HISTOGRAM_BITS	7
#define LOAD_HISTOGRAM_STEP	128U
#define LOAD_HISTOGRAM_HALF	(LOAD_HISTOGRAM_STEP / 2)
#define LOAD_HISTOGRAM_BUCKETS	((66U - LOAD_HISTOGRAM_BITS) * \
				 LOAD_HISTOGRAM_HALF)

struct load_histogram {
	u64 total;
	u64 sum;
	u64 max;
	u64 bucket[LOAD_HISTOGRAM_BUCKETS];
};

static inline void load_histogram_add(struct load_histogram *h, u64 v)
{
	unsigned int shift = 0;

	if (v >= LOAD_HISTOGRAM_STEP)
		shift = 63 - __builtin_clzll(v) - LOAD_HISTOGRAM_BITS + 1;
	/* Once shifted, a value has its top bit set: half a step an octave. */
	h->bucket[shift * LOAD_HISTOGRAM_HALF + (v >> shift)]++;
	h->total++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
}

u64 load_histogram_percentile(const struct load_histogram *h, double percent);
void load_histogram_print(const struct load_histogram *h, const char *prefix);

#endif /* _BENCH_HISTOGRAM_H */
