/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * libblipmq: publish and subscribe through BlipMQ, on this machine or over
 * TCP. Functions return a negative errno on failure. One connection is used
 * by one thread at a time; different connections are independent.
 */
#ifndef _BLIPMQ_H
#define _BLIPMQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct blipmq;

/* What 0 stands for in struct blipmq_options. */
#define BLIPMQ_CONNECT_TIMEOUT_MS	10000
#define BLIPMQ_TIMEOUT_MS		30000

/**
 * struct blipmq_options - how to connect
 * @size: sizeof(struct blipmq_options)
 * @connect_timeout_ms: for the whole of blipmq_connect() once the address is
 *	resolved; 0 is 10 seconds, -1 for ever
 * @timeout_ms: how long a call waits for a broker that makes no progress,
 *	with writing or with a confirmation; 0 is 30 seconds, -1 for ever
 * @queue_messages: limit of the broker's queue for this connection, 0 as it is
 * @queue_bytes: the same in bytes
 * @buffer_bytes: what blipmq_publish_buffered() collects, 0 is 64 KiB
 * @backlog_bytes: messages that the library keeps while it waits for something
 *	else; 0 is 16 MiB. Beyond that the oldest are dropped and counted in
 *	blipmq_message.lost.
 * @overflow: what a full queue of the broker does: 0 drops the oldest, 1 drops
 *	what is new, 2 holds publishers up (a right: else -EACCES), 3 ends the
 *	connection, 4 keeps the last message of each topic
 * @ttl_ms: milliseconds that messages live which do not say it; 0 is what
 *	their topic says, UINT32_MAX for ever
 *
 * Zero everything that is not meant, as an initializer with .size alone does.
 */
struct blipmq_options {
	size_t		size;
	int		connect_timeout_ms;
	int		timeout_ms;
	uint32_t	queue_messages;
	uint32_t	queue_bytes;
	size_t		buffer_bytes;
	size_t		backlog_bytes;
	uint32_t	overflow;
	uint32_t	ttl_ms;
};

/*
 * blipmq_publish_options.flags: wait until the broker has routed it; keep it as the
 * topic's value for those who subscribe later, an empty one to keep none. The
 * kernel's header has the latter, too, and the same.
 */
#define BLIPMQ_PUBLISH_CONFIRM	1U
#define BLIPMQ_PUBLISH_RETAIN	2

/**
 * struct blipmq_publish_options - how to publish
 * @size: sizeof(struct blipmq_publish_options)
 * @flags: BLIPMQ_PUBLISH_CONFIRM, BLIPMQ_PUBLISH_RETAIN
 * @ttl_ms: milliseconds that the message lives; 0 is the connection's, else
 *	the topic's default, UINT32_MAX for ever
 */
struct blipmq_publish_options {
	size_t		size;
	uint32_t	flags;
	uint32_t	ttl_ms;
};

/**
 * struct blipmq_subscribe_options - how to subscribe
 * @size: sizeof(struct blipmq_subscribe_options)
 * @group: name of a queue group, NULL for a plain subscription
 */
struct blipmq_subscribe_options {
	size_t		size;
	const char	*group;
};

/**
 * struct blipmq_message - what was received
 * @topic: where it was published to, zero-terminated; NULL: no message, only
 *	a loss is reported
 * @topic_len: bytes of @topic
 * @payload: its bytes, neither aligned nor terminated
 * @size: bytes of @payload
 * @id: names the message in its network namespace
 * @lost: messages that this connection missed directly before this one
 * @retained: it is the topic's kept value, not a live message
 *
 * Belongs to the library and holds until the next call with its connection.
 */
struct blipmq_message {
	const char	*topic;
	size_t		topic_len;
	const void	*payload;
	size_t		size;
	uint64_t	id;
	uint64_t	lost;
	bool		retained;
};

/**
 * blipmq_connect() - connect to a broker
 * @address: "local:" for this machine's kernel, "tcp://HOST:PORT" (IPv6 in
 *	brackets), "unix:PATH"; "tls://HOST:PORT" is not built yet
 * @options: NULL for the defaults
 * @b: the connection
 *
 * blipmq_last_error(NULL) has the reason of a failure, with its remedy.
 *
 * Return: 0; -EINVAL: no such address; -EHOSTUNREACH: its name is unknown;
 * -EAFNOSUPPORT: the module is not loaded; -EOPNOTSUPP: tls; -ETIMEDOUT; what
 * connect(2) says. Of the options: -EINVAL or -EACCES: the broker refuses one;
 * -E2BIG: one is newer than the library. -ESHUTDOWN: the broker is draining.
 */
int blipmq_connect(const char *address, const struct blipmq_options *options,
		   struct blipmq **b);

/**
 * blipmq_close() - end a connection
 * @b: the connection, may be NULL
 *
 * Writes what is buffered and, over a network, waits up to a second until the
 * peer has it all. Messages that were not taken are gone. @b is freed, also
 * when an error is returned.
 *
 * Return: 0, or the error of something published before.
 */
int blipmq_close(struct blipmq *b);

/**
 * blipmq_publish() - publish a message now
 * @b: the connection
 * @topic: 1 to 255 bytes
 * @payload: the message
 * @size: its bytes, up to the broker's limit
 * @options: NULL: do not wait for the broker
 *
 * Whatever was buffered goes first. Without BLIPMQ_PUBLISH_CONFIRM a refusal
 * comes later: the next call of blipmq_publish(), blipmq_publish_buffered(),
 * blipmq_flush(), blipmq_sync(), blipmq_next(), blipmq_dispatch() or
 * blipmq_close() returns it. Such a call did nothing else (but for
 * blipmq_sync(), which returns it once all answers are there, and
 * blipmq_close()): repeat it if the error does not matter.
 *
 * Return: 0 or an error, see blipmq_strerror(). After -ETIMEDOUT or -ENOMEM of a
 * write, and after -ECONNRESET (the peer is gone), the connection is of no use.
 */
int blipmq_publish(struct blipmq *b, const char *topic, const void *payload,
		   size_t size, const struct blipmq_publish_options *options);

/**
 * blipmq_publish_buffered() - publish a message with those that follow it
 * @b: the connection
 * @topic: 1 to 255 bytes
 * @payload: the message; it is copied, or written at once when it is large
 * @size: its bytes
 *
 * Writes when the buffer is full and at blipmq_flush().
 *
 * Return: as blipmq_publish() without options.
 */
int blipmq_publish_buffered(struct blipmq *b, const char *topic,
			    const void *payload, size_t size);

/**
 * blipmq_flush() - write what is buffered
 * @b: the connection
 *
 * Return: 0 or an error.
 */
int blipmq_flush(struct blipmq *b);

/**
 * blipmq_sync() - write what is buffered and wait until it is dealt with
 * @b: the connection
 *
 * One round trip: afterwards every refusal of what was published is known.
 *
 * Return: 0, or the first refusal that was not reported yet, or an error.
 */
int blipmq_sync(struct blipmq *b);

/**
 * blipmq_subscribe() - subscribe and wait for the confirmation
 * @b: the connection
 * @pattern: a topic, or a pattern with * and >
 * @options: NULL for a plain subscription
 *
 * Messages that arrive in between are kept for blipmq_next().
 *
 * Return: 0 or an error, see blipmq_strerror().
 */
int blipmq_subscribe(struct blipmq *b, const char *pattern,
		     const struct blipmq_subscribe_options *options);

/**
 * blipmq_unsubscribe() - undo blipmq_subscribe() and wait for the confirmation
 * @b: the connection
 * @pattern: as it was subscribed
 * @options: as it was subscribed
 *
 * Messages that were queued before may still follow.
 *
 * Return: 0; -ENOENT: there is no such subscription; another error.
 */
int blipmq_unsubscribe(struct blipmq *b, const char *pattern,
		       const struct blipmq_subscribe_options *options);

/**
 * blipmq_next() - take the next message
 * @b: the connection
 * @timeout_ms: how long to wait for one, 0 not at all, -1 for ever
 * @message: the message; without topic it only reports a loss
 *
 * Return: 0; -ETIMEDOUT: there is none; -EINTR: a signal came; -ENODATA: after
 * blipmq_drain() everything was taken; -ECONNRESET: the peer is gone; another
 * error.
 */
int blipmq_next(struct blipmq *b, int timeout_ms,
		const struct blipmq_message **message);

/**
 * blipmq_fd() - the descriptor to wait for in an event loop
 * @b: the connection
 *
 * When it is readable, call blipmq_dispatch(). Wait for level-triggered
 * readiness, and call blipmq_dispatch() once before the first wait and after
 * every blipmq_subscribe(), blipmq_unsubscribe(), blipmq_sync() or publish:
 * they may have taken messages from the descriptor.
 *
 * Return: the descriptor; leave its flags alone.
 */
int blipmq_fd(const struct blipmq *b);

/**
 * blipmq_dispatch() - hand over the messages that are there
 * @b: the connection
 * @handler: called for each message; it makes no call with @b. Anything but 0
 *	stops, and what is left waits for another blipmq_dispatch().
 * @data: for @handler
 *
 * Never waits. One call reads a bounded amount, so that a busy connection
 * leaves an event loop time for the others.
 *
 * Return: the number of messages handed over; an error as of blipmq_next() when
 * there was none to hand over.
 */
int blipmq_dispatch(struct blipmq *b,
		    int (*handler)(const struct blipmq_message *message,
				   void *data), void *data);

/**
 * blipmq_drain() - end in order: no more publishing, take what is queued
 * @b: the connection
 *
 * The broker sends what it holds for this connection. Take it with
 * blipmq_next() until that returns -ENODATA, then blipmq_close().
 *
 * Return: 0 or an error.
 */
int blipmq_drain(struct blipmq *b);

/**
 * blipmq_strerror() - what an error of this library means
 * @error: what a function returned
 *
 * Return: a text that is never freed.
 */
const char *blipmq_strerror(int error);

/**
 * blipmq_last_error() - the last failure, with the broker's own words
 * @b: the connection, or NULL for this thread's last blipmq_connect()
 *
 * Return: a text that holds until the next call with @b; empty: none.
 */
const char *blipmq_last_error(const struct blipmq *b);

/**
 * blipmq_last_code() - the protocol's code of the last refusal
 * @b: the connection
 *
 * Return: 400 to 599; 0: the last failure did not come from the broker.
 */
int blipmq_last_code(const struct blipmq *b);

/**
 * blipmq_version() - the version of the library
 *
 * Return: a text such as "0.1".
 */
const char *blipmq_version(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* _BLIPMQ_H */
