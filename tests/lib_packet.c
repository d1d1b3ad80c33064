// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets of one message a call, and the options of both types.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib.h"

/* A receive that can hang does not: it fails after the guard's time. */
int lib_packet(void)
{
	struct timeval tv = { .tv_sec = LIB_HANG_MS / 1000 };
	int fd = lib_socket(SOCK_SEQPACKET);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

/* Returns 0 or -errno. */
int lib_subscription(int fd, int option, const char *pattern,
		     const char *group)
{
	union {
		struct blipmq_subscription s;
		u8 bytes[sizeof(struct blipmq_subscription) + 512];
	} u = { .s = { .flags = 0 } };
	size_t pattern_len = strlen(pattern);
	size_t group_len = group ? strlen(group) : 0;

	u.s.pattern_len = (u8)pattern_len;
	u.s.group_len = (u8)group_len;
	memcpy(u.s.names, pattern, pattern_len);
	memcpy(u.s.names + pattern_len, group ? group : "", group_len);
	if (setsockopt(fd, SOL_BLIPMQ, option, &u,
		       (socklen_t)(sizeof(u.s) + pattern_len + group_len)))
		return -errno;
	return 0;
}

socklen_t lib_address(struct sockaddr_blipmq *sa, const char *topic)
{
	size_t len = strlen(topic);

	memset(sa, 0, sizeof(*sa));
	sa->sbm_family = AF_BLIPMQ;
	if (len > sizeof(sa->sbm_topic))
		len = sizeof(sa->sbm_topic);
	memcpy(sa->sbm_topic, topic, len);
	return (socklen_t)(offsetof(struct sockaddr_blipmq, sbm_topic) + len);
}

/* Returns what sendto() does, or -errno. */
ssize_t lib_sendto(int fd, const char *topic, const void *payload, size_t len)
{
	struct sockaddr_blipmq sa;
	socklen_t sa_len = lib_address(&sa, topic);
	ssize_t n = sendto(fd, payload, len, MSG_NOSIGNAL,
			   (struct sockaddr *)&sa, sa_len);

	return n < 0 ? -errno : n;
}

/* Returns 0 or -errno. */
int lib_connect(int fd, const char *topic)
{
	struct sockaddr_blipmq sa;
	socklen_t len = lib_address(&sa, topic);

	return connect(fd, (struct sockaddr *)&sa, len) ? -errno : 0;
}

/* As lib_sendto(), to be kept as the topic's last value. */
ssize_t lib_retain(int fd, const char *topic, const void *payload, size_t len)
{
	union {
		struct cmsghdr c;
		char bytes[CMSG_SPACE(sizeof(struct blipmq_publish)) +
			   CMSG_SPACE(256)];
	} control = { .bytes = { 0 } };
	struct blipmq_publish publish = { .flags = BLIPMQ_PUBLISH_RETAIN };
	struct iovec iov = { .iov_base = (void *)payload, .iov_len = len };
	size_t topic_len = strlen(topic);
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(publish)) +
				  CMSG_SPACE(topic_len),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_BLIPMQ;
	c->cmsg_type = BLIPMQ_PUBLISH;
	c->cmsg_len = CMSG_LEN(sizeof(publish));
	memcpy(CMSG_DATA(c), &publish, sizeof(publish));
	c = CMSG_NXTHDR(&msg, c);
	c->cmsg_level = SOL_BLIPMQ;
	c->cmsg_type = BLIPMQ_TOPIC;
	c->cmsg_len = CMSG_LEN(topic_len);
	memcpy(CMSG_DATA(c), topic, topic_len);
	n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* Clear all retained values of the namespace; how many, or -1. */
int lib_forget_retained(void)
{
	int fd = lib_packet(), n = 0;
	struct lib_message m;
	char c;

	if (!lib_set_u32(fd, BLIPMQ_QUEUE_MESSAGES, 1 << 20) ||
	    !lib_set_u32(fd, BLIPMQ_QUEUE_BYTES, 256 << 20) ||
	    !lib_set_u32(fd, BLIPMQ_INFO, BLIPMQ_INFO_RETAINED) ||
	    lib_subscription(fd, BLIPMQ_SUBSCRIBE, ">", NULL)) {
		close(fd);
		return -1;
	}
	while (lib_recvmsg(fd, &m, &c, 1, MSG_DONTWAIT) >= 0) {
		if (!m.retained)
			continue;
		lib_retain(fd, m.topic, "", 0);
		n++;
	}
	close(fd);
	return n;
}

bool lib_set_u32(int fd, int option, u32 value)
{
	if (!setsockopt(fd, SOL_BLIPMQ, option, &value, sizeof(value)))
		return true;
	lib_say("setsockopt %d to %u: %s", option, value, strerror(errno));
	return false;
}

u32 lib_get_u32(int fd, int option)
{
	socklen_t len = sizeof(u32);
	u32 value = 0;

	if (getsockopt(fd, SOL_BLIPMQ, option, &value, &len) ||
	    len != sizeof(value))
		lib_say("getsockopt %d: %s", option, strerror(errno));
	return value;
}

bool lib_stats(int fd, struct blipmq_socket_stats *stats)
{
	socklen_t len = sizeof(*stats);

	memset(stats, 0, sizeof(*stats));
	if (!getsockopt(fd, SOL_BLIPMQ, BLIPMQ_STATS, stats, &len) &&
	    len == sizeof(*stats))
		return true;
	lib_say("BLIPMQ_STATS: %s, %u bytes", strerror(errno), len);
	return false;
}

/* The conservation law, for one socket at a quiet moment. */
bool lib_law(const struct blipmq_socket_stats *s)
{
	u64 sum = s->delivered + s->dropped_overflow + s->dropped_conflated +
		  s->dropped_expired + s->dropped_filtered +
		  s->dropped_closed + s->dropped_no_memory +
		  s->queued_messages;

	if (s->matched == sum)
		return true;
	lib_say("matched %llu, not %llu: %llu read %llu lost %llu closed %llu no memory %llu queue",
		(unsigned long long)s->matched, (unsigned long long)sum,
		(unsigned long long)s->delivered,
		(unsigned long long)s->dropped_overflow,
		(unsigned long long)s->dropped_closed,
		(unsigned long long)s->dropped_no_memory,
		(unsigned long long)s->queued_messages);
	return false;
}

static u64 control_u64(const struct cmsghdr *c)
{
	u64 value = 0;

	if (c->cmsg_len != CMSG_LEN(sizeof(value)))
		lib_say("control message %d has %zu bytes", c->cmsg_type,
			(size_t)c->cmsg_len);
	else
		memcpy(&value, CMSG_DATA(c), sizeof(value));
	return value;
}

/* Reads address and control messages of what @msg received. */
void lib_take_controls(struct lib_message *m, struct msghdr *msg)
{
	const struct sockaddr_blipmq *sa = msg->msg_name;
	size_t base = offsetof(struct sockaddr_blipmq, sbm_topic);
	struct cmsghdr *c;
	size_t len;

	m->flags = msg->msg_flags;
	m->name_len = msg->msg_namelen;
	if (sa && msg->msg_namelen > base) {
		len = msg->msg_namelen - base;
		if (sa->sbm_family != AF_BLIPMQ)
			lib_say("address of family %u", sa->sbm_family);
		memcpy(m->topic, sa->sbm_topic, len);
		m->topic[len] = '\0';
	}
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_BLIPMQ)
			continue;
		m->controls++;
		switch (c->cmsg_type) {
		case BLIPMQ_TOPIC:
			len = c->cmsg_len - CMSG_LEN(0);
			if (len > 255)
				len = 255;
			memcpy(m->topic, CMSG_DATA(c), len);
			m->topic[len] = '\0';
			m->topic_by_control = true;
			break;
		case BLIPMQ_MSG_ID:
			m->id = control_u64(c);
			m->have_id = true;
			break;
		case BLIPMQ_TIMESTAMP:
			m->timestamp = control_u64(c);
			m->have_timestamp = true;
			break;
		case BLIPMQ_LOST:
			m->lost = control_u64(c);
			m->have_lost = true;
			break;
		case BLIPMQ_RETAINED:
			m->retained = true;
			break;
		}
	}
}

/* Returns what recvmsg() does, or -errno. */
ssize_t lib_recvmsg(int fd, struct lib_message *m, void *buf, size_t room,
		    int flags)
{
	union {
		struct cmsghdr c;
		u8 bytes[1024];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = buf, .iov_len = room };
	struct sockaddr_blipmq sa = { 0 };
	struct msghdr msg = {
		.msg_name = &sa, .msg_namelen = sizeof(sa),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	memset(m, 0, sizeof(*m));
	m->len = recvmsg(fd, &msg, flags);
	if (m->len < 0)
		m->len = -errno;
	else
		lib_take_controls(m, &msg);
	return m->len;
}
