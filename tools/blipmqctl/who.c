// SPDX-License-Identifier: GPL-2.0
/*
 * Users and groups by name or number, and modes.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "who.h"

/**
 * who_number() - a number of 32 bits, but for the last one
 * @text: what was typed
 * @n: set to the number
 *
 * Return: false when it is none.
 */
bool who_number(const char *text, uint32_t *n)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	*n = (uint32_t)value;
	return *text >= '0' && *text <= '9' && !*end && !errno &&
	       value < UINT32_MAX;
}

/**
 * who_mode() - what a file's mode says, without its first digit
 * @text: what was typed
 * @mode: set to the mode
 *
 * Return: false when it is none.
 */
bool who_mode(const char *text, uint32_t *mode)
{
	unsigned long value;
	char *end;

	value = strtoul(text, &end, 8);
	*mode = (uint32_t)value;
	return *text >= '0' && *text <= '7' && !*end && value <= 0777;
}

/**
 * who_user() - the number of a user
 * @text: a name or a number
 * @uid: set to the number
 *
 * Return: false when it is neither.
 */
bool who_user(const char *text, uint32_t *uid)
{
	const struct passwd *user = getpwnam(text);

	if (!user)
		return who_number(text, uid);
	*uid = user->pw_uid;
	return true;
}

/**
 * who_group() - the number of a group
 * @text: a name or a number
 * @gid: set to the number
 *
 * Return: false when it is neither.
 */
bool who_group(const char *text, uint32_t *gid)
{
	const struct group *group = getgrnam(text);

	if (!group)
		return who_number(text, gid);
	*gid = group->gr_gid;
	return true;
}

/**
 * who_is() - a user with all of the groups that logging in would give
 * @text: a name or a number
 * @who: set to that
 *
 * Return: false when there is no such user in the system's list.
 */
bool who_is(const char *text, struct who *who)
{
	const struct passwd *user;
	gid_t groups[WHO_GROUPS];
	int i, n = WHO_GROUPS;

	if (!who_user(text, &who->uid))
		return false;
	user = getpwuid(who->uid);
	if (!user)
		return false;
	who->gid = user->pw_gid;
	/* What does not fit is not there; n is then what there would be. */
	getgrouplist(user->pw_name, user->pw_gid, groups, &n);
	who->nr_groups = n < WHO_GROUPS ? n : WHO_GROUPS;
	for (i = 0; i < who->nr_groups; i++)
		who->groups[i] = groups[i];
	return true;
}
