// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints say what became of each message, with its topic, the reading
 * socket and the reason.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

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

static bool has_all(const char *line, const char * const *words)
{
	while (*words)
		if (!strstr(line, *words++))
			return false;
	return true;
}

/* Lines that have all the words. */
static int trace_count(const char *text, const char * const *words)
{
	char line[1024];
	const char *end;
	int found = 0;

	for (; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		found += *line != '#' && has_all(line, words);
	}
	return found;
}

#define SEEN(...) ({							\
	int _n = -1;							\
									\
	if (lib_read_file(self->text, sizeof(self->text), self->folder,	\
			  "trace"))					\
		_n = trace_count(self->text,				\
				 (const char *[]){ __VA_ARGS__, NULL });\
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

/* As the kernel has it: a thread may run on this CPU alone. */
static bool runs_on(pid_t pid, int cpu)
{
	cpu_set_t set;

	return !sched_getaffinity(pid, sizeof(set), &set) &&
	       CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set);
}

/*
 * What is pinned to a worker is handed out by its thread, where that was put. The
 * publisher only looks whether a reader blocks.
 */
TEST_F(trace, a_worker_routes_on_its_cpu)
{
	static const char topic[] = "topic=trace.pin ";
	int a = lib_packet(), b = lib_packet(), cpu;
	char thread[32], self_pid[32], where[16], buf[16];
	pid_t pid;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(goto out, "there is one CPU");
	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_EQ(0, lib_worker_count(2));
	ASSERT_EQ(0, lib_subscription(b, BLIPMQ_SUBSCRIBE, "trace.*", NULL));
	snprintf(self_pid, sizeof(self_pid), "-%d ", getpid());
	for (cpu = 1; cpu >= 0; cpu--) {
		ASSERT_TRUE(lib_write_file(self->folder, "trace", ""));
		ASSERT_EQ(0, lib_worker_set(1, BLIPMQ_A_WORKER_CPU, (u32)cpu));
		ASSERT_EQ(0, lib_lane_set("trace.pin", BLIPMQ_LANE_MODE_WORKER,
					  1));
		ASSERT_EQ(1, lib_sendto(a, "trace.pin", "x", 1));
		ASSERT_EQ(1, recv(b, buf, sizeof(buf), 0));
		pid = (pid_t)lib_worker_get(1, BLIPMQ_A_WORKER_PID);
		ASSERT_LT(0, pid);
		EXPECT_TRUE(runs_on(pid, cpu));
		/* Behind it nothing is under way there. */
		ASSERT_EQ(0, lib_lane_set("trace.pin", BLIPMQ_LANE_MODE_DEFAULT,
					  -1));
		snprintf(thread, sizeof(thread), "-%d ", pid);
		snprintf(where, sizeof(where), " [%03d] ", cpu);
		EXPECT_EQ(1, SEEN("blipmq_publish:", topic, self_pid));
		EXPECT_LE(1, SEEN("blipmq_route:", topic, thread, where));
		EXPECT_EQ(1, SEEN("blipmq_enqueue:", topic, thread, where));
		EXPECT_EQ(0, SEEN("blipmq_enqueue:", topic, self_pid));
	}
	/* Nobody said of it any longer: the publisher's own call. */
	ASSERT_EQ(1, lib_sendto(a, "trace.pin", "x", 1));
	EXPECT_EQ(1, SEEN("blipmq_enqueue:", topic, self_pid));
	/* Another one has no CPU of its own. */
	EXPECT_EQ(0, lib_worker_count(1));
	EXPECT_EQ(0, lib_worker_count(2));
out:
	close(a);
	close(b);
}

TEST_HARNESS_MAIN
