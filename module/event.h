/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events: what administrators are told as it happens, by the netlink group
 * events. None comes from the way of a message, but from a queue that runs
 * full or is emptied again.
 */
#ifndef _BLIPMQ_EVENT_H
#define _BLIPMQ_EVENT_H

#include <linux/spinlock.h>

#include <uapi/linux/blipmq_netlink.h>

#include "types.h"

struct blipmq_subscription_node;

/**
 * struct blipmq_events - the events of a namespace
 * @lock: guards the members below, and the order of events
 * @sequence: the number of the latest one
 * @limit_told: jiffies at which a limit was last told to be reached, by
 *	attribute; 0 for never
 */
struct blipmq_events {
	spinlock_t	lock;	/* the order of events */
	u64		sequence;
	unsigned long	limit_told[BLIPMQ_A_LIMITS_MAX + 1];
};

/* None of these sleeps; they may be called wherever no interrupt is served. */
void blipmq_event_topic(struct blipmq_net *ns, enum blipmq_event_kind kind,
			const struct blipmq_topic *topic);
void blipmq_event_subscription(enum blipmq_event_kind kind,
			       const struct blipmq_subscription_node *sub);
void blipmq_event_slow(enum blipmq_event_kind kind, struct blipmq_sock *bs);
void blipmq_event_limit(struct blipmq_net *ns, int attr);
void blipmq_event_drain(struct blipmq_net *ns, enum blipmq_event_kind kind);
void blipmq_event_worker(u32 number, int cpu);

bool blipmq_events_wanted(void);
void blipmq_events_init(struct blipmq_net *ns);
void blipmq_events_open(void);
void blipmq_events_close(void);

#endif /* _BLIPMQ_EVENT_H */
