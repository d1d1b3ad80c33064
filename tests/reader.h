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

/**
 * struct reader - a subscriber
 * @way: which
 * @peer: the connection, of the first two
 * @fd: the descriptor, of all
 */
struct reader {
	enum reader_way	way;
	struct lib_peer	peer;
	int		fd;
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

#endif /* _BLIPMQ_TESTS_READER_H */
