// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on streams, for faults.c. A write that fails has taken what it
 * says, and goes on from there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"

/* One write of what is left: what it did not take comes again. */
static int write_some(struct faults_scene *s, size_t most)
{
	size_t left = s->stream.out_len - s->done;
	ssize_t n = send(s->stream.fd, s->stream.out + s->done,
			 left < most ? left : most, MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	s->done += (size_t)n;
	return s->done < s->stream.out_len;
}

static int act_write(struct faults_scene *s)
{
	return write_some(s, SIZE_MAX);
}

static bool confirmed(struct faults_scene *s, u32 tag, const char *topic)
{
	s->stream.out_len = 0;
	return lib_expect_ack(&s->stream, tag, topic);
}

static bool prepare_pub(struct faults_scene *s)
{
	lib_put_pub(&s->stream, BLIPMQ_FLAG_CONFIRM, "f.a", 7,
		    faults_payload(), 100);
	return true;
}

static bool check_pub(struct faults_scene *s)
{
	return confirmed(s, 7, "f.a") &&
	       lib_expect_msg(&s->peer, "f.a", faults_payload(), 100, NULL) &&
	       lib_sync(&s->stream) && lib_expect_silence(&s->peer);
}

static bool prepare_large(struct faults_scene *s)
{
	lib_put_pub(&s->stream, BLIPMQ_FLAG_CONFIRM, "f.a", 7,
		    faults_payload(), FAULTS_MIB);
	return true;
}

static bool check_large(struct faults_scene *s)
{
	return confirmed(s, 7, "f.a") &&
	       lib_expect_msg(&s->peer, "f.a", faults_payload(), FAULTS_MIB,
			      NULL) &&
	       lib_sync(&s->stream) && lib_expect_silence(&s->peer);
}

/* In pieces: a header alone, and then as they come. */
static bool prepare_pieces(struct faults_scene *s)
{
	return prepare_large(s) && write_some(s, 5) == 1;
}

static int act_pieces(struct faults_scene *s)
{
	return write_some(s, 100000);
}

/* Topics that several sockets share in different ways. */
static bool prepare_bundle(struct faults_scene *s)
{
	char topic[8];
	u32 i;

	if (!lib_subscribe(&s->peer, "f.1") || !lib_subscribe(&s->peer, "f.2"))
		return false;
	for (i = 0; i < 64; i++) {
		snprintf(topic, sizeof(topic), "f.%u", i % 5);
		lib_put_pub(&s->stream, i == 63 ? BLIPMQ_FLAG_CONFIRM : 0,
			    topic, i, faults_payload() + i, 60);
	}
	return true;
}

/* The messages of other topics are not for it; 63 % 5 is 3. */
static bool check_bundle(struct faults_scene *s)
{
	char topic[8];
	u32 i;

	if (!confirmed(s, 63, "f.3"))
		return false;
	for (i = 0; i < 64; i++) {
		snprintf(topic, sizeof(topic), "f.%u", i % 5);
		if ((i % 5 == 1 || i % 5 == 2) &&
		    !lib_expect_msg(&s->peer, topic, faults_payload() + i, 60,
				    NULL))
			return false;
	}
	return lib_sync(&s->stream) && lib_expect_silence(&s->peer);
}

static bool prepare_subscribe(struct faults_scene *s)
{
	lib_put(&s->stream, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, "f.new", NULL,
		0);
	return true;
}

/*
 * Want of memory is told by an ERR 429 here: the client asks again, and then
 * it is subscribed.
 */
static bool check_subscribe(struct faults_scene *s)
{
	struct lib_frame in;

	s->stream.out_len = 0;
	if (lib_next(&s->stream, &in) != 1)
		return false;
	if (in.f.op == BLIPMQ_OP_ERR) {
		if (blipmq_get_le16(in.body + 4) != 429 ||
		    lib_status_of("subscriptions") != 2 ||
		    !lib_subscribe(&s->stream, "f.new"))
			return false;
	} else if (in.f.op != BLIPMQ_OP_ACK) {
		return false;
	}
	return lib_publish(&s->peer, "f.new", "x", 1) &&
	       lib_expect_msg(&s->stream, "f.new", "x", 1, NULL);
}

static bool prepare_controls(struct faults_scene *s)
{
	if (!lib_subscribe(&s->stream, "f.old"))
		return false;
	lib_put(&s->stream, BLIPMQ_OP_PING, 0, NULL, "ping", 4);
	lib_put(&s->stream, BLIPMQ_OP_UNSUB, BLIPMQ_FLAG_CONFIRM, "f.old",
		NULL, 0);
	lib_put_option(&s->stream, BLIPMQ_QUEUE_MESSAGES, 10);
	lib_put(&s->stream, BLIPMQ_OP_UNSUB, 0, "f.none", NULL, 0);
	return true;
}

static bool check_controls(struct faults_scene *s)
{
	s->stream.out_len = 0;
	return lib_expect_pong(&s->stream, "ping", 4) &&
	       lib_expect_ack(&s->stream, 0, "f.old") &&
	       lib_expect_ack(&s->stream, 0, NULL) &&
	       lib_expect_err(&s->stream, 404, 0, "f.none") &&
	       lib_sync(&s->stream) && lib_status_of("subscriptions") == 2;
}

/* So many that the answers take several buffers. */
static bool prepare_pings(struct faults_scene *s)
{
	char body[64];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(body, sizeof(body), "%063d", i);
		lib_put(&s->stream, BLIPMQ_OP_PING, 0, NULL, body, 64);
	}
	return true;
}

static bool check_pings(struct faults_scene *s)
{
	char body[64];
	int i;

	s->stream.out_len = 0;
	for (i = 0; i < 100; i++) {
		snprintf(body, sizeof(body), "%063d", i);
		if (!lib_expect_pong(&s->stream, body, 64))
			return false;
	}
	return lib_sync(&s->stream);
}

static bool prepare_malformed(struct faults_scene *s)
{
	static const u8 bad[8] = { 8, 0, 0, 0, 0xf0, 0, 0, 0 };

	lib_put_pub(&s->stream, 0, "f.a", 7, faults_payload(), 100);
	lib_raw(&s->stream, bad, sizeof(bad));
	return true;
}

static bool check_malformed(struct faults_scene *s)
{
	return lib_expect_err(&s->stream, 400, 0, "") &&
	       lib_expect_eof(&s->stream) &&
	       lib_expect_msg(&s->peer, "f.a", faults_payload(), 100, NULL);
}

/*
 * A frame of eight bytes in two writes. If its end finds no memory, the writer
 * may come with another one: then it is malformed.
 */
static bool prepare_split(struct faults_scene *s)
{
	static const u8 quit[8] = { 8, 0, 0, 0, BLIPMQ_OP_QUIT << 4 };

	lib_raw(&s->stream, quit, sizeof(quit));
	return write_some(s, 7) == 1;
}

static int act_split(struct faults_scene *s)
{
	int ret = write_some(s, 1);

	if (ret < 0)
		s->stream.out[7] = 1;
	return ret;
}

static bool check_split(struct faults_scene *s)
{
	return (!s->stream.out[7] ||
		lib_expect_err(&s->stream, 400, 0, "")) &&
	       lib_expect_eof(&s->stream);
}

static bool prepare_quit(struct faults_scene *s)
{
	lib_put(&s->stream, BLIPMQ_OP_PING, 0, NULL, "ping", 4);
	lib_put(&s->stream, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
	return true;
}

static bool check_quit(struct faults_scene *s)
{
	return lib_expect_pong(&s->stream, "ping", 4) &&
	       lib_expect_eof(&s->stream);
}

/* Reads of answers and of messages, into a buffer of their own. */
static bool prepare_read(struct faults_scene *s)
{
	return lib_publish(&s->stream, "f.a", faults_payload(), 70000);
}

static int act_read(struct faults_scene *s)
{
	static u8 got[70019];
	ssize_t n = recv(s->peer.fd, got + s->done, sizeof(got) - s->done,
			 MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	s->done += (size_t)n;
	if (s->done < sizeof(got))
		return 1;
	return memcmp(got + 19, faults_payload(), 70000) ? -EBADMSG : 0;
}

static bool check_read(struct faults_scene *s)
{
	return lib_sync(&s->peer);
}

static int act_shutdown(struct faults_scene *s)
{
	return shutdown(s->peer.fd, SHUT_RDWR) ? -errno : 0;
}

const struct faults_scenario faults_stream[] = {
	{ "PUB", prepare_pub, act_write, check_pub, .sites = 3 },
	{ "PUB, 1 MiB", prepare_large, act_write, check_large, .sites = 20 },
	{ "PUB in pieces", prepare_pieces, act_pieces, check_large,
	  .sites = 3 },
	{ "PUB, a bundle of many topics", prepare_bundle, act_write,
	  check_bundle, .sites = 4 },
	{ "SUB", prepare_subscribe, act_write, check_subscribe, .sites = 5 },
	{ "PING, UNSUB, OPTION, and a refusal", prepare_controls, act_write,
	  check_controls, .sites = 2 },
	{ "PINGs", prepare_pings, act_write, check_pings, .sites = 10 },
	{ "a malformed frame", prepare_malformed, act_write, check_malformed,
	  .sites = 2 },
	{ "a frame whose end changes", prepare_split, act_split, check_split,
	  .sites = 1 },
	{ "QUIT", prepare_quit, act_write, check_quit, .sites = 1 },
	{ "read", prepare_read, act_read, check_read, .sites = 1 },
	{ "shutdown", NULL, act_shutdown, NULL, .sites = 0 },
	{ .name = NULL },
};
