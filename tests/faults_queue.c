// SPDX-License-Identifier: GPL-2.0
/*
 * What full queues do, for faults.c: where there is no memory for it a message
 * may be lost, which is counted and told.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "faults.h"

/* Slots of a queue's first ring, as module/chain.c has them. */
#define FIRST_RING	32

#define TOPICS		(FIRST_RING + 8)

static int set_policy(int fd, u32 policy)
{
	return setsockopt(fd, SOL_BLIPMQ, BLIPMQ_OVERFLOW, &policy,
			  sizeof(policy)) ? -errno : 0;
}

static int act_conflate(struct faults_scene *s)
{
	return set_policy(s->sub, BLIPMQ_OVERFLOW_CONFLATE);
}

static bool refused_conflate(struct faults_scene *s)
{
	return lib_get_u32(s->sub, BLIPMQ_OVERFLOW) ==
	       BLIPMQ_OVERFLOW_DROP_OLDEST;
}

static bool check_conflate(struct faults_scene *s)
{
	return lib_get_u32(s->sub, BLIPMQ_OVERFLOW) ==
	       BLIPMQ_OVERFLOW_CONFLATE &&
	       lib_sendto(s->packet, "f.a", "x", 1) == 1 &&
	       lib_sendto(s->packet, "f.a", "y", 1) == 1 &&
	       faults_receives(s->sub, "y", 1);
}

static bool prepare_push(struct faults_scene *s)
{
	return lib_set_u32(s->sub, BLIPMQ_INFO, BLIPMQ_INFO_LOST) &&
	       !act_conflate(s);
}

static int act_send(struct faults_scene *s)
{
	ssize_t n = lib_sendto(s->packet, "f.a", "new", 3);

	return n < 0 ? (int)n : 0;
}

static bool refused_send(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;

	return lib_stats(s->sub, &stats) && !stats.matched;
}

/* One that was lost is told with the next. */
static bool check_push(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	struct lib_message m;
	char got[8];

	if (!lib_stats(s->sub, &stats) || stats.matched != 1)
		return false;
	if (!stats.dropped_no_memory)
		return faults_receives(s->sub, "new", 3);
	return stats.dropped_no_memory == 1 &&
	       lib_sendto(s->packet, "f.a", "next", 4) == 4 &&
	       lib_recvmsg(s->sub, &m, got, sizeof(got), MSG_DONTWAIT) == 4 &&
	       m.have_lost && m.lost == 1;
}

/* More topics than the first ring has slots wait, and go there. */
static bool prepare_end(struct faults_scene *s)
{
	char topic[8];
	u8 i;

	if (!prepare_push(s) ||
	    lib_subscription(s->sub, BLIPMQ_SUBSCRIBE, "f.*", NULL))
		return false;
	for (i = 0; i < TOPICS; i++) {
		snprintf(topic, sizeof(topic), "f.%u", i);
		if (lib_sendto(s->packet, topic, &i, 1) != 1)
			return false;
	}
	return true;
}

static int act_end(struct faults_scene *s)
{
	return set_policy(s->sub, BLIPMQ_OVERFLOW_DROP_OLDEST);
}

static bool check_end(struct faults_scene *s)
{
	u8 i, got;

	for (i = 0; i < TOPICS; i++)
		if (recv(s->sub, &got, 1, MSG_DONTWAIT) != 1 || got != i)
			return false;
	return recv(s->sub, &got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Those that the ring has no slot for are lost. */
static bool check_end_full(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	u8 i, got;

	for (i = 0; i < FIRST_RING; i++)
		if (recv(s->sub, &got, 1, MSG_DONTWAIT) != 1 || got != i)
			return false;
	return recv(s->sub, &got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN &&
	       lib_stats(s->sub, &stats) &&
	       stats.dropped_no_memory == TOPICS - FIRST_RING;
}

/* Under conflate without memory a message is lost, and what waits stays. */
static bool prepare_push_old(struct faults_scene *s)
{
	return prepare_push(s) && lib_sendto(s->packet, "f.a", "old", 3) == 3;
}

static bool check_push_old(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;

	return faults_receives(s->sub, "old", 3) && lib_stats(s->sub, &stats) &&
	       stats.dropped_no_memory == 1;
}

/* Slots of a full queue, and gaps that are remembered without memory. */
#define SLOTS		4
#define FEW		2

/* A queue with as many gaps as need no memory, and a message behind the last. */
static bool prepare_gaps(struct faults_scene *s)
{
	u8 i, got;

	if (!lib_set_u32(s->sub, BLIPMQ_INFO, BLIPMQ_INFO_LOST) ||
	    !lib_set_u32(s->sub, BLIPMQ_QUEUE_MESSAGES, SLOTS) ||
	    set_policy(s->sub, BLIPMQ_OVERFLOW_DROP_NEW))
		return false;
	/* Of those behind the first SLOTS, every second one is lost. */
	for (i = 0; i < SLOTS + 2 * FEW; i++) {
		if (i >= SLOTS && (i - SLOTS) % 2 &&
		    recv(s->sub, &got, 1, MSG_DONTWAIT) != 1)
			return false;
		if (lib_sendto(s->packet, "f.a", &i, 1) != 1)
			return false;
	}
	return true;
}

static int act_gap(struct faults_scene *s)
{
	const u8 byte = SLOTS + 2 * FEW;
	ssize_t n = lib_sendto(s->packet, "f.a", &byte, 1);

	return n < 0 ? (int)n : 0;
}

/* Without memory for a gap its losses are told late. */
static bool check_gaps(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	struct lib_message m;
	u64 lost = 0;
	u8 got, last = 0;

	while (lib_recvmsg(s->sub, &m, &got, 1, MSG_DONTWAIT) == 1) {
		if (got <= last)
			return false;
		last = got;
		if (m.have_lost)
			lost += m.lost;
	}
	got = SLOTS + 2 * FEW + 1;
	if (lib_sendto(s->packet, "f.a", &got, 1) != 1 ||
	    lib_recvmsg(s->sub, &m, &got, 1, MSG_DONTWAIT) != 1)
		return false;
	if (m.have_lost)
		lost += m.lost;
	return lib_stats(s->sub, &stats) && lost == FEW + 1 &&
	       stats.dropped_overflow == lost;
}

/* A queue whose ring is full, but not by its limit. */
static bool prepare_full(struct faults_scene *s, u32 policy)
{
	u8 i;

	if (set_policy(s->sub, policy))
		return false;
	for (i = 0; i < FIRST_RING; i++)
		if (lib_sendto(s->packet, "f.a", &i, 1) != 1)
			return false;
	return true;
}

static bool prepare_full_new(struct faults_scene *s)
{
	return prepare_full(s, BLIPMQ_OVERFLOW_DROP_NEW);
}

static bool check_full_new(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	u8 i, got;

	for (i = 0; i < FIRST_RING; i++)
		if (recv(s->sub, &got, 1, MSG_DONTWAIT) != 1 || got != i)
			return false;
	return recv(s->sub, &got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN &&
	       lib_stats(s->sub, &stats) && stats.dropped_no_memory == 1;
}

static bool prepare_full_disconnect(struct faults_scene *s)
{
	return prepare_full(s, BLIPMQ_OVERFLOW_DISCONNECT);
}

static bool prepare_block(struct faults_scene *s)
{
	return !set_policy(s->sub, BLIPMQ_OVERFLOW_BLOCK);
}

static bool check_block(struct faults_scene *s)
{
	return faults_receives(s->sub, "new", 3);
}

/* The next one ends the connection. */
static bool prepare_disconnect(struct faults_scene *s)
{
	return lib_set_u32(s->sub, BLIPMQ_QUEUE_MESSAGES, 1) &&
	       !set_policy(s->sub, BLIPMQ_OVERFLOW_DISCONNECT) &&
	       lib_sendto(s->packet, "f.a", "old", 3) == 3;
}

static bool check_disconnect(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	char got[8];

	return recv(s->sub, got, sizeof(got), 0) < 0 && errno == ENOBUFS &&
	       recv(s->sub, got, sizeof(got), 0) == 0 &&
	       lib_stats(s->sub, &stats) && stats.dropped_overflow == 1 &&
	       stats.dropped_closed == 1;
}

static bool check_full_disconnect(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	char got[8];

	return recv(s->sub, got, sizeof(got), 0) < 0 && errno == ENOBUFS &&
	       recv(s->sub, got, sizeof(got), 0) == 0 &&
	       lib_stats(s->sub, &stats) && stats.dropped_no_memory == 1 &&
	       stats.dropped_closed == FIRST_RING;
}

/* A stream to which the next one is too much. */
static bool prepare_stream(struct faults_scene *s)
{
	return !set_policy(s->peer.fd, BLIPMQ_OVERFLOW_DISCONNECT) &&
	       lib_set_u32(s->peer.fd, BLIPMQ_QUEUE_MESSAGES, 1) &&
	       lib_sendto(s->packet, "f.a", "old", 3) == 3;
}

/* Without memory to say why, there is the end of file alone. */
static bool check_stream(struct faults_scene *s)
{
	return lib_expect_eof(&s->peer);
}

const struct faults_scenario faults_queue[] = {
	{ "conflate begins", NULL, act_conflate, check_conflate, .sites = 1,
	  .refused = refused_conflate },
	{ "send, conflate", prepare_push, act_send, check_push, .sites = 3,
	  .refused = refused_send },
	{ "conflate ends", prepare_end, act_end, check_end, .sites = 1 },
	{ "send, one more gap", prepare_gaps, act_gap, check_gaps,
	  .sites = 3 },
	{ "send, block", prepare_block, act_send, check_block, .sites = 3,
	  .refused = refused_send },
	{ "send, disconnect", prepare_disconnect, act_send, check_disconnect,
	  .sites = 2 },
	{ "send, conflate, what waits", prepare_push_old, act_send,
	  check_push_old, .sites = 1, .below = "blipmq_conflate_push" },
	{ "conflate ends in a full ring", prepare_end, act_end,
	  check_end_full, .sites = 2, .below = "blipmq_conflate_end" },
	{ "drop-new, no longer ring", prepare_full_new, act_send,
	  check_full_new, .sites = 2, .below = "blipmq_chain_push" },
	{ "disconnect, no longer ring", prepare_full_disconnect, act_send,
	  check_full_disconnect, .sites = 2, .below = "blipmq_chain_push" },
	{ "disconnect, a stream", prepare_stream, act_send, check_stream,
	  .sites = 1, .below = "blipmq_stream_disconnect" },
	{ .name = NULL },
};
