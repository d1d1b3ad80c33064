// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/blipmq: a line for each socket, complete while they come and go,
 * and nothing in it that is nobody else's business.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define PROC	"/proc/self/net/blipmq"
#define SOCKETS	500

/**
 * struct line - what a line says
 */
struct line {
	unsigned long long	num;
	char			type[16];
	char			policy[16];
	unsigned int		user;
	unsigned long		inode;
	unsigned int		subs;
	unsigned long long	queued;
	unsigned long long	bytes;
	unsigned long long	lost;
};

static bool read_line(FILE *f, struct line *l)
{
	char text[256], rest;

	return fgets(text, sizeof(text), f) &&
	       sscanf(text, "%llu %15s %15s %u %lu %u %llu %llu %llu %c",
		      &l->num, l->type, l->policy, &l->user, &l->inode,
		      &l->subs, &l->queued, &l->bytes, &l->lost, &rest) == 9;
}

/* Behind the header. */
static FILE *open_lines(void)
{
	FILE *f = fopen(PROC, "re");
	char text[256];

	if (f && (!fgets(text, sizeof(text), f) || !strstr(text, " Num "))) {
		fclose(f);
		return NULL;
	}
	return f;
}

FIXTURE(proc) {
	int	a;
	int	b;
};

FIXTURE_SETUP(proc)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	self->a = lib_packet();
	self->b = lib_socket(SOCK_STREAM);
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
}

FIXTURE_TEARDOWN(proc)
{
	close(self->a);
	close(self->b);
}

TEST_F(proc, a_line_each)
{
	struct line l;
	struct stat st;
	int i;
	FILE *f;

	ASSERT_TRUE(lib_set_u32(self->a, BLIPMQ_QUEUE_MESSAGES, 2));
	ASSERT_TRUE(lib_set_u32(self->a, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_DROP_NEW));
	ASSERT_EQ(0, lib_subscription(self->a, BLIPMQ_SUBSCRIBE, "a", NULL));
	ASSERT_EQ(0, lib_subscription(self->a, BLIPMQ_SUBSCRIBE, "*.*", NULL));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(1, lib_sendto(self->a, "a", "x", 1));
	ASSERT_EQ(0, fstat(self->a, &st));
	f = open_lines();
	ASSERT_NE(NULL, f);
	ASSERT_TRUE(read_line(f, &l));
	EXPECT_EQ(1, l.num);
	EXPECT_STREQ("seqpacket", l.type);
	EXPECT_STREQ("drop-new", l.policy);
	EXPECT_EQ(0, l.user);
	EXPECT_EQ(st.st_ino, l.inode);
	EXPECT_EQ(2, l.subs);
	EXPECT_EQ(2, l.queued);
	EXPECT_LT(0, l.bytes);
	EXPECT_EQ(1, l.lost);
	ASSERT_TRUE(read_line(f, &l));
	EXPECT_EQ(2, l.num);
	EXPECT_STREQ("stream", l.type);
	EXPECT_STREQ("drop-oldest", l.policy);
	EXPECT_EQ(0, l.subs);
	EXPECT_FALSE(read_line(f, &l));
	fclose(f);
	/* Another namespace shows its own. */
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	f = open_lines();
	ASSERT_NE(NULL, f);
	EXPECT_FALSE(read_line(f, &l));
	fclose(f);
}

/* Whose sockets there are is for everybody, as in /proc/net/packet. */
static int others_see_numbers(void *arg)
{
	struct line l;
	FILE *f = open_lines();
	int fd = lib_packet(), n = 0;

	if (!f || fd < 0)
		return 1;
	while (read_line(f, &l))
		if (++n == 3 && l.user != *(unsigned int *)arg)
			return 2;
	fclose(f);
	return n == 3 ? 0 : 3;
}

TEST_F(proc, others)
{
	unsigned int user = 1001, mapped = 0;

	EXPECT_EQ(0, lib_as_user(1001, 0, others_see_numbers, &user));
	EXPECT_EQ(0, lib_as_user(1001, CLONE_NEWUSER, others_see_numbers,
				 &mapped));
}

static bool ends;

static void *come_and_go(void *arg)
{
	int fd;

	while (!__atomic_load_n(&ends, __ATOMIC_RELAXED)) {
		fd = lib_packet();
		if (fd < 0)
			return "failed";
		close(fd);
	}
	return NULL;
}

TEST_F(proc, complete_while_sockets_come_and_go)
{
	int fds[SOCKETS], i, k, seen;
	pthread_t thread;
	struct line l;
	void *failed;
	FILE *f;

	for (i = 0; i < SOCKETS; i++) {
		fds[i] = lib_packet();
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, come_and_go, NULL));
	for (k = 0; k < 20; k++) {
		unsigned long long last = 0;

		f = open_lines();
		ASSERT_NE(NULL, f);
		/* Small pieces, between which others run. */
		setvbuf(f, NULL, _IOFBF, 128);
		for (seen = 0; read_line(f, &l); last = l.num) {
			EXPECT_LT(last, l.num);
			seen += l.num > 2 && l.num <= SOCKETS + 2;
		}
		EXPECT_EQ(SOCKETS, seen);
		fclose(f);
	}
	__atomic_store_n(&ends, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, &failed));
	EXPECT_EQ(NULL, failed);
	for (i = 0; i < SOCKETS; i++)
		close(fds[i]);
}

TEST_HARNESS_MAIN
