// SPDX-License-Identifier: GPL-2.0
/*
 * What memory sockets and queued messages take: as the module counts it, and as
 * the cgroup of who owns it does. Not for kernels that make every object larger.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "lib.h"

#define KIB		1024LL
#define MIB		(1024 * KIB)
#define IDLE		10000
#define MANY		100000
#define SOME		25000
#define QUEUED		640
#define READERS		32

#define GROUPS		"/sys/fs/cgroup"
#define GROUP		GROUPS "/blipmq-footprint"

FIXTURE(footprint) {
	int *fds;
	int nr;
	long long memory;
	long long rings;
	long long charged;
};

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 &&
		  write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (!ok)
		lib_say("%s to %s: %s", text, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

/*
 * The cgroup's memory that is the kernel's, in bytes. What its CPUs noted is added up
 * for who reads the times of the group; for memory alone it would not be when it is
 * less than a megabyte (up to 6.14, which is where this runs).
 */
static long long charged(void)
{
	long long bytes = -1;
	char line[1024];
	FILE *f;

	lib_read_file(line, sizeof(line), GROUP, "cpu.stat");
	f = fopen(GROUP "/memory.stat", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "kernel %lld", &bytes) == 1)
			break;
	if (f)
		fclose(f);
	return bytes;
}

/* The size of an object of the kernel's own. */
static long long object(const char *cache)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	long long size = 0, found;
	char line[256], name[64];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %*d %*d %lld", name, &found) == 2 &&
		    !strcmp(name, cache))
			size = found;
	if (f)
		fclose(f);
	return size;
}

FIXTURE_SETUP(footprint)
{
	struct rlimit files = { MANY + 100, MANY + 100 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_TRUE(put(GROUPS "/cgroup.subtree_control", "+memory"));
	ASSERT_TRUE(!mkdir(GROUP, 0755) || errno == EEXIST);
	ASSERT_TRUE(put(GROUP "/cgroup.procs", "0"));
	self->fds = calloc(MANY, sizeof(*self->fds));
	ASSERT_NE(NULL, self->fds);
	self->nr = 0;
	self->memory = lib_status_of("memory-bytes");
	self->rings = lib_status_of("ring-bytes");
	self->charged = charged();
	ASSERT_LE(0, self->charged);
}

FIXTURE_TEARDOWN(footprint)
{
	while (self->nr)
		close(self->fds[--self->nr]);
	EXPECT_TRUE(lib_status_wait("sockets", 0));
	EXPECT_TRUE(lib_status_wait("memory-bytes", self->memory));
	EXPECT_TRUE(lib_status_wait("ring-bytes", self->rings));
	EXPECT_TRUE(put(GROUPS "/cgroup.procs", "0"));
	free(self->fds);
}

/* @limit: messages that may wait, 0 for the default. */
static bool subscribers(int *fds, int *nr, int count, u32 limit)
{
	int fd;

	for (; *nr < count; ++*nr) {
		fd = lib_packet();
		if (fd < 0) {
			lib_say("socket %d: %s", *nr, strerror(errno));
			return false;
		}
		fds[*nr] = fd;
		if ((limit && !lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, limit)) ||
		    lib_subscription(fd, BLIPMQ_SUBSCRIBE, "footprint.t", NULL)) {
			++*nr;
			return false;
		}
	}
	return true;
}

TEST_F(footprint, idle_sockets)
{
	long long kernel = object("sock_inode_cache") + object("dentry") +
			   object("filp") + object("lsm_inode_cache") +
			   object("lsm_file_cache");
	/* Sockets and subscriptions are in tables, 64 to a node. */
	long long nodes = 2 * (object("radix_tree_node") / 64 + 1);
	long long sum, ring;

	ASSERT_LT(0, object("sock_inode_cache"));
	self->charged = charged();
	ASSERT_TRUE(subscribers(self->fds, &self->nr, IDLE, 0));
	sum = charged() - self->charged;
	ring = lib_status_of("ring-bytes") - self->rings;
	lib_say("%lld bytes a socket, of which a ring %lld, inode and file %lld",
		sum / IDLE, ring / IDLE, kernel);
	EXPECT_GE(64 * MIB, sum);
	EXPECT_GE(2 * KIB, (sum - ring) / IDLE - kernel - nodes);
	/* It counts at all. */
	EXPECT_LT(IDLE * 1000LL, sum);
	EXPECT_LT(0, ring);
}

TEST_F(footprint, many_sockets)
{
	int many = lib_rounds_long(SOME, MANY);
	long long sum;

	ASSERT_TRUE(subscribers(self->fds, &self->nr, many, 64));
	sum = charged() - self->charged;
	lib_say("%lld MiB", sum / MIB);
	EXPECT_GE(512 * MIB / (MANY / many), sum);
	EXPECT_LT(many * 1000LL, sum);
}

/* Queue messages of 64 bytes, so many a write. */
static bool publish(struct lib_peer *p, int batch)
{
	u8 payload[64] = "";
	int i;

	for (i = 0; i < QUEUED; i++) {
		lib_put_pub(p, 0, "footprint.t", 0, payload, sizeof(payload));
		if (i % batch == batch - 1 && !lib_send(p))
			return false;
	}
	return lib_sync(p);
}

/* Bytes that a queued message takes, whoever waits for it. */
static long long queued(int *fds, int *nr, int batch, int readers)
{
	long long before, bytes = -1;
	struct lib_peer pub;

	if (lib_open(&pub, LIB_LOCAL) < 0)
		return -1;
	if (subscribers(fds, nr, readers, QUEUED)) {
		before = lib_status_of("memory-bytes");
		if (publish(&pub, batch))
			bytes = lib_status_of("memory-bytes") - before;
	}
	lib_close(&pub);
	return bytes < 0 ? bytes : bytes / QUEUED;
}

TEST_F(footprint, single_messages)
{
	long long bytes = queued(self->fds, &self->nr, 1, READERS);

	lib_say("%lld bytes a message", bytes);
	EXPECT_LE(64, bytes);
	EXPECT_GE(KIB, bytes);
}

TEST_F(footprint, bundles)
{
	long long bytes = queued(self->fds, &self->nr, 64, READERS);

	lib_say("%lld bytes a message", bytes);
	EXPECT_LE(64, bytes);
	EXPECT_GE(160, bytes);
}

/*
 * Of large messages, beside which nothing else counts, as many as a publisher
 * may have in flight.
 */
static void cgroup_agrees(struct __test_metadata *_metadata,
			  FIXTURE_DATA(footprint) *self, int readers,
			  size_t size, int count)
{
	static u8 payload[4 * MIB];
	long long own, group;
	struct lib_peer pub;
	int i;

	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	ASSERT_TRUE(subscribers(self->fds, &self->nr, readers, 64));
	for (i = 0; i < readers; i++)
		ASSERT_TRUE(lib_set_u32(self->fds[i], BLIPMQ_QUEUE_BYTES,
					16 * MIB));
	self->charged = charged();
	for (i = 0; i < count; i++) {
		lib_put_pub(&pub, 0, "footprint.t", 0, payload, size);
		ASSERT_TRUE(lib_send(&pub));
	}
	ASSERT_TRUE(lib_sync(&pub));
	group = charged() - self->charged;
	own = lib_status_of("memory-bytes") - self->memory;
	lib_say("cgroup %lld KiB, module %lld KiB", group / KIB, own / KIB);
	lib_close(&pub);
	EXPECT_LE((long long)size * count, own);
	EXPECT_GE(own + own / 8, group);
	EXPECT_LE(own - own / 8, group);
}

TEST_F(footprint, cgroup_agrees)
{
	cgroup_agrees(_metadata, self, READERS, 256 * KIB, 12);
}

/* Also of those that lie in large pages. */
TEST_F(footprint, cgroup_agrees_on_large_pages)
{
	long long limit = lib_status_of("limits.payload-bytes");

	ASSERT_EQ(0, lib_limit_set("limits.payload-bytes", 4 * MIB));
	cgroup_agrees(_metadata, self, 1, 4 * MIB, 3);
	EXPECT_EQ(0, lib_limit_set("limits.payload-bytes",
				   (unsigned long long)limit));
}

/*
 * What publishers keep to use it again: no more than half of what the namespace
 * may have, however many they are, and nothing that somebody else is refused for.
 */
TEST_F(footprint, spare_bundles)
{
	long long limit = lib_status_of("limits.memory-bytes"), kept;
	static u8 payload[12000], got[sizeof(payload)];
	int i, n = 1000, sub, tries = 0, refused = 0;
	ssize_t ret;

	ASSERT_TRUE(subscribers(self->fds, &self->nr, 1, 0));
	sub = self->fds[0];
	ASSERT_EQ(0, lib_limit_set("limits.memory-bytes", 8 * MIB));
	for (i = 0; i < n; i++) {
		self->fds[self->nr] = lib_packet();
		ASSERT_LE(0, self->fds[self->nr]);
		ASSERT_EQ((ssize_t)sizeof(payload),
			  lib_sendto(self->fds[self->nr++], "footprint.t",
				     payload, sizeof(payload)));
		ASSERT_EQ((ssize_t)sizeof(payload),
			  recv(sub, got, sizeof(got), 0));
	}
	kept = lib_status_of("memory-bytes") - self->memory;
	lib_say("%lld KiB are kept by %d publishers", kept / KIB, n);
	EXPECT_LE(3 * MIB, kept);
	EXPECT_GE(5 * MIB, kept);

	ASSERT_EQ(0, lib_limit_set("limits.memory-bytes", MIB));
	do {
		ret = lib_sendto(self->fds[1], "footprint.t", payload,
				 sizeof(payload));
		refused += ret == -ENOBUFS;
		usleep(10000);
	} while (ret == -ENOBUFS && tries++ < LIB_HANG_MS / 10);
	EXPECT_EQ((ssize_t)sizeof(payload), ret);
	EXPECT_LT(0, refused);
	EXPECT_EQ(0, lib_limit_set("limits.memory-bytes",
				   (unsigned long long)limit));
	EXPECT_GT(MIB, lib_status_of("memory-bytes") - self->memory);
}

TEST_HARNESS_MAIN
