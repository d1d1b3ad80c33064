// SPDX-License-Identifier: GPL-2.0
/*
 * Changing the rules of access.h.
 *
 * Who subscribes holds rules_sem for reading from the judgement on until it has
 * joined, as does who changes anything else that a judgement depends on. Who
 * changes a rule holds it for writing; so it finds all that was judged before,
 * without the tx_lock of any socket: its owner could keep that for as long as
 * it likes.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "access.h"
#include "fanout.h"
#include "netns.h"
#include "pattern.h"
#include "subscription.h"

static struct blipmq_rules *rules_of(struct blipmq_net *ns)
{
	return rcu_dereference_protected(ns->rules,
					 lockdep_is_held(&ns->rules_sem));
}

/* Where the rule for a pattern is, or would be; @there says which. */
static u32 rules_search(const struct blipmq_rules *rules, const u8 *pattern,
			u8 len, bool *there)
{
	u32 from = 0, to = rules ? rules->nr : 0, at;
	int cmp;

	*there = false;
	while (from < to) {
		at = from + (to - from) / 2;
		cmp = blipmq_pattern_cmp(rules->rule[at]->pattern,
					 rules->rule[at]->len, pattern, len);
		*there = !cmp;
		if (!cmp)
			return at;
		if (cmp < 0)
			from = at + 1;
		else
			to = at;
	}
	return from;
}

/*
 * A copy without the @gone rules at @at, and with @rule there if that is not
 * NULL. Return: NULL when it is empty; -ENOMEM.
 */
static struct blipmq_rules *rules_edit(const struct blipmq_rules *old, u32 at,
				       u32 gone, struct blipmq_rule *rule)
{
	u32 nr = old ? old->nr : 0, rest = nr - at - gone;
	struct blipmq_rules *rules;

	nr = at + !!rule + rest;
	if (!nr)
		return NULL;
	rules = kvmalloc(struct_size(rules, rule, nr), GFP_KERNEL_ACCOUNT);
	if (!rules)
		return ERR_PTR(-ENOMEM);
	rules->nr = nr;
	if (at)
		memcpy(rules->rule, old->rule, at * sizeof(*rules->rule));
	if (rule)
		rules->rule[at] = rule;
	if (rest)
		memcpy(rules->rule + at + !!rule, old->rule + at + gone,
		       rest * sizeof(*rules->rule));
	return rules;
}

/*
 * Subscriptions that have lost their right end. What was published before they
 * did is theirs. On return nothing more comes to them.
 */
static void rules_judge_again(struct blipmq_net *ns, const u8 *pattern, u8 len)
{
	struct blipmq_subscription_node *sub;
	unsigned long id;
	bool ended = false;

	xa_for_each(&ns->subscriptions, id, sub) {
		ended |= blipmq_subscription_judge(sub, pattern, len);
		cond_resched();
	}
	if (ended)
		blipmq_fanout_settle(ns);
}

static int rules_change(struct blipmq_net *ns, const u8 *pattern, u8 len,
			struct blipmq_rule *rule)
{
	struct blipmq_rules *old = rules_of(ns), *rules;
	struct blipmq_rule *gone = NULL;
	bool there;
	u32 at;

	at = rules_search(old, pattern, len, &there);
	if (!rule && !there)
		return -ENOENT;
	if (rule && !there && old && old->nr >= BLIPMQ_RULES_MAX)
		return -ENOSPC;
	rules = rules_edit(old, at, there, rule);
	if (IS_ERR(rules))
		return PTR_ERR(rules);
	if (rules)
		rules->generation = ++ns->rules_generation;
	if (there)
		gone = old->rule[at];
	rcu_assign_pointer(ns->rules, rules);
	rules_judge_again(ns, pattern, len);
	if (old)
		kvfree_rcu(old, rcu);
	if (gone)
		kfree_rcu(gone, rcu);
	return 0;
}

/* What a rule is after an edit. Return: false when it says nothing at all. */
static bool rule_become(struct blipmq_rule *rule, const struct blipmq_rule *old,
			const struct blipmq_rule_edit *edit)
{
	bool judged;

	if (edit->says & BLIPMQ_RULE_WHOLE)
		old = NULL;
	judged = old && old->judges;
	rule->uid = edit->says & BLIPMQ_RULE_UID || !judged ? edit->uid :
							      old->uid;
	rule->gid = edit->says & BLIPMQ_RULE_GID || !judged ? edit->gid :
							      old->gid;
	rule->mode = edit->says & BLIPMQ_RULE_MODE || !judged ? edit->mode :
								old->mode;
	rule->judges = edit->says & BLIPMQ_RULE_JUDGES || judged;
	rule->ttl_ms = edit->says & BLIPMQ_RULE_TTL || !old ? edit->ttl_ms :
							      old->ttl_ms;
	rule->rate = edit->says & BLIPMQ_RULE_RATE || !old ? edit->rate :
							     old->rate;
	atomic64_set(&rule->due, 0);
	return rule->judges || rule->ttl_ms || rule->rate;
}

static struct blipmq_rule *rule_alloc(const u8 *pattern, u8 len)
{
	struct blipmq_rule *rule;

	rule = kzalloc(struct_size(rule, pattern, len), GFP_KERNEL_ACCOUNT);
	if (!rule)
		return NULL;
	rule->len = len;
	memcpy(rule->pattern, pattern, len);
	return rule;
}

/**
 * blipmq_rules_find() - the very rule for a topic or a pattern
 * @rules: the rules, or NULL for none
 * @pattern: the topic or pattern
 * @len: its bytes
 *
 * Context: an RCU read-side section, or the rules cannot change.
 * Return: the rule, or NULL.
 */
struct blipmq_rule *blipmq_rules_find(const struct blipmq_rules *rules,
				      const u8 *pattern, u8 len)
{
	bool there;
	u32 at = rules_search(rules, pattern, len, &there);

	return there ? rules->rule[at] : NULL;
}

/**
 * blipmq_rules_set() - add a rule, or change the one for the same pattern
 * @ns: the namespace
 * @edit: how it is to be
 *
 * What is published or subscribed to after the return is judged by it.
 *
 * Context: may sleep.
 * Return: 0; -ENODATA when it gets an owner or a group and has no mode;
 * -ENOSPC when there are BLIPMQ_RULES_MAX, -ENOMEM, -EINTR; then nothing is
 * changed.
 */
int blipmq_rules_set(struct blipmq_net *ns, const struct blipmq_rule_edit *edit)
{
	struct blipmq_rule *rule = rule_alloc(edit->pattern, edit->len), *old;
	bool says;
	int err;

	if (!rule)
		return -ENOMEM;
	err = down_write_killable(&ns->rules_sem);
	if (err)
		goto out;
	old = blipmq_rules_find(rules_of(ns), edit->pattern, edit->len);
	says = rule_become(rule, old, edit);
	if (rule->judges && !(old && old->judges) &&
	    !(edit->says & BLIPMQ_RULE_MODE))
		err = -ENODATA;
	else if (says || old)
		err = rules_change(ns, edit->pattern, edit->len,
				   says ? rule : NULL);
	up_write(&ns->rules_sem);
	/* It is in use. */
	if (!err && says)
		return 0;
out:
	kfree(rule);
	return err;
}

/* Take out who may do what, and leave the rest. */
static int rules_open(struct blipmq_net *ns, const struct blipmq_rule *old)
{
	const struct blipmq_rule_edit none = { };
	struct blipmq_rule *rule;
	int err;

	rule = rule_alloc(old->pattern, old->len);
	if (!rule)
		return -ENOMEM;
	rule_become(rule, old, &none);
	rule->judges = false;
	err = rules_change(ns, rule->pattern, rule->len, rule);
	if (err)
		kfree(rule);
	return err;
}

/**
 * blipmq_rules_delete() - take a rule out
 * @ns: the namespace
 * @pattern: its pattern
 * @len: bytes of that
 * @whole: all that it says, and not only who may do what
 *
 * Context: may sleep.
 * Return: 0; -ENOENT when there is none, -ENOMEM, -EINTR; then nothing is
 * changed.
 */
int blipmq_rules_delete(struct blipmq_net *ns, const u8 *pattern, u8 len,
			bool whole)
{
	const struct blipmq_rule *old;
	int err = down_write_killable(&ns->rules_sem);

	if (err)
		return err;
	old = blipmq_rules_find(rules_of(ns), pattern, len);
	if (!old || (!whole && !old->judges))
		err = -ENOENT;
	else if (!whole && (old->ttl_ms || old->rate))
		err = rules_open(ns, old);
	else
		err = rules_change(ns, pattern, len, NULL);
	up_write(&ns->rules_sem);
	return err;
}

/**
 * blipmq_rules_init() - no rules yet
 * @ns: the namespace
 */
void blipmq_rules_init(struct blipmq_net *ns)
{
	RCU_INIT_POINTER(ns->rules, NULL);
	init_rwsem(&ns->rules_sem);
	ns->rules_generation = 0;
}

/**
 * blipmq_rules_destroy() - the end of them
 * @ns: the namespace, without sockets
 */
void blipmq_rules_destroy(struct blipmq_net *ns)
{
	struct blipmq_rules *rules = rcu_dereference_protected(ns->rules, true);
	u32 i;

	for (i = 0; rules && i < rules->nr; i++)
		kfree(rules->rule[i]);
	kvfree(rules);
}
