/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection: operations whose allocations fail in turn.
 */
#ifndef _BLIPMQ_TESTS_FAULTS_H
#define _BLIPMQ_TESTS_FAULTS_H

#include "lib.h"

/**
 * struct faults_scene - what an operation finds
 * @stream: publishes and is answered
 * @peer: a stream on "f.a"
 * @packet: a packet socket without anything
 * @sub: a packet socket on "f.a"
 * @fds: others, -1 where there is none
 * @done: bytes of @stream.out that were sent
 * @fd: what the operation made
 */
struct faults_scene {
	struct lib_peer	stream;
	struct lib_peer	peer;
	int		packet;
	int		sub;
	int		fds[8];
	size_t		done;
	int		fd;
};

/**
 * struct faults_scenario - one operation
 * @name: what it is
 * @prepare: sets the scene, no fault yet; NULL for nothing
 * @act: the operation: 0, 1 when there is more of it to do, or -errno
 * @check: did it happen, once and as a whole? NULL for nothing to see
 * @sites: it has at least so many allocations, or the run says nothing
 * @refused: after an error: has nothing happened? NULL for nothing to see
 * @clean: puts back what outlives the scene; NULL for nothing
 * @by_worker: the allocations are those of the first worker
 * @below: not in turn, but all that this function makes; the operation is to
 *	succeed, and at least @sites of them to fail
 */
struct faults_scenario {
	const char	*name;
	bool		(*prepare)(struct faults_scene *s);
	int		(*act)(struct faults_scene *s);
	bool		(*check)(struct faults_scene *s);
	int		sites;
	bool		(*refused)(struct faults_scene *s);
	void		(*clean)(struct faults_scene *s);
	bool		by_worker;
	const char	*below;
};

extern const struct faults_scenario faults_packet[];
extern const struct faults_scenario faults_stream[];
extern const struct faults_scenario faults_match[];
extern const struct faults_scenario faults_queue[];
extern const struct faults_scenario faults_control[];

/* 1 MiB of bytes that repeat nowhere. */
const u8 *faults_payload(void);

/* Exactly this comes next at a packet socket, and nothing behind it. */
bool faults_receives(int fd, const void *payload, size_t len);

/* All allocations below a function fail, until it ends; how many did. */
bool faults_below(const char *function);
int faults_below_end(void);

#define FAULTS_MIB	(1U << 20)

#endif /* _BLIPMQ_TESTS_FAULTS_H */
