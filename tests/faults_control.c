// SPDX-License-Identifier: GPL-2.0
/*
 * The control plane, lanes and workers, for faults.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/blipmq_netlink.h>

#include "faults.h"
#include "genl.h"

#define WORKER	BLIPMQ_LANE_MODE_WORKER
#define DEFAULT	BLIPMQ_LANE_MODE_DEFAULT

/* An answer that cannot be made for want of room in it does not happen. */
static int number(long long ret)
{
	return ret < 0 ? (int)ret : 0;
}

static long long limit_before;

static bool prepare_limit(struct faults_scene *s)
{
	(void)s;
	limit_before = lib_status_of("limits.answer-bytes");
	return limit_before > 0;
}

static int act_limit(struct faults_scene *s)
{
	(void)s;
	return lib_limit_set("limits.answer-bytes", 54321);
}

static bool check_limit(struct faults_scene *s)
{
	(void)s;
	return lib_status_of("limits.answer-bytes") == 54321;
}

static bool refused_limit(struct faults_scene *s)
{
	(void)s;
	return lib_status_of("limits.answer-bytes") == limit_before;
}

static void clean_limit(struct faults_scene *s)
{
	(void)s;
	lib_limit_set("limits.answer-bytes", (unsigned long long)limit_before);
}

static int act_lane(struct faults_scene *s)
{
	(void)s;
	return lib_lane_set("f.a", WORKER, 0);
}

static bool refused_lane(struct faults_scene *s)
{
	(void)s;
	return lib_lane_of("f.a") == -ENODATA;
}

/* All that is in the lane has arrived then. */
static bool lanes_end(void)
{
	int err = lib_lane_set("f.a", DEFAULT, -1);

	return (!err || err == -ENOENT) && !lib_lanes_direct();
}

static bool check_lane(struct faults_scene *s)
{
	return lib_lane_of("f.a") == 0 &&
	       lib_sendto(s->packet, "f.a", "x", 1) == 1 && lanes_end() &&
	       faults_receives(s->sub, "x", 1);
}

static void clean_lanes(struct faults_scene *s)
{
	(void)s;
	lanes_end();
}

static bool prepare_lane(struct faults_scene *s)
{
	return !act_lane(s);
}

static int act_lane_end(struct faults_scene *s)
{
	int ret = lib_lane_set("f.a", DEFAULT, -1);

	(void)s;
	return ret == -ENOENT ? 0 : ret;
}

static bool refused_lane_end(struct faults_scene *s)
{
	(void)s;
	return lib_lane_of("f.a") == 0;
}

static bool check_lane_ended(struct faults_scene *s)
{
	return refused_lane(s) && lib_sendto(s->packet, "f.a", "x", 1) == 1 &&
	       faults_receives(s->sub, "x", 1);
}

static int act_lane_get(struct faults_scene *s)
{
	(void)s;
	return number(lib_lane_of("f.a"));
}

/* With a lane of a worker, which is to be frozen. */
static bool prepare_workers(struct faults_scene *s)
{
	return !lib_worker_count(1) && prepare_lane(s);
}

static int act_workers(struct faults_scene *s)
{
	(void)s;
	return lib_worker_count(3);
}

static bool refused_workers(struct faults_scene *s)
{
	(void)s;
	return lib_worker_get(1, BLIPMQ_A_WORKER_STATE) == -ENOENT &&
	       lib_lane_of("f.a") == 0;
}

static bool check_workers(struct faults_scene *s)
{
	return lib_worker_get(2, BLIPMQ_A_WORKER_STATE) >= 0 && check_lane(s);
}

static void clean_workers(struct faults_scene *s)
{
	clean_lanes(s);
	lib_worker_count(2);
}

static int act_worker_set(struct faults_scene *s)
{
	(void)s;
	return lib_worker_set(0, BLIPMQ_A_WORKER_NICE, 3);
}

static bool check_worker_set(struct faults_scene *s)
{
	(void)s;
	return lib_worker_get(0, BLIPMQ_A_WORKER_NICE) == 3 &&
	       !lib_worker_set(0, BLIPMQ_A_WORKER_NICE, 0);
}

static int act_worker_get(struct faults_scene *s)
{
	(void)s;
	return number(lib_worker_get(0, BLIPMQ_A_WORKER_STATE));
}

/* A call is over before the worker begins. */
static int act_send(struct faults_scene *s)
{
	ssize_t n = lib_sendto(s->packet, "f.a", faults_payload(), 100);

	return n < 0 ? (int)n : 0;
}

static bool check_sent(struct faults_scene *s)
{
	return lanes_end() && faults_receives(s->sub, faults_payload(), 100);
}

static bool refused_send(struct faults_scene *s)
{
	struct blipmq_socket_stats stats;

	return lib_stats(s->sub, &stats) && !stats.matched;
}

static int act_retain(struct faults_scene *s)
{
	ssize_t n = lib_retain(s->packet, "f.a", faults_payload(), 100);

	return n < 0 ? (int)n : 0;
}

static bool check_retained(struct faults_scene *s)
{
	return check_sent(s) &&
	       !lib_subscription(s->packet, BLIPMQ_SUBSCRIBE, "f.a", NULL) &&
	       faults_receives(s->packet, faults_payload(), 100);
}

static void clean_retained(struct faults_scene *s)
{
	lib_forget_retained();
	clean_lanes(s);
}

#define FIRST_RING	32

/* A queue whose first ring is full, which a worker finds so. */
static bool prepare_growth(struct faults_scene *s)
{
	u8 i;

	for (i = 0; i < FIRST_RING; i++)
		if (lib_sendto(s->packet, "f.a", &i, 1) != 1)
			return false;
	return lib_set_u32(s->sub, BLIPMQ_INFO, BLIPMQ_INFO_LOST) &&
	       prepare_lane(s);
}

/* The call is over when the worker has handed it out. */
static int act_growth(struct faults_scene *s)
{
	long long before = lib_worker_get(0, BLIPMQ_A_WORKER_MESSAGES);
	const u8 byte = FIRST_RING;
	ssize_t n = lib_sendto(s->packet, "f.a", &byte, 1);

	if (n < 0)
		return (int)n;
	return lib_worker_wait(0, BLIPMQ_A_WORKER_MESSAGES, before + 1) ?
	       0 : -EIO;
}

static bool check_growth(struct faults_scene *s)
{
	u8 i, got;

	for (i = 0; i <= FIRST_RING; i++)
		if (recv(s->sub, &got, 1, MSG_DONTWAIT) != 1 || got != i)
			return false;
	return true;
}

static int count_one(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	++*(int *)data;
	return MNL_CB_OK;
}

/* How many entries it has; -errno. */
static int list(u8 command)
{
	u8 buffer[1024] __attribute__((aligned(8)));
	struct blipmq_genl g;
	int ret, n;

	if (blipmq_genl_open(&g))
		return -EIO;
	do {
		n = 0;
		ret = blipmq_genl_run(&g, blipmq_genl_new_dump(&g, buffer,
							       command),
				      count_one, &n);
	} while (ret == -EINTR);	/* a table was made anew */
	blipmq_genl_close(&g);
	return ret ? ret : n;
}

static int list_of(struct faults_scene *s, u8 command)
{
	int n = list(command);

	s->done = n < 0 ? 0 : (size_t)n;
	return n < 0 ? n : 0;
}

static int act_list_topics(struct faults_scene *s)
{
	return list_of(s, BLIPMQ_CMD_TOPIC_GET);
}

static int act_list_subscriptions(struct faults_scene *s)
{
	return list_of(s, BLIPMQ_CMD_SUBSCRIPTION_GET);
}

static int act_list_sockets(struct faults_scene *s)
{
	return list_of(s, BLIPMQ_CMD_SOCKET_GET);
}

static int act_list_workers(struct faults_scene *s)
{
	return list_of(s, BLIPMQ_CMD_WORKER_GET);
}

static int act_list_lanes(struct faults_scene *s)
{
	return list_of(s, BLIPMQ_CMD_LANE_GET);
}

static bool check_some(struct faults_scene *s)
{
	return s->done >= 1;
}

static bool check_two(struct faults_scene *s)
{
	return s->done == 2;
}

static bool check_four(struct faults_scene *s)
{
	return s->done == 4;
}

static int get(u8 command, int attr, const char *text, u64 id)
{
	u8 buffer[1024] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	int ret, n = 0;

	if (blipmq_genl_open(&g))
		return -EIO;
	nlh = blipmq_genl_new(&g, buffer, command);
	if (text)
		mnl_attr_put_strz(nlh, (u16)attr, text);
	else
		mnl_attr_put_u64(nlh, (u16)attr, id);
	ret = blipmq_genl_run(&g, nlh, count_one, &n);
	blipmq_genl_close(&g);
	return ret ? ret : n - 1;
}

static int act_get_topic(struct faults_scene *s)
{
	(void)s;
	return get(BLIPMQ_CMD_TOPIC_GET, BLIPMQ_A_TOPIC_NAME, "f.a", 0);
}

/* The number of no socket: what comes before that is looked up can fail. */
static int act_get_socket(struct faults_scene *s)
{
	int ret = get(BLIPMQ_CMD_SOCKET_GET, BLIPMQ_A_SOCKET_ID, NULL, 1);

	(void)s;
	return ret == -ENOENT ? 0 : ret;
}

const struct faults_scenario faults_control[] = {
	{ "a limit", prepare_limit, act_limit, check_limit, .sites = 0,
	  .refused = refused_limit, .clean = clean_limit },
	{ "a rule for a lane", NULL, act_lane, check_lane, .sites = 3,
	  .refused = refused_lane, .clean = clean_lanes },
	{ "the end of a rule", prepare_lane, act_lane_end, check_lane_ended,
	  .sites = 1, .refused = refused_lane_end, .clean = clean_lanes },
	{ "the lane of a topic", prepare_lane, act_lane_get, NULL, .sites = 1,
	  .clean = clean_lanes },
	{ "more workers", prepare_workers, act_workers, check_workers,
	  .sites = 6, .refused = refused_workers, .clean = clean_workers },
	{ "how a worker runs", prepare_lane, act_worker_set, check_worker_set,
	  .sites = 0, .clean = clean_lanes },
	{ "a worker", NULL, act_worker_get, NULL, .sites = 1 },
	{ "send in a worker's lane", prepare_lane, act_send, check_sent,
	  .sites = 3, .refused = refused_send, .clean = clean_lanes },
	{ "retain in a worker's lane", prepare_lane, act_retain,
	  check_retained, .sites = 6, .refused = refused_send,
	  .clean = clean_retained },
	{ "a longer ring, by a worker", prepare_growth, act_growth,
	  check_growth, .sites = 1, .clean = clean_lanes, .by_worker = true },
	{ "the list of topics", NULL, act_list_topics, check_some,
	  .sites = 0 },
	{ "the list of subscriptions", NULL, act_list_subscriptions, check_two,
	  .sites = 0 },
	{ "the list of sockets", NULL, act_list_sockets, check_four,
	  .sites = 0 },
	{ "the list of workers", prepare_lane, act_list_workers, check_some,
	  .sites = 0, .clean = clean_lanes },
	{ "the list of lanes", prepare_lane, act_list_lanes, check_two,
	  .sites = 0, .clean = clean_lanes },
	{ "a topic", NULL, act_get_topic, NULL, .sites = 1 },
	{ "a socket", NULL, act_get_socket, NULL, .sites = 1 },
	{ .name = NULL },
};
