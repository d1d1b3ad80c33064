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

/* The cgroup's memory that is the kernel's, in bytes. */
static long long charged(void)
{
	FILE *f = fopen(GROUP "/memory.stat", "r");
	long long bytes = -1;
	char line[128];

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
	long long sum, ring;

	ASSERT_LT(0, object("sock_inode_cache"));
	ASSERT_TRUE(subscribers(self->fds, &self->nr, IDLE, 0));
	sum = charged() - self->charged;
	ring = lib_status_of("ring-bytes") - self->rings;
	lib_say("%lld bytes a socket, of which a ring %lld, inode and file %lld",
		sum / IDLE, ring / IDLE, kernel);
	EXPECT_GE(64 * MIB, sum);
	EXPECT_GE(2 * KIB, (sum - ring) / IDLE - kernel);
	/* It counts at all. */
	EXPECT_LT(IDLE * 1000LL, sum);
	EXPECT_LT(0, ring);
}

TEST_F(footprint, many_sockets)
{
	long long sum;

	ASSERT_TRUE(subscribers(self->fds, &self->nr, MANY, 64));
	sum = charged() - self->charged;
	lib_say("%lld MiB", sum / MIB);
	EXPECT_GE(512 * MIB, sum);
	EXPECT_LT(MANY * 1000LL, sum);
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
TEST_F(footprint, cgroup_agrees)
{
	static u8 payload[256 * 1024];
	long long own, group;
	struct lib_peer pub;
	int i;

	ASSERT_LE(0, lib_open(&pub, LIB_LOCAL));
	ASSERT_TRUE(subscribers(self->fds, &self->nr, READERS, 64));
	for (i = 0; i < READERS; i++)
		ASSERT_TRUE(lib_set_u32(self->fds[i], BLIPMQ_QUEUE_BYTES,
					16 * MIB));
	self->charged = charged();
	for (i = 0; i < 12; i++) {
		lib_put_pub(&pub, 0, "footprint.t", 0, payload,
			    sizeof(payload));
		ASSERT_TRUE(lib_send(&pub));
	}
	ASSERT_TRUE(lib_sync(&pub));
	group = charged() - self->charged;
	own = lib_status_of("memory-bytes") - self->memory;
	lib_say("cgroup %lld KiB, module %lld KiB", group / KIB, own / KIB);
	lib_close(&pub);
	EXPECT_LE(3 * MIB, own);
	EXPECT_GE(own + own / 8, group);
	EXPECT_LE(own - own / 8, group);
}

TEST_HARNESS_MAIN
