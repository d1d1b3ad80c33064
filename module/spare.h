/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bundles that their publisher uses again.
 */
#ifndef _BLIPMQ_SPARE_H
#define _BLIPMQ_SPARE_H

#include <linux/types.h>

struct blipmq_sender;
struct sk_buff;
struct work_struct;

bool blipmq_spare_put(struct blipmq_sender *s, struct sk_buff *b);
struct sk_buff *blipmq_spare_take(struct blipmq_sender *s, u32 size);
void blipmq_spare_purge(struct blipmq_sender *s);
void blipmq_spare_reclaim_work(struct work_struct *work);

#endif /* _BLIPMQ_SPARE_H */
