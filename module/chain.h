/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rings of a receive queue, one behind the other. It starts small; when
 * the last ring is full, a larger one is chained behind it, and consumers
 * finish the old one first.
 */
#ifndef _BLIPMQ_CHAIN_H
#define _BLIPMQ_CHAIN_H

#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "ring.h"
#include "types.h"

struct mem_cgroup;

/**
 * struct blipmq_chain - rings; read-mostly
 * @tail: where publishers push, NULL when nothing may come
 * @head: where consumers pop
 * @closed: nothing comes any more
 * @grow_lock: guards @tail and @closed
 * @head_lock: guards changes of @head
 * @memcg: the cgroup of the owner, which rings are charged to
 * @ns: the namespace
 */
struct blipmq_chain {
	struct blipmq_ring __rcu	*tail;
	struct blipmq_ring __rcu	*head;
	bool				closed;
	spinlock_t			grow_lock;	/* @tail, @closed */
	spinlock_t			head_lock;	/* @head */
	struct mem_cgroup		*memcg;
	struct blipmq_net		*ns;
};

void blipmq_chain_init(struct blipmq_chain *c, struct blipmq_net *ns);
void blipmq_chain_destroy(struct blipmq_chain *c);
int __must_check blipmq_chain_open(struct blipmq_chain *c);
void blipmq_chain_seal(struct blipmq_chain *c);
struct blipmq_ring *blipmq_chain_close(struct blipmq_chain *c);
struct blipmq_ring *blipmq_chain_free_first(struct blipmq_chain *c,
					    struct blipmq_ring *ring);

enum blipmq_ring_result blipmq_chain_push(struct blipmq_chain *c,
					  struct sk_buff *b, u64 mask);
bool blipmq_chain_pop(struct blipmq_chain *c, struct blipmq_slot *slot,
		      struct blipmq_ring **finished);
struct sk_buff *blipmq_chain_first(struct blipmq_chain *c,
				   struct blipmq_ring **finished);
void blipmq_chain_leave(struct blipmq_chain *c, struct blipmq_ring *finished);
bool blipmq_chain_is_single(struct blipmq_chain *c);
bool blipmq_chain_readable(struct blipmq_chain *c);
bool blipmq_chain_drained(struct blipmq_chain *c);

#endif /* _BLIPMQ_CHAIN_H */
