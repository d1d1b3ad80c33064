// SPDX-License-Identifier: GPL-2.0
/*
 * A receiving socket of any kind. Whatever comes out of it goes through its
 * ledger.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conserve.h"

/* As large as any payload, and one more byte to notice a larger one. */
static u8 payload[PAYLOAD_MAX + 1];

/**
 * inbox_open() - connect
 * @in: the inbox
 * @way: of which kind
 * @shared: the round
 * @who: for complaints
 * @small: with small buffers on the way, so that the queue fills sooner
 *
 * Return: false after a complaint.
 */
bool inbox_open(struct inbox *in, enum kind way, const struct shared *shared,
		const char *who, bool small)
{
	int bytes = 32768;

	memset(in, 0, sizeof(*in));
	in->way = way;
	in->ledger.shared = shared;
	in->ledger.who = who;
	if (way == WAY_PACKET) {
		in->peer.fd = lib_packet();
		return in->peer.fd >= 0 &&
		       lib_set_u32(in->peer.fd, BLIPMQ_INFO,
				   BLIPMQ_INFO_ID | BLIPMQ_INFO_LOST);
	}
	if (lib_open(&in->peer, way == WAY_TCP ? LIB_TCP : LIB_LOCAL) < 0)
		return false;
	if (way == WAY_TCP && small)
		setsockopt(in->peer.fd, SOL_SOCKET, SO_RCVBUF, &bytes,
			   sizeof(bytes));
	return true;
}

static bool take_frame(struct inbox *in, const struct lib_frame *f)
{
	struct ledger *l = &in->ledger;

	switch (f->f.op) {
	case BLIPMQ_OP_MSG:
		if (f->f.flags || f->body_len < 8)
			break;
		return ledger_message(l, (const char *)f->topic,
				      f->f.topic_len,
				      blipmq_get_le64(f->body), f->body + 8,
				      f->body_len - 8);
	case BLIPMQ_OP_LOST:
		if (f->f.flags || f->f.topic_len || f->body_len != 8)
			break;
		return ledger_lost(l, blipmq_get_le64(f->body));
	case BLIPMQ_OP_ACK:
		in->acks++;
		return true;
	}
	lib_say("%s: op %u flags %u body %u", l->who, f->f.op, f->f.flags,
		f->body_len);
	return false;
}

/* Returns 1, or 0 when nothing came, or the end; -1 after a complaint. */
static int read_frame(struct inbox *in, int timeout_ms)
{
	struct lib_frame f;
	int ret;

	if (in->ended)
		return 0;
	ret = lib_next_within(&in->peer, &f, timeout_ms);
	if (ret == -ETIMEDOUT)
		return 0;
	if (!ret) {
		in->ended = true;
		return 0;
	}
	if (ret < 0) {
		lib_say("%s: read: %s", in->ledger.who, strerror(-ret));
		return -1;
	}
	return take_frame(in, &f) ? 1 : -1;
}

/* A peek shows what the next read gives, and changes nothing. */
static bool peek_packet(struct inbox *in, struct lib_message *m)
{
	static u8 some[100];

	lib_recvmsg(in->peer.fd, m, some, sizeof(some),
		    MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
	if (m->len >= 0 || m->len == -EAGAIN)
		return true;
	lib_say("%s: peek: %zd", in->ledger.who, m->len);
	return false;
}

static bool is_same(const struct inbox *in, const struct lib_message *a,
		    const struct lib_message *b)
{
	if (a->id == b->id && a->lost == b->lost && a->len == b->len)
		return true;
	lib_say("%s: a peek showed %#llx lost %llu length %zd, a read %#llx lost %llu length %zd",
		in->ledger.who, a->id,
		a->lost, a->len,
		b->id, b->lost,
		b->len);
	return false;
}

static int read_packet(struct inbox *in, struct dice *dice, int timeout_ms)
{
	struct pollfd pfd = { .fd = in->peer.fd, .events = POLLIN };
	struct lib_message peeked = { .len = -1 }, m;

	if (timeout_ms)
		poll(&pfd, 1, timeout_ms);
	if (dice && dice_one_in(dice, 16) && !peek_packet(in, &peeked))
		return -1;
	lib_recvmsg(in->peer.fd, &m, payload, sizeof(payload), MSG_DONTWAIT);
	if (m.len == -EAGAIN && peeked.len < 0)
		return 0;
	if (m.len < 0 || !m.have_id || (m.have_lost && !m.lost)) {
		lib_say("%s: recvmsg: %zd, flags %#x, %u control messages",
			in->ledger.who, m.len, (unsigned int)m.flags,
			m.controls);
		return -1;
	}
	if (peeked.len >= 0 && !is_same(in, &peeked, &m))
		return -1;
	if (m.have_lost && !ledger_lost(&in->ledger, m.lost))
		return -1;
	return ledger_message(&in->ledger, m.topic, strlen(m.topic), m.id,
			      payload, (size_t)m.len) ? 1 : -1;
}

/**
 * inbox_read() - read a message, or what else comes
 * @in: the inbox
 * @dice: decides how; NULL for the plain way
 * @timeout_ms: how long to wait
 *
 * Return: 1; 0 when there was nothing; -1 after a complaint.
 */
int inbox_read(struct inbox *in, struct dice *dice, int timeout_ms)
{
	if (in->closed)
		return 0;
	if (in->way == WAY_PACKET)
		return read_packet(in, dice, timeout_ms);
	return read_frame(in, timeout_ms);
}

/* What is in this process already is delivered: account for it. */
bool inbox_read_begun(struct inbox *in)
{
	struct lib_peer *p = &in->peer;
	struct blipmq_frame f;

	if (in->way == WAY_PACKET)
		return true;
	while (p->end - p->start >= BLIPMQ_FRAME_HEADER) {
		blipmq_frame_decode(&f, p->in + p->start);
		if (p->end - p->start < f.size)
			break;
		if (read_frame(in, 0) < 0)
			return false;
	}
	return true;
}

/* Messages may come before the answer to what was put. */
static bool confirmed(struct inbox *in)
{
	u32 acks = in->acks;
	int ret;

	if (!lib_send(&in->peer))
		return false;
	while (in->acks == acks) {
		ret = read_frame(in, LIB_HANG_MS);
		if (ret > 0)
			continue;
		if (!ret)
			lib_say("%s: no answer", in->ledger.who);
		return false;
	}
	return true;
}

static bool subscription(struct inbox *in, int option, const char *topic)
{
	int err;

	if (in->way != WAY_PACKET) {
		lib_put(&in->peer, option == BLIPMQ_SUBSCRIBE ?
			BLIPMQ_OP_SUB : BLIPMQ_OP_UNSUB, BLIPMQ_FLAG_CONFIRM,
			topic, NULL, 0);
		return confirmed(in);
	}
	err = lib_subscription(in->peer.fd, option, topic, NULL);
	if (err)
		lib_say("%s: subscription to '%s': %s", in->ledger.who, topic,
			strerror(-err));
	return !err;
}

/* Subscribe; without effect when there were too many subscriptions. */
bool inbox_join(struct inbox *in, u32 topic)
{
	struct window *w = ledger_joining(&in->ledger, topic);

	if (!w)
		return true;
	if (!subscription(in, BLIPMQ_SUBSCRIBE,
			  in->ledger.shared->plan.topics[topic]))
		return false;
	ledger_joined(&in->ledger, w);
	in->open[topic] = w;
	return true;
}

bool inbox_leave(struct inbox *in, u32 topic)
{
	struct window *w = in->open[topic];

	ledger_leaving(&in->ledger, w);
	if (!subscription(in, BLIPMQ_UNSUBSCRIBE,
			  in->ledger.shared->plan.topics[topic]))
		return false;
	ledger_left(&in->ledger, w);
	in->open[topic] = NULL;
	return true;
}

bool inbox_limit(struct inbox *in, int option, u32 value)
{
	if (in->way == WAY_PACKET)
		return lib_set_u32(in->peer.fd, option, value);
	lib_put_option(&in->peer, (u16)option, value);
	return confirmed(in);
}

/*
 * A packet socket tells a loss with the message after it, so let there be one.
 */
static bool flush_packet(struct inbox *in, struct dice *dice)
{
	char topic[64];
	int ret;

	snprintf(topic, sizeof(topic), "conserve.own.%d", getpid());
	if (!subscription(in, BLIPMQ_SUBSCRIBE, topic))
		return false;
	ret = (int)lib_sendto(in->peer.fd, topic, topic, strlen(topic));
	if (ret != (int)strlen(topic)) {
		lib_say("%s: send to itself: %d", in->ledger.who, ret);
		return false;
	}
	ret = read_packet(in, dice, LIB_HANG_MS);
	if (ret > 0 && in->ledger.own == 1)
		return true;
	if (ret >= 0)
		lib_say("%s: its own message did not come",
			in->ledger.who);
	return false;
}

/**
 * inbox_drain() - read all there is, with all losses
 * @in: the inbox; nobody publishes to it any more
 * @dice: decides how
 *
 * Return: false after a complaint.
 */
bool inbox_drain(struct inbox *in, struct dice *dice)
{
	int ret, wait = 0;

	/* Over TCP only its end shows that no more is on the way. */
	if (in->way == WAY_TCP ||
	    (in->way == WAY_STREAM && dice_one_in(dice, 2))) {
		lib_put(&in->peer, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
		if (!lib_send(&in->peer))
			return false;
		wait = LIB_HANG_MS;
	}
	do {
		ret = inbox_read(in, dice, wait);
	} while (ret > 0);
	if (ret < 0)
		return false;
	if (wait && !in->ended) {
		lib_say("%s: the stream does not end after QUIT",
			in->ledger.who);
		return false;
	}
	return in->way != WAY_PACKET || flush_packet(in, dice);
}

/* Receive no more, and drop what is queued. */
bool inbox_shut(struct inbox *in)
{
	u32 i;

	if (!inbox_read_begun(in))
		return false;
	for (i = 0; i < TOPICS_MAX; i++)
		if (in->open[i])
			ledger_leaving(&in->ledger, in->open[i]);
	if (shutdown(in->peer.fd, SHUT_RD)) {
		lib_say("%s: shutdown: %s", in->ledger.who, strerror(errno));
		return false;
	}
	for (i = 0; i < TOPICS_MAX; i++)
		if (in->open[i])
			ledger_left(&in->ledger, in->open[i]);
	memset(in->open, 0, sizeof(in->open));
	in->closed = true;
	return true;
}

/* At a quiet moment: does all agree? */
bool inbox_judge(struct inbox *in, bool drained)
{
	struct blipmq_socket_stats stats;

	if (in->way == WAY_TCP)
		return ledger_end(&in->ledger, NULL, drained);
	return lib_stats(in->peer.fd, &stats) &&
	       ledger_end(&in->ledger, &stats, drained);
}

void inbox_close(struct inbox *in)
{
	lib_close(&in->peer);
}
