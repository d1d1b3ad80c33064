// SPDX-License-Identifier: GPL-2.0
/*
 * The namespace's counters, by generic netlink: the contract itself, without
 * library or tool, and fast enough to be asked often. That blipmqctl says the
 * same is tested by spec.sh.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "lib.h"

/* A deadline for what the broker does by itself: topics linger for seconds. */
#define SETTLE_SECONDS	60

#define TOTAL(name, NAME) { "totals." name, BLIPMQ_A_BROKER_TOTALS, \
			    BLIPMQ_A_TOTALS_##NAME }
#define LIMIT(name, NAME) { "limits." name, BLIPMQ_A_BROKER_LIMITS, \
			    BLIPMQ_A_LIMITS_##NAME }
#define BROKER(name, NAME) { name, 0, BLIPMQ_A_BROKER_##NAME }

/* The keys of blipmqctl status --json, and where their numbers are. */
static const struct {
	const char *path;
	int nest;
	int attr;
} keys[LIB_STATUS_KEYS] = {
	BROKER("family", FAMILY),
	BROKER("sockets", SOCKETS),
	BROKER("topics", TOPICS),
	BROKER("subscriptions", SUBSCRIPTIONS),
	BROKER("memory-bytes", MEMORY_BYTES),
	BROKER("ring-bytes", RING_BYTES),
	BROKER("in-flight", IN_FLIGHT),
	TOTAL("published", PUBLISHED),
	TOTAL("published-bytes", PUBLISHED_BYTES),
	TOTAL("unrouted", UNROUTED),
	TOTAL("matched", MATCHED),
	TOTAL("delivered", DELIVERED),
	TOTAL("delivered-bytes", DELIVERED_BYTES),
	TOTAL("dropped-overflow", DROPPED_OVERFLOW),
	TOTAL("dropped-conflated", DROPPED_CONFLATED),
	TOTAL("dropped-expired", DROPPED_EXPIRED),
	TOTAL("dropped-filtered", DROPPED_FILTERED),
	TOTAL("dropped-closed", DROPPED_CLOSED),
	TOTAL("dropped-no-memory", DROPPED_NO_MEMORY),
	TOTAL("queued-messages", QUEUED_MESSAGES),
	TOTAL("queued-bytes", QUEUED_BYTES),
	TOTAL("refused", REFUSED),
	TOTAL("partial", PARTIAL),
	LIMIT("payload-bytes", PAYLOAD_BYTES),
	LIMIT("queue-messages", QUEUE_MESSAGES),
	LIMIT("queue-bytes", QUEUE_BYTES),
	LIMIT("queue-messages-max", QUEUE_MESSAGES_MAX),
	LIMIT("queue-bytes-max", QUEUE_BYTES_MAX),
	LIMIT("answer-bytes", ANSWER_BYTES),
	LIMIT("sockets", SOCKETS),
	LIMIT("topics", TOPICS),
	LIMIT("subscriptions", SUBSCRIPTIONS),
	LIMIT("memory-bytes", MEMORY_BYTES),
	LIMIT("share-bytes", SHARE_BYTES),
	LIMIT("flight-bytes", FLIGHT_BYTES),
	LIMIT("user-topics", USER_TOPICS),
	LIMIT("retained-messages", RETAINED_MESSAGES),
	LIMIT("retained-bytes", RETAINED_BYTES),
	LIMIT("user-patterns", USER_PATTERNS),
};

/* A request and the room for its reply. */
union packet {
	struct {
		struct nlmsghdr		n;
		struct genlmsghdr	g;
		char			attrs[];
	};
	char	bytes[8192];
};

static const struct nlattr *find(const char *attrs, size_t len, int type)
{
	const struct nlattr *a;

	while (len >= (size_t)NLA_HDRLEN) {
		a = (const struct nlattr *)attrs;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if ((size_t)NLA_ALIGN(a->nla_len) >= len)
			return NULL;
		len -= NLA_ALIGN(a->nla_len);
		attrs += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static long long number(const struct nlattr *a)
{
	const char *payload = (const char *)a + NLA_HDRLEN;

	switch (a->nla_len - NLA_HDRLEN) {
	case 2:
		return *(const u16 *)payload;
	case 4:
		return *(const u32 *)payload;
	case 8: {
		u64 value;

		/* Netlink aligns to four bytes only. */
		memcpy(&value, payload, sizeof(value));
		return (long long)value;
	}
	}
	return -1;
}

/* Those that have no answer but an ACK. */
static bool is_change(u8 command)
{
	return command == BLIPMQ_CMD_LIMIT_SET ||
	       command == BLIPMQ_CMD_WORKER_SET ||
	       command == BLIPMQ_CMD_LANE_SET ||
	       command == BLIPMQ_CMD_RULE_ADD ||
	       command == BLIPMQ_CMD_RULE_DELETE ||
	       command == BLIPMQ_CMD_TOPIC_SET ||
	       command == BLIPMQ_CMD_TOPIC_DELETE ||
	       command == BLIPMQ_CMD_DRAIN ||
	       command == BLIPMQ_CMD_RESET;
}

/* Those whose texts end with a zero. */
static bool has_strings(u8 command)
{
	return command == BLIPMQ_CMD_TOPIC_GET ||
	       command == BLIPMQ_CMD_TOPIC_SET ||
	       command == BLIPMQ_CMD_TOPIC_DELETE;
}

/* Sends @p and reads the reply into it. Returns bytes of attributes, or -1. */
static ssize_t ask(int fd, union packet *p, u16 type, u8 command, size_t len)
{
	const struct nlmsgerr *e = (const void *)&p->g;
	ssize_t n;

	p->n.nlmsg_len = (u32)(NLMSG_HDRLEN + GENL_HDRLEN + len);
	p->n.nlmsg_type = type;
	p->n.nlmsg_flags = type != GENL_ID_CTRL && is_change(command) ?
			   NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
	p->n.nlmsg_seq = 1;
	p->g.cmd = command;
	p->g.version = 1;
	if (send(fd, p, p->n.nlmsg_len, 0) < 0)
		return -1;
	n = recv(fd, p, sizeof(*p), 0);
	if (n < (ssize_t)(NLMSG_HDRLEN + GENL_HDRLEN))
		return -1;
	if (p->n.nlmsg_type == NLMSG_ERROR) {
		errno = -e->error;
		return -1;
	}
	return n - (ssize_t)(NLMSG_HDRLEN + GENL_HDRLEN);
}

static int family_number(int fd)
{
	static const char name[] = BLIPMQ_FAMILY_NAME;
	union packet p = { .bytes = { 0 } };
	struct nlattr *a = (struct nlattr *)p.attrs;
	const struct nlattr *id;
	ssize_t len;

	a->nla_type = CTRL_ATTR_FAMILY_NAME;
	a->nla_len = NLA_HDRLEN + sizeof(name);
	memcpy(p.attrs + NLA_HDRLEN, name, sizeof(name));
	len = ask(fd, &p, GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
		  NLA_ALIGN(a->nla_len));
	if (len < 0)
		return -1;
	id = find(p.attrs, (size_t)len, CTRL_ATTR_FAMILY_ID);
	return id ? (int)number(id) : -1;
}

static void take(struct lib_status *s, const char *attrs, size_t len)
{
	const struct nlattr *a, *nest;
	size_t i;

	for (i = 0; i < LIB_STATUS_KEYS; i++) {
		s->values[i] = -1;
		if (keys[i].nest) {
			nest = find(attrs, len, keys[i].nest);
			a = nest ? find((const char *)nest + NLA_HDRLEN,
					nest->nla_len - NLA_HDRLEN,
					keys[i].attr) : NULL;
		} else {
			a = find(attrs, len, keys[i].attr);
		}
		if (a)
			s->values[i] = number(a);
	}
}

bool lib_status(struct lib_status *s)
{
	union packet p = { .bytes = { 0 } };
	int family = -1, fd;
	ssize_t len = -1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd >= 0)
		family = family_number(fd);
	if (family >= 0)
		len = ask(fd, &p, (u16)family, BLIPMQ_CMD_BROKER_GET, 0);
	if (len >= 0)
		take(s, p.attrs, (size_t)len);
	else
		lib_say("no answer from netlink: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return len >= 0;
}

/*
 * A request with attributes, 32-bit numbers all but the first if that has
 * bytes. Returns the number at @wanted of the answer, or 0 if none is wanted;
 * -errno.
 */
long long lib_request(u8 command, const struct lib_attr *attrs, size_t nr,
		      int wanted)
{
	union packet p = { .bytes = { 0 } };
	const struct nlattr *found;
	struct nlattr *a;
	size_t i, len = 0;
	int family, fd;
	long long ret;
	ssize_t n;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	family = family_number(fd);
	for (i = 0; i < nr; i++) {
		a = (struct nlattr *)(p.attrs + len);
		a->nla_type = (u16)attrs[i].type;
		a->nla_len = (u16)(NLA_HDRLEN + (attrs[i].text ?
				   strlen(attrs[i].text) +
				   has_strings(command) : sizeof(u32)));
		memcpy(a + 1, attrs[i].text ?: (const void *)&attrs[i].number,
		       a->nla_len - NLA_HDRLEN);
		len += NLA_ALIGN(a->nla_len);
	}
	errno = EIO;
	n = family < 0 ? -1 : ask(fd, &p, (u16)family, command, len);
	ret = n < 0 ? -errno : 0;
	if (!ret && wanted) {
		found = find(p.attrs, (size_t)n, wanted);
		ret = found ? number(found) : -ENODATA;
	}
	close(fd);
	return ret;
}

static bool limit_is_wide(int attr)
{
	return attr == BLIPMQ_A_LIMITS_MEMORY_BYTES ||
	       attr == BLIPMQ_A_LIMITS_SHARE_BYTES ||
	       attr == BLIPMQ_A_LIMITS_FLIGHT_BYTES ||
	       attr == BLIPMQ_A_LIMITS_RETAINED_BYTES;
}

/* Sets one limit by its path, as limits.topics. Returns 0 or -errno. */
int lib_limit_set(const char *path, unsigned long long value)
{
	union packet p = { .bytes = { 0 } };
	struct nlattr *nest = (struct nlattr *)p.attrs, *a = nest + 1;
	int family = -1, fd, ret;
	u32 narrow = (u32)value;
	size_t i, len;

	for (i = 0; i < LIB_STATUS_KEYS && strcmp(keys[i].path, path); i++)
		;
	if (i == LIB_STATUS_KEYS)
		return -EINVAL;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	family = family_number(fd);
	len = limit_is_wide(keys[i].attr) ? sizeof(value) : sizeof(narrow);
	a->nla_type = (u16)keys[i].attr;
	a->nla_len = (u16)(NLA_HDRLEN + len);
	memcpy(a + 1, len == sizeof(value) ? (void *)&value : (void *)&narrow,
	       len);
	nest->nla_type = NLA_F_NESTED | BLIPMQ_A_BROKER_LIMITS;
	nest->nla_len = (u16)(NLA_HDRLEN + a->nla_len);
	errno = EIO;
	if (family < 0)
		ret = -errno;
	else
		ret = ask(fd, &p, (u16)family, BLIPMQ_CMD_LIMIT_SET,
			  NLA_ALIGN(nest->nla_len)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* The number at a path such as totals.matched; -1 when there is none. */
long long lib_status_value(const struct lib_status *s, const char *path)
{
	size_t i;

	for (i = 0; i < LIB_STATUS_KEYS; i++)
		if (!strcmp(keys[i].path, path))
			return s->values[i];
	return -1;
}

void lib_status_print(const struct lib_status *s)
{
	size_t i;

	for (i = 0; i < LIB_STATUS_KEYS; i++)
		printf("%s %lld\n", keys[i].path, s->values[i]);
}

long long lib_status_of(const char *path)
{
	struct lib_status s;
	long long value = -1;

	if (lib_status(&s))
		value = lib_status_value(&s, path);
	if (value < 0)
		lib_say("there is no number at %s", path);
	return value;
}

bool lib_status_wait(const char *path, long long value)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	time_t deadline = time(NULL) + SETTLE_SECONDS;
	long long seen;

	for (;;) {
		seen = lib_status_of(path);
		if (seen == value)
			return true;
		if (time(NULL) > deadline)
			break;
		nanosleep(&pause, NULL);
	}
	lib_say("%s is %lld, waited for %lld", path, seen, value);
	return false;
}

/* The conservation law over the namespace, at a quiet moment. */
bool lib_status_law(void)
{
	static const char * const parts[] = {
		"totals.delivered", "totals.dropped-overflow",
		"totals.dropped-conflated", "totals.dropped-expired",
		"totals.dropped-filtered", "totals.dropped-closed",
		"totals.dropped-no-memory", "totals.queued-messages",
	};
	long long matched, part, sum = 0;
	struct lib_status s;
	size_t i;

	if (!lib_status(&s))
		return false;
	matched = lib_status_value(&s, "totals.matched");
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		part = lib_status_value(&s, parts[i]);
		if (part < 0) {
			lib_say("there is no number at %s", parts[i]);
			return false;
		}
		sum += part;
	}
	if (matched == sum)
		return true;
	lib_say("the law is broken: matched %lld, accounted for %lld",
		matched, sum);
	return false;
}
