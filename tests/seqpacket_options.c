// SPDX-License-Identifier: GPL-2.0
/*
 * The options of a socket: subscriptions, default topic, queue limits.
 */
#include <errno.h>
#include <sys/socket.h>

#include "harness.h"
#include "lib.h"

FIXTURE(options) {
	int fd;
	int pub;
};

FIXTURE_SETUP(options)
{
	self->fd = lib_packet();
	self->pub = lib_packet();
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->pub);
}

FIXTURE_TEARDOWN(options)
{
	close(self->fd);
	close(self->pub);
}

/* setsockopt() as a number: 0 or -errno. */
static int set(int fd, int option, const void *value, socklen_t len)
{
	return setsockopt(fd, SOL_BLIPMQ, option, value, len) ? -errno : 0;
}

static int get(int fd, int option, void *value, socklen_t *len)
{
	return getsockopt(fd, SOL_BLIPMQ, option, value, len) ? -errno : 0;
}

/* Messages that can be read at once, each of one byte. */
static unsigned int drain(int fd)
{
	unsigned int n = 0;
	char c;

	while (recv(fd, &c, 1, MSG_DONTWAIT) == 1)
		n++;
	return n;
}

TEST_F(options, subscribed_twice_delivered_once)
{
	ASSERT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.a", NULL));
	EXPECT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.a", NULL));
	EXPECT_EQ(1, lib_sendto(self->pub, "o.a", "x", 1));
	EXPECT_EQ(1U, drain(self->fd));
	/* One UNSUBSCRIBE ends it. */
	EXPECT_EQ(0, lib_subscription(self->fd, BLIPMQ_UNSUBSCRIBE, "o.a",
				      NULL));
	EXPECT_EQ(1, lib_sendto(self->pub, "o.a", "x", 1));
	EXPECT_EQ(0U, drain(self->fd));
	EXPECT_EQ(-ENOENT, lib_subscription(self->fd, BLIPMQ_UNSUBSCRIBE,
					    "o.a", NULL));
}

TEST_F(options, unsubscribing_leaves_the_others)
{
	ASSERT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.a", NULL));
	ASSERT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.b", NULL));
	EXPECT_EQ(-ENOENT, lib_subscription(self->fd, BLIPMQ_UNSUBSCRIBE,
					    "o.c", NULL));
	EXPECT_EQ(0, lib_subscription(self->fd, BLIPMQ_UNSUBSCRIBE, "o.a",
				      NULL));
	EXPECT_EQ(1, lib_sendto(self->pub, "o.a", "x", 1));
	EXPECT_EQ(1, lib_sendto(self->pub, "o.b", "x", 1));
	EXPECT_EQ(1U, drain(self->fd));
	/* And again. */
	EXPECT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.a", NULL));
	EXPECT_EQ(1, lib_sendto(self->pub, "o.a", "x", 1));
	EXPECT_EQ(1U, drain(self->fd));
}

TEST_F(options, invalid_names)
{
	static const int both[] = { BLIPMQ_SUBSCRIBE, BLIPMQ_UNSUBSCRIBE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(both); i++) {
		EXPECT_EQ(-EINVAL, lib_subscription(self->fd, both[i], "o..a",
						    "group"));
		EXPECT_EQ(-EINVAL, lib_subscription(self->fd, both[i], "o.a",
						    "*"));
		EXPECT_EQ(-EINVAL, lib_subscription(self->fd, both[i], ">.a",
						    NULL));
		EXPECT_EQ(-EINVAL, lib_subscription(self->fd, both[i], "",
						    NULL));
	}
}

/* Every length but the right one, and flags. */
TEST_F(options, form_of_a_subscription)
{
	union {
		struct blipmq_subscription s;
		char bytes[600];
	} u = { .s = { .pattern_len = 3 } };
	socklen_t len;

	memcpy(u.s.names, "o.abcd", 6);
	for (len = 0; len < 12; len++) {
		int want = len == sizeof(u.s) + 3 ? 0 : -EINVAL;

		EXPECT_EQ(want, set(self->fd, BLIPMQ_SUBSCRIBE, &u, len));
	}
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_SUBSCRIBE, &u, sizeof(u)));
	u.s.flags = 1;
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_SUBSCRIBE, &u, 7));
	u.s.flags = 0;
	EXPECT_EQ(-EFAULT, set(self->fd, BLIPMQ_SUBSCRIBE, (void *)8, 7));
	/* None but "o.a" was subscribed to. */
	EXPECT_EQ(1, lib_sendto(self->pub, "o.a", "x", 1));
	EXPECT_EQ(1, lib_sendto(self->pub, "o.ab", "x", 1));
	EXPECT_EQ(1U, drain(self->fd));
}

TEST_F(options, longest_topic)
{
	struct lib_message m;
	char topic[256], buf[8];

	memset(topic, 'x', 255);
	topic[255] = '\0';
	EXPECT_EQ(-ENOENT, lib_subscription(self->fd, BLIPMQ_UNSUBSCRIBE,
					    topic, NULL));
	EXPECT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, topic,
				      NULL));
	EXPECT_EQ(0, set(self->pub, BLIPMQ_TOPIC_DEFAULT, topic, 255));
	EXPECT_EQ(1, send(self->pub, "x", 1, 0));
	EXPECT_EQ(1, lib_recvmsg(self->fd, &m, buf, sizeof(buf), 0));
	EXPECT_STREQ(topic, m.topic);
	EXPECT_EQ(-EINVAL, set(self->pub, BLIPMQ_TOPIC_DEFAULT, topic, 256));
}

TEST_F(options, topic_default)
{
	char topic[256];
	socklen_t len = sizeof(topic);

	EXPECT_EQ(0, get(self->fd, BLIPMQ_TOPIC_DEFAULT, topic, &len));
	EXPECT_EQ(0U, len);
	EXPECT_EQ(0, set(self->fd, BLIPMQ_TOPIC_DEFAULT, "o.default", 9));
	len = sizeof(topic);
	EXPECT_EQ(0, get(self->fd, BLIPMQ_TOPIC_DEFAULT, topic, &len));
	EXPECT_EQ(9U, len);
	EXPECT_EQ(0, memcmp(topic, "o.default", 9));
	/* What is refused leaves the old one. */
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_TOPIC_DEFAULT, "o.*", 3));
	len = sizeof(topic);
	EXPECT_EQ(0, get(self->fd, BLIPMQ_TOPIC_DEFAULT, topic, &len));
	EXPECT_EQ(9U, len);
}

TEST_F(options, queue_limits_by_value)
{
	long long messages = lib_status_of("limits.queue-messages-max");
	long long bytes = lib_status_of("limits.queue-bytes-max");
	u32 value = 5;

	EXPECT_EQ(lib_status_of("limits.queue-messages"),
		  lib_get_u32(self->fd, BLIPMQ_QUEUE_MESSAGES));
	EXPECT_EQ(lib_status_of("limits.queue-bytes"),
		  lib_get_u32(self->fd, BLIPMQ_QUEUE_BYTES));
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_MESSAGES, 7));
	EXPECT_EQ(7U, lib_get_u32(self->fd, BLIPMQ_QUEUE_MESSAGES));
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_BYTES, 65536));
	EXPECT_EQ(65536U, lib_get_u32(self->fd, BLIPMQ_QUEUE_BYTES));
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_MESSAGES,
				(u32)messages));
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_BYTES, (u32)bytes));
	/* None, and more than may be. */
	value = 0;
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_QUEUE_MESSAGES, &value, 4));
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_QUEUE_BYTES, &value, 4));
	value = (u32)messages + 1;
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_QUEUE_MESSAGES, &value, 4));
	/* With CAP_NET_ADMIN, as here, it may be more; see limit_set.c. */
	value = (256U << 20) + 1;
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_QUEUE_BYTES, &value, 4));
	EXPECT_EQ((u32)messages, lib_get_u32(self->fd, BLIPMQ_QUEUE_MESSAGES));
	EXPECT_EQ((u32)bytes, lib_get_u32(self->fd, BLIPMQ_QUEUE_BYTES));
}

TEST_F(options, overflow_and_ttl)
{
	u32 value;

	EXPECT_EQ(0U, lib_get_u32(self->fd, BLIPMQ_OVERFLOW));
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_OVERFLOW, 0));
	for (value = 4; value; value--) {
		EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_OVERFLOW, value));
		EXPECT_EQ(value, lib_get_u32(self->fd, BLIPMQ_OVERFLOW));
	}
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_OVERFLOW, 0));
	value = 5;
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_OVERFLOW, &value, 4));
	EXPECT_EQ(0U, lib_get_u32(self->fd, BLIPMQ_TTL));
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_TTL, 0));
	for (value = 1; value; value *= 2) {
		EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_TTL, value));
		EXPECT_EQ(value, lib_get_u32(self->fd, BLIPMQ_TTL));
	}
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_TTL, BLIPMQ_TTL_NEVER));
	EXPECT_EQ(0U, lib_get_u32(self->fd, BLIPMQ_OVERFLOW));
}

/* Lengths that are too short for a number, on every option that is one. */
TEST_F(options, sizes_of_numbers)
{
	static const int numbers[] = {
		BLIPMQ_QUEUE_MESSAGES, BLIPMQ_QUEUE_BYTES, BLIPMQ_OVERFLOW,
		BLIPMQ_TTL, BLIPMQ_INFO,
	};
	socklen_t len;
	size_t i;
	u32 value = 1;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		for (len = 0; len < 4; len++) {
			EXPECT_EQ(-EINVAL, set(self->fd, numbers[i], &value,
					       len));
		}
		EXPECT_EQ(-EFAULT, set(self->fd, numbers[i], (void *)8, 4));
		len = 4;
		EXPECT_EQ(-EFAULT, get(self->fd, numbers[i], (void *)8, &len));
	}
}

TEST_F(options, unknown_numbers)
{
	static const int unknown[] = { 0, 12, 99, -1 };
	socklen_t len;
	u32 value = 1;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		len = sizeof(value);
		EXPECT_EQ(-ENOPROTOOPT, set(self->fd, unknown[i], &value,
					    len));
		EXPECT_EQ(-ENOPROTOOPT, get(self->fd, unknown[i], &value,
					    &len));
	}
	len = sizeof(value);
	EXPECT_EQ(-1, setsockopt(self->fd, 301, 4, &value, len));
	EXPECT_EQ(ENOPROTOOPT, errno);
	/* Set only, and get only. */
	EXPECT_EQ(-ENOPROTOOPT, get(self->fd, BLIPMQ_SUBSCRIBE, &value, &len));
	EXPECT_EQ(-ENOPROTOOPT, set(self->fd, BLIPMQ_STATS, &value, len));
}

TEST_F(options, info_bits)
{
	u32 value = 32;

	EXPECT_EQ(0U, lib_get_u32(self->fd, BLIPMQ_INFO));
	EXPECT_TRUE(lib_set_u32(self->fd, BLIPMQ_INFO, 7));
	EXPECT_EQ(7U, lib_get_u32(self->fd, BLIPMQ_INFO));
	EXPECT_EQ(-EINVAL, set(self->fd, BLIPMQ_INFO, &value, 4));
	EXPECT_EQ(7U, lib_get_u32(self->fd, BLIPMQ_INFO));
}

/* The newest stay, and the loss is known to the message. */
TEST_F(options, queue_messages_keeps_the_newest)
{
	struct blipmq_socket_stats stats;
	char c;
	int i;

	ASSERT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_MESSAGES, 4));
	ASSERT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.q", NULL));
	for (i = 0; i < 10; i++) {
		c = (char)('0' + i);
		ASSERT_EQ(1, lib_sendto(self->pub, "o.q", &c, 1));
	}
	ASSERT_TRUE(lib_stats(self->fd, &stats));
	EXPECT_EQ(10ULL, stats.matched);
	EXPECT_EQ(4ULL, stats.queued_messages);
	EXPECT_EQ(6ULL, stats.dropped_overflow);
	EXPECT_LT(0ULL, stats.queued_bytes);
	for (i = 6; i < 10; i++) {
		ASSERT_EQ(1, recv(self->fd, &c, 1, MSG_DONTWAIT));
		EXPECT_EQ('0' + i, c);
	}
	EXPECT_EQ(0U, drain(self->fd));
	ASSERT_TRUE(lib_stats(self->fd, &stats));
	EXPECT_EQ(4ULL, stats.delivered);
	EXPECT_EQ(0ULL, stats.queued_messages);
	EXPECT_EQ(0ULL, stats.queued_bytes);
	EXPECT_TRUE(lib_law(&stats));
}

static void fill(struct __test_metadata *_metadata, int pub, int sub)
{
	static const char payload[4000];
	struct blipmq_socket_stats stats;
	int i;

	ASSERT_EQ(0, lib_subscription(sub, BLIPMQ_SUBSCRIBE, "o.q", NULL));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(4000, lib_sendto(pub, "o.q", payload, 4000));
	ASSERT_TRUE(lib_stats(sub, &stats));
	EXPECT_EQ(200ULL, stats.matched);
	EXPECT_GE(65536ULL, stats.queued_bytes);
	EXPECT_LE(1ULL, stats.queued_messages);
	EXPECT_GE(16ULL, stats.queued_messages);
	EXPECT_TRUE(lib_law(&stats));
}

TEST_F(options, queue_bytes_is_a_limit)
{
	ASSERT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_BYTES, 65536));
	fill(_metadata, self->pub, self->fd);
}

/* SO_RCVBUF is the other way to say it; the kernel doubles what it is told. */
TEST_F(options, so_rcvbuf_is_a_limit)
{
	int value = 32768;

	ASSERT_EQ(0, setsockopt(self->fd, SOL_SOCKET, SO_RCVBUF, &value,
				sizeof(value)));
	fill(_metadata, self->pub, self->fd);
}

/* A limit lowered below what is queued holds at once, and from then on. */
TEST_F(options, lowered_limit)
{
	struct blipmq_socket_stats stats;
	int i;

	ASSERT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.q", NULL));
	for (i = 0; i < 50; i++)
		ASSERT_EQ(1, lib_sendto(self->pub, "o.q", "x", 1));
	ASSERT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_MESSAGES, 10));
	ASSERT_TRUE(lib_stats(self->fd, &stats));
	EXPECT_EQ(10ULL, stats.queued_messages);
	EXPECT_EQ(40ULL, stats.dropped_overflow);
	for (i = 0; i < 50; i++)
		ASSERT_EQ(1, lib_sendto(self->pub, "o.q", "x", 1));
	ASSERT_TRUE(lib_stats(self->fd, &stats));
	EXPECT_EQ(10ULL, stats.queued_messages);
	EXPECT_EQ(100ULL, stats.matched);
	EXPECT_TRUE(lib_law(&stats));
	EXPECT_EQ(10U, drain(self->fd));
}

/* One message stays, however low the limit in bytes. */
TEST_F(options, lowered_byte_limit)
{
	struct blipmq_socket_stats stats;
	char got[1000] = "";
	int i;

	ASSERT_EQ(0, lib_subscription(self->fd, BLIPMQ_SUBSCRIBE, "o.q", NULL));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(1000, lib_sendto(self->pub, "o.q", got, 1000));
	ASSERT_TRUE(lib_set_u32(self->fd, BLIPMQ_QUEUE_BYTES, 1));
	ASSERT_TRUE(lib_stats(self->fd, &stats));
	EXPECT_EQ(1ULL, stats.queued_messages);
	EXPECT_EQ(4ULL, stats.dropped_overflow);
	EXPECT_EQ(1U, drain(self->fd));
}

/* A caller that knows fewer counters gets those; never more than it asked. */
TEST_F(options, stats_of_any_length)
{
	struct blipmq_socket_stats stats;
	u64 some[2] = { 7, 7 };
	socklen_t len = 8;

	ASSERT_EQ(1, lib_sendto(self->fd, "o.none", "x", 1));
	EXPECT_EQ(0, get(self->fd, BLIPMQ_STATS, some, &len));
	EXPECT_EQ(8U, len);
	EXPECT_EQ(1ULL, some[0]);
	EXPECT_EQ(7ULL, some[1]);
	ASSERT_TRUE(lib_stats(self->fd, &stats));
	EXPECT_EQ(1ULL, stats.published);
	EXPECT_EQ(1ULL, stats.unrouted);
	EXPECT_EQ(8ULL + 6 + 8 + 1, stats.published_bytes);
	EXPECT_EQ(0ULL, stats.matched);
	EXPECT_EQ(-EINVAL, lib_sendto(self->fd, "o..none", "x", 1));
	ASSERT_TRUE(lib_stats(self->fd, &stats));
	EXPECT_EQ(1ULL, stats.refused);
}

TEST_HARNESS_MAIN
