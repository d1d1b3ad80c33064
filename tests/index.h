/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Debian package index, published by section: what its parts share.
 */
#ifndef _BLIPMQ_TESTS_INDEX_H
#define _BLIPMQ_TESTS_INDEX_H

#include <pthread.h>

#include "lib.h"

#define PUBLISHERS	4
#define SUBSCRIBERS	16
#define SECTIONS_MAX	256

enum client_kind { CLIENT_TCP, CLIENT_STREAM, CLIENT_PACKET };

/**
 * struct stanza - one message
 * @text: its payload
 * @len: bytes of that
 * @section: index of its topic
 */
struct stanza {
	const char	*text;
	u32		len;
	u32		section;
};

/**
 * struct input - the index, cut into stanzas
 * @stanzas: in the order of the file
 * @nr_stanzas: how many
 * @bytes: of all payloads
 * @topics: by section
 * @nr_topics: how many
 * @synthetic: made up here, for want of the real one
 */
struct input {
	struct stanza	*stanzas;
	u32		nr_stanzas;
	u64		bytes;
	char		topics[SECTIONS_MAX][64];
	u32		nr_topics;
	bool		synthetic;
};

bool input_read(struct input *in, const char *path);
void input_make_up(struct input *in);
u32 input_topic(const struct input *in, const void *topic, size_t len);

/**
 * struct chain - messages in an order, as one number
 * @count: how many
 * @bytes: of payload
 * @hash: over topics, payloads and their order
 */
struct chain {
	u64	count;
	u64	bytes;
	u64	hash;
};

u64 message_hash(u32 topic, const void *payload, size_t len);
void chain_add(struct chain *c, u64 message, size_t len);

/**
 * struct subscriber - one of those who read
 * @in: the input; a subscriber only looks up topics in it
 * @number: which one
 * @kind: how it is connected
 * @wants: by section
 * @expected: messages until it is done
 * @peer: its connection; .fd alone for a packet socket
 * @publisher: upper bits of the ids of each publisher, as they appeared
 * @last_id: of each, to see that ids grow
 * @got: what came from each
 * @ok: it got through
 */
struct subscriber {
	const struct input	*in;
	u32			number;
	enum client_kind	kind;
	bool			wants[SECTIONS_MAX];
	u64			expected;
	struct lib_peer		peer;
	u64			publisher[PUBLISHERS];
	u64			last_id[PUBLISHERS];
	struct chain		got[PUBLISHERS];
	u32			nr_publishers;
	bool			ok;
	pthread_t		thread;
};

/**
 * struct publisher - one of those who write
 * @in: the input, of which it takes every PUBLISHERSth stanza
 * @number: which one
 * @kind: how it is connected
 * @subscribers: whose expectations it computes, from what it sends
 * @want: what each subscriber must get of it
 * @ok: it got through
 */
struct publisher {
	const struct input	*in;
	u32			number;
	enum client_kind	kind;
	const struct subscriber	*subscribers;
	struct chain		want[SUBSCRIBERS];
	bool			ok;
	pthread_t		thread;
};

bool subscriber_start(struct subscriber *s);
void *subscriber_run(void *arg);
void *publisher_run(void *arg);

#endif /* _BLIPMQ_TESTS_INDEX_H */
