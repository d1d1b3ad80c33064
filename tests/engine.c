// SPDX-License-Identifier: GPL-2.0
/*
 * Each rule of the engine, whichever way messages come and whichever way they
 * go. One row a rule; other programs look at the rules more closely, mostly by
 * the local ways.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "engine.h"
#include "harness.h"

/* Somebody whom local publishers act for. */
#define ALICE	1001
/* A group of nobody's. */
#define NOBODY	4711

/* The first thing that does not hold ends a row. */
#define HOLDS(what) do {						\
	if (!(what)) {							\
		lib_say("does not hold: %s", #what);			\
		return false;						\
	}								\
} while (0)

#define PUBLISHES(topic, number) HOLDS(!writer_number(&e->w, topic, number))
#define GETS(topic, number)	HOLDS(reader_expect_u32(&e->r, topic, number))
#define GETS_NOTHING()		HOLDS(reader_expect_nothing(&e->r))
#define SUBSCRIBES(pattern, group)					\
	HOLDS(reader_subscribe(&e->r, pattern, group))

static bool topics(struct engine *e)
{
	SUBSCRIBES("eng.a", NULL);
	PUBLISHES("eng.a", 1);
	PUBLISHES("eng.aa", 2);
	PUBLISHES("eng.a.a", 3);
	GETS("eng.a", 1);
	HOLDS(reader_unsubscribe(&e->r, "eng.a", NULL));
	PUBLISHES("eng.a", 4);
	GETS_NOTHING();
	return true;
}

static bool patterns(struct engine *e)
{
	SUBSCRIBES("eng.*.c", NULL);
	SUBSCRIBES("eng.d.>", NULL);
	PUBLISHES("eng.a.c", 1);
	PUBLISHES("eng.c", 2);
	PUBLISHES("eng.a.a.c", 3);
	PUBLISHES("eng.d", 4);
	PUBLISHES("eng.d.a.c", 5);
	GETS("eng.a.c", 1);
	GETS("eng.d.a.c", 5);
	GETS_NOTHING();
	return true;
}

static bool overlapping_patterns(struct engine *e)
{
	SUBSCRIBES("eng.a", NULL);
	SUBSCRIBES("eng.*", NULL);
	SUBSCRIBES("eng.>", NULL);
	PUBLISHES("eng.a", 1);
	PUBLISHES("eng.b", 2);
	GETS("eng.a", 1);
	GETS("eng.b", 2);
	GETS_NOTHING();
	return true;
}

static bool queue_groups(struct engine *e)
{
	struct reader other;
	int n, m;
	u32 i;

	HOLDS(engine_open_reader(e, &other));
	SUBSCRIBES("eng.*", "workers");
	HOLDS(reader_subscribe(&other, "eng.*", "workers"));
	for (i = 0; i < 6; i++)
		PUBLISHES("eng.a", i);
	n = reader_count(&e->r);
	m = reader_count(&other);
	HOLDS(n == 3 && m == 3);
	reader_close(&other);
	/* A TCP client's member is gone when blipmqd has heard of it. */
	HOLDS(lib_status_wait("subscriptions", 1));
	for (i = 0; i < 6; i++)
		PUBLISHES("eng.a", i);
	HOLDS(reader_count(&e->r) == 6);
	return true;
}

static bool fills(struct engine *e, u32 policy, const char *topic, u32 messages)
{
	u32 i;

	HOLDS(reader_set_limits(&e->r, 2, 1 << 20));
	HOLDS(engine_option(e, BLIPMQ_OVERFLOW, policy));
	SUBSCRIBES(topic, NULL);
	HOLDS(engine_hold(e));
	for (i = 1; i <= messages; i++)
		PUBLISHES(topic, i);
	HOLDS(engine_let_go(e));
	return true;
}

static bool drop_oldest(struct engine *e)
{
	HOLDS(fills(e, BLIPMQ_OVERFLOW_DROP_OLDEST, "eng.a", 4));
	HOLDS(engine_expect_after_loss(e, 2, "eng.a", 3));
	GETS("eng.a", 4);
	GETS_NOTHING();
	return true;
}

static bool drop_new(struct engine *e)
{
	HOLDS(fills(e, BLIPMQ_OVERFLOW_DROP_NEW, "eng.a", 4));
	GETS("eng.a", 1);
	GETS("eng.a", 2);
	PUBLISHES("eng.a", 5);
	HOLDS(engine_expect_after_loss(e, 2, "eng.a", 5));
	GETS_NOTHING();
	return true;
}

static bool disconnect(struct engine *e)
{
	HOLDS(fills(e, BLIPMQ_OVERFLOW_DISCONNECT, "eng.a", 3));
	HOLDS(engine_expect_cut(e));
	PUBLISHES("eng.a", 4);
	return true;
}

/* What a publisher is held up with, it publishes in the end. */
static bool block(struct engine *e)
{
	int status;
	pid_t pid;
	u32 i;

	/* Also what a TCP reader looks with whether there is more. */
	HOLDS(!lib_rule_add(">", 0, 0, 0777));
	HOLDS(fills(e, BLIPMQ_OVERFLOW_BLOCK, "eng.a", 0));
	HOLDS(engine_hold(e));
	pid = fork();
	if (!pid) {
		for (i = 1; i <= 5; i++)
			if (writer_number(&e->w, "eng.a", i))
				_exit(1);
		_exit(0);
	}
	HOLDS(lib_status_wait("totals.queued-messages", 2));
	HOLDS(engine_let_go(e));
	for (i = 1; i <= 5; i++)
		GETS("eng.a", i);
	GETS_NOTHING();
	HOLDS(waitpid(pid, &status, 0) == pid && !status);
	return true;
}

static bool conflate(struct engine *e)
{
	HOLDS(engine_option(e, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_CONFLATE));
	SUBSCRIBES("eng.*", NULL);
	HOLDS(engine_hold(e));
	PUBLISHES("eng.a", 1);
	PUBLISHES("eng.b", 2);
	PUBLISHES("eng.a", 3);
	HOLDS(engine_let_go(e));
	GETS("eng.a", 3);
	GETS("eng.b", 2);
	GETS_NOTHING();
	return true;
}

static bool time_to_live(struct engine *e)
{
	const struct timespec over = { .tv_nsec = 20000000 };
	long long expired = lib_status_of("totals.dropped-expired");

	SUBSCRIBES("eng.a", NULL);
	HOLDS(engine_hold(e));
	HOLDS(!writer_publish(&e->w, "eng.a", "over", 4, 1, false));
	HOLDS(!writer_publish(&e->w, "eng.a", "\2\0\0\0", 4, 3600000, false));
	nanosleep(&over, NULL);
	HOLDS(engine_let_go(e));
	GETS("eng.a", 2);
	GETS_NOTHING();
	HOLDS(lib_status_of("totals.dropped-expired") == expired + 1);
	return true;
}

static bool retained_values(struct engine *e)
{
	struct reader late;

	HOLDS(!writer_publish(&e->w, "eng.a", "\1\0\0\0", 4, 0, true));
	SUBSCRIBES("eng.*", NULL);
	GETS("eng.a", 1);
	HOLDS(e->r.retained);
	PUBLISHES("eng.a", 2);
	GETS("eng.a", 2);
	HOLDS(!e->r.retained);
	HOLDS(!writer_publish(&e->w, "eng.a", "", 0, 0, true));
	HOLDS(reader_expect(&e->r, "eng.a", "", 0));
	HOLDS(engine_open_reader(e, &late));
	HOLDS(reader_subscribe(&late, "eng.a", NULL));
	HOLDS(reader_expect_nothing(&late));
	reader_close(&late);
	return true;
}

static bool payload_limit(struct engine *e)
{
	static const char bytes[128];

	SUBSCRIBES("eng.a", NULL);
	HOLDS(!lib_limit_set("limits.payload-bytes", 100));
	HOLDS(!writer_publish(&e->w, "eng.a", bytes, 100, 0, false));
	HOLDS(writer_publish(&e->w, "eng.a", bytes, 101, 0, false) ==
	      -EMSGSIZE);
	HOLDS(reader_expect(&e->r, "eng.a", bytes, 100));
	GETS_NOTHING();
	return true;
}

static bool subscription_limit(struct engine *e)
{
	SUBSCRIBES("eng.a", NULL);
	HOLDS(!lib_limit_set("limits.subscriptions", 1));
	HOLDS(reader_refused(&e->r, BLIPMQ_SUBSCRIBE, "eng.b", NULL, ENOBUFS));
	PUBLISHES("eng.b", 1);
	PUBLISHES("eng.a", 2);
	GETS("eng.a", 2);
	HOLDS(!lib_limit_set("limits.subscriptions", 2));
	GETS_NOTHING();
	return true;
}

/* In order, whatever the lanes of its topics. */
static bool lanes(struct engine *e)
{
	u32 i;

	SUBSCRIBES("eng.>", NULL);
	HOLDS(!lib_lane_set("eng.lane.>", BLIPMQ_LANE_MODE_WORKER, -1));
	for (i = 0; i < 12; i++)
		PUBLISHES(i & 1 ? "eng.lane.a" : "eng.a", i);
	HOLDS(!lib_lane_set("eng.lane.>", BLIPMQ_LANE_MODE_DEFAULT, -1));
	PUBLISHES("eng.lane.a", i);
	for (i = 0; i < 12; i++)
		GETS(i & 1 ? "eng.lane.a" : "eng.a", i);
	GETS("eng.lane.a", i);
	GETS_NOTHING();
	return true;
}

static u32 user_of(enum reader_way way)
{
	return way == READER_TCP ? ENGINE_NOBODY : 0;
}

static bool right_to_publish(struct engine *e)
{
	u32 uid = user_of(e->in);

	HOLDS(!lib_rule_add("eng.yes", uid, NOBODY, 0244));
	HOLDS(!lib_rule_add("eng.no", uid, NOBODY, 0466));
	HOLDS(!lib_rule_add("eng.yes", uid, NOBODY, 0644));
	SUBSCRIBES("eng.*", NULL);
	PUBLISHES("eng.yes", 1);
	HOLDS(writer_number(&e->w, "eng.no", 2) == -EACCES);
	PUBLISHES("eng.other", 3);
	GETS("eng.yes", 1);
	GETS("eng.other", 3);
	GETS_NOTHING();
	return true;
}

static bool right_to_subscribe(struct engine *e)
{
	u32 uid = user_of(e->out);

	HOLDS(!lib_rule_add("eng.yes", uid, NOBODY, 0622));
	HOLDS(!lib_rule_add("eng.no", uid, NOBODY, 0266));
	SUBSCRIBES("eng.yes", NULL);
	HOLDS(reader_refused(&e->r, BLIPMQ_SUBSCRIBE, "eng.no", NULL, EACCES));
	HOLDS(reader_refused(&e->r, BLIPMQ_SUBSCRIBE, "eng.*", NULL, EACCES));
	HOLDS(reader_refused(&e->r, BLIPMQ_SUBSCRIBE, "eng.no", "g", EACCES));
	PUBLISHES("eng.no", 1);
	PUBLISHES("eng.yes", 2);
	GETS("eng.yes", 2);
	GETS_NOTHING();
	return true;
}

static bool right_that_goes(struct engine *e)
{
	SUBSCRIBES("eng.*", NULL);
	PUBLISHES("eng.a", 1);
	HOLDS(!lib_rule_add("eng.a", 0, 0, 0222));
	PUBLISHES("eng.a", 2);
	PUBLISHES("eng.b", 3);
	GETS("eng.a", 1);
	GETS_NOTHING();
	HOLDS(!lib_status_of("subscriptions"));
	return true;
}

/* Local publishers act for somebody; TCP clients are blipmqd's. */
static bool identity(struct engine *e)
{
	const struct blipmq_identity alice = {
		.uid = ALICE, .gid = ALICE, .name = "alice",
	};
	u32 uid = e->in == READER_TCP ? ENGINE_NOBODY : ALICE;

	HOLDS(e->in == READER_TCP ||
	      !setsockopt(e->w.peer.fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &alice,
			  sizeof(alice)));
	SUBSCRIBES("eng.a", NULL);
	HOLDS(!lib_rule_add("eng.a", uid, NOBODY, 0644));
	HOLDS(!lib_rule_add("eng.b", 0, NOBODY, 0644));
	PUBLISHES("eng.a", uid);
	HOLDS(writer_number(&e->w, "eng.b", 1) == -EACCES);
	HOLDS(engine_is_from(e, "eng.a", uid));
	GETS_NOTHING();
	return true;
}

static const struct row {
	const char *name;
	bool (*holds)(struct engine *e);
} rows[] = {
#define ROW(name) { #name, name }
	ROW(topics),
	ROW(patterns),
	ROW(overlapping_patterns),
	ROW(queue_groups),
	ROW(drop_oldest),
	ROW(drop_new),
	ROW(disconnect),
	ROW(block),
	ROW(conflate),
	ROW(time_to_live),
	ROW(retained_values),
	ROW(payload_limit),
	ROW(subscription_limit),
	ROW(lanes),
	ROW(right_to_publish),
	ROW(right_to_subscribe),
	ROW(right_that_goes),
	ROW(identity),
};

FIXTURE(engine) {
	struct engine e;
	struct lib_status before;
};

FIXTURE_VARIANT(engine) {
	enum reader_way in, out;
};

#define WAYS(name, from, to)						\
	FIXTURE_VARIANT_ADD(engine, name) {				\
		.in = READER_##from, .out = READER_##to,		\
	}

WAYS(tcp_to_tcp, TCP, TCP);
WAYS(tcp_to_stream, TCP, STREAM);
WAYS(tcp_to_seqpacket, TCP, PACKET);
WAYS(stream_to_tcp, STREAM, TCP);
WAYS(stream_to_stream, STREAM, STREAM);
WAYS(stream_to_seqpacket, STREAM, PACKET);
WAYS(seqpacket_to_tcp, PACKET, TCP);
WAYS(seqpacket_to_stream, PACKET, STREAM);
WAYS(seqpacket_to_seqpacket, PACKET, PACKET);

FIXTURE_SETUP(engine)
{
	self->e.in = variant->in;
	self->e.out = variant->out;
	if (variant->out == READER_TCP)
		ASSERT_TRUE(engine_proxy(&self->e));
	ASSERT_TRUE(lib_status(&self->before));
}

FIXTURE_TEARDOWN(engine)
{
	if (self->e.proxy > 0) {
		kill(self->e.proxy, SIGKILL);
		waitpid(self->e.proxy, NULL, 0);
	}
}

static bool put_back(const struct lib_status *before, const char *limit)
{
	return !lib_limit_set(limit, (unsigned long long)
			      lib_status_value(before, limit));
}

static bool run_row(struct engine *e, const struct row *row,
		    const struct lib_status *before)
{
	bool ok = writer_open(&e->w, e->in) && engine_open_reader(e, &e->r) &&
		  row->holds(e);

	/* Whatever it has left. */
	engine_let_go(e);
	writer_close(&e->w);
	reader_close(&e->r);
	ok = put_back(before, "limits.payload-bytes") && ok;
	ok = put_back(before, "limits.subscriptions") && ok;
	lib_lane_set("eng.lane.>", BLIPMQ_LANE_MODE_DEFAULT, -1);
	ok = lib_rules_clear() && ok;
	ok = lib_forget_retained() >= 0 && ok;
	ok = lib_status_wait("sockets", 0) && ok;
	if (!ok)
		lib_say("that was the rule %s", row->name);
	return lib_status_law() && ok;
}

TEST_F(engine, rules)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		EXPECT_TRUE(run_row(&self->e, &rows[i], &self->before));
}

TEST_HARNESS_MAIN
