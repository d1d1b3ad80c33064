/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every file of the module needs: the objects' names and its limits.
 */
#ifndef _BLIPMQ_TYPES_H
#define _BLIPMQ_TYPES_H

#include <linux/sizes.h>
#include <linux/types.h>

struct blipmq_answers;
struct blipmq_batch;
struct blipmq_gather;
struct blipmq_lanes;
struct blipmq_net;
struct blipmq_queue;
struct blipmq_retain;
struct blipmq_rules;
struct blipmq_sender;
struct blipmq_sock;
struct blipmq_topic;
struct blipmq_user;
struct blipmq_verdicts;
struct sk_buff;

#define BLIPMQ_VERSION "0.1"

/* The longest queue, in bytes, that anybody may have. */
#define BLIPMQ_QUEUE_BYTES_MAX	SZ_256M

/* Frames of a bundle: one bit each in a slot's mask. */
#define BLIPMQ_BUNDLE_FRAMES	64U

/**
 * struct blipmq_names - what a subscription is to
 * @pattern: a valid topic or pattern
 * @group: the queue group's name
 * @pattern_len: bytes of @pattern
 * @group_len: bytes of @group, 0 for a plain subscription
 */
struct blipmq_names {
	const u8	*pattern;
	const u8	*group;
	u8		pattern_len;
	u8		group_len;
};

/*
 * Why a message that matched was not delivered. The words in JSON, netlink,
 * metrics and tracepoints are these.
 */
enum blipmq_drop {
	BLIPMQ_DROP_OVERFLOW,
	BLIPMQ_DROP_CONFLATED,
	BLIPMQ_DROP_EXPIRED,
	BLIPMQ_DROP_FILTERED,
	BLIPMQ_DROP_CLOSED,
	BLIPMQ_DROP_NO_MEMORY,
	BLIPMQ_DROP_REASONS,
};

/* What became of messages that were pushed. */
enum blipmq_push {
	BLIPMQ_PUSH_CLOSED,	/* nothing: the queue takes no more */
	BLIPMQ_PUSH_DROPPED,	/* they count as matched and dropped */
	BLIPMQ_PUSH_KEPT,	/* queued, with the caller's reference */
};

/**
 * struct blipmq_limits - what may be used in a namespace
 * @payload_bytes: largest payload of a message
 * @queue_messages: receive queue limit of a new socket
 * @queue_bytes: receive queue limit of a new socket
 * @queue_messages_max: the largest limit that a socket may set
 * @queue_bytes_max: the largest limit that a socket may set, unless it has
 *	CAP_NET_ADMIN
 * @answer_bytes: unread answers at which a connection's input stops
 * @sockets: sockets in the namespace
 * @topics: topics in the namespace
 * @subscriptions: subscriptions of one socket
 * @user_topics: topics that one user may bring into being
 * @user_patterns: patterns and queue groups that one user may bring into being,
 *	long patterns counted as BLIPMQ_TRIE_COST_TOKENS has it
 * @retained_messages: retained values in the namespace
 * @retained_bytes: memory that they hold, shared among users
 * @memory_bytes: message memory of the namespace
 * @share_bytes: what receivers may hold, shared among users
 * @flight_bytes: memory of the messages of one publisher that wait
 */
struct blipmq_limits {
	u32	payload_bytes;
	u32	queue_messages;
	u32	queue_bytes;
	u32	queue_messages_max;
	u32	queue_bytes_max;
	u32	answer_bytes;
	u32	sockets;
	u32	topics;
	u32	subscriptions;
	u32	user_topics;
	u32	user_patterns;
	u32	retained_messages;
	u64	retained_bytes;
	u64	memory_bytes;
	u64	share_bytes;
	u64	flight_bytes;
};

/**
 * struct blipmq_totals - sums over sockets
 * @published: messages published
 * @published_bytes: their frame bytes
 * @unrouted: those that nobody matched
 * @matched: messages by receiving socket
 * @delivered: messages read
 * @delivered_bytes: their frame bytes
 * @dropped: messages lost, by reason
 * @queued_messages: messages that wait to be read
 * @queued_bytes: memory that they hold
 * @refused: frames and calls answered with an error
 * @partial: frames cut off by the end of their stream
 * @in_flight: bundles with workers, see blipmq_lane_load(), and publishers that
 *	are at it
 */
struct blipmq_totals {
	u64	published;
	u64	published_bytes;
	u64	unrouted;
	u64	matched;
	u64	delivered;
	u64	delivered_bytes;
	u64	dropped[BLIPMQ_DROP_REASONS];
	u64	queued_messages;
	u64	queued_bytes;
	u64	refused;
	u64	partial;
	u64	in_flight;
};

#endif /* _BLIPMQ_TYPES_H */
