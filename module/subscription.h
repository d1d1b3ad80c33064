/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a socket is subscribed to.
 */
#ifndef _BLIPMQ_SUBSCRIPTION_H
#define _BLIPMQ_SUBSCRIPTION_H

#include "types.h"

int __must_check blipmq_subscribe(struct blipmq_sock *bs,
				  const struct blipmq_names *names);
int __must_check blipmq_unsubscribe(struct blipmq_sock *bs,
				    const struct blipmq_names *names);
void blipmq_subscriptions_block(struct blipmq_sock *bs, bool blocks);
void blipmq_unsubscribe_all(struct blipmq_sock *bs);

#endif /* _BLIPMQ_SUBSCRIPTION_H */
