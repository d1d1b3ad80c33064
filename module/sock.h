/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sockets of AF_BLIPMQ.
 */
#ifndef _BLIPMQ_SOCK_H
#define _BLIPMQ_SOCK_H

#include <linux/blipmq.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/rbtree.h>
#include <linux/uidgid.h>
#include <net/sock.h>

#include "access.h"
#include "answers.h"
#include "credit.h"
#include "cursor.h"
#include "fanout.h"
#include "frame.h"
#include "lane.h"
#include "netns.h"
#include "queue.h"
#include "types.h"

/* struct blipmq_sock.state, written under tx_lock. */
#define BLIPMQ_RX_ENDED		BIT(0)	/* reads return end of file */
#define BLIPMQ_TX_ENDED		BIT(1)	/* writes fail */
#define BLIPMQ_DRAINING		BIT(2)	/* end of file once all is read */
#define BLIPMQ_FAILED		BIT(3)	/* end of file after the answers */

/* What a reader has begun, or seen by a peek, and comes next. */
enum blipmq_piece {
	BLIPMQ_PIECE_NONE,
	BLIPMQ_PIECE_ANSWER,
	BLIPMQ_PIECE_LOST,
	BLIPMQ_PIECE_MESSAGE,
};

/**
 * struct blipmq_input - the frame that a stream has begun
 * @bundle: what came of it, once the header is complete
 * @frame: the decoded header
 * @have: bytes that came
 * @average: bytes of a frame, as the latest bundle had them
 * @frames_max: what a bundle may hold, less when blocking legs have little room
 * @skipped: its payload is not kept, since it will be refused
 * @header: the first bytes
 */
struct blipmq_input {
	struct sk_buff		*bundle;
	struct blipmq_frame	frame;
	u32			have;
	u32			average;
	u32			frames_max;
	bool			skipped;
	u8			header[BLIPMQ_FRAME_HEADER];
};

/**
 * struct blipmq_sock - a socket
 * @sk: the kernel's part
 * @ns: the broker that it belongs to
 * @node: in the namespace's list
 * @serial: its number there, rising
 * @opener: the process that opened it
 * @state: BLIPMQ_RX_ENDED and the like
 * @rx_lock: one reader at a time; guards the members up to @queue but @info
 * @cursor: what the reader is at
 * @info: BLIPMQ_INFO_* bits, written under tx_lock
 * @delivered: messages read
 * @delivered_bytes: their frame bytes
 * @answers: what the broker has to say to a stream
 * @lost_frame: a LOST that a stream's reader is at
 * @lost_left: bytes of it that were not read
 * @begun: what the reader is in the middle of, or has seen by a peek
 * @queue: what others publish
 * @disconnect: in the list of readers that are too slow, see disconnect.c
 * @tx_lock: one publisher, or change of subscriptions, at a time; guards all
 *	members below
 * @subscriptions: by topic
 * @nr_subscriptions: how many
 * @publisher: this socket's number in message ids, 0 before the first
 * @sequence: the number of the latest message
 * @published: messages published
 * @published_bytes: their frame bytes
 * @unrouted: those that nobody matched
 * @refused: frames and calls answered with an error
 * @partial: frames cut off by the end of the stream
 * @fan: what fan-out needs of a publisher
 * @lane: the way that its messages take, see lane.h
 * @ttl_ms: what messages live that do not say it, 0 for ever
 * @waiter: the queue that it waits for, see credit.c
 * @input: a stream's unfinished frame
 * @discard_until: jiffies until which a failed stream's input is ignored
 * @sender: on whose behalf it publishes
 * @identity: a name for people, or NULL
 * @may_block: its policy is block by CAP_NET_ADMIN, and not by rules
 * @topic_len: bytes of @topic
 * @topic: where send() publishes to
 */
struct blipmq_sock {
	struct sock		sk;	/* first, as the kernel wants it */
	struct blipmq_net	*ns;
	struct list_head	node;
	u64			serial;
	struct pid		*opener;
	u32			state;

	struct mutex		rx_lock;	/* one reader */
	struct blipmq_cursor	cursor;
	u32			info;
	u64			delivered;
	u64			delivered_bytes;
	struct blipmq_answers	answers;
	u8			lost_frame[16];
	u32			lost_left;
	enum blipmq_piece	begun;

	struct blipmq_queue	queue;
	struct llist_node	disconnect;

	struct mutex		tx_lock;	/* one publisher */
	struct rb_root		subscriptions;
	u32			nr_subscriptions;
	u32			publisher;
	u64			sequence;
	u64			published;
	u64			published_bytes;
	u64			unrouted;
	u64			refused;
	u64			partial;
	struct blipmq_fan	fan;
	struct blipmq_waiter	waiter;
	struct blipmq_lane	lane;
	u32			ttl_ms;
	struct blipmq_input	input;
	unsigned long		discard_until;

	struct blipmq_sender	*sender;
	char __rcu		*identity;
	bool			may_block;
	u8			topic_len;
	u8			*topic;
};

static inline struct blipmq_sock *blipmq_sk(const struct sock *sk)
{
	return (struct blipmq_sock *)sk;
}

static inline struct blipmq_sock *blipmq_queue_sock(struct blipmq_queue *q)
{
	return container_of(q, struct blipmq_sock, queue);
}

/* A counter that one side writes, under its lock, and anybody reads. */
static inline void blipmq_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

/**
 * blipmq_credit_forget() - wait for no queue any more
 * @bs: the publisher
 *
 * Context: tx_lock is held.
 */
static inline void blipmq_credit_forget(struct blipmq_sock *bs)
{
	if (unlikely(blipmq_credit_blocked(&bs->waiter)))
		__blipmq_credit_forget(bs);
}

/**
 * blipmq_lane_busy() - is something of a publisher in flight?
 * @bs: the publisher
 */
static inline bool blipmq_lane_busy(const struct blipmq_sock *bs)
{
	return atomic64_read(&bs->lane.flight);
}

/**
 * blipmq_lane_forget() - a publisher waits for no lane any more
 * @bs: the publisher
 *
 * Context: tx_lock is held.
 */
static inline void blipmq_lane_forget(struct blipmq_sock *bs)
{
	if (unlikely(READ_ONCE(bs->lane.waits) || !list_empty(&bs->lane.node)))
		__blipmq_lane_forget(bs);
}

/**
 * blipmq_sock_is_held_up() - does anything keep it from publishing?
 * @bs: the publisher
 *
 * Return: a snapshot, outdated at once.
 */
static inline bool blipmq_sock_is_held_up(const struct blipmq_sock *bs)
{
	return blipmq_credit_blocked(&bs->waiter) || READ_ONCE(bs->lane.waits);
}

/**
 * blipmq_access_publish() - may a socket publish to a topic?
 * @bs: the socket
 * @topic: a valid topic
 * @len: its bytes
 * @terms: set to what holds for it
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0 or -EACCES.
 */
static inline int __must_check
blipmq_access_publish(struct blipmq_sock *bs, const u8 *topic, u8 len,
		      struct blipmq_terms *terms)
{
	*terms = (struct blipmq_terms){ };
	if (likely(!rcu_access_pointer(bs->ns->rules)))
		return 0;
	return __blipmq_access_publish(bs, topic, len, terms);
}

/**
 * blipmq_lane_enter() - enter the only lane there is
 * @bs: the publisher, which blipmq_lane_leave() follows
 *
 * Context: tx_lock is held.
 * Return: false when there are more, and nothing was done.
 */
static inline bool blipmq_lane_enter(struct blipmq_sock *bs)
{
	bool only;

	rcu_read_lock();
	only = !rcu_access_pointer(bs->ns->lanes);
	if (likely(only))
		WRITE_ONCE(bs->lane.fanning, 1);
	rcu_read_unlock();
	return only;
}

/**
 * blipmq_lane_leave() - a publisher has fanned out
 * @bs: the publisher
 */
static inline void blipmq_lane_leave(struct blipmq_sock *bs)
{
	/* Pairs with the acquire in lanes_are_left(). */
	smp_store_release(&bs->lane.fanning, 0);
}

extern struct proto blipmq_proto;
extern int blipmq_family;

int blipmq_sock_register(void);
void blipmq_sock_unregister(void);
int __must_check blipmq_sock_next_id(struct blipmq_sock *bs, u64 *id);
u32 blipmq_sock_ids_ahead(struct blipmq_sock *bs, u32 most, u64 *next);
void blipmq_sock_take_ids(struct blipmq_sock *bs, u32 n);
void blipmq_sock_undo_ids(struct blipmq_sock *bs, u32 n);
int __must_check blipmq_sock_set_topic(struct blipmq_sock *bs, const u8 *topic,
				       unsigned int len);

/* totals.c */
void blipmq_sock_totals(struct blipmq_sock *bs, struct blipmq_totals *sum);
void blipmq_net_totals(struct blipmq_net *ns, struct blipmq_totals *sum);
void blipmq_net_reset(struct blipmq_net *ns);

/* sockopt.c */
int blipmq_setsockopt(struct socket *sock, int level, int option,
		      sockptr_t value, unsigned int len);
int blipmq_getsockopt(struct socket *sock, int level, int option,
		      char __user *value, int __user *len);
int blipmq_sock_set_u32(struct blipmq_sock *bs, int option, u32 value);

/* receive.c */
bool blipmq_sock_at_end(struct blipmq_sock *bs);
bool blipmq_sock_readable(struct blipmq_sock *bs);
int blipmq_sock_wait_readable(struct blipmq_sock *bs, long *timeo);
int __must_check
blipmq_sock_wait_writable(struct blipmq_sock *bs,
			  bool (*blocked)(struct blipmq_sock *bs), long *timeo);
__poll_t blipmq_sock_poll_in(struct blipmq_sock *bs);
void blipmq_sock_end(struct blipmq_sock *bs, u32 how);
void blipmq_sock_wake_writer(struct blipmq_sock *bs);

/* stream.c, seqpacket.c */
int blipmq_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
int blipmq_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			  int flags);
__poll_t blipmq_stream_poll(struct file *file, struct socket *sock,
			    struct poll_table_struct *wait);
int blipmq_seqpacket_sendmsg(struct socket *sock, struct msghdr *msg,
			     size_t len);
int blipmq_seqpacket_recvmsg(struct socket *sock, struct msghdr *msg,
			     size_t len, int flags);
__poll_t blipmq_seqpacket_poll(struct file *file, struct socket *sock,
			       struct poll_table_struct *wait);

#endif /* _BLIPMQ_SOCK_H */
