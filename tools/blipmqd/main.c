// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqd: lets TCP clients in to the broker in the kernel.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "blipmq.h"
#include "server.h"

#define DEFAULT_ADDRESS	"127.0.0.1:9999"
#define DEFAULT_USER	"nobody"
#define DEFAULT_THREADS	4
/* Half of the sockets of a namespace: the others are for local programs. */
#define DEFAULT_CONNECTIONS	65536U

/* Descriptors to ask for, two a client; and those of the server itself. */
#define FILES_WANTED	1048576U
#define FILES_OWN	(64 + 2 * THREADS_MAX)

static const char help[] =
	"Usage: blipmqd [OPTION...] [ADDRESS:PORT]\n"
	"\n"
	"Serves the BlipMQ broker of this machine's kernel to TCP clients. Listens on\n"
	DEFAULT_ADDRESS " unless told otherwise; an IPv6 address stands in brackets.\n"
	"\n"
	"  -u, --user USER           act for this user (default: " DEFAULT_USER ")\n"
	"  -t, --threads N           threads that move bytes, at most (default: one for\n"
	"                            each CPU, at most 4)\n"
	"  -s, --spread HOW          over these: load, over as many as it takes (the\n"
	"                            default); always, over all; shuffle, for tests\n"
	"  -m, --max-connections N   clients at a time (default: 65536, or as\n"
	"                            many as descriptors allow)\n"
	"  -h, --help                this text\n"
	"  -V, --version             the version\n"
	"\n"
	"Once a second, when something changed, a line on standard output tells what\n"
	"the clients sent and got. SIGINT and SIGTERM end the server.\n"
	"\n"
	"Exit status: 0 ended by a signal, 1 cannot serve, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n"
	"\n"
	"Example: blipmqd 0.0.0.0:8888\n";

/* Return: descriptors that this process may have. */
static unsigned int raise_file_limit(void)
{
	struct rlimit limit = { FILES_WANTED, FILES_WANTED };

	/* Only the superuser may have more than the hard limit. */
	if (!setrlimit(RLIMIT_NOFILE, &limit))
		return FILES_WANTED;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur < FILES_WANTED ? (unsigned int)limit.rlim_cur :
					       FILES_WANTED;
}

static int default_threads(void)
{
	cpu_set_t cpus;
	int n = 1;

	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		n = CPU_COUNT(&cpus);
	return n < DEFAULT_THREADS ? n : DEFAULT_THREADS;
}

static int parse_number(const char *option, const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (end != text && !*end && !errno && n > 0 && n <= max)
		return (int)n;
	log_line("%s wants a number from 1 to %ld, not '%s'", option, max,
		 text);
	return -1;
}

static bool parse_spread(const char *text, enum spread *spread)
{
	static const char * const names[] = {
		[SPREAD_LOAD]		= "load",
		[SPREAD_ALWAYS]		= "always",
		[SPREAD_SHUFFLE]	= "shuffle",
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(text, names[i])) {
			*spread = (enum spread)i;
			return true;
		}
	}
	log_line("--spread wants load, always or shuffle, not '%s'", text);
	return false;
}

static int usage(void)
{
	fputs("Try 'blipmqd --help'.\n", stderr);
	return EXIT_USAGE;
}

/* Return: -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct server *s, const char **user)
{
	static const struct option options[] = {
		{ "user", required_argument, NULL, 'u' },
		{ "threads", required_argument, NULL, 't' },
		{ "spread", required_argument, NULL, 's' },
		{ "max-connections", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	int c, n;

	while ((c = getopt_long(argc, argv, "u:t:s:m:hV", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			*user = optarg;
			break;
		case 't':
			n = parse_number("--threads", optarg, THREADS_MAX);
			if (n < 0)
				return usage();
			s->worker_count = n;
			break;
		case 's':
			if (!parse_spread(optarg, &s->spread))
				return usage();
			break;
		case 'm':
			n = parse_number("--max-connections", optarg, 1 << 24);
			if (n < 0)
				return usage();
			s->max_connections = (unsigned int)n;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_DONE;
		case 'V':
			printf("blipmqd %s\n", blipmq_version());
			return EXIT_DONE;
		default:
			return usage();
		}
	}
	if (optind + 1 < argc) {
		log_line("one ADDRESS:PORT, please");
		return usage();
	}
	return -1;
}

int main(int argc, char **argv)
{
	static struct server server;
	const char *user = DEFAULT_USER;
	unsigned int files;
	int ret;

	ret = parse(argc, argv, &server, &user);
	if (ret >= 0)
		return ret;
	if (!server.worker_count)
		server.worker_count = default_threads();
	files = raise_file_limit();
	if (!server.max_connections) {
		server.max_connections = files > FILES_OWN + 2 ?
					 (files - FILES_OWN) / 2 : 1;
		if (server.max_connections > DEFAULT_CONNECTIONS)
			server.max_connections = DEFAULT_CONNECTIONS;
	}

	ret = kernel_choose_user(&server, user);
	if (!ret)
		ret = kernel_check(&server);
	if (!ret)
		ret = listen_on(&server, optind < argc ? argv[optind] :
						DEFAULT_ADDRESS);
	if (!ret)
		ret = privilege_drop(&server);
	if (!ret)
		ret = server_run(&server);
	return ret;
}
