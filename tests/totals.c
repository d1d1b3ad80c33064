// SPDX-License-Identifier: GPL-2.0
/*
 * The broker's totals are sums over sockets that come and go meanwhile: none
 * is ever left out or counted twice.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

/* More than are summed in one go. */
#define IDLE		1000
#define ROUNDS		lib_rounds(1500)
#define PUBLISHERS	2

static int done, looked;

/* Each message by a socket of its own. */
static void *publish(void *arg)
{
	int i, fd;

	(void)arg;
	/* There is a sum from before, and more while these come and go. */
	while (!__atomic_load_n(&looked, __ATOMIC_SEQ_CST))
		usleep(1000);
	for (i = 0; i < ROUNDS; i++) {
		fd = lib_packet();
		if (lib_sendto(fd, "totals.nobody", "x", 1) != 1)
			break;
		close(fd);
	}
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
	return (void *)(long)i;
}

TEST(sums_while_sockets_come_and_go)
{
	struct rlimit files = { 2 * IDLE, 2 * IDLE };
	long long first, before, now;
	pthread_t thread[PUBLISHERS];
	int fds[IDLE], idle = lib_rounds(IDLE), i;
	void *made;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (i = 0; i < idle; i++) {
		fds[i] = lib_packet();
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(1, lib_sendto(fds[i], "totals.nobody", "x", 1));
	}
	first = lib_status_of("totals.published");
	before = first;
	for (i = 0; i < PUBLISHERS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, publish, NULL));
	do {
		i = __atomic_load_n(&done, __ATOMIC_SEQ_CST);
		now = lib_status_of("totals.published");
		ASSERT_LE(before, now);
		ASSERT_GE(first + PUBLISHERS * ROUNDS, now);
		before = now;
		__atomic_store_n(&looked, 1, __ATOMIC_SEQ_CST);
	} while (i < PUBLISHERS);
	EXPECT_EQ(first + PUBLISHERS * ROUNDS, now);
	for (i = 0; i < PUBLISHERS; i++) {
		ASSERT_EQ(0, pthread_join(thread[i], &made));
		EXPECT_EQ(ROUNDS, (long)made);
	}
	for (i = 0; i < idle; i++)
		close(fds[i]);
	EXPECT_EQ(now, lib_status_of("totals.published"));
}

TEST_HARNESS_MAIN
