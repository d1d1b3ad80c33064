// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of the module fails in turn, in every operation: the right
 * error comes back, nothing is half done, the same call succeeds when it is
 * made again, and nothing is left.
 *
 *	faults			all operations on sockets
 *	faults ONLY		those with ONLY in their name
 *	faults --load FILE	loading and removing the module, from FILE
 *
 * Needs a kernel with fault injection; faults.sh prepares it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "faults.h"

/* More than any operation has: a guard against one that never succeeds. */
#define SITES_MAX	5000

static int fail_nth = -1;
static int tests, failures, sites;

static void result(bool ok, const char *name, int nr_sites, const char *how)
{
	tests++;
	failures += !ok;
	sites += nr_sites;
	printf("%sok %d - %s: %d allocations failed%s\n", ok ? "" : "not ",
	       tests, name, nr_sites, how);
	fflush(stdout);
}

static void refuse(void)
{
	perror("# fail-nth");
	exit(1);
}

/* From the next one on, the @nth allocation of the thread of @fd fails. */
static void arm(int fd, int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(fd, text, (size_t)n, 0) != n)
		refuse();
}

/* Did the armed one fail? Nothing fails from here on. */
static bool disarm(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		refuse();
	arm(fd, 0);
	return !atoi(text);
}

/* What says which allocation of a thread fails: of this one, or a worker. */
static int open_fail_nth(bool worker)
{
	char path[64] = "/proc/thread-self/fail-nth";
	long long pid;
	int fd;

	if (worker) {
		pid = lib_worker_get(0, BLIPMQ_A_WORKER_PID);
		snprintf(path, sizeof(path), "/proc/%lld/task/%lld/fail-nth",
			 pid, pid);
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && worker)
		refuse();
	return fd;
}

const u8 *faults_payload(void)
{
	static u8 *payload;
	u32 i;

	if (payload)
		return payload;
	payload = malloc(FAULTS_MIB);
	if (!payload)
		exit(1);
	for (i = 0; i < FAULTS_MIB / 4; i++)
		blipmq_put_le32(payload + 4 * i, i * 2654435761U);
	return payload;
}

bool faults_receives(int fd, const void *payload, size_t len)
{
	static u8 got[FAULTS_MIB];
	struct lib_message m;

	if (lib_recvmsg(fd, &m, got, sizeof(got), MSG_DONTWAIT) !=
	    (ssize_t)len || memcmp(got, payload, len)) {
		lib_say("expected %zu bytes, got %zd", len, m.len);
		return false;
	}
	if (lib_recvmsg(fd, &m, got, sizeof(got), MSG_DONTWAIT) == -EAGAIN)
		return true;
	lib_say("%zd bytes too many", m.len);
	return false;
}

static bool open_scene(struct faults_scene *s)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	for (i = 0; i < sizeof(s->fds) / sizeof(s->fds[0]); i++)
		s->fds[i] = -1;
	s->packet = lib_packet();
	s->sub = lib_packet();
	return lib_open(&s->stream, LIB_LOCAL) >= 0 &&
	       lib_open(&s->peer, LIB_LOCAL) >= 0 &&
	       lib_subscribe(&s->peer, "f.a") && s->packet >= 0 &&
	       s->sub >= 0 &&
	       !lib_subscription(s->sub, BLIPMQ_SUBSCRIBE, "f.a", NULL);
}

/* Also the law, for what has been received from. */
static bool close_scene(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;
	size_t i;
	bool ok;

	ok = lib_stats(s->sub, &stats) && lib_law(&stats) &&
	     lib_stats(s->peer.fd, &stats) && lib_law(&stats);
	for (i = 0; i < sizeof(s->fds) / sizeof(s->fds[0]); i++)
		if (s->fds[i] >= 0)
			close(s->fds[i]);
	if (s->fd >= 0)
		close(s->fd);
	close(s->packet);
	close(s->sub);
	lib_close(&s->stream);
	lib_close(&s->peer);
	return ok;
}

/* The first time, with its @nth allocation failing. */
static bool run_failing(const struct faults_scenario *sc,
			struct faults_scene *s, int nth, bool *failed, int *ret)
{
	int fd = sc->by_worker ? open_fail_nth(true) : fail_nth;
	bool told;

	arm(fd, nth);
	*ret = sc->act(s);
	*failed = disarm(fd);
	if (sc->by_worker)
		close(fd);
	if (*ret >= 0)
		return true;
	told = *ret == -ENOMEM || *ret == -ENOBUFS || *ret == -EFAULT;
	if (!*failed || !told) {
		lib_say("%s: %s at allocation %d", sc->name, strerror(-*ret),
			nth);
		return false;
	}
	if (!sc->refused || sc->refused(s))
		return true;
	lib_say("%s: half done, after allocation %d failed", sc->name, nth);
	return false;
}

/*
 * The operation with its @nth allocation failing. Sets @failed to whether it
 * has so many.
 */
static bool run_once(const struct faults_scenario *sc, int nth, bool *failed)
{
	struct faults_scene s;
	int ret, tries = 0;
	bool ok;

	if (!open_scene(&s) || (sc->prepare && !sc->prepare(&s))) {
		lib_say("%s: cannot be prepared", sc->name);
		return false;
	}
	ok = run_failing(sc, &s, nth, failed, &ret);
	while (ok && ret && tries++ < 1000) {
		ret = sc->act(&s);
		if (ret < 0) {
			lib_say("%s: then %s, after allocation %d failed",
				sc->name, strerror(-ret), nth);
			ok = false;
		}
	}
	if (ok && sc->check && !sc->check(&s)) {
		lib_say("%s: not as it should be, after allocation %d failed",
			sc->name, nth);
		ok = false;
	}
	if (sc->clean)
		sc->clean(&s);
	return close_scene(&s) && ok;
}

static void run_below(const struct faults_scenario *sc)
{
	struct faults_scene s;
	int ret = -EIO, n = 0;
	bool ok;

	ok = open_scene(&s) && (!sc->prepare || sc->prepare(&s)) &&
	     faults_below(sc->below);
	if (ok) {
		ret = sc->act(&s);
		ok = !ret && sc->check(&s);
		n = faults_below_end();
	}
	if (!ok || n < sc->sites)
		lib_say("%s: %s, %d allocations failed below %s", sc->name,
			strerror(-ret), n, sc->below);
	if (sc->clean)
		sc->clean(&s);
	result(close_scene(&s) && ok && n >= sc->sites, sc->name, n,
	       " together");
}

static void run(const struct faults_scenario *sc)
{
	bool ok = true, failed = true;
	int nth = 0;

	while (ok && failed && nth < SITES_MAX)
		ok = run_once(sc, ++nth, &failed);
	ok = ok && !failed && nth - 1 >= sc->sites;
	if (nth - 1 < sc->sites)
		lib_say("%s: at least %d were expected", sc->name, sc->sites);
	result(ok && lib_status_wait("memory-bytes", 0) &&
	       lib_status_wait("sockets", 0), sc->name, nth - 1,
	       " in turn");
}

/* Loading may fail in the kernel's own allocations as well. */
static void run_load(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), nth, ret, loads = 0;
	bool failed = true, ok = fd >= 0;

	for (nth = 1; ok && failed && nth < SITES_MAX; nth++) {
		arm(fail_nth, nth);
		ret = (int)syscall(SYS_finit_module, fd, "", 0);
		ret = ret ? -errno : 0;
		failed = disarm(fail_nth);
		if (ret && (!failed || ret == -EEXIST)) {
			lib_say("load: %s at allocation %d", strerror(-ret),
				nth);
			ok = false;
		}
		loads += !ret;
		if (!ret && syscall(SYS_delete_module, "blipmq", O_NONBLOCK)) {
			lib_say("unload: %s", strerror(errno));
			ok = false;
		}
	}
	result(ok && !failed && loads && nth > 20,
	       "loading the module", nth - 2, " in turn");
	close(fd);
}

static void run_all(const struct faults_scenario *sc, const char *only)
{
	for (; sc->name; sc++)
		if (only && !strstr(sc->name, only))
			continue;
		else if (sc->below)
			run_below(sc);
		else
			run(sc);
}

int main(int argc, char **argv)
{
	static const struct faults_scenario * const all[] = {
		faults_packet, faults_stream, faults_match, faults_queue,
		faults_control,
	};
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);	/* each result when it comes */
	fail_nth = open_fail_nth(false);
	if (fail_nth < 0) {
		printf("1..0 # SKIP this kernel has no fault injection\n");
		return 4;
	}
	if (argc == 3 && !strcmp(argv[1], "--load")) {
		run_load(argv[2]);
	} else {
		for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			run_all(all[i], argv[1]);
	}
	printf("1..%d\n# %d allocations failed\n", tests, sites);
	return failures || !tests;
}
