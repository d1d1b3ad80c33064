/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The conservation checker: what its parts share.
 *
 * A round has a plan, drawn from a seed; actors, one process each, that carry
 * it out; and for each receiving socket a ledger of what was sent, read and
 * announced as lost, which is judged as the messages come and at the end.
 */
#ifndef _BLIPMQ_TESTS_CONSERVE_H
#define _BLIPMQ_TESTS_CONSERVE_H

#include "lib.h"

#define TOPICS_MAX	8
#define PUBLISHERS_MAX	5
#define SUBSCRIBERS_MAX	8
#define PAYLOAD_MAX	BLIPMQ_FRAME_PAYLOAD_DEFAULT
#define NEVER		UINT32_MAX

enum kind { WAY_PACKET, WAY_STREAM, WAY_TCP };

/**
 * struct dice - random numbers that a seed determines
 * @state: where they are
 */
struct dice {
	u64	state;
};

u64 dice_next(struct dice *d);
u32 dice_below(struct dice *d, u32 limit);
bool dice_one_in(struct dice *d, u32 n);
u64 mixed(u64 a, u64 b);

/**
 * struct publisher_plan - what one publisher does
 * @way: how it is connected
 * @messages: how many it sends
 * @batch: messages that it sends with one call at most
 * @large: one message in so many has tens of thousands of bytes
 * @naps: it pauses after one batch in so many
 * @ttl_ms: what its messages live, 0 for ever
 * @kill_at: it is killed once it has begun so many; NEVER
 */
struct publisher_plan {
	enum kind	way;
	u32		messages;
	u32		batch;
	u32		large;
	u32		naps;
	u32		ttl_ms;
	u32		kill_at;
};

/* How fast a subscriber reads while messages come. */
enum pace { PACE_FAST, PACE_SLOW, PACE_NOT_AT_ALL };

/* What becomes of a subscriber's messages at the end of the round. */
enum ending { ENDING_DRAIN, ENDING_LEAVE_QUEUED };

/**
 * struct subscriber_plan - what one subscriber does
 * @way: how it is connected
 * @topics: those that it subscribes to first, a bit each
 * @roams: it subscribes, unsubscribes, closes and comes again meanwhile;
 *	else it stays on @topics for the whole round
 * @pace: how it reads
 * @turns: its queue's limits and overflow policy change meanwhile
 * @ending: how it ends
 * @kill_at: it is killed once so many messages were begun; NEVER
 */
struct subscriber_plan {
	enum kind	way;
	u32		topics;
	bool		roams;
	enum pace	pace;
	bool		turns;
	enum ending	ending;
	u32		kill_at;
};

/**
 * struct plan - a round
 * @seed: what everything below was drawn from
 * @expires: some messages do
 * @moves: lanes and workers change meanwhile
 */
struct plan {
	u64			seed;
	bool			expires;
	bool			moves;
	u32			nr_topics;
	char			topics[TOPICS_MAX][BLIPMQ_NAME_MAX + 1];
	u32			nr_publishers;
	struct publisher_plan	publishers[PUBLISHERS_MAX];
	u32			nr_subscribers;
	struct subscriber_plan	subscribers[SUBSCRIBERS_MAX];
};

void plan_draw(struct plan *plan, u64 seed, bool tcp);
void plan_print(const struct plan *plan);

/* conserve_message.c: message @k of publisher @p, the same to everybody. */
u32 message_topic(const struct plan *plan, u32 p, u32 k);
u32 message_size(const struct plan *plan, u32 p, u32 k);
void message_fill(const struct plan *plan, u32 p, u32 k, u8 *payload);

/* What the processes of a round are told to do. */
enum phase {
	PHASE_OPEN = 1,	/* connect, and say so */
	PHASE_RUN,	/* publish, subscribe, read */
	PHASE_STOP,	/* publishers have ended: stay subscribed as you are */
	PHASE_JUDGE,	/* all is quiet: read what is left, judge */
	PHASE_CLOSE,	/* close and exit */
};

/**
 * struct publisher_state - what a publisher lets others know
 * @number: upper bits of its message ids
 * @begun: messages that it has handed to a call, or is about to
 * @sent: messages whose publication has ended
 * @total: how many there were, known once it has ended
 */
struct publisher_state {
	u32	number;
	u32	begun;
	u32	sent;
	u32	total;
};

/**
 * struct subscriber_state - what a subscriber lets others know
 * @reached: the phase that it has come to the end of
 * @sockets: how many it has open
 * @touched: topics that it ever subscribed to
 * @own: messages that it published to itself
 * @read: messages that it read, on all of its sockets
 * @lost: losses on all of its sockets, as far as it knows
 * @read_more: more may have been delivered to its sockets than @read
 * @lost_more: more may have been lost on its sockets than @lost
 */
struct subscriber_state {
	u32	reached;
	u32	sockets;
	u32	touched;
	u64	own;
	u64	read;
	u64	lost;
	bool	read_more;
	bool	lost_more;
};

/**
 * struct shared - what the processes of a round have in common
 * @plan: the plan
 * @phase: enum phase
 */
struct shared {
	struct plan		plan;
	u32			phase;
	struct publisher_state	publishers[PUBLISHERS_MAX];
	struct subscriber_state	subscribers[SUBSCRIBERS_MAX];
};

/* Each is written by one process and read by others. */
#define see(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define tell(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)

/* conserve_round.c */
bool round_run(struct shared *round);
void nap_us(u32 microseconds);
void wait_phase(const struct shared *round, enum phase phase);

/* conserve_publisher.c, conserve_subscriber.c: the actors; exit status. */
int publisher_run(struct shared *shared, u32 p);
int subscriber_run(struct shared *shared, u32 s);

#define WINDOWS_MAX	64

/**
 * struct window - a subscription to one topic, as seen in message numbers
 * @topic: which one
 * @may_from: earlier messages had been published before it began
 * @must_from: this and later ones were published when it had begun
 * @must_to: this and later ones may have come too late
 * @may_to: this and later ones were published when it had ended
 */
struct window {
	u32	topic;
	u32	may_from[PUBLISHERS_MAX];
	u32	must_from[PUBLISHERS_MAX];
	u32	must_to[PUBLISHERS_MAX];
	u32	may_to[PUBLISHERS_MAX];
};

/**
 * struct ledger - the account of one receiving socket
 * @shared: what publishers say
 * @who: for complaints
 * @windows: its subscriptions, those that ended included
 * @nr_windows: how many
 * @next: of each publisher, the number after the last message read
 * @read: messages that were read
 * @bytes: their frames
 * @own: messages of @read that the socket had published to itself
 * @announced: losses that it was told of
 * @lost: losses by its counters, known once it is judged
 * @expired: messages that expired in its queue, known then
 * @must_miss: messages that were not read though they must have been queued
 * @may_miss: messages that were not read and may have been queued
 */
struct ledger {
	const struct shared	*shared;
	const char		*who;
	struct window		windows[WINDOWS_MAX];
	u32			nr_windows;
	u32			next[PUBLISHERS_MAX];
	u64			read;
	u64			bytes;
	u64			own;
	u64			announced;
	u64			lost;
	u64			expired;
	u64			must_miss;
	u64			may_miss;
};

/* Where a window is; the four steps of a subscription's life, in order. */
struct window *ledger_joining(struct ledger *l, u32 topic);
void ledger_joined(struct ledger *l, struct window *w);
void ledger_leaving(struct ledger *l, struct window *w);
void ledger_left(struct ledger *l, struct window *w);

bool ledger_message(struct ledger *l, const char *topic, size_t topic_len,
		    u64 id, const void *payload, size_t len);
bool ledger_lost(struct ledger *l, u64 count);
bool ledger_end(struct ledger *l, const struct blipmq_socket_stats *stats,
		bool drained);

/**
 * struct inbox - a receiving socket
 * @way: of which kind
 * @peer: its connection; .fd alone for a packet socket
 * @ledger: its account
 * @open: the windows of the topics that it is on, by topic
 * @acks: answers that came
 * @ended: the end of the stream came
 * @closed: it receives no more, but can still be asked
 */
struct inbox {
	enum kind	way;
	struct lib_peer	peer;
	struct ledger	ledger;
	struct window	*open[TOPICS_MAX];
	u32		acks;
	bool		ended;
	bool		closed;
};

bool inbox_open(struct inbox *in, enum kind way, const struct shared *shared,
		const char *who, bool small);
bool inbox_join(struct inbox *in, u32 topic);
bool inbox_leave(struct inbox *in, u32 topic);
bool inbox_limit(struct inbox *in, int option, u32 value);
int inbox_read(struct inbox *in, struct dice *dice, int timeout_ms);
bool inbox_read_begun(struct inbox *in);
bool inbox_drain(struct inbox *in, struct dice *dice);
bool inbox_shut(struct inbox *in);
bool inbox_judge(struct inbox *in, bool drained);
void inbox_close(struct inbox *in);

/* conserve_totals.c: the namespace's counters against all ledgers. */
bool totals_begin(void);
bool totals_count_killed(struct shared *shared);
bool totals_judge(const struct shared *shared);
bool totals_end(const struct shared *shared);

#endif /* _BLIPMQ_TESTS_CONSERVE_H */
