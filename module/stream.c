// SPDX-License-Identifier: GPL-2.0
/*
 * SOCK_STREAM: a connection that speaks the wire protocol.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "answers.h"
#include "bundle.h"
#include "cursor.h"
#include "netns.h"
#include "queue.h"
#include "sock.h"
#include "stream_in.h"

/* The reader has to make room for answers first. */
static bool stream_is_full(struct blipmq_sock *bs)
{
	return blipmq_answers_full(&bs->answers, bs->ns);
}

/*
 * A leg that blocks has no room for the bundle: try one with fewer frames, or
 * wait until it has room for one; or wait for the lane, and begin anew as far as
 * @called is concerned. Called with tx_lock held.
 *
 * Return: 0 with tx_lock held, or a negative errno without it.
 */
static int stream_wait_credit(struct blipmq_sock *bs, long *timeo, u64 *called)
{
	u32 max = bs->input.frames_max;
	bool refused = bs->lane.refused;
	int err;

	bs->lane.refused = false;
	if (max > 1 && likely(!refused)) {
		bs->input.frames_max = clamp(bs->waiter.room, 1U, max - 1);
		return 0;
	}
	mutex_unlock(&bs->tx_lock);
	err = blipmq_credit_wait(bs, timeo);
	*called = blipmq_latency_called(bs->ns);
	if (!err && mutex_lock_interruptible(&bs->tx_lock))
		err = sock_intr_errno(*timeo);
	return err;
}

/*
 * What to do with input after its end: a stream that failed swallows it for a
 * moment, since its client could not know.
 */
static int stream_discard(struct blipmq_sock *bs, struct iov_iter *from)
{
	if (!(bs->state & BLIPMQ_FAILED) ||
	    time_after_eq(jiffies, bs->discard_until))
		return -EPIPE;
	iov_iter_advance(from, iov_iter_count(from));
	return 0;
}

/**
 * blipmq_stream_sendmsg() - write to a connection
 * @sock: the socket
 * @msg: the bytes
 * @len: how many
 *
 * Return: bytes taken, or a negative errno when it is none.
 */
int blipmq_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	long timeo = sock_sndtimeo(sock->sk, msg->msg_flags & MSG_DONTWAIT);
	u64 called = blipmq_latency_called(bs->ns);
	int err = 0;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (msg->msg_namelen)
		return -EISCONN;

	if (mutex_lock_interruptible(&bs->tx_lock))
		return sock_intr_errno(timeo);
	while (!err && msg_data_left(msg)) {
		if (bs->state & BLIPMQ_TX_ENDED) {
			err = stream_discard(bs, &msg->msg_iter);
		} else if (stream_is_full(bs)) {
			mutex_unlock(&bs->tx_lock);
			err = blipmq_sock_wait_writable(bs, stream_is_full,
							&timeo);
			called = blipmq_latency_called(bs->ns);
			if (mutex_lock_interruptible(&bs->tx_lock)) {
				err = err ?: sock_intr_errno(timeo);
				goto out;
			}
		} else {
			err = blipmq_stream_ingest(bs, &msg->msg_iter, called);
			if (err == -EAGAIN) {
				err = stream_wait_credit(bs, &timeo, &called);
				if (err)
					goto out;
			}
			cond_resched();
			/* A write of gigabytes can be ended like any other. */
			if (!err && signal_pending(current) &&
			    msg_data_left(msg))
				err = sock_intr_errno(timeo);
		}
	}
	mutex_unlock(&bs->tx_lock);
out:
	if (msg_data_left(msg) < len || !err)
		return len - msg_data_left(msg);
	return sk_stream_error(sock->sk, msg->msg_flags, err);
}

static int stream_copy_lost(struct blipmq_sock *bs, struct iov_iter *to,
			    bool peek)
{
	u32 done = sizeof(bs->lost_frame) - bs->lost_left;
	u32 n = min_t(size_t, bs->lost_left, iov_iter_count(to));
	size_t before = iov_iter_count(to);
	u8 frame[sizeof(bs->lost_frame)];

	/* By way of the stack: sockets are no place for copies to users. */
	memcpy(frame, bs->lost_frame, sizeof(frame));
	if (copy_to_iter(frame + done, n, to) != n) {
		iov_iter_revert(to, before - iov_iter_count(to));
		return -EFAULT;
	}
	if (!peek)
		WRITE_ONCE(bs->lost_left, bs->lost_left - n);
	return n;
}

static void stream_set_lost(struct blipmq_sock *bs, u64 lost)
{
	blipmq_frame_encode(bs->lost_frame, BLIPMQ_OP_LOST, 0, 0, sizeof(u64));
	blipmq_put_le64(bs->lost_frame + BLIPMQ_FRAME_HEADER, lost);
	WRITE_ONCE(bs->lost_left, sizeof(bs->lost_frame));
}

/* Find something to read, a LOST ahead of what follows the gap. */
static enum blipmq_piece stream_load(struct blipmq_sock *bs)
{
	struct blipmq_cursor *c = &bs->cursor;
	u64 lost = 0;

	/* Taken before, and then the copy failed. */
	if (bs->lost_left)
		return BLIPMQ_PIECE_LOST;
	/* Where a signal came first, what was lost may be behind what is there. */
	if (!blipmq_cursor_load(c, &bs->queue, false) &&
	    (likely(!signal_pending(current)) ||
	     !blipmq_queue_readable(&bs->queue)))
		lost = blipmq_queue_take_lost(&bs->queue);
	/* Some of it before messages that expired. */
	lost += c->lost;
	c->lost = 0;
	if (lost) {
		stream_set_lost(bs, lost);
		return BLIPMQ_PIECE_LOST;
	}
	return c->bundle ? BLIPMQ_PIECE_MESSAGE : BLIPMQ_PIECE_NONE;
}

/* The rest of what was begun, else answers, else a LOST, else messages. */
static enum blipmq_piece stream_choose(struct blipmq_sock *bs)
{
	if (bs->begun != BLIPMQ_PIECE_NONE)
		return bs->begun;
	if (blipmq_answers_waiting(&bs->answers))
		return BLIPMQ_PIECE_ANSWER;
	if (blipmq_sock_at_end(bs))
		return BLIPMQ_PIECE_NONE;
	return stream_load(bs);
}

static int stream_copy_answer(struct blipmq_sock *bs, struct iov_iter *to,
			      bool peek)
{
	int n = blipmq_answers_copy(&bs->answers, to, peek);

	if (n > 0 && !peek)
		blipmq_sock_wake_writer(bs);
	return n;
}

static int stream_copy_message(struct blipmq_sock *bs, struct iov_iter *to,
			       bool peek)
{
	enum blipmq_cursor_how how = BLIPMQ_CURSOR_RUN;
	struct blipmq_read read = {};
	int n;

	/*
	 * Answers, the last ERR among them, wait for one frame at most; and
	 * what is over ends with the frame that was begun.
	 */
	if (peek)
		how = BLIPMQ_CURSOR_PEEK;
	else if (blipmq_answers_waiting(&bs->answers) ||
		 (READ_ONCE(bs->state) & BLIPMQ_FAILED) ||
		 blipmq_bundle_expired(bs->cursor.bundle))
		how = BLIPMQ_CURSOR_FRAME;
	n = blipmq_cursor_copy(&bs->cursor, &bs->queue, to, how, &read);
	blipmq_count(&bs->delivered, read.messages);
	blipmq_count(&bs->delivered_bytes, read.bytes);
	return n;
}

/*
 * What the reader is in the middle of, once some of @piece was copied. What a
 * peek has shown comes next, as does the message that a LOST stands before.
 */
static enum blipmq_piece stream_begun(struct blipmq_sock *bs,
				      enum blipmq_piece piece, bool peek)
{
	switch (piece) {
	case BLIPMQ_PIECE_ANSWER:
		if (!blipmq_answers_begun(&bs->answers))
			return BLIPMQ_PIECE_NONE;
		break;
	case BLIPMQ_PIECE_LOST:
		if (!bs->lost_left)
			return bs->cursor.bundle ? BLIPMQ_PIECE_MESSAGE :
						   BLIPMQ_PIECE_NONE;
		break;
	case BLIPMQ_PIECE_MESSAGE:
		if (!peek && !bs->cursor.done)
			return BLIPMQ_PIECE_NONE;
		break;
	case BLIPMQ_PIECE_NONE:
		break;
	}
	return piece;
}

/*
 * Copy one piece of output.
 *
 * Return: bytes; 0 when there is nothing; -EFAULT.
 */
static int stream_copy(struct blipmq_sock *bs, struct iov_iter *to, bool peek)
{
	enum blipmq_piece piece = stream_choose(bs);
	int n;

	lockdep_assert_held(&bs->rx_lock);
	switch (piece) {
	case BLIPMQ_PIECE_ANSWER:
		n = stream_copy_answer(bs, to, peek);
		break;
	case BLIPMQ_PIECE_LOST:
		n = stream_copy_lost(bs, to, peek);
		break;
	case BLIPMQ_PIECE_MESSAGE:
		n = stream_copy_message(bs, to, peek);
		break;
	default:
		return 0;
	}
	if (n > 0)
		WRITE_ONCE(bs->begun, stream_begun(bs, piece, peek));
	return n;
}

/**
 * blipmq_stream_recvmsg() - read from a connection
 * @sock: the socket
 * @msg: where to
 * @len: how much
 * @flags: MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL
 *
 * A peek shows what a read would return first, not all that waits.
 *
 * Return: bytes; 0 at the end; a negative errno when there is none.
 */
int blipmq_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t len,
			  int flags)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	long timeo = sock_rcvtimeo(sock->sk, flags & MSG_DONTWAIT);
	size_t target = sock_rcvlowat(sock->sk, flags & MSG_WAITALL, len);
	bool peek = flags & MSG_PEEK;
	size_t copied = 0;
	int n = 0;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!len)
		return 0;

	/* Copies of another reader may wait for a page for long. */
	if (mutex_lock_interruptible(&bs->rx_lock))
		return sock_intr_errno(timeo);
	while (copied < len) {
		n = stream_copy(bs, &msg->msg_iter, peek);
		if (n > 0)
			copied += n;
		if (n < 0 || (n > 0 && peek))
			break;
		if (n > 0) {
			/* Publishers may be as fast as this reader. */
			cond_resched();
			if (signal_pending(current))
				break;
			continue;
		}
		if (copied >= target || blipmq_sock_at_end(bs))
			break;
		mutex_unlock(&bs->rx_lock);
		n = blipmq_sock_wait_readable(bs, &timeo);
		if (mutex_lock_interruptible(&bs->rx_lock))
			return copied ?: n ?: sock_intr_errno(timeo);
		if (n)
			break;
	}
	/*
	 * A program that got less than it asked for takes the socket for
	 * drained, and with edge-triggered epoll waits for an event.
	 */
	if (copied && copied < len) {
		blipmq_queue_arm(&bs->queue);
		if (blipmq_sock_readable(bs))
			blipmq_queue_wake(&bs->queue);
	}
	mutex_unlock(&bs->rx_lock);
	return copied ?: n;
}

/**
 * blipmq_stream_poll() - what would not block
 * @file: the file
 * @sock: the socket
 * @wait: the poll table
 *
 * Return: EPOLLIN and the like.
 */
__poll_t blipmq_stream_poll(struct file *file, struct socket *sock,
			    struct poll_table_struct *wait)
{
	struct blipmq_sock *bs = blipmq_sk(sock->sk);
	__poll_t mask;

	sock_poll_wait(file, sock, wait);
	mask = blipmq_sock_poll_in(bs);
	if ((READ_ONCE(bs->state) & BLIPMQ_TX_ENDED) ||
	    (!blipmq_answers_full(&bs->answers, bs->ns) &&
	     !blipmq_sock_is_held_up(bs)))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}
