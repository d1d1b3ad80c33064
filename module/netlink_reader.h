/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What dumps of the control plane share: who asks, what he may see, and lists
 * that are longer than a message.
 */
#ifndef _BLIPMQ_NETLINK_READER_H
#define _BLIPMQ_NETLINK_READER_H

#include <linux/uidgid.h>
#include <linux/xarray.h>
#include <net/genetlink.h>

#include "types.h"

struct blipmq_rule;
struct pid_namespace;

/**
 * struct blipmq_nl_reader - who asks, and for what
 * @ns: the namespace
 * @user_ns: in which ids are told
 * @pid_ns: in which processes are told
 * @self: who asks
 * @all: he may see what is not his own
 * @only: what is not of this one is left out, if this is valid
 * @pattern: nor what this pattern does not match, if it is not NULL
 * @pattern_len: bytes of @pattern
 * @portid: where the answer goes
 * @seq: the number of the request
 * @flags: of the messages
 */
struct blipmq_nl_reader {
	struct blipmq_net	*ns;
	struct user_namespace	*user_ns;
	struct pid_namespace	*pid_ns;
	kuid_t			self;
	bool			all;
	kuid_t			only;
	const u8		*pattern;
	u8			pattern_len;
	u32			portid;
	u32			seq;
	int			flags;
};

int __must_check blipmq_nl_reader_of_info(struct blipmq_nl_reader *r,
					  struct sk_buff *skb,
					  struct genl_info *info,
					  const struct nlattr *uid);
int __must_check blipmq_nl_reader_of_dump(struct blipmq_nl_reader *r,
					  struct netlink_callback *cb,
					  const struct nlattr *uid,
					  const struct nlattr *pattern);
bool blipmq_nl_may_see(const struct blipmq_nl_reader *r, kuid_t uid);
bool blipmq_nl_matches(const struct blipmq_nl_reader *r, const u8 *name,
		       u8 len);
void *blipmq_nl_begin(struct sk_buff *skb, const struct blipmq_nl_reader *r,
		      u8 command);

/**
 * typedef blipmq_nl_put_t - add one entry of a list to an answer
 * @skb: the answer
 * @r: who asks
 * @entry: the entry
 *
 * Context: an RCU read-side section.
 * Return: 0, also when it is left out; -EMSGSIZE with nothing added.
 */
typedef int blipmq_nl_put_t(struct sk_buff *skb,
			    const struct blipmq_nl_reader *r, void *entry);

int blipmq_nl_dump_array(struct sk_buff *skb, struct netlink_callback *cb,
			 const struct blipmq_nl_reader *r, struct xarray *xa,
			 blipmq_nl_put_t *put);
int blipmq_nl_get_entry(struct genl_info *info,
			const struct blipmq_nl_reader *r, struct xarray *xa,
			unsigned long index, blipmq_nl_put_t *put);

/* netlink_settings.c */
int blipmq_nl_put_settings(struct sk_buff *skb,
			   const struct blipmq_nl_reader *r,
			   const struct blipmq_rule *rule);

/* netlink_sockets.c */
kuid_t blipmq_nl_uid_of(struct blipmq_sock *bs);
int blipmq_nl_put_process(struct sk_buff *skb, const struct blipmq_nl_reader *r,
			  const struct blipmq_sock *bs, int pid, int command);

#endif /* _BLIPMQ_NETLINK_READER_H */
