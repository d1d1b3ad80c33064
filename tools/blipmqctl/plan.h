/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has to be done to have another configuration: requests to the kernel,
 * each with the one that takes it back, and what each attribute changes, so
 * that a refusal is told by its line.
 */
#ifndef _BLIPMQCTL_PLAN_H
#define _BLIPMQCTL_PLAN_H

#include "config.h"

/* Attributes of a request: a pattern and some numbers, or all limits. */
#define PLAN_ROOM	1024
#define PLAN_TEXT	96

/**
 * struct change - what an attribute of a request changes
 * @line: where the file says so
 * @what: which thing, as the file names it
 * @from: what it is
 * @to: what it shall be
 * @offset: where the attribute is in the request
 * @vital: without it the request says something else
 * @silent: it only says of what the request is
 */
struct change {
	int		line;
	char		*what;
	char		from[PLAN_TEXT];
	char		to[PLAN_TEXT];
	uint32_t	offset;
	bool		vital;
	bool		silent;
};

/**
 * struct step - a request
 * @command: enum blipmq_command
 * @check: the attribute that has it checked, not done
 * @needs: what whoever has no right to it lacks
 * @request: a header, and the attributes
 * @undo: the same for the request that takes it back
 * @nest: where in @request the attribute is that all changes are in, or 0
 * @changes: what it changes
 * @nr: how many those are
 */
struct step {
	uint8_t		command;
	uint16_t	check;
	const char	*needs;
	__u8		request[PLAN_ROOM] __attribute__((aligned(8)));
	__u8		undo[PLAN_ROOM] __attribute__((aligned(8)));
	uint32_t	nest;
	struct change	*changes;
	size_t		nr;
};

/**
 * struct plan - requests, in their order
 * @steps: the requests
 * @nr: how many those are
 */
struct plan {
	struct step	*steps;
	size_t		nr;
};

/**
 * struct plan_failure - why the kernel refused half-way
 * @line: where the file says what it refused
 * @why: what it said
 * @stays: the first thing that could not be taken back, or NULL
 */
struct plan_failure {
	int		line;
	char		why[160];
	const char	*stays;
};

struct step *plan_step(struct plan *p, uint8_t command, uint16_t check,
		       const char *needs);
struct nlmsghdr *step_request(struct step *s);
struct nlmsghdr *step_undo(struct step *s);
struct change *step_change(struct step *s, int line, const char *what,
			   const char *from, const char *to);
void plan_check(const struct plan *p, struct blipmq_genl *g, struct config *c);
int plan_run(const struct plan *p, struct blipmq_genl *g,
	     struct plan_failure *failure);
void plan_free(struct plan *p);

#endif /* _BLIPMQCTL_PLAN_H */
