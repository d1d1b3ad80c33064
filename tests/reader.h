/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A subscriber by any way: a stream, a TCP connection, or a socket of one
 * message a call. For tests whose rules are the same for all of them.
 */
#ifndef _BLIPMQ_TESTS_READER_H
#define _BLIPMQ_TESTS_READER_H

#include "lib.h"

enum reader_way {
	READER_STREAM,
	READER_TCP,
	READER_PACKET,
};

/* A message that came before the confirmation of its subscription. */
struct reader_early {
	char	topic[256];
	u8	*bytes;
	u32	len;
	bool	retained;
};

#define READER_EARLY	64

/**
 * struct reader - a subscriber
 * @way: which
 * @peer: the connection, of the first two
 * @fd: the descriptor, of all
 * @retained: the message that came last is a retained value; a socket of one
 *	message a call says so only when it was asked to
 * @early: messages that were read on the way to an ACK
 * @nr_early: how many
 * @at_early: the next of them
 */
struct reader {
	enum reader_way	way;
	struct lib_peer	peer;
	int		fd;
	bool		retained;
	struct reader_early early[READER_EARLY];
	unsigned int	nr_early;
	unsigned int	at_early;
};

bool reader_open(struct reader *r, enum reader_way way);
void reader_close(struct reader *r);
bool reader_subscribe(struct reader *r, const char *pattern,
		      const char *group);
bool reader_unsubscribe(struct reader *r, const char *pattern,
			const char *group);
bool reader_refused(struct reader *r, int option, const char *pattern,
		    const char *group, int error);
int reader_next(struct reader *r, char *topic, void *payload, size_t room);
bool reader_expect(struct reader *r, const char *topic, const void *payload,
		   size_t len);
bool reader_expect_u32(struct reader *r, const char *topic, u32 number);
bool reader_expect_nothing(struct reader *r);
int reader_count(struct reader *r);
bool reader_set_limits(struct reader *r, u32 messages, u32 bytes);

#endif /* _BLIPMQ_TESTS_READER_H */
