// SPDX-License-Identifier: GPL-2.0
/*
 * The end of blipmqd: its clients get what was queued for them, the reason why they
 * get no more, and no reset.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC		"stops.t"
#define IDLE		20
#define MESSAGES	180
/* More in all than TCP holds by itself, and less than a queue does. */
#define PAYLOAD		4000

FIXTURE(stops) {
	pid_t pid;
	struct lib_peer pub;
	struct lib_peer sub;
	struct lib_peer idle[IDLE];
};

FIXTURE_VARIANT(stops) {
	const char *threads;
	const char *spread;
};

FIXTURE_VARIANT_ADD(stops, one_thread) {
	.threads = "1",
	.spread = "load",
};

FIXTURE_VARIANT_ADD(stops, moving) {
	.threads = "4",
	.spread = "shuffle",
};

FIXTURE_SETUP(stops)
{
	char *const argv[] = { "blipmqd", "--threads", (char *)variant->threads,
			       "--spread", (char *)variant->spread,
			       "127.0.0.1:0", NULL };
	int i, small = 32 << 10;

	self->pid = lib_server(argv);
	ASSERT_LT(0, self->pid);
	ASSERT_LE(0, lib_open(&self->pub, LIB_TCP));
	ASSERT_LE(0, lib_open(&self->sub, LIB_TCP));
	ASSERT_EQ(0, setsockopt(self->sub.fd, SOL_SOCKET, SO_RCVBUF, &small,
				sizeof(small)));
	ASSERT_TRUE(lib_subscribe(&self->sub, TOPIC));
	for (i = 0; i < IDLE; i++) {
		ASSERT_LE(0, lib_open(&self->idle[i], LIB_TCP));
		ASSERT_TRUE(lib_subscribe(&self->idle[i], "stops.idle"));
	}
}

FIXTURE_TEARDOWN(stops)
{
	int i;

	lib_close(&self->pub);
	lib_close(&self->sub);
	for (i = 0; i < IDLE; i++)
		lib_close(&self->idle[i]);
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	EXPECT_TRUE(lib_status_law());
}

static bool publish(FIXTURE_DATA(stops) *self)
{
	u8 payload[PAYLOAD] = { 0 };
	u32 i;

	for (i = 0; i < MESSAGES; i++) {
		blipmq_put_le32(payload, i);
		lib_put_pub(&self->pub, 0, TOPIC, 0, payload, sizeof(payload));
	}
	return lib_send(&self->pub) && lib_sync(&self->pub);
}

static bool all_come(FIXTURE_DATA(stops) *self)
{
	u8 payload[PAYLOAD] = { 0 };
	u32 i;

	for (i = 0; i < MESSAGES; i++) {
		blipmq_put_le32(payload, i);
		if (!lib_expect_msg(&self->sub, TOPIC, payload, sizeof(payload),
				    NULL)) {
			lib_say("message %u", i);
			return false;
		}
	}
	return lib_expect_eof(&self->sub);
}

/* A client that has said something which nobody will read is not reset, either. */
TEST_F(stops, gives_what_is_queued)
{
	int i;

	ASSERT_TRUE(publish(self));
	ASSERT_EQ(0, kill(self->pid, SIGTERM));
	/* Read or not, it has no answer. */
	lib_put_pub(&self->sub, 0, "stops.late", 0, "late", 4);
	lib_send(&self->sub);
	EXPECT_TRUE(all_come(self));
	for (i = 0; i < IDLE; i++)
		EXPECT_TRUE(lib_expect_eof(&self->idle[i]));
	EXPECT_TRUE(lib_server_ended(self->pid));
}

/* The publisher's last words were read when its end is seen. */
TEST_F(stops, takes_what_was_said)
{
	u8 payload[PAYLOAD] = { 0 };

	lib_put_pub(&self->pub, 0, TOPIC, 0, payload, sizeof(payload));
	ASSERT_TRUE(lib_send(&self->pub));
	ASSERT_EQ(0, shutdown(self->pub.fd, SHUT_WR));
	ASSERT_TRUE(lib_expect_eof(&self->pub));
	ASSERT_EQ(0, kill(self->pid, SIGTERM));
	EXPECT_TRUE(lib_expect_msg(&self->sub, TOPIC, payload, sizeof(payload),
				   NULL));
	EXPECT_TRUE(lib_expect_eof(&self->sub));
	EXPECT_TRUE(lib_server_ended(self->pid));
}

/* What a second signal ends is counted, and is all given back. */
TEST_F(stops, ends_for_a_second_signal)
{
	ASSERT_TRUE(publish(self));
	ASSERT_EQ(0, kill(self->pid, SIGSTOP));
	/* Two that differ, for of one kind only one can wait. */
	ASSERT_EQ(0, kill(self->pid, SIGTERM));
	ASSERT_EQ(0, kill(self->pid, SIGINT));
	ASSERT_EQ(0, kill(self->pid, SIGCONT));
	EXPECT_TRUE(lib_server_ended(self->pid));
}

TEST_HARNESS_MAIN
