// SPDX-License-Identifier: GPL-2.0
/*
 * What a delivery costs as subscribers become many: for single messages and
 * for writes of 64, to one topic, and to the sections of a package index, of
 * which there are some sixteen in a write, for subscribers that get all of them
 * or a quarter. One thread does it all, so that nothing but the broker's work is
 * counted. In the meter a nanosecond is an instruction.
 *
 *	fan [--subs N] [--bulk N] [--rounds N] [INDEX]
 *
 * Without an index, to one topic only. The options ask for one case, to be
 * profiled.
 */
#include <ctype.h>
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/blipmq.h>

#include "../module/frame.h"
#include "load.h"

#define FAN_BULK	64	/* messages of a write, and before each read */
#define FAN_PAYLOAD	64
#define FAN_SUBS	1024
#define FAN_LINES	4000	/* of the index's sections */
#define FAN_TOPIC	64

/* What is published, and who gets it. */
enum fan_what {
	FAN_ONE,	/* one topic */
	FAN_ALL,	/* sections, all of them to everybody */
	FAN_QUARTER,	/* sections, a quarter of them to each, all to one */
	FAN_WHATS,
};

static const char * const fan_names[FAN_WHATS] = {
	"topic", "sections", "quarters",
};

static u8 frames[FAN_BULK * (BLIPMQ_FRAME_HEADER + FAN_TOPIC +
			     BLIPMQ_FRAME_PUB_FIXED + FAN_PAYLOAD)];
static size_t begins[FAN_BULK + 1];
static u8 inbox[1 << 20];
static int fds[FAN_SUBS];
static char sections[FAN_LINES][FAN_TOPIC];
static int nr_sections;
static int rounds = 64;

static int fan_socket(void)
{
	int fd = socket(AF_BLIPMQ, SOCK_STREAM, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

/* The topics of the index, in the order of its stanzas. */
static void fan_index(const char *path)
{
	char line[256], section[FAN_TOPIC - 8];
	FILE *f = fopen(path, "r");
	char *c;

	if (!f)
		err(1, "%s", path);
	while (nr_sections < FAN_LINES && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Section: %55s", section) != 1)
			continue;
		for (c = section; *c; c++)
			if (!isalnum((unsigned char)*c))
				*c = '-';
		snprintf(sections[nr_sections++], FAN_TOPIC, "index.%s",
			 section);
	}
	fclose(f);
	if (nr_sections < FAN_BULK)
		errx(1, "%s has %d sections, not %d", path, nr_sections,
		     FAN_BULK);
}

/* The frames of a write, from the index's stanza @at on. */
static void fan_fill(int at, enum fan_what what)
{
	u8 *p = frames;
	int i;

	for (i = 0; i < FAN_BULK; i++) {
		const char *topic = what == FAN_ONE ? "fan.topic" :
				    sections[(at + i) % nr_sections];
		size_t len = strlen(topic);

		begins[i] = (size_t)(p - frames);
		blipmq_frame_encode(p, BLIPMQ_OP_PUB, 0, (u8)len,
				    BLIPMQ_FRAME_PUB_FIXED + FAN_PAYLOAD);
		memcpy(p + BLIPMQ_FRAME_HEADER, topic, len);
		p += BLIPMQ_FRAME_HEADER + len;
		memset(p, 0, BLIPMQ_FRAME_PUB_FIXED);
		p += BLIPMQ_FRAME_PUB_FIXED;
		memset(p, 'x', FAN_PAYLOAD);
		p += FAN_PAYLOAD;
	}
	begins[i] = (size_t)(p - frames);
}

static void fan_join(int fd, const char *pattern)
{
	size_t len = strlen(pattern);
	struct {
		struct blipmq_subscription s;
		char names[FAN_TOPIC];
	} sub = { .s.pattern_len = (u8)len };

	memcpy(sub.names, pattern, len);
	if (setsockopt(fd, SOL_BLIPMQ, BLIPMQ_SUBSCRIBE, &sub,
		       (socklen_t)(sizeof(sub.s) + len)))
		err(1, "subscribe to %s", pattern);
}

/* Does subscriber @s get what goes to this section? The last one all. */
static int fan_wants(int s, int subs, enum fan_what what, const char *topic)
{
	u32 hash = 0;

	if (what != FAN_QUARTER || s == subs - 1)
		return 1;
	while (*topic)
		hash = hash * 31 + (u8)*topic++;
	return hash % 4 == (u32)s % 4;
}

static void fan_open(int subs, enum fan_what what)
{
	int s, i;

	for (s = 0; s < subs; s++) {
		fds[s] = fan_socket();
		if (what == FAN_ONE) {
			fan_join(fds[s], "fan.topic");
		} else if (what == FAN_ALL || s == subs - 1) {
			fan_join(fds[s], "index.>");
		} else {
			/* A topic that one has is joined no second time. */
			for (i = 0; i < nr_sections; i++)
				if (fan_wants(s, subs, what, sections[i]))
					fan_join(fds[s], sections[i]);
		}
	}
}

/* Bytes that subscriber @s gets of the frames from @from to @to. */
static size_t fan_due(int s, int subs, int at, int from, int to,
		      enum fan_what what)
{
	size_t bytes = 0;
	int i;

	for (i = from; i < to; i++)
		if (what == FAN_ONE ||
		    fan_wants(s, subs, what, sections[(at + i) % nr_sections]))
			bytes += begins[i + 1] - begins[i];
	return bytes;
}

/**
 * struct fan_cost - what a case cost
 * @publish: nanoseconds in writing
 * @read: nanoseconds in reading
 * @deliveries: messages that subscribers read
 */
struct fan_cost {
	u64	publish;
	u64	read;
	u64	deliveries;
};

/* One write of frames @from to @to, and all that comes of it. */
static void fan_step(struct fan_cost *c, int pub, int subs, int at, int from,
		     int to, enum fan_what what)
{
	static size_t due[FAN_SUBS];
	size_t len = begins[to] - begins[from];
	u64 begin;
	int s, i;

	for (s = 0; s < subs; s++)
		due[s] = fan_due(s, subs, at, from, to, what);
	begin = load_now();
	if (write(pub, frames + begins[from], len) != (ssize_t)len)
		err(1, "write");
	c->publish += load_now() - begin;
	begin = load_now();
	for (s = 0; s < subs; s++)
		if (due[s] && read(fds[s], inbox, sizeof(inbox)) !=
		    (ssize_t)due[s])
			err(1, "subscriber %d of %d", s, subs);
	c->read += load_now() - begin;
	for (s = 0; s < subs; s++)
		for (i = from; due[s] && i < to; i++)
			c->deliveries += what == FAN_ONE ||
				fan_wants(s, subs, what,
					  sections[(at + i) % nr_sections]);
}

static void fan_case(int subs, int bulk, enum fan_what what)
{
	struct fan_cost c = { 0 };
	int pub = fan_socket(), round, i, at;

	fan_open(subs, what);
	/* The first rounds make topics, routes and caches. */
	for (round = 0; round < 2 * rounds; round++) {
		if (round == rounds)
			memset(&c, 0, sizeof(c));
		at = round % rounds * FAN_BULK;
		fan_fill(at, what);
		for (i = 0; i < FAN_BULK; i += bulk)
			fan_step(&c, pub, subs, at, i, i + bulk, what);
	}
	printf("%-8s %4d a write, %4d subscribers, a delivery: publish %7.1f, ",
	       fan_names[what], bulk, subs,
	       (double)c.publish / (double)c.deliveries);
	printf("read %7.1f, both %7.1f\n",
	       (double)c.read / (double)c.deliveries,
	       (double)(c.publish + c.read) / (double)c.deliveries);
	fflush(stdout);
	for (i = 0; i < subs; i++)
		close(fds[i]);
	close(pub);
	/* The kernel ends sockets, and forgets routes, behind the scenes. */
	sleep(subs < 128 ? 2 : 15);
}

static void fan_cases(int subs, int bulk)
{
	static const int all[] = { 1, 8, 32, 128, FAN_SUBS };
	int what, kinds = nr_sections ? FAN_WHATS : FAN_ONE + 1, b;
	size_t i;

	for (what = 0; what < kinds; what++)
		for (b = 1; b <= FAN_BULK; b *= FAN_BULK)
			for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
				if ((!subs || all[i] == subs) &&
				    (!bulk || b == bulk))
					fan_case(all[i], b, (enum fan_what)what);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "subs", required_argument, NULL, 's' },
		{ "bulk", required_argument, NULL, 'b' },
		{ "rounds", required_argument, NULL, 'r' },
		{ 0 }
	};
	struct rlimit files = { 4096, 4096 };
	int subs = 0, bulk = 0, c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			subs = atoi(optarg);
			break;
		case 'b':
			bulk = atoi(optarg);
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		default:
			fprintf(stderr, "usage: fan [--subs N] [--bulk N] %s\n",
				"[--rounds N] [INDEX]");
			return 2;
		}
	}
	if (optind < argc)
		fan_index(argv[optind]);
	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "setrlimit");
	fan_cases(subs, bulk);
	return 0;
}
