// SPDX-License-Identifier: GPL-2.0
/*
 * The end of blipmqd: its clients get what was queued for them, and no reset.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC		"stops.t"
#define IDLE		20
#define MESSAGES	130
/* More in all than TCP holds by itself. */
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
	/* The default's megabyte is of what messages occupy, which is more. */
	ASSERT_TRUE(lib_option(&self->sub, BLIPMQ_QUEUE_BYTES, 4 << 20));
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
	/* Of a test that did not come to its end. */
	if (!waitpid(self->pid, NULL, WNOHANG)) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
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

/* Which is closed as soon as it ends. */
static bool listener_is_gone(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *where = strrchr(getenv("BLIPMQ_TEST_TCP"), ':');
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool gone;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((u16)atoi(where + 1));
	gone = connect(fd, (struct sockaddr *)&a, sizeof(a)) &&
	       errno == ECONNREFUSED;
	close(fd);
	return gone;
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

/*
 * A client that has said something which nobody will read is not reset, either; nor
 * is one that has ended after that.
 */
static void gives_what_is_queued(struct __test_metadata *_metadata,
				 FIXTURE_DATA(stops) *self, bool ends)
{
	int i;

	ASSERT_TRUE(publish(self));
	ASSERT_EQ(0, kill(self->pid, SIGTERM));
	/* Until it is no more read. */
	while (!listener_is_gone())
		usleep(10000);
	lib_put_pub(&self->sub, 0, "stops.late", 0, "late", 4);
	lib_send(&self->sub);
	if (ends)
		ASSERT_EQ(0, shutdown(self->sub.fd, SHUT_WR));
	EXPECT_TRUE(all_come(self));
	for (i = 0; i < IDLE; i++)
		EXPECT_TRUE(lib_expect_eof(&self->idle[i]));
	EXPECT_TRUE(lib_server_ended(self->pid));
}

TEST_F(stops, gives_what_is_queued)
{
	gives_what_is_queued(_metadata, self, false);
}

TEST_F(stops, gives_it_to_who_has_ended)
{
	gives_what_is_queued(_metadata, self, true);
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
	ASSERT_EQ(0, kill(self->pid, SIGTERM));
	/* One that comes at once is taken for the same. */
	usleep(500000);
	ASSERT_EQ(0, kill(self->pid, SIGINT));
	EXPECT_TRUE(lib_server_ended(self->pid));
}

TEST_HARNESS_MAIN
