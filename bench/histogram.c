// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "histogram.h"

/* The middle of what falls into a bucket. */
static u64 load_histogram_value(unsigned int i)
{
	unsigned int shift;

	if (i < LOAD_HISTOGRAM_STEP)
		return i;
	shift = i / LOAD_HISTOGRAM_HALF - 1;
	return ((u64)(i - shift * LOAD_HISTOGRAM_HALF) << shift) +
	       (1ULL << (shift - 1));
}

u64 load_histogram_percentile(const struct load_histogram *h, double percent)
{
	u64 want = (u64)((double)h->total * percent / 100.0 + 0.5);
	u64 seen = 0;
	unsigned int i;

	if (!want)
		want = 1;
	for (i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want) {
			u64 v = load_histogram_value(i);

			return v < h->max ? v : h->max;
		}
	}
	return h->max;
}

/* Times in ns, as " PREFIXp50=..." and so on. */
void load_histogram_print(const struct load_histogram *h, const char *prefix)
{
	static const struct {
		const char *name;
		double percent;
	} line[] = {
		{ "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p999", 99.9 },
		{ },
	};
	unsigned int i;

	printf(" %savg=%llu", prefix, h->total ? h->sum / h->total : 0);
	for (i = 0; line[i].name; i++)
		printf(" %s%s=%llu", prefix, line[i].name,
		       load_histogram_percentile(h, line[i].percent));
	printf(" %smax=%llu", prefix, h->max);
}
