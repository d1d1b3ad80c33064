// SPDX-License-Identifier: GPL-2.0
/*
 * blipmq pub: publish a message, a file, or the lines of standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "pub.h"

/* What the protocol can carry at all. */
#define MESSAGE_MAX	(16U << 20)

static int publish_now(struct blipmq *b, const char *topic, const void *data,
		       size_t size)
{
	static const struct blipmq_publish_options confirmed = {
		.size = sizeof(confirmed),
		.flags = BLIPMQ_PUBLISH_CONFIRM,
	};
	int ret = blipmq_publish(b, topic, data, size, &confirmed);

	if (ret)
		return cli_failed(b, ret, "cannot publish to %s", topic);
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

static int connect_and_publish(const char *server, uint32_t ttl_ms,
			       const char *topic, const char *message,
			       size_t size, bool lines)
{
	struct blipmq_options o = { .size = sizeof(o), .ttl_ms = ttl_ms };
	struct blipmq *b;
	int ret, closed;

	ret = cli_connect(server, &o, &b);
	if (ret)
		return ret;
	ret = lines ? pub_lines(b, topic) :
		      publish_now(b, topic, message, size);
	closed = blipmq_close(b);
	if (!ret && closed) {
		cli_error("cannot publish to %s: %s", topic,
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
		{ "ttl", required_argument, NULL, 'T' },
		{ }
	};
	const char *topic, *file = NULL;
	uint32_t ttl_ms = 0;
	char *data = NULL;
	size_t size;
	int c, ret;

	while ((c = getopt_long(argc, argv, "s:hf:", options, NULL)) != -1) {
		switch (c) {
		case CLI_OPT_SERVER:
			server = optarg;
			break;
		case CLI_OPT_HELP:
			return cli_help(&cli_pub);
		case 'f':
			file = optarg;
			break;
		case 'T':
			if (!parse_duration(optarg, &ttl_ms))
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
	topic = argv[optind++];
	if (file && optind < argc)
		return cli_usage(&cli_pub, "a message and --file were given");
	if (!file && optind == argc)
		return cli_usage(&cli_pub, "pub needs a message, - or --file");
	if (!file && optind + 1 < argc)
		return cli_usage(&cli_pub, "pub takes one message; quote it");

	if (!file)
		return connect_and_publish(server, ttl_ms, topic, argv[optind],
					   strlen(argv[optind]),
					   !strcmp(argv[optind], "-"));
	ret = read_file(file, &data, &size);
	if (!ret)
		ret = connect_and_publish(server, ttl_ms, topic, data, size,
					  false);
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
