/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernel versions, and nothing else. Kbuild includes
 * this file ahead of every other one; BLIPMQ_HAVE_* come from its probes of
 * the kernel's headers, since distributions backport.
 */
#ifndef _BLIPMQ_COMPAT_H
#define _BLIPMQ_COMPAT_H

#include <linux/net.h>
#include <linux/socket.h>
#include <net/genetlink.h>
#include <net/netlink.h>

/* The address type of proto_ops.bind and .connect. */
#ifdef BLIPMQ_HAVE_SOCKADDR_UNSIZED
#define blipmq_sockaddr sockaddr_unsized
#else
#define blipmq_sockaddr sockaddr
#endif

/* Have setsockopt() bring a family the options of level SOL_SOCKET, too. */
static inline void blipmq_see_socket_options(struct socket *sock)
{
#ifdef BLIPMQ_HAVE_CUSTOM_SOCKOPT
	set_bit(SOCK_CUSTOM_SOCKOPT, &sock->flags);
#endif
}

/* What the request of a dump says, by attribute. */
static inline struct nlattr **blipmq_dump_attrs(struct netlink_callback *cb)
{
#ifdef BLIPMQ_HAVE_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* What generated policies say of bytes, which old kernels have no word for. */
#ifndef NLA_POLICY_MAX_LEN
#define NLA_POLICY_MAX_LEN(_len)	{ .type = NLA_BINARY, .len = _len }
#endif

/* Groups that take a right to join say so by a flag of operations at first. */
#ifndef GENL_MCAST_CAP_NET_ADMIN
#define GENL_MCAST_CAP_NET_ADMIN	GENL_UNS_ADMIN_PERM
#endif

/* What is queued for whatever CPU, which old kernels call unbound. */
#ifndef BLIPMQ_HAVE_SYSTEM_DFL_WQ
#define system_dfl_wq system_unbound_wq
#endif

#endif /* _BLIPMQ_COMPAT_H */
