/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace buffer of our own, so that nobody else's events are in it, and none
 * of ours in theirs.
 */
#ifndef _BLIPMQCTL_TRACEFS_H
#define _BLIPMQCTL_TRACEFS_H

/* A folder, and names below it. */
#define TRACEFS_ROOM	256

/**
 * struct tracefs - a trace buffer
 * @folder: of the instance; empty when there is none
 * @pipe: what is read, or -1
 */
struct tracefs {
	char	folder[TRACEFS_ROOM];
	int	pipe;
};

int tracefs_open(struct tracefs *t, const char *event, const char *filter);
void tracefs_close(struct tracefs *t);

#endif /* _BLIPMQCTL_TRACEFS_H */
