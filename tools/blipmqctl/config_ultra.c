// SPDX-License-Identifier: GPL-2.0
/*
 * The section [ultra_server], which configured the broker that ran as a process
 * of its own: what of it means something here, and why the rest does not.
 */
#include <linux/blipmq_netlink.h>
#include <string.h>

#include "config.h"
#include "limit.h"

/* What has no effect, and why. */
static const struct {
	const char	*key;
	enum toml_kind	kind;
	const char	*why;
} idle[] = {
	{ "io_threads", TOML_NUMBER,
	  "blipmqd uses as many threads as it needs; its option --threads bounds them" },
	{ "worker_threads", TOML_NUMBER,
	  "the call that sends a message also parses it; routing_threads sets workers" },
	{ "read_buffer_size", TOML_NUMBER,
	  "bytes are read into the message itself; limits.payload-bytes bounds that" },
	{ "write_buffer_size", TOML_NUMBER,
	  "readers copy from the queue; limits.queue-bytes bounds that" },
	{ "enable_numa_pinning", TOML_BOOL,
	  "a worker always runs on one CPU and has its memory there; workers.N.cpu says which" },
	{ "enable_huge_pages", TOML_BOOL,
	  "the kernel maps its memory by huge pages as it is" },
	{ "enable_memory_prefetch", TOML_BOOL,
	  "there is no such switch" },
};

#define IDLE	(sizeof(idle) / sizeof(idle[0]))

static struct setting *queue_messages(struct config *c)
{
	int i = 0;

	while (ctl_limit_specs[i].attr != BLIPMQ_A_LIMITS_QUEUE_MESSAGES)
		i++;
	return &c->limits.at[i];
}

static bool take_idle(struct config *c, const struct toml_node *node)
{
	size_t i;

	for (i = 0; i < IDLE && strcmp(idle[i].key, node->key); i++)
		;
	if (i == IDLE)
		return false;
	if (node->kind != idle[i].kind)
		config_error(c, node->line, "%s wants %s", node->key,
			     idle[i].kind == TOML_BOOL ? "true or false" :
			     "a whole number");
	else
		config_warning(c, node->line, "%s has no effect: %s",
			       node->key, idle[i].why);
	return true;
}

static void ultra_read(struct config *c, const struct toml_node *table)
{
	const struct toml_node *node;
	size_t i;

	for (i = 0; i < table->nr; i++) {
		node = &table->children[i];
		if (!strcmp(node->key, "routing_threads"))
			config_take_number(c, &c->workers.count, node, 1);
		else if (!strcmp(node->key, "queue_depth"))
			config_take_number(c, queue_messages(c), node, 0);
		else if (!take_idle(c, node))
			config_unknown(c, table, node);
	}
}

const struct config_section config_ultra = {
	.name = "ultra_server",
	.read = ultra_read,
};
