/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * AF_BLIPMQ sockets: publish and subscribe by topic in the kernel.
 */
#ifndef _UAPI_LINUX_BLIPMQ_H
#define _UAPI_LINUX_BLIPMQ_H

#include <linux/socket.h>
#include <linux/types.h>

/*
 * No address family is free for a module, so a dead one is used. A module
 * that was loaded with family= has another number: ask the generic netlink
 * family "blipmq" for it.
 */
#ifndef AF_BLIPMQ
#define AF_BLIPMQ	18
#define PF_BLIPMQ	AF_BLIPMQ
#endif

#ifndef SOL_BLIPMQ
#define SOL_BLIPMQ	300
#endif

/* What a topic, a pattern or a queue group's name may hold, in bytes. */
#define BLIPMQ_NAME_MAX	255

/* What fits an address; a longer topic travels as a control message. */
#define BLIPMQ_ADDRESS_TOPIC_MAX	126

/**
 * struct sockaddr_blipmq - a topic as a socket address
 * @sbm_family: AF_BLIPMQ
 * @sbm_topic: the topic: the bytes up to the address length, no zero byte
 */
struct sockaddr_blipmq {
	__kernel_sa_family_t	sbm_family;
	char			sbm_topic[BLIPMQ_ADDRESS_TOPIC_MAX];
};

/* Socket options, level SOL_BLIPMQ. 4 to 7 also go over the wire (OPTION). */
enum {
	BLIPMQ_SUBSCRIBE	= 1,	/* struct blipmq_subscription */
	BLIPMQ_UNSUBSCRIBE	= 2,	/* struct blipmq_subscription */
	BLIPMQ_TOPIC_DEFAULT	= 3,	/* bytes: where send() publishes to */
	BLIPMQ_QUEUE_MESSAGES	= 4,	/* __u32: limit of the receive queue */
	BLIPMQ_QUEUE_BYTES	= 5,	/* __u32: limit of the receive queue */
	BLIPMQ_OVERFLOW		= 6,	/* __u32: enum blipmq_overflow */
	BLIPMQ_TTL		= 7,	/* __u32: milliseconds */
	BLIPMQ_INFO		= 8,	/* __u32: BLIPMQ_INFO_* bits */
	BLIPMQ_PASSCRED		= 9,	/* int */
	BLIPMQ_IDENTITY		= 10,	/* struct blipmq_identity */
	BLIPMQ_STATS		= 11,	/* struct blipmq_socket_stats */
};

/* What a full receive queue does (BLIPMQ_OVERFLOW). */
enum blipmq_overflow {
	BLIPMQ_OVERFLOW_DROP_OLDEST	= 0,
	BLIPMQ_OVERFLOW_DROP_NEW	= 1,
	BLIPMQ_OVERFLOW_BLOCK		= 2,
	BLIPMQ_OVERFLOW_DISCONNECT	= 3,
	BLIPMQ_OVERFLOW_CONFLATE	= 4,
};

/* ttl_ms: the message never expires. 0 is the default of socket or topic. */
#define BLIPMQ_TTL_NEVER	0xffffffffU

/*
 * Control messages that recvmsg() adds (BLIPMQ_INFO). Credentials are a
 * SCM_CREDENTIALS of level SOL_SOCKET: for whom the sender acts, and the
 * process that opened its socket. BLIPMQ_PASSCRED is the same bit.
 */
#define BLIPMQ_INFO_ID		1
#define BLIPMQ_INFO_TIMESTAMP	2
#define BLIPMQ_INFO_LOST	4
#define BLIPMQ_INFO_CREDENTIALS	8
#define BLIPMQ_INFO_RETAINED	16

/* Control messages, level SOL_BLIPMQ. */
enum {
	BLIPMQ_TOPIC		= 1,	/* bytes */
	BLIPMQ_MSG_ID		= 2,	/* __u64, receive */
	BLIPMQ_TIMESTAMP	= 3,	/* __u64 ns, CLOCK_REALTIME, receive */
	BLIPMQ_LOST		= 4,	/* __u64, receive: after a gap */
	BLIPMQ_PUBLISH		= 5,	/* struct blipmq_publish, send */
	BLIPMQ_RETAINED		= 6,	/* __u32, 1: a retained value, receive */
};

/* struct blipmq_publish.flags */
#define BLIPMQ_PUBLISH_RETAIN	2

/**
 * struct blipmq_subscription - what to subscribe to, or to end
 * @flags: zero
 * @pattern_len: bytes of the pattern
 * @group_len: bytes of the queue group's name, 0 for a plain subscription
 * @names: the pattern, then the group
 */
struct blipmq_subscription {
	__u16	flags;
	__u8	pattern_len;
	__u8	group_len;
	__u8	names[];
};

/**
 * struct blipmq_publish - how one message is published
 * @ttl_ms: milliseconds to live; 0 for the default, BLIPMQ_TTL_NEVER for ever
 * @flags: BLIPMQ_PUBLISH_RETAIN
 */
struct blipmq_publish {
	__u32	ttl_ms;
	__u32	flags;
};

/**
 * struct blipmq_identity - on whose behalf a socket acts
 * @uid: user, in the caller's user namespace
 * @gid: group, in the caller's user namespace
 * @name: a name for people; what follows its first zero is ignored
 */
struct blipmq_identity {
	__u32	uid;
	__u32	gid;
	char	name[64];
};

/**
 * struct blipmq_socket_stats - what went through a socket
 * @published: messages that this socket published
 * @matched: messages that matched its subscriptions
 * @delivered: messages that were read from it
 * @dropped_overflow: messages its full queue lost
 * @dropped_conflated: messages replaced by a newer value
 * @dropped_expired: messages whose time was over
 * @dropped_filtered: set aside for socket filters, which are not run; 0
 * @dropped_closed: messages that were queued when it closed
 * @dropped_no_memory: messages lost for want of memory
 * @queued_messages: messages that wait to be read
 * @queued_bytes: memory that they hold, in bytes
 * @published_bytes: frame bytes of @published
 * @delivered_bytes: frame bytes of @delivered
 * @unrouted: messages of @published that nobody matched
 * @refused: frames or calls that were answered with an error
 * @partial: frames cut off by the end of the stream
 *
 * matched = delivered + dropped (all reasons) + queued_messages. A caller
 * that knows fewer members gets those; a newer module adds at the end.
 */
struct blipmq_socket_stats {
	__u64	published;
	__u64	matched;
	__u64	delivered;
	__u64	dropped_overflow;
	__u64	dropped_conflated;
	__u64	dropped_expired;
	__u64	dropped_filtered;
	__u64	dropped_closed;
	__u64	dropped_no_memory;
	__u64	queued_messages;
	__u64	queued_bytes;
	__u64	published_bytes;
	__u64	delivered_bytes;
	__u64	unrouted;
	__u64	refused;
	__u64	partial;
};

#endif /* _UAPI_LINUX_BLIPMQ_H */
