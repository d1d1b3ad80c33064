// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_SEQPACKET: one message for each call, topics as addresses.
 */
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>

#include "bundle.h"
#include "cursor.h"
#include "fanout.h"
#include "frame.h"
#include "netns.h"
#include "pattern.h"
#include "queue.h"
#include "retain.h"
#include "sock.h"
#include "topic.h"

/**
 * struct destination - where a message goes, and how
 * @topic: its bytes
 * @len: how many, 0 for none
 * @publish: as BLIPMQ_PUBLISH says it
 * @called: as in struct blipmq_bundle_cb
 */
struct destination {
	const u8		*topic;
	unsigned int		len;
	struct blipmq_publish	publish;
	u64			called;
};

static int destination_cmsg(struct destination *d, const struct cmsghdr *cmsg)
{
	size_t len = cmsg->cmsg_len - sizeof(*cmsg);

	switch (cmsg->cmsg_type) {
	case BLIPMQ_TOPIC:
		if (!len || len > BLIPMQ_FRAME_TOPIC_MAX)
			return -EINVAL;
		d->topic = CMSG_DATA(cmsg);
		d->len = len;
		return 0;
	case BLIPMQ_PUBLISH:
		if (len != sizeof(d->publish))
			return -EINVAL;
		memcpy(&d->publish, CMSG_DATA(cmsg), len);
		return 0;
	}
	return -EINVAL;
}

static int destination_check(const struct destination *d,
			     const struct blipmq_sock *bs)
{
	if (!d->len)
		return -EDESTADDRREQ;
	/* The socket's own was judged when it was set. */
	if (d->topic != bs->topic && !blipmq_topic_valid(d->topic, d->len))
		return -EINVAL;
	if (d->publish.flags & ~BLIPMQ_PUBLISH_RETAIN)
		return -EINVAL;
	return 0;
}

/*
 * A control message names the topic, else the address does, else the socket.
 */
static int destination_find(struct destination *d, struct blipmq_sock *bs,
			    struct msghdr *msg)
{
	DECLARE_SOCKADDR(struct sockaddr_blipmq *, addr, msg->msg_name);
	int header = offsetof(struct sockaddr_blipmq, sbm_topic);
	struct cmsghdr *cmsg;
	int err;

	if (msg->msg_namelen) {
		if (msg->msg_namelen <= header ||
		    msg->msg_namelen > sizeof(*addr))
			return -EINVAL;
		if (addr->sbm_family != blipmq_family)
			return -EAFNOSUPPORT;
		d->topic = addr->sbm_topic;
		d->len = msg->msg_namelen - header;
	} else {
		d->topic = bs->topic;
		d->len = bs->topic_len;
	}
	if (msg->msg_controllen) {
		for_each_cmsghdr(cmsg, msg) {
			if (!CMSG_OK(msg, cmsg))
				return -EINVAL;
			if (cmsg->cmsg_level != SOL_BLIPMQ)
				continue;
			err = destination_cmsg(d, cmsg);
			if (err)
				return err;
		}
	}
	return destination_check(d, bs);
}

static int publish_admitted(struct blipmq_sock *bs,
			    const struct destination *d, struct iov_iter *from)
{
	u32 head = BLIPMQ_FRAME_HEADER + d->len + BLIPMQ_FRAME_PUB_FIXED;
	u32 payload = iov_iter_count(from);
	bool retains = d->publish.flags & BLIPMQ_PUBLISH_RETAIN;
	struct blipmq_batch_topic topic;
	struct blipmq_retain retain;
	struct blipmq_terms terms;
	struct sk_buff *b;
	u8 *p;
	u64 id;
	int err;

	err = blipmq_sock_next_id(bs, &id);
	if (err)
		return err;
	b = blipmq_bundle_alloc(bs->sender, head + payload, BLIPMQ_BUNDLE_GFP);
	if (!b)
		return -ENOMEM;
	blipmq_bundle_cb(b)->called = d->called;

	p = blipmq_bundle_head(b, 0, head);
	blipmq_frame_encode(p, BLIPMQ_OP_MSG, 0, d->len,
			    BLIPMQ_FRAME_PUB_FIXED + payload);
	p += BLIPMQ_FRAME_HEADER;
	memcpy(p, d->topic, d->len);
	blipmq_put_le64(p + d->len, id);
	err = blipmq_bundle_fill(b, head, from, payload);
	/* The rules may have changed while it waited for a page of the user's. */
	if (!err)
		err = blipmq_access_publish(bs, d->topic, d->len, &terms);
	if (!err && retains)
		err = blipmq_retain_prepare(bs->ns, &retain, b, 0, id);
	if (err)
		goto out;
	blipmq_bundle_live(b, d->publish.ttl_ms ?: bs->ttl_ms ?: terms.ttl_ms);
	blipmq_bundle_seal(b, head + payload, 1);
	topic.mask = 1;
	topic.at = BLIPMQ_FRAME_HEADER;
	topic.len = d->len;
	err = blipmq_fanout(bs, b, &topic, 1, retains ? &retain : NULL);
	if (err) {
		if (retains)
			blipmq_retain_cancel(bs->ns, &retain);
		blipmq_sock_undo_ids(bs, 1);
		iov_iter_revert(from, payload);
		goto out;
	}
	blipmq_count(&bs->published, 1);
	blipmq_count(&bs->published_bytes, head + payload);
out:
	blipmq_bundle_put(b);
	return err;
}

static int seqpacket_publish(struct blipmq_sock *bs,
			     const struct destination *d, struct iov_iter *from)
{
	struct blipmq_terms terms;
	int err;

	err = blipmq_access_publish(bs, d->topic, d->len, &terms);
	if (err)
		return err;
	if (blipmq_net_is_full(bs->ns) || !blipmq_sender_admits(bs->sender, 0))
		return -ENOBUFS;
	if (unlikely(terms.metered)) {
		err = blipmq_rate_take(bs, d->topic, d->len);
		if (err)
			return err;
	}
	err = publish_admitted(bs, d, from);
	if (unlikely(err) && terms.metered)
		blipmq_rate_give(bs, d->topic, d->len);
	return err;
}

/* Return: 0; -EAGAIN to be tried again; what is wrong with it. */
static int seqpacket_send(struct blipmq_sock *bs, struct msghdr *msg,
			  size_t len, u64 called)
{
	struct destination d = { .called = called };
	int err;

	if (bs->state & BLIPMQ_TX_ENDED)
		return -EPIPE;
	if (blipmq_net_is_draining(bs->ns))
		err = -ESHUTDOWN;
	else if (len > READ_ONCE(bs->ns->limits.payload_bytes))
		err = -EMSGSIZE;
	else
		err = destination_find(&d, bs, msg);
	if (!err)
		err = seqpacket_publish(bs, &d, &msg->msg_iter);
	if (err && err != -EAGAIN)
		blipmq_count(&bs->refused, 1);
	return err;
}

/**
 * blipmq_seqpacket_sendmsg() - publish a message
 * @sock: the socket
 * @msg: the message
 * @len: bytes of its payload
 *
 * Return: @len, or a negative errno with nothing published.
 */
int blipmq_seqpacket_sendmsg(struct socket *sock, struct msghdr *msg,
			     size_t len)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	long timeo = sock_sndtimeo(sock->sk, msg->msg_flags & MSG_DONTWAIT);
	u64 called = blipmq_latency_called(bs->ns);
	int err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (mutex_lock_interruptible(&bs->tx_lock))
		return sock_intr_errno(timeo);
	for (;;) {
		err = seqpacket_send(bs, msg, len, called);
		if (err != -EAGAIN)
			break;
		mutex_unlock(&bs->tx_lock);
		err = blipmq_credit_wait(bs, &timeo);
		if (err)
			goto out;
		called = blipmq_latency_called(bs->ns);
		if (mutex_lock_interruptible(&bs->tx_lock)) {
			err = sock_intr_errno(timeo);
			goto out;
		}
	}
	mutex_unlock(&bs->tx_lock);
out:
	if (err)
		return sk_stream_error(sock->sk, msg->msg_flags, err);
	return len;
}

/*
 * The topic as the address, where it fits; else as a control message.
 */
static void recv_topic(struct msghdr *msg, const u8 *topic, u8 len)
{
	DECLARE_SOCKADDR(struct sockaddr_blipmq *, addr, msg->msg_name);

	if (len > BLIPMQ_ADDRESS_TOPIC_MAX) {
		put_cmsg(msg, SOL_BLIPMQ, BLIPMQ_TOPIC, len, (void *)topic);
		return;
	}
	if (!addr)
		return;
	addr->sbm_family = blipmq_family;
	memcpy(addr->sbm_topic, topic, len);
	msg->msg_namelen = offsetof(struct sockaddr_blipmq, sbm_topic) + len;
}

/*
 * A count that found no room is not lost: it comes with a later message.
 *
 * Return: false when there was none.
 */
static bool recv_lost(struct msghdr *msg, u64 lost)
{
	int cut = msg->msg_flags & MSG_CTRUNC;
	bool told;

	msg->msg_flags &= ~MSG_CTRUNC;
	told = !put_cmsg(msg, SOL_BLIPMQ, BLIPMQ_LOST, sizeof(lost), &lost) &&
	       !(msg->msg_flags & MSG_CTRUNC);
	msg->msg_flags |= cut;
	return told;
}

/* Who sent it, as the caller's namespaces know them. */
static void recv_sender(struct msghdr *msg, const struct blipmq_sender *s)
{
	struct ucred cred = {
		.pid = pid_vnr(s->pid),
		.uid = from_kuid_munged(current_user_ns(), s->uid),
		.gid = from_kgid_munged(current_user_ns(), s->gid),
	};

	put_cmsg(msg, SOL_SOCKET, SCM_CREDENTIALS, sizeof(cred), &cred);
}

/* Return: false when losses are still to be told. */
static bool recv_info(struct blipmq_sock *bs, struct msghdr *msg, u64 id,
		      bool retained)
{
	u32 info = READ_ONCE(bs->info);
	u64 value;

	if (info & BLIPMQ_INFO_ID)
		put_cmsg(msg, SOL_BLIPMQ, BLIPMQ_MSG_ID, sizeof(id), &id);
	if (info & BLIPMQ_INFO_TIMESTAMP) {
		value = ktime_to_ns(bs->cursor.bundle->tstamp);
		put_cmsg(msg, SOL_BLIPMQ, BLIPMQ_TIMESTAMP, sizeof(value),
			 &value);
	}
	if (info & BLIPMQ_INFO_CREDENTIALS)
		recv_sender(msg, blipmq_bundle_cb(bs->cursor.bundle)->sender);
	if (retained && (info & BLIPMQ_INFO_RETAINED)) {
		u32 one = 1;

		put_cmsg(msg, SOL_BLIPMQ, BLIPMQ_RETAINED, sizeof(one), &one);
	}
	return !bs->cursor.lost || !(info & BLIPMQ_INFO_LOST) ||
	       recv_lost(msg, bs->cursor.lost);
}

/* Hand out the frame that the cursor is at. */
static int recv_frame(struct blipmq_sock *bs, struct msghdr *msg, size_t len,
		      int flags)
{
	struct blipmq_cursor *c = &bs->cursor;
	struct blipmq_frame f;
	u32 head, payload, n;
	const u8 *p;
	bool told;

	p = blipmq_bundle_head(c->bundle, c->offset, BLIPMQ_FRAME_HEADER);
	blipmq_frame_decode(&f, p);
	head = BLIPMQ_FRAME_HEADER + f.topic_len + BLIPMQ_FRAME_PUB_FIXED;
	p = blipmq_bundle_head(c->bundle, c->offset, head);
	payload = f.size - head;
	n = min_t(size_t, payload, len);
	if (skb_copy_datagram_iter(c->bundle, c->offset + head, &msg->msg_iter,
				   n))
		return -EFAULT;
	if (n < payload)
		msg->msg_flags |= MSG_TRUNC;
	recv_topic(msg, p + BLIPMQ_FRAME_HEADER, f.topic_len);
	/* What a peek has shown comes next. */
	bs->begun = flags & MSG_PEEK ? BLIPMQ_PIECE_MESSAGE :
				       BLIPMQ_PIECE_NONE;
	told = recv_info(bs, msg, blipmq_get_le64(p + BLIPMQ_FRAME_HEADER +
						  f.topic_len),
			 f.flags & BLIPMQ_FLAG_RETAIN);
	if (!(flags & MSG_PEEK)) {
		if (told)
			c->lost = 0;
		blipmq_count(&bs->delivered, 1);
		blipmq_count(&bs->delivered_bytes, f.size);
		blipmq_cursor_next(c, &bs->queue, f.size);
	}
	return flags & MSG_TRUNC ? payload : n;
}

/**
 * blipmq_seqpacket_recvmsg() - receive a message
 * @sock: the socket
 * @msg: where to
 * @len: room for its payload
 * @flags: MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC
 *
 * What does not fit is cut off, and MSG_TRUNC says so.
 *
 * Return: bytes of payload; 0 without a name at the end; a negative errno.
 */
int blipmq_seqpacket_recvmsg(struct socket *sock, struct msghdr *msg,
			     size_t len, int flags)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	long timeo = sock_rcvtimeo(sock->sk, flags & MSG_DONTWAIT);
	int ret;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	msg->msg_namelen = 0;

	for (;;) {
		/* Copies of another reader may wait for a page for long. */
		if (mutex_lock_interruptible(&bs->rx_lock))
			return sock_intr_errno(timeo);
		/* An error is told once, and then the end. */
		if (READ_ONCE(bs->state) & BLIPMQ_RX_ENDED) {
			ret = sock_error(sock->sk);
			break;
		}
		if (blipmq_cursor_load(&bs->cursor, &bs->queue,
				       bs->begun != BLIPMQ_PIECE_NONE)) {
			ret = recv_frame(bs, msg, len, flags);
			break;
		}
		mutex_unlock(&bs->rx_lock);
		ret = blipmq_sock_wait_readable(bs, &timeo);
		if (ret)
			return ret;
	}
	mutex_unlock(&bs->rx_lock);
	return ret;
}

/**
 * blipmq_seqpacket_poll() - what would not block
 * @file: the file
 * @sock: the socket
 * @wait: the poll table
 *
 * Return: EPOLLIN and the like.
 */
__poll_t blipmq_seqpacket_poll(struct file *file, struct socket *sock,
			       struct poll_table_struct *wait)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	__poll_t mask;

	sock_poll_wait(file, sock, wait);
	mask = blipmq_sock_poll_in(bs);
	if ((READ_ONCE(bs->state) & BLIPMQ_TX_ENDED) ||
	    !blipmq_sock_is_held_up(bs))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (READ_ONCE(bs->sk.sk_err))
		mask |= EPOLLERR;
	return mask;
}
