// SPDX-License-Identifier: GPL-2.0
/*
 * blipmq sub: write the messages of topics to standard output.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "format.h"

#define OUTPUT_BUFFER	(64U << 10)

/*
 * One write of a publisher may hold thousands of short messages, more than a
 * queue has room for by default: who watches from a terminal wants them all.
 */
#define QUEUE_MESSAGES	65536U
#define QUEUE_BYTES	(16U << 20)

/**
 * struct sub - what runs
 * @b: the connection
 * @format: how messages are written
 * @signals: event descriptor: SIGINT or SIGTERM came
 * @count: messages still to write, 0 for all that come
 * @end: when to give up, in milliseconds of the monotonic clock; 0 for never
 * @done: nothing is left to do, with success
 * @error: errno of standard output, 0 for none
 */
struct sub {
	struct blipmq		*b;
	const struct format	*format;
	int			signals;
	unsigned long long	count;
	long long		end;
	bool			done;
	int			error;
};

/* For who handles signals: -1 until there is something to end in order. */
static atomic_int signalled = -1;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int sub_message(const struct blipmq_message *m, void *data)
{
	struct sub *s = data;

	if (m->lost && !s->format->tells_loss) {
		fflush(stdout);
		fprintf(stderr, "lost %llu messages\n",
			(unsigned long long)m->lost);
	}
	s->format->write(m);
	if (ferror(stdout)) {
		s->error = errno;
		return 1;
	}
	if (m->topic && s->count && !--s->count)
		s->done = true;
	return s->done;
}

/* Return: CLI_DONE when standard output took all, or its reader left. */
static int sub_output(struct sub *s)
{
	if (!s->error && fflush(stdout))
		s->error = errno;
	if (!s->error)
		return CLI_DONE;
	s->done = true;
	/* Nor does the end of the process wait for who takes nothing. */
	__fpurge(stdout);
	if (s->error == EPIPE || s->error == EINTR)
		return CLI_DONE;
	cli_error("cannot write standard output: %s", strerror(s->error));
	return CLI_REFUSED;
}

static int sub_ready(struct sub *s, int timeout_ms)
{
	struct pollfd p[] = {
		{ .fd = blipmq_fd(s->b), .events = POLLIN },
		{ .fd = s->signals, .events = POLLIN },
		/* Tells when nobody reads a pipe any more. */
		{ .fd = STDOUT_FILENO },
	};
	int n = poll(p, 3, timeout_ms);

	if (n > 0 && (p[1].revents || p[2].revents))
		s->done = true;
	return n;
}

/* Wait for more; what was written goes out first. */
static int sub_wait(struct sub *s)
{
	long long left = -1;
	int ret;

	if (s->end) {
		left = s->end - now_ms();
		if (left < 0)
			left = 0;
	}
	/* However much there is to read, the time comes. */
	if (sub_ready(s, 0) > 0 && (left || s->done))
		return CLI_DONE;
	ret = sub_output(s);
	if (ret || s->done)
		return ret;
	if (!left || !sub_ready(s, (int)left)) {
		cli_error("timed out");
		return CLI_TIMED_OUT;
	}
	return CLI_DONE;
}

static int sub_loop(struct sub *s)
{
	int ret, status, output;

	do {
		ret = blipmq_dispatch(s->b, sub_message, s);
		if (ret < 0)
			status = cli_failed(s->b, ret, "cannot receive");
		else if (s->error)
			status = sub_output(s);
		else
			status = s->done ? CLI_DONE : sub_wait(s);
	} while (!status && !s->done);
	output = sub_output(s);
	return status ? status : output;
}

static void sub_signal(int number)
{
	const uint64_t one = 1;
	int error = errno;

	(void)number;
	if (signalled < 0 || write(signalled, &one, sizeof(one)) < 0)
		_exit(CLI_DONE);
	/* Of a write that went halfway the rest is begun again, and blocks again. */
	alarm(1);
	errno = error;
}

/*
 * SIGINT and SIGTERM end the command: at once, and in order when it has begun to
 * write. They end a write that nobody takes as well, so they do not restart it.
 */
static int sub_catch_signals(struct sub *s)
{
	const struct sigaction action = { .sa_handler = sub_signal };

	signal(SIGPIPE, SIG_IGN);
	s->signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->signals >= 0 && !sigaction(SIGINT, &action, NULL) &&
	    !sigaction(SIGTERM, &action, NULL) &&
	    !sigaction(SIGALRM, &action, NULL))
		return CLI_DONE;
	cli_error("cannot wait for signals: %s", strerror(errno));
	return CLI_REFUSED;
}

static int sub_run(struct sub *s, char **patterns, const char *group)
{
	const struct blipmq_subscribe_options o = {
		.size = sizeof(o),
		.group = group,
	};
	int ret;

	for (; *patterns; patterns++) {
		ret = blipmq_subscribe(s->b, *patterns, &o);
		if (ret)
			return cli_failed(s->b, ret, "cannot subscribe to %s",
					  *patterns);
		/* Before anyone is told that we are ready and may send a signal. */
		if (!patterns[1])
			signalled = s->signals;
		fprintf(stderr, "subscribed %s\n", *patterns);
	}
	return sub_loop(s);
}

static bool parse_count(const char *text, unsigned long long *count)
{
	char *end;

	errno = 0;
	*count = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *count;
}

static bool parse_u32(const char *text, uint32_t *n)
{
	unsigned long long count;

	if (!parse_count(text, &count) || count > UINT32_MAX)
		return false;
	*n = (uint32_t)count;
	return true;
}

static bool parse_seconds(const char *text, long long *ms)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds > 0 && seconds <= 2e6))
		return false;
	*ms = (long long)(seconds * 1000);
	return true;
}

static bool parse_overflow(const char *text, uint32_t *policy)
{
	static const char * const names[] = {
		"drop-oldest", "drop-new", "block", "disconnect", "conflate",
	};
	uint32_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(text, names[i])) {
			*policy = i;
			return true;
		}
	}
	return false;
}

/* A broker that does not answer is not waited for longer than --timeout says. */
static void sub_limit(struct blipmq_options *o, long long timeout_ms)
{
	if (timeout_ms && timeout_ms < BLIPMQ_TIMEOUT_MS)
		o->timeout_ms = (int)timeout_ms;
	if (timeout_ms && timeout_ms < BLIPMQ_CONNECT_TIMEOUT_MS)
		o->connect_timeout_ms = (int)timeout_ms;
}

/* The queue that we like, unless the broker grants only smaller ones. */
static int sub_connect(const char *server, struct blipmq_options *o,
		       struct blipmq **b)
{
	bool limited = o->connect_timeout_ms, ours = false;
	int ret, status;

	if (!o->queue_messages && !o->queue_bytes) {
		ours = true;
		o->queue_messages = QUEUE_MESSAGES;
		o->queue_bytes = QUEUE_BYTES;
	}
	ret = blipmq_connect(server, o, b);
	if (ret == -EINVAL && ours) {
		o->queue_messages = 0;
		o->queue_bytes = 0;
		ret = blipmq_connect(server, o, b);
	}
	if (!ret)
		return CLI_DONE;
	status = cli_unreachable(server, ret);
	return ret == -ETIMEDOUT && limited ? CLI_TIMED_OUT : status;
}

static int run_sub(int argc, char **argv, const char *server)
{
	static const struct option options[] = {
		CLI_LONG_SERVER,
		CLI_LONG_HELP,
		{ "count", required_argument, NULL, 'c' },
		{ "format", required_argument, NULL, 'f' },
		{ "group", required_argument, NULL, 'g' },
		{ "timeout", required_argument, NULL, 't' },
		{ "queue-messages", required_argument, NULL, 'M' },
		{ "queue-bytes", required_argument, NULL, 'B' },
		{ "overflow", required_argument, NULL, 'O' },
		{ }
	};
	struct blipmq_options o = { .size = sizeof(o) };
	struct sub s = { .format = format_find("line") };
	const char *group = NULL;
	long long timeout = 0;
	int c, ret;

	while ((c = getopt_long(argc, argv, "s:hc:f:g:t:", options, NULL)) != -1) {
		switch (c) {
		case CLI_OPT_SERVER:
			server = optarg;
			break;
		case CLI_OPT_HELP:
			return cli_help(&cli_sub);
		case 'c':
			if (!parse_count(optarg, &s.count))
				return cli_usage(&cli_sub,
						 "--count wants a number above 0, not '%s'",
						 optarg);
			break;
		case 'f':
			s.format = format_find(optarg);
			if (!s.format)
				return cli_usage(&cli_sub,
						 "--format is raw, line or json, not '%s'",
						 optarg);
			break;
		case 'g':
			group = optarg;
			if (!*group)
				return cli_usage(&cli_sub, "--group wants a name");
			break;
		case 't':
			if (!parse_seconds(optarg, &timeout))
				return cli_usage(&cli_sub,
						 "--timeout wants seconds above 0, not '%s'",
						 optarg);
			break;
		case 'M':
		case 'B':
			if (!parse_u32(optarg, c == 'M' ? &o.queue_messages :
							  &o.queue_bytes))
				return cli_usage(&cli_sub,
						 "a queue limit is a number above 0, not '%s'",
						 optarg);
			break;
		case 'O':
			if (!parse_overflow(optarg, &o.overflow))
				return cli_usage(&cli_sub,
						 "--overflow is drop-oldest, drop-new, block, disconnect or conflate, not '%s'",
						 optarg);
			break;
		default:
			return cli_usage(&cli_sub, "unknown option");
		}
	}
	if (optind == argc)
		return cli_usage(&cli_sub, "sub needs a topic");

	setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER);
	if (timeout)
		s.end = now_ms() + timeout;
	sub_limit(&o, timeout);
	ret = sub_catch_signals(&s);
	if (!ret)
		ret = sub_connect(server, &o, &s.b);
	if (ret)
		return ret;
	ret = sub_run(&s, argv + optind, group);
	blipmq_close(s.b);
	return ret;
}

const struct cli_command cli_sub = {
	.name = "sub",
	.summary = "write the messages of topics to standard output",
	.help =
	"Usage: blipmq sub [OPTION...] TOPIC...\n"
	"\n"
	"A TOPIC may be a pattern: '*' in place of a token stands for any one, '>' at\n"
	"the end for one or more. Quote it.\n"
	"\n"
	"Subscribes and writes messages as they come. 'subscribed TOPIC' on standard\n"
	"error says that the broker has confirmed it: from then on nothing is missed.\n"
	"\n"
	"  -c, --count N         end after N messages\n"
	"  -f, --format FORMAT   raw: the payload alone\n"
	"                        line: topic, tab, payload, newline (default)\n"
	"                        json: one object a line with topic, id, payload,\n"
	"                        retained and lost\n"
	"  -g, --group NAME      join the queue group NAME of each TOPIC: one of its\n"
	"                        members gets each message\n"
	"  -t, --timeout S       give up S seconds after the start, with status 4\n"
	"      --queue-messages N, --queue-bytes N\n"
	"                        what the broker may keep for us until we read it\n"
	"                        (default: 65536 messages, 16777216 bytes)\n"
	"      --overflow POLICY what the broker does when that is full: drop-oldest\n"
	"                        (default), drop-new, block, disconnect, conflate\n"
	"  -s, --server ADDRESS  local:, tcp://HOST:PORT or unix:PATH\n"
	"                        (default: $BLIPMQ_SERVER, else local:)\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 done or interrupted, 1 refused by the broker, 2 usage,\n"
	"3 cannot connect or connection lost, 4 timed out.\n"
	"\n"
	"Example: blipmq sub news 'orders.>'\n",
	.run = run_sub,
};
