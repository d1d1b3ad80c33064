// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of megabytes: they lie in pages of 2 MiB where the kernel has any,
 * which its own tracepoint shows, and arrive as they are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define MIB	(1U << 20)
#define MOST	(8 * MIB)
#define BLOCK	4096U
#define TOPIC	"large.t"

/* What x86 has in one entry of a page table's last but one level. */
#define ORDER	9

FIXTURE(large) {
	char	folder[64];
	long long limit;
	int	sub;
	u8	*payload;
	u8	*got;
};

FIXTURE_SETUP(large)
{
	char text[64];
	u32 i;

	if (sysconf(_SC_PAGESIZE) << ORDER != 2 * MIB)
		SKIP(return, "2 MiB are not %d doublings of a page", ORDER);
	if (access(LIB_TRACING "/events/kmem", F_OK))
		SKIP(return, "there is no " LIB_TRACING "/events/kmem");
	ASSERT_TRUE(lib_trace_open(self->folder));
	snprintf(text, sizeof(text), "%d", gettid());
	ASSERT_TRUE(lib_write_file(self->folder, "set_event_pid", text));
	snprintf(text, sizeof(text), "order == %d", ORDER);
	ASSERT_TRUE(lib_write_file(self->folder,
				   "events/kmem/mm_page_alloc/filter", text));
	ASSERT_TRUE(lib_write_file(self->folder,
				   "events/kmem/mm_page_alloc/enable", "1"));

	self->limit = lib_status_of("limits.payload-bytes");
	ASSERT_EQ(0, lib_limit_set("limits.payload-bytes", MOST));
	self->payload = malloc(MOST);
	self->got = malloc(MOST + 1024);
	ASSERT_NE(NULL, self->payload);
	ASSERT_NE(NULL, self->got);
	for (i = 0; i < BLOCK / 4; i++)
		blipmq_put_le32(self->payload + 4 * i, i * 2654435761U);
	for (i = 1; i < MOST / BLOCK; i++) {
		memcpy(self->payload + i * BLOCK, self->payload, BLOCK);
		blipmq_put_le32(self->payload + i * BLOCK, i);
	}
	self->sub = lib_packet();
	ASSERT_LE(0, self->sub);
	ASSERT_EQ(0, lib_subscription(self->sub, BLIPMQ_SUBSCRIBE, TOPIC,
				      NULL));
	/* Its pages are there, and of no interest. */
	memset(self->got, 0, MOST + 1024);
	ASSERT_TRUE(lib_write_file(self->folder, "trace", ""));
}

FIXTURE_TEARDOWN(large)
{
	close(self->sub);
	free(self->payload);
	free(self->got);
	EXPECT_EQ(0, lib_limit_set("limits.payload-bytes",
				   (unsigned long long)self->limit));
	EXPECT_TRUE(lib_status_wait("memory-bytes", 0));
	lib_write_file(self->folder, "events/enable", "0");
	EXPECT_EQ(0, rmdir(self->folder));
}

/* Blocks of 2 MiB and more that are free. */
static int blocks(void)
{
	FILE *f = fopen("/proc/buddyinfo", "r");
	int sum = 0, order, n, at, used;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		at = 0;
		if (sscanf(line, "Node %*d, zone %*s%n", &at) < 0 || !at)
			continue;
		for (order = 0; sscanf(line + at, "%d%n", &n, &used) == 1;
		     order++, at += used)
			if (order >= ORDER)
				sum += n << (order - ORDER);
	}
	if (f)
		fclose(f);
	return sum;
}

/*
 * Large pages that this thread asked for, and those that it got, since it was
 * asked last.
 */
static bool pages(const char *folder, int *wanted, int *got)
{
	static char text[1 << 16];
	char *line, *rest;

	*wanted = 0;
	*got = 0;
	if (!lib_read_file(text, sizeof(text), folder, "trace"))
		return false;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!strstr(line, "mm_page_alloc:"))
			continue;
		++*wanted;
		*got += !strstr(line, "pfn=0x0 ");
	}
	return lib_write_file(folder, "trace", "");
}

/* A message of @len bytes comes, and took @most large pages if there were. */
static bool arrives(FIXTURE_DATA(large) *self, size_t len, int most, int free)
{
	int wanted, got;
	ssize_t n;

	if (!pages(self->folder, &wanted, &got))
		return false;
	lib_say("%zu bytes: %d large pages of %d, %d are free", len, got,
		wanted, free);
	if (most ? !wanted : wanted)
		return false;
	if (free > 2 * most && got != most)
		return false;
	n = recv(self->sub, self->got, MOST + 1024, 0);
	if (n != (ssize_t)len) {
		lib_say("%zd bytes came: %s", n, strerror(errno));
		return false;
	}
	return !memcmp(self->got, self->payload, len);
}

static const struct {
	size_t	len;
	int	most;
} sizes[] = {
	{ MIB, 0 },
	{ 2 * MIB - 65536, 0 },
	{ 2 * MIB, 1 },
	{ 3 * MIB + 1, 1 },
	{ 4 * MIB, 2 },
	{ 8 * MIB, 4 },
};

TEST_F(large, packets)
{
	int pub = lib_packet(), free;
	size_t i;

	ASSERT_LE(0, pub);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		free = blocks();
		ASSERT_EQ((ssize_t)sizes[i].len,
			  lib_sendto(pub, TOPIC, self->payload, sizes[i].len));
		EXPECT_TRUE(arrives(self, sizes[i].len, sizes[i].most, free));
	}
	close(pub);
}

TEST_F(large, frames)
{
	struct lib_peer p;
	size_t i;
	int free;

	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		lib_put_pub(&p, 0, TOPIC, 0, self->payload, sizes[i].len);
		lib_write_file(self->folder, "trace", "");
		free = blocks();
		ASSERT_TRUE(lib_send(&p));
		EXPECT_TRUE(arrives(self, sizes[i].len, sizes[i].most, free));
	}
	lib_close(&p);
}

/* What comes bit by bit takes large pages for no more than came already. */
TEST_F(large, frames_in_pieces)
{
	struct lib_peer p;
	int free;

	ASSERT_LE(0, lib_open(&p, LIB_LOCAL));
	lib_put_pub(&p, 0, TOPIC, 0, self->payload, 8 * MIB);
	lib_write_file(self->folder, "trace", "");
	free = blocks();
	ASSERT_TRUE(lib_send_cut(&p, 50000));
	EXPECT_TRUE(arrives(self, 8 * MIB, 3, free));
	lib_close(&p);
}

/* As many as are allocated are charged, and nothing is left. */
TEST_F(large, charge)
{
	long long before = lib_status_of("memory-bytes"), bytes;
	int pub = lib_packet();

	ASSERT_LE(0, pub);
	ASSERT_EQ(4 * MIB, lib_sendto(pub, TOPIC, self->payload, 4 * MIB));
	bytes = lib_status_of("memory-bytes") - before;
	EXPECT_LE(4 * MIB, bytes);
	EXPECT_GE(4 * MIB + MIB / 4, bytes);
	ASSERT_TRUE(arrives(self, 4 * MIB, 2, 0));
	EXPECT_TRUE(lib_status_wait("memory-bytes", before));
	close(pub);
}

TEST_HARNESS_MAIN
