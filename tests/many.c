// SPDX-License-Identifier: GPL-2.0
/*
 * Bundles of several topics that very many subscribers share: each gets its
 * frames once, in the order of the publisher, while others come and go.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define MANY	1100
#define FRAMES	20
#define TOPICS	64
/* Who is looked at: all, but where each look takes long. */
#define STEP	(lib_rounds(8) == 8 ? 1 : 7)

FIXTURE(many) {
	struct lib_peer pub;
	int fds[MANY];
	int nr;
};

FIXTURE_SETUP(many)
{
	struct rlimit files = { 2 * MANY, 2 * MANY };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_LE(0, lib_open(&self->pub, LIB_LOCAL));
	self->nr = 0;
}

FIXTURE_TEARDOWN(many)
{
	while (self->nr)
		close(self->fds[--self->nr]);
	lib_close(&self->pub);
	EXPECT_TRUE(lib_status_law());
}

static bool on(int fd, const char *topic)
{
	int ret = lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL);

	if (ret)
		lib_say("subscribe to %s: %s", topic, strerror(-ret));
	return !ret;
}

/* @count frames of one write, from @first, to a and b in no simple order. */
static bool publish(struct lib_peer *p, u32 first, u32 count)
{
	u8 payload[4];
	u32 i;

	for (i = first; i < first + count; i++) {
		blipmq_put_le32(payload, i);
		lib_put_pub(p, 0, i % 5 < 2 ? "many.a" : "many.b", 0, payload,
			    sizeof(payload));
	}
	return lib_sync(p);
}

static bool got(int fd, u32 number, const char *topic)
{
	struct lib_message m;
	u8 payload[4] = "";

	if (lib_recvmsg(fd, &m, payload, sizeof(payload), MSG_DONTWAIT) == 4 &&
	    blipmq_get_le32(payload) == number && !strcmp(m.topic, topic))
		return true;
	lib_say("expected message %u of %s, got %zd bytes: %u of %s", number,
		topic, m.len, blipmq_get_le32(payload), m.topic);
	return false;
}

TEST_F(many, two_topics)
{
	char more;
	u32 i, s;

	for (self->nr = 0; self->nr < MANY; self->nr++) {
		self->fds[self->nr] = lib_packet();
		ASSERT_LE(0, self->fds[self->nr]);
		ASSERT_TRUE(on(self->fds[self->nr], "many.a"));
		if (self->nr % 10)
			ASSERT_TRUE(on(self->fds[self->nr], "many.b"));
	}
	ASSERT_TRUE(publish(&self->pub, 0, FRAMES));
	for (s = 0; s < MANY; s += STEP) {
		for (i = 0; i < FRAMES; i++) {
			const char *topic = i % 5 < 2 ? "many.a" : "many.b";

			if (i % 5 < 2 || s % 10)
				ASSERT_TRUE(got(self->fds[s], i, topic));
		}
		EXPECT_EQ(-1, recv(self->fds[s], &more, 1, MSG_DONTWAIT));
	}
}

TEST_F(many, topics_by_subscribers)
{
	char topic[16], more;
	u8 payload[4];
	u32 i, s;

	for (self->nr = 0; self->nr < 150; self->nr++) {
		self->fds[self->nr] = lib_packet();
		ASSERT_LE(0, self->fds[self->nr]);
		for (i = 0; i < TOPICS; i++) {
			snprintf(topic, sizeof(topic), "many.%u", i);
			ASSERT_TRUE(on(self->fds[self->nr], topic));
		}
	}
	for (i = 0; i < TOPICS; i++) {
		snprintf(topic, sizeof(topic), "many.%u", i * 7 % TOPICS);
		blipmq_put_le32(payload, i);
		lib_put_pub(&self->pub, 0, topic, 0, payload, sizeof(payload));
	}
	ASSERT_TRUE(lib_sync(&self->pub));
	for (s = 0; s < 150; s += STEP) {
		for (i = 0; i < TOPICS; i++) {
			snprintf(topic, sizeof(topic), "many.%u",
				 i * 7 % TOPICS);
			ASSERT_TRUE(got(self->fds[s], i, topic));
		}
		EXPECT_EQ(-1, recv(self->fds[s], &more, 1, MSG_DONTWAIT));
	}
}

/* Opens and closes sockets on both topics for as long as it lives. */
static void come_and_go(int *came)
{
	int fds[32] = { 0 }, i;

	for (i = 0;; i = (i + 1) % 32) {
		__atomic_add_fetch(came, 1, __ATOMIC_RELAXED);
		if (fds[i])
			close(fds[i]);
		fds[i] = lib_packet();
		if (fds[i] < 0 || !on(fds[i], "many.a") ||
		    !on(fds[i], "many.b"))
			_exit(1);
	}
}

TEST_F(many, while_others_come_and_go)
{
	int round, rounds = lib_rounds(20), status, *came;
	pid_t pid[2];
	u32 i, s;

	came = mmap(NULL, 2 * sizeof(*came), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, came);
	for (self->nr = 0; self->nr < MANY; self->nr++) {
		self->fds[self->nr] = lib_packet();
		ASSERT_LE(0, self->fds[self->nr]);
		ASSERT_TRUE(on(self->fds[self->nr], "many.a"));
		ASSERT_TRUE(on(self->fds[self->nr], "many.b"));
	}
	for (i = 0; i < 2; i++) {
		pid[i] = fork();
		ASSERT_LE(0, pid[i]);
		if (!pid[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			come_and_go(&came[i]);
		}
	}
	/* From here on they also go. */
	for (i = 0; i < 2; i++)
		while (__atomic_load_n(&came[i], __ATOMIC_RELAXED) <= 32 &&
		       !waitpid(pid[i], &status, WNOHANG))
			usleep(10000);
	for (round = 0; round < rounds; round++)
		ASSERT_TRUE(publish(&self->pub, round * FRAMES, FRAMES));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, waitpid(pid[i], &status, WNOHANG));
		kill(pid[i], SIGKILL);
		EXPECT_EQ(pid[i], waitpid(pid[i], &status, 0));
	}
	for (s = 0; s < MANY; s++)
		for (i = 0; i < (u32)rounds * FRAMES; i++)
			ASSERT_TRUE(got(self->fds[s], i, i % 5 < 2 ? "many.a" :
								     "many.b"));
}

TEST_HARNESS_MAIN
