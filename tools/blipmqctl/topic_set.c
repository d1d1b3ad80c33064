// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl topic set and delete: what is said of one topic.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "topic.h"
#include "value.h"
#include "who.h"

#define TTL_NEVER	0xffffffff

/* Return: true when @status is all that is left. */
static bool refuse(int *status, const char *what, const char *text)
{
	*status = ctl_usage(&ctl_topic, "%s '%s'", what, text);
	return true;
}

/* Milliseconds, or a whole number with a unit as in blipmq(1). */
static bool parse_ttl(const char *text, uint32_t *ms)
{
	static const struct {
		const char	*name;
		uint32_t	ms;
	} units[] = {
		{ "", 1 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 },
	};
	unsigned long long n;
	char *end;
	size_t i;

	*ms = TTL_NEVER;
	if (!strcmp(text, "never"))
		return true;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (errno || n > TTL_NEVER / units[i].ms)
			return false;
		*ms = (uint32_t)n * units[i].ms;
		return true;
	}
	return false;
}

/* The options, into the request; as above. */
static bool set_options(int argc, char **argv, struct nlmsghdr *nlh,
			int *status)
{
	static const struct option options[] = {
		{ "user", required_argument, NULL, 'u' },
		{ "group", required_argument, NULL, 'g' },
		{ "mode", required_argument, NULL, 'm' },
		{ "ttl", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	uint32_t n;
	int c;

	while ((c = getopt_long(argc, argv, "u:g:m:t:r:h", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			if (!who_user(optarg, &n))
				return refuse(status, "there is no user", optarg);
			mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_UID, n);
			break;
		case 'g':
			if (!who_group(optarg, &n))
				return refuse(status, "there is no group", optarg);
			mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_GID, n);
			break;
		case 'm':
			if (!who_mode(optarg, &n))
				return refuse(status,
					      "a mode is 0 to 777 in octal digits, not",
					      optarg);
			mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_MODE, n);
			break;
		case 't':
			if (!parse_ttl(optarg, &n))
				return refuse(status,
					      "a time to live is a number with ms, s, m or h, or never, not",
					      optarg);
			mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_TTL_MS, n);
			break;
		case 'r':
			if (!who_number(optarg, &n))
				return refuse(status,
					      "a rate is messages a second, not",
					      optarg);
			mnl_attr_put_u32(nlh, BLIPMQ_A_TOPIC_PUBLISH_RATE, n);
			break;
		case 'h':
			fputs(ctl_topic.help, stdout);
			*status = CTL_DONE;
			return true;
		default:
			*status = ctl_usage(&ctl_topic, "unknown option");
			return true;
		}
	}
	return false;
}

static int topic_change(const char *action, uint8_t operation, int argc,
			char **argv)
{
	__u8 buffer[1024] __attribute__((aligned(8)));
	struct blipmq_genl g;
	struct nlmsghdr *nlh;
	char what[300];
	int ret;

	ret = ctl_open(&g);
	if (ret)
		return ret;
	nlh = blipmq_genl_new(&g, buffer, operation);
	if (set_options(argc, argv, nlh, &ret))
		goto out;
	ret = CTL_USAGE;
	if (argc - optind != 1 || (operation == BLIPMQ_CMD_TOPIC_DELETE &&
				   argc > 2)) {
		ctl_usage(&ctl_topic, "topic %s wants one TOPIC", action);
		goto out;
	}
	if (!*argv[optind] || strlen(argv[optind]) >= VALUE_ROOM) {
		ctl_usage(&ctl_topic, "a topic has 1 to %d bytes",
			  VALUE_ROOM - 1);
		goto out;
	}
	mnl_attr_put_strz(nlh, BLIPMQ_A_TOPIC_NAME, argv[optind]);
	ret = blipmq_genl_run(&g, nlh, NULL, NULL);
	snprintf(what, sizeof(what), "cannot %s topic %s", action,
		 argv[optind]);
	if (ret)
		ret = ctl_refused(&g, ret, what);
out:
	blipmq_genl_close(&g);
	return ret;
}

/**
 * topic_set() - say something of a topic
 * @argc: as main() has it, from the word 'set' on
 * @argv: likewise
 *
 * Return: enum ctl_status.
 */
int topic_set(int argc, char **argv)
{
	return topic_change("set", BLIPMQ_CMD_TOPIC_SET, argc, argv);
}

/**
 * topic_delete() - take back all that was said of a topic
 * @argc: as main() has it, from the word 'delete' on
 * @argv: likewise
 *
 * Return: enum ctl_status.
 */
int topic_delete(int argc, char **argv)
{
	return topic_change("delete", BLIPMQ_CMD_TOPIC_DELETE, argc, argv);
}
