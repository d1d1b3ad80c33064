// SPDX-License-Identifier: GPL-2.0
/*
 * What the server may do once it listens: as the user that it acts for, with
 * the one right that acting for it takes.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"

/* Of those that it has, if any, only CAP_NET_ADMIN, for BLIPMQ_IDENTITY. */
static int keep_net_admin(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[0].permitted &= 1U << CAP_NET_ADMIN;
	data[0].effective = data[0].permitted;
	data[0].inheritable = 0;
	memset(&data[1], 0, sizeof(data[1]));
	return (int)syscall(SYS_capset, &header, data);
}

/**
 * privilege_drop() - give up what is not needed any more
 * @s: the server, which listens and has no threads yet
 *
 * Return: EXIT_DONE, or EXIT_FAILED after saying why.
 */
int privilege_drop(struct server *s)
{
	uid_t uid = s->identity.uid;
	gid_t gid = s->identity.gid;

	if (!geteuid() && uid &&
	    (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	     setresgid(gid, gid, gid) || setresuid(uid, uid, uid))) {
		log_line("cannot become user %s: %s; run blipmqd as that user",
			 s->user, strerror(errno));
		return EXIT_FAILED;
	}
	if (keep_net_admin() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		log_line("cannot give up privileges: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
