/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints on the way of a message: publish, route, enqueue, drop, deliver.
 * Sockets are named by their number in the namespace, which blipmqctl shows,
 * namespaces as /proc/PID/ns/net does. Where several messages go together,
 * topic and id are those of the first one.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM blipmq

#if !defined(_BLIPMQ_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _BLIPMQ_TRACE_H

#include <linux/tracepoint.h>

#include "bundle.h"
#include "queue.h"
#include "route.h"
#include "sock.h"

TRACE_DEFINE_ENUM(BLIPMQ_DROP_OVERFLOW);
TRACE_DEFINE_ENUM(BLIPMQ_DROP_CONFLATED);
TRACE_DEFINE_ENUM(BLIPMQ_DROP_EXPIRED);
TRACE_DEFINE_ENUM(BLIPMQ_DROP_FILTERED);
TRACE_DEFINE_ENUM(BLIPMQ_DROP_CLOSED);
TRACE_DEFINE_ENUM(BLIPMQ_DROP_NO_MEMORY);

#define blipmq_show_reason(reason)					\
	__print_symbolic(reason,					\
		{ BLIPMQ_DROP_OVERFLOW,		"overflow" },		\
		{ BLIPMQ_DROP_CONFLATED,	"conflated" },		\
		{ BLIPMQ_DROP_EXPIRED,		"expired" },		\
		{ BLIPMQ_DROP_FILTERED,		"filtered" },		\
		{ BLIPMQ_DROP_CLOSED,		"closed" },		\
		{ BLIPMQ_DROP_NO_MEMORY,	"no-memory" })

#define blipmq_trace_netns(bs)	(sock_net(&(bs)->sk)->ns.inum)

/* Messages go to the fan-out; again when their publisher had to wait. */
TRACE_EVENT(blipmq_publish,
	TP_PROTO(const struct blipmq_sock *bs, struct sk_buff *b, u64 mask),
	TP_ARGS(bs, b, mask),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, messages)
		__field(u64, socket)
		__field(u64, id)
		__field(u32, bytes)
		__dynamic_array(char, topic, blipmq_bundle_topic_len(b, mask) + 1)
	),
	TP_fast_assign(
		__entry->netns = blipmq_trace_netns(bs);
		__entry->messages = hweight64(mask);
		__entry->socket = bs->serial;
		__entry->id = blipmq_bundle_id(b, mask);
		__entry->bytes = blipmq_bundle_cb(b)->len;
		blipmq_bundle_topic(b, mask, __get_str(topic));
	),
	TP_printk("netns=%u socket=%llu topic=%s id=%llx messages=%u bytes=%u",
		  __entry->netns, __entry->socket, __get_str(topic),
		  __entry->id, __entry->messages, __entry->bytes)
);

/* Where messages of one topic go was looked up. */
TRACE_EVENT(blipmq_route,
	TP_PROTO(const u8 *name, u8 len, const struct blipmq_route *route),
	TP_ARGS(name, len, route),
	TP_STRUCT__entry(
		__field(u32, sets)
		__field(u32, legs)
		__dynamic_array(char, topic, len + 1)
	),
	TP_fast_assign(
		__entry->sets = route ? route->nr_sets : 0;
		__entry->legs = route ? blipmq_route_legs(route) : 0;
		memcpy(__get_str(topic), name, len);
		__get_str(topic)[len] = '\0';
	),
	TP_printk("topic=%s sets=%u legs=%u", __get_str(topic), __entry->sets,
		  __entry->legs)
);

DECLARE_EVENT_CLASS(blipmq_received,
	TP_PROTO(struct blipmq_queue *q, struct sk_buff *b, u64 mask),
	TP_ARGS(q, b, mask),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, messages)
		__field(u64, socket)
		__field(u64, id)
		__field(u64, queued)
		__field(s64, age_ns)
		__dynamic_array(char, topic, blipmq_bundle_topic_len(b, mask) + 1)
	),
	TP_fast_assign(
		__entry->netns = blipmq_trace_netns(blipmq_queue_sock(q));
		__entry->messages = hweight64(mask);
		__entry->socket = blipmq_queue_sock(q)->serial;
		__entry->id = blipmq_bundle_id(b, mask);
		__entry->queued =
			blipmq_used_messages(atomic64_read(&q->used));
		__entry->age_ns = ktime_get_real() - b->tstamp;
		blipmq_bundle_topic(b, mask, __get_str(topic));
	),
	TP_printk("netns=%u socket=%llu topic=%s id=%llx messages=%u queued=%llu age_ns=%lld",
		  __entry->netns, __entry->socket, __get_str(topic),
		  __entry->id, __entry->messages, __entry->queued,
		  __entry->age_ns)
);

/* Messages wait in a queue. */
DEFINE_EVENT(blipmq_received, blipmq_enqueue,
	TP_PROTO(struct blipmq_queue *q, struct sk_buff *b, u64 mask),
	TP_ARGS(q, b, mask)
);

/* Messages were read. */
DEFINE_EVENT(blipmq_received, blipmq_deliver,
	TP_PROTO(struct blipmq_queue *q, struct sk_buff *b, u64 mask),
	TP_ARGS(q, b, mask)
);

/* Messages that matched are not delivered. */
TRACE_EVENT(blipmq_drop,
	TP_PROTO(struct blipmq_queue *q, struct sk_buff *b, u64 mask,
		 enum blipmq_drop reason),
	TP_ARGS(q, b, mask, reason),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, messages)
		__field(u64, socket)
		__field(u64, id)
		__field(u32, reason)
		__dynamic_array(char, topic, blipmq_bundle_topic_len(b, mask) + 1)
	),
	TP_fast_assign(
		__entry->netns = blipmq_trace_netns(blipmq_queue_sock(q));
		__entry->messages = hweight64(mask);
		__entry->socket = blipmq_queue_sock(q)->serial;
		__entry->id = blipmq_bundle_id(b, mask);
		__entry->reason = reason;
		blipmq_bundle_topic(b, mask, __get_str(topic));
	),
	TP_printk("netns=%u socket=%llu topic=%s id=%llx messages=%u reason=%s",
		  __entry->netns, __entry->socket, __get_str(topic),
		  __entry->id, __entry->messages,
		  blipmq_show_reason(__entry->reason))
);

#endif /* _BLIPMQ_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
