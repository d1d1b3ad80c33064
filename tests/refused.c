// SPDX-License-Identifier: GPL-2.0
/*
 * Those whom blipmqd does not serve, since it serves as many as it may: they hear
 * why, and those that are served notice nothing.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "harness.h"
#include "lib.h"

#define MUCH	(256 << 10)

FIXTURE(refused) {
	pid_t pid;
	struct lib_peer served;
};

FIXTURE_SETUP(refused)
{
	char *const argv[] = { "blipmqd", "--threads", "1", "--max-connections", "1",
			 "127.0.0.1:0", NULL };

	self->pid = lib_server(argv);
	ASSERT_LT(0, self->pid);
	ASSERT_LE(0, lib_open(&self->served, LIB_TCP));
	ASSERT_TRUE(lib_sync(&self->served));
}

FIXTURE_TEARDOWN(refused)
{
	lib_close(&self->served);
	EXPECT_TRUE(lib_server_end(self->pid));
	EXPECT_TRUE(lib_status_wait("sockets", 0));
}

static bool refused(struct lib_peer *p)
{
	return lib_expect_err(p, BLIPMQ_CODE_LIMIT, 0, NULL) &&
	       lib_expect_eof(p);
}

/* They are refused one after the other: those before this one are done with. */
static bool another_is_refused(void)
{
	struct lib_peer p;
	bool ok = lib_open(&p, LIB_TCP) >= 0 && refused(&p);

	lib_close(&p);
	return ok;
}

static bool was_reset(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
	       info.tcpi_state == TCP_CLOSE;
}

/* What it says has arrived before it is refused. */
static bool speaks_first(FIXTURE_DATA(refused) *self, struct lib_peer *p,
			 size_t len)
{
	static const char noise[MUCH];
	bool ok;

	ok = !kill(self->pid, SIGSTOP) && lib_open(p, LIB_TCP) >= 0;
	lib_raw(p, noise, len);
	ok = ok && send(p->fd, p->out, len, MSG_DONTWAIT) == (ssize_t)len;
	return !kill(self->pid, SIGCONT) && ok;
}

TEST_F(refused, hears_why)
{
	struct lib_peer p;

	ASSERT_LE(0, lib_open(&p, LIB_TCP));
	EXPECT_TRUE(refused(&p));
	lib_close(&p);
	EXPECT_TRUE(lib_sync(&self->served));
}

/* With bytes unread a close is a reset, which can overtake the reason. */
TEST_F(refused, hears_why_when_it_spoke_first)
{
	struct lib_peer p;

	ASSERT_TRUE(speaks_first(self, &p, 5000));
	EXPECT_TRUE(refused(&p));
	EXPECT_TRUE(another_is_refused());
	EXPECT_FALSE(was_reset(p.fd));
	lib_close(&p);
	EXPECT_TRUE(lib_sync(&self->served));
}

/* One that has much to say is not heard out. */
TEST_F(refused, is_cut_short)
{
	struct lib_peer p;

	ASSERT_TRUE(speaks_first(self, &p, MUCH));
	EXPECT_TRUE(another_is_refused());
	EXPECT_TRUE(was_reset(p.fd));
	lib_close(&p);
	EXPECT_TRUE(lib_sync(&self->served));
}

/* The place of one that leaves is free for the next. */
TEST_F(refused, comes_again)
{
	time_t end = time(NULL) + LIB_HANG_MS / 1000;
	struct lib_frame in;
	struct lib_peer p;
	int ret;

	lib_close(&self->served);
	do {
		ASSERT_GT(end, time(NULL));
		ASSERT_LE(0, lib_open(&p, LIB_TCP));
		lib_put(&p, BLIPMQ_OP_PING, 0, NULL, "x", 1);
		lib_send(&p);
		ret = lib_next(&p, &in);
		if (ret == 1 && in.f.op == BLIPMQ_OP_PONG)
			break;
		lib_close(&p);
	} while (true);
	EXPECT_TRUE(lib_sync(&p));
	lib_close(&p);
}

TEST_HARNESS_MAIN
