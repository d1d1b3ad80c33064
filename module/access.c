// SPDX-License-Identifier: GPL-2.0
/*
 * Judging by the rules of access.h. Publishers are judged for each message,
 * and remember what they were told of their latest topics; subscribers when
 * they subscribe, and again when a rule changes, see access_rules.c.
 */
#include <linux/bsearch.h>
#include <linux/cred.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "access.h"
#include "pattern.h"
#include "sender.h"
#include "sock.h"

/* What nobody made a rule for. */
#define ACCESS_DEFAULT	(BLIPMQ_MAY_PUBLISH | BLIPMQ_MAY_SUBSCRIBE)

/* Topics that a publisher remembers. */
#define VERDICTS	8U

/**
 * struct verdict - what was said of a topic
 * @generation: that of the rules that said so, 0 when nothing was said
 * @own: the topic's own rule, as long as those rules are the latest, or NULL
 * @may: BLIPMQ_MAY_*
 * @len: bytes of @topic
 * @topic: its name and not a hash of it, which two topics could share
 */
struct verdict {
	u64			generation;
	struct blipmq_rule	*own;
	u8			may;
	u8			len;
	u8			topic[BLIPMQ_PATTERN_MAX];
};

/**
 * struct blipmq_verdicts - what a publisher was told
 * @next: the one to be forgotten next
 * @verdict: of its latest topics
 */
struct blipmq_verdicts {
	u32		next;
	struct verdict	verdict[VERDICTS];
};

static int group_cmp(const void *key, const void *element)
{
	const kgid_t *gid = key, *other = element;

	if (gid_lt(*gid, *other))
		return -1;
	return gid_gt(*gid, *other);
}

static bool subject_in_group(const struct blipmq_subject *s, kgid_t gid)
{
	const struct group_info *groups = s->groups;

	return gid_eq(s->gid, gid) ||
	       (groups && bsearch(&gid, groups->gid, groups->ngroups,
				  sizeof(gid), group_cmp));
}

/* As for files: the owner has what the owner's bits say, even if it is less. */
static u32 rule_allows(const struct blipmq_rule *rule,
		       const struct blipmq_subject *s)
{
	if (uid_eq(rule->uid, s->uid))
		return rule->mode >> 6 & BLIPMQ_MAY_ALL;
	if (subject_in_group(s, rule->gid))
		return rule->mode >> 3 & BLIPMQ_MAY_ALL;
	return rule->mode & BLIPMQ_MAY_ALL;
}

/**
 * blipmq_access() - what somebody may do with a topic, or with all of a pattern
 * @rules: the rules, or NULL for none
 * @subject: who
 * @name: the topic or pattern
 * @len: its bytes
 * @by: set to the rule that decides of subscribing, NULL when there is none;
 *	may be NULL
 *
 * Of a pattern's topics each rule that matches some has to allow it, up to the
 * first that matches all of them: those behind it have no say in any.
 *
 * Context: an RCU read-side section, or the rules cannot change.
 * Return: BLIPMQ_MAY_*.
 */
u32 blipmq_access(const struct blipmq_rules *rules,
		  const struct blipmq_subject *subject, const u8 *name, u8 len,
		  const struct blipmq_rule **by)
{
	enum blipmq_pattern_relation relation;
	const struct blipmq_rule *rule, *decides = NULL;
	u32 may = BLIPMQ_MAY_ALL, i, nr = rules ? rules->nr : 0;

	for (i = 0; i < nr; i++) {
		rule = rules->rule[i];
		relation = blipmq_pattern_relate(rule->pattern, rule->len, name,
						 len);
		if (relation == BLIPMQ_PATTERN_DISJOINT || !rule->judges)
			continue;
		if (may & BLIPMQ_MAY_SUBSCRIBE)
			decides = rule;
		may &= rule_allows(rule, subject);
		if (relation == BLIPMQ_PATTERN_CONTAINS || !may)
			break;
	}
	if (i == nr) {
		if (may & BLIPMQ_MAY_SUBSCRIBE)
			decides = NULL;
		may &= ACCESS_DEFAULT;
	}
	if (by)
		*by = decides;
	return may;
}

static struct blipmq_subject subject_of(const struct blipmq_sock *bs)
{
	const struct blipmq_sender *s = bs->sender;

	return (struct blipmq_subject){ s->uid, s->gid, s->groups };
}

static const struct blipmq_rules *rules_held(const struct blipmq_sock *bs)
{
	return rcu_dereference_protected(bs->ns->rules,
					 lockdep_is_held(&bs->ns->rules_sem));
}

/**
 * blipmq_access_of() - what a socket may do with a topic, or all of a pattern
 * @bs: the socket
 * @name: the topic or pattern
 * @len: its bytes
 *
 * Context: rules_sem of the namespace is held.
 * Return: BLIPMQ_MAY_*.
 */
u32 blipmq_access_of(const struct blipmq_sock *bs, const u8 *name, u8 len)
{
	struct blipmq_subject subject = subject_of(bs);

	return blipmq_access(rules_held(bs), &subject, name, len, NULL);
}

/**
 * blipmq_access_blocks() - may a socket block publishers of any topic at all?
 * @bs: the socket
 *
 * Context: rules_sem of the namespace is held.
 * Return: true when some rule allows it, whether it decides or not.
 */
bool blipmq_access_blocks(const struct blipmq_sock *bs)
{
	const struct blipmq_rules *rules = rules_held(bs);
	struct blipmq_subject subject = subject_of(bs);
	u32 i;

	for (i = 0; rules && i < rules->nr; i++)
		if (rules->rule[i]->judges &&
		    rule_allows(rules->rule[i], &subject) & BLIPMQ_MAY_BLOCK)
			return true;
	return false;
}

static struct verdict *verdict_find(struct blipmq_verdicts *v, u64 generation,
				    const u8 *topic, u8 len)
{
	u32 i;

	for (i = 0; i < VERDICTS; i++)
		if (v->verdict[i].generation == generation &&
		    v->verdict[i].len == len &&
		    !memcmp(v->verdict[i].topic, topic, len))
			return &v->verdict[i];
	return NULL;
}

/* Into @room, where nothing can be remembered. */
static const struct verdict *verdict_get(struct blipmq_sock *bs,
					 const struct blipmq_rules *rules,
					 const u8 *topic, u8 len,
					 struct verdict *room)
{
	struct blipmq_verdicts *v = bs->sender->verdicts;
	struct blipmq_subject subject;
	struct verdict *verdict;

	verdict = v ? verdict_find(v, rules->generation, topic, len) : NULL;
	if (likely(verdict))
		return verdict;
	verdict = v ? &v->verdict[v->next++ % VERDICTS] : room;
	subject = subject_of(bs);
	verdict->generation = rules->generation;
	verdict->own = blipmq_rules_find(rules, topic, len);
	verdict->may = blipmq_access(rules, &subject, topic, len, NULL);
	verdict->len = len;
	memcpy(verdict->topic, topic, len);
	return verdict;
}

/**
 * __blipmq_access_publish() - blipmq_access_publish() where there are rules
 * @bs: the socket
 * @topic: a valid topic
 * @len: its bytes
 * @terms: set to what holds for it
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0 or -EACCES.
 */
int __blipmq_access_publish(struct blipmq_sock *bs, const u8 *topic, u8 len,
			    struct blipmq_terms *terms)
{
	struct blipmq_sender *s = bs->sender;
	const struct blipmq_rules *rules;
	const struct verdict *verdict;
	u32 may = BLIPMQ_MAY_PUBLISH;
	struct verdict room;

	lockdep_assert_held(&bs->tx_lock);
	/* Without memory for it the rules are asked each time. */
	if (unlikely(!s->verdicts))
		s->verdicts = kzalloc(sizeof(*s->verdicts),
				      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	rcu_read_lock();
	rules = rcu_dereference(bs->ns->rules);
	if (rules) {
		verdict = verdict_get(bs, rules, topic, len, &room);
		may = verdict->may;
		if (verdict->own) {
			terms->ttl_ms = verdict->own->ttl_ms;
			terms->metered = verdict->own->rate;
		}
	}
	rcu_read_unlock();
	return may & BLIPMQ_MAY_PUBLISH ? 0 : -EACCES;
}

static u64 rate_step(const struct blipmq_rule *rule)
{
	return NSEC_PER_SEC / rule->rate;
}

/* As many as a second brings may come at once. */
static bool rate_allows(struct blipmq_rule *rule)
{
	s64 now = ktime_get_ns(), step = rate_step(rule), due;
	s64 old = atomic64_read(&rule->due);

	do {
		/* Less than nothing, when one of an older rule was given back. */
		due = max(old, now) + step;
		if (due - now > NSEC_PER_SEC)
			return false;
	} while (!atomic64_try_cmpxchg(&rule->due, &old, due));
	return true;
}

/**
 * blipmq_rate_take() - take one of the messages that a topic may have
 * @bs: the publisher
 * @topic: the topic
 * @len: its bytes
 *
 * Context: tx_lock is held.
 * Return: 0; -ENOBUFS when there have been too many.
 */
int blipmq_rate_take(struct blipmq_sock *bs, const u8 *topic, u8 len)
{
	struct blipmq_rule *own;
	int err = 0;

	rcu_read_lock();
	own = blipmq_rules_find(rcu_dereference(bs->ns->rules), topic, len);
	if (own && own->rate && !rate_allows(own))
		err = -ENOBUFS;
	rcu_read_unlock();
	return err;
}

/**
 * blipmq_rate_give() - give one back that was not published
 * @bs: the publisher
 * @topic: the topic
 * @len: its bytes
 *
 * Context: tx_lock is held since it was taken.
 */
void blipmq_rate_give(struct blipmq_sock *bs, const u8 *topic, u8 len)
{
	struct blipmq_rule *own;

	rcu_read_lock();
	own = blipmq_rules_find(rcu_dereference(bs->ns->rules), topic, len);
	if (own && own->rate)
		atomic64_sub(rate_step(own), &own->due);
	rcu_read_unlock();
}
