// SPDX-License-Identifier: GPL-2.0
/*
 * A namespace that is draining takes nothing new, delivers what it has, and
 * loses nothing; others do not notice.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "harness.h"
#include "lib.h"

static int drain(void)
{
	return (int)lib_request(BLIPMQ_CMD_DRAIN, NULL, 0, 0);
}

static int undo(void)
{
	const struct lib_attr attr = { BLIPMQ_A_BROKER_UNDO, "", 0 };

	return (int)lib_request(BLIPMQ_CMD_DRAIN, &attr, 1, 0);
}

FIXTURE(drain) {
	int	in;
	int	out;
};

FIXTURE_SETUP(drain)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	self->in = lib_packet();
	self->out = lib_packet();
	ASSERT_LE(0, self->in);
	ASSERT_LE(0, self->out);
	ASSERT_EQ(0, lib_subscription(self->out, BLIPMQ_SUBSCRIBE, "d.>", NULL));
}

FIXTURE_TEARDOWN(drain)
{
	close(self->in);
	close(self->out);
}

TEST_F(drain, refuses_what_is_new)
{
	char buf[16];

	ASSERT_EQ(1, lib_sendto(self->in, "d.1", "a", 1));
	ASSERT_EQ(0, drain());
	EXPECT_EQ(-ESHUTDOWN, lib_sendto(self->in, "d.1", "b", 1));
	EXPECT_EQ(-ESHUTDOWN, lib_retain(self->in, "d.1", "b", 1));
	EXPECT_EQ(-ESHUTDOWN, lib_subscription(self->in, BLIPMQ_SUBSCRIBE,
					       "d.2", NULL));
	EXPECT_EQ(-ESHUTDOWN, lib_subscription(self->in, BLIPMQ_SUBSCRIBE,
					       "d.>", "group"));
	errno = 0;
	EXPECT_GT(0, lib_socket(SOCK_SEQPACKET));
	EXPECT_EQ(ESHUTDOWN, errno);
	EXPECT_GT(0, lib_socket(SOCK_STREAM));
	EXPECT_EQ(ESHUTDOWN, errno);
	/* Twice is once. */
	ASSERT_EQ(0, drain());
	EXPECT_EQ(1, lib_status_of("totals.queued-messages"));
	EXPECT_EQ(1, lib_status_of("totals.published"));
	EXPECT_EQ(0, lib_status_of("in-flight"));
	EXPECT_TRUE(lib_status_law());
	EXPECT_EQ(1, recv(self->out, buf, sizeof(buf), 0));
	EXPECT_EQ('a', buf[0]);
	EXPECT_EQ(0, lib_status_of("totals.queued-messages"));
	EXPECT_EQ(0, lib_subscription(self->out, BLIPMQ_UNSUBSCRIBE, "d.>",
				      NULL));
	ASSERT_EQ(0, undo());
	EXPECT_EQ(0, lib_subscription(self->out, BLIPMQ_SUBSCRIBE, "d.>", NULL));
	EXPECT_EQ(1, lib_sendto(self->in, "d.1", "c", 1));
	EXPECT_EQ(1, recv(self->out, buf, sizeof(buf), 0));
	EXPECT_EQ('c', buf[0]);
	ASSERT_EQ(0, undo());
	EXPECT_TRUE(lib_status_law());
}

TEST_F(drain, of_streams)
{
	struct lib_peer p;
	u64 id;

	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	ASSERT_TRUE(lib_subscribe(&p, "d.s"));
	lib_put_pub(&p, BLIPMQ_FLAG_CONFIRM, "d.s", 7, "x", 1);
	ASSERT_TRUE(lib_send(&p));
	ASSERT_EQ(0, drain());
	EXPECT_TRUE(lib_expect_ack(&p, 7, "d.s"));
	EXPECT_TRUE(lib_expect_msg(&p, "d.s", "x", 1, &id));
	lib_put_pub(&p, 0, "d.s", 8, "y", 1);
	lib_put_pub(&p, BLIPMQ_FLAG_CONFIRM, "d.s", 9, "y", 1);
	lib_put(&p, BLIPMQ_OP_SUB, 0, "d.t", NULL, 0);
	lib_put(&p, BLIPMQ_OP_PING, 0, "", "p", 1);
	ASSERT_TRUE(lib_send(&p));
	EXPECT_TRUE(lib_expect_err(&p, 503, 8, "d.s"));
	EXPECT_TRUE(lib_expect_err(&p, 503, 9, "d.s"));
	EXPECT_TRUE(lib_expect_err(&p, 503, 0, "d.t"));
	EXPECT_TRUE(lib_expect_pong(&p, "p", 1));
	EXPECT_TRUE(lib_unsubscribe(&p, "d.s"));
	ASSERT_EQ(0, undo());
	EXPECT_TRUE(lib_subscribe(&p, "d.t"));
	EXPECT_TRUE(lib_publish(&p, "d.t", "z", 1));
	EXPECT_TRUE(lib_status_law());
	lib_close(&p);
}

/* Runs in a child: 0 if it returned @want, for its exit status. */
static int drain_as(uid_t uid, int flags, int want)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if ((uid && setresuid(uid, uid, uid)) ||
		    (flags && unshare(flags)))
			_exit(100);
		_exit(drain() != want || undo() != want);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(drain, is_the_administrators)
{
	EXPECT_EQ(0, drain_as(1001, 0, -EPERM));
	EXPECT_EQ(0, drain_as(0, CLONE_NEWUSER, -EPERM));
	EXPECT_EQ(0, drain_as(0, CLONE_NEWUSER | CLONE_NEWNET, 0));
	EXPECT_EQ(1, lib_sendto(self->in, "d.1", "a", 1));
}

TEST_F(drain, of_another_namespace)
{
	char buf[16];
	int fd;

	ASSERT_EQ(0, drain());
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	fd = lib_packet();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "d.1", NULL));
	EXPECT_EQ(1, lib_sendto(fd, "d.1", "a", 1));
	EXPECT_EQ(1, recv(fd, buf, sizeof(buf), 0));
	/* The old one's sockets stay in it. */
	EXPECT_EQ(-ESHUTDOWN, lib_sendto(self->in, "d.1", "b", 1));
	ASSERT_EQ(0, undo());
	EXPECT_EQ(-ESHUTDOWN, lib_sendto(self->in, "d.1", "b", 1));
	close(fd);
}

/* What publishers were told of what they did. */
struct published {
	long	sent;
	long	refused;
	bool	other;
	bool	ends;
	int	fd;
	pid_t	thread;
};

static void *publisher(void *arg)
{
	struct published *p = arg;
	ssize_t n;

	__atomic_store_n(&p->thread, gettid(), __ATOMIC_RELAXED);
	while (!__atomic_load_n(&p->ends, __ATOMIC_RELAXED)) {
		n = lib_sendto(p->fd, "d.load", "x", 1);
		if (n == 1)
			p->sent++;
		else if (n == -ESHUTDOWN)
			p->refused++;
		else
			p->other = true;
	}
	close(p->fd);
	return NULL;
}

static void *reader(void *arg)
{
	const int *fd = arg;
	char buf[16];
	static long got;

	got = 0;
	while (recv(*fd, buf, sizeof(buf), 0) == 1)
		__atomic_add_fetch(&got, 1, __ATOMIC_RELAXED);
	return &got;
}

/* Nothing in flight at one look, nothing queued at the next one. */
static bool wait_empty(void)
{
	return lib_status_wait("in-flight", 0) &&
	       lib_status_wait("totals.queued-messages", 0);
}

static void under_load(struct __test_metadata *_metadata, int out)
{
	struct published p[2] = { };
	pthread_t threads[2], reads;
	long long published, before;
	void *got;
	int i, k;

	before = lib_status_of("totals.published");
	ASSERT_TRUE(lib_set_u32(out, BLIPMQ_QUEUE_MESSAGES, 1 << 20));
	ASSERT_EQ(0, pthread_create(&reads, NULL, reader, &out));
	for (i = 0; i < 2; i++) {
		/* A drain refuses new sockets. */
		p[i].fd = lib_packet();
		ASSERT_LE(0, p[i].fd);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, publisher, &p[i]));
	}
	for (k = 0; k < 20; k++) {
		usleep(20000);
		ASSERT_EQ(0, drain());
		ASSERT_TRUE(wait_empty());
		/* Whoever began before has ended: nothing comes any more. */
		published = lib_status_of("totals.published");
		usleep(20000);
		EXPECT_EQ(published, lib_status_of("totals.published"));
		EXPECT_EQ(0, lib_status_of("totals.queued-messages"));
		EXPECT_TRUE(lib_status_law());
		ASSERT_EQ(0, undo());
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&p[i].ends, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_FALSE(p[i].other);
		EXPECT_LT(0, p[i].sent);
		EXPECT_LT(0, p[i].refused);
	}
	ASSERT_TRUE(wait_empty());
	ASSERT_EQ(0, shutdown(out, SHUT_RD));
	ASSERT_EQ(0, pthread_join(reads, &got));
	EXPECT_EQ(p[0].sent + p[1].sent,
		  lib_status_of("totals.published") - before);
	EXPECT_EQ(p[0].sent + p[1].sent - lib_status_of("totals.dropped-overflow"),
		  *(long *)got);
	EXPECT_TRUE(lib_status_law());
}

TEST_F_TIMEOUT(drain, under_load, 300)
{
	under_load(_metadata, self->out);
}

TEST_F_TIMEOUT(drain, under_load_by_workers, 300)
{
	ASSERT_EQ(0, lib_lane_set(NULL, BLIPMQ_LANE_MODE_WORKER, -1));
	under_load(_metadata, self->out);
	ASSERT_EQ(0, lib_lanes_direct());
}

/* A publisher that waits for a reader is refused when it goes on. */
TEST_F(drain, who_waits_is_refused)
{
	struct published p = { .fd = lib_packet() };
	pthread_t thread;
	char buf[16];
	int n = 0;

	ASSERT_TRUE(lib_set_u32(self->out, BLIPMQ_QUEUE_MESSAGES, 4));
	ASSERT_TRUE(lib_set_u32(self->out, BLIPMQ_OVERFLOW,
				BLIPMQ_OVERFLOW_BLOCK));
	ASSERT_EQ(0, pthread_create(&thread, NULL, publisher, &p));
	ASSERT_TRUE(lib_status_wait("totals.queued-messages", 4));
	lib_wait_asleep(__atomic_load_n(&p.thread, __ATOMIC_RELAXED));
	ASSERT_EQ(0, drain());
	while (n < 4 && recv(self->out, buf, sizeof(buf), 0) == 1)
		n++;
	EXPECT_TRUE(wait_empty());
	__atomic_store_n(&p.ends, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(4, p.sent);
	EXPECT_LT(0, p.refused);
	EXPECT_FALSE(p.other);
	EXPECT_TRUE(lib_status_law());
}

static int reset(void)
{
	return (int)lib_request(BLIPMQ_CMD_RESET, NULL, 0, 0);
}

/*
 * What is in flight is no counter: it is there as long as it is. A worker that
 * has its CPU from nobody keeps what it was given.
 */
TEST_F(drain, in_flight_after_a_reset)
{
	const struct sched_param first = { .sched_priority = 1 };
	const struct sched_param none = { };
	cpu_set_t before, one;
	char buf[16];

	CPU_ZERO(&one);
	CPU_SET(1, &one);
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(before), &before));
	ASSERT_EQ(0, lib_worker_count(1));
	ASSERT_EQ(0, lib_worker_set(0, BLIPMQ_A_WORKER_CPU, 1));
	ASSERT_EQ(0, lib_lane_set(NULL, BLIPMQ_LANE_MODE_WORKER, -1));
	/* This one starts it. */
	ASSERT_EQ(1, lib_sendto(self->in, "d.1", "a", 1));
	ASSERT_EQ(1, recv(self->out, buf, sizeof(buf), 0));
	ASSERT_TRUE(lib_status_wait("in-flight", 0));

	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
	EXPECT_EQ(1, lib_sendto(self->in, "d.1", "b", 1));
	EXPECT_EQ(1, lib_status_of("in-flight"));
	EXPECT_EQ(0, reset());
	EXPECT_EQ(1, lib_status_of("in-flight"));
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &none));
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(before), &before));

	EXPECT_TRUE(lib_status_wait("in-flight", 0));
	EXPECT_EQ(1, recv(self->out, buf, sizeof(buf), 0));
	ASSERT_EQ(0, lib_lanes_direct());
	EXPECT_TRUE(lib_status_law());
}

TEST_HARNESS_MAIN
