// SPDX-License-Identifier: GPL-2.0
/*
 * Those who publish the package index, and those who read it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "index.h"

/* Above what the whole run may queue: nothing is dropped. */
#define QUEUE_MESSAGES	(1U << 20)
#define QUEUE_BYTES	(256U << 20)

#define BATCH_BYTES	49152U
#define BATCH_FRAMES	64U
#define PACKETS		32U
#define PAYLOAD_MAX	65536U

static bool start_packet(struct subscriber *s)
{
	u32 i;

	s->peer.fd = lib_packet();
	if (s->peer.fd < 0 ||
	    !lib_set_u32(s->peer.fd, BLIPMQ_QUEUE_MESSAGES, QUEUE_MESSAGES) ||
	    !lib_set_u32(s->peer.fd, BLIPMQ_QUEUE_BYTES, QUEUE_BYTES) ||
	    !lib_set_u32(s->peer.fd, BLIPMQ_INFO,
			 BLIPMQ_INFO_ID | BLIPMQ_INFO_LOST))
		return false;
	for (i = 0; i < s->in->nr_topics; i++)
		if (s->wants[i] &&
		    lib_subscription(s->peer.fd, BLIPMQ_SUBSCRIBE,
				     s->in->topics[i], NULL))
			return false;
	return true;
}

/* Connects and subscribes; when it returns, nothing more will be missed. */
bool subscriber_start(struct subscriber *s)
{
	u32 i;

	if (s->kind == CLIENT_PACKET)
		return start_packet(s);
	if (lib_open(&s->peer, s->kind == CLIENT_TCP ? LIB_TCP : LIB_LOCAL) < 0)
		return false;
	if (!lib_option(&s->peer, BLIPMQ_QUEUE_MESSAGES, QUEUE_MESSAGES) ||
	    !lib_option(&s->peer, BLIPMQ_QUEUE_BYTES, QUEUE_BYTES))
		return false;
	for (i = 0; i < s->in->nr_topics; i++)
		if (s->wants[i])
			lib_put(&s->peer, BLIPMQ_OP_SUB, 0, s->in->topics[i],
				NULL, 0);
	return lib_send(&s->peer) && lib_sync(&s->peer);
}

static bool took(struct subscriber *s, const void *topic, size_t topic_len,
		 u64 id, const void *payload, size_t len)
{
	u32 section = input_topic(s->in, topic, topic_len);
	u32 i;

	if (section == SECTIONS_MAX || !s->wants[section]) {
		lib_say("subscriber %u did not want %.*s", s->number,
			(int)topic_len, (const char *)topic);
		return false;
	}
	for (i = 0; i < s->nr_publishers && s->publisher[i] != id >> 40; i++)
		;
	if (i == PUBLISHERS) {
		lib_say("subscriber %u: a publisher too much", s->number);
		return false;
	}
	if (i == s->nr_publishers) {
		s->publisher[i] = id >> 40;
		s->nr_publishers++;
	} else if (id <= s->last_id[i]) {
		lib_say("subscriber %u: id %llu after %llu", s->number,
			(unsigned long long)id,
			(unsigned long long)s->last_id[i]);
		return false;
	}
	s->last_id[i] = id;
	chain_add(&s->got[i], message_hash(section, payload, len), len);
	return true;
}

static bool run_stream(struct subscriber *s)
{
	struct lib_frame in;
	u64 n;

	for (n = 0; n < s->expected; n++) {
		int ret = lib_next(&s->peer, &in);

		if (ret != 1 || in.f.op != BLIPMQ_OP_MSG || in.body_len < 8) {
			lib_say("subscriber %u: op %u, %d, after %llu of %llu",
				s->number, ret == 1 ? in.f.op : 0, ret,
				(unsigned long long)n,
				(unsigned long long)s->expected);
			return false;
		}
		if (!took(s, in.topic, in.f.topic_len,
			  blipmq_get_le64(in.body), in.body + 8,
			  in.body_len - 8))
			return false;
	}
	return lib_sync(&s->peer);
}

/* Where many messages are received in one call. */
struct packets {
	struct mmsghdr		msg[PACKETS];
	struct iovec		iov[PACKETS];
	struct sockaddr_blipmq	name[PACKETS];
	union {
		struct cmsghdr	c;
		u8		bytes[512];
	}			control[PACKETS];
	u8			payload[PACKETS][PAYLOAD_MAX];
};

static void prepare(struct packets *p)
{
	u32 i;

	for (i = 0; i < PACKETS; i++) {
		struct msghdr *h = &p->msg[i].msg_hdr;

		p->iov[i].iov_base = p->payload[i];
		p->iov[i].iov_len = PAYLOAD_MAX;
		h->msg_iov = &p->iov[i];
		h->msg_iovlen = 1;
		h->msg_name = &p->name[i];
		h->msg_namelen = sizeof(p->name[i]);
		h->msg_control = &p->control[i];
		h->msg_controllen = sizeof(p->control[i]);
	}
}

static bool run_packet(struct subscriber *s)
{
	struct packets *p = calloc(1, sizeof(*p));
	struct lib_message m;
	bool ok = p;
	u64 n = 0;
	char c;

	while (ok && n < s->expected) {
		int i, ret;

		prepare(p);
		ret = recvmmsg(s->peer.fd, p->msg, PACKETS, MSG_WAITFORONE,
			       NULL);
		if (ret <= 0) {
			lib_say("subscriber %u: recvmmsg %s after %llu",
				s->number, strerror(errno),
				(unsigned long long)n);
			ok = false;
		}
		for (i = 0; ok && i < ret; i++, n++) {
			memset(&m, 0, sizeof(m));
			lib_take_controls(&m, &p->msg[i].msg_hdr);
			ok = m.have_id && !m.have_lost &&
			     !(m.flags & MSG_TRUNC) &&
			     took(s, m.topic, strlen(m.topic), m.id,
				  p->payload[i], p->msg[i].msg_len);
		}
	}
	free(p);
	return ok && recv(s->peer.fd, &c, 1, MSG_DONTWAIT) == -1 &&
	       errno == EAGAIN;
}

void *subscriber_run(void *arg)
{
	struct subscriber *s = arg;

	s->ok = s->kind == CLIENT_PACKET ? run_packet(s) : run_stream(s);
	return NULL;
}

/* What it sends, and what each subscriber must therefore get of it. */
static void expect(struct publisher *p, const struct stanza *s)
{
	u64 hash = message_hash(s->section, s->text, s->len);
	u32 i;

	for (i = 0; i < SUBSCRIBERS; i++)
		if (p->subscribers[i].wants[s->section])
			chain_add(&p->want[i], hash, s->len);
}

static bool publish_frames(struct publisher *p)
{
	struct lib_peer peer;
	u32 i, frames = 0;
	bool ok;

	if (lib_open(&peer, p->kind == CLIENT_TCP ? LIB_TCP : LIB_LOCAL) < 0)
		return false;
	ok = true;
	for (i = p->number; ok && i < p->in->nr_stanzas; i += PUBLISHERS) {
		const struct stanza *s = &p->in->stanzas[i];

		lib_put_pub(&peer, 0, p->in->topics[s->section], 0, s->text,
			    s->len);
		expect(p, s);
		if (++frames == BATCH_FRAMES || peer.out_len > BATCH_BYTES) {
			ok = lib_send(&peer);
			frames = 0;
		}
	}
	/* No ERR came before the PONG: everything was accepted. */
	ok = ok && lib_send(&peer) && lib_sync(&peer);
	lib_close(&peer);
	return ok;
}

static bool publish_packets(struct publisher *p)
{
	struct sockaddr_blipmq names[SECTIONS_MAX];
	struct mmsghdr msg[PACKETS] = { 0 };
	struct iovec iov[PACKETS];
	int fd = lib_packet();
	u32 i, n = 0, done;

	if (fd < 0)
		return false;
	for (i = p->number; i < p->in->nr_stanzas; i += PUBLISHERS) {
		const struct stanza *s = &p->in->stanzas[i];
		struct msghdr *h = &msg[n].msg_hdr;

		iov[n].iov_base = (void *)s->text;
		iov[n].iov_len = s->len;
		h->msg_iov = &iov[n];
		h->msg_iovlen = 1;
		h->msg_name = &names[s->section];
		h->msg_namelen = lib_address(&names[s->section],
					     p->in->topics[s->section]);
		expect(p, s);
		if (++n < PACKETS && i + PUBLISHERS < p->in->nr_stanzas)
			continue;
		for (done = 0; done < n;) {
			int ret = sendmmsg(fd, msg + done, n - done, 0);

			if (ret <= 0) {
				lib_say("sendmmsg: %s", strerror(errno));
				close(fd);
				return false;
			}
			done += (u32)ret;
		}
		n = 0;
	}
	close(fd);
	return true;
}

void *publisher_run(void *arg)
{
	struct publisher *p = arg;

	p->ok = p->kind == CLIENT_PACKET ? publish_packets(p) :
		publish_frames(p);
	return NULL;
}
