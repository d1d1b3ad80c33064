// SPDX-License-Identifier: GPL-2.0
/*
 * What a broker answers to each frame, in order or not, over a local socket
 * and over TCP, while a pair of other clients goes on undisturbed.
 *
 * Each case has a connection of its own and one write: a PING, the frame, and
 * another PING. So what comes shows that the frame before took effect, what
 * the answer is, and whether the connection goes on. And once more with a PUB
 * before the frame, since many of them are judged in one go.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kselftest.h>

#include "names.h"
#include "protocol_rows.h"

static enum lib_way way;

static void result(bool ok, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	ksft_test_result(ok, "protocol %s: %s\n",
			 way == LIB_TCP ? "tcp" : "local", what);
	fflush(stdout);
}

static bool is_fatal(u16 code)
{
	return code == 400 || code == 401 || code == 413;
}

static size_t topic_bytes(const struct row *r)
{
	if (!r->topic)
		return 0;
	return r->topic_bytes ? r->topic_bytes : strlen(r->topic);
}

static void put_row(struct lib_peer *p, const struct row *r)
{
	size_t topic = topic_bytes(r);
	u8 h[BLIPMQ_FRAME_HEADER];

	blipmq_frame_encode(h, r->op, r->flags, (u8)topic, r->body_len);
	if (r->size || r->size_zero)
		blipmq_put_le32(h, r->size);
	if (r->topic_len)
		h[5] = r->topic_len;
	blipmq_put_le16(h + 6, r->reserved);
	lib_raw(p, h, sizeof(h));
	if (r->header_only)
		return;
	lib_raw(p, r->topic ? r->topic : "", topic);
	lib_raw(p, r->body ? r->body : "", r->body_len);
}

/* The frame's own answer; true for *@ends when the connection ends with it. */
static bool answered(struct lib_peer *p, const struct row *r, bool *ends)
{
	const char *echo = r->echo ? r->topic : "";

	*ends = false;
	switch (r->answer) {
	case ROW_ERR:
		*ends = is_fatal(r->code);
		return lib_expect_err_bytes(p, r->code, r->tag, echo,
					    r->echo ? topic_bytes(r) : 0);
	case ROW_NOTHING:
		return true;
	case ROW_ACK:
		return lib_expect_ack(p, r->tag, echo);
	case ROW_PONG:
		return lib_expect_pong(p, r->body ? r->body : "",
				       r->body_len);
	case ROW_EOF:
		*ends = true;
		return true;
	}
	return false;
}

static bool holds_after(const struct row *r, bool pub)
{
	struct lib_peer p;
	bool ok, ends;

	if (lib_open(&p, way) < 0)
		return false;
	lib_put(&p, BLIPMQ_OP_PING, 0, NULL, "before", 6);
	if (r->before)
		lib_put(&p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, r->before,
			NULL, 0);
	if (pub)
		lib_put_pub(&p, 0, "t.before", 0, "x", 1);
	put_row(&p, r);
	/* A local write after a QUIT would be told so: EPIPE. */
	if (!r->header_only && r->answer != ROW_EOF)
		lib_put(&p, BLIPMQ_OP_PING, 0, NULL, "after", 5);
	ok = lib_send(&p) && lib_expect_pong(&p, "before", 6);
	if (r->before)
		ok = ok && lib_expect_ack(&p, 0, r->before);
	ok = ok && answered(&p, r, &ends);
	if (ok && ends)
		ok = lib_expect_eof(&p);
	else if (ok && !r->header_only)
		ok = lib_expect_pong(&p, "after", 5);
	lib_close(&p);
	if (!ok)
		lib_say("in: %s%s", r->what, pub ? ", after a PUB" : "");
	return ok;
}

static bool holds(const struct row *r)
{
	return holds_after(r, false) && holds_after(r, true);
}

/* Operation @op, claiming and having @size bytes, zeros after the header. */
static struct row of_size(u8 op, u32 size)
{
	static const char zeros[16];
	struct row r = { "a small size", .op = op, .body = zeros };

	if (size < BLIPMQ_FRAME_HEADER) {
		/* The bytes are there; the claim is what is wrong. */
		r.size = size;
		r.size_zero = !size;
		r.code = 400;
		return r;
	}
	r.body_len = size - BLIPMQ_FRAME_HEADER;
	switch (op) {
	case BLIPMQ_OP_PING:
		r.answer = ROW_PONG;
		break;
	case BLIPMQ_OP_PONG:
		r.answer = ROW_NOTHING;
		break;
	case BLIPMQ_OP_AUTH:
		r.code = 501;
		break;
	case BLIPMQ_OP_QUIT:
		r.answer = r.body_len ? ROW_ERR : ROW_EOF;
		r.code = 400;
		break;
	case BLIPMQ_OP_SUB:
	case BLIPMQ_OP_UNSUB:
		r.code = r.body_len ? 400 : 422;
		break;
	case BLIPMQ_OP_OPTION:
		r.code = r.body_len < 2 ? 400 : 422;
		break;
	default:
		r.code = 400;
		break;
	}
	return r;
}

static void sizes(void)
{
	u32 size;
	u8 op;

	for (op = 0; op < 16; op++) {
		bool ok = true;

		for (size = 0; size <= 12; size++) {
			struct row r = of_size(op, size);

			if (!holds(&r)) {
				lib_say("op %u, frame_size %u", op, size);
				ok = false;
			}
		}
		result(ok, "operation %u, frame_size 0 to 12", op);
	}
}

/* Every flag on every operation of a client, on a frame otherwise in order. */
static void flags(void)
{
	static const struct {
		struct row row;
		u8 defined;
	} frames[] = {
		{ { "PUB", BLIPMQ_OP_PUB, 0, "t.f", .body = "\0\0\0\0\7\0\0\0",
		    .body_len = 8, .tag = 7, .echo = true }, 3 },
		{ { "SUB", BLIPMQ_OP_SUB, 0, "t.f", .echo = true }, 1 },
		{ { "UNSUB", BLIPMQ_OP_UNSUB, 0, "t.f", .before = "t.f",
		    .echo = true }, 1 },
		{ { "QUIT", BLIPMQ_OP_QUIT, .body_len = 0 }, 0 },
		{ { "PING", BLIPMQ_OP_PING, .body = "x", .body_len = 1 }, 0 },
		{ { "PONG", BLIPMQ_OP_PONG, .body = "x", .body_len = 1 }, 0 },
		{ { "AUTH", BLIPMQ_OP_AUTH, .body = "x", .body_len = 1 }, 1 },
		{ { "OPTION", BLIPMQ_OP_OPTION, .body = "\4\0\12\0\0\0",
		    .body_len = 6 }, 1 },
	};
	size_t i;
	u8 f;

	for (i = 0; i < ARRAY_SIZE(frames); i++) {
		bool ok = true;

		for (f = 2; f < 16; f++) {
			struct row r = frames[i].row;

			/* RETAIN of a PUB, which is no error. */
			if (!(f & 12) && (f & 2) && frames[i].defined & 2)
				continue;

			r.flags = f;
			r.code = f & 3 & ~frames[i].defined ? 400 : 501;
			if (r.code == 400) {
				/* Judged before topic and tag are there. */
				r.tag = 0;
				r.echo = false;
			}
			if (!holds(&r)) {
				lib_say("flags %u", f);
				ok = false;
			}
		}
		result(ok, "%s, flags 2 to 15", frames[i].row.what);
	}
}

/* Each name, published to, subscribed to and unsubscribed from. */
static void all_names(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const struct name *n = &names[i];
		struct row r = {
			"name", BLIPMQ_OP_PUB, BLIPMQ_FLAG_CONFIRM, n->bytes,
			.topic_bytes = n->len, .body = "\0\0\0\0\7\0\0\0x",
			.body_len = 9, .tag = 7, .echo = true,
			.answer = n->topic ? ROW_ACK : ROW_ERR, .code = 422,
		};
		bool ok = holds(&r);

		r.body_len = 0;
		r.tag = 0;
		r.op = BLIPMQ_OP_SUB;
		if (n->pattern)
			r.answer = ROW_ACK;
		ok = holds(&r) && ok;
		r.op = BLIPMQ_OP_UNSUB;
		r.answer = ROW_ERR;
		if (n->pattern)
			r.code = 404;
		ok = holds(&r) && ok;
		result(ok, "name: %s", n->what);
	}
}

static void options(void)
{
	static const u16 unknown[] = { 0, 1, 2, 3, 8, 9, 10, 11, 12, 255, 256,
				       1028, 65535 };
	bool ok = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		u8 body[6] = { 0, 0, 1 };
		struct row r = { "option number", BLIPMQ_OP_OPTION, 1,
				 .body = (char *)body, .body_len = 6,
				 .code = 422 };

		blipmq_put_le16(body, unknown[i]);
		if (!holds(&r)) {
			lib_say("option %u", unknown[i]);
			ok = false;
		}
	}
	result(ok, "options that cannot be set on the wire");
}

/* 429: one more subscription than a socket may have, and 404, 501 and 422 */
static void subscription_limit(void)
{
	long long limit = lib_status_of("limits.subscriptions"), i;
	char topic[64], none[64];
	struct lib_peer p;
	bool ok = limit > 0 && lib_open(&p, way) >= 0;

	for (i = 0; ok && i < limit; i++) {
		snprintf(topic, sizeof(topic), "t.limit.%lld", i);
		lib_put(&p, BLIPMQ_OP_SUB, 0, topic, NULL, 0);
		if (i % 256 == 255)
			ok = lib_send(&p);
	}
	ok = ok && lib_send(&p) && lib_sync(&p);
	result(ok, "subscriptions up to the limit (%lld)", limit);

	snprintf(none, sizeof(none), "t.limit.%lld", limit);
	lib_put(&p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, none, NULL, 0);
	lib_put(&p, BLIPMQ_OP_SUB, 0, none, NULL, 0);
	ok = ok && lib_send(&p) && lib_expect_err(&p, 429, 0, none) &&
	     lib_expect_err(&p, 429, 0, none) && lib_sync(&p);
	result(ok, "429 over the limit, and the connection goes on");

	/* The same again takes no place; what is wrong is said first. */
	lib_put(&p, BLIPMQ_OP_SUB, BLIPMQ_FLAG_CONFIRM, "t.limit.0", NULL, 0);
	lib_put(&p, BLIPMQ_OP_SUB, 0, "t..x", NULL, 0);
	lib_put(&p, BLIPMQ_OP_UNSUB, 0, none, NULL, 0);
	ok = ok && lib_send(&p) && lib_expect_ack(&p, 0, "t.limit.0") &&
	     lib_expect_err(&p, 422, 0, "t..x") &&
	     lib_expect_err(&p, 404, 0, none) && lib_sync(&p);
	result(ok, "at the limit: the same again, 422 before 429, 404");

	ok = ok && lib_unsubscribe(&p, "t.limit.5") &&
	     lib_subscribe(&p, none);
	result(ok, "an UNSUB makes room for a SUB");
	if (limit > 0)
		lib_close(&p);
}

/* A pair of clients that goes round and round; its rounds are counted. */
static pid_t bystanders(volatile unsigned long *rounds,
			volatile bool *enough)
{
	struct lib_peer pub, sub;
	u64 id, last = 0;
	char text[32];
	pid_t pid = fork();

	if (pid)
		return pid;
	if (lib_open(&pub, way) < 0 || lib_open(&sub, LIB_LOCAL) < 0 ||
	    !lib_subscribe(&sub, "t.bystanders"))
		_exit(1);
	while (!*enough) {
		snprintf(text, sizeof(text), "round %lu", *rounds);
		if (!lib_publish(&pub, "t.bystanders", text, strlen(text)) ||
		    !lib_expect_msg(&sub, "t.bystanders", text, strlen(text),
				    &id))
			_exit(1);
		if (last && id != last + 1)
			_exit(2);
		last = id;
		++*rounds;
	}
	_exit(!lib_sync(&sub) || !lib_sync(&pub));
}

static void whole_table(enum lib_way how, volatile unsigned long *rounds,
			volatile bool *enough)
{
	int status = -1;
	pid_t pid;
	size_t i;

	way = how;
	*rounds = 0;
	*enough = false;
	pid = bystanders(rounds, enough);
	for (i = 0; i < protocol_rows_nr; i++)
		result(holds(&protocol_rows[i]), "%s", protocol_rows[i].what);
	sizes();
	flags();
	all_names();
	options();
	subscription_limit();
	*enough = true;
	waitpid(pid, &status, 0);
	result(!status && *rounds > 10,
	       "bystanders went on: %lu rounds, status %d", *rounds, status);
}

int main(void)
{
	size_t tests = protocol_rows_nr + 16 + 8 + ARRAY_SIZE(names) + 1 + 4 +
		       1;
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ksft_print_header();
	ksft_set_plan((unsigned int)(2 * tests));
	if (shared == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	whole_table(LIB_LOCAL, shared, (bool *)shared + 64);
	whole_table(LIB_TCP, shared, (bool *)shared + 64);
	ksft_exit(!ksft_get_fail_cnt());
}
