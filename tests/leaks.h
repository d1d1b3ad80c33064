/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nothing but what is meant to leaves the kernel. Every buffer is filled with
 * a pattern first; after a call each of its bytes is either untouched or the
 * one expected. Memory that the kernel gives out next is filled with another
 * pattern before each test, so that what it forgets to write is not zero by
 * chance.
 *
 * Kernels that clear memory when they allocate it hide the contents of a leak,
 * not its length; slub_debug=P page_poison=1 or init_on_alloc=0 on the kernel's
 * command line shows them.
 */
#ifndef _BLIPMQ_TESTS_LEAKS_H
#define _BLIPMQ_TESTS_LEAKS_H

#include <sys/mman.h>
#include <sys/socket.h>

#include "harness.h"

#include "lib.h"

#define UNTOUCHED	0x5a
#define FORGOTTEN	0xa5
#define BUFFER		1024
#define LARGE		400000
#define TOPIC_MAX	255

static u8 pattern[65536];

/* Leave the pattern in memory that is free: of messages and of other buffers. */
static inline bool pollute(int fd)
{
	int pair[2], i;
	size_t size;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return false;
	memset(pattern, FORGOTTEN, sizeof(pattern));
	for (size = 16; size <= sizeof(pattern); size *= 2) {
		for (i = 0; i < 8; i++) {
			/* Nobody is subscribed, so they are freed at once. */
			lib_sendto(fd, "leaks.none", pattern, size - 16);
			send(pair[0], pattern, size - 16, MSG_DONTWAIT);
		}
	}
	close(pair[0]);
	close(pair[1]);
	return true;
}

/* The same for the stack that the next system call has. */
static inline void pollute_stack(int fd)
{
	setsockopt(fd, SOL_BLIPMQ, BLIPMQ_SUBSCRIBE, pattern, 514);
}

FIXTURE(leaks) {
	int pub;
	int sub;
	struct lib_peer in;
	char topic[TOPIC_MAX + 1];
	u8 *bad;
};

FIXTURE_SETUP(leaks)
{
	self->pub = lib_packet();
	self->sub = lib_packet();
	ASSERT_LE(0, self->pub);
	ASSERT_LE(0, self->sub);
	ASSERT_LE(0, lib_open(&self->in, LIB_LOCAL));
	memset(self->topic, 't', TOPIC_MAX);
	self->topic[TOPIC_MAX] = '\0';
	/* A page that can be read and written, and one that cannot. */
	self->bad = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->bad);
	ASSERT_EQ(0, mprotect(self->bad + 4096, 4096, PROT_NONE));
	ASSERT_TRUE(pollute(self->pub));
}

FIXTURE_TEARDOWN(leaks)
{
	close(self->pub);
	close(self->sub);
	lib_close(&self->in);
	munmap(self->bad, 8192);
}

/* @bytes are @want, and what is behind them up to @room was left alone. */
static inline bool exact(const char *what, const void *bytes, size_t room,
			 const void *want, size_t len)
{
	const u8 *b = bytes, *w = want;
	size_t i;

	for (i = 0; i < room; i++) {
		if (b[i] == (i < len ? w[i] : UNTOUCHED))
			continue;
		lib_say("%s: byte %zu is %#x, want %#x", what, i, b[i],
			i < len ? w[i] : UNTOUCHED);
		return false;
	}
	return true;
}

static inline size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Publish one message to a topic of any length. */
static inline bool publish(int fd, const char *topic, size_t len,
			   const void *payload, size_t size)
{
	return !setsockopt(fd, SOL_BLIPMQ, BLIPMQ_TOPIC_DEFAULT, topic,
			   (socklen_t)len) &&
	       send(fd, payload, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* The address that names a topic, or nothing where it does not fit. */
static inline size_t address_of(struct sockaddr_blipmq *sa, const char *topic,
				size_t len)
{
	if (len > BLIPMQ_ADDRESS_TOPIC_MAX)
		return 0;
	sa->sbm_family = AF_BLIPMQ;
	memcpy(sa->sbm_topic, topic, len);
	return offsetof(struct sockaddr_blipmq, sbm_topic) + len;
}

#endif /* _BLIPMQ_TESTS_LEAKS_H */
