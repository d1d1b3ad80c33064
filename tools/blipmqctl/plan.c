// SPDX-License-Identifier: GPL-2.0
/*
 * Checking a plan, carrying it out, and taking it back.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

/**
 * plan_step() - add a request to a plan
 * @p: the plan
 * @command: enum blipmq_command
 * @check: the attribute that has it checked, not done
 * @needs: what whoever has no right to it lacks
 *
 * Return: the request, without attributes; until the next one is added.
 */
struct step *plan_step(struct plan *p, uint8_t command, uint16_t check,
		       const char *needs)
{
	struct step *s;

	p->steps = config_memory(p->steps, p->nr + 1, sizeof(*p->steps));
	s = &p->steps[p->nr++];
	memset(s, 0, sizeof(*s));
	s->command = command;
	s->check = check;
	s->needs = needs;
	mnl_nlmsg_put_header(s->request);
	mnl_nlmsg_put_header(s->undo);
	return s;
}

/**
 * step_request() - where attributes of a request are put
 * @s: the request
 */
struct nlmsghdr *step_request(struct step *s)
{
	return (struct nlmsghdr *)s->request;
}

/**
 * step_undo() - where attributes of what takes it back are put
 * @s: the request
 */
struct nlmsghdr *step_undo(struct step *s)
{
	return (struct nlmsghdr *)s->undo;
}

/**
 * step_change() - say what the attribute changes that is put next
 * @s: the request
 * @line: where the file says so
 * @what: the name of the thing
 * @from: what it is
 * @to: what it shall be
 *
 * Return: the change, until the next one.
 */
struct change *step_change(struct step *s, int line, const char *what,
			   const char *from, const char *to)
{
	struct change *change;

	s->changes = config_memory(s->changes, s->nr + 1, sizeof(*s->changes));
	change = &s->changes[s->nr++];
	memset(change, 0, sizeof(*change));
	change->line = line;
	change->what = config_memory(NULL, strlen(what) + 1, 1);
	strcpy(change->what, what);
	snprintf(change->from, sizeof(change->from), "%s", from);
	snprintf(change->to, sizeof(change->to), "%s", to);
	/* Where it will be: the kernel's answer counts from the header on. */
	change->offset = step_request(s)->nlmsg_len + GENL_HDRLEN;
	return change;
}

/* Send the attributes behind a header, and @flag with them if it is one. */
static int send_attrs(struct blipmq_genl *g, uint8_t command, const void *attrs,
		      uint16_t flag)
{
	__u8 buffer[PLAN_ROOM + 64] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = blipmq_genl_new(g, buffer, command);
	size_t len = mnl_nlmsg_get_payload_len(attrs);

	memcpy(mnl_nlmsg_get_payload_tail(nlh), mnl_nlmsg_get_payload(attrs),
	       len);
	nlh->nlmsg_len += (__u32)len;
	if (flag)
		mnl_attr_put(nlh, flag, 0, NULL);
	return blipmq_genl_run(g, nlh, NULL, NULL);
}

static void explain(const struct step *s, const struct blipmq_genl *g,
		    int error, char *text, size_t size)
{
	if (g->message[0])
		snprintf(text, size, "%s", g->message);
	else if (error == -EPERM)
		snprintf(text, size, "%s", s->needs);
	else
		snprintf(text, size, "%s", strerror(-error));
}

static struct change *find_change(const struct step *s, uint32_t offset)
{
	size_t i;

	for (i = 0; offset && i < s->nr; i++)
		if (s->changes[i].offset == offset)
			return &s->changes[i];
	return NULL;
}

/* Take the attribute of a change out of a request that is only checked. */
static void cut(struct step *s, struct change *change)
{
	struct nlmsghdr *nlh = step_request(s);
	struct nlattr *nest = (void *)(s->request + s->nest);
	__u8 *at = s->request + change->offset - GENL_HDRLEN;
	uint32_t len = MNL_ALIGN(((struct nlattr *)at)->nla_len);
	uint32_t offset = change->offset;
	size_t i;

	memmove(at, at + len, (size_t)(s->request + nlh->nlmsg_len - at) - len);
	nlh->nlmsg_len -= len;
	if (s->nest)
		nest->nla_len = (uint16_t)(nest->nla_len - len);
	change->offset = 0;
	for (i = 0; i < s->nr; i++)
		if (s->changes[i].offset > offset)
			s->changes[i].offset -= len;
}

/* What is refused is told and left out, until the rest is accepted. */
static void check_step(const struct step *original, struct blipmq_genl *g,
		       struct config *c)
{
	struct step s = *original;
	struct change *change;
	char why[160], before[160] = "";
	size_t left = s.nr;
	int ret;

	s.changes = config_memory(NULL, s.nr, sizeof(*s.changes));
	memcpy(s.changes, original->changes, s.nr * sizeof(*s.changes));
	while (left--) {
		ret = send_attrs(g, s.command, s.request, s.check);
		if (!ret)
			break;
		explain(&s, g, ret, why, sizeof(why));
		change = find_change(&s, g->offset);
		/* What was said of one of a pair is not said of the other one. */
		if (change && !change->vital && !strcmp(why, before)) {
			cut(&s, change);
			continue;
		}
		strcpy(before, why);
		config_error(c, change ? change->line : s.changes[0].line,
			     "%s: %s", change ? change->what :
			     s.changes[0].what, why);
		if (!change || change->vital)
			break;
		cut(&s, change);
	}
	free(s.changes);
}

/**
 * plan_check() - have the kernel say what it would refuse
 * @p: the plan
 * @g: the netlink socket
 * @c: the configuration that is wanted, of which what would be refused is an
 *	error
 *
 * Nothing is changed.
 */
void plan_check(const struct plan *p, struct blipmq_genl *g, struct config *c)
{
	size_t i;

	for (i = 0; i < p->nr; i++)
		check_step(&p->steps[i], g, c);
}

static void take_back(const struct plan *p, size_t nr, struct blipmq_genl *g,
		      struct plan_failure *failure)
{
	const struct step *s;

	failure->stays = NULL;
	while (nr--) {
		s = &p->steps[nr];
		if (send_attrs(g, s->command, s->undo, 0) && !failure->stays)
			failure->stays = s->changes[0].what;
	}
}

/**
 * plan_run() - do what is planned, all of it or nothing
 * @p: the plan
 * @g: the netlink socket
 * @failure: what the kernel refused, and whether all before was taken back
 *
 * Return: 0 or a negative errno.
 */
int plan_run(const struct plan *p, struct blipmq_genl *g,
	     struct plan_failure *failure)
{
	const struct change *change;
	const struct step *s;
	size_t i;
	int ret;

	for (i = 0; i < p->nr; i++) {
		s = &p->steps[i];
		ret = send_attrs(g, s->command, s->request, 0);
		if (!ret)
			continue;
		change = find_change(s, g->offset);
		if (!change)
			change = &s->changes[0];
		failure->line = change->line;
		explain(s, g, ret, failure->why, sizeof(failure->why));
		take_back(p, i, g, failure);
		return ret;
	}
	return 0;
}

/**
 * plan_free() - forget a plan
 * @p: the plan
 */
void plan_free(struct plan *p)
{
	size_t i, k;

	for (i = 0; i < p->nr; i++) {
		for (k = 0; k < p->steps[i].nr; k++)
			free(p->steps[i].changes[k].what);
		free(p->steps[i].changes);
	}
	free(p->steps);
}
