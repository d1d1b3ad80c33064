// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Subscribing and its undoing.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

static int subscribe_ask(struct blipmq *b, u8 op, const char *pattern,
			 const struct blipmq_subscribe_options *options)
{
	u8 group[1 + BLIPMQ_FRAME_TOPIC_MAX];
	struct blipmq_subscribe_options o;
	size_t len = 0;
	int ret;

	ret = blipmq_options_copy(&o, sizeof(o), options);
	if (ret)
		return blipmq_fail(b, ret, "unknown subscribe options");
	if (!*pattern)
		return blipmq_fail(b, -EINVAL, "the pattern is empty");
	if (o.group) {
		len = strlen(o.group);
		if (!len)
			return blipmq_fail(b, -EINVAL, "the group is empty");
		if (len > BLIPMQ_FRAME_TOPIC_MAX)
			return blipmq_fail(b, -EINVAL,
					   "group is longer than %u bytes",
					   BLIPMQ_FRAME_TOPIC_MAX);
		group[0] = (u8)len;
		memcpy(group + 1, o.group, len++);
	}
	/* A PONG that is owed goes with the next call: this may hold a message. */
	return blipmq_output_ask(b, op, pattern, group, len);
}

int blipmq_subscribe(struct blipmq *b, const char *pattern,
		     const struct blipmq_subscribe_options *options)
{
	return subscribe_ask(b, BLIPMQ_OP_SUB, pattern, options);
}

int blipmq_unsubscribe(struct blipmq *b, const char *pattern,
		       const struct blipmq_subscribe_options *options)
{
	return subscribe_ask(b, BLIPMQ_OP_UNSUB, pattern, options);
}
