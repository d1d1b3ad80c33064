// SPDX-License-Identifier: GPL-2.0
/*
 * Both ends of the engine: publishing whichever way, and subscribers that do
 * not read for a while. What is behind a blipmqd is read by that at once, so
 * they have one of their own, which is stopped meanwhile.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "engine.h"

bool writer_open(struct writer *w, enum reader_way way)
{
	memset(w, 0, sizeof(*w));
	w->way = way;
	if (way == READER_PACKET)
		w->peer.fd = lib_packet();
	else
		lib_open(&w->peer, way == READER_TCP ? LIB_TCP : LIB_LOCAL);
	return w->peer.fd >= 0;
}

void writer_close(struct writer *w)
{
	lib_close(&w->peer);
}

static int publish_packet(struct writer *w, const char *topic,
			  const void *payload, size_t len, u32 ttl_ms,
			  bool retain)
{
	const struct blipmq_publish how = {
		.ttl_ms = ttl_ms,
		.flags = retain ? BLIPMQ_PUBLISH_RETAIN : 0,
	};
	union {
		struct cmsghdr	c;
		char		bytes[CMSG_SPACE(sizeof(how))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)payload, .iov_len = len };
	struct sockaddr_blipmq sa;
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = lib_address(&sa, topic),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	control.c.cmsg_level = SOL_BLIPMQ;
	control.c.cmsg_type = BLIPMQ_PUBLISH;
	control.c.cmsg_len = CMSG_LEN(sizeof(how));
	memcpy(CMSG_DATA(&control.c), &how, sizeof(how));
	return sendmsg(w->peer.fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int error_of(u16 code)
{
	switch (code) {
	case BLIPMQ_CODE_FORBIDDEN:	return -EACCES;
	case BLIPMQ_CODE_TOO_LARGE:	return -EMSGSIZE;
	case BLIPMQ_CODE_LIMIT:		return -ENOBUFS;
	}
	return -EPROTO;
}

/* Returns 0 once it is confirmed, or -errno, for codes as for calls. */
int writer_publish(struct writer *w, const char *topic, const void *payload,
		   size_t len, u32 ttl_ms, bool retain)
{
	u8 body[1024] = { 0 };
	struct lib_frame in;

	if (w->way == READER_PACKET)
		return publish_packet(w, topic, payload, len, ttl_ms, retain);
	blipmq_put_le32(body, ttl_ms);
	memcpy(body + BLIPMQ_FRAME_PUB_FIXED, payload, len);
	lib_put(&w->peer, BLIPMQ_OP_PUB, BLIPMQ_FLAG_CONFIRM |
		(retain ? BLIPMQ_FLAG_RETAIN : 0), topic, body,
		BLIPMQ_FRAME_PUB_FIXED + len);
	if (!lib_send(&w->peer) || lib_next(&w->peer, &in) != 1)
		return -EIO;
	if (in.f.op == BLIPMQ_OP_ACK)
		return 0;
	return in.f.op == BLIPMQ_OP_ERR && in.body_len >= 6 ?
	       error_of(blipmq_get_le16(in.body + 4)) : -EPROTO;
}

int writer_number(struct writer *w, const char *topic, u32 number)
{
	u8 bytes[4];

	blipmq_put_le32(bytes, number);
	return writer_publish(w, topic, bytes, sizeof(bytes), 0, false);
}

/* A blipmqd for subscribers. */
bool engine_proxy(struct engine *e)
{
	char *const argv[] = { "blipmqd", "127.0.0.1:0", NULL };
	pid_t pid = lib_server_start(argv, e->address, sizeof(e->address));

	e->proxy = pid > 0 ? pid : 0;
	return pid > 0;
}

bool engine_open_reader(struct engine *e, struct reader *r)
{
	char *suites = getenv("BLIPMQ_TEST_TCP"), kept[64];
	bool ok;

	if (e->out == READER_TCP) {
		snprintf(kept, sizeof(kept), "%s", suites ? suites : "");
		setenv("BLIPMQ_TEST_TCP", e->address, 1);
	}
	ok = reader_open(r, e->out);
	if (e->out == READER_TCP)
		setenv("BLIPMQ_TEST_TCP", kept, 1);
	if (ok && e->out == READER_PACKET)
		ok = lib_set_u32(r->fd, BLIPMQ_INFO, BLIPMQ_INFO_LOST |
				 BLIPMQ_INFO_RETAINED |
				 BLIPMQ_INFO_CREDENTIALS);
	return ok;
}

/* The subscriber's queue is not read until engine_let_go(). */
bool engine_hold(struct engine *e)
{
	int status;

	if (!e->proxy)
		return true;
	return !kill(e->proxy, SIGSTOP) &&
	       waitpid(e->proxy, &status, WUNTRACED) == e->proxy &&
	       WIFSTOPPED(status);
}

bool engine_let_go(struct engine *e)
{
	return !e->proxy || !kill(e->proxy, SIGCONT);
}

bool engine_option(struct engine *e, u16 option, u32 value)
{
	return e->out == READER_PACKET ? lib_set_u32(e->r.fd, option, value) :
	       lib_option(&e->r.peer, option, value);
}

/* A number, before which so many messages were lost. */
bool engine_expect_after_loss(struct engine *e, u64 lost, const char *topic,
			      u32 number)
{
	struct lib_message m;
	u8 bytes[8];

	if (e->out != READER_PACKET)
		return lib_expect_lost(&e->r.peer, lost) &&
		       reader_expect_u32(&e->r, topic, number);
	if (lib_recvmsg(e->r.fd, &m, bytes, sizeof(bytes), 0) == 4 &&
	    !strcmp(m.topic, topic) && blipmq_get_le32(bytes) == number &&
	    m.lost == lost)
		return true;
	lib_say("expected %u of %s after a loss of %llu, got %zd bytes of %s after %llu",
		number, topic, (unsigned long long)lost, m.len, m.topic,
		(unsigned long long)m.lost);
	return false;
}

/* The subscriber was too slow, is told so, and that is the end. */
bool engine_expect_cut(struct engine *e)
{
	char byte;

	if (e->out != READER_PACKET)
		return lib_expect_err(&e->r.peer, BLIPMQ_CODE_LIMIT, 0, NULL) &&
		       lib_expect_eof(&e->r.peer);
	return recv(e->r.fd, &byte, 1, 0) == -1 && errno == ENOBUFS &&
	       !recv(e->r.fd, &byte, 1, 0);
}

/* A message of some topic; and of this user, where that can be seen. */
bool engine_is_from(struct engine *e, const char *topic, u32 uid)
{
	union {
		struct cmsghdr	c;
		char		bytes[512];
	} control;
	struct sockaddr_blipmq sa;
	char bytes[256];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = sizeof(sa),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct ucred cred = { .uid = ~0U };
	struct cmsghdr *c;

	if (e->out != READER_PACKET)
		return reader_expect_u32(&e->r, topic, uid);
	if (recvmsg(e->r.fd, &msg, 0) != 4)
		return false;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	if (cred.uid == uid)
		return true;
	lib_say("from user %u, not %u", cred.uid, uid);
	return false;
}
