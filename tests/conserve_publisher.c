// SPDX-License-Identifier: GPL-2.0
/*
 * A publisher: one process, one socket, its messages in order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conserve.h"

/* Of sendmmsg(). */
#define PACKETS_MAX	64
/* Payloads of one batch. */
#define BATCH_BYTES	(2 * PAYLOAD_MAX)

/**
 * struct outlet - a publisher's socket
 * @shared: the round
 * @plan: what it does
 * @state: what others see of it
 * @number: which publisher it is
 * @dice: decides the rest
 * @peer: its connection; .fd alone for a packet socket
 */
struct outlet {
	struct shared			*shared;
	const struct publisher_plan	*plan;
	struct publisher_state		*state;
	u32				number;
	struct dice			dice;
	struct lib_peer			peer;
};

/* What a packet needs to be sent, beside its payload. */
struct packet {
	struct sockaddr_blipmq	sa;
	struct iovec		iov;
	union {
		struct cmsghdr	c;
		u8		bytes[CMSG_SPACE(BLIPMQ_NAME_MAX) +
				      CMSG_SPACE(sizeof(struct blipmq_publish))];
	} control;
};

static void add_control(struct msghdr *msg, struct cmsghdr **c, int type,
			const void *value, size_t len)
{
	(*c)->cmsg_level = SOL_BLIPMQ;
	(*c)->cmsg_type = type;
	(*c)->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(*c), value, len);
	msg->msg_controllen += CMSG_SPACE(len);
	*c = (struct cmsghdr *)((u8 *)*c + CMSG_SPACE(len));
}

static void packet_address(struct packet *k, struct msghdr *msg,
			   const char *topic, bool retain)
{
	const struct blipmq_publish publish = {
		.flags = BLIPMQ_PUBLISH_RETAIN,
	};
	struct cmsghdr *c = &k->control.c;
	size_t len = strlen(topic);

	memset(msg, 0, sizeof(*msg));
	memset(&k->control, 0, sizeof(k->control));
	msg->msg_iov = &k->iov;
	msg->msg_iovlen = 1;
	if (len <= BLIPMQ_ADDRESS_TOPIC_MAX) {
		msg->msg_name = &k->sa;
		msg->msg_namelen = lib_address(&k->sa, topic);
	} else {
		add_control(msg, &c, BLIPMQ_TOPIC, topic, len);
	}
	if (retain)
		add_control(msg, &c, BLIPMQ_PUBLISH, &publish,
			    sizeof(publish));
	if (msg->msg_controllen)
		msg->msg_control = &k->control;
}

/* Message @k was refused, or was not; could it be? */
static bool judged(struct outlet *o, u32 rules_from, u32 k, bool refused)
{
	const struct plan *plan = &o->shared->plan;
	const char *topic = plan->topics[message_topic(plan, o->number, k)];

	if (refused) {
		o->state->refused[k] = true;
		tell(o->state->nr_refused, o->state->nr_refused + 1);
	}
	if (!o->plan->stranger && !refused)
		return true;
	if (o->plan->stranger && rules_can(o->shared, rules_from, topic,
					   MAY_PUBLISH, !refused))
		return true;
	lib_say("publisher %u: message %u to '%s' was %s, by no rule",
		o->number, k, topic, refused ? "refused" : "published");
	return false;
}

/* One after the other, those that rules refuse left out. */
static bool send_all(struct outlet *o, struct mmsghdr *msgs, u32 from, u32 n)
{
	u32 rules_from = see(o->shared->events_done), i = 0, to;
	int ret;

	while (i < n) {
		ret = sendmmsg(o->peer.fd, msgs + i, n - i, MSG_NOSIGNAL);
		/* One that is refused behind others is tried again. */
		if (o->plan->stranger && ret < (int)(n - i) &&
		    (ret > 0 || errno == EACCES))
			o->state->refusals++;
		if (ret < 0 && errno == EACCES && o->plan->stranger) {
			if (!judged(o, rules_from, from + i++, true))
				return false;
			continue;
		}
		if (ret <= 0) {
			lib_say("publisher %u: sendmmsg of %u, from %u: %s",
				o->number, n, from + i, strerror(errno));
			return false;
		}
		for (to = i + (u32)ret; i < to; i++)
			if (!judged(o, rules_from, from + i, false))
				return false;
	}
	return true;
}

/* Returns messages sent, 0 after a complaint. */
static u32 send_packets(struct outlet *o, u32 from, u32 n)
{
	static struct packet packets[PACKETS_MAX];
	static struct mmsghdr msgs[PACKETS_MAX];
	static u8 payloads[BATCH_BYTES];
	const struct plan *plan = &o->shared->plan;
	u32 i, size, used = 0;

	for (i = 0; i < n && i < PACKETS_MAX; i++) {
		size = message_size(plan, o->number, from + i);
		if (size > BATCH_BYTES - used)
			break;
		message_fill(plan, o->number, from + i, payloads + used);
		packets[i].iov.iov_base = payloads + used;
		packets[i].iov.iov_len = size;
		packet_address(&packets[i], &msgs[i].msg_hdr,
			       plan->topics[message_topic(plan, o->number,
							  from + i)],
			       message_retains(plan, o->number, from + i));
		used += size;
	}
	n = i;
	tell(o->state->begun, from + n);
	return send_all(o, msgs, from, n) ? n : 0;
}

/* The answers to messages of which some may be refused, in order. */
static bool take_answers(struct outlet *o, u32 rules_from, u32 from, u32 n,
			 const bool *confirm)
{
	struct lib_frame f = { .body_len = 0 };
	u32 i = 0, k;
	int ret;

	lib_put(&o->peer, BLIPMQ_OP_PING, 0, NULL, "all", 3);
	if (!lib_send(&o->peer))
		return false;
	while ((ret = lib_next(&o->peer, &f)) == 1) {
		k = f.body_len >= 4 ? blipmq_get_le32(f.body) : 0;
		if (f.f.op == BLIPMQ_OP_PONG)
			k = from + n;
		/* Those before it have no answer, so none was asked for. */
		for (; i < n && from + i < k; i++)
			if (confirm[i] ||
			    !judged(o, rules_from, from + i, false))
				goto wrong;
		if (f.f.op == BLIPMQ_OP_PONG)
			return true;
		if (i == n || k != from + i)
			goto wrong;
		if (f.f.op == BLIPMQ_OP_ACK ? !confirm[i] :
		    f.f.op != BLIPMQ_OP_ERR ||
		    blipmq_get_le16(f.body + 4) != BLIPMQ_CODE_FORBIDDEN)
			goto wrong;
		o->state->refusals += f.f.op == BLIPMQ_OP_ERR;
		if (!judged(o, rules_from, k, f.f.op == BLIPMQ_OP_ERR))
			return false;
		i++;
	}
wrong:
	lib_say("publisher %u: answers to %u from %u %s at %u%s: op %u, size %u, tag %u, code %u",
		o->number, n, from, ret == 1 ? "are wrong" : "end", from + i,
		i < n && confirm[i] ? ", to be confirmed" : "", f.f.op,
		f.body_len, f.body_len >= 4 ? blipmq_get_le32(f.body) : 0,
		f.body_len >= 6 ? blipmq_get_le16(f.body + 4) : 0);
	return false;
}

static u32 send_frames(struct outlet *o, u32 from, u32 n)
{
	const struct plan *plan = &o->shared->plan;
	u32 rules_from = see(o->shared->events_done), i, k;
	static u8 payload[PAYLOAD_MAX];
	bool confirm[256] = { false };
	const char *topic;
	u8 flags;

	for (i = 0; i < n && o->peer.out_len < BATCH_BYTES; i++) {
		k = from + i;
		confirm[i] = dice_one_in(&o->dice, 16);
		flags = confirm[i] ? BLIPMQ_FLAG_CONFIRM : 0;
		if (message_retains(plan, o->number, k))
			flags |= BLIPMQ_FLAG_RETAIN;
		message_fill(plan, o->number, k, payload);
		lib_put_pub(&o->peer, flags,
			    plan->topics[message_topic(plan, o->number, k)], k,
			    payload, message_size(plan, o->number, k));
	}
	n = i;
	tell(o->state->begun, from + n);
	if (!lib_send_cut(&o->peer, dice_one_in(&o->dice, 4) ?
			  1000 + dice_below(&o->dice, 9000) : SIZE_MAX))
		return 0;
	if (o->plan->stranger)
		return take_answers(o, rules_from, from, n, confirm) ? n : 0;
	for (i = 0; i < n; i++) {
		k = from + i;
		topic = plan->topics[message_topic(plan, o->number, k)];
		if (confirm[i] && !lib_expect_ack(&o->peer, k, topic))
			return 0;
	}
	/* A local write returns when all has been published. */
	if (o->plan->way == WAY_TCP && !lib_sync(&o->peer))
		return 0;
	return n;
}

/* The broker's number for this publisher is in the id of what it sends. */
static bool hello(struct outlet *o)
{
	struct lib_message m;
	char topic[64], buf[8];
	bool ok;
	int fd;

	snprintf(topic, sizeof(topic), "hello.%d", getpid());
	fd = lib_packet();
	if (fd < 0 || !lib_set_u32(fd, BLIPMQ_INFO, BLIPMQ_INFO_ID) ||
	    lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL))
		return false;
	if (o->plan->way == WAY_PACKET)
		ok = lib_sendto(o->peer.fd, topic, "hello", 5) == 5;
	else
		ok = lib_publish(&o->peer, topic, "hello", 5);
	ok = ok && lib_recvmsg(fd, &m, buf, sizeof(buf), 0) == 5;
	close(fd);
	if (!ok || !m.have_id || (u32)m.id != 1) {
		lib_say("publisher %u: its first message did not come, or has id %#llx",
			o->number, ok ? m.id : 0);
		return false;
	}
	tell(o->state->number, (u32)(m.id >> 40));
	return true;
}

static bool publish_all(struct outlet *o)
{
	const struct publisher_plan *plan = o->plan;
	u32 k = 0, n;

	while (k < plan->messages) {
		n = 1 + dice_below(&o->dice, plan->batch);
		if (n > plan->messages - k)
			n = plan->messages - k;
		n = plan->way == WAY_PACKET ? send_packets(o, k, n) :
					      send_frames(o, k, n);
		if (!n)
			return false;
		k += n;
		tell(o->state->sent, k);
		if (dice_one_in(&o->dice, plan->naps))
			nap_us(dice_below(&o->dice, 2000));
	}
	return true;
}

/**
 * publisher_run() - be publisher @p
 * @shared: the round
 * @p: which one
 *
 * Return: exit status.
 */
int publisher_run(struct shared *shared, u32 p)
{
	struct outlet o = {
		.shared = shared,
		.plan = &shared->plan.publishers[p],
		.state = &shared->publishers[p],
		.number = p,
		.dice = { .state = mixed(shared->plan.seed, 300 + p) },
	};

	if (o.plan->stranger && !become_stranger())
		return 1;
	if (o.plan->way == WAY_PACKET)
		o.peer.fd = lib_packet();
	else
		lib_open(&o.peer, o.plan->way == WAY_TCP ? LIB_TCP :
							   LIB_LOCAL);
	if (o.peer.fd < 0 || !hello(&o))
		return 1;
	if (o.plan->way == WAY_PACKET ?
	    !lib_set_u32(o.peer.fd, BLIPMQ_TTL, o.plan->ttl_ms) :
	    !lib_option(&o.peer, BLIPMQ_TTL, o.plan->ttl_ms))
		return 1;
	wait_phase(shared, PHASE_RUN);
	if (!publish_all(&o))
		return 1;
	tell(o.state->total, o.plan->messages);
	lib_close(&o.peer);
	return 0;
}
