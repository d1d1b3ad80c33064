// SPDX-License-Identifier: GPL-2.0
/*
 * Matching: all sets whose pattern matches a topic.
 */
#include <linux/rculist.h>

#include "trie.h"
#include "trie_internal.h"

/* The walk has come to a node: which of its leaves match? */
static void walk_enter(struct blipmq_trie_walk *w,
		       const struct blipmq_trie_node *node, u8 depth)
{
	const struct hlist_head *leaves;

	/* '>' stands for one token at least. */
	leaves = depth == w->nr_tokens ? &node->here : &node->rest;
	w->node = node;
	w->depth = depth;
	w->steps++;
	w->leaf = rcu_dereference(hlist_first_rcu(leaves));
}

/**
 * blipmq_trie_walk_start() - begin to match a topic
 * @w: the walk
 * @trie: the patterns
 * @topic: a valid topic, which stays there
 * @len: its bytes
 *
 * Context: an RCU read-side section, as long as the walk and what it gives are
 * used.
 */
void blipmq_trie_walk_start(struct blipmq_trie_walk *w,
			    struct blipmq_trie *trie, const u8 *topic, u8 len)
{
	const struct blipmq_trie_node *root = rcu_dereference(trie->root);
	u32 i;

	w->trie = trie;
	w->topic = topic;
	w->leaf = NULL;
	w->node = NULL;
	w->nr_tokens = 0;
	w->steps = 0;
	w->starts[0] = 0;
	if (!root)
		return;
	for (i = 0; i <= len; i++)
		if (i == len || topic[i] == '.')
			w->starts[++w->nr_tokens] = i + 1;
	walk_enter(w, root, 0);
}

static const struct blipmq_trie_node *
walk_child(struct blipmq_trie_walk *w, const struct blipmq_trie_node *node)
{
	struct blipmq_trie_key key = {
		.parent = (struct blipmq_trie_node *)node,
		.name = w->topic + w->starts[w->depth],
		.kind = BLIPMQ_TRIE_TOKEN,
		.len = w->starts[w->depth + 1] - w->starts[w->depth] - 1,
	};
	const struct blipmq_trie_node *child = NULL;

	if (READ_ONCE(node->nr_tokens))
		child = blipmq_trie_child(w->trie, &key);
	return child ?: rcu_dereference(node->star);
}

/*
 * On to the next node: down by the literal token, then by '*', then up. One
 * that was removed meanwhile still has its parent.
 */
static void walk_on(struct blipmq_trie_walk *w)
{
	const struct blipmq_trie_node *node = w->node, *child = NULL;
	u8 kind;

	if (w->depth < w->nr_tokens)
		child = walk_child(w, node);
	while (!child) {
		kind = node->kind;
		node = node->parent;
		if (!node) {
			w->node = NULL;
			return;
		}
		w->depth--;
		if (kind == BLIPMQ_TRIE_TOKEN)
			child = rcu_dereference(node->star);
	}
	walk_enter(w, child, w->depth + 1);
}

/**
 * blipmq_trie_walk_next() - the next set that matches
 * @w: the walk
 *
 * The order is the same as long as no matching pattern comes or goes.
 *
 * Context: as blipmq_trie_walk_start().
 * Return: the set, NULL at the end.
 */
struct blipmq_set *blipmq_trie_walk_next(struct blipmq_trie_walk *w)
{
	struct hlist_node *leaf;

	while (w->node) {
		leaf = w->leaf;
		if (leaf) {
			w->leaf = rcu_dereference(hlist_next_rcu(leaf));
			return hlist_entry(leaf, struct blipmq_trie_node,
					   link)->set;
		}
		walk_on(w);
	}
	return NULL;
}

bool __blipmq_trie_matches(struct blipmq_trie *trie, const u8 *topic, u8 len,
			   u32 *steps)
{
	struct blipmq_trie_walk w;
	bool matches;

	blipmq_trie_walk_start(&w, trie, topic, len);
	matches = blipmq_trie_walk_next(&w);
	*steps += w.steps;
	return matches;
}
