// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options of level SOL_BLIPMQ.
 */
#include <linux/capability.h>
#include <linux/sockptr.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

#include "access.h"
#include "netns.h"
#include "pattern.h"
#include "queue.h"
#include "sender.h"
#include "sock.h"
#include "subscription.h"
#include "user.h"

static int set_subscription(struct blipmq_sock *bs, int option,
			    sockptr_t value, unsigned int len)
{
	u8 buf[sizeof(struct blipmq_subscription) + 2 * BLIPMQ_NAME_MAX]
		__aligned(__alignof__(struct blipmq_subscription));
	struct blipmq_subscription *s = (struct blipmq_subscription *)buf;
	struct blipmq_names names;

	if (len < sizeof(*s) || len > sizeof(buf))
		return -EINVAL;
	if (copy_from_sockptr(buf, value, len))
		return -EFAULT;
	if (s->flags || len != sizeof(*s) + s->pattern_len + s->group_len)
		return -EINVAL;
	if (!blipmq_pattern_valid(s->names, s->pattern_len))
		return -EINVAL;
	if (s->group_len &&
	    !blipmq_topic_valid(s->names + s->pattern_len, s->group_len))
		return -EINVAL;
	names.pattern = s->names;
	names.group = s->names + s->pattern_len;
	names.pattern_len = s->pattern_len;
	names.group_len = s->group_len;
	if (option == BLIPMQ_SUBSCRIBE)
		return blipmq_subscribe(bs, &names);
	return blipmq_unsubscribe(bs, &names);
}

static int set_topic(struct blipmq_sock *bs, sockptr_t value, unsigned int len)
{
	u8 buf[BLIPMQ_NAME_MAX];

	if (len > sizeof(buf))
		return -EINVAL;
	if (copy_from_sockptr(buf, value, len))
		return -EFAULT;
	return blipmq_sock_set_topic(bs, buf, len);
}

/*
 * The ids as the caller knows them. They have to be mapped in the namespace's
 * user namespace, too: its owner outside of that has all rights in it, but may
 * not be who he likes.
 */
static bool identity_ids(const struct blipmq_sock *bs,
			 const struct blipmq_identity *id, kuid_t *uid,
			 kgid_t *gid)
{
	struct user_namespace *owner = sock_net(&bs->sk)->user_ns;

	*uid = make_kuid(current_user_ns(), id->uid);
	*gid = make_kgid(current_user_ns(), id->gid);
	return uid_valid(*uid) && gid_valid(*gid) &&
	       kuid_has_mapping(owner, *uid) && kgid_has_mapping(owner, *gid);
}

static int set_identity(struct blipmq_sock *bs, sockptr_t value,
			unsigned int len)
{
	struct blipmq_sender *sender;
	struct blipmq_identity id;
	struct blipmq_user *user;
	char *name = NULL;
	kuid_t uid;
	kgid_t gid;

	if (!ns_capable(sock_net(&bs->sk)->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (len != sizeof(id))
		return -EINVAL;
	if (copy_from_sockptr(&id, value, sizeof(id)))
		return -EFAULT;
	if (!identity_ids(bs, &id, &uid, &gid) || id.name[sizeof(id.name) - 1])
		return -EINVAL;
	if (id.name[0]) {
		name = kstrdup(id.name, GFP_KERNEL_ACCOUNT);
		if (!name)
			return -ENOMEM;
	}
	user = blipmq_user_get(bs->ns, uid);
	if (!user)
		goto err_name;
	sender = blipmq_sender_create(bs->ns, uid, gid, NULL);
	if (!sender)
		goto err_user;
	sender->acts = true;
	blipmq_user_put(blipmq_queue_set_user(&bs->queue, user));
	down_read(&bs->ns->rules_sem);
	blipmq_sender_retire(bs->sender);
	bs->sender = sender;
	/* What it may as itself it may not for others. */
	bs->may_block = false;
	blipmq_subscriptions_judge(bs);
	up_read(&bs->ns->rules_sem);
	name = rcu_replace_pointer(bs->identity, name,
				   lockdep_is_held(&bs->tx_lock));
	/* The control plane may be reading it. */
	if (name)
		kfree_rcu_mightsleep(name);
	return 0;

err_user:
	blipmq_user_put(user);
err_name:
	kfree(name);
	return -ENOMEM;
}

/*
 * Whoever may stop others from publishing whatever the rules say: who may
 * configure the namespace, and acts for itself, not for a client. Who opened
 * the socket has to be one, too: frames also come from programs with rights
 * that somebody without any gave the socket to as their standard output.
 */
static bool sock_may_block(const struct blipmq_sock *bs)
{
	return !bs->sender->acts &&
	       sk_ns_capable(&bs->sk, sock_net(&bs->sk)->user_ns,
			     CAP_NET_ADMIN);
}

static int set_overflow(struct blipmq_sock *bs, u32 policy)
{
	bool may_block = sock_may_block(bs);
	int err = 0;

	down_read(&bs->ns->rules_sem);
	if (policy == BLIPMQ_OVERFLOW_BLOCK && !may_block)
		err = blipmq_subscriptions_may_block(bs);
	if (!err)
		err = blipmq_sock_set_policy(bs, policy);
	if (!err)
		bs->may_block = may_block;
	up_read(&bs->ns->rules_sem);
	return err;
}

/**
 * blipmq_sock_set_u32() - set an option that is a number
 * @bs: the socket
 * @option: its number
 * @value: what to set it to
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0; -EINVAL out of range; -EACCES when it is not for this user; -ENOMEM;
 * -ENOPROTOOPT for an option that is none of these.
 */
int blipmq_sock_set_u32(struct blipmq_sock *bs, int option, u32 value)
{
	const struct blipmq_limits *limits = &bs->ns->limits;

	lockdep_assert_held(&bs->tx_lock);
	switch (option) {
	case BLIPMQ_QUEUE_MESSAGES:
		if (!value || value > READ_ONCE(limits->queue_messages_max))
			return -EINVAL;
		blipmq_queue_set_limits(&bs->queue, value,
					bs->queue.limit_bytes);
		return 0;
	case BLIPMQ_QUEUE_BYTES:
		if (!value || value > READ_ONCE(limits->queue_bytes_max))
			return -EINVAL;
		blipmq_queue_set_limits(&bs->queue,
					bs->queue.limit_messages, value);
		return 0;
	case BLIPMQ_OVERFLOW:
		return set_overflow(bs, value);
	case BLIPMQ_TTL:
		bs->ttl_ms = value;
		return 0;
	}
	return -ENOPROTOOPT;
}

/*
 * A longer queue than users may have; not by a frame, which is a stranger's
 * where the socket is a proxy's.
 */
static bool may_have_bytes(struct blipmq_sock *bs, u32 bytes)
{
	return bytes > READ_ONCE(bs->ns->limits.queue_bytes_max) &&
	       bytes <= BLIPMQ_QUEUE_BYTES_MAX &&
	       ns_capable(sock_net(&bs->sk)->user_ns, CAP_NET_ADMIN);
}

static int set_number(struct blipmq_sock *bs, int option, sockptr_t value,
		      unsigned int len)
{
	u32 number;

	if (len != sizeof(number))
		return -EINVAL;
	if (copy_from_sockptr(&number, value, sizeof(number)))
		return -EFAULT;
	switch (option) {
	case BLIPMQ_INFO:
		if (number & ~(BLIPMQ_INFO_ID | BLIPMQ_INFO_TIMESTAMP |
			       BLIPMQ_INFO_LOST | BLIPMQ_INFO_CREDENTIALS |
			       BLIPMQ_INFO_RETAINED))
			return -EINVAL;
		WRITE_ONCE(bs->info, number);
		return 0;
	case BLIPMQ_PASSCRED:
		if (number)
			number = bs->info | BLIPMQ_INFO_CREDENTIALS;
		else
			number = bs->info & ~BLIPMQ_INFO_CREDENTIALS;
		WRITE_ONCE(bs->info, number);
		return 0;
	case BLIPMQ_QUEUE_BYTES:
		if (!may_have_bytes(bs, number))
			break;
		blipmq_queue_set_limits(&bs->queue, bs->queue.limit_messages,
					number);
		return 0;
	}
	return blipmq_sock_set_u32(bs, option, number);
}

/*
 * The kernel's own options, on kernels that let families see them: what is too
 * much for a smaller SO_RCVBUF goes at once, not at the next publisher's cost.
 */
static int set_socket_option(struct socket *sock, int option, sockptr_t value,
			     unsigned int len)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	int err = sock_setsockopt(sock, SOL_SOCKET, option, value, len);

	if (err || (option != SO_RCVBUF && option != SO_RCVBUFFORCE))
		return err;
	/* The limit holds; who is killed has nothing to make room for. */
	if (mutex_lock_killable(&bs->tx_lock))
		return -EINTR;
	blipmq_queue_set_limits(&bs->queue, bs->queue.limit_messages,
				bs->queue.limit_bytes);
	mutex_unlock(&bs->tx_lock);
	return 0;
}

/**
 * blipmq_setsockopt() - set an option
 * @sock: the socket
 * @level: SOL_BLIPMQ, or SOL_SOCKET where the kernel says so
 * @option: its number
 * @value: to what
 * @len: bytes of that
 *
 * Return: 0, or a negative errno with nothing changed, but for SO_RCVBUF when who
 * sets it is killed.
 */
int blipmq_setsockopt(struct socket *sock, int level, int option,
		      sockptr_t value, unsigned int len)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	int err;

	if (level == SOL_SOCKET)
		return set_socket_option(sock, option, value, len);
	if (level != SOL_BLIPMQ)
		return -ENOPROTOOPT;
	if (mutex_lock_interruptible(&bs->tx_lock))
		return -ERESTARTSYS;
	err = blipmq_lane_settle(bs);
	if (err)
		goto out;
	switch (option) {
	case BLIPMQ_SUBSCRIBE:
	case BLIPMQ_UNSUBSCRIBE:
		err = set_subscription(bs, option, value, len);
		break;
	case BLIPMQ_TOPIC_DEFAULT:
		err = set_topic(bs, value, len);
		break;
	case BLIPMQ_IDENTITY:
		err = set_identity(bs, value, len);
		break;
	case BLIPMQ_STATS:
		err = -ENOPROTOOPT;
		break;
	default:
		err = set_number(bs, option, value, len);
	}
out:
	mutex_unlock(&bs->tx_lock);
	return err;
}

static void get_stats(struct blipmq_sock *bs, struct blipmq_socket_stats *stats)
{
	struct blipmq_totals t = {};

	blipmq_sock_totals(bs, &t);
	stats->published = t.published;
	stats->matched = t.matched;
	stats->delivered = t.delivered;
	stats->dropped_overflow = t.dropped[BLIPMQ_DROP_OVERFLOW];
	stats->dropped_conflated = t.dropped[BLIPMQ_DROP_CONFLATED];
	stats->dropped_expired = t.dropped[BLIPMQ_DROP_EXPIRED];
	stats->dropped_filtered = t.dropped[BLIPMQ_DROP_FILTERED];
	stats->dropped_closed = t.dropped[BLIPMQ_DROP_CLOSED];
	stats->dropped_no_memory = t.dropped[BLIPMQ_DROP_NO_MEMORY];
	stats->queued_messages = t.queued_messages;
	stats->queued_bytes = t.queued_bytes;
	stats->published_bytes = t.published_bytes;
	stats->delivered_bytes = t.delivered_bytes;
	stats->unrouted = t.unrouted;
	stats->refused = t.refused;
	stats->partial = t.partial;
}

static void get_identity(struct blipmq_sock *bs, struct blipmq_identity *id)
{
	const char *name;

	id->uid = from_kuid_munged(current_user_ns(), bs->sender->uid);
	id->gid = from_kgid_munged(current_user_ns(), bs->sender->gid);
	name = rcu_dereference_protected(bs->identity,
					 lockdep_is_held(&bs->tx_lock));
	strscpy_pad(id->name, name ?: "", sizeof(id->name));
}

/* The values of the options that can be read, one at a time. */
union option_value {
	u32				number;
	u8				topic[BLIPMQ_NAME_MAX];
	struct blipmq_identity		identity;
	struct blipmq_socket_stats	stats;
};

/*
 * Return: bytes of the value, or -ENOPROTOOPT.
 */
static int get_value(struct blipmq_sock *bs, int option, union option_value *v)
{
	lockdep_assert_held(&bs->tx_lock);
	switch (option) {
	case BLIPMQ_TOPIC_DEFAULT:
		memcpy(v->topic, bs->topic, bs->topic_len);
		return bs->topic_len;
	case BLIPMQ_IDENTITY:
		get_identity(bs, &v->identity);
		return sizeof(v->identity);
	case BLIPMQ_STATS:
		get_stats(bs, &v->stats);
		return sizeof(v->stats);
	case BLIPMQ_QUEUE_MESSAGES:
		v->number = bs->queue.limit_messages;
		break;
	case BLIPMQ_QUEUE_BYTES:
		v->number = bs->queue.limit_bytes;
		break;
	case BLIPMQ_OVERFLOW:
		v->number = READ_ONCE(bs->queue.policy);
		break;
	case BLIPMQ_TTL:
		v->number = bs->ttl_ms;
		break;
	case BLIPMQ_PASSCRED:
		v->number = !!(bs->info & BLIPMQ_INFO_CREDENTIALS);
		break;
	case BLIPMQ_INFO:
		v->number = bs->info;
		break;
	default:
		return -ENOPROTOOPT;
	}
	return sizeof(v->number);
}

/**
 * blipmq_getsockopt() - read an option
 * @sock: the socket
 * @level: SOL_BLIPMQ
 * @option: its number
 * @value: where to
 * @len: room there; set to the bytes written, as much as there is room for
 *
 * Return: 0, or a negative errno.
 */
int blipmq_getsockopt(struct socket *sock, int level, int option,
		      char __user *value, int __user *len)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	union option_value v = {};
	int room, ret;

	if (level != SOL_BLIPMQ)
		return -ENOPROTOOPT;
	if (get_user(room, len))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (mutex_lock_interruptible(&bs->tx_lock))
		return -ERESTARTSYS;
	ret = get_value(bs, option, &v);
	mutex_unlock(&bs->tx_lock);
	if (ret < 0)
		return ret;
	ret = min(ret, room);
	if (copy_to_user(value, &v, ret) || put_user(ret, len))
		return -EFAULT;
	return 0;
}
