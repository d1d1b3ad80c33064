// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: requests to the generic netlink family of the module.
 */
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <linux/blipmq_netlink.h>

#include "calls.h"

#define ROOM	2048

int calls_family = -1;

union request {
	struct {
		struct nlmsghdr		n;
		struct genlmsghdr	g;
		u8			attrs[];
	};
	u8	bytes[ROOM];
};

/* Returns the number of the module's family, -1 when there is none. */
int calls_find_family(void)
{
	static const char name[] = BLIPMQ_FAMILY_NAME;
	union request r = { .bytes = { 0 } };
	struct nlattr *a = (struct nlattr *)r.attrs;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	ssize_t len = -1, at;
	u16 id;

	a->nla_type = CTRL_ATTR_FAMILY_NAME;
	a->nla_len = NLA_HDRLEN + sizeof(name);
	memcpy(r.attrs + NLA_HDRLEN, name, sizeof(name));
	r.n.nlmsg_len = (u32)(NLMSG_HDRLEN + GENL_HDRLEN +
			      NLA_ALIGN(a->nla_len));
	r.n.nlmsg_type = GENL_ID_CTRL;
	r.n.nlmsg_flags = NLM_F_REQUEST;
	r.g.cmd = CTRL_CMD_GETFAMILY;
	r.g.version = 1;
	if (send(fd, &r, r.n.nlmsg_len, 0) > 0)
		len = recv(fd, &r, sizeof(r), 0);
	if (fd >= 0)
		close(fd);
	if (len < 0 || r.n.nlmsg_type == NLMSG_ERROR)
		return -1;
	for (at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN <= len;
	     at += NLA_ALIGN(a->nla_len)) {
		a = (struct nlattr *)(r.bytes + at);
		if (a->nla_len < NLA_HDRLEN)
			break;
		if (a->nla_type == CTRL_ATTR_FAMILY_ID) {
			memcpy(&id, r.bytes + at + NLA_HDRLEN, sizeof(id));
			return id;
		}
	}
	return -1;
}

/* Returns the bytes of an attribute, whose length may be a lie. */
static size_t put_attr(struct calls_thread *t, u8 *to, size_t room)
{
	u8 choice = calls_u8(t);
	size_t len = NLA_HDRLEN + (choice < 128 ? 0 : calls_u8(t) % 20U);
	struct nlattr a = {
		.nla_len = (u16)len,
		/* The flag that the one request there is knows, or any. */
		.nla_type = choice < 80 ? BLIPMQ_A_BROKER_BRIEF :
			    (u16)(choice % 24),
	};
	size_t i;

	if (NLA_ALIGN(len) > room)
		return 0;
	if (choice >= 240)
		a.nla_len = (u16)calls_u32(t);
	if (choice >= 220 && choice < 240)
		a.nla_type |= choice & 1 ? NLA_F_NESTED : NLA_F_NET_BYTEORDER;
	memcpy(to, &a, sizeof(a));
	for (i = NLA_HDRLEN; i < NLA_ALIGN(len); i++)
		to[i] = calls_u8(t);
	return NLA_ALIGN(len);
}

static size_t make_request(struct calls_thread *t, union request *r)
{
	size_t len = NLMSG_HDRLEN + GENL_HDRLEN;
	u8 choice = calls_u8(t);
	unsigned int n;

	memset(r, 0, sizeof(*r));
	for (n = choice % 5; n; n--)
		len += put_attr(t, r->bytes + len, sizeof(*r) - len);
	r->n.nlmsg_type = (u16)calls_family;
	r->n.nlmsg_flags = NLM_F_REQUEST;
	r->g.cmd = BLIPMQ_CMD_BROKER_GET;
	r->g.version = (u8)(choice < 200 ? 1 : choice);
	if (choice & 16)
		r->n.nlmsg_flags |= NLM_F_ACK;
	if (choice >= 128 && choice & 32)
		r->n.nlmsg_flags |= NLM_F_DUMP;
	if (choice >= 210)
		r->g.cmd = calls_u8(t);
	if (choice >= 240)
		r->n.nlmsg_flags = (u16)calls_u32(t);
	/* Nobody else's: other families change the machine. */
	if (choice >= 250) {
		r->n.nlmsg_type = GENL_ID_CTRL;
		r->g.cmd = CTRL_CMD_GETFAMILY;
	}
	r->n.nlmsg_len = (u32)len;
	if (choice >= 225 && choice < 232)
		r->n.nlmsg_len = calls_u8(t);
	if (choice >= 220 && choice < 228)
		len = calls_u8(t) % len;
	return len;
}

/* Several in one call, an answer or none, and sometimes a closed socket. */
void calls_netlink(struct calls_thread *t)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	union request r;
	int group, tries;
	size_t len;

	if (calls_u8(t) < 16) {
		group = calls_u8(t);
		calls_result(t, setsockopt(fd, SOL_NETLINK,
					   NETLINK_ADD_MEMBERSHIP, &group,
					   sizeof(group)));
	}
	for (tries = 1 + calls_u8(t) % 3; tries; tries--) {
		len = make_request(t, &r);
		calls_result(t, send(fd, &r, len, MSG_DONTWAIT));
		calls_result(t, recv(fd, t->memory, 16384, MSG_DONTWAIT));
	}
	if (calls_u8(t) < 32)
		calls_keep(fd, calls_other(t));
	else
		close(fd);
}
