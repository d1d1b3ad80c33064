// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of the control plane: complete while what they list comes and goes,
 * filtered, and for nobody who has no right to them.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "genl.h"
#include "harness.h"
#include "lib.h"

/* What stays while others come and go, and more of it with SUITE_LONG. */
#define TOPICS	lib_rounds_long(5000, 100000)
#define SOCKETS	lib_rounds_long(1000, 10000)
#define GARBAGE	lib_rounds_long(20000, 1000000)

FIXTURE(control) {
	struct blipmq_genl	g;
	__u8			buffer[1024] __attribute__((aligned(8)));
};

FIXTURE_SETUP(control)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, blipmq_genl_open(&self->g));
}

FIXTURE_TEARDOWN(control)
{
	blipmq_genl_close(&self->g);
}

/**
 * struct seen - what a list has
 * @attr: the attribute that is looked at
 * @prefix: of the texts that count, NULL for numbers
 * @times: how often each number, or number behind the prefix, came
 * @nr: room in @times
 * @messages: entries
 * @last: the attribute of the last one
 */
struct seen {
	int		attr;
	const char	*prefix;
	unsigned char	*times;
	size_t		nr;
	size_t		messages;
	unsigned long	last;
	char		text[256];
};

static int seen_attr(const struct nlattr *attr, void *data)
{
	struct seen *s = data;
	size_t len;

	if (mnl_attr_get_type(attr) != s->attr)
		return MNL_CB_OK;
	if (s->prefix) {
		len = strlen(s->prefix);
		snprintf(s->text, sizeof(s->text), "%s",
			 mnl_attr_get_str(attr));
		if (strncmp(s->text, s->prefix, len))
			return MNL_CB_OK;
		s->last = strtoul(s->text + len, NULL, 10);
	} else if (mnl_attr_get_payload_len(attr) == sizeof(__u64)) {
		s->last = mnl_attr_get_u64(attr);
	} else {
		s->last = mnl_attr_get_u32(attr);
	}
	if (s->last < s->nr)
		s->times[s->last]++;
	return MNL_CB_OK;
}

static int seen_message(const struct nlmsghdr *nlh, void *data)
{
	struct seen *s = data;

	s->messages++;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), seen_attr, s);
}

/* Whose only, or all with -1; which, or all with NULL. 0 or a negative errno. */
static int list(struct blipmq_genl *g, __u8 op, struct seen *s, int uid_attr,
		long uid, int pattern_attr, const char *pattern)
{
	__u8 buffer[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
	const struct timespec pause = { .tv_nsec = 10000000 };
	int ret, tries = 0;

	do {
		if (tries)
			nanosleep(&pause, NULL);
		if (s->times)
			memset(s->times, 0, s->nr);
		s->messages = 0;
		nlh = blipmq_genl_new_dump(g, buffer, op);
		if (uid >= 0)
			mnl_attr_put_u32(nlh, (uint16_t)uid_attr, (__u32)uid);
		if (pattern)
			mnl_attr_put_strz(nlh, (uint16_t)pattern_attr, pattern);
		ret = blipmq_genl_run(g, nlh, seen_message, s);
	} while (ret == -EINTR && ++tries < 100);
	return ret;
}

static int list_topics(struct blipmq_genl *g, struct seen *s, long uid,
		       const char *pattern)
{
	s->attr = BLIPMQ_A_TOPIC_NAME;
	return list(g, BLIPMQ_CMD_TOPIC_GET, s, BLIPMQ_A_TOPIC_UID, uid,
		    BLIPMQ_A_TOPIC_PATTERN, pattern);
}

static int list_subscriptions(struct blipmq_genl *g, struct seen *s, long uid,
			      const char *pattern)
{
	s->attr = BLIPMQ_A_SUBSCRIPTION_PATTERN;
	return list(g, BLIPMQ_CMD_SUBSCRIPTION_GET, s,
		    BLIPMQ_A_SUBSCRIPTION_UID, uid,
		    BLIPMQ_A_SUBSCRIPTION_PATTERN, pattern);
}

static int list_sockets(struct blipmq_genl *g, struct seen *s, long uid)
{
	s->attr = BLIPMQ_A_SOCKET_ID;
	return list(g, BLIPMQ_CMD_SOCKET_GET, s, BLIPMQ_A_SOCKET_UID, uid, 0,
		    NULL);
}

static int subscribe(int fd, const char *prefix, int i)
{
	char topic[64];

	snprintf(topic, sizeof(topic), "%s%d", prefix, i);
	return lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL);
}

TEST_F(control, lists_and_filters)
{
	struct seen s = { .prefix = "a." };
	int fd = lib_packet(), other = lib_packet(), i;

	ASSERT_LE(0, fd);
	ASSERT_LE(0, other);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, subscribe(fd, "a.", i));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "b.>", NULL));
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_SUBSCRIBE, "b.*.c", "gr"));
	ASSERT_EQ(1, lib_sendto(other, "b.x.c", "x", 1));

	EXPECT_EQ(0, list_topics(&self->g, &s, -1, NULL));
	EXPECT_EQ(4, s.messages);
	EXPECT_EQ(0, list_topics(&self->g, &s, -1, "a.>"));
	EXPECT_EQ(3, s.messages);
	EXPECT_EQ(0, list_topics(&self->g, &s, -1, "a.1"));
	EXPECT_EQ(1, s.messages);
	EXPECT_EQ(1, s.last);
	/* The one that only patterns match is nobody's. */
	EXPECT_EQ(0, list_topics(&self->g, &s, 0, NULL));
	EXPECT_EQ(3, s.messages);
	EXPECT_EQ(0, list_topics(&self->g, &s, 1001, NULL));
	EXPECT_EQ(0, s.messages);

	EXPECT_EQ(0, list_subscriptions(&self->g, &s, -1, NULL));
	EXPECT_EQ(5, s.messages);
	EXPECT_EQ(0, list_subscriptions(&self->g, &s, -1, "b.*.c"));
	EXPECT_EQ(1, s.messages);
	EXPECT_STREQ("b.*.c", s.text);
	EXPECT_EQ(0, list_subscriptions(&self->g, &s, -1, "*.>"));
	EXPECT_EQ(5, s.messages);
	ASSERT_EQ(0, lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, "b.*.c", "gr"));
	EXPECT_EQ(0, list_subscriptions(&self->g, &s, 0, NULL));
	EXPECT_EQ(4, s.messages);

	EXPECT_EQ(0, list_sockets(&self->g, &s, -1));
	EXPECT_EQ(2, s.messages);
	close(other);
	EXPECT_EQ(0, list_sockets(&self->g, &s, 0));
	EXPECT_EQ(1, s.messages);
	close(fd);
	EXPECT_EQ(0, list_subscriptions(&self->g, &s, -1, NULL));
	EXPECT_EQ(0, s.messages);
	/* Another namespace sees nothing of this one. */
	fd = lib_packet();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, subscribe(fd, "a.", 1));
	blipmq_genl_close(&self->g);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, blipmq_genl_open(&self->g));
	EXPECT_EQ(0, list_topics(&self->g, &s, -1, NULL));
	EXPECT_EQ(0, s.messages);
	EXPECT_EQ(0, list_subscriptions(&self->g, &s, -1, NULL));
	EXPECT_EQ(0, s.messages);
	EXPECT_EQ(0, list_sockets(&self->g, &s, -1));
	EXPECT_EQ(0, s.messages);
	close(fd);
}

static bool churn_ends;

/* Topics, patterns and sockets come and go. */
static void *churn(void *arg)
{
	int fd = lib_packet(), other, i;
	bool *failed = arg;
	char topic[64];

	for (i = 0; !__atomic_load_n(&churn_ends, __ATOMIC_RELAXED); i++) {
		snprintf(topic, sizeof(topic), i & 1 ? "churn.%d" : "*.c%d", i);
		other = lib_packet();
		if (other < 0 ||
		    lib_subscription(fd, BLIPMQ_SUBSCRIBE, topic, NULL) ||
		    lib_subscription(other, BLIPMQ_SUBSCRIBE, topic, NULL) ||
		    lib_subscription(fd, BLIPMQ_UNSUBSCRIBE, topic, NULL))
			*failed = true;
		close(other);
	}
	close(fd);
	return NULL;
}

/* Each of them once. */
static bool seen_all(const struct seen *s, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++) {
		if (s->times[i] != 1) {
			lib_say("%zu came %d times", i, s->times[i]);
			return false;
		}
	}
	return true;
}

TEST_F_TIMEOUT(control, complete_while_things_change, 1000)
{
	int topics = TOPICS, sockets = SOCKETS, i, fd, *fds;
	struct seen s = { .prefix = "steady." }, numbers = { };
	struct rlimit files = { (rlim_t)sockets + 100, (rlim_t)sockets + 100 };
	bool failed = false;
	pthread_t thread;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, lib_limit_set("limits.topics", 1 << 20));
	ASSERT_EQ(0, lib_limit_set("limits.user-topics", 1 << 20));
	ASSERT_EQ(0, lib_limit_set("limits.subscriptions", 1 << 20));
	fds = calloc((size_t)sockets, sizeof(*fds));
	numbers.nr = (size_t)sockets + 2;
	numbers.times = calloc(numbers.nr, 1);
	s.nr = (size_t)topics;
	s.times = calloc(s.nr, 1);
	ASSERT_TRUE(fds && s.times && numbers.times);
	fd = lib_packet();
	ASSERT_LE(0, fd);
	for (i = 0; i < topics; i++)
		ASSERT_EQ(0, subscribe(fd, "steady.", i));
	for (i = 0; i < sockets; i++) {
		fds[i] = lib_packet();
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, churn, &failed));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, list_topics(&self->g, &s, -1, NULL));
		EXPECT_TRUE(seen_all(&s, 0, s.nr));
		EXPECT_EQ(0, list_topics(&self->g, &s, -1, "steady.*"));
		EXPECT_EQ(s.nr, s.messages);
		EXPECT_TRUE(seen_all(&s, 0, s.nr));
		EXPECT_EQ(0, list_subscriptions(&self->g, &s, -1, NULL));
		EXPECT_TRUE(seen_all(&s, 0, s.nr));
		EXPECT_EQ(0, list_sockets(&self->g, &numbers, -1));
		EXPECT_TRUE(seen_all(&numbers, 1, numbers.nr));
	}
	__atomic_store_n(&churn_ends, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_FALSE(failed);
	for (i = 0; i < sockets; i++)
		close(fds[i]);
	close(fd);
}

static int get(struct blipmq_genl *g, __u8 op, int attr, const void *value,
	       size_t len, struct seen *s)
{
	__u8 buffer[2048] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = blipmq_genl_new(g, buffer, op);

	if (attr)
		mnl_attr_put(nlh, (uint16_t)attr, len, value);
	s->messages = 0;
	return blipmq_genl_run(g, nlh, seen_message, s);
}

TEST_F(control, gets_one)
{
	struct seen s = { .attr = BLIPMQ_A_TOPIC_NAME, .prefix = "one." };
	static char name[300];
	int fd = lib_packet();
	__u64 socket = 1;
	__u32 sub = 1;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, subscribe(fd, "one.", 7));
	EXPECT_EQ(0, get(&self->g, BLIPMQ_CMD_TOPIC_GET, BLIPMQ_A_TOPIC_NAME,
			 "one.7", 6, &s));
	EXPECT_EQ(7, s.last);
	EXPECT_EQ(1, s.messages);
	EXPECT_EQ(-ENOENT, get(&self->g, BLIPMQ_CMD_TOPIC_GET,
			       BLIPMQ_A_TOPIC_NAME, "one.8", 6, &s));
	EXPECT_EQ(-ENOENT, get(&self->g, BLIPMQ_CMD_TOPIC_GET,
			       BLIPMQ_A_TOPIC_NAME, "", 1, &s));
	EXPECT_EQ(-EINVAL, get(&self->g, BLIPMQ_CMD_TOPIC_GET, 0, NULL, 0, &s));
	memset(name, 'x', sizeof(name) - 1);
	EXPECT_EQ(-EINVAL, get(&self->g, BLIPMQ_CMD_TOPIC_GET,
			       BLIPMQ_A_TOPIC_NAME, name, sizeof(name), &s));
	EXPECT_NE(0, get(&self->g, BLIPMQ_CMD_TOPIC_GET, BLIPMQ_A_TOPIC_NAME,
			 "one", 3, &s));
	EXPECT_NE(0, get(&self->g, BLIPMQ_CMD_TOPIC_GET, 200, "one", 4, &s));

	EXPECT_EQ(0, get(&self->g, BLIPMQ_CMD_SOCKET_GET, BLIPMQ_A_SOCKET_ID,
			 &socket, sizeof(socket), &s));
	EXPECT_EQ(1, s.messages);
	EXPECT_NE(0, get(&self->g, BLIPMQ_CMD_SOCKET_GET, BLIPMQ_A_SOCKET_ID,
			 &socket, sizeof(sub), &s));
	socket = 1000;
	EXPECT_EQ(-ENOENT, get(&self->g, BLIPMQ_CMD_SOCKET_GET,
			       BLIPMQ_A_SOCKET_ID, &socket, sizeof(socket),
			       &s));
	EXPECT_EQ(-EINVAL, get(&self->g, BLIPMQ_CMD_SOCKET_GET, 0, NULL, 0,
			       &s));
	EXPECT_EQ(0, get(&self->g, BLIPMQ_CMD_SUBSCRIPTION_GET,
			 BLIPMQ_A_SUBSCRIPTION_ID, &sub, sizeof(sub), &s));
	EXPECT_EQ(1, s.messages);
	sub = 0;
	EXPECT_EQ(-ENOENT, get(&self->g, BLIPMQ_CMD_SUBSCRIPTION_GET,
			       BLIPMQ_A_SUBSCRIPTION_ID, &sub, sizeof(sub),
			       &s));
	EXPECT_EQ(-EINVAL, list_topics(&self->g, &s, -1, "a..b"));
	EXPECT_EQ(-EINVAL, list_topics(&self->g, &s, -1, ""));
	EXPECT_EQ(-EINVAL, list_topics(&self->g, &s, UINT32_MAX, NULL));
	EXPECT_EQ(-EINVAL, list_subscriptions(&self->g, &s, -1, "a.>.b"));
	close(fd);
}

/* Of a subscription each: the user's own, and root's. */
static int sees_own_only(void *genl)
{
	struct seen s = { .prefix = "own." };
	struct blipmq_genl *g = genl;
	__u64 root = 1;
	int fd = lib_packet();

	if (blipmq_genl_open(g) || fd < 0 || subscribe(fd, "own.", 1))
		return 1;
	if (list_topics(g, &s, -1, NULL) || s.messages != 1 || s.last != 1)
		return 2;
	if (list_subscriptions(g, &s, -1, NULL) || s.messages != 1)
		return 3;
	if (list_sockets(g, &s, -1) || s.messages != 1)
		return 4;
	if (list_topics(g, &s, 1001, NULL) || s.messages != 1)
		return 5;
	if (list_topics(g, &s, 0, NULL) != -EPERM ||
	    list_subscriptions(g, &s, 0, NULL) != -EPERM ||
	    list_sockets(g, &s, 0) != -EPERM)
		return 6;
	if (get(g, BLIPMQ_CMD_TOPIC_GET, BLIPMQ_A_TOPIC_NAME, "root.0", 7,
		&s) != -ENOENT ||
	    get(g, BLIPMQ_CMD_SOCKET_GET, BLIPMQ_A_SOCKET_ID, &root,
		sizeof(root), &s) != -ENOENT)
		return 7;
	return 0;
}

/* The same with another name for himself, and none for root. */
static int sees_as_mapped(void *genl)
{
	struct seen s = { .prefix = "own." };
	struct blipmq_genl *g = genl;
	int fd = lib_packet();

	if (blipmq_genl_open(g) || fd < 0 || subscribe(fd, "own.", 2))
		return 1;
	if (list_topics(g, &s, 0, NULL) || s.messages != 1 || s.last != 2)
		return 2;
	if (list_topics(g, &s, 1001, NULL) != -EINVAL)
		return 3;
	s.prefix = NULL;
	s.attr = BLIPMQ_A_SOCKET_UID;
	if (list(g, BLIPMQ_CMD_SOCKET_GET, &s, 0, -1, 0, NULL) ||
	    s.messages != 1 || s.last)
		return 4;
	return 0;
}

TEST_F(control, who_may_see_what)
{
	struct seen s = { .prefix = "root." };
	struct blipmq_genl g;
	int fd = lib_packet();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, subscribe(fd, "root.", 0));
	EXPECT_EQ(0, lib_as_user(1001, 0, sees_own_only, &g));
	/* A user namespace gives no right to what is not its own. */
	EXPECT_EQ(0, lib_as_user(1001, CLONE_NEWUSER, sees_as_mapped, &g));
	EXPECT_EQ(0, list_topics(&self->g, &s, -1, "root.*"));
	EXPECT_EQ(1, s.messages);
	close(fd);
}

/* Requests of which one byte after the other is random, or that end early. */
TEST_F_TIMEOUT(control, garbage, 3000)
{
	struct seen s = { .prefix = "steady." };
	struct mnl_socket *nl = self->g.nl;
	int fd = lib_packet(), garbage = GARBAGE, i;
	char answer[65536];
	struct nlmsghdr *nlh;
	unsigned int n, k;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, subscribe(fd, "steady.", 1));
	srandom(1);
	for (i = 0; i < garbage; i++) {
		nlh = blipmq_genl_new(&self->g, self->buffer,
				      (__u8)(random() % 20));
		if (random() & 1)
			nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		n = (unsigned int)random() % 64;
		for (k = 0; k < n; k++)
			self->buffer[nlh->nlmsg_len + k] =
				(__u8)(random() & 1 ? random() % 16 : random());
		nlh->nlmsg_len += n;
		if (random() % 8 == 0)
			nlh->nlmsg_len = (unsigned int)random() % 128;
		ASSERT_LT(0, send(mnl_socket_get_fd(nl), self->buffer,
				  NLMSG_HDRLEN + GENL_HDRLEN + n, 0));
		while (recv(mnl_socket_get_fd(nl), answer, sizeof(answer),
			    MSG_DONTWAIT) > 0)
			;
	}
	EXPECT_EQ(0, list_topics(&self->g, &s, -1, NULL));
	EXPECT_EQ(1, s.messages);
	close(fd);
}

TEST_HARNESS_MAIN
