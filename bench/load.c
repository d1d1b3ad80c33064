// SPDX-License-Identifier: GPL-2.0
/*
 * The load generator's command line.
 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <linux/blipmq.h>

#include "load.h"

#define LOAD_UNSET	(~0ULL)

static const struct load_protocol *const load_protocols[] = {
	&load_blipmq, &load_blipmq_stream, &load_blipmq_seqpacket, &load_nats,
	&load_redis, &load_redis_replies, &load_unix_seqpacket, NULL,
};

static const char load_usage_text[] =
"usage: load [OPTION...] throughput|latency|round\n"
"\n"
"  throughput	publish as fast as the window allows\n"
"  latency	publish at a fixed rate (open loop, no coordinated omission)\n"
"  round		publish one message, wait until all have it, and again\n"
"\n"
"  --proto NAME	blipmq (TCP), blipmq-stream, blipmq-seqpacket (local),\n"
"		nats, redis, redis-replies, unix-seqpacket (no broker,\n"
"		one to one); default blipmq\n"
"  --server HOST[:PORT]	default 127.0.0.1 and the protocol's usual port\n"
"  --pubs N	publishers, a connection and a thread each; default 1\n"
"  --subs N	subscribers, a connection each, one thread; default 1\n"
"  --size N	bytes of payload, at least 16; default 64\n"
"  --batch N	messages in one write; default 64\n"
"  --window N	messages that all publishers together may be ahead of the\n"
"		slowest subscriber; default 512, less for large payloads\n"
"  --read-size N	bytes a subscriber's read asks for; default 65536\n"
"  --count N	messages of each publisher, or rounds; default 100000\n"
"  --warm N	the same, before measuring; default a tenth\n"
"  --rate N	messages a second in latency mode, all publishers; default 1000\n"
"  --since-call	latencies from the publisher's call, as the kernel has them, not\n"
"		from when a message was due\n"
"  --topic T	default bench.topic\n"
"  --family N	number of the address family; default 18\n"
"  --server-pid N	whose CPU time to report as the broker's\n"
"\n"
"Prints one line of NAME=VALUE; all times are nanoseconds (on the meter:\n"
"instructions). Every subscriber must get every message once and in order:\n"
"a loss, a repetition or a stall of a minute is an error, and the exit status\n"
"is 1.\n";

static const struct option load_long_options[] = {
	{ "proto", required_argument, NULL, 'p' },
	{ "server", required_argument, NULL, 's' },
	{ "pubs", required_argument, NULL, 'P' },
	{ "subs", required_argument, NULL, 'S' },
	{ "size", required_argument, NULL, 'z' },
	{ "batch", required_argument, NULL, 'b' },
	{ "window", required_argument, NULL, 'w' },
	{ "read-size", required_argument, NULL, 'r' },
	{ "count", required_argument, NULL, 'c' },
	{ "warm", required_argument, NULL, 'W' },
	{ "rate", required_argument, NULL, 'R' },
	{ "since-call", no_argument, NULL, 'C' },
	{ "topic", required_argument, NULL, 't' },
	{ "family", required_argument, NULL, 'f' },
	{ "server-pid", required_argument, NULL, 'i' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static u64 load_number(const char *text, u64 min, u64 max)
{
	char *end;
	u64 v = strtoull(text, &end, 10);

	if (*end || end == text || v < min || v > max)
		errx(2, "%s is not a number from %llu to %llu", text, min, max);
	return v;
}

static const struct load_protocol *load_find_protocol(const char *name)
{
	size_t i;

	for (i = 0; load_protocols[i]; i++)
		if (!strcmp(load_protocols[i]->name, name))
			return load_protocols[i];
	errx(2, "no protocol %s", name);
}

static void load_server(struct load_options *o, char *text)
{
	char *colon = strrchr(text, ':');

	o->host = text;
	if (colon) {
		*colon = 0;
		o->port = colon + 1;
	}
}

static void load_option(struct load_options *o, int option, char *arg)
{
	switch (option) {
	case 'p':
		o->protocol = load_find_protocol(arg);
		break;
	case 's':
		load_server(o, arg);
		break;
	case 'P':
		o->publishers = (unsigned int)load_number(arg, 1,
							  LOAD_PUBLISHERS_MAX);
		break;
	case 'S':
		o->subscribers = (unsigned int)load_number(arg, 1,
							   LOAD_SUBSCRIBERS_MAX);
		break;
	case 'z':
		o->size = (unsigned int)load_number(arg, LOAD_SIZE_MIN,
						    16U << 20);
		break;
	case 'b':
		o->batch = (unsigned int)load_number(arg, 1, LOAD_BATCH_MAX);
		break;
	case 'w':
		o->window = (unsigned int)load_number(arg, 1, 1U << 20);
		break;
	case 'r':
		o->read_size = (unsigned int)load_number(arg, 1, 16U << 20);
		break;
	case 'c':
		o->count = load_number(arg, 1, 1ULL << 48);
		break;
	case 'W':
		o->warm = load_number(arg, 0, 1ULL << 48);
		break;
	case 'R':
		o->rate = load_number(arg, 1, 1000000000);
		break;
	case 'C':
		o->since_call = true;
		break;
	case 't':
		if (!*arg || strlen(arg) > BLIPMQ_FRAME_TOPIC_MAX)
			errx(2, "a topic has 1 to 255 bytes");
		o->topic = arg;
		break;
	case 'f':
		o->family = (int)load_number(arg, 1, 255);
		break;
	case 'i':
		o->server_pid = (pid_t)load_number(arg, 1, 1U << 22);
		break;
	case 'h':
		fputs(load_usage_text, stdout);
		exit(0);
	default:
		fputs(load_usage_text, stderr);
		exit(2);
	}
}

/*
 * BlipMQ's default limits for a queue are 1,024 messages and 1 MiB, and a
 * message may take twice its size. Half of both is what all rivals get.
 */
static void load_defaults(struct load_options *o)
{
	unsigned int fits = (256U << 10) / (o->size + 128);

	if (!o->window) {
		o->window = fits < 512 ? fits : 512;
		if (o->batch > o->window / o->publishers)
			o->batch = o->window / o->publishers ? : 1;
		if (o->window < o->publishers)
			o->window = o->publishers;
	}
	if (o->warm == LOAD_UNSET)
		o->warm = (o->count + 9) / 10;
	if (!o->port)
		o->port = o->protocol->port;
}

int main(int argc, char **argv)
{
	struct load_options o = {
		.protocol = &load_blipmq,
		.host = "127.0.0.1",
		.topic = "bench.topic",
		.family = AF_BLIPMQ,
		.publishers = 1,
		.subscribers = 1,
		.size = 64,
		.batch = 64,
		.read_size = 65536,
		.warm = LOAD_UNSET,
		.count = 100000,
		.rate = 1000,
	};
	const char *mode;
	int option;

	while ((option = getopt_long(argc, argv, "h", load_long_options,
				     NULL)) >= 0)
		load_option(&o, option, optarg);
	if (optind + 1 != argc)
		load_option(&o, '?', NULL);
	mode = argv[optind];
	load_defaults(&o);
	/* A timer may be late by 50 us otherwise, to save power. */
	prctl(PR_SET_TIMERSLACK, 1);
	if (!strcmp(mode, "throughput")) {
		o.rate = 0;
		load_stream_run(&o);
	} else if (!strcmp(mode, "latency")) {
		load_stream_run(&o);
	} else if (!strcmp(mode, "round")) {
		load_round_run(&o);
	} else {
		load_option(&o, '?', NULL);
	}
	return 0;
}
