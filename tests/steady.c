// SPDX-License-Identifier: GPL-2.0
/*
 * Once it runs steadily, publishing allocates nothing: seen by the kernel's own
 * tracepoints of its allocators.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define READERS	4
#define WARM	64
#define ROUNDS	500

static const char * const events[] = {
	"kmem/kmalloc", "kmem/kmem_cache_alloc", "kmem/mm_page_alloc",
};

FIXTURE(steady) {
	char		folder[64];
	char		text[1 << 17];
	int		on;
	int		pub;
	int		readers[READERS];
	struct lib_peer	stream;
	struct lib_peer	reader;
};

FIXTURE_SETUP(steady)
{
	char text[160];
	size_t i;

	if (access(LIB_TRACING "/events/kmem", F_OK))
		SKIP(return, "there is no " LIB_TRACING "/events/kmem");
	ASSERT_TRUE(lib_trace_open(self->folder));
	ASSERT_TRUE(lib_write_file(self->folder, "tracing_on", "0"));
	snprintf(text, sizeof(text), "%d", gettid());
	ASSERT_TRUE(lib_write_file(self->folder, "set_event_pid", text));
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		snprintf(text, sizeof(text), "events/%s/enable", events[i]);
		ASSERT_TRUE(lib_write_file(self->folder, text, "1"));
	}
	snprintf(text, sizeof(text), "%s/tracing_on", self->folder);
	self->on = open(text, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, self->on);

	self->pub = lib_packet();
	ASSERT_LE(0, self->pub);
	ASSERT_LE(0, lib_open(&self->stream, LIB_LOCAL));
	ASSERT_LE(0, lib_open(&self->reader, LIB_LOCAL));
	ASSERT_TRUE(lib_subscribe(&self->reader, "steady.>"));
	for (i = 0; i < READERS; i++) {
		self->readers[i] = lib_packet();
		ASSERT_LE(0, self->readers[i]);
		ASSERT_EQ(0, lib_subscription(self->readers[i],
					      BLIPMQ_SUBSCRIBE, "steady.1",
					      NULL));
	}
}

FIXTURE_TEARDOWN(steady)
{
	int i;

	for (i = 0; i < READERS; i++)
		close(self->readers[i]);
	lib_close(&self->reader);
	lib_close(&self->stream);
	close(self->pub);
	close(self->on);
	lib_write_file(self->folder, "events/enable", "0");
	EXPECT_EQ(0, rmdir(self->folder));
}

static bool watch(int on, bool really)
{
	return pwrite(on, really ? "1" : "0", 1, 0) == 1;
}

/* The flags of a line tell of interrupts, whose allocations are not ours. */
static bool in_interrupt(const char *line)
{
	const char *flags = strchr(line, ']');

	return flags && strpbrk(flags + 2, "hHszZ") &&
	       strpbrk(flags + 2, "hHszZ") < flags + 2 + 5;
}

/* Allocations that were seen, or -1; those of publishing are shown. */
static int allocations(const char *folder, char *text, size_t room)
{
	char *line, *rest;
	int found = 0;

	if (!lib_read_file(text, room, folder, "trace"))
		return -1;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (*line == '#' || in_interrupt(line))
			continue;
		if (!found++)
			lib_say("%s", line);
	}
	return lib_write_file(folder, "trace", "") ? found : -1;
}

static void drain(FIXTURE_DATA(steady) *self)
{
	char buf[65536];
	int i;

	for (i = 0; i < READERS; i++)
		while (recv(self->readers[i], buf, sizeof(buf),
			    MSG_DONTWAIT) > 0)
			;
	while (recv(self->reader.fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static bool packet(FIXTURE_DATA(steady) *self)
{
	return lib_sendto(self->pub, "steady.1", "0123456789abcdef", 16) == 16;
}

static void make_frames(FIXTURE_DATA(steady) *self, u32 frames)
{
	u8 payload[64] = { 0 };

	while (frames--)
		lib_put_pub(&self->stream, 0, "steady.1", 0, payload,
			    sizeof(payload));
}

/* The frames stay, to be written again. */
static bool stream(FIXTURE_DATA(steady) *self)
{
	return send(self->stream.fd, self->stream.out, self->stream.out_len,
		    0) == (ssize_t)self->stream.out_len;
}

/* Readers have their turn while nobody watches. */
static void steadily(struct __test_metadata *_metadata,
		     FIXTURE_DATA(steady) *self,
		     bool (*publish)(FIXTURE_DATA(steady) *self))
{
	int i;

	/* New sockets have nothing yet, so the watch is seen to see. */
	ASSERT_TRUE(watch(self->on, true));
	ASSERT_TRUE(publish(self));
	ASSERT_TRUE(watch(self->on, false));
	EXPECT_LT(0, allocations(self->folder, self->text,
				 sizeof(self->text)));
	for (i = 0; i < WARM; i++) {
		ASSERT_TRUE(publish(self));
		drain(self);
	}
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_TRUE(watch(self->on, true));
		ASSERT_TRUE(publish(self));
		ASSERT_TRUE(watch(self->on, false));
		drain(self);
	}
	EXPECT_EQ(0, allocations(self->folder, self->text,
				 sizeof(self->text)));
}

TEST_F(steady, packets)
{
	steadily(_metadata, self, packet);
}

TEST_F(steady, one_frame)
{
	make_frames(self, 1);
	steadily(_metadata, self, stream);
}

TEST_F(steady, a_bundle)
{
	make_frames(self, 64);
	steadily(_metadata, self, stream);
}

TEST_HARNESS_MAIN
