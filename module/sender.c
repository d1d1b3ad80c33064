// SPDX-License-Identifier: GPL-2.0
/*
 * The account of a publisher's bytes in flight: what receivers hold of its
 * messages is charged to its memory cgroup, and they may be slow.
 */
#include <linux/cred.h>
#include <linux/memcontrol.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "event.h"
#include "netns.h"
#include "sender.h"
#include "spare.h"

/* Bytes are taken ahead, so many at a time. */
#define CREDIT_CHUNK	SZ_64K

/* Of what its cgroup may have at most, a publisher has this part in flight. */
#define CGROUP_SHARE	4U

/**
 * blipmq_sender_create() - a sender without messages
 * @ns: its namespace
 * @uid: on whose behalf
 * @gid: on whose behalf
 * @groups: further groups, held by the sender from then on; NULL for none
 *
 * Context: the process that it is for; may sleep.
 * Return: the sender, or NULL.
 */
struct blipmq_sender *blipmq_sender_create(struct blipmq_net *ns, kuid_t uid,
					   kgid_t gid, struct group_info *groups)
{
	struct blipmq_sender *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	s->ns = ns;
	s->uid = uid;
	s->gid = gid;
	if (groups)
		s->groups = get_group_info(groups);
	s->pid = get_pid(task_tgid(current));
	atomic64_set(&s->bytes, BLIPMQ_SENDER_BIAS);
	return s;
}

/**
 * blipmq_sender_clone() - the same identity with an account of its own
 * @s: the sender
 *
 * Nobody judges by it, so it needs no groups.
 *
 * Context: may sleep.
 * Return: the sender, or NULL.
 */
struct blipmq_sender *blipmq_sender_clone(const struct blipmq_sender *s)
{
	struct blipmq_sender *clone = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!clone)
		return NULL;
	clone->ns = s->ns;
	clone->uid = s->uid;
	clone->gid = s->gid;
	clone->pid = get_pid(s->pid);
	clone->acts = s->acts;
	atomic64_set(&clone->bytes, BLIPMQ_SENDER_BIAS);
	return clone;
}

void __blipmq_sender_free(struct blipmq_sender *s)
{
	/* Some that came while it was retired. */
	blipmq_spare_purge(s);
	put_pid(s->pid);
	if (s->groups)
		put_group_info(s->groups);
	kfree(s);
}

/**
 * blipmq_sender_retire() - its socket leaves it
 * @s: the sender, which goes with its last bundle
 *
 * Context: the tx_lock of its socket is held, or there is no socket.
 */
void blipmq_sender_retire(struct blipmq_sender *s)
{
	s64 left = BLIPMQ_SENDER_BIAS + s->credit;

	s->credit = 0;
	WRITE_ONCE(s->retired, true);
	blipmq_spare_purge(s);
	kfree(s->verdicts);
	s->verdicts = NULL;
	if (atomic64_sub_and_test(left, &s->bytes))
		__blipmq_sender_free(s);
}

/*
 * What the caller's cgroup, or one above it, lets this publisher have: queued
 * messages cannot be reclaimed, so a cgroup full of them is killed.
 */
static u64 sender_cgroup_limit(u64 limit)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *own = get_mem_cgroup_from_mm(current->mm), *memcg;
	u64 max;

	for (memcg = own; memcg; memcg = parent_mem_cgroup(memcg)) {
		max = (u64)READ_ONCE(memcg->memory.max) << PAGE_SHIFT;
		limit = min(limit, max / CGROUP_SHARE);
	}
	mem_cgroup_put(own);
#endif
	return limit;
}

static bool sender_is_over(struct blipmq_sender *s, u64 own)
{
	s64 flight = atomic64_read(&s->bytes) - BLIPMQ_SENDER_BIAS -
		     s->credit - own;
	u64 limit = READ_ONCE(s->ns->limits.flight_bytes);

	return flight > 0 && flight >= sender_cgroup_limit(limit);
}

void __blipmq_sender_charge(struct blipmq_sender *s)
{
	s64 more = -s->credit;

	if (!s->retired)
		more += CREDIT_CHUNK;
	atomic64_add(more, &s->bytes);
	s->credit += more;
	if (!s->retired)
		s->over = sender_is_over(s, 0);
}

bool __blipmq_sender_admits(struct blipmq_sender *s, u32 own)
{
	s->over = sender_is_over(s, own);
	if (s->over)
		blipmq_event_limit(s->ns, BLIPMQ_A_LIMITS_FLIGHT_BYTES);
	return !s->over;
}
