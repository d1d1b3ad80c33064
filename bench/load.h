/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The load generator: one publisher or several, subscribers, and a broker
 * between them that speaks any of the protocols here.
 *
 * What makes rivals comparable is that they differ in nothing but the bytes of
 * a frame: connections, batching, buffers, threads, flow control and checks
 * are the same code for all of them.
 */
#ifndef _BENCH_LOAD_H
#define _BENCH_LOAD_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "../module/frame.h"

#define LOAD_PUBLISHERS_MAX	64U
#define LOAD_SUBSCRIBERS_MAX	1024U
#define LOAD_BATCH_MAX		1024U
/* What a protocol adds to a payload, at most: a topic and some text. */
#define LOAD_FRAME_ROOM		640U
/* A payload begins with the publisher's sequence number and a time. */
#define LOAD_SIZE_MIN		16U

struct load_histogram;
struct load_protocol;

struct load_options {
	const struct load_protocol *protocol;
	const char *host;
	const char *port;
	const char *topic;
	int family;
	unsigned int publishers;
	unsigned int subscribers;
	unsigned int size;
	unsigned int batch;
	unsigned int window;
	unsigned int read_size;
	u64 warm;
	u64 count;
	u64 rate;
	bool since_call;
	pid_t server_pid;
};

/* What a parser found in a stream. */
enum load_kind {
	LOAD_NOTHING,	/* a whole frame that means nothing to us */
	LOAD_MESSAGE,
	LOAD_CONFIRM,	/* the answer to a handshake or a subscription */
	LOAD_PING,
	LOAD_ERROR,
};

struct load_item {
	enum load_kind kind;
	const u8 *data;
	size_t len;
};

/**
 * struct load_conn - a connection of a publisher or a subscriber
 * @protocol: what it speaks
 * @fd: its socket
 * @publisher: it publishes; another thread than the one that reads it writes
 * @pong_owed: the publisher's thread shall answer a PING
 * @in: what was read and not parsed yet
 * @in_used: bytes of it
 * @in_size: its size
 * @read_size: how much a read asks for
 * @payload_size: what every message must have
 * @confirms: how many LOAD_CONFIRM came
 * @out: a batch of frames, complete but for the start of each payload
 * @frame_size: bytes of one of them
 * @payload_at: where its payload starts
 * @mmsg: the batch as sendmmsg() and recvmmsg() want it, for packet sockets
 * @iov: one element for each of @mmsg
 * @batch: frames in @out, elements in @mmsg
 * @histogram: where the age of each message goes, or NULL
 * @next: the sequence number that is due, by publisher
 */
struct load_conn {
	const struct load_protocol *protocol;
	int fd;
	bool publisher;
	bool pong_owed;
	u8 *in;
	size_t in_used;
	size_t in_size;
	size_t read_size;
	size_t payload_size;
	unsigned int confirms;
	u8 *out;
	size_t frame_size;
	size_t payload_at;
	struct mmsghdr *mmsg;
	struct iovec *iov;
	unsigned int batch;
	struct load_histogram *histogram;
	u64 next[LOAD_PUBLISHERS_MAX];
};

/**
 * struct load_protocol - what the brokers differ in
 * @name: for the command line
 * @port: where the broker listens by default, or NULL for a local one
 * @packets: a socket that keeps message borders: no frames, no parser
 * @pong: what answers a LOAD_PING
 * @pong_len: bytes of @pong
 * @open: connect and shake hands
 * @subscribe: subscribe, and return when the broker has confirmed
 * @encode: write a frame without its payload, return its size and where the
 *	    payload goes
 * @parse: take one frame off a stream; returns its size, 0 for "incomplete"
 */
struct load_protocol {
	const char *name;
	const char *port;
	bool packets;
	const void *pong;
	size_t pong_len;
	void (*open)(struct load_conn *c, const struct load_options *o);
	void (*subscribe)(struct load_conn *c, const struct load_options *o);
	size_t (*encode)(u8 *frame, const struct load_options *o,
			 size_t *payload_at);
	size_t (*parse)(const u8 *p, size_t n, struct load_item *item);
};

extern const struct load_protocol load_blipmq;
extern const struct load_protocol load_blipmq_stream;
extern const struct load_protocol load_blipmq_seqpacket;
extern const struct load_protocol load_nats;
extern const struct load_protocol load_redis;
extern const struct load_protocol load_redis_replies;
extern const struct load_protocol load_unix_seqpacket;

/* conn.c */
void load_conn_open(struct load_conn *c, const struct load_options *o,
		    bool publisher);
void load_conn_stamp(struct load_conn *c, unsigned int slot, u64 tag,
		     u64 time);
void load_conn_send(struct load_conn *c, unsigned int n);
unsigned int load_conn_receive(struct load_conn *c, int flags);
void load_conn_write(struct load_conn *c, const void *p, size_t n);
void load_conn_expect_confirm(struct load_conn *c);
int load_tcp_connect(const struct load_options *o);

/* A message's tag: who sent it, and which one it is. */
static inline u64 load_tag(unsigned int publisher, u64 sequence)
{
	return (u64)publisher << 56 | sequence;
}

/* clock.c */

/* What a phase cost: elapsed time, and CPU time of both sides, in ns. */
struct load_usage {
	u64 clock;
	u64 generator;
	u64 broker;
	u64 machine;
};

u64 load_now(void);
void load_sleep_until(u64 time);
void load_usage_get(struct load_usage *u, pid_t broker);
void load_usage_since(struct load_usage *now, const struct load_usage *then);

/* The modes. They return when their line is printed; errors end the program. */
void load_stream_run(const struct load_options *o);
void load_round_run(const struct load_options *o);

#endif /* _BENCH_LOAD_H */
