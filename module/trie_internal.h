/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the trie share.
 */
#ifndef _BLIPMQ_TRIE_INTERNAL_H
#define _BLIPMQ_TRIE_INTERNAL_H

#include "trie.h"

/**
 * struct blipmq_trie_key - a child to look for
 * @parent: whose
 * @name: its token
 * @kind: enum blipmq_trie_kind
 * @len: bytes of @name, 0 where the kind says all
 */
struct blipmq_trie_key {
	struct blipmq_trie_node	*parent;
	const u8		*name;
	u8			kind;
	u8			len;
};

struct blipmq_trie_node *blipmq_trie_child(struct blipmq_trie *trie,
					   const struct blipmq_trie_key *key);

#endif /* _BLIPMQ_TRIE_INTERNAL_H */
