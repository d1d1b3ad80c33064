// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl alone: the state at a glance, as much as fits on a small screen.
 */
#include <stdio.h>
#include <string.h>

#include <linux/blipmq_netlink.h>

#include "broker.h"
#include "dump.h"
#include "socket.h"

/* Sockets that are shown. */
#define SOCKETS_SHOWN	8

/**
 * struct slow - the sockets that are furthest behind
 * @nr: sockets in @worst
 * @worst: how far each is, the worst first
 * @at: the messages that have them
 */
struct slow {
	int			nr;
	uint64_t		worst[SOCKETS_SHOWN];
	const struct nlmsghdr	*at[SOCKETS_SHOWN];
};

static uint64_t value(const struct values *v, const char *key)
{
	uint64_t number = 0;

	values_get(v, key, &number);
	return number;
}

static void print_flow(const struct values *t, const char *label,
		       const char *messages, const char *bytes)
{
	char text[32];

	printf("  %-10s %20llu messages  %10s\n", label,
	       (unsigned long long)value(t, messages),
	       value_bytes(value(t, bytes), text, sizeof(text)));
}

static void print_drops(const struct values *t)
{
	const char *before = "  dropped    ";
	const struct value_spec *s;

	for (s = t->specs; s->key; s++) {
		if (strncmp(s->key, "dropped-", 8) || !value(t, s->key))
			continue;
		printf("%s%s %llu", before, s->key + 8,
		       (unsigned long long)value(t, s->key));
		before = ", ";
	}
	puts(*before == ',' ? "" : "  dropped    nothing");
}

static void print_state(const struct broker *b)
{
	bool colour = ctl_colour(stdout);
	char used[32], limit[32], rings[32];

	printf("%sBlipMQ %s%s, socket family %u%s\n", colour ? "\033[1m" : "",
	       values_text(&b->broker, "version"), colour ? "\033[0m" : "",
	       (unsigned int)value(&b->broker, "family"),
	       value(&b->broker, "draining") ? ", draining" : "");
	printf("  %llu sockets, %llu topics, %llu subscriptions\n",
	       (unsigned long long)value(&b->broker, "sockets"),
	       (unsigned long long)value(&b->broker, "topics"),
	       (unsigned long long)value(&b->broker, "subscriptions"));
	printf("  message memory %s of %s, rings %s\n",
	       value_bytes(value(&b->broker, "memory-bytes"), used,
			   sizeof(used)),
	       value_bytes(value(&b->limits, "memory-bytes"), limit,
			   sizeof(limit)),
	       value_bytes(value(&b->broker, "ring-bytes"), rings,
			   sizeof(rings)));
	print_flow(&b->totals, "published", "published", "published-bytes");
	print_flow(&b->totals, "delivered", "delivered", "delivered-bytes");
	print_flow(&b->totals, "queued", "queued-messages", "queued-bytes");
	print_drops(&b->totals);
}

static void slow_take(struct slow *s, const struct nlmsghdr *nlh,
		      uint64_t behind)
{
	int i;

	if (!behind)
		return;
	if (s->nr < SOCKETS_SHOWN)
		s->nr++;
	else if (s->worst[s->nr - 1] >= behind)
		return;
	for (i = s->nr - 1; i && s->worst[i - 1] < behind; i--) {
		s->worst[i] = s->worst[i - 1];
		s->at[i] = s->at[i - 1];
	}
	s->worst[i] = behind;
	s->at[i] = nlh;
}

/* Those whose readers do not keep up, by what waits and was lost. */
static void print_slow(const struct dump *d)
{
	const struct nlmsghdr *nlh = NULL;
	struct slow s = { };
	static struct entry e;
	int i;

	entry_init(&e, &ctl_sockets);
	while ((nlh = dump_next(d, nlh))) {
		entry_take(&e, nlh);
		slow_take(&s, nlh, value(&e.totals, "queued-messages") +
				   value(&e.own, "lost"));
	}
	if (!s.nr)
		return;
	printf("\nReaders that are behind\n"
	       "  %8s %8s %-16s %12s %12s  %s\n", "SOCKET", "PID", "COMMAND",
	       "QUEUED", "LOST", "POLICY");
	for (i = 0; i < s.nr; i++) {
		char texts[6][VALUE_ROOM];

		entry_take(&e, s.at[i]);
		printf("  %8s %8s %-16s %12s %12s  %s\n",
		       entry_format(&e, "id", false, texts[0]),
		       entry_format(&e, "pid", false, texts[1]),
		       entry_plain(&e, "command", texts[2]),
		       entry_format(&e, "queued-messages", false, texts[3]),
		       entry_format(&e, "lost", false, texts[4]),
		       entry_format(&e, "policy", false, texts[5]));
	}
}

static int run_overview(int argc, char **argv)
{
	__u8 buffer[512] __attribute__((aligned(8)));
	static struct broker b;
	struct blipmq_genl g;
	struct dump d = { };
	bool json = false;
	int ret, listed;

	if (ctl_options(argc, argv, &ctl_overview, &json, &ret))
		return ret;
	if (optind < argc)
		return ctl_usage(&ctl_overview, "overview takes no '%s'",
				 argv[optind]);
	ret = ctl_open(&g);
	if (ret)
		return ret;
	ret = broker_get(&g, &b);
	listed = ret || json ? -1 :
		 dump_run(&d, &g,
			  blipmq_genl_new_dump(&g, buffer,
					       BLIPMQ_CMD_SOCKET_GET));
	blipmq_genl_close(&g);
	if (ret)
		return ctl_failed(ret, "cannot get the broker's state");
	if (json) {
		broker_print_json(&b);
		return CTL_DONE;
	}
	print_state(&b);
	if (!listed)
		print_slow(&d);
	dump_free(&d);
	return CTL_DONE;
}

const struct ctl_command ctl_overview = {
	.name = "overview",
	.summary = "the state at a glance",
	.help =
	"Usage: blipmqctl [overview] [--json]\n"
	"\n"
	"Shows what this network namespace's broker holds, what went through it, what\n"
	"was dropped, and the sockets that are furthest behind, as far as they are\n"
	"yours or you have CAP_NET_ADMIN.\n"
	"\n"
	"  -j, --json  the object of 'blipmqctl status --json'\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, 2 usage, 3 the kernel module\n"
	"blipmq is not loaded.\n",
	.run = run_overview,
};
