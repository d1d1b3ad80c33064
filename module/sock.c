// SPDX-License-Identifier: GPL-2.0
/*
 * The socket family: creation, addresses, end.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "access.h"
#include "answers.h"
#include "bundle.h"
#include "disconnect.h"
#include "event.h"
#include "gather.h"
#include "netns.h"
#include "pattern.h"
#include "queue.h"
#include "sender.h"
#include "sock.h"
#include "stream_in.h"
#include "subscription.h"
#include "user.h"

int blipmq_family = AF_BLIPMQ;

/* Message ids: the publisher's number above, its running sequence below. */
#define SEQUENCE_BITS	40
#define SEQUENCE_MAX	((1ULL << SEQUENCE_BITS) - 1)
#define PUBLISHER_MAX	((1U << (64 - SEQUENCE_BITS)) - 1)

/* Lockdep classes of our own: the kernel's go by the borrowed number. */
static struct lock_class_key blipmq_slock_key;
static struct lock_class_key blipmq_sk_lock_key;

struct proto blipmq_proto = {
	.name = "BLIPMQ",
	.owner = THIS_MODULE,
	.obj_size = sizeof(struct blipmq_sock),
};

/**
 * blipmq_sock_next_id() - the id of a socket's next message
 * @bs: the socket
 * @id: set to the id
 *
 * A publisher's number is given once in 16 million sockets, so that an id
 * names one message for as long as anybody may remember it.
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0; -ENOBUFS when there are too many publishers, or -ENOMEM.
 */
int blipmq_sock_next_id(struct blipmq_sock *bs, u64 *id)
{
	struct blipmq_net *ns = bs->ns;
	int err;

	lockdep_assert_held(&bs->tx_lock);
	/* Another number for who has used up all of one. */
	if (unlikely(bs->sequence == SEQUENCE_MAX)) {
		xa_erase(&ns->publishers, bs->publisher);
		bs->publisher = 0;
		bs->sequence = 0;
	}
	if (!bs->publisher) {
		err = xa_alloc_cyclic(&ns->publishers, &bs->publisher,
				      xa_mk_value(1),
				      XA_LIMIT(1, PUBLISHER_MAX),
				      &ns->next_publisher, GFP_KERNEL_ACCOUNT);
		if (err < 0) {
			bs->publisher = 0;
			return err == -EBUSY ? -ENOBUFS : err;
		}
	}
	*id = (u64)bs->publisher << SEQUENCE_BITS | ++bs->sequence;
	return 0;
}

/**
 * blipmq_sock_ids_ahead() - the ids that follow that of the latest message
 * @bs: the socket, which has published
 * @most: how many are wanted
 * @next: set to the first, which the others count on from
 *
 * They are given by blipmq_sock_take_ids() only.
 *
 * Context: tx_lock is held.
 * Return: how many there are, up to @most.
 */
u32 blipmq_sock_ids_ahead(struct blipmq_sock *bs, u32 most, u64 *next)
{
	lockdep_assert_held(&bs->tx_lock);
	*next = ((u64)bs->publisher << SEQUENCE_BITS | bs->sequence) + 1;
	return min_t(u64, most, SEQUENCE_MAX - bs->sequence);
}

/**
 * blipmq_sock_take_ids() - the next ids name messages
 * @bs: the socket
 * @n: how many, no more than there are ahead
 *
 * Context: tx_lock is held since they were looked at.
 */
void blipmq_sock_take_ids(struct blipmq_sock *bs, u32 n)
{
	lockdep_assert_held(&bs->tx_lock);
	bs->sequence += n;
}

/**
 * blipmq_sock_undo_ids() - the latest ids name no message after all
 * @bs: the socket
 * @n: how many
 *
 * Context: tx_lock is held since they were given.
 */
void blipmq_sock_undo_ids(struct blipmq_sock *bs, u32 n)
{
	lockdep_assert_held(&bs->tx_lock);
	/* Those of a number that was used up meanwhile stay used. */
	bs->sequence -= min_t(u64, bs->sequence, n);
}

/**
 * blipmq_sock_set_topic() - set where send() publishes to
 * @bs: the socket
 * @topic: its bytes
 * @len: how many, 0 for nowhere
 *
 * Whether it may be published to is judged again with each message.
 *
 * Context: tx_lock is held; may sleep.
 * Return: 0, -EINVAL, -EACCES, -ENOMEM.
 */
int blipmq_sock_set_topic(struct blipmq_sock *bs, const u8 *topic,
			  unsigned int len)
{
	struct blipmq_terms terms;
	u8 *copy = NULL;

	lockdep_assert_held(&bs->tx_lock);
	if (len) {
		if (!blipmq_topic_valid(topic, len))
			return -EINVAL;
		if (blipmq_access_publish(bs, topic, len, &terms))
			return -EACCES;
		copy = kmemdup(topic, len, GFP_KERNEL_ACCOUNT);
		if (!copy)
			return -ENOMEM;
	}
	kfree(bs->topic);
	bs->topic = copy;
	bs->topic_len = len;
	return 0;
}

static int blipmq_connect(struct socket *sock, struct blipmq_sockaddr *uaddr,
			  int len, int flags)
{
	struct sockaddr_blipmq *addr = (struct sockaddr_blipmq *)uaddr;
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	int head = offsetof(struct sockaddr_blipmq, sbm_topic);
	int err;

	if (len < head)
		return -EINVAL;
	/* As for datagram sockets everywhere: no address undoes connect(). */
	if (addr->sbm_family == AF_UNSPEC)
		len = head;
	else if (addr->sbm_family != blipmq_family)
		return -EAFNOSUPPORT;
	else if (len == head || len > sizeof(*addr))
		return -EINVAL;
	if (mutex_lock_interruptible(&bs->tx_lock))
		return -ERESTARTSYS;
	err = blipmq_sock_set_topic(bs, addr->sbm_topic, len - head);
	mutex_unlock(&bs->tx_lock);
	return err;
}

static int blipmq_getname(struct socket *sock, struct sockaddr *uaddr, int peer)
{
	struct sockaddr_blipmq *addr = (struct sockaddr_blipmq *)uaddr;
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	int len = offsetof(struct sockaddr_blipmq, sbm_topic);

	addr->sbm_family = blipmq_family;
	if (!peer)
		return len;
	if (mutex_lock_interruptible(&bs->tx_lock))
		return -ERESTARTSYS;
	if (!bs->topic_len) {
		len = -ENOTCONN;
	} else if (bs->topic_len <= BLIPMQ_ADDRESS_TOPIC_MAX) {
		memcpy(addr->sbm_topic, bs->topic, bs->topic_len);
		len += bs->topic_len;
	}
	mutex_unlock(&bs->tx_lock);
	return len;
}

static int blipmq_shutdown(struct socket *sock, int how)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	int err;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	if (mutex_lock_killable(&bs->tx_lock))
		return -EINTR;
	err = blipmq_lane_settle(bs);
	if (err)
		goto out;
	if (how != SHUT_WR) {
		blipmq_unsubscribe_all(bs);
		blipmq_queue_close(&bs->queue);
		blipmq_sock_end(bs, BLIPMQ_RX_ENDED);
	}
	if (how != SHUT_RD) {
		if (sock->type == SOCK_STREAM) {
			blipmq_stream_drop_input(bs);
			blipmq_stream_end_input(bs);
		} else {
			blipmq_sock_end(bs, BLIPMQ_TX_ENDED);
		}
	}
out:
	mutex_unlock(&bs->tx_lock);
	return err;
}

/* It stays in the list until it is freed. */
static void sock_leave_net(struct blipmq_net *ns)
{
	spin_lock_bh(&ns->socks_lock);
	ns->nr_sockets--;
	spin_unlock_bh(&ns->socks_lock);
}

/*
 * Publishers that found this socket under RCU may still push to its queue,
 * which refuses them from here on; the memory stays for a grace period
 * (SOCK_RCU_FREE), and then the counters are final.
 */
static int blipmq_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct blipmq_sock *bs;
	struct blipmq_net *ns;

	if (!sk)
		return 0;
	bs = blipmq_sk(sk);
	ns = bs->ns;

	mutex_lock(&bs->tx_lock);
	blipmq_unsubscribe_all(bs);
	blipmq_stream_drop_input(bs);
	blipmq_queue_close(&bs->queue);
	blipmq_expiry_forget(&bs->queue);
	/* With their locks: who just wakes it has to have come to an end. */
	__blipmq_credit_forget(bs);
	__blipmq_lane_forget(bs);
	if (bs->publisher)
		xa_erase(&ns->publishers, bs->publisher);
	xa_erase(&ns->sockets, bs->serial);
	/* For whoever gets the lock later. */
	WRITE_ONCE(bs->state, bs->state | BLIPMQ_RX_ENDED | BLIPMQ_TX_ENDED);
	mutex_unlock(&bs->tx_lock);

	/* No program reads any more, but the timer of expiry.c may be at it. */
	mutex_lock(&bs->rx_lock);
	blipmq_cursor_drop(&bs->cursor, &bs->queue, BLIPMQ_DROP_CLOSED);
	mutex_unlock(&bs->rx_lock);
	blipmq_queue_give_back(&bs->queue);
	blipmq_answers_purge(&bs->answers);
	blipmq_gather_free(bs->fan.gather);
	kfree(bs->topic);
	blipmq_sender_retire(bs->sender);

	sock_leave_net(ns);

	sock_orphan(sk);
	sock->sk = NULL;
	sock_prot_inuse_add(sock_net(sk), sk->sk_prot, -1);
	sock_put(sk);
	return 0;
}

/* After the grace period, from an RCU callback. */
static void blipmq_destruct(struct sock *sk)
{
	struct blipmq_sock *bs = blipmq_sk(sk);
	struct blipmq_net *ns = bs->ns;

	spin_lock_bh(&ns->socks_lock);
	blipmq_sock_totals(bs, &ns->closed);
	if (bs->serial > ns->summed)
		blipmq_sock_totals(bs, &ns->missed);
	list_del(&bs->node);
	spin_unlock_bh(&ns->socks_lock);
	blipmq_queue_destroy(&bs->queue);
	kfree(rcu_dereference_protected(bs->identity, true));
	put_pid(bs->opener);
}

static struct proto_ops blipmq_stream_ops = {
	.owner = THIS_MODULE,
	.release = blipmq_release,
	.bind = sock_no_bind,
	.connect = sock_no_connect,
	.socketpair = sock_no_socketpair,
	.accept = sock_no_accept,
	.getname = blipmq_getname,
	.poll = blipmq_stream_poll,
	.ioctl = sock_no_ioctl,
	.listen = sock_no_listen,
	.shutdown = blipmq_shutdown,
	.setsockopt = blipmq_setsockopt,
	.getsockopt = blipmq_getsockopt,
	.sendmsg = blipmq_stream_sendmsg,
	.recvmsg = blipmq_stream_recvmsg,
	.mmap = sock_no_mmap,
};

static struct proto_ops blipmq_seqpacket_ops = {
	.owner = THIS_MODULE,
	.release = blipmq_release,
	.bind = sock_no_bind,
	.connect = blipmq_connect,
	.socketpair = sock_no_socketpair,
	.accept = sock_no_accept,
	.getname = blipmq_getname,
	.poll = blipmq_seqpacket_poll,
	.ioctl = sock_no_ioctl,
	.listen = sock_no_listen,
	.shutdown = blipmq_shutdown,
	.setsockopt = blipmq_setsockopt,
	.getsockopt = blipmq_getsockopt,
	.sendmsg = blipmq_seqpacket_sendmsg,
	.recvmsg = blipmq_seqpacket_recvmsg,
	.mmap = sock_no_mmap,
};

static int sock_join_net(struct blipmq_sock *bs, struct blipmq_net *ns)
{
	bool full;

	spin_lock_bh(&ns->socks_lock);
	full = ns->nr_sockets >= ns->limits.sockets;
	if (!full) {
		ns->nr_sockets++;
		bs->serial = ++ns->last_serial;
		list_add_tail(&bs->node, &ns->socks);
	}
	spin_unlock_bh(&ns->socks_lock);
	if (full)
		blipmq_event_limit(ns, BLIPMQ_A_LIMITS_SOCKETS);
	return full ? -ENOBUFS : 0;
}

/* What a socket has of its own beside its memory. */
static int sock_init(struct blipmq_sock *bs, struct blipmq_net *ns)
{
	struct blipmq_user *user = blipmq_user_get(ns, current_euid());
	int err;

	if (!user)
		return -ENOMEM;
	err = -ENOMEM;
	bs->sender = blipmq_sender_create(ns, current_euid(), current_egid(),
					  current_cred()->group_info);
	if (!bs->sender)
		goto err_put_user;
	err = sock_join_net(bs, ns);
	if (err)
		goto err_retire;
	blipmq_queue_init(&bs->queue, ns, user);
	/* Who waits for a signal does not look first. */
	bs->queue.armed = 1;
	bs->opener = get_pid(task_tgid(current));
	/* Which undoes from here on what is not undone by releasing. */
	bs->sk.sk_destruct = blipmq_destruct;
	/* The control plane may show it. */
	err = xa_insert(&ns->sockets, bs->serial, bs, GFP_KERNEL_ACCOUNT);
	if (err) {
		sock_leave_net(ns);
		blipmq_sender_retire(bs->sender);
	}
	return err;

err_retire:
	blipmq_sender_retire(bs->sender);
err_put_user:
	blipmq_user_put(user);
	return err;
}

static int blipmq_create(struct net *net, struct socket *sock, int protocol,
			 int kern)
{
	struct blipmq_sock *bs;
	struct sock *sk;
	int err;

	if (protocol && protocol != blipmq_family)
		return -EPROTONOSUPPORT;
	/* Such a socket would not keep its namespace. */
	if (kern)
		return -EOPNOTSUPP;
	if (blipmq_net_is_draining(blipmq_net_of(net)))
		return -ESHUTDOWN;
	if (sock->type == SOCK_STREAM)
		sock->ops = &blipmq_stream_ops;
	else if (sock->type == SOCK_SEQPACKET)
		sock->ops = &blipmq_seqpacket_ops;
	else
		return -ESOCKTNOSUPPORT;

	sk = sk_alloc(net, blipmq_family, GFP_KERNEL, &blipmq_proto, kern);
	if (!sk)
		return -ENOMEM;
	sock_init_data(sock, sk);
	sock_lock_init_class_and_name(sk, "slock-AF_BLIPMQ", &blipmq_slock_key,
				      "sk_lock-AF_BLIPMQ",
				      &blipmq_sk_lock_key);
	sock_set_flag(sk, SOCK_RCU_FREE);

	bs = blipmq_sk(sk);
	bs->ns = blipmq_net_of(net);
	bs->state = 0;
	mutex_init(&bs->rx_lock);
	mutex_init(&bs->tx_lock);
	bs->subscriptions = RB_ROOT;
	bs->fan.ns = bs->ns;
	bs->fan.publisher = bs;
	blipmq_lane_init(bs);
	bs->input.frames_max = BLIPMQ_BUNDLE_FRAMES;
	blipmq_answers_init(&bs->answers);

	err = sock_init(bs, bs->ns);
	if (err) {
		sock_orphan(sk);
		sock->sk = NULL;
		sock_put(sk);
		return err;
	}
	blipmq_see_socket_options(sock);
	sock_prot_inuse_add(net, sk->sk_prot, 1);
	return 0;
}

static struct net_proto_family blipmq_family_ops = {
	.create = blipmq_create,
	.owner = THIS_MODULE,
};

/**
 * blipmq_sock_register() - let programs open sockets
 *
 * Return: 0; -EEXIST when somebody else has the family's number.
 */
int __init blipmq_sock_register(void)
{
	int err;

	err = proto_register(&blipmq_proto, 1);
	if (err)
		return err;
	blipmq_family_ops.family = blipmq_family;
	blipmq_stream_ops.family = blipmq_family;
	blipmq_seqpacket_ops.family = blipmq_family;
	err = sock_register(&blipmq_family_ops);
	if (err)
		proto_unregister(&blipmq_proto);
	return err;
}

/**
 * blipmq_sock_unregister() - no more sockets
 *
 * There are none: each holds the module.
 */
void blipmq_sock_unregister(void)
{
	sock_unregister(blipmq_family);
	proto_unregister(&blipmq_proto);
}
