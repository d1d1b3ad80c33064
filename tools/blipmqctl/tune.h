/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of the machine that matter to the broker.
 */
#ifndef _BLIPMQCTL_TUNE_H
#define _BLIPMQCTL_TUNE_H

#include <stdbool.h>
#include <stddef.h>

#define TUNE_TEXT	128

/**
 * enum tune_kind - what is better
 * @TUNE_WORD: this word
 * @TUNE_NOT: any other word than @avoid
 * @TUNE_AT_LEAST: no smaller number
 * @TUNE_AT_MOST: no larger number
 * @TUNE_SHOWN: that depends on what the machine is for; never changed
 */
enum tune_kind {
	TUNE_WORD,
	TUNE_NOT,
	TUNE_AT_LEAST,
	TUNE_AT_MOST,
	TUNE_SHOWN,
};

/**
 * struct tune_item - a setting
 * @name: what it is called here
 * @files: where it is; all files that match
 * @kind: how it is judged
 * @better: what it is set to
 * @avoid: of TUNE_NOT
 * @nodes: it matters where there are so many NUMA nodes
 * @why: what is better about it, or what it says
 */
struct tune_item {
	const char	*name;
	const char	*files;
	enum tune_kind	kind;
	const char	*better;
	const char	*avoid;
	int		nodes;
	const char	*why;
};

/**
 * struct tune_file - a file of a setting
 * @item: the setting
 * @path: the file, without the root
 * @now: what it says
 * @fine: it need not be changed
 */
struct tune_file {
	const struct tune_item	*item;
	char			*path;
	char			now[TUNE_TEXT];
	bool			fine;
};

/**
 * struct tune_list - all of them that this machine has
 * @root: what is before their paths
 * @files: the files, those of an item together
 * @nr: how many
 */
struct tune_list {
	const char		*root;
	struct tune_file	*files;
	size_t			nr;
};

/* tune_look.c */
bool tune_read(const char *root, const char *path, char *text);
int tune_write(const char *root, const char *path, const char *text);
void tune_look(struct tune_list *l, const char *root);
void tune_free(struct tune_list *l);

/* tune_save.c */
int tune_apply(const struct tune_list *l);
int tune_undo(const char *root);

#endif /* _BLIPMQCTL_TUNE_H */
