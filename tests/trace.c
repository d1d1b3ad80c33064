// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints say what became of each message, with its topic, the reading
 * socket and the reason.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

/* A buffer of our own, so that nobody else's events are in it. */
FIXTURE(trace) {
	char	folder[64];
	char	text[65536];
};

FIXTURE_SETUP(trace)
{
	if (access(LIB_TRACING "/events", F_OK))
		SKIP(return, "there is no " LIB_TRACING);
	ASSERT_TRUE(lib_trace_open(self->folder));
	ASSERT_TRUE(lib_write_file(self->folder, "events/blipmq/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	lib_write_file(self->folder, "events/blipmq/enable", "0");
	rmdir(self->folder);
}

/* Lines that have all three words. */
static int trace_count(const char *text, const char *event, const char *a,
		       const char *b)
{
	char line[1024];
	const char *end;
	int found = 0;

	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		found += *line != '#' && strstr(line, event) &&
			 strstr(line, a) && strstr(line, b);
	}
	return found;
}

#define SEEN(event, a, b) ({						\
	int _n = -1;							\
									\
	if (lib_read_file(self->text, sizeof(self->text), self->folder,	\
			  "trace"))					\
		_n = trace_count(self->text, event, a, b);		\
	_n;								\
})

TEST_F(trace, the_way_of_a_message)
{
	int a = lib_packet(), b = lib_packet();
	char buf[16];

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_EQ(0, lib_subscription(b, BLIPMQ_SUBSCRIBE, "trace.*", NULL));
	ASSERT_EQ(1, lib_sendto(a, "trace.way", "x", 1));
	EXPECT_EQ(1, SEEN("blipmq_publish:", "topic=trace.way ", "messages=1 "));
	EXPECT_LE(1, SEEN("blipmq_route:", "topic=trace.way ", "legs=1"));
	EXPECT_EQ(1, SEEN("blipmq_enqueue:", "topic=trace.way ", "queued=1 "));
	EXPECT_EQ(0, SEEN("blipmq_deliver:", "", ""));
	ASSERT_EQ(1, recv(b, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(1, SEEN("blipmq_deliver:", "topic=trace.way ", "messages=1 "));
	EXPECT_EQ(0, SEEN("blipmq_drop:", "", ""));
	ASSERT_EQ(1, lib_sendto(a, "nobody.wants", "x", 1));
	EXPECT_EQ(1, SEEN("blipmq_route:", "topic=nobody.wants ", "legs=0"));
	close(a);
	close(b);
}

TEST_F(trace, bundles_go_together)
{
	struct lib_peer p;
	int b = lib_packet();
	char buf[16];
	int i;

	ASSERT_LE(0, b);
	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_EQ(0, lib_subscription(b, BLIPMQ_SUBSCRIBE, "trace.b", NULL));
	lib_put_pub(&p, 0, "trace.a", 0, "x", 1);
	for (i = 0; i < 5; i++)
		lib_put_pub(&p, 0, "trace.b", 0, "x", 1);
	ASSERT_TRUE(lib_send(&p));
	ASSERT_TRUE(lib_sync(&p));
	EXPECT_EQ(1, SEEN("blipmq_publish:", "topic=trace.a ", "messages=6 "));
	EXPECT_EQ(1, SEEN("blipmq_enqueue:", "topic=trace.b ", "messages=5 "));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(1, recv(b, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(5, SEEN("blipmq_deliver:", "topic=trace.b ", "messages=1 "));
	lib_close(&p);
	close(b);
}

TEST_F(trace, a_drop_has_its_reason)
{
	int a = lib_packet(), b = lib_packet(), i;
	char buf[16];

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_TRUE(lib_set_u32(b, BLIPMQ_QUEUE_MESSAGES, 4));
	ASSERT_EQ(0, lib_subscription(b, BLIPMQ_SUBSCRIBE, "drop.*", NULL));
	for (i = 0; i < 6; i++)
		ASSERT_EQ(1, lib_sendto(a, i ? "drop.b" : "drop.a", "x", 1));
	EXPECT_EQ(1, SEEN("blipmq_drop:", "topic=drop.a ", "reason=overflow"));
	EXPECT_EQ(1, SEEN("blipmq_drop:", "topic=drop.b ", "reason=overflow"));
	ASSERT_TRUE(lib_set_u32(b, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_DROP_NEW));
	ASSERT_EQ(1, lib_sendto(a, "drop.new", "x", 1));
	EXPECT_EQ(1, SEEN("blipmq_drop:", "topic=drop.new ",
			  "reason=overflow"));
	ASSERT_EQ(1, recv(b, buf, sizeof(buf), MSG_DONTWAIT));
	close(b);
	EXPECT_EQ(3, SEEN("blipmq_drop:", "topic=drop.b ", "reason=closed"));

	b = lib_packet();
	ASSERT_LE(0, b);
	ASSERT_TRUE(lib_set_u32(b, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_CONFLATE));
	ASSERT_EQ(0, lib_subscription(b, BLIPMQ_SUBSCRIBE, "value", NULL));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(1, lib_sendto(a, "value", "x", 1));
	EXPECT_EQ(3, SEEN("blipmq_enqueue:", "topic=value ", ""));
	EXPECT_EQ(2, SEEN("blipmq_drop:", "topic=value ", "reason=conflated"));
	close(a);
	close(b);
}

TEST_HARNESS_MAIN
