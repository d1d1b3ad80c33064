// SPDX-License-Identifier: GPL-2.0
/*
 * The section [workers]: how many there are, who may use them, and in tables
 * by their numbers how each runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/blipmq_netlink.h>

#include "plan.h"
#include "worker.h"

#define ANY_CPU		"any"
#define EACH_CPU	"each-cpu"
#define NEEDS		"this needs CAP_NET_ADMIN of the host, outside of containers"

static void take_worker(struct config *c, const struct toml_node *table)
{
	unsigned long number = strtoul(table->key, NULL, 10);
	const struct toml_node *node;
	struct config_worker *w;
	size_t i;

	if (!config_is_table(c, table))
		return;
	w = &c->workers.at[number];
	w->line = table->line;
	for (i = 0; i < table->nr; i++) {
		node = &table->children[i];
		if (!strcmp(node->key, "cpu") && toml_is(node, ANY_CPU))
			config_set(c, &w->cpu, node->line, -1);
		else if (!strcmp(node->key, "cpu"))
			config_take_number(c, &w->cpu, node, 0);
		else if (!strcmp(node->key, "class"))
			config_take_word(c, &w->class, node, ctl_class_names);
		else if (!strcmp(node->key, "priority"))
			config_take_number(c, &w->priority, node, 0);
		else if (!strcmp(node->key, "nice"))
			config_take_number(c, &w->nice, node, INT32_MIN);
		else if (!strcmp(node->key, "busy-poll-us"))
			config_take_number(c, &w->busy_poll, node, 0);
		else
			config_unknown(c, table, node);
	}
}

/* The one way to write a number that can be one of a worker. */
static bool is_number(const char *key)
{
	char text[16];

	snprintf(text, sizeof(text), "%lu", strtoul(key, NULL, 10));
	return !strcmp(text, key) && strtoul(key, NULL, 10) < CONFIG_WORKERS;
}

static void workers_read(struct config *c, const struct toml_node *table)
{
	const struct toml_node *node;
	size_t i;

	for (i = 0; i < table->nr; i++) {
		node = &table->children[i];
		if (is_number(node->key))
			take_worker(c, node);
		else if (!strcmp(node->key, "count") && toml_is(node, EACH_CPU))
			config_set(c, &c->workers.count, node->line, 0);
		else if (!strcmp(node->key, "count"))
			config_take_number(c, &c->workers.count, node, 1);
		else if (!strcmp(node->key, "delegate"))
			config_take_bool(c, &c->workers.delegate, node);
		else
			config_unknown(c, table, node);
	}
}

static void write_setting(FILE *to, const char *key, const struct setting *s)
{
	if (s->set)
		fprintf(to, "%s = %lld\n", key, (long long)s->value);
}

static void workers_write(const struct config *c, FILE *to)
{
	const struct config_worker *w;
	uint32_t i;

	fputs("\n[workers]\n", to);
	if (c->workers.count.set && !c->workers.count.value)
		fputs("count = \"" EACH_CPU "\"\n", to);
	else
		write_setting(to, "count", &c->workers.count);
	if (c->workers.delegate.set)
		fprintf(to, "delegate = %s\n",
			c->workers.delegate.value ? "true" : "false");
	for (i = 0; i < CONFIG_WORKERS; i++) {
		w = &c->workers.at[i];
		if (!w->line && i >= c->workers.exist)
			continue;
		fprintf(to, "\n[workers.%u]\n", i);
		if (w->cpu.set && w->cpu.value < 0)
			fputs("cpu = \"" ANY_CPU "\"\n", to);
		else
			write_setting(to, "cpu", &w->cpu);
		if (w->class.set)
			fprintf(to, "class = \"%s\"\n",
				ctl_class_names[w->class.value]);
		write_setting(to, "priority", &w->priority);
		write_setting(to, "nice", &w->nice);
		write_setting(to, "busy-poll-us", &w->busy_poll);
	}
}

static void keep(struct setting *s, const struct values *v, const char *key)
{
	uint64_t value;

	s->set = values_get(v, key, &value);
	if (s->set)
		s->value = (int64_t)value;
}

static int worker_reply(const struct nlmsghdr *nlh, void *data)
{
	static struct worker worker;
	struct config *c = data;
	struct config_worker *w;
	uint64_t number;

	if (ctl_worker_take(nlh, &worker) < 0)
		return MNL_CB_ERROR;
	if (!values_get(&worker.v, "number", &number) ||
	    number >= CONFIG_WORKERS)
		return MNL_CB_OK;
	w = &c->workers.at[number];
	if (c->workers.exist <= number)
		c->workers.exist = (uint32_t)number + 1;
	keep(&w->cpu, &worker.v, "cpu");
	keep(&w->priority, &worker.v, "priority");
	keep(&w->busy_poll, &worker.v, "busy-poll-us");
	if (values_get(&worker.v, "automatic", &number))
		w->cpu = (struct setting){ .set = true, .value = -1 };
	w->class = (struct setting){ .set = true, .value = worker.class };
	w->nice.set = worker.class == BLIPMQ_WORKER_CLASS_OTHER;
	w->nice.value = worker.nice;
	return MNL_CB_OK;
}

static int workers_get(struct config *c, struct blipmq_genl *g)
{
	__u8 buffer[256] __attribute__((aligned(8)));
	static struct values all;
	uint64_t automatic;
	int ret;

	ret = ctl_workers_get(g, &all);
	if (ret)
		return ret;
	keep(&c->workers.count, &all, "count");
	keep(&c->workers.delegate, &all, "delegate");
	if (values_get(&all, "automatic", &automatic))
		c->workers.count.value = 0;
	return blipmq_genl_run(g, blipmq_genl_new_dump(g, buffer,
						       BLIPMQ_CMD_WORKER_GET),
			       worker_reply, c);
}

static struct step *new_step(struct plan *p, struct step *s)
{
	return s ?: plan_step(p, BLIPMQ_CMD_WORKER_SET, BLIPMQ_A_WORKER_CHECK,
			      NEEDS);
}

static void number_text(const struct setting *s, const char *automatic,
			char *text)
{
	if (automatic && s->value <= 0)
		snprintf(text, PLAN_TEXT, "%s", automatic);
	else
		snprintf(text, PLAN_TEXT, "%lld", (long long)s->value);
}

/* Nobody's choice is a flag. */
static void put_number(struct nlmsghdr *nlh, uint16_t attr, int64_t value,
		       bool automatic)
{
	if (automatic)
		mnl_attr_put(nlh, BLIPMQ_A_WORKER_AUTOMATIC, 0, NULL);
	else
		mnl_attr_put_u32(nlh, attr, (uint32_t)value);
}

static bool differs(const struct setting *now, const struct setting *want)
{
	return want->set && (!now->set || now->value != want->value);
}

static void plan_all(struct plan *p, const struct config_workers *now,
		     const struct config_workers *want)
{
	static const char *const yes_no[] = { "false", "true" };
	char from[PLAN_TEXT], to[PLAN_TEXT];
	struct step *s = NULL;

	if (differs(&now->count, &want->count)) {
		s = new_step(p, s);
		number_text(&now->count, EACH_CPU, from);
		number_text(&want->count, EACH_CPU, to);
		step_change(s, want->count.line, "workers.count", from, to);
		put_number(step_request(s), BLIPMQ_A_WORKER_COUNT,
			   want->count.value, !want->count.value);
		put_number(step_undo(s), BLIPMQ_A_WORKER_COUNT,
			   now->count.value, !now->count.value);
	}
	if (differs(&now->delegate, &want->delegate)) {
		s = new_step(p, s);
		step_change(s, want->delegate.line, "workers.delegate",
			    yes_no[!!now->delegate.value],
			    yes_no[!!want->delegate.value]);
		mnl_attr_put_u32(step_request(s), BLIPMQ_A_WORKER_DELEGATE,
				 (uint32_t)want->delegate.value);
		mnl_attr_put_u32(step_undo(s), BLIPMQ_A_WORKER_DELEGATE,
				 (uint32_t)now->delegate.value);
	}
}

/* The settings of a worker in the order in which the kernel takes them. */
struct part {
	const char	*name;
	uint16_t	attr;
	size_t		at;
};

static const struct part parts[] = {
	{ "cpu", BLIPMQ_A_WORKER_CPU, offsetof(struct config_worker, cpu) },
	{ "class", BLIPMQ_A_WORKER_CLASS, offsetof(struct config_worker, class) },
	{ "priority", BLIPMQ_A_WORKER_PRIORITY,
	  offsetof(struct config_worker, priority) },
	{ "nice", BLIPMQ_A_WORKER_NICE, offsetof(struct config_worker, nice) },
	{ "busy-poll-us", BLIPMQ_A_WORKER_BUSY_POLL_US,
	  offsetof(struct config_worker, busy_poll) },
};

static const struct setting *part_of(const struct config_worker *w,
				     const struct part *part)
{
	return (const void *)((const char *)w + part->at);
}

static void part_text(const struct part *part, const struct setting *s,
		      char *text)
{
	if (!s->set)
		snprintf(text, PLAN_TEXT, "none");
	else if (part->attr == BLIPMQ_A_WORKER_CLASS)
		snprintf(text, PLAN_TEXT, "%s", ctl_class_names[s->value]);
	else if (part->attr == BLIPMQ_A_WORKER_CPU && s->value < 0)
		snprintf(text, PLAN_TEXT, ANY_CPU);
	else
		number_text(s, NULL, text);
}

/* What a worker is that is not there yet, as far as anybody can see. */
static const struct config_worker fresh = {
	.cpu = { .set = true, .value = -1 },
	.class = { .set = true, .value = BLIPMQ_WORKER_CLASS_OTHER },
	.nice = { .set = true },
	.busy_poll = { .set = true },
};

/* All of what it was: a class takes what the other one has with it. */
static void put_worker(struct nlmsghdr *nlh, uint32_t number,
		       const struct config_worker *w)
{
	const struct setting *s;
	size_t i;

	mnl_attr_put_u32(nlh, BLIPMQ_A_WORKER_NUMBER, number);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		s = part_of(w, &parts[i]);
		if (s->set)
			put_number(nlh, parts[i].attr, s->value, s->value < 0 &&
				   parts[i].attr == BLIPMQ_A_WORKER_CPU);
	}
}

static void plan_one(struct plan *p, uint32_t number,
		     const struct config_worker *now,
		     const struct config_worker *want)
{
	char name[64], from[PLAN_TEXT], to[PLAN_TEXT];
	const struct setting *s;
	struct step *step = NULL;
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		s = part_of(want, &parts[i]);
		if (!differs(part_of(now, &parts[i]), s))
			continue;
		if (!step) {
			step = new_step(p, NULL);
			mnl_attr_put_u32(step_request(step),
					 BLIPMQ_A_WORKER_NUMBER, number);
			put_worker(step_undo(step), number, now);
		}
		snprintf(name, sizeof(name), "workers.%u.%s", number,
			 parts[i].name);
		part_text(&parts[i], part_of(now, &parts[i]), from);
		part_text(&parts[i], s, to);
		step_change(step, s->line, name, from, to);
		put_number(step_request(step), parts[i].attr, s->value,
			   s->value < 0 && parts[i].attr == BLIPMQ_A_WORKER_CPU);
	}
}

/**
 * config_workers_planned() - how many workers there will be
 * @now: the configuration that there is
 * @want: the one that there shall be
 */
uint32_t config_workers_planned(const struct config *now,
				const struct config *want)
{
	const struct setting *s = &want->workers.count;
	long cpus;

	if (!differs(&now->workers.count, s))
		return now->workers.exist;
	if (s->value)
		return (uint32_t)s->value;
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	return cpus < CONFIG_WORKERS ? (uint32_t)cpus : CONFIG_WORKERS;
}

static void workers_plan(struct plan *p, const struct config *now,
			 struct config *want)
{
	uint32_t count = config_workers_planned(now, want), i;

	plan_all(p, &now->workers, &want->workers);
	for (i = 0; i < CONFIG_WORKERS; i++) {
		if (!want->workers.at[i].line)
			continue;
		if (i < count)
			plan_one(p, i, i < now->workers.exist ?
				 &now->workers.at[i] : &fresh,
				 &want->workers.at[i]);
		else
			config_error(want, want->workers.at[i].line,
				     "workers.%u: there is no such worker, since their count is %u",
				     i, count);
	}
}

const struct config_section config_workers = {
	.name = "workers",
	.read = workers_read,
	.write = workers_write,
	.get = workers_get,
	.plan = workers_plan,
};
