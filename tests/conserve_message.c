// SPDX-License-Identifier: GPL-2.0
/*
 * What message k of publisher p is. Topic, size and every word of the payload
 * follow from the seed, p and k, so nobody has to remember a message in order
 * to know it, and a word of another one, or at another place, is wrong.
 */
#include <string.h>

#include "conserve.h"

static u64 message_key(const struct plan *plan, u32 p, u32 k)
{
	return mixed(mixed(plan->seed, 100 + p), k);
}

/* Runs of one topic, as well as others each time. */
u32 message_topic(const struct plan *plan, u32 p, u32 k)
{
	if (mixed(plan->seed, 200 + p) & 1)
		k /= 8;
	return (u32)(mixed(message_key(plan, p, k), 1) % plan->nr_topics);
}

u32 message_size(const struct plan *plan, u32 p, u32 k)
{
	u64 r = mixed(message_key(plan, p, k), 2);
	u32 kind = (u32)(r >> 32) % 16, size = (u32)r, least = 0;

	/* Where ids do not tell the number, the message does. */
	if (plan->rules)
		least = sizeof(u32);
	if (!((r >> 40) % plan->publishers[p].large)) {
		if (!(size % 32))
			return PAYLOAD_MAX - size / 32 % 2;
		return least + size % 100000;
	}
	if (!kind)
		return least;
	return least + size % (kind < 10 ? 64 : 2000);
}

/* Is it to be the last value of its topic? Large ones are not: they count. */
bool message_retains(const struct plan *plan, u32 p, u32 k)
{
	u32 one_in = plan->publishers[p].retains;

	return one_in && !(mixed(message_key(plan, p, k), 3) % one_in) &&
	       message_size(plan, p, k) < 3000;
}

void message_fill(const struct plan *plan, u32 p, u32 k, u8 *payload)
{
	u64 x = message_key(plan, p, k), word;
	u32 i, n, size = message_size(plan, p, k);

	for (i = 0; i < size; i += n) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		word = x ^ (x >> 32);
		n = size - i < sizeof(word) ? size - i : sizeof(word);
		memcpy(payload + i, &word, n);
	}
	if (plan->rules)
		memcpy(payload, &k, sizeof(k));
}

u32 message_number(const u8 *payload)
{
	u32 k;

	memcpy(&k, payload, sizeof(k));
	return k;
}
