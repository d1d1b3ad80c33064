/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the table of the engine's rules is tried with: a publisher of one kind,
 * and a subscriber of another or of the same.
 */
#ifndef _BLIPMQ_TESTS_ENGINE_H
#define _BLIPMQ_TESTS_ENGINE_H

#include <sys/types.h>

#include "reader.h"

/* As blipmqd's clients are. */
#define ENGINE_NOBODY	65534

/**
 * struct writer - a publisher by any way
 * @way: which
 * @peer: the connection; .fd alone for a socket of one message a call
 */
struct writer {
	enum reader_way	way;
	struct lib_peer	peer;
};

bool writer_open(struct writer *w, enum reader_way way);
void writer_close(struct writer *w);
int writer_publish(struct writer *w, const char *topic, const void *payload,
		   size_t len, u32 ttl_ms, bool retain);
int writer_number(struct writer *w, const char *topic, u32 number);

/**
 * struct engine - a publisher and a subscriber
 * @w: the publisher
 * @r: the subscriber
 * @in: the publisher's way
 * @out: the subscriber's
 * @proxy: a blipmqd for subscribers alone, that can be held; 0 when they do
 *	without
 * @address: where that listens
 */
struct engine {
	struct writer	w;
	struct reader	r;
	enum reader_way	in;
	enum reader_way	out;
	pid_t		proxy;
	char		address[64];
};

bool engine_proxy(struct engine *e);
bool engine_open_reader(struct engine *e, struct reader *r);
bool engine_hold(struct engine *e);
bool engine_let_go(struct engine *e);
bool engine_option(struct engine *e, u16 option, u32 value);
bool engine_expect_after_loss(struct engine *e, u64 lost, const char *topic,
			      u32 number);
bool engine_expect_cut(struct engine *e);
bool engine_is_from(struct engine *e, const char *topic, u32 uid);

#endif /* _BLIPMQ_TESTS_ENGINE_H */
