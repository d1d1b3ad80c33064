// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded before blipmqctl: takes the kernel's place and feeds it a list of
 * FEED entries, topics or sockets, so that what the list costs in user space
 * can be counted on any machine:
 *
 *	FEED=100000 LD_PRELOAD=build/bench/feed.so \
 *		valgrind --tool=callgrind build/blipmqctl topic list > /dev/null
 */
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/blipmq_netlink.h>

#define FAMILY		33
#define API		__attribute__((visibility("default")))

/* What is asked for, and how much of it was told. */
static struct {
	uint16_t	type;
	uint8_t		command;
	uint32_t	seq;
	unsigned long	told;
	unsigned long	nr;
} feed;

API struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	const char *nr = getenv("FEED");

	feed.nr = nr ? strtoul(nr, NULL, 10) : 0;
	return (struct mnl_socket *)&feed;
}

API int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	return 0;
}

API int mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf,
			      socklen_t len)
{
	return 0;
}

API unsigned int mnl_socket_get_portid(const struct mnl_socket *nl)
{
	return 0;
}

API int mnl_socket_close(struct mnl_socket *nl)
{
	return 0;
}

API ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *bytes,
			      size_t len)
{
	const struct nlmsghdr *nlh = bytes;
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	feed.type = nlh->nlmsg_type;
	feed.command = genl->cmd;
	feed.seq = nlh->nlmsg_seq;
	feed.told = 0;
	return (ssize_t)len;
}

static struct nlmsghdr *begin(char *at, uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_MULTI;
	nlh->nlmsg_seq = feed.seq;
	return nlh;
}

static size_t put_end(char *at, uint16_t type)
{
	struct nlmsghdr *nlh = begin(at, type);
	size_t len = type == NLMSG_DONE ? sizeof(int) : sizeof(struct nlmsgerr);

	memset(mnl_nlmsg_put_extra_header(nlh, len), 0, len);
	return MNL_ALIGN(nlh->nlmsg_len);
}

static void put_topic(struct nlmsghdr *nlh, unsigned long i)
{
	char name[64];

	snprintf(name, sizeof(name), "site.%lu.sensor.%lu", i % 100, i);
	mnl_attr_put_strz(nlh, BLIPMQ_A_TOPIC_NAME, name);
	mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_UID, 0);
	mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_SUBSCRIPTIONS, 1);
	mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_RECEIVERS, 1);
	mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_GROUPS, 0);
}

static void put_socket(struct nlmsghdr *nlh, unsigned long i)
{
	struct nlattr *nest;
	unsigned int attr;

	mnl_attr_put_u64(nlh, BLIPMQ_A_SOCKET_ID, i);
	mnl_attr_put_u32(nlh, BLIPMQ_A_SOCKET_PID, 1234);
	mnl_attr_put_strz(nlh, BLIPMQ_A_SOCKET_COMMAND, "crowd");
	mnl_attr_put_u32(nlh, BLIPMQ_A_SOCKET_UID, 0);
	mnl_attr_put_u32(nlh, BLIPMQ_A_SOCKET_TYPE, SOCK_STREAM);
	mnl_attr_put_u32(nlh, BLIPMQ_A_SOCKET_POLICY, 0);
	mnl_attr_put_u32(nlh, BLIPMQ_A_SOCKET_SUBSCRIPTIONS, 10);
	mnl_attr_put_u32(nlh, BLIPMQ_A_SOCKET_LIMIT_MESSAGES, 1024);
	mnl_attr_put_u32(nlh, BLIPMQ_A_SOCKET_LIMIT_BYTES, 1 << 20);
	mnl_attr_put_u64(nlh, BLIPMQ_A_SOCKET_LOST, i % 7);
	nest = mnl_attr_nest_start(nlh, BLIPMQ_A_SOCKET_TOTALS);
	for (attr = BLIPMQ_A_TOTALS_PAD + 1; attr <= BLIPMQ_A_TOTALS_MAX; attr++)
		mnl_attr_put_u64(nlh, attr, attr * i);
	mnl_attr_nest_end(nlh, nest);
}

static size_t put_entry(char *at, unsigned long i)
{
	struct nlmsghdr *nlh = begin(at, FAMILY);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	genl->cmd = feed.command;
	if (feed.command == BLIPMQ_CMD_TOPIC_GET)
		put_topic(nlh, i);
	else
		put_socket(nlh, i);
	return MNL_ALIGN(nlh->nlmsg_len);
}

static size_t put_family(char *at)
{
	struct nlmsghdr *nlh = begin(at, GENL_ID_CTRL);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, FAMILY);
	return MNL_ALIGN(nlh->nlmsg_len);
}

API ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *bytes,
				size_t size)
{
	char *at = bytes;

	if (feed.type == GENL_ID_CTRL) {
		at += put_family(at);
		at += put_end(at, NLMSG_ERROR);
		return at - (char *)bytes;
	}
	while (feed.told < feed.nr && (size_t)(at - (char *)bytes) + 1024 < size)
		at += put_entry(at, feed.told++);
	if (at == bytes)
		at += put_end(at, NLMSG_DONE);
	return at - (char *)bytes;
}
