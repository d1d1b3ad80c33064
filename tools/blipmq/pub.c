// SPDX-License-Identifier: GPL-2.0
/*
 * blipmq pub: publish a message, a file, or the lines of standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "pub.h"

/* What the protocol can carry at all. */
#define MESSAGE_MAX	(16U << 20)

/**
 * struct pub - what is published, and how
 * @topic: where to
 * @message: the message; unused with @lines
 * @size: bytes of it
 * @ttl_ms: how long messages live, 0 is what their topic says
 * @retain: they become the topic's value
 * @lines: those of standard input are the messages
 */
struct pub {
	const char	*topic;
	const char	*message;
	size_t		size;
	uint32_t	ttl_ms;
	bool		retain;
	bool		lines;
};

static int publish_now(struct blipmq *b, const struct pub *p)
{
	const struct blipmq_publish_options o = {
		.size = sizeof(o),
		.flags = BLIPMQ_PUBLISH_CONFIRM |
			 (p->retain ? BLIPMQ_PUBLISH_RETAIN : 0),
	};
	int ret = blipmq_publish(b, p->topic, p->message, p->size, &o);

	if (ret)
		return cli_failed(b, ret, "cannot publish to %s", p->topic);
	return CLI_DONE;
}

static int read_all(int fd, const char *path, char *data, size_t *size)
{
	ssize_t n;

	while (*size <= MESSAGE_MAX) {
		n = read(fd, data + *size, MESSAGE_MAX + 1 - *size);
		if (!n)
			return CLI_DONE;
		if (n > 0) {
			*size += (size_t)n;
		} else if (errno != EINTR) {
			cli_error("cannot read %s: %s", path, strerror(errno));
			return CLI_USAGE;
		}
	}
	cli_error("%s is larger than %u bytes, which no message may be", path,
		  MESSAGE_MAX);
	return CLI_REFUSED;
}

/* The whole of a file. Return: CLI_DONE or a status after an error. */
static int read_file(const char *path, char **data, size_t *size)
{
	int fd = STDIN_FILENO, ret;

	if (strcmp(path, "-")) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			cli_error("cannot open %s: %s", path, strerror(errno));
			return CLI_USAGE;
		}
	}
	*size = 0;
	/* Memory that is not touched costs nothing. */
	*data = malloc(MESSAGE_MAX + 1);
	if (!*data) {
		cli_error("cannot read %s: out of memory", path);
		ret = CLI_USAGE;
	} else {
		ret = read_all(fd, path, *data, size);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return ret;
}

static int connect_and_publish(const char *server, const struct pub *p)
{
	struct blipmq_options o = { .size = sizeof(o), .ttl_ms = p->ttl_ms };
	struct blipmq *b;
	int ret, closed;

	ret = cli_connect(server, &o, &b);
	if (ret)
		return ret;
	ret = p->lines ? pub_lines(b, p->topic, p->retain) : publish_now(b, p);
	closed = blipmq_close(b);
	if (!ret && closed) {
		cli_error("cannot publish to %s: %s", p->topic,
			  blipmq_strerror(closed));
		ret = CLI_REFUSED;
	}
	return ret;
}

/* Milliseconds of a number with a unit; a number alone is seconds. */
static bool parse_duration(const char *text, uint32_t *ms)
{
	static const struct {
		const char	*name;
		double		ms;
	} units[] = {
		{ "ms", 1 }, { "s", 1e3 }, { "", 1e3 }, { "m", 60e3 },
		{ "h", 3600e3 },
	};
	double number;
	char *end;
	size_t i;

	if (!strcmp(text, "never")) {
		*ms = UINT32_MAX;
		return true;
	}
	number = strtod(text, &end);
	if (end == text || !(number > 0))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		number *= units[i].ms;
		if (number < 1 || number >= UINT32_MAX)
			return false;
		*ms = (uint32_t)number;
		return true;
	}
	return false;
}

static int run_pub(int argc, char **argv, const char *server)
{
	static const struct option options[] = {
		CLI_LONG_SERVER,
		CLI_LONG_HELP,
		{ "file", required_argument, NULL, 'f' },
		{ "retain", no_argument, NULL, 'r' },
		{ "ttl", required_argument, NULL, 'T' },
		{ }
	};
	const char *file = NULL;
	struct pub p = { };
	char *data = NULL;
	int c, ret;

	while ((c = getopt_long(argc, argv, "s:hf:r", options, NULL)) != -1) {
		switch (c) {
		case CLI_OPT_SERVER:
			server = optarg;
			break;
		case CLI_OPT_HELP:
			return cli_help(&cli_pub);
		case 'f':
			file = optarg;
			break;
		case 'r':
			p.retain = true;
			break;
		case 'T':
			if (!parse_duration(optarg, &p.ttl_ms))
				return cli_usage(&cli_pub,
						 "--ttl wants a number with ms, s, m or h, or never, not '%s'",
						 optarg);
			break;
		default:
			return cli_usage(&cli_pub, "unknown option");
		}
	}
	if (optind == argc)
		return cli_usage(&cli_pub, "pub needs a topic");
	p.topic = argv[optind++];
	if (file && optind < argc)
		return cli_usage(&cli_pub, "a message and --file were given");
	if (!file && optind == argc)
		return cli_usage(&cli_pub, "pub needs a message, - or --file");
	if (!file && optind + 1 < argc)
		return cli_usage(&cli_pub, "pub takes one message; quote it");

	if (!file) {
		p.message = argv[optind];
		p.size = strlen(p.message);
		p.lines = !strcmp(p.message, "-");
		return connect_and_publish(server, &p);
	}
	ret = read_file(file, &data, &p.size);
	p.message = data;
	if (!ret)
		ret = connect_and_publish(server, &p);
	free(data);
	return ret;
}

const struct cli_command cli_pub = {
	.name = "pub",
	.summary = "publish a message",
	.help =
	"Usage: blipmq pub [OPTION...] TOPIC MESSAGE\n"
	"       blipmq pub [OPTION...] TOPIC -\n"
	"       blipmq pub [OPTION...] TOPIC --file FILE\n"
	"\n"
	"Publishes MESSAGE, each line of standard input, or a file as one message,\n"
	"and waits until the broker has confirmed it.\n"
	"\n"
	"  -f, --file FILE       publish the bytes of FILE (-: of standard input)\n"
	"  -r, --retain          keep it as the topic's value, which who subscribes later\n"
	"                        gets first; an empty MESSAGE clears that\n"
	"      --ttl DURATION    how long the message lives: 500ms, 2s, 5m, 1h, never\n"
	"                        (default: what its topic says)\n"
	"  -s, --server ADDRESS  local:, tcp://HOST:PORT or unix:PATH\n"
	"                        (default: $BLIPMQ_SERVER, else local:)\n"
	"  -h, --help            this text\n"
	"\n"
	"A MESSAGE that begins with - goes after --.\n"
	"\n"
	"Exit status: 0 done, 1 refused by the broker, 2 usage, 3 cannot connect,\n"
	"4 timed out.\n"
	"\n"
	"Example: blipmq pub news 'it works'\n",
	.run = run_pub,
};
