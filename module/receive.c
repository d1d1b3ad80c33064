// SPDX-License-Identifier: GPL-2.0
/*
 * What both socket types share: the end of a direction, waiting, waking.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "answers.h"
#include "queue.h"
#include "sock.h"

/* How often who waits to write looks again, see blipmq_sock_wait_writable(). */
#define WRITER_LOOKS	((long)HZ)

/**
 * blipmq_sock_end() - end one direction of a socket, or both
 * @bs: the socket
 * @how: BLIPMQ_RX_ENDED and the like
 *
 * What a reader shall see before the end is in place already.
 *
 * Context: tx_lock is held.
 */
void blipmq_sock_end(struct blipmq_sock *bs, u32 how)
{
	struct sock *sk = &bs->sk;

	lockdep_assert_held(&bs->tx_lock);
	/* Pairs with the acquire in blipmq_sock_at_end(). */
	smp_store_release(&bs->state, bs->state | how);
	sk->sk_state_change(sk);
}

/* Something can be read: of a message, or of what the broker has to say. */
static bool sock_has_data(struct blipmq_sock *bs)
{
	if (READ_ONCE(bs->cursor.bundle) || blipmq_queue_readable(&bs->queue))
		return true;
	if (bs->sk.sk_type != SOCK_STREAM)
		return false;
	return blipmq_answers_waiting(&bs->answers) ||
	       READ_ONCE(bs->lost_left) || blipmq_queue_has_lost(&bs->queue);
}

/**
 * blipmq_sock_at_end() - is there nothing to read, now and for ever?
 * @bs: the socket
 *
 * Return: true when a read returns end of file.
 */
bool blipmq_sock_at_end(struct blipmq_sock *bs)
{
	/* Pairs with the release in blipmq_sock_end(). */
	u32 state = smp_load_acquire(&bs->state);

	if (state & BLIPMQ_RX_ENDED)
		return true;
	/* A frame that the reader has begun is finished; then comes the ERR. */
	if (state & BLIPMQ_FAILED)
		return READ_ONCE(bs->begun) == BLIPMQ_PIECE_NONE &&
		       !blipmq_answers_waiting(&bs->answers);
	return (state & BLIPMQ_DRAINING) && blipmq_queue_drained(&bs->queue) &&
	       !sock_has_data(bs);
}

/**
 * blipmq_sock_readable() - would a read return at once?
 * @bs: the socket
 *
 * Return: a snapshot, outdated at once.
 */
bool blipmq_sock_readable(struct blipmq_sock *bs)
{
	return sock_has_data(bs) || blipmq_sock_at_end(bs);
}

/**
 * blipmq_sock_wait_readable() - wait until a read may return something
 * @bs: the socket
 * @timeo: jiffies to wait at most, reduced by those that it took
 *
 * Context: may sleep; the caller holds no lock of the socket.
 * Return: 0 to try again, -EAGAIN when the time is over, or what a signal
 * makes of the call.
 */
int blipmq_sock_wait_readable(struct blipmq_sock *bs, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct sock *sk = &bs->sk;

	if (!*timeo) {
		/* With edge-triggered epoll the next message has to be news. */
		blipmq_queue_arm(&bs->queue);
		if (!blipmq_sock_readable(bs))
			return -EAGAIN;
		/* It goes on for as long as what comes is not read but expires. */
		return fatal_signal_pending(current) ? -EINTR : 0;
	}
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	blipmq_queue_arm(&bs->queue);
	if (!blipmq_sock_readable(bs))
		*timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, *timeo);
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

/**
 * blipmq_sock_wait_writable() - wait until a write may be tried again
 * @bs: the socket
 * @blocked: does it still have to wait? A snapshot will do
 * @timeo: jiffies to wait at most, reduced by those that it took
 *
 * blipmq_sock_wake_writer() ends it. A socket waits for one thing: threads that
 * write to one socket, and what waits for different things, may therefore miss
 * theirs, and look again now and then.
 *
 * Context: may sleep; the caller holds no lock of the socket.
 * Return: 0 to try again, -EAGAIN when the time is over, or what a signal
 * makes of the call.
 */
int blipmq_sock_wait_writable(struct blipmq_sock *bs,
			      bool (*blocked)(struct blipmq_sock *bs),
			      long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	long slice = min(*timeo, WRITER_LOOKS), left;
	struct sock *sk = &bs->sk;

	if (!*timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	smp_mb();	/* pairs with the one in wq_has_sleeper() */
	if (blocked(bs) && !(READ_ONCE(bs->state) & BLIPMQ_TX_ENDED)) {
		left = wait_woken(&wait, TASK_INTERRUPTIBLE, slice);
		if (*timeo != MAX_SCHEDULE_TIMEOUT)
			*timeo -= slice - left;
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return 0;
}

/**
 * blipmq_sock_poll_in() - the reading side of poll
 * @bs: the socket; the caller is on its wait queue already
 *
 * Return: EPOLLIN and the like.
 */
__poll_t blipmq_sock_poll_in(struct blipmq_sock *bs)
{
	__poll_t mask = 0;
	bool readable;
	u32 state;

	blipmq_expiry_look(bs);
	readable = blipmq_sock_readable(bs);

	/* One answer, since a publisher that evicts may change it meanwhile. */
	if (!readable) {
		blipmq_queue_arm(&bs->queue);
		readable = blipmq_sock_readable(bs);
	}
	if (readable)
		mask |= EPOLLIN | EPOLLRDNORM;
	state = READ_ONCE(bs->state);
	if (blipmq_sock_at_end(bs)) {
		mask |= EPOLLRDHUP;
		if (state & BLIPMQ_TX_ENDED)
			mask |= EPOLLHUP;
	}
	return mask;
}

/**
 * blipmq_sock_wake_writer() - the socket may be writable again
 * @bs: the socket
 *
 * Context: any but interrupts; a full barrier is in it.
 */
void blipmq_sock_wake_writer(struct blipmq_sock *bs)
{
	struct sock *sk = &bs->sk;

	if (wq_has_sleeper(sk_sleep(sk)))
		wake_up_interruptible_poll(sk_sleep(sk),
					   EPOLLOUT | EPOLLWRNORM);
}
