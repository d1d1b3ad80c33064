// SPDX-License-Identifier: GPL-2.0
/*
 * The trie's nodes: adding a pattern, taking it away, its life.
 */
#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "trie.h"
#include "trie_internal.h"
#include "user.h"

static u32 trie_hash(const struct blipmq_trie_node *parent, u8 kind,
		     const u8 *name, u8 len, u32 seed)
{
	return jhash(name, len, jhash_2words(hash32_ptr(parent), kind, seed));
}

static u32 trie_key_hash(const void *data, u32 len, u32 seed)
{
	const struct blipmq_trie_key *key = data;

	return trie_hash(key->parent, key->kind, key->name, key->len, seed);
}

static u32 trie_obj_hash(const void *data, u32 len, u32 seed)
{
	const struct blipmq_trie_node *node = data;

	return trie_hash(node->parent, node->kind, node->name, node->name_len,
			 seed);
}

static int trie_obj_cmp(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct blipmq_trie_key *key = arg->key;
	const struct blipmq_trie_node *node = obj;

	return key->parent != node->parent || key->kind != node->kind ||
	       key->len != node->name_len ||
	       memcmp(key->name, node->name, key->len);
}

static const struct rhashtable_params trie_params = {
	.head_offset = offsetof(struct blipmq_trie_node, hash),
	.hashfn = trie_key_hash,
	.obj_hashfn = trie_obj_hash,
	.obj_cmpfn = trie_obj_cmp,
	.automatic_shrinking = true,
};

/**
 * blipmq_trie_child() - look for a child
 * @trie: the trie
 * @key: whose, and which
 *
 * Context: an RCU read-side section, or the trie's lock is held.
 * Return: the node, or NULL.
 */
struct blipmq_trie_node *blipmq_trie_child(struct blipmq_trie *trie,
					   const struct blipmq_trie_key *key)
{
	return rhashtable_lookup(&trie->nodes, key, trie_params);
}

/* Return: where it begins. */
static u32 pattern_prepend(u8 *pattern, u32 start, const u8 *token, u8 len)
{
	if (start < BLIPMQ_PATTERN_MAX)
		pattern[--start] = '.';
	start -= len;
	memcpy(pattern + start, token, len);
	return start;
}

/**
 * blipmq_trie_pattern() - what was subscribed to
 * @leaf: the pattern
 * @pattern: room for BLIPMQ_PATTERN_MAX bytes
 *
 * Context: an RCU read-side section, or the pattern is held.
 * Return: bytes of it.
 */
u8 blipmq_trie_pattern(const struct blipmq_trie_node *leaf, u8 *pattern)
{
	const struct blipmq_trie_node *node;
	u32 start = BLIPMQ_PATTERN_MAX, len;

	/* From its end to its beginning, as that is where a leaf leads. */
	if (leaf->kind == BLIPMQ_TRIE_REST)
		start = pattern_prepend(pattern, start, ">", 1);
	for (node = leaf->parent; node->parent; node = node->parent) {
		if (node->kind == BLIPMQ_TRIE_STAR)
			start = pattern_prepend(pattern, start, "*", 1);
		else
			start = pattern_prepend(pattern, start, node->name,
						node->name_len);
	}
	len = BLIPMQ_PATTERN_MAX - start;
	memmove(pattern, pattern + start, len);
	return len;
}

/**
 * blipmq_trie_generation() - the number that says whether a match still holds
 * @trie: the patterns
 * @topic: a topic, or a pattern that begins with a literal token
 * @len: its bytes
 *
 * Return: where it stands, for as long as the trie lives.
 */
const unsigned long *blipmq_trie_generation(const struct blipmq_trie *trie,
					    const u8 *topic, u8 len)
{
	u8 token = 0;

	while (token < len && topic[token] != '.')
		token++;
	return &trie->generations[jhash(topic, token, 0) %
				  BLIPMQ_TRIE_GENERATIONS];
}

/*
 * Whoever sees the new number sees what was added, too. What is removed may still be
 * seen for a while: its set has no legs any more, and is dead.
 */
static void trie_changed(struct blipmq_trie *trie,
			 const struct blipmq_trie_node *leaf)
{
	const struct blipmq_trie_node *first = leaf;
	unsigned long *generation;
	u32 i;

	lockdep_assert_held(&trie->lock);
	while (first->parent && first->parent->parent)
		first = first->parent;
	if (first->kind == BLIPMQ_TRIE_TOKEN) {
		generation = (unsigned long *)
			blipmq_trie_generation(trie, first->name,
					       first->name_len);
		/* Pairs with the acquires in route.c. */
		smp_store_release(generation, *generation + 1);
		return;
	}
	for (i = 0; i < BLIPMQ_TRIE_GENERATIONS; i++)
		/* As above. */
		smp_store_release(&trie->generations[i],
				  trie->generations[i] + 1);
}

static void trie_node_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct blipmq_trie_node, rcu));
}

static int trie_insert(struct blipmq_trie *trie, struct blipmq_trie_node *node)
{
	int err;

	if (node->kind == BLIPMQ_TRIE_STAR) {
		rcu_assign_pointer(node->parent->star, node);
		return 0;
	}
	err = rhashtable_insert_fast(&trie->nodes, &node->hash, trie_params);
	if (err)
		return err == -ENOMEM ? err : -ENOBUFS;
	if (node->kind == BLIPMQ_TRIE_TOKEN)
		WRITE_ONCE(node->parent->nr_tokens,
			   node->parent->nr_tokens + 1);
	else if (node->kind == BLIPMQ_TRIE_HERE)
		hlist_add_head_rcu(&node->link, &node->parent->here);
	else
		hlist_add_head_rcu(&node->link, &node->parent->rest);
	return 0;
}

static bool trie_is_leaf(const struct blipmq_trie_node *node)
{
	return node->kind == BLIPMQ_TRIE_HERE || node->kind == BLIPMQ_TRIE_REST;
}

/* A new child, visible at once; of a leaf, with an empty set. */
static struct blipmq_trie_node *trie_add(struct blipmq_trie *trie,
					 const struct blipmq_trie_key *key)
{
	struct blipmq_trie_node *node;
	int err = -ENOMEM;

	node = kzalloc(struct_size(node, name, key->len), GFP_KERNEL_ACCOUNT);
	if (!node)
		return ERR_PTR(err);
	node->parent = key->parent;
	node->kind = key->kind;
	node->name_len = key->len;
	memcpy(node->name, key->name, key->len);
	if (trie_is_leaf(node)) {
		node->set = key->len ? blipmq_set_create_group() :
				       blipmq_set_create();
		if (!node->set)
			goto err_free;
	}
	err = trie_insert(trie, node);
	if (err)
		goto err_put_set;
	node->parent->users++;
	if (trie_is_leaf(node)) {
		WRITE_ONCE(trie->nr_leaves, trie->nr_leaves + 1);
		trie_changed(trie, node);
	}
	return node;

err_put_set:
	if (node->set)
		blipmq_set_put(node->set);
err_free:
	kfree(node);
	return ERR_PTR(err);
}

static void trie_unlink(struct blipmq_trie *trie, struct blipmq_trie_node *node)
{
	if (node->kind == BLIPMQ_TRIE_STAR) {
		RCU_INIT_POINTER(node->parent->star, NULL);
		return;
	}
	if (node->kind == BLIPMQ_TRIE_TOKEN)
		WRITE_ONCE(node->parent->nr_tokens,
			   node->parent->nr_tokens - 1);
	else
		hlist_del_rcu(&node->link);
	rhashtable_remove_fast(&trie->nodes, &node->hash, trie_params);
}

/* Take away a node that nobody uses, and those above that only led to it. */
static void trie_remove(struct blipmq_trie *trie, struct blipmq_trie_node *node)
{
	struct blipmq_trie_node *parent;

	lockdep_assert_held(&trie->lock);
	while (node->parent && !node->users) {
		parent = node->parent;
		trie_unlink(trie, node);
		parent->users--;
		call_rcu(&node->rcu, trie_node_free);
		node = parent;
	}
}

/* The next token of a pattern, or behind the last one the group. */
static void trie_key_next(struct blipmq_trie_key *key,
			  const struct blipmq_names *names, u32 *at)
{
	const u8 *pattern = names->pattern;
	u32 len = names->pattern_len, end = *at;

	key->kind = BLIPMQ_TRIE_HERE;
	if (*at <= len) {
		while (end < len && pattern[end] != '.')
			end++;
		key->kind = BLIPMQ_TRIE_TOKEN;
		if (end - *at == 1 && pattern[*at] == '*')
			key->kind = BLIPMQ_TRIE_STAR;
		else if (end - *at == 1 && pattern[*at] == '>')
			key->kind = BLIPMQ_TRIE_REST;
	}
	key->name = pattern + *at;
	key->len = 0;
	if (key->kind == BLIPMQ_TRIE_TOKEN) {
		key->len = end - *at;
	} else if (key->kind != BLIPMQ_TRIE_STAR) {
		key->name = names->group;
		key->len = names->group_len;
	}
	*at = end + 1;
}

static struct blipmq_trie_node *trie_step(struct blipmq_trie *trie,
					  const struct blipmq_trie_key *key)
{
	if (key->kind == BLIPMQ_TRIE_STAR)
		return rcu_dereference_check(key->parent->star,
					     lockdep_is_held(&trie->lock));
	return blipmq_trie_child(trie, key);
}

static struct blipmq_trie_node *trie_root(struct blipmq_trie *trie)
{
	struct blipmq_trie_node *root;

	root = rcu_dereference_protected(trie->root,
					 lockdep_is_held(&trie->lock));
	if (root)
		return root;
	root = kzalloc(sizeof(*root), GFP_KERNEL);
	if (root)
		rcu_assign_pointer(trie->root, root);
	return root;
}

/* What a pattern counts for. */
static u8 trie_cost(const struct blipmq_names *names)
{
	u32 i, tokens = 1;

	for (i = 0; i < names->pattern_len; i++)
		tokens += names->pattern[i] == '.';
	return DIV_ROUND_UP(tokens, BLIPMQ_TRIE_COST_TOKENS);
}

/* From its first subscriber to its last a pattern counts for one of them. */
static void trie_own(struct blipmq_trie *trie, struct blipmq_trie_node *leaf,
		     struct blipmq_user *owner, u8 cost)
{
	leaf->cost = cost;
	trie->cost += cost;
	if (!owner)
		return;
	leaf->owner = blipmq_user_hold(owner);
	owner->patterns += cost;
}

static void trie_disown(struct blipmq_trie *trie, struct blipmq_trie_node *leaf)
{
	trie->cost -= leaf->cost;
	if (!leaf->owner)
		return;
	leaf->owner->patterns -= leaf->cost;
	blipmq_user_put(leaf->owner);
	leaf->owner = NULL;
}

/**
 * blipmq_trie_get() - hold the leaf of a pattern, made when there is none
 * @trie: the patterns
 * @owner: whom it counts for if nobody has it yet, NULL for nobody
 * @most: what those of the owner may count for
 * @names: the pattern, and the queue group if there is one
 *
 * Publishes that begin after the return find the leaf's set.
 *
 * Context: may sleep.
 * Return: the leaf, to be given to blipmq_trie_put(); -ENOMEM; -ENOBUFS when
 * all would count for more than BLIPMQ_TRIE_COST_MAX or the table is as large as it
 * gets; -EDQUOT when those of the owner would for more than @most.
 */
struct blipmq_trie_node *blipmq_trie_get(struct blipmq_trie *trie,
					 struct blipmq_user *owner, u32 most,
					 const struct blipmq_names *names)
{
	struct blipmq_trie_node *node;
	struct blipmq_trie_key key;
	u8 cost = trie_cost(names);
	u32 at = 0;

	mutex_lock(&trie->lock);
	node = trie_root(trie) ?: ERR_PTR(-ENOMEM);
	while (!IS_ERR(node) && !trie_is_leaf(node)) {
		key.parent = node;
		trie_key_next(&key, names, &at);
		rcu_read_lock();
		node = trie_step(trie, &key);
		rcu_read_unlock();
		/* Removal needs the lock that is held. */
		if (node)
			continue;
		if (owner && owner->patterns + cost > most)
			node = ERR_PTR(-EDQUOT);
		else if (trie->cost + cost > BLIPMQ_TRIE_COST_MAX)
			node = ERR_PTR(-ENOBUFS);
		else
			node = trie_add(trie, &key);
		if (IS_ERR(node))
			trie_remove(trie, key.parent);
	}
	if (!IS_ERR(node) && !node->users++)
		trie_own(trie, node, owner, cost);
	mutex_unlock(&trie->lock);
	return node;
}

/**
 * blipmq_trie_put() - give a leaf up
 * @trie: the patterns
 * @leaf: what blipmq_trie_get() gave
 *
 * Context: may sleep.
 * Return: true when the pattern is gone and routes still name its set.
 */
bool blipmq_trie_put(struct blipmq_trie *trie, struct blipmq_trie_node *leaf)
{
	struct blipmq_set *set = leaf->set;
	bool named = false;

	mutex_lock(&trie->lock);
	if (!--leaf->users) {
		trie_disown(trie, leaf);
		WRITE_ONCE(set->dead, true);
		WRITE_ONCE(trie->nr_leaves, trie->nr_leaves - 1);
		trie_changed(trie, leaf);
		trie_remove(trie, leaf);
		/*
		 * Pairs with the one in route_fill(): a route that is being
		 * made holds the set by now, or sees that it is dead.
		 */
		smp_mb();
		named = refcount_read(&set->refs) > 1;
		blipmq_set_put(set);
	}
	mutex_unlock(&trie->lock);
	return named;
}

/**
 * blipmq_trie_find() - look for the leaf of a pattern
 * @trie: the patterns
 * @names: the pattern, and the queue group if there is one
 *
 * Context: an RCU read-side section, as long as the result is used.
 * Return: the leaf, or NULL.
 */
struct blipmq_trie_node *blipmq_trie_find(struct blipmq_trie *trie,
					  const struct blipmq_names *names)
{
	struct blipmq_trie_node *node = rcu_dereference(trie->root);
	struct blipmq_trie_key key;
	u32 at = 0;

	while (node && !trie_is_leaf(node)) {
		key.parent = node;
		trie_key_next(&key, names, &at);
		node = trie_step(trie, &key);
	}
	return node;
}

/**
 * blipmq_trie_init() - no patterns yet
 * @trie: the trie, zeroed
 *
 * Return: 0 or -ENOMEM.
 */
int blipmq_trie_init(struct blipmq_trie *trie)
{
	u32 i;

	mutex_init(&trie->lock);
	/* Zero is what no match has. */
	for (i = 0; i < BLIPMQ_TRIE_GENERATIONS; i++)
		trie->generations[i] = 1;
	return rhashtable_init(&trie->nodes, &trie_params);
}

/**
 * blipmq_trie_destroy() - free a trie without patterns
 * @trie: the trie, which nobody walks
 *
 * Context: may sleep.
 */
void blipmq_trie_destroy(struct blipmq_trie *trie)
{
	WARN_ON_ONCE(trie->nr_leaves || trie->cost);
	kfree(rcu_dereference_protected(trie->root, true));
	rhashtable_destroy(&trie->nodes);
}
