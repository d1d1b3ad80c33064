/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Users, groups and modes, as people name them.
 */
#ifndef _BLIPMQCTL_WHO_H
#define _BLIPMQCTL_WHO_H

#include <stdbool.h>
#include <stdint.h>

/* Further groups that somebody may have; more are left out. */
#define WHO_GROUPS	256

/**
 * struct who - somebody
 * @uid: the user
 * @gid: the group
 * @groups: further ones
 * @nr_groups: how many
 */
struct who {
	uint32_t	uid;
	uint32_t	gid;
	uint32_t	groups[WHO_GROUPS];
	int		nr_groups;
};

bool who_number(const char *text, uint32_t *n);
bool who_mode(const char *text, uint32_t *mode);
bool who_user(const char *text, uint32_t *uid);
bool who_group(const char *text, uint32_t *gid);
bool who_is(const char *text, struct who *who);

#endif /* _BLIPMQCTL_WHO_H */
