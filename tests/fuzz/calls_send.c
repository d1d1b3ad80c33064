// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: what goes to the broker.
 */
#include <string.h>
#include <unistd.h>

#include "calls.h"

/* The frames are made behind what calls_put() gives away. */
#define MADE	(512U << 10)

union controls {
	struct cmsghdr	c;
	u8		bytes[2048];
};

static int send_flags(struct calls_thread *t)
{
	u8 choice = calls_u8(t);

	if (choice < 100)
		return 0;
	if (choice < 200)
		return MSG_DONTWAIT;
	if (choice < 215)
		return MSG_MORE;
	if (choice < 225)
		return MSG_EOR | MSG_NOSIGNAL;
	if (choice < 235)
		return MSG_OOB;
	if (choice < 240)
		return MSG_ZEROCOPY;
	return (int)calls_u32(t);
}

/* @bytes in one write, in several, or as pieces of one. */
static void send_bytes(struct calls_thread *t, int fd, u8 *bytes, size_t len)
{
	size_t cut = len ? calls_u32(t) % len : 0;
	struct iovec iov[] = {
		{ .iov_base = bytes, .iov_len = cut / 2 },
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = bytes + cut / 2, .iov_len = cut - cut / 2 },
		{ .iov_base = bytes + cut, .iov_len = len - cut },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 4 };

	switch (calls_u8(t) % 8) {
	case 0:
		calls_result(t, writev(fd, iov, 4));
		break;
	case 1:
		calls_result(t, sendmsg(fd, &msg, send_flags(t)));
		break;
	case 2:
		calls_result(t, send(fd, bytes, len, send_flags(t)));
		break;
	case 3:
		calls_result(t, write(fd, bytes, cut));
		calls_result(t, write(fd, bytes + cut, len - cut));
		break;
	case 4:
		calls_result(t, write(fd, calls_put(t, bytes, len), len));
		break;
	case 5:
		iov[2].iov_base = calls_place(t, iov[2].iov_len);
		calls_result(t, writev(fd, iov, 4));
		break;
	default:
		calls_result(t, write(fd, bytes, len));
	}
}

void calls_write(struct calls_thread *t)
{
	int fd = calls_stream(t);
	size_t len = calls_frames(t, t->memory + MADE, MADE);

	send_bytes(t, fd, t->memory + MADE, len);
}

void calls_write_damaged(struct calls_thread *t)
{
	u8 *made = t->memory + MADE;
	int fd = calls_stream(t);
	size_t len = calls_frames(t, made, MADE);
	unsigned int n = 1 + calls_u8(t) % 4;

	while (len && n--)
		made[calls_u32(t) % (len < 400 ? len : 400)] = calls_u8(t);
	send_bytes(t, fd, made, len);
}

/* The beginning of frames; sometimes the rest comes as well. */
void calls_write_cut(struct calls_thread *t)
{
	u8 *made = t->memory + MADE;
	int fd = calls_stream(t);
	size_t len = calls_frames(t, made, MADE);
	size_t cut = len ? calls_u32(t) % len : 0, at = 0;

	if (calls_u8(t) < 64) {
		calls_result(t, write(fd, made, cut));
		return;
	}
	while (at < len) {
		cut = 1 + calls_u32(t) % (len / 4 + 1);
		if (cut > len - at)
			cut = len - at;
		if (calls_result(t, write(fd, made + at, cut)) < 0)
			break;
		at += cut;
	}
}

static socklen_t make_address(struct calls_thread *t,
			      struct sockaddr_blipmq *sa)
{
	size_t head = offsetof(struct sockaddr_blipmq, sbm_topic);
	u8 topic[256], choice = calls_u8(t);
	size_t len = calls_topic(t, topic);

	memset(sa, 0, sizeof(*sa));
	sa->sbm_family = choice < 240 ? AF_BLIPMQ : choice;
	if (len > sizeof(sa->sbm_topic))
		len = sizeof(sa->sbm_topic);
	memcpy(sa->sbm_topic, topic, len);
	return (socklen_t)(choice < 250 ? head + len : choice % 3);
}

void calls_sendto(struct calls_thread *t)
{
	int fd = calls_packet(t);
	struct sockaddr_blipmq sa;
	socklen_t sa_len = make_address(t, &sa);
	size_t len = calls_len(t);
	void *place = calls_place(t, len);

	if (calls_u8(t) < 200)
		calls_result(t, sendto(fd, place, len, send_flags(t),
				       (struct sockaddr *)&sa, sa_len));
	else
		calls_result(t, send(fd, place, len, send_flags(t)));
}

/* Returns the bytes of some control messages; the last may be damaged. */
static size_t make_controls(struct calls_thread *t, union controls *u)
{
	struct cmsghdr *c = &u->c;
	struct blipmq_publish publish = { 0 };
	u8 choice = calls_u8(t), body[256];
	size_t len, used = 0;
	unsigned int n;

	memset(u, 0, sizeof(*u));
	for (n = choice % 4; n; n--) {
		c = (struct cmsghdr *)(u->bytes + used);
		choice = calls_u8(t);
		c->cmsg_level = choice < 230 ? SOL_BLIPMQ : SOL_SOCKET;
		c->cmsg_type = choice % 8;
		len = calls_topic(t, body);
		if (choice % 2) {
			c->cmsg_type = BLIPMQ_PUBLISH;
			if (choice >= 128)
				publish.ttl_ms = calls_u8(t) % 3 ? U32_MAX :
						 calls_u8(t);
			publish.flags = choice >= 220 ? choice :
				choice >= 180 ? BLIPMQ_PUBLISH_RETAIN : 0;
			len = sizeof(publish);
			memcpy(body, &publish, len);
		} else if (choice < 160) {
			c->cmsg_type = BLIPMQ_TOPIC;
		}
		c->cmsg_len = CMSG_LEN(len);
		memcpy(CMSG_DATA(c), body, len);
		used += CMSG_SPACE(len);
	}
	if (used && choice >= 250)
		c->cmsg_len = calls_u8(t) % 2 ? calls_u8(t) : calls_u32(t);
	if (used && choice >= 245)
		used -= calls_u8(t) % used;
	return used;
}

struct packet {
	struct sockaddr_blipmq	sa;
	union controls		controls;
	struct iovec		iov[3];
};

static void make_message(struct calls_thread *t, struct packet *p,
			 struct msghdr *msg)
{
	unsigned int i;

	memset(msg, 0, sizeof(*msg));
	if (calls_u8(t) % 2) {
		msg->msg_name = &p->sa;
		msg->msg_namelen = make_address(t, &p->sa);
	}
	msg->msg_controllen = make_controls(t, &p->controls);
	if (msg->msg_controllen)
		msg->msg_control = calls_u8(t) < 250 ? &p->controls :
				   calls_place(t, msg->msg_controllen);
	msg->msg_iovlen = calls_u8(t) % 4;
	msg->msg_iov = p->iov;
	for (i = 0; i < msg->msg_iovlen; i++) {
		p->iov[i].iov_len = calls_len(t);
		p->iov[i].iov_base = calls_place(t, p->iov[i].iov_len);
	}
}

void calls_sendmsg(struct calls_thread *t)
{
	int fd = calls_u8(t) < 230 ? calls_packet(t) : calls_any(t);
	struct msghdr msg;
	struct packet p;

	make_message(t, &p, &msg);
	calls_result(t, sendmsg(fd, &msg, send_flags(t)));
}

void calls_sendmmsg(struct calls_thread *t)
{
	int fd = calls_u8(t) < 200 ? calls_packet(t) : calls_any(t);
	unsigned int n = 1 + calls_u8(t) % 4, i;
	struct mmsghdr msgs[4] = { 0 };
	struct packet packets[4];

	for (i = 0; i < n; i++)
		make_message(t, &packets[i], &msgs[i].msg_hdr);
	calls_result(t, sendmmsg(fd, msgs, n, send_flags(t)));
}
