// SPDX-License-Identifier: GPL-2.0
/*
 * For spec.sh, run as an unprivileged user: every limit of a socket holds,
 * and what belongs to the administrator is refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib.h"

static bool subscriptions(int fd, long long limit)
{
	char topic[64];
	long long i;
	int ret;

	for (i = 0; i < limit; i++) {
		snprintf(topic, sizeof(topic), "limits.%lld", i);
		ret = lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL);
		if (ret) {
			lib_say("subscription %lld: %s", i, strerror(-ret));
			return false;
		}
	}
	ret = lib_subscription(fd, BLIPMQ_SUBSCRIBE, "limits.more", NULL);
	if (ret == -ENOBUFS)
		return true;
	lib_say("subscription %lld: %d", limit, ret);
	return false;
}

static bool refused(int fd, int option, const void *value, socklen_t len,
		    int error)
{
	if (setsockopt(fd, SOL_BLIPMQ, option, value, len) && errno == error)
		return true;
	lib_say("option %d: %s, not %s", option, strerror(errno),
		strerror(error));
	return false;
}

int main(void)
{
	struct blipmq_identity root = { .uid = 0, .name = "root" };
	static char big[(1 << 20) + 1];
	u32 messages, bytes;
	int fd = lib_packet(), huge = 1 << 30;
	struct lib_status s;
	bool ok = true;
	socklen_t len = sizeof(huge);

	if (!geteuid())
		lib_say("this is to be run as an unprivileged user");
	if (fd < 0 || !geteuid() || !lib_status(&s))
		return 1;
	ok = subscriptions(fd, lib_status_value(&s, "limits.subscriptions"));
	messages = (u32)lib_status_value(&s, "limits.queue-messages-max") + 1;
	bytes = (u32)lib_status_value(&s, "limits.queue-bytes-max") + 1;
	ok = refused(fd, BLIPMQ_QUEUE_MESSAGES, &messages, 4, EINVAL) && ok;
	ok = refused(fd, BLIPMQ_QUEUE_BYTES, &bytes, 4, EINVAL) && ok;
	/* To act for somebody else is not allowed. */
	if (!setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &root,
			sizeof(root))) {
		lib_say("an unprivileged user took root's identity");
		ok = false;
	}
	if (lib_sendto(fd, "limits.0", big, sizeof(big)) != -EMSGSIZE) {
		lib_say("a message over the limit was taken");
		ok = false;
	}
	/* What the administrator allows at most: net.core.rmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &huge, len) ||
	    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &huge, &len) ||
	    huge == 1 << 30 || huge < 0) {
		lib_say("SO_RCVBUF of a gibibyte: %d", huge);
		ok = false;
	}
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &huge, len) ||
	    errno != EPERM) {
		lib_say("SO_RCVBUFFORCE was not refused");
		ok = false;
	}
	return !ok;
}
