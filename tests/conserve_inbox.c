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
#include <time.h>
#include <unistd.h>

#include "conserve.h"

/* As large as any payload, and one more byte to notice a larger one. */
static u8 payload[PAYLOAD_MAX + 1];

/**
 * inbox_open() - connect
 * @in: the inbox
 * @way: of which kind
 * @l: its ledger, which has begun
 * @small: with small buffers on the way, so that the queue fills sooner
 *
 * Return: false after a complaint.
 */
bool inbox_open(struct inbox *in, enum kind way, struct ledger *l, bool small)
{
	int bytes = 32768;

	memset(in, 0, sizeof(*in));
	in->way = way;
	in->ledger = l;
	if (way == WAY_PACKET) {
		in->peer.fd = lib_packet();
		return in->peer.fd >= 0 &&
		       lib_set_u32(in->peer.fd, BLIPMQ_INFO,
				   BLIPMQ_INFO_ID | BLIPMQ_INFO_TIMESTAMP |
				   BLIPMQ_INFO_LOST | BLIPMQ_INFO_RETAINED);
	}
	if (lib_open(&in->peer, way == WAY_TCP ? LIB_TCP : LIB_LOCAL) < 0)
		return false;
	if (way == WAY_TCP && small)
		setsockopt(in->peer.fd, SOL_SOCKET, SO_RCVBUF, &bytes,
			   sizeof(bytes));
	return true;
}

/* The end, where it was not asked for. */
static bool cut_off(struct inbox *in)
{
	in->ended = true;
	if (in->leaving)
		return true;
	if (in->ledger->cuts) {
		if (!in->ledger->cut)
			ledger_end_by_cut(in->ledger);
		return true;
	}
	lib_say("%s: the connection ends", in->ledger->who);
	return false;
}

static bool take_error(struct inbox *in, const struct lib_frame *f)
{
	u16 code = f->body_len < 6 ? 0 : blipmq_get_le16(f->body + 4);

	if (code == BLIPMQ_CODE_LIMIT && !f->f.topic_len && in->ledger->cuts) {
		ledger_end_by_cut(in->ledger);
		return true;
	}
	in->refusal = code;
	in->ledger->refused++;
	if (code == BLIPMQ_CODE_FORBIDDEN || code == BLIPMQ_CODE_NOT_FOUND)
		return true;
	lib_say("%s: error %u: %.*s", in->ledger->who, code,
		(int)f->body_len - 6, f->body + 6);
	return false;
}

static bool take_frame(struct inbox *in, const struct lib_frame *f)
{
	struct ledger *l = in->ledger;
	struct arrival a;

	switch (f->f.op) {
	case BLIPMQ_OP_MSG:
		if (f->f.flags & ~BLIPMQ_FLAG_RETAIN || f->body_len < 8)
			break;
		a = (struct arrival){
			.topic = (const char *)f->topic,
			.topic_len = f->f.topic_len,
			.id = blipmq_get_le64(f->body),
			.payload = f->body + 8,
			.len = f->body_len - 8,
			.retained = f->f.flags,
		};
		return ledger_message(l, &a);
	case BLIPMQ_OP_LOST:
		if (f->f.flags || f->f.topic_len || f->body_len != 8)
			break;
		return ledger_lost(l, blipmq_get_le64(f->body));
	case BLIPMQ_OP_ACK:
		in->acks++;
		return true;
	case BLIPMQ_OP_ERR:
		return take_error(in, f);
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
	/* blipmqd closes, and what was sent meanwhile is in its way. */
	if (!ret || (ret == -ECONNRESET && in->ledger->cuts))
		return cut_off(in) ? 0 : -1;
	if (ret < 0) {
		lib_say("%s: read: %s", in->ledger->who, strerror(-ret));
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
	if (m->len == -ENOBUFS && in->ledger->cuts)
		return cut_off(in);
	lib_say("%s: peek: %zd", in->ledger->who, m->len);
	return false;
}

static bool is_same(const struct inbox *in, const struct lib_message *a,
		    const struct lib_message *b)
{
	/* The end comes at any time. */
	if (in->ledger->cut)
		return true;
	if (a->id == b->id && a->lost == b->lost && a->len == b->len)
		return true;
	lib_say("%s: a peek showed %#llx lost %llu length %zd, a read %#llx lost %llu length %zd",
		in->ledger->who, a->id,
		a->lost, a->len,
		b->id, b->lost,
		b->len);
	return false;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static bool take_packet(struct inbox *in, const struct lib_message *m,
			u64 asked_ns)
{
	struct arrival a = {
		.topic = m->topic,
		.topic_len = strlen(m->topic),
		.id = m->id,
		.payload = payload,
		.len = (size_t)m->len,
		.retained = m->retained,
		.published_ns = m->timestamp,
		.asked_ns = asked_ns,
	};

	if (m->have_lost && !ledger_lost(in->ledger, m->lost))
		return false;
	return ledger_message(in->ledger, &a);
}

static int read_packet(struct inbox *in, struct dice *dice, int timeout_ms)
{
	struct pollfd pfd = { .fd = in->peer.fd, .events = POLLIN };
	struct lib_message peeked = { .len = -1 }, m;
	u64 asked_ns;

	if (in->ended)
		return 0;
	if (timeout_ms)
		poll(&pfd, 1, timeout_ms);
	asked_ns = now_ns();
	if (dice && dice_one_in(dice, 16) && !peek_packet(in, &peeked))
		return -1;
	if (in->ended)
		return 0;
	lib_recvmsg(in->peer.fd, &m, payload, sizeof(payload), MSG_DONTWAIT);
	if (m.len == -EAGAIN && peeked.len < 0)
		return 0;
	if ((m.len == -ENOBUFS || (!m.len && !m.have_id)) && in->ledger->cuts)
		return cut_off(in) ? 0 : -1;
	if (m.len < 0 || !m.have_id || (m.have_lost && !m.lost)) {
		lib_say("%s: recvmsg: %zd, flags %#x, %u control messages",
			in->ledger->who, m.len, (unsigned int)m.flags,
			m.controls);
		return -1;
	}
	if (peeked.len >= 0 && !is_same(in, &peeked, &m))
		return -1;
	return take_packet(in, &m, asked_ns) ? 1 : -1;
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
static enum answer confirmed(struct inbox *in)
{
	u32 acks = in->acks;
	u64 refused = in->ledger->refused;
	int ret;

	if (!lib_send(&in->peer) && !in->ledger->cuts)
		return ANSWER_WRONG;
	while (in->acks == acks && in->ledger->refused == refused) {
		ret = read_frame(in, LIB_HANG_MS);
		if (in->ended || in->ledger->cut)
			return ret < 0 ? ANSWER_WRONG : ANSWER_CUT;
		if (ret > 0)
			continue;
		if (!ret)
			lib_say("%s: no answer", in->ledger->who);
		return ANSWER_WRONG;
	}
	return in->acks == acks ? ANSWER_REFUSED : ANSWER_OK;
}

static enum answer answer_of(struct inbox *in, int err)
{
	switch (err) {
	case 0:
		return ANSWER_OK;
	case -EACCES:
		in->refusal = BLIPMQ_CODE_FORBIDDEN;
		return ANSWER_REFUSED;
	case -ENOENT:
		in->refusal = BLIPMQ_CODE_NOT_FOUND;
		return ANSWER_REFUSED;
	case -EPIPE:
		if (in->ledger->cuts && cut_off(in))
			return ANSWER_CUT;
	}
	lib_say("%s: %s", in->ledger->who, strerror(-err));
	return ANSWER_WRONG;
}

enum answer inbox_subscription(struct inbox *in, int option,
			       const struct interest *to)
{
	u8 body[16] = { 0 };
	char group[8];
	size_t len;

	snprintf(group, sizeof(group), "g%d", to->group);
	len = to->group < 0 ? 0 : strlen(group);
	if (in->way == WAY_PACKET)
		return answer_of(in, lib_subscription(in->peer.fd, option,
						      to->pattern,
						      len ? group : NULL));
	body[0] = (u8)len;
	memcpy(body + 1, group, len);
	lib_put(&in->peer, option == BLIPMQ_SUBSCRIBE ? BLIPMQ_OP_SUB :
		BLIPMQ_OP_UNSUB, BLIPMQ_FLAG_CONFIRM, to->pattern, body,
		len ? 1 + len : 0);
	return confirmed(in);
}

/* Subscribe; without effect when there were too many subscriptions. */
bool inbox_join(struct inbox *in, u32 interest)
{
	struct window *w = ledger_joining(in->ledger, interest);

	if (!w)
		return true;
	switch (inbox_subscription(in, BLIPMQ_SUBSCRIBE,
				   &in->ledger->shared->plan.interests[interest])) {
	case ANSWER_OK:
		in->open[interest] = w;
		return ledger_joined(in->ledger, w);
	case ANSWER_REFUSED:
		return ledger_join_refused(in->ledger, w);
	case ANSWER_CUT:
		return true;
	default:
		return false;
	}
}

bool inbox_leave(struct inbox *in, u32 interest)
{
	const struct shared *shared = in->ledger->shared;
	struct window *w = in->open[interest];

	in->open[interest] = NULL;
	/* Somebody else has ended it. */
	if (ledger_rules_end_at_last(in->ledger, w,
				     see(shared->events_done)) != NEVER)
		return true;
	ledger_leaving(in->ledger, w);
	switch (inbox_subscription(in, BLIPMQ_UNSUBSCRIBE,
				   &shared->plan.interests[interest])) {
	case ANSWER_REFUSED:
		/* A rule, which leaves the others; or else it will be seen again. */
		if (ledger_rules_end(in->ledger, w,
				     see(shared->events_begun)) != NEVER)
			break;
		/* An overflow has ended all of them. */
		if (in->way == WAY_PACKET && in->ledger->cuts)
			return cut_off(in);
		lib_say("%s: '%s' is not subscribed to: %u", in->ledger->who,
			shared->plan.interests[interest].pattern, in->refusal);
		return false;
	case ANSWER_WRONG:
		return false;
	default:
		break;
	}
	ledger_left(in->ledger, w);
	return true;
}

/* Strangers may not block publishers, unless a rule lets them. */
bool inbox_limit(struct inbox *in, int option, u32 value)
{
	enum answer answer;

	if (in->way == WAY_PACKET) {
		answer = answer_of(in, setsockopt(in->peer.fd, SOL_BLIPMQ,
						  option, &value,
						  sizeof(value)) ? -errno : 0);
	} else {
		lib_put_option(&in->peer, (u16)option, value);
		answer = confirmed(in);
	}
	if (option == BLIPMQ_OVERFLOW && answer == ANSWER_OK)
		in->ledger->blocks = value == BLIPMQ_OVERFLOW_BLOCK;
	if (answer != ANSWER_REFUSED)
		return answer != ANSWER_WRONG;
	if (in->ledger->stranger && option == BLIPMQ_OVERFLOW &&
	    value == BLIPMQ_OVERFLOW_BLOCK)
		return true;
	lib_say("%s: option %d cannot be %u: %u", in->ledger->who, option,
		value, in->refusal);
	return false;
}
