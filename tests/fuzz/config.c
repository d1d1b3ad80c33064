// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of configuration files: every input is one. It is read,
 * written, read again, and planned against a broker that has other values.
 */
#include "../../tools/blipmqctl/plan.h"
#include "fuzz.h"

static size_t count_lines(const uint8_t *data, size_t size)
{
	size_t lines = 1, i;

	for (i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

static void check_problems(const struct config *c, size_t lines)
{
	size_t i, errors = 0;

	for (i = 0; i < c->nr_problems; i++) {
		FUZZ_CHECK(c->problems[i].line > 0);
		FUZZ_CHECK((size_t)c->problems[i].line <= lines);
		FUZZ_CHECK(*c->problems[i].text);
		errors += !c->problems[i].warning;
	}
	FUZZ_CHECK(errors == c->nr_errors);
}

/* All that a broker says: what is not there is never planned. */
static void fill(struct config *c)
{
	int i;

	for (i = 0; i < VALUES_MAX; i++)
		c->limits.at[i].set = true;
	c->workers.exist = 2;
	c->workers.count.set = true;
	c->workers.delegate.set = true;
	c->lanes.line = 1;
	c->access.line = 1;
	c->lanes.all.mode = (struct setting){ .set = true, .value = 1 };
}

static size_t planned(const struct config *now, struct config *want)
{
	struct plan p = { };
	size_t i, k, nr;

	config_plan(&p, now, want);
	for (i = 0; i < p.nr; i++) {
		FUZZ_CHECK(step_request(&p.steps[i])->nlmsg_len < PLAN_ROOM);
		FUZZ_CHECK(step_undo(&p.steps[i])->nlmsg_len < PLAN_ROOM);
		FUZZ_CHECK(p.steps[i].nr);
		for (k = 0; k < p.steps[i].nr; k++)
			FUZZ_CHECK(p.steps[i].changes[k].line > 0);
	}
	nr = p.nr;
	plan_free(&p);
	return nr;
}

int fuzz_input(const uint8_t *data, size_t size)
{
	static struct config c, again, now;
	char *copy = fuzz_copy(data, size), *text = NULL;
	bool is_right;
	size_t len = 0;
	FILE *to;

	memset(&c, 0, sizeof(c));
	memset(&again, 0, sizeof(again));
	memset(&now, 0, sizeof(now));
	config_read(&c, copy, size);
	free(copy);
	check_problems(&c, count_lines(data, size));
	is_right = !c.nr_errors;
	fill(&now);
	planned(&now, &c);
	check_problems(&c, count_lines(data, size));
	/* What is written is read as the same: nothing of it is to be changed. */
	if (!is_right)
		goto out;
	to = open_memstream(&text, &len);
	FUZZ_CHECK(to);
	config_write(&c, to);
	fclose(to);
	config_read(&again, text, len);
	FUZZ_CHECK(!again.nr_errors);
	c.workers.exist = CONFIG_WORKERS;
	FUZZ_CHECK(!planned(&c, &again));
	free(text);
out:
	config_free(&c);
	config_free(&again);
	config_free(&now);
	return 0;
}
