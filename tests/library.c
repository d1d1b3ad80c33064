// SPDX-License-Identifier: GPL-2.0
/*
 * What libblipmq promises of calls that fail: that they do, when, and that close()
 * tells what no call has told. A server of the test's own never answers.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#include "blipmq.h"

/* Long enough for what has to be done, short for who waits. */
#define SHORT_MS	500

FIXTURE(library) {
	int listener;
	char address[64];
	struct blipmq *b;
	pthread_t server;
	bool running;
};

FIXTURE_SETUP(library)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	self->b = NULL;
	self->running = false;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, self->listener);
	ASSERT_EQ(0, bind(self->listener, (struct sockaddr *)&a, sizeof(a)));
	ASSERT_EQ(0, listen(self->listener, 0));
	ASSERT_EQ(0, getsockname(self->listener, (struct sockaddr *)&a, &len));
	snprintf(self->address, sizeof(self->address), "tcp://127.0.0.1:%d",
		 ntohs(a.sin_port));
}

FIXTURE_TEARDOWN(library)
{
	if (self->b)
		blipmq_close(self->b);
	if (self->running)
		pthread_join(self->server, NULL);
	close(self->listener);
}

/* Takes nothing, answers nothing, and sends messages as long as somebody reads. */
static void *chatter(void *data)
{
	u8 frame[BLIPMQ_FRAME_HEADER + 1 + 8] = { 0 };
	const struct timespec pause = { .tv_nsec = 10000000 };
	int fd = accept(*(int *)data, NULL, NULL);

	blipmq_frame_encode(frame, BLIPMQ_OP_MSG, 0, 1, 8);
	frame[BLIPMQ_FRAME_HEADER] = 'x';
	while (send(fd, frame, sizeof(frame), MSG_NOSIGNAL) > 0)
		nanosleep(&pause, NULL);
	close(fd);
	return NULL;
}

static int start_chatter(FIXTURE_DATA(library) *self)
{
	const struct blipmq_options o = {
		.size = sizeof(o),
		.timeout_ms = SHORT_MS,
	};

	self->running = !pthread_create(&self->server, NULL, chatter,
					&self->listener);
	return self->running ? blipmq_connect(self->address, &o, &self->b) : -1;
}

/* A broker that is silent about an option is not reached, however patient we are. */
TEST_F(library, connecting_includes_the_options)
{
	const struct blipmq_options o = {
		.size = sizeof(o),
		.connect_timeout_ms = SHORT_MS,
		.timeout_ms = -1,
		.queue_messages = 7,
	};

	EXPECT_EQ(-ETIMEDOUT, blipmq_connect(self->address, &o, &self->b));
	EXPECT_EQ(NULL, self->b);
}

static void interrupt(int number)
{
	(void)number;
}

/* Signals that come all the time do not make it longer. */
TEST_F(library, connecting_ends_among_signals)
{
	const struct itimerval often = {
		.it_interval.tv_usec = 20000,
		.it_value.tv_usec = 20000,
	};
	const struct sigaction action = { .sa_handler = interrupt };
	const struct itimerval never = { .it_value.tv_sec = 0 };
	struct blipmq_options o = {
		.size = sizeof(o),
		.connect_timeout_ms = SHORT_MS,
	};
	struct blipmq *full[3] = { NULL };
	int i, ret = 0;

	/* Nobody accepts: from the second or third on they wait. */
	ASSERT_EQ(0, sigaction(SIGPROF, &action, NULL));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (i = 0; i < 3 && !ret; i++)
		ret = blipmq_connect(self->address, &o, &full[i]);
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT_EQ(-ETIMEDOUT, ret);
	for (i = 0; i < 3; i++)
		blipmq_close(full[i]);
}

/* A flag of a later library asks for what this one cannot do. */
TEST_F(library, flags_that_are_unknown_are_refused)
{
	struct blipmq_publish_options o = {
		.size = sizeof(o),
		.flags = BLIPMQ_PUBLISH_CONFIRM | BLIPMQ_PUBLISH_RETAIN,
	};

	ASSERT_EQ(0, blipmq_connect("local:", NULL, &self->b));
	EXPECT_EQ(0, blipmq_publish(self->b, "library.f", "", 0, &o));
	o.flags |= 4;
	EXPECT_EQ(-EINVAL, blipmq_publish(self->b, "library.f", "", 0, &o));
}

TEST_F(library, messages_are_no_confirmation)
{
	ASSERT_EQ(0, start_chatter(self));
	EXPECT_EQ(-ETIMEDOUT, blipmq_subscribe(self->b, "x", NULL));
}

TEST_F(library, messages_are_no_progress_of_a_write)
{
	static const char payload[1 << 20];
	int i, ret = 0;

	ASSERT_EQ(0, start_chatter(self));
	for (i = 0; i < 64 && !ret; i++)
		ret = blipmq_publish(self->b, "x", payload, sizeof(payload),
				     NULL);
	EXPECT_EQ(-ETIMEDOUT, ret);
	/* Half a frame is written: nothing can follow it. */
	EXPECT_EQ(-ETIMEDOUT, blipmq_publish(self->b, "x", "", 0, NULL));
}

/* What was written to a peer that had ended is lost. */
TEST_F(library, close_tells_of_a_peer_that_had_ended)
{
	struct pollfd p = { .events = POLLIN };

	ASSERT_EQ(0, blipmq_connect(self->address, NULL, &self->b));
	close(accept(self->listener, NULL, NULL));
	p.fd = blipmq_fd(self->b);
	ASSERT_EQ(1, poll(&p, 1, LIB_HANG_MS));
	ASSERT_EQ(0, blipmq_publish_buffered(self->b, "x", "", 0));
	EXPECT_EQ(-ECONNRESET, blipmq_close(self->b));
	self->b = NULL;
}

/* The broker ends the connection for it, and no call was there to hear that. */
static int too_large(struct blipmq *b)
{
	long long limit = lib_status_of("limits.payload-bytes");
	char *payload = calloc(1, (size_t)limit + 1);
	int ret;

	ret = blipmq_publish(b, "library.t", payload, (size_t)limit + 1, NULL);
	free(payload);
	return ret;
}

TEST(close_tells_of_a_refusal)
{
	struct blipmq *b;

	ASSERT_EQ(0, blipmq_connect("local:", NULL, &b));
	ASSERT_EQ(0, too_large(b));
	EXPECT_EQ(-EMSGSIZE, blipmq_close(b));
}

TEST(close_tells_of_a_refusal_that_was_read)
{
	struct blipmq *b;

	ASSERT_EQ(0, blipmq_connect("local:", NULL, &b));
	ASSERT_EQ(0, too_large(b));
	/* Reads, and has nothing to do with it. */
	EXPECT_GT(0, blipmq_subscribe(b, "library.u", NULL));
	EXPECT_EQ(-EMSGSIZE, blipmq_close(b));
}

/* Who was told does not hear it again. */
TEST(close_tells_once)
{
	const struct blipmq_publish_options o = {
		.size = sizeof(o),
		.flags = BLIPMQ_PUBLISH_CONFIRM,
	};
	struct blipmq *b;

	ASSERT_EQ(0, blipmq_connect("local:", NULL, &b));
	EXPECT_EQ(-EINVAL, blipmq_publish(b, "a.*", "", 0, &o));
	EXPECT_EQ(0, blipmq_publish(b, "library.t", "", 0, &o));
	EXPECT_EQ(0, blipmq_close(b));
}

TEST_HARNESS_MAIN
