/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Requests to the generic netlink family of the module. For the library and
 * for the tools that link it statically; nothing here is exported.
 */
#ifndef _BLIPMQ_GENL_H
#define _BLIPMQ_GENL_H

#include <linux/types.h>
#include <libmnl/libmnl.h>

/**
 * struct blipmq_genl - a netlink socket that knows the family's number
 * @nl: the socket
 * @family: the number that the kernel gave the family
 * @events: the number of the group that tells of events
 * @seq: of the last request
 * @message: what the kernel said of a request that it refused, or nothing
 * @offset: where in that request the attribute at fault is, or 0
 */
struct blipmq_genl {
	struct mnl_socket	*nl;
	__u16		family;
	__u32		events;
	__u32		seq;
	char		message[128];
	__u32		offset;
};

int blipmq_genl_open(struct blipmq_genl *g);
void blipmq_genl_close(struct blipmq_genl *g);
int blipmq_genl_listen(struct blipmq_genl *g);
struct nlmsghdr *blipmq_genl_new(struct blipmq_genl *g, void *buffer,
				 __u8 command);
struct nlmsghdr *blipmq_genl_new_dump(struct blipmq_genl *g, void *buffer,
				      __u8 command);
int blipmq_genl_run(struct blipmq_genl *g, const struct nlmsghdr *nlh,
		    mnl_cb_t reply, void *data);
int blipmq_genl_request(struct blipmq_genl *g, __u8 command, mnl_cb_t reply,
			void *data);

#endif /* _BLIPMQ_GENL_H */
