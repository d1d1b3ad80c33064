// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Requests to the generic netlink family of the module.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <linux/blipmq_netlink.h>

#include "genl.h"

/* Room for one part of an answer: what the kernel builds at most. */
#define GENL_BUFFER	32768
#define GENL_ALIGNED	__attribute__((aligned(8)))

static struct nlmsghdr *genl_put(struct blipmq_genl *g, void *buffer,
				 __u16 type, __u8 command, __u8 version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++g->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = version;
	return nlh;
}

static int genl_error_attr(const struct nlattr *attr, void *data)
{
	struct blipmq_genl *g = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(g->message, sizeof(g->message), "%s",
			 mnl_attr_get_str(attr));
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		g->offset = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

/* Keep what the kernel says of an error; whether it is one is mnl's to see. */
static void genl_take_error(struct blipmq_genl *g, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e;
	unsigned int skip = sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return;
	e = mnl_nlmsg_get_payload(nlh);
	/* The request itself is in between, unless it was left out. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - (unsigned int)sizeof(e->msg);
	if (skip < mnl_nlmsg_get_payload_len(nlh))
		mnl_attr_parse(nlh, skip, genl_error_attr, g);
}

/* The end of a list may be an error as well, which mnl does not look at. */
static int genl_take_end(struct blipmq_genl *g, const struct nlmsghdr *nlh)
{
	int error;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(error))
		return 0;
	memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	if (error < 0 && nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(nlh, sizeof(error), genl_error_attr, g);
	return error < 0 ? error : 0;
}

static int genl_take_messages(struct blipmq_genl *g, const void *buffer,
			      int len, bool *over)
{
	const struct nlmsghdr *nlh;
	int ret = 0;

	for (nlh = buffer; mnl_nlmsg_ok(nlh, len);
	     nlh = mnl_nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_type == NLMSG_ERROR)
			genl_take_error(g, nlh);
		else if (nlh->nlmsg_type == NLMSG_DONE)
			ret = genl_take_end(g, nlh);
		else
			continue;
		*over = *over || nlh->nlmsg_seq == g->seq;
	}
	return ret;
}

/**
 * blipmq_genl_run() - send a request, read its answer
 * @g: the socket; its message and offset are set to what the kernel says of an
 *	error
 * @nlh: the request
 * @reply: called for each message of the answer
 * @data: for @reply
 *
 * Return: 0 or a negative errno, the kernel's or that of @reply; -EINTR when a
 * list was interrupted, and has to be asked for again.
 */
int blipmq_genl_run(struct blipmq_genl *g, const struct nlmsghdr *nlh,
		    mnl_cb_t reply, void *data)
{
	__u8 buffer[GENL_BUFFER] GENL_ALIGNED;
	int end, failed = 0;
	bool over = false;
	ssize_t n;

	g->message[0] = '\0';
	g->offset = 0;
	if (mnl_socket_sendto(g->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (!over) {
		n = mnl_socket_recvfrom(g->nl, buffer, sizeof(buffer));
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		end = genl_take_messages(g, buffer, (int)n, &over);
		/* The rest is read all the same: the next request would find it. */
		if (failed)
			continue;
		if (mnl_cb_run(buffer, (size_t)n, g->seq,
			       mnl_socket_get_portid(g->nl), reply, data) < 0)
			failed = -errno;
		else
			failed = end;
	}
	return failed;
}

/* There is one group. */
static int genl_group_attr(const struct nlattr *attr, void *data)
{
	struct blipmq_genl *g = data;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		g->events = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int genl_group(const struct nlattr *attr, void *data)
{
	return mnl_attr_parse_nested(attr, genl_group_attr, data);
}

static int genl_family_attr(const struct nlattr *attr, void *data)
{
	struct blipmq_genl *g = data;

	switch (mnl_attr_get_type(attr)) {
	case CTRL_ATTR_FAMILY_ID:
		if (mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			g->family = mnl_attr_get_u16(attr);
		break;
	case CTRL_ATTR_MCAST_GROUPS:
		return mnl_attr_parse_nested(attr, genl_group, g);
	}
	return MNL_CB_OK;
}

static int genl_family_reply(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), genl_family_attr,
			      data);
}

/**
 * blipmq_genl_open() - open a netlink socket and find the family
 * @g: the socket
 *
 * Return: 0; -ENOENT: the module is not loaded; another negative errno. Nothing
 * is left open after a failure.
 */
int blipmq_genl_open(struct blipmq_genl *g)
{
	__u8 buffer[256] GENL_ALIGNED;
	struct nlmsghdr *nlh;
	int ret, on = 1;

	g->family = 0;
	g->events = 0;
	g->seq = (__u32)time(NULL);
	g->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!g->nl)
		return -errno;
	if (mnl_socket_bind(g->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		goto err;
	}
	/* Of which nothing depends: an old kernel says less. */
	mnl_socket_setsockopt(g->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(g->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	nlh = genl_put(g, buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, BLIPMQ_FAMILY_NAME);
	ret = blipmq_genl_run(g, nlh, genl_family_reply, g);
	if (!ret && !g->family)
		ret = -ENOENT;
	if (!ret)
		return 0;
err:
	blipmq_genl_close(g);
	return ret;
}

/**
 * blipmq_genl_close() - close the socket
 * @g: the socket
 */
void blipmq_genl_close(struct blipmq_genl *g)
{
	mnl_socket_close(g->nl);
	g->nl = NULL;
}

/**
 * blipmq_genl_listen() - have events sent to the socket
 * @g: the socket, for which requests are over
 *
 * Return: 0; -EPERM without CAP_NET_ADMIN in the namespace; -EOPNOTSUPP when
 * the module has none; another negative errno.
 */
int blipmq_genl_listen(struct blipmq_genl *g)
{
	if (!g->events)
		return -EOPNOTSUPP;
	if (mnl_socket_setsockopt(g->nl, NETLINK_ADD_MEMBERSHIP, &g->events,
				  sizeof(g->events)) < 0)
		return -errno;
	return 0;
}

/**
 * blipmq_genl_new() - begin a request
 * @g: the socket
 * @buffer: where to, with room for the attributes that the caller adds
 * @command: enum blipmq_command
 *
 * Return: the request, for blipmq_genl_run().
 */
struct nlmsghdr *blipmq_genl_new(struct blipmq_genl *g, void *buffer,
				 __u8 command)
{
	return genl_put(g, buffer, g->family, command, BLIPMQ_FAMILY_VERSION);
}

/**
 * blipmq_genl_new_dump() - begin a request for a list
 * @g: the socket
 * @buffer: as for blipmq_genl_new()
 * @command: enum blipmq_command
 *
 * Return: the request, for blipmq_genl_run().
 */
struct nlmsghdr *blipmq_genl_new_dump(struct blipmq_genl *g, void *buffer,
				      __u8 command)
{
	struct nlmsghdr *nlh = blipmq_genl_new(g, buffer, command);

	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return nlh;
}

/**
 * blipmq_genl_request() - send a request without attributes, read its answer
 * @g: the socket
 * @command: enum blipmq_command
 * @reply: called for each message of the answer
 * @data: for @reply
 *
 * Return: 0 or a negative errno, the kernel's or that of @reply.
 */
int blipmq_genl_request(struct blipmq_genl *g, __u8 command, mnl_cb_t reply,
			void *data)
{
	__u8 buffer[256] GENL_ALIGNED;

	return blipmq_genl_run(g, blipmq_genl_new(g, buffer, command), reply,
			       data);
}
