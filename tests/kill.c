// SPDX-License-Identifier: GPL-2.0
/*
 * kill -9 of publishers and subscribers in mid-stream, 200 times in a row: the
 * others go on, and afterwards nothing of those killed is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kselftest.h>

#include "lib.h"

#define KILLS		200
/* Messages of the long-lived pair that may be on their way. */
#define WINDOW		256ULL
/* What a victim must have done before it is killed. */
#define STEPS		5U
#define QUEUE_MESSAGES	4096

#define PAIR		"kill.pair"
#define NOISE		"kill.noise"

/**
 * struct shared - what the processes tell each other
 * @seen: messages that the long-lived subscriber got
 * @noise: messages that got to whom the victims publish
 * @steps: of the victim that runs now
 * @enough: the long-lived ones end
 */
struct shared {
	volatile u64	seen;
	volatile u64	noise;
	volatile u32	steps;
	volatile bool	enough;
};

static struct shared *shared;

static pid_t start(void (*run)(int), int arg)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* Nobody stays behind when the test itself is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run(arg);
	_exit(100);
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 200000 };

	nanosleep(&ts, NULL);
}

static void pair_publisher(int unused)
{
	struct lib_peer p;
	u8 payload[8];
	u64 i;

	if (lib_open(&p, LIB_LOCAL) < 0)
		_exit(1);
	for (i = 0; !shared->enough; i++) {
		blipmq_put_le64(payload, i);
		lib_put_pub(&p, 0, PAIR, 0, payload, sizeof(payload));
		lib_put_pub(&p, 0, NOISE, 0, payload, sizeof(payload));
		if (i % 8 == 7 && !lib_send(&p))
			_exit(2);
		while (i + 1 - shared->seen > WINDOW && !shared->enough)
			nap();
	}
	_exit(!lib_send(&p) || !lib_sync(&p));
}

/* Numbers and ids without a gap: ids grow by two, one is the noise's. */
static void pair_subscriber(int way)
{
	struct lib_frame in;
	struct lib_peer p;
	u64 id, last = 0, i = 0;

	if (lib_open(&p, (enum lib_way)way) < 0 ||
	    !lib_option(&p, BLIPMQ_QUEUE_MESSAGES, QUEUE_MESSAGES) ||
	    !lib_option(&p, BLIPMQ_QUEUE_BYTES, 16 << 20) ||
	    !lib_subscribe(&p, PAIR))
		_exit(1);
	shared->steps = STEPS;
	while (!shared->enough) {
		int ret = lib_next_within(&p, &in, 200);

		if (ret == -ETIMEDOUT)
			continue;
		if (ret != 1 || in.f.op != BLIPMQ_OP_MSG || in.body_len != 16)
			_exit(2);
		id = blipmq_get_le64(in.body);
		if (blipmq_get_le64(in.body + 8) != i || (i && id != last + 2))
			_exit(3);
		last = id;
		shared->seen = ++i;
	}
	_exit(0);
}

/* Hears all victims; it may lose what they shout. */
static void noise_subscriber(int unused)
{
	struct lib_frame in;
	struct lib_peer p;

	if (lib_open(&p, LIB_LOCAL) < 0 || !lib_subscribe(&p, NOISE))
		_exit(1);
	shared->steps = STEPS;
	while (!shared->enough) {
		int ret = lib_next_within(&p, &in, 200);

		if (ret == -ETIMEDOUT)
			continue;
		if (ret != 1 || (in.f.op != BLIPMQ_OP_MSG &&
				 in.f.op != BLIPMQ_OP_LOST))
			_exit(2);
		shared->noise++;
	}
	_exit(0);
}

/* The victims: as a publisher or a subscriber, in every way there is. */

static void publish_frames(int way)
{
	static u8 payload[20000];
	struct lib_frame in;
	struct lib_peer p;
	char own[32];
	u32 i;

	snprintf(own, sizeof(own), "kill.own.%d", getpid());
	if (lib_open(&p, (enum lib_way)way) < 0)
		_exit(1);
	for (;;) {
		for (i = 0; i < 20; i++)
			lib_put_pub(&p, i % 5 ? 0 : BLIPMQ_FLAG_CONFIRM,
				    i % 2 ? NOISE : own, i, payload,
				    i == 7 ? sizeof(payload) : i);
		/* Cut anywhere, so that it dies within a frame as well. */
		if (!lib_send_cut(&p, 1000 + (size_t)getpid() % 1000))
			_exit(2);
		while (lib_next_within(&p, &in, 0) == 1)
			;
		shared->steps++;
	}
}

static void publish_packets(int unused)
{
	static u8 payload[3000];
	int fd = lib_packet();
	u32 i;

	for (i = 0;; i++) {
		if (lib_sendto(fd, NOISE, payload, i % sizeof(payload)) < 0)
			_exit(1);
		if (i % 20 == 19)
			shared->steps++;
	}
}

static void subscribe_frames(int way)
{
	struct lib_peer p;
	char own[32], buf[100];

	snprintf(own, sizeof(own), "kill.own.%d", getpid());
	if (lib_open(&p, (enum lib_way)way) < 0 || !lib_subscribe(&p, own))
		_exit(1);
	/* Nothing is confirmed: messages come at once. */
	lib_put(&p, BLIPMQ_OP_SUB, 0, PAIR, NULL, 0);
	lib_put(&p, BLIPMQ_OP_SUB, 0, NOISE, NULL, 0);
	if (!lib_send(&p))
		_exit(2);
	/* Slowly, so that its queue is full and it dies within a frame. */
	while (recv(p.fd, buf, sizeof(buf), 0) > 0)
		shared->steps++;
	_exit(3);
}

static void subscribe_packets(int unused)
{
	int fd = lib_packet();
	char buf[100];

	if (lib_subscription(fd, BLIPMQ_SUBSCRIBE, PAIR, NULL) ||
	    lib_subscription(fd, BLIPMQ_SUBSCRIBE, NOISE, NULL))
		_exit(1);
	while (recv(fd, buf, sizeof(buf), 0) >= 0)
		shared->steps++;
	_exit(2);
}

static const struct {
	const char *what;
	void (*run)(int arg);
	int arg;
} victims[] = {
	{ "publisher, stream", publish_frames, LIB_LOCAL },
	{ "subscriber, stream", subscribe_frames, LIB_LOCAL },
	{ "publisher, TCP", publish_frames, LIB_TCP },
	{ "subscriber, TCP", subscribe_frames, LIB_TCP },
	{ "publisher, seqpacket", publish_packets, 0 },
	{ "subscriber, seqpacket", subscribe_packets, 0 },
};

/* Until the one that runs is in mid-stream; false when it never gets there. */
static bool wait_steps(pid_t pid)
{
	time_t deadline = time(NULL) + LIB_HANG_MS / 1000;

	while (shared->steps < STEPS) {
		int status;

		if (waitpid(pid, &status, WNOHANG) == pid) {
			lib_say("it ended by itself, status %x", status);
			return false;
		}
		if (time(NULL) > deadline) {
			lib_say("it does not get to work");
			return false;
		}
		nap();
	}
	return true;
}

static bool kill_one(size_t which)
{
	int status;
	bool ok;
	pid_t pid;

	shared->steps = 0;
	pid = start(victims[which].run, victims[which].arg);
	ok = wait_steps(pid);
	if (!ok)
		lib_say("in: %s", victims[which].what);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return ok;
}

static bool goes_on(u64 since)
{
	time_t deadline = time(NULL) + LIB_HANG_MS / 1000;

	while (shared->seen < since + 100) {
		if (time(NULL) > deadline)
			return false;
		nap();
	}
	return true;
}

static bool ended_well(pid_t pid, const char *who)
{
	int status = -1;

	waitpid(pid, &status, 0);
	if (status)
		lib_say("%s: status %x", who, status);
	return !status;
}

int main(void)
{
	static const char * const zero[] = {
		"sockets", "subscriptions", "topics", "memory-bytes",
		"ring-bytes", "totals.queued-messages", "totals.queued-bytes",
	};
	pid_t pub, sub, noise;
	u64 before;
	size_t i, kills = (size_t)lib_rounds(KILLS);
	bool ok;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ksft_print_header();
	ksft_set_plan(6 + (unsigned int)ARRAY_SIZE(zero));
	if (shared == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));

	sub = start(pair_subscriber, LIB_LOCAL);
	ok = wait_steps(sub);
	shared->steps = 0;
	noise = start(noise_subscriber, 0);
	ok = wait_steps(noise) && ok;
	pub = start(pair_publisher, 0);
	ksft_test_result(ok && goes_on(0), "kill: a long-lived pair runs\n");
	for (i = 0; ok && i < kills; i++)
		ok = kill_one(i % ARRAY_SIZE(victims));
	ksft_test_result(ok && i == kills, "kill: %zu of %d killed in mid-stream\n",
			 i, (int)kills);
	before = shared->seen;
	ksft_test_result(goes_on(before), "kill: the pair goes on, %llu messages\n",
			 (unsigned long long)shared->seen);
	shared->enough = true;
	ok = ended_well(sub, "the pair's subscriber");
	ok = ended_well(pub, "the pair's publisher") && ok;
	ksft_test_result(ok, "kill: its numbers and ids have no gap\n");
	ok = ended_well(noise, "who hears the victims");
	ksft_test_result(ok && shared->noise > kills,
			 "kill: victims were heard, %llu messages\n",
			 (unsigned long long)shared->noise);
	for (i = 0; i < ARRAY_SIZE(zero); i++)
		ksft_test_result(lib_status_wait(zero[i], 0),
				 "kill: no %s left\n", zero[i]);
	ksft_test_result(lib_status_law(),
			 "kill: matched = delivered + dropped\n");
	ksft_exit(!ksft_get_fail_cnt());
}
