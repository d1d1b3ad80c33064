// SPDX-License-Identifier: GPL-2.0
/*
 * Collecting a list, again when it was interrupted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dump.h"
#include "moment.h"

/* A list that is interrupted so often is given up. */
#define DUMP_TRIES	20

static int dump_reply(const struct nlmsghdr *nlh, void *data)
{
	size_t len = MNL_ALIGN(nlh->nlmsg_len), room;
	struct dump *d = data;
	char *bytes;

	if (d->room - d->len < len) {
		room = d->room ? 2 * d->room : 1 << 16;
		bytes = realloc(d->bytes, room);
		if (!bytes) {
			errno = ENOMEM;
			return MNL_CB_ERROR;
		}
		d->bytes = bytes;
		d->room = room;
	}
	memcpy(d->bytes + d->len, nlh, nlh->nlmsg_len);
	d->len += len;
	return MNL_CB_OK;
}

/**
 * dump_run() - ask for a list
 * @d: the list, zeroed
 * @g: the netlink socket
 * @nlh: the request, from blipmq_genl_new_dump()
 *
 * Return: 0 or a negative errno; -EINTR when the list changed all the time.
 */
int dump_run(struct dump *d, struct blipmq_genl *g, const struct nlmsghdr *nlh)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	int tries = 0, ret;

	for (;;) {
		d->len = 0;
		d->at = moment_now();
		ret = blipmq_genl_run(g, nlh, dump_reply, d);
		if (ret != -EINTR || ++tries == DUMP_TRIES)
			return ret;
		nanosleep(&pause, NULL);
		pause.tv_nsec += pause.tv_nsec / 2;
	}
}

/**
 * dump_next() - the next message of a list
 * @d: the list
 * @nlh: the one before, NULL for the first
 *
 * Return: the message, or NULL at the end.
 */
const struct nlmsghdr *dump_next(const struct dump *d,
				 const struct nlmsghdr *nlh)
{
	size_t at = 0;

	if (nlh)
		at = (size_t)((const char *)nlh - d->bytes) +
		     MNL_ALIGN(nlh->nlmsg_len);
	return at < d->len ? (const void *)(d->bytes + at) : NULL;
}

/**
 * dump_free() - forget a list
 * @d: the list
 */
void dump_free(struct dump *d)
{
	free(d->bytes);
}
