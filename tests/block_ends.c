// SPDX-License-Identifier: GPL-2.0
/*
 * What ends the wait of a publisher that the policy block holds up.
 */
#include <errno.h>
#include <signal.h>

#include "block.h"

/* Each of these lets a publisher go on that waits for a full queue. */
enum release { CLOSES, SHUTS, UNSUBSCRIBES, DROPS, GROWS };

static bool let_go(struct lib_peer *p, enum release how)
{
	switch (how) {
	case CLOSES:
		close(p->fd);
		p->fd = -1;
		return true;
	case SHUTS:
		return !shutdown(p->fd, SHUT_RD);
	case UNSUBSCRIBES:
		return !lib_subscription(p->fd, BLIPMQ_UNSUBSCRIBE, TOPIC,
					 NULL);
	case DROPS:
		return lib_set_u32(p->fd, BLIPMQ_OVERFLOW,
				   BLIPMQ_OVERFLOW_DROP_NEW);
	case GROWS:
		return lib_set_u32(p->fd, BLIPMQ_QUEUE_MESSAGES, 5);
	}
	return false;
}

static void lets_go(struct __test_metadata *_metadata,
		    FIXTURE_DATA(block) *self, enum release how)
{
	pid_t pid;

	ASSERT_TRUE(fill(self));
	ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
	pid = publisher(self, 4, 5);
	ASSERT_LT(0, pid);
	lib_wait_asleep(pid);
	ASSERT_TRUE(let_go(&self->sub, how));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_TRUE(writable(self->pub.fd));
	EXPECT_TRUE(lib_status_law());
}

TEST_F(block, closing_lets_go)
{
	lets_go(_metadata, self, CLOSES);
}

TEST_F(block, shutdown_lets_go)
{
	lets_go(_metadata, self, SHUTS);
}

TEST_F(block, unsubscribing_lets_go)
{
	lets_go(_metadata, self, UNSUBSCRIBES);
}

TEST_F(block, another_policy_lets_go)
{
	lets_go(_metadata, self, DROPS);
}

TEST_F(block, a_larger_limit_lets_go)
{
	lets_go(_metadata, self, GROWS);
}

/* In a process of its own, so that nothing but its end can let go. */
TEST_F(block, a_killed_subscriber_lets_go)
{
	int ready[2], status;
	pid_t sub, pid;
	char c;

	lib_close(&self->sub);
	ASSERT_EQ(0, pipe(ready));
	sub = fork();
	ASSERT_LE(0, sub);
	if (!sub) {
		struct lib_peer p = { 0 };

		close(self->pub.fd);
		if (subscriber(&p, self->packet_sub, TOPIC, 4))
			if (write(ready[1], "", 1) == 1)
				pause();
		_exit(1);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_TRUE(fill(self));
	ASSERT_EQ(-EAGAIN, publish(self, 4, MSG_DONTWAIT));
	pid = publisher(self, 4, 40);
	ASSERT_LT(0, pid);
	lib_wait_asleep(pid);
	ASSERT_EQ(0, kill(sub, SIGKILL));
	ASSERT_EQ(sub, waitpid(sub, &status, 0));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_TRUE(lib_status_law());
}

TEST_HARNESS_MAIN
