/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Patterns: a trie of tokens that knows which sets match a topic.
 *
 * A node is a token below another one. Children with a literal token are found
 * in one hash table for all nodes, by parent and token; the child for '*' by a
 * pointer. Where a pattern ends there is a leaf: in the list @here of the node
 * of its last token, or, when that is '>', in the list @rest of the node
 * before. Plain subscriptions to a pattern share one leaf, and each queue group
 * has one, under its name; so topics are in here, too, when they have a group.
 *
 * Publishers walk it under RCU; it changes under its lock. A number for each
 * first token grows with every change that may concern topics that begin so:
 * what was matched while it had its present value still holds.
 */
#ifndef _BLIPMQ_TRIE_H
#define _BLIPMQ_TRIE_H

#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/rhashtable-types.h>

#include "pattern.h"
#include "set.h"
#include "types.h"

/* Tokens of the longest topic. */
#define BLIPMQ_TRIE_DEPTH	((BLIPMQ_PATTERN_MAX + 1) / 2)

/* First tokens share these numbers by hash. */
#define BLIPMQ_TRIE_GENERATIONS	256U

enum blipmq_trie_kind {
	BLIPMQ_TRIE_TOKEN,	/* a literal token */
	BLIPMQ_TRIE_STAR,	/* '*' */
	BLIPMQ_TRIE_HERE,	/* a leaf: the pattern ends with its parent */
	BLIPMQ_TRIE_REST,	/* a leaf: '>' comes after its parent */
};

/**
 * struct blipmq_trie_node - a token of a pattern, or a leaf
 * @hash: in the trie's table
 * @parent: the token before, NULL for the root
 * @kind: enum blipmq_trie_kind
 * @name_len: bytes of @name
 * @cost: of a leaf, what its pattern counts for
 * @users: children; of a leaf, its subscriptions; under the trie's lock
 * @nr_tokens: children with a literal token
 * @star: the child for '*'
 * @here: leaves of patterns that end with this token
 * @rest: leaves of patterns that go on with '>'
 * @link: of a leaf, in one of its parent's lists
 * @set: of a leaf, the legs, with a reference
 * @owner: of a leaf, the user that it counts for, held; NULL for nobody
 * @rcu: frees it
 * @name: the token, or the queue group's name
 */
struct blipmq_trie_node {
	struct rhash_head		hash;
	struct blipmq_trie_node		*parent;
	u8				kind;
	u8				name_len;
	u8				cost;
	u32				users;
	u32				nr_tokens;
	struct blipmq_trie_node __rcu	*star;
	union {
		struct {
			struct hlist_head	here;
			struct hlist_head	rest;
		};
		struct hlist_node		link;
	};
	struct blipmq_set		*set;
	struct blipmq_user		*owner;
	struct rcu_head			rcu;
	u8				name[];
};

/*
 * A pattern counts for one for each so many tokens that it has begun: one topic may
 * lead a walk to every token of every pattern, whether any matches or none.
 */
#define BLIPMQ_TRIE_COST_TOKENS	8U

/*
 * What the patterns of a namespace, of all its users, may count for: that much is
 * walked without a pause when a topic is matched.
 */
#define BLIPMQ_TRIE_COST_MAX	1048576U

/**
 * struct blipmq_trie - the patterns of a namespace
 * @nodes: all nodes but those for '*', by parent, kind and name
 * @root: what the first tokens are below; NULL while there was no pattern yet
 * @nr_leaves: leaves
 * @cost: what they count for
 * @lock: guards changes
 * @generations: by the hash of a first token
 */
struct blipmq_trie {
	struct rhashtable		nodes;
	struct blipmq_trie_node __rcu	*root;
	u32				nr_leaves;
	u32				cost;
	struct mutex			lock;	/* changes */
	unsigned long			generations[BLIPMQ_TRIE_GENERATIONS];
};

/**
 * struct blipmq_trie_walk - the sets that match a topic, one after the other
 * @trie: where
 * @topic: its bytes
 * @node: where the walk is, NULL at its end
 * @leaf: the next one to give
 * @depth: tokens that lead to @node
 * @nr_tokens: tokens of the topic
 * @steps: nodes that it came to
 * @starts: where each token starts, and one past the end
 *
 * The depth of a trie is bounded, so a walk goes on by parents and needs no
 * stack.
 */
struct blipmq_trie_walk {
	struct blipmq_trie		*trie;
	const u8			*topic;
	const struct blipmq_trie_node	*node;
	struct hlist_node		*leaf;
	u8				depth;
	u8				nr_tokens;
	u32				steps;
	u16				starts[BLIPMQ_TRIE_DEPTH + 1];
};

int blipmq_trie_init(struct blipmq_trie *trie);
void blipmq_trie_destroy(struct blipmq_trie *trie);

struct blipmq_trie_node * __must_check
blipmq_trie_get(struct blipmq_trie *trie, struct blipmq_user *owner, u32 most,
		const struct blipmq_names *names);
bool blipmq_trie_put(struct blipmq_trie *trie, struct blipmq_trie_node *leaf);
struct blipmq_trie_node *blipmq_trie_find(struct blipmq_trie *trie,
					  const struct blipmq_names *names);

u8 blipmq_trie_pattern(const struct blipmq_trie_node *leaf, u8 *pattern);

const unsigned long *blipmq_trie_generation(const struct blipmq_trie *trie,
					    const u8 *topic, u8 len);

void blipmq_trie_walk_start(struct blipmq_trie_walk *w,
			    struct blipmq_trie *trie, const u8 *topic, u8 len);
struct blipmq_set *blipmq_trie_walk_next(struct blipmq_trie_walk *w);
bool __blipmq_trie_matches(struct blipmq_trie *trie, const u8 *topic, u8 len,
			   u32 *steps);

/**
 * blipmq_trie_matches() - does any pattern match a topic?
 * @trie: the patterns
 * @topic: its bytes
 * @len: how many
 * @steps: nodes that were looked at are added to it
 *
 * Context: an RCU read-side section.
 * Return: a snapshot.
 */
static inline bool blipmq_trie_matches(struct blipmq_trie *trie,
				       const u8 *topic, u8 len, u32 *steps)
{
	return READ_ONCE(trie->nr_leaves) &&
	       __blipmq_trie_matches(trie, topic, len, steps);
}

#endif /* _BLIPMQ_TRIE_H */
