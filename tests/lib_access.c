// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of who may do what, by generic netlink; and being somebody else.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "lib.h"

#define RULES_MAX	64

/* What lib_rules_clear() takes out. */
static char added[RULES_MAX][256];
static unsigned int nr_added;

/* Returns 0 or -errno. */
int lib_rule_add(const char *pattern, uid_t uid, gid_t gid, u32 mode)
{
	const struct lib_attr attrs[] = {
		{ BLIPMQ_A_RULE_PATTERN, pattern, 0 },
		{ BLIPMQ_A_RULE_UID, NULL, uid },
		{ BLIPMQ_A_RULE_GID, NULL, gid },
		{ BLIPMQ_A_RULE_MODE, NULL, mode },
	};
	int err = (int)lib_request(BLIPMQ_CMD_RULE_ADD, attrs, 4, 0);

	if (!err && nr_added < RULES_MAX)
		snprintf(added[nr_added++], sizeof(added[0]), "%s", pattern);
	return err;
}

int lib_rule_delete(const char *pattern)
{
	const struct lib_attr attr = { BLIPMQ_A_RULE_PATTERN, pattern, 0 };

	return (int)lib_request(BLIPMQ_CMD_RULE_DELETE, &attr, 1, 0);
}

/* All that this process has added. */
bool lib_rules_clear(void)
{
	bool ok = true;
	int err;

	while (nr_added) {
		err = lib_rule_delete(added[--nr_added]);
		if (err && err != -ENOENT) {
			lib_say("the rule for %s: %s", added[nr_added],
				strerror(-err));
			ok = false;
		}
	}
	return ok;
}

/* What the kernel says that somebody without further groups may do. */
int lib_rule_may(const char *name, uid_t uid, gid_t gid)
{
	const struct lib_attr attrs[] = {
		{ BLIPMQ_A_RULE_PATTERN, name, 0 },
		{ BLIPMQ_A_RULE_UID, NULL, uid },
		{ BLIPMQ_A_RULE_GID, NULL, gid },
	};

	return (int)lib_request(BLIPMQ_CMD_RULE_GET, attrs, 3,
				BLIPMQ_A_RULE_MAY);
}

/* From root, or back to it; @group is a further one, 0 for none. */
bool lib_become(uid_t uid, gid_t gid, gid_t group)
{
	if (!seteuid(0) && !setgroups(!!group, &group) && !setegid(gid) &&
	    !seteuid(uid))
		return true;
	lib_say("cannot become %u: %s", uid, strerror(errno));
	return false;
}
