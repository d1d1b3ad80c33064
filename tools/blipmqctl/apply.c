// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl apply: make the broker as a file says it.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../blipmq/text.h"
#include "ctl.h"
#include "plan.h"

/* Longer than anything that a person or export writes. */
#define FILE_MAX	(16UL << 20)

/**
 * struct apply - what is asked for, and what came of it
 * @file: the file's name
 * @json: say it as JSON
 * @dry: change nothing
 * @now: what the kernel has
 * @want: what the file says
 * @plan: what that changes
 * @refused: the kernel refused half-way
 * @failure: why
 */
struct apply {
	const char		*file;
	bool			json;
	bool			dry;
	struct config		now;
	struct config		want;
	struct plan		plan;
	bool			refused;
	struct plan_failure	failure;
};

static int read_file(const char *name, char **text, size_t *len)
{
	int fd = strcmp(name, "-") ? open(name, O_RDONLY | O_CLOEXEC) :
				     STDIN_FILENO;
	size_t room = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	*text = NULL;
	*len = 0;
	while (n > 0 && *len <= FILE_MAX) {
		if (*len == room) {
			room = room ? 2 * room : 1 << 16;
			*text = config_memory(*text, room, 1);
		}
		n = read(fd, *text + *len, room - *len);
		if (n > 0)
			*len += (size_t)n;
	}
	n = n < 0 ? -errno : *len > FILE_MAX ? -EFBIG : 0;
	if (fd != STDIN_FILENO)
		close(fd);
	return (int)n;
}

static const char *shown_name(const struct apply *a)
{
	return strcmp(a->file, "-") ? a->file : "<stdin>";
}

/* To standard error, also beside JSON: what is wrong is for people. */
static void say_problems(const struct apply *a)
{
	const struct config_problem *problem;
	size_t i;

	for (i = 0; i < a->want.nr_problems; i++) {
		problem = &a->want.problems[i];
		fprintf(stderr, "blipmqctl: %s:%d: %s", shown_name(a),
			problem->line, problem->warning ? "warning: " : "");
		text_write_plain(stderr, problem->text, strlen(problem->text));
		putc('\n', stderr);
	}
}

static void say_failure(const struct apply *a)
{
	if (!a->refused)
		return;
	fprintf(stderr, "blipmqctl: %s:%d: refused: %s\n", shown_name(a),
		a->failure.line, a->failure.why);
	if (a->failure.stays)
		ctl_error("not all could be taken back: %s is not what it was",
			  a->failure.stays);
	else
		ctl_error("all that was changed before was taken back");
}

static json_object *json_text(const char *text)
{
	return text_is_utf8(text, strlen(text)) ? json_object_new_string(text) :
						  NULL;
}

static json_object *json_problems(const struct config *c, bool warnings)
{
	json_object *list = json_object_new_array(), *o;
	size_t i;

	for (i = 0; i < c->nr_problems; i++) {
		if (c->problems[i].warning != warnings)
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "line",
				       json_object_new_int(c->problems[i].line));
		json_object_object_add(o, "message",
				       json_text(c->problems[i].text));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *json_changes(const struct plan *p)
{
	json_object *list = json_object_new_array(), *o;
	const struct change *change;
	size_t i, k;

	for (i = 0; i < p->nr; i++) {
		for (k = 0; k < p->steps[i].nr; k++) {
			change = &p->steps[i].changes[k];
			if (change->silent)
				continue;
			o = json_object_new_object();
			json_object_object_add(o, "line",
					       json_object_new_int(change->line));
			json_object_object_add(o, "what",
					       json_text(change->what));
			json_object_object_add(o, "from",
					       json_text(change->from));
			json_object_object_add(o, "to", json_text(change->to));
			json_object_array_add(list, o);
		}
	}
	return list;
}

static void print_json(const struct apply *a, bool done)
{
	json_object *o = json_object_new_object(), *errors;

	errors = json_problems(&a->want, false);
	if (a->refused) {
		json_object *error = json_object_new_object();

		json_object_object_add(error, "line",
				       json_object_new_int(a->failure.line));
		json_object_object_add(error, "message",
				       json_text(a->failure.why));
		json_object_array_add(errors, error);
		json_object_object_add(o, "taken-back",
				       json_object_new_boolean(!a->failure.stays));
	}
	json_object_object_add(o, "applied", json_object_new_boolean(done));
	json_object_object_add(o, "changes", json_changes(&a->plan));
	json_object_object_add(o, "warnings", json_problems(&a->want, true));
	json_object_object_add(o, "errors", errors);
	json_print(o, true);
	json_object_put(o);
}

static void print_people(const struct apply *a)
{
	const struct change *change;
	size_t i, k;

	for (i = 0; i < a->plan.nr; i++) {
		for (k = 0; k < a->plan.steps[i].nr; k++) {
			change = &a->plan.steps[i].changes[k];
			if (change->silent)
				continue;
			text_write_plain(stdout, change->what,
					 strlen(change->what));
			printf(": %s -> %s\n", change->from, change->to);
		}
	}
	if (!a->plan.nr)
		puts("No change.");
	else if (a->dry)
		puts("Nothing was changed: this was a dry run.");
}

/* A signal half-way would leave half of it. */
static int run_whole(struct apply *a, struct blipmq_genl *g)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	ret = plan_run(&a->plan, g, &a->failure);
	a->refused = ret != 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static int apply(struct apply *a, struct blipmq_genl *g)
{
	int ret = config_get(&a->now, g);

	if (ret)
		return ctl_failed(ret, "cannot get the configuration");
	config_plan(&a->plan, &a->now, &a->want);
	plan_check(&a->plan, g, &a->want);
	config_sort_problems(&a->want);
	say_problems(a);
	ret = a->want.nr_errors ? CTL_FAILED : CTL_DONE;
	if (!ret && !a->dry && run_whole(a, g))
		ret = CTL_FAILED;
	fflush(stdout);
	say_failure(a);
	if (a->json)
		print_json(a, !ret && !a->dry);
	else if (!ret)
		print_people(a);
	return ret;
}

static int apply_file(struct apply *a)
{
	struct blipmq_genl g;
	size_t len = 0;
	char *text = NULL;
	int ret;

	ret = read_file(a->file, &text, &len);
	if (ret) {
		ctl_error("cannot read %s: %s", shown_name(a), strerror(-ret));
		free(text);
		return CTL_FAILED;
	}
	config_read(&a->want, text, len);
	free(text);
	ret = ctl_open(&g);
	if (ret) {
		/* The file can be judged all the same. */
		config_sort_problems(&a->want);
		say_problems(a);
		return ret;
	}
	ret = apply(a, &g);
	blipmq_genl_close(&g);
	plan_free(&a->plan);
	config_free(&a->now);
	config_free(&a->want);
	return ret;
}

static int run_apply(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	static struct apply a;
	int c;

	while ((c = getopt_long(argc, argv, "njh", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			a.dry = true;
			break;
		case 'j':
			a.json = true;
			break;
		case 'h':
			fputs(ctl_apply.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_apply, "unknown option");
		}
	}
	if (argc - optind != 1)
		return ctl_usage(&ctl_apply,
				 "apply wants one FILE, or - for standard input");
	a.file = argv[optind];
	return apply_file(&a);
}

const struct ctl_command ctl_apply = {
	.name = "apply",
	.summary = "make the broker as a file says it",
	.help =
	"Usage: blipmqctl apply [--dry-run] [--json] FILE|-\n"
	"\n"
	"Changes limits, workers, lanes and rules to what a TOML file says, and leaves\n"
	"alone what it does not speak of; blipmq.toml(5) says what can stand in it. All of\n"
	"it is checked before anything is changed: what is wrong is told by its line.\n"
	"When the kernel refuses half-way, what was changed is taken back. Needs\n"
	"CAP_NET_ADMIN, for workers outside of containers.\n"
	"\n"
	"  -n, --dry-run  say what would be changed, or what is wrong, and no more\n"
	"  -j, --json     a JSON object; blipmqctl(8) has a table of its keys\n"
	"  -h, --help     this text\n"
	"\n"
	"Exit status: 0 done, or no change; 1 something is wrong or was refused, and\n"
	"nothing is changed; 2 usage; 3 the kernel module blipmq is not loaded.\n"
	"\n"
	"Example: blipmqctl apply --dry-run blipmq.toml\n",
	.run = run_apply,
};
