/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists of the control plane, collected before any of it is shown: the kernel
 * may say at the end that it was interrupted.
 */
#ifndef _BLIPMQCTL_DUMP_H
#define _BLIPMQCTL_DUMP_H

#include <stddef.h>

#include "genl.h"

/**
 * struct dump - the messages of a list
 * @bytes: one behind the other
 * @len: bytes of them
 * @room: bytes that @bytes has room for
 * @at: when they were asked for, see moment_now()
 */
struct dump {
	char	*bytes;
	size_t	len;
	size_t	room;
	double	at;
};

int dump_run(struct dump *d, struct blipmq_genl *g, const struct nlmsghdr *nlh);
const struct nlmsghdr *dump_next(const struct dump *d,
				 const struct nlmsghdr *nlh);
void dump_free(struct dump *d);

#endif /* _BLIPMQCTL_DUMP_H */
