// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of blipmqd: how many it uses, and that clients which are moved
 * from one to another, in every state that they can be in, notice nothing.
 *
 * Who is where is read from /proc: each thread has an epoll, which lists what it
 * watches.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define TOPIC		"threads.t"
#define NOISE		"threads.noise"
#define THREADS		4
#define FEW		8
#define CROWD		1000
#define SHOUTERS	8
#define BATCH		64
#define PAYLOAD_MAX	5000

/* Above what a test may queue: nothing is dropped. */
#define QUEUE_MESSAGES	(1U << 16)
#define QUEUE_BYTES	(64U << 20)

/* A guard against hangs. */
#define PATIENCE_S	120

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 20000000 };

	nanosleep(&ts, NULL);
}

FIXTURE(threads) {
	long long queue_bytes;
	pid_t pid;
	struct lib_peer pub;
	struct lib_peer sub;
	u64 sent;
	u64 got;
	struct lib_peer shouter[SHOUTERS];
	pthread_t thread[SHOUTERS];
};

FIXTURE_VARIANT(threads) {
	const char *spread;
};

FIXTURE_VARIANT_ADD(threads, load) {
	.spread = "load",
};

FIXTURE_VARIANT_ADD(threads, shuffle) {
	.spread = "shuffle",
};

static pid_t start_server(const char *spread)
{
	char threads[8];
	char *const argv[] = { "blipmqd", "--threads", threads, "--spread",
			 (char *)spread, "127.0.0.1:0", NULL };

	snprintf(threads, sizeof(threads), "%d", THREADS);
	return lib_server(argv);
}

static int watched(pid_t pid, const char *fd)
{
	char path[64], line[256];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", pid, fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		n += !strncmp(line, "tfd:", 4);
	if (f)
		fclose(f);
	return n;
}

/* Threads that have clients; each also watches what wakes it. */
static int in_use(pid_t pid)
{
	struct dirent *e;
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	d = opendir(path);
	while (d && (e = readdir(d)))
		n += watched(pid, e->d_name) > 1;
	if (d)
		closedir(d);
	return n;
}

static bool open_subscriber(struct lib_peer *p)
{
	return lib_open(p, LIB_TCP) >= 0 &&
	       lib_option(p, BLIPMQ_QUEUE_MESSAGES, QUEUE_MESSAGES) &&
	       lib_option(p, BLIPMQ_QUEUE_BYTES, QUEUE_BYTES) &&
	       lib_subscribe(p, TOPIC);
}

/* What the message of a number is: another length and other bytes for each. */
static size_t payload(u64 number, u8 *bytes)
{
	size_t len = 8 + number * 37 % (PAYLOAD_MAX - 8), i;

	blipmq_put_le64(bytes, number);
	for (i = 8; i < len; i++)
		bytes[i] = (u8)(number * 31 + i);
	return len;
}

static bool publish(struct lib_peer *p, u64 *sent, int n)
{
	u8 bytes[PAYLOAD_MAX];
	size_t len;

	while (n--) {
		len = payload((*sent)++, bytes);
		lib_put_pub(p, 0, TOPIC, 0, bytes, len);
	}
	return lib_send(p);
}

static bool take(struct lib_peer *p, u64 *got, u64 until)
{
	u8 bytes[PAYLOAD_MAX];
	struct lib_frame in;
	size_t len;
	int ret;

	for (; *got < until; (*got)++) {
		ret = lib_next(p, &in);
		len = payload(*got, bytes);
		if (ret == 1 && in.f.op == BLIPMQ_OP_MSG &&
		    in.body_len == 8 + len && !memcmp(in.body + 8, bytes, len))
			continue;
		lib_say("message %llu of %llu: %d, op %u, %u bytes",
			(unsigned long long)*got, (unsigned long long)until,
			ret, in.f.op, in.body_len);
		return false;
	}
	return true;
}

FIXTURE_SETUP(threads)
{
	struct rlimit files = { 4 * CROWD, 4 * CROWD };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	self->sent = 0;
	self->got = 0;
	self->pid = start_server(variant->spread);
	ASSERT_LT(0, self->pid);
	self->queue_bytes = lib_status_of("limits.queue-bytes-max");
	ASSERT_EQ(0, lib_limit_set("limits.queue-bytes-max", QUEUE_BYTES));
	ASSERT_LE(0, lib_open(&self->pub, LIB_TCP));
	ASSERT_TRUE(open_subscriber(&self->sub));
}

FIXTURE_TEARDOWN(threads)
{
	lib_close(&self->pub);
	lib_close(&self->sub);
	EXPECT_TRUE(lib_server_end(self->pid));
	EXPECT_EQ(0, lib_limit_set("limits.queue-bytes-max",
				   (unsigned long long)self->queue_bytes));
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	EXPECT_TRUE(lib_status_law());
}

static bool shouting;

/* As fast as it is taken: small messages that nobody wants. */
static void *shout(void *arg)
{
	struct lib_peer *p = arg;
	int i;

	while (__atomic_load_n(&shouting, __ATOMIC_RELAXED)) {
		for (i = 0; i < BATCH; i++)
			lib_put_pub(p, 0, NOISE, 0, "noise", 5);
		if (!lib_send(p))
			return NULL;
	}
	return lib_sync(p) ? p : NULL;
}

static bool shout_start(FIXTURE_DATA(threads) *self)
{
	int i;

	shouting = true;
	for (i = 0; i < SHOUTERS; i++)
		if (lib_open(&self->shouter[i], LIB_TCP) < 0 ||
		    pthread_create(&self->thread[i], NULL, shout,
				   &self->shouter[i]))
			return false;
	return true;
}

/* They stay connected, wherever they are. */
static bool shout_stop(FIXTURE_DATA(threads) *self)
{
	bool ok = true;
	void *result;
	int i;

	__atomic_store_n(&shouting, false, __ATOMIC_RELAXED);
	for (i = 0; i < SHOUTERS; i++) {
		pthread_join(self->thread[i], &result);
		ok = ok && result;
	}
	return ok;
}

static void shout_close(FIXTURE_DATA(threads) *self)
{
	int i;

	for (i = 0; i < SHOUTERS; i++)
		lib_close(&self->shouter[i]);
}

/* Messages go there until as many threads have clients as is said. */
static bool messages_until(FIXTURE_DATA(threads) *self, int least, int most)
{
	time_t deadline = time(NULL) + PATIENCE_S;
	int n;

	for (;;) {
		if (!publish(&self->pub, &self->sent, 5) ||
		    !take(&self->sub, &self->got, self->sent))
			return false;
		n = in_use(self->pid);
		if (n >= least && n <= most)
			return true;
		if (time(NULL) > deadline) {
			lib_say("%d threads are in use, not %d to %d", n,
				least, most);
			return false;
		}
		nap();
	}
}

TEST_F_TIMEOUT(threads, as_asked, 600)
{
	struct lib_peer few[FEW];
	int i;

	for (i = 0; i < FEW; i++)
		ASSERT_LE(0, lib_open(&few[i], LIB_TCP));
	for (i = 0; i < FEW; i++)
		ASSERT_TRUE(lib_sync(&few[i]));
	if (*variant->spread == 'l')
		EXPECT_EQ(1, in_use(self->pid));
	for (i = 0; i < FEW; i++) {
		EXPECT_TRUE(lib_sync(&few[i]));
		lib_close(&few[i]);
	}
}

/* Threads are taken in use, and let go, and nothing is lost meanwhile. */
TEST_F_TIMEOUT(threads, load_comes_and_goes, 600)
{
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(shout_start(self));
		EXPECT_TRUE(messages_until(self, 2, THREADS));
		ASSERT_TRUE(shout_stop(self));
		if (*variant->spread == 'l')
			EXPECT_TRUE(messages_until(self, 1, 1));
		shout_close(self);
	}
}

/* A reader that pauses: its direction waits, and it is moved as it is. */
TEST_F_TIMEOUT(threads, paused_reader, 600)
{
	struct lib_peer other;
	int i, small = 32 << 10;
	u64 got = 0;

	ASSERT_TRUE(open_subscriber(&other));
	/* TCP holds megabytes by itself; the less, the sooner it is full. */
	ASSERT_EQ(0, setsockopt(other.fd, SOL_SOCKET, SO_RCVBUF, &small,
				sizeof(small)));
	ASSERT_TRUE(shout_start(self));
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(publish(&self->pub, &self->sent, BATCH));
		ASSERT_TRUE(take(&self->sub, &self->got, self->sent));
	}
	EXPECT_TRUE(take(&other, &got, self->sent));
	EXPECT_TRUE(shout_stop(self));
	shout_close(self);
	lib_close(&other);
}

/* A client that ends gets all that is queued for it, wherever it is then. */
TEST_F_TIMEOUT(threads, ends, 600)
{
	struct lib_peer p;
	u64 sent, got;
	int i;

	ASSERT_TRUE(shout_start(self));
	for (i = 0; i < 8; i++) {
		sent = self->sent;
		got = sent;
		ASSERT_TRUE(open_subscriber(&p));
		ASSERT_TRUE(publish(&self->pub, &sent, BATCH));
		ASSERT_TRUE(take(&self->sub, &self->got, sent));
		self->sent = sent;
		if (i % 2) {
			ASSERT_EQ(0, shutdown(p.fd, SHUT_WR));
		} else {
			lib_put(&p, BLIPMQ_OP_QUIT, 0, NULL, NULL, 0);
			ASSERT_TRUE(lib_send(&p));
		}
		EXPECT_TRUE(take(&p, &got, sent));
		EXPECT_TRUE(lib_expect_eof(&p));
		lib_close(&p);
	}
	EXPECT_TRUE(shout_stop(self));
	shout_close(self);
}

/* Reset, which is what the end of a process does with bytes unread. */
static void vanish(struct lib_peer *p)
{
	const struct linger reset = { .l_onoff = 1 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	lib_close(p);
}

/* Of a great many clients every second one vanishes in mid-stream. */
TEST_F_TIMEOUT(threads, crowd, 600)
{
	static struct lib_peer crowd[CROWD];
	static u64 got[CROWD];
	int i, many = lib_rounds_long(300, CROWD);

	for (i = 0; i < many; i++)
		ASSERT_TRUE(open_subscriber(&crowd[i]));
	ASSERT_TRUE(publish(&self->pub, &self->sent, 6));
	for (i = 0; i < many; i++) {
		ASSERT_TRUE(take(&crowd[i], &got[i], i % 6));
		if (i % 2)
			vanish(&crowd[i]);
	}
	ASSERT_TRUE(publish(&self->pub, &self->sent, 6));
	for (i = 0; i < many; i += 2) {
		EXPECT_TRUE(take(&crowd[i], &got[i], self->sent));
		lib_close(&crowd[i]);
	}
	EXPECT_TRUE(take(&self->sub, &self->got, self->sent));
}

/* Over all of them from the beginning, and with no load. */
TEST(always_over_all)
{
	struct lib_peer few[FEW];
	pid_t pid = start_server("always");
	int i;

	ASSERT_LT(0, pid);
	for (i = 0; i < FEW; i++)
		ASSERT_LE(0, lib_open(&few[i], LIB_TCP));
	for (i = 0; i < FEW; i++)
		ASSERT_TRUE(lib_sync(&few[i]));
	EXPECT_EQ(THREADS, in_use(pid));
	for (i = 0; i < FEW; i++)
		lib_close(&few[i]);
	EXPECT_TRUE(lib_server_end(pid));
}

TEST_HARNESS_MAIN
