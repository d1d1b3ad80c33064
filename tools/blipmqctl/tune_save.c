// SPDX-License-Identifier: GPL-2.0
/*
 * Changing settings, and putting them back.
 *
 * What was is kept where a boot forgets it, as it forgets what was changed. Each
 * line has the file, what it was, and what it was changed to.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"
#include "tune.h"

#define SAVED_FOLDER	"/run/blipmq"
#define SAVED		SAVED_FOLDER "/tuned"

/**
 * struct saved - what was changed
 * @path: the file
 * @was: what it was
 * @is: what it was changed to
 */
struct saved {
	char	path[PATH_MAX];
	char	was[TUNE_TEXT];
	char	is[TUNE_TEXT];
};

/**
 * struct saves - all of that
 * @root: what is before all paths
 * @at: each
 * @nr: how many
 */
struct saves {
	const char	*root;
	struct saved	*at;
	size_t		nr;
};

static void saves_add(struct saves *s, const char *path, const char *was,
		      const char *is)
{
	struct saved *saved;

	s->at = config_memory(s->at, s->nr + 1, sizeof(*s->at));
	saved = &s->at[s->nr++];
	snprintf(saved->path, sizeof(saved->path), "%s", path);
	snprintf(saved->was, sizeof(saved->was), "%s", was);
	snprintf(saved->is, sizeof(saved->is), "%s", is);
}

static int saves_read(struct saves *s, const char *root)
{
	char name[PATH_MAX], *line = NULL, *path, *was, *is, *rest;
	size_t room = 0;
	FILE *from;

	memset(s, 0, sizeof(*s));
	s->root = root;
	snprintf(name, sizeof(name), "%s" SAVED, root);
	from = fopen(name, "re");
	if (!from)
		return errno == ENOENT ? 0 : -errno;
	while (getline(&line, &room, from) > 0) {
		path = strtok_r(line, "\t\n", &rest);
		was = strtok_r(NULL, "\t\n", &rest);
		is = strtok_r(NULL, "\t\n", &rest);
		if (path && was && is)
			saves_add(s, path, was, is);
	}
	free(line);
	fclose(from);
	return 0;
}

/* As a whole: whoever is killed meanwhile leaves what was there before. */
static int saves_write(const struct saves *s)
{
	char name[PATH_MAX], temporary[PATH_MAX + 4];
	size_t i;
	FILE *to;
	int ret;

	snprintf(name, sizeof(name), "%s" SAVED, s->root);
	if (!s->nr)
		return unlink(name) && errno != ENOENT ? -errno : 0;
	snprintf(temporary, sizeof(temporary), "%s" SAVED_FOLDER, s->root);
	if (mkdir(temporary, 0755) && errno != EEXIST)
		return -errno;
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	to = fopen(temporary, "we");
	if (!to)
		return -errno;
	for (i = 0; i < s->nr; i++)
		fprintf(to, "%s\t%s\t%s\n", s->at[i].path, s->at[i].was,
			s->at[i].is);
	ret = ferror(to) ? -EIO : 0;
	if (fclose(to) && !ret)
		ret = -errno;
	if (!ret && rename(temporary, name))
		ret = -errno;
	return ret;
}

static struct saved *saves_find(const struct saves *s, const char *path)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (!strcmp(s->at[i].path, path))
			return &s->at[i];
	return NULL;
}

static void saves_forget(struct saves *s, struct saved *saved)
{
	size_t i = (size_t)(saved - s->at);

	memmove(saved, saved + 1, (s->nr - i - 1) * sizeof(*saved));
	s->nr--;
}

static int cannot_save(int error)
{
	ctl_error("cannot keep what was in %s: %s; nothing is changed%s", SAVED,
		  strerror(-error), error == -EACCES || error == -EPERM ?
		  "; run it as root" : "");
	return CTL_FAILED;
}

/* The first of what it was counts: that is what it is put back to. */
static void plan_saves(struct saves *s, const struct tune_list *l)
{
	const struct tune_file *f;
	struct saved *saved;
	size_t i;

	for (i = 0; i < l->nr; i++) {
		f = &l->files[i];
		if (f->fine)
			continue;
		saved = saves_find(s, f->path);
		if (saved && strcmp(saved->is, f->now)) {
			/* Somebody else has changed it since. */
			snprintf(saved->was, sizeof(saved->was), "%s", f->now);
		} else if (!saved) {
			saves_add(s, f->path, f->now, f->item->better);
			continue;
		}
		snprintf(saved->is, sizeof(saved->is), "%s", f->item->better);
	}
}

/**
 * tune_apply() - change what could be better
 * @l: all settings
 *
 * Return: enum ctl_status.
 */
int tune_apply(const struct tune_list *l)
{
	const struct tune_file *f;
	int ret, status = CTL_DONE;
	struct saves s;
	size_t i, n = 0;

	ret = saves_read(&s, l->root);
	if (ret)
		return cannot_save(ret);
	plan_saves(&s, l);
	ret = saves_write(&s);
	if (ret) {
		free(s.at);
		return cannot_save(ret);
	}
	for (i = 0; i < l->nr; i++) {
		f = &l->files[i];
		if (f->fine)
			continue;
		ret = tune_write(l->root, f->path, f->item->better);
		if (ret) {
			ctl_error("cannot change %s: %s", f->path, strerror(-ret));
			saves_forget(&s, saves_find(&s, f->path));
			status = CTL_FAILED;
			continue;
		}
		printf("%s: %s -> %s\n", f->path, f->now, f->item->better);
		n++;
	}
	if (status)
		saves_write(&s);
	if (n)
		puts("Until the next boot, or 'blipmqctl tune --undo'.");
	else if (!status)
		puts("Nothing could be better.");
	free(s.at);
	return status;
}

/* Return: true when that is done with. */
static bool undo_one(const struct saves *s, const struct saved *saved)
{
	char now[TUNE_TEXT];
	int ret;

	if (!tune_read(s->root, saved->path, now)) {
		printf("%s: is not there any more\n", saved->path);
		return true;
	}
	if (strcmp(now, saved->is)) {
		printf("%s: left alone, somebody else made it %s\n",
		       saved->path, now);
		return true;
	}
	ret = tune_write(s->root, saved->path, saved->was);
	if (ret) {
		ctl_error("cannot put back %s: %s", saved->path, strerror(-ret));
		return false;
	}
	printf("%s: %s -> %s\n", saved->path, saved->is, saved->was);
	return true;
}

/**
 * tune_undo() - put back what tune_apply() changed
 * @root: what is before all paths
 *
 * Return: enum ctl_status.
 */
int tune_undo(const char *root)
{
	int ret, status = CTL_DONE;
	struct saves s;
	size_t i;

	ret = saves_read(&s, root);
	if (ret) {
		ctl_error("cannot read %s: %s", SAVED, strerror(-ret));
		return CTL_FAILED;
	}
	if (!s.nr)
		puts("Nothing was changed since the last boot.");
	for (i = s.nr; i--;) {
		if (undo_one(&s, &s.at[i]))
			saves_forget(&s, &s.at[i]);
		else
			status = CTL_FAILED;
	}
	ret = saves_write(&s);
	if (ret) {
		ctl_error("cannot write %s: %s", SAVED, strerror(-ret));
		status = CTL_FAILED;
	}
	free(s.at);
	return status;
}
