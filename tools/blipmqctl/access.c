// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl access: who may publish, subscribe and block.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "list.h"
#include "who.h"

static const struct value_spec rule_specs[] = {
	{ "pattern", BLIPMQ_A_RULE_PATTERN, VALUE_TEXT },
	{ "uid", BLIPMQ_A_RULE_UID, VALUE_COUNT },
	{ "gid", BLIPMQ_A_RULE_GID, VALUE_COUNT },
	{ "mode", BLIPMQ_A_RULE_MODE, VALUE_MODE },
	{ "ttl-ms", BLIPMQ_A_RULE_TTL_MS, VALUE_COUNT },
	{ "publish-rate", BLIPMQ_A_RULE_PUBLISH_RATE, VALUE_COUNT },
	{ }
};

static const struct list_column rule_columns[] = {
	{ "pattern", "PATTERN", true },
	{ "uid", "UID", false },
	{ "gid", "GID", false },
	{ "mode", "MODE", false },
	{ "ttl-ms", "TTL", false },
	{ "publish-rate", "RATE", false },
	{ }
};

static const struct list rules = {
	.command = &ctl_access,
	.what = "rules",
	.operation = BLIPMQ_CMD_RULE_GET,
	.specs = rule_specs,
	.columns = rule_columns,
};

static const struct value_spec test_specs[] = {
	{ "pattern", BLIPMQ_A_RULE_PATTERN, VALUE_TEXT },
	{ "may", BLIPMQ_A_RULE_MAY, VALUE_COUNT },
	{ "rule", BLIPMQ_A_RULE_BY, VALUE_TEXT },
	{ }
};

/* In the order in which people see them. */
static const struct {
	const char	*name;
	uint32_t	bit;
} rights[] = {
	{ "publish", BLIPMQ_MAY_PUBLISH },
	{ "subscribe", BLIPMQ_MAY_SUBSCRIBE },
	{ "block", BLIPMQ_MAY_BLOCK },
};

#define RIGHTS	(sizeof(rights) / sizeof(rights[0]))

/**
 * struct access_args - what was asked for
 * @json: as JSON
 * @user: a user, or NULL
 * @group: a group, or NULL
 */
struct access_args {
	bool		json;
	const char	*user;
	const char	*group;
};

static void test_json(const struct values *v, uint32_t may)
{
	json_object *o = json_object_new_object();
	uint64_t number;
	size_t i;

	json_object_object_add(o, "pattern",
			       json_object_new_string(values_text(v, "pattern")));
	for (i = 0; i < RIGHTS; i++)
		json_object_object_add(o, rights[i].name,
				       json_object_new_boolean(!!(may & rights[i].bit)));
	json_object_object_add(o, "rule", values_get(v, "rule", &number) ?
			       json_object_new_string(values_text(v, "rule")) :
			       NULL);
	json_print(o, true);
	json_object_put(o);
}

static int test_reply(const struct nlmsghdr *nlh, void *data)
{
	entry_take(data, nlh);
	return MNL_CB_OK;
}

/* Whom the request is about; nothing for who asks. */
static int put_who(struct nlmsghdr *nlh, const struct access_args *a)
{
	struct who who = { 0 };
	bool known = a->user && who_is(a->user, &who);

	if (a->user && !known && !who_user(a->user, &who.uid))
		return ctl_usage(&ctl_access, "there is no user '%s'", a->user);
	if (a->user && !known && !a->group)
		return ctl_usage(&ctl_access,
				 "the groups of user '%s' are not known; say one with --group",
				 a->user);
	if (a->group && !who_group(a->group, &who.gid))
		return ctl_usage(&ctl_access, "there is no group '%s'",
				 a->group);
	if (a->user)
		mnl_attr_put_u32(nlh, BLIPMQ_A_RULE_UID, who.uid);
	if (a->user || a->group)
		mnl_attr_put_u32(nlh, BLIPMQ_A_RULE_GID, who.gid);
	if (a->user && !a->group)
		mnl_attr_put(nlh, BLIPMQ_A_RULE_GROUPS,
			     (size_t)who.nr_groups * sizeof(who.groups[0]),
			     who.groups);
	return CTL_DONE;
}

static int access_test(const char *name, const struct access_args *a)
{
	static const struct list test = { .specs = test_specs };
	__u8 buffer[2048] __attribute__((aligned(8)));
	static struct entry e;
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	uint64_t may = 0;
	size_t i;
	int ret;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	entry_init(&e, &test);
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_RULE_GET);
	mnl_attr_put(nlh, BLIPMQ_A_RULE_PATTERN, strlen(name), name);
	ret = put_who(nlh, a);
	if (ret) {
		blipmq_genl_close(&g);
		return ret;
	}
	ret = blipmq_genl_run(&g, nlh, test_reply, &e);
	blipmq_genl_close(&g);
	if (ret)
		return ctl_refused(&g, ret, "cannot ask what is allowed");
	values_get(&e.own, "may", &may);
	if (a->json) {
		test_json(&e.own, (uint32_t)may);
		return CTL_DONE;
	}
	for (i = 0; i < RIGHTS; i++)
		printf("  %-22s %s\n", rights[i].name,
		       may & rights[i].bit ? "yes" : "no");
	value_print("rule", &e.own, "rule");
	return CTL_DONE;
}

static int access_change(struct blipmq_genl *g, const struct nlmsghdr *nlh,
			 const char *what, const char *pattern)
{
	char text[320];
	int ret = blipmq_genl_run(g, nlh, NULL, NULL);

	blipmq_genl_close(g);
	snprintf(text, sizeof(text), "cannot %s the rule for %s", what, pattern);
	return ret ? ctl_refused(g, ret, text) : CTL_DONE;
}

static int access_add(const char *pattern, const char *digits,
		      const struct access_args *a)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	uint32_t uid, gid, mode;
	int ret;

	if (!who_mode(digits, &mode))
		return ctl_usage(&ctl_access,
				 "a mode is 0 to 777 in octal digits, not '%s'",
				 digits);
	if (a->user && !who_user(a->user, &uid))
		return ctl_usage(&ctl_access, "there is no user '%s'", a->user);
	if (a->group && !who_group(a->group, &gid))
		return ctl_usage(&ctl_access, "there is no group '%s'",
				 a->group);
	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_RULE_ADD);
	mnl_attr_put(nlh, BLIPMQ_A_RULE_PATTERN, strlen(pattern), pattern);
	if (a->user)
		mnl_attr_put_u32(nlh, BLIPMQ_A_RULE_UID, uid);
	if (a->group)
		mnl_attr_put_u32(nlh, BLIPMQ_A_RULE_GID, gid);
	mnl_attr_put_u32(nlh, BLIPMQ_A_RULE_MODE, mode);
	return access_change(&g, nlh, "set", pattern);
}

static int access_delete(const char *pattern)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	int ret;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new(&g, buffer, BLIPMQ_CMD_RULE_DELETE);
	mnl_attr_put(nlh, BLIPMQ_A_RULE_PATTERN, strlen(pattern), pattern);
	return access_change(&g, nlh, "delete", pattern);
}

/* Return: true when @status is all that is left. */
static bool access_options(int argc, char **argv, struct access_args *a,
			   int *status)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "user", required_argument, NULL, 'u' },
		{ "group", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "ju:g:h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			a->json = true;
			break;
		case 'u':
			a->user = optarg;
			break;
		case 'g':
			a->group = optarg;
			break;
		case 'h':
			fputs(ctl_access.help, stdout);
			*status = CTL_DONE;
			return true;
		default:
			*status = ctl_usage(&ctl_access, "unknown option");
			return true;
		}
	}
	return false;
}

static int run_access(int argc, char **argv)
{
	struct access_args a = { };
	const char *action, *pattern;
	int status, left;

	if (argc > 1 && !strcmp(argv[1], "list"))
		return list_run(&rules, argc - 1, argv + 1);
	if (argc == 1 || *argv[1] == '-')
		return list_run(&rules, argc, argv);
	action = argv[1];
	if (access_options(argc - 1, argv + 1, &a, &status))
		return status;
	argv += 1 + optind;
	left = argc - 1 - optind;
	pattern = left ? argv[0] : "";
	if (left && (!*pattern || strlen(pattern) >= VALUE_ROOM))
		return ctl_usage(&ctl_access, "a pattern has 1 to %d bytes",
				 VALUE_ROOM - 1);
	if (!strcmp(action, "test") && left == 1)
		return access_test(pattern, &a);
	if (!strcmp(action, "add") && left == 2 && !a.json)
		return access_add(pattern, argv[1], &a);
	if (!strcmp(action, "delete") && left == 1 && !a.json && !a.user &&
	    !a.group)
		return access_delete(pattern);
	if (strcmp(action, "test") && strcmp(action, "add") &&
	    strcmp(action, "delete"))
		return ctl_usage(&ctl_access,
				 "access has no '%s', but list, add, delete and test",
				 action);
	return ctl_usage(&ctl_access,
			 "access wants add PATTERN MODE, delete PATTERN or test NAME");
}

const struct ctl_command ctl_access = {
	.name = "access",
	.summary = "who may publish, subscribe and block",
	.help =
	"Usage: blipmqctl access [list] [--json | --brief]\n"
	"       blipmqctl access add PATTERN MODE [--user USER] [--group GROUP]\n"
	"       blipmqctl access delete PATTERN\n"
	"       blipmqctl access test NAME [--user USER] [--group GROUP] [--json]\n"
	"\n"
	"Shows and changes the rules that say who may do what with topics. A rule has an\n"
	"owner, a group and a mode, as a file has them: three octal digits, for the owner,\n"
	"the group and others, of 4 to subscribe, 2 to publish and 1 to block publishers.\n"
	"Of the rules that match a topic the most exact one decides, token by token: a\n"
	"word comes before *, and that before >. Without a rule everybody may subscribe\n"
	"and publish. They hold for root as for anybody else. A pattern may be subscribed\n"
	"to where each rule that says something of its topics lets it.\n"
	"\n"
	"add sets a rule, or changes the one for the same pattern; test asks the kernel\n"
	"what somebody may do with a topic or a pattern, and by which rule he may\n"
	"subscribe or not. To change rules one needs CAP_NET_ADMIN.\n"
	"\n"
	"  -u, --user USER    whose, or for whom; you if it is missing\n"
	"  -g, --group GROUP  of which group; yours. With test, the only one\n"
	"  -j, --json         JSON; blipmqctl(8) has a table of its keys\n"
	"  -b, --brief        columns, separated by tabs, without a header\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl access add 'orders.>' 640 --user shop --group staff\n",
	.run = run_access,
};
