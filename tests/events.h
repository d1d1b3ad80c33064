/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of events share: a namespace of one's own, and whoever listens.
 */
#ifndef _BLIPMQ_TESTS_EVENTS_H
#define _BLIPMQ_TESTS_EVENTS_H

#include <errno.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "genl.h"
#include "harness.h"
#include "lib.h"

/* Nothing that is expected comes later, and nothing else is waited for longer. */
#define QUIET_MS	200

/**
 * struct happened - an event
 * @has: bits by attribute
 * @number: by attribute
 * @topic: the topic
 * @pattern: the pattern
 * @group: its group
 * @command: of the socket's process
 * @limit: the attribute of the limit
 */
struct happened {
	unsigned int	has;
	__u64		number[BLIPMQ_A_EVENT_MAX + 1];
	char		topic[256];
	char		pattern[256];
	char		group[256];
	char		command[256];
	int		limit;
	__u64		limit_value;
};

FIXTURE(events) {
	struct blipmq_genl	g;
	struct happened		e;
	__u64			sequence;
	int			overruns;
};

FIXTURE_SETUP(events)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, blipmq_genl_open(&self->g));
	ASSERT_EQ(0, blipmq_genl_listen(&self->g));
}

FIXTURE_TEARDOWN(events)
{
	blipmq_genl_close(&self->g);
}

static inline __u64 attr_number(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == sizeof(__u64) ?
		mnl_attr_get_u64(attr) : mnl_attr_get_u32(attr);
}

static inline int take_limit(const struct nlattr *attr, void *data)
{
	struct happened *e = data;

	if (mnl_attr_get_type(attr) == BLIPMQ_A_LIMITS_PAD)
		return MNL_CB_OK;
	/* There is one. */
	e->limit = e->limit ? -1 : mnl_attr_get_type(attr);
	e->limit_value = attr_number(attr);
	return MNL_CB_OK;
}

static inline int take_attr(const struct nlattr *attr, void *data)
{
	int type = mnl_attr_get_type(attr);
	struct happened *e = data;
	char *text = NULL;

	if (type > BLIPMQ_A_EVENT_MAX)
		return MNL_CB_OK;
	e->has |= 1U << type;
	switch (type) {
	case BLIPMQ_A_EVENT_TOPIC:
		text = e->topic;
		break;
	case BLIPMQ_A_EVENT_PATTERN:
		text = e->pattern;
		break;
	case BLIPMQ_A_EVENT_GROUP:
		text = e->group;
		break;
	case BLIPMQ_A_EVENT_COMMAND:
		text = e->command;
		break;
	case BLIPMQ_A_EVENT_LIMITS:
		return mnl_attr_parse_nested(attr, take_limit, e);
	case BLIPMQ_A_EVENT_PAD:
		return MNL_CB_OK;
	}
	if (text)
		snprintf(text, 256, "%s", mnl_attr_get_str(attr));
	else
		e->number[type] = attr_number(attr);
	return MNL_CB_OK;
}

static inline int take_event(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_attr, data);
}

/* The next event within so many milliseconds; false when there is none. */
static inline bool next(FIXTURE_DATA(events) *self, int ms)
{
	struct pollfd p = {
		.fd = mnl_socket_get_fd(self->g.nl), .events = POLLIN,
	};
	char buffer[8192] __attribute__((aligned(8)));
	ssize_t n;

	do {
		if (poll(&p, 1, ms) <= 0)
			return false;
		n = mnl_socket_recvfrom(self->g.nl, buffer, sizeof(buffer));
		if (n < 0 && errno == ENOBUFS)
			self->overruns++;
	} while (n < 0 && errno == ENOBUFS);
	memset(&self->e, 0, sizeof(self->e));
	return n > 0 && mnl_cb_run(buffer, (size_t)n, 0, 0, take_event,
				   &self->e) >= 0;
}

#define HAS(attr) (!!(self->e.has & 1U << BLIPMQ_A_EVENT_##attr))
#define NUMBER(attr) (self->e.number[BLIPMQ_A_EVENT_##attr])

/* The next event is of this kind, and follows the one before. */
#define EXPECT_EVENT(what) do {						\
	ASSERT_TRUE(next(self, LIB_HANG_MS));				\
	EXPECT_EQ(BLIPMQ_EVENT_KIND_##what, NUMBER(KIND));		\
	if (self->sequence)						\
		EXPECT_EQ(self->sequence + 1, NUMBER(SEQUENCE));	\
	self->sequence = NUMBER(SEQUENCE);				\
} while (0)

#define EXPECT_SILENCE() EXPECT_FALSE(next(self, QUIET_MS))

#endif /* _BLIPMQ_TESTS_EVENTS_H */
