// SPDX-License-Identifier: GPL-2.0
/*
 * Readers that are too slow are disconnected, also while many others cannot be:
 * a call of theirs waits for a page of its buffer, and holds the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

/* More than a workqueue runs at a time. */
#define STUCK	600

struct stuck {
	pthread_t	thread;
	int		fd;
	const char	*page;
};

static void *stuck_main(void *arg)
{
	struct stuck *s = arg;

	lib_sendto(s->fd, "dc.other", s->page, 100);
	return NULL;
}

/* Pages that are not there until the descriptor is closed; -1 without them. */
static int open_missing(void *pages, size_t len)
{
	struct uffdio_register reg = {
		.range = { (unsigned long)pages, len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (!ioctl(fd, UFFDIO_API, &api) &&
	    !ioctl(fd, UFFDIO_REGISTER, &reg))
		return fd;
	close(fd);
	return -1;
}

static int open_slow(void)
{
	int fd = lib_packet();

	if (fd < 0 || !lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 1) ||
	    !lib_set_u32(fd, BLIPMQ_OVERFLOW, BLIPMQ_OVERFLOW_DISCONNECT))
		return -1;
	return fd;
}

/* Faults that wait for somebody to bring a page. */
static int faults(int fd)
{
	struct uffd_msg msg;
	int n = 0;

	while (n < STUCK && read(fd, &msg, sizeof(msg)) == sizeof(msg))
		n++;
	return n;
}

TEST(others_are_disconnected)
{
	struct rlimit files = { STUCK + 100, STUCK + 100 };
	static struct stuck stuck[STUCK];
	int pub, victim, missing, i;
	struct pollfd poll_victim;
	char *pages, byte;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	pages = mmap(NULL, STUCK * page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)pages);
	missing = open_missing(pages, STUCK * page);
	if (missing < 0)
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	pub = lib_packet();
	ASSERT_LE(0, pub);
	for (i = 0; i < STUCK; i++) {
		stuck[i].fd = open_slow();
		stuck[i].page = pages + (size_t)i * page;
		ASSERT_LE(0, stuck[i].fd);
		ASSERT_EQ(0, lib_subscription(stuck[i].fd, BLIPMQ_SUBSCRIBE,
					      "dc.stuck", NULL));
		ASSERT_EQ(0, pthread_create(&stuck[i].thread, NULL, stuck_main,
					    &stuck[i]));
	}
	EXPECT_EQ(STUCK, faults(missing));
	/* The second one is too much for all of them. */
	ASSERT_EQ(1, lib_sendto(pub, "dc.stuck", "1", 1));
	ASSERT_EQ(1, lib_sendto(pub, "dc.stuck", "2", 1));

	victim = open_slow();
	ASSERT_LE(0, victim);
	ASSERT_EQ(0, lib_subscription(victim, BLIPMQ_SUBSCRIBE, "dc.victim",
				      NULL));
	ASSERT_EQ(1, lib_sendto(pub, "dc.victim", "1", 1));
	ASSERT_EQ(1, lib_sendto(pub, "dc.victim", "2", 1));
	poll_victim = (struct pollfd){ .fd = victim, .events = POLLIN };
	EXPECT_EQ(1, poll(&poll_victim, 1, LIB_HANG_MS));
	EXPECT_EQ(-1, recv(victim, &byte, 1, MSG_DONTWAIT));
	EXPECT_EQ(ENOBUFS, errno);
	EXPECT_EQ(0, recv(victim, &byte, 1, MSG_DONTWAIT));

	/* They go on, and are disconnected as well. */
	close(missing);
	for (i = 0; i < STUCK; i++) {
		ASSERT_EQ(0, pthread_join(stuck[i].thread, NULL));
		poll_victim.fd = stuck[i].fd;
		ASSERT_EQ(1, poll(&poll_victim, 1, LIB_HANG_MS));
		EXPECT_EQ(-1, recv(stuck[i].fd, &byte, 1, MSG_DONTWAIT));
		EXPECT_EQ(ENOBUFS, errno);
		close(stuck[i].fd);
	}
	close(victim);
	close(pub);
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	EXPECT_TRUE(lib_status_law());
}

/* What it publishes to itself is too much, and it says QUIT in the same write. */
TEST(quit_behind_an_overflow)
{
	struct lib_peer p;
	int i;

	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_TRUE(lib_option(&p, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(lib_option(&p, BLIPMQ_OVERFLOW,
			       BLIPMQ_OVERFLOW_DISCONNECT));
	ASSERT_TRUE(lib_subscribe(&p, "dc.self"));
	/* Those with this flag are bundles of their own. */
	for (i = 0; i < 3; i++)
		lib_put_pub(&p, BLIPMQ_FLAG_RETAIN, "dc.self", 0, "", 0);
	lib_put(&p, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
	ASSERT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_err(&p, BLIPMQ_CODE_LIMIT, 0, NULL));
	EXPECT_TRUE(lib_expect_eof(&p));
	lib_close(&p);
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	EXPECT_TRUE(lib_status_law());
}

/* One that has ended its input is told that it has, also then. */
TEST(end_of_input_before_an_overflow)
{
	struct lib_peer p;
	int i;

	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_TRUE(lib_option(&p, BLIPMQ_QUEUE_MESSAGES, 1));
	ASSERT_TRUE(lib_option(&p, BLIPMQ_OVERFLOW,
			       BLIPMQ_OVERFLOW_DISCONNECT));
	ASSERT_TRUE(lib_subscribe(&p, "dc.end"));
	for (i = 0; i < 3; i++)
		lib_put_pub(&p, BLIPMQ_FLAG_RETAIN, "dc.end", 0, "", 0);
	ASSERT_TRUE(lib_send(&p));
	ASSERT_EQ(0, shutdown(p.fd, SHUT_WR));
	EXPECT_TRUE(lib_expect_err(&p, BLIPMQ_CODE_LIMIT, 0, NULL));
	EXPECT_EQ(-1, send(p.fd, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_TRUE(lib_expect_eof(&p));
	lib_close(&p);
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	EXPECT_TRUE(lib_status_law());
}

TEST_HARNESS_MAIN
