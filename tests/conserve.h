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
#define PATTERNS_MAX	5
#define GROUPS_MAX	3
#define INTERESTS_MAX	(TOPICS_MAX + PATTERNS_MAX + GROUPS_MAX)
#define PUBLISHERS_MAX	5
#define SUBSCRIBERS_MAX	8
#define MESSAGES_MAX	1500
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
 * struct interest - what one can subscribe to
 * @pattern: a topic or a pattern
 * @group: number of the queue group, -1 for a plain subscription
 * @topics: those that match, a bit each
 * @wide: others' own topics match as well, see inbox_drain()
 */
struct interest {
	char	pattern[BLIPMQ_NAME_MAX + 1];
	int	group;
	u32	topics;
	bool	wide;
};

/**
 * struct publisher_plan - what one publisher does
 * @way: how it is connected
 * @stranger: it is not root, and rules are for it
 * @messages: how many it sends
 * @batch: messages that it sends with one call at most
 * @large: one message in so many has tens of thousands of bytes
 * @retains: one small message in so many is to be retained, 0 for none
 * @naps: it pauses after one batch in so many
 * @ttl_ms: what its messages live, 0 for ever
 * @kill_at: it is killed once it has begun so many; NEVER
 */
struct publisher_plan {
	enum kind	way;
	bool		stranger;
	u32		messages;
	u32		batch;
	u32		large;
	u32		retains;
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
 * @stranger: it is not root, and rules are for it
 * @interests: what it ever subscribes to, a bit each
 * @first: of these, what it begins with
 * @roams: it subscribes, unsubscribes, closes and comes again meanwhile;
 *	else it stays on @first for the whole round
 * @pace: how it reads
 * @turns: its queue's limits and overflow policy change meanwhile
 * @conflates: the policies have conflate among them
 * @cuts: and disconnect
 * @ending: how it ends
 * @kill_at: it is killed once so many messages were begun; NEVER
 */
struct subscriber_plan {
	enum kind	way;
	bool		stranger;
	u32		interests;
	u32		first;
	bool		roams;
	enum pace	pace;
	bool		turns;
	bool		conflates;
	bool		cuts;
	enum ending	ending;
	u32		kill_at;
};

/**
 * struct plan - a round
 * @seed: what everything below was drawn from
 * @expires: some messages do
 * @moves: lanes and workers change meanwhile
 * @rules: rules of who may do what change meanwhile
 * @retained: topics that get a retained value, a bit each
 * @fickle: topics that may lose theirs again
 * @interests: the topics first, then patterns, then queue groups
 */
struct plan {
	u64			seed;
	bool			expires;
	bool			moves;
	bool			rules;
	u32			retained;
	u32			fickle;
	u32			nr_topics;
	char			topics[TOPICS_MAX][BLIPMQ_NAME_MAX + 1];
	u32			nr_plain;
	u32			nr_interests;
	struct interest		interests[INTERESTS_MAX];
	u32			nr_publishers;
	struct publisher_plan	publishers[PUBLISHERS_MAX];
	u32			nr_subscribers;
	struct subscriber_plan	subscribers[SUBSCRIBERS_MAX];
};

void plan_draw(struct plan *plan, u64 seed, bool tcp);
void plan_print(const struct plan *plan);
bool expires_soon(const struct publisher_plan *p);

/* conserve_message.c: message @k of publisher @p, the same to everybody. */
u32 message_topic(const struct plan *plan, u32 p, u32 k);
u32 message_size(const struct plan *plan, u32 p, u32 k);
bool message_retains(const struct plan *plan, u32 p, u32 k);
void message_fill(const struct plan *plan, u32 p, u32 k, u8 *payload);
u32 message_number(const u8 *payload);

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
 * @nr_refused: how many of them were refused
 * @refusals: how often somebody refused one
 * @refused: which were refused
 */
struct publisher_state {
	u32	number;
	u32	begun;
	u32	sent;
	u32	total;
	u32	nr_refused;
	u32	refusals;
	bool	refused[MESSAGES_MAX];
};

/**
 * struct subscriber_state - what a subscriber lets others know
 * @reached: the phase that it has come to the end of
 * @sockets: how many it has open
 * @unsure: of how many of these it does not know: an overflow may have ended them,
 *	and blipmqd closed them, which only reading shows
 * @ledgers: how many it has begun
 * @touched: topics that it ever subscribed to
 * @own: messages that it published to itself
 * @read: messages that it read, on all of its sockets
 * @lost: losses on all of its sockets, as far as it knows
 * @conflated: what was conflated, likewise
 * @refused: frames of it that were refused
 * @more: more may have been counted than it knows, of sockets that are closed
 * @read_more: more may have been delivered to its sockets than @read
 * @killed: it was killed
 * @kill_from: what had been sent before that
 * @kill_to: what was begun when its sockets were closed by that
 */
struct subscriber_state {
	u32	reached;
	u32	sockets;
	u32	unsure;
	u32	ledgers;
	u32	touched;
	u64	own;
	u64	read;
	u64	lost;
	u64	conflated;
	u64	refused;
	bool	more;
	bool	read_more;
	bool	killed;
	u32	kill_from[PUBLISHERS_MAX];
	u32	kill_to[PUBLISHERS_MAX];
};

#define WINDOWS_MAX	64
#define INBOXES_MAX	12
#define CHAINS_MAX	(1 + GROUPS_MAX)

/**
 * struct window - a subscription, as seen in message numbers
 * @interest: to what
 * @topics: of the interest
 * @group: of the interest
 * @rules_from: changes of rules that were done before it began
 * @rules_to: those that were begun when it had begun, NEVER until then
 * @replay_must: topics whose retained value it must have got
 * @replay_may: topics whose retained value it may have got
 * @may_from: earlier messages had been published before it began
 * @must_from: this and later ones were published when it had begun
 * @must_to: this and later ones may have come too late
 * @may_to: this and later ones were published when it had ended
 */
struct window {
	u32	interest;
	u32	topics;
	int	group;
	u32	rules_from;
	u32	rules_to;
	u32	replay_must;
	u32	replay_may;
	u32	may_from[PUBLISHERS_MAX];
	u32	must_from[PUBLISHERS_MAX];
	u32	must_to[PUBLISHERS_MAX];
	u32	may_to[PUBLISHERS_MAX];
};

/**
 * struct sums - what follows from a ledger's windows
 * @must_match: messages and retained values that must have matched plainly
 * @may_match: those that may have
 * @must_miss: of what must have matched, what was not read
 * @may_miss: of what may have matched, queue groups included
 * @may_expire: of that, what may have expired
 */
struct sums {
	u64	must_match;
	u64	may_match;
	u64	must_miss;
	u64	may_miss;
	u64	may_expire;
};

struct shared;

/**
 * struct ledger - the account of one receiving socket
 * @shared: what publishers say
 * @who: for complaints
 * @stranger: rules are for it
 * @windows: its subscriptions, those that ended included
 * @nr_windows: how many
 * @groups: queue groups that it ever was in, a bit each
 * @plain: it ever had a plain subscription
 * @blocks: its policy is block, unless a rule has ended that
 * @conflates: conflate was among its policies
 * @cuts: disconnect was, and it may have been ended by that
 * @cut: it was
 * @next: of each publisher, the number after the last message read
 * @passed: of each publisher, the messages that were looked at
 * @heads: the same as @next by topic, if it conflates, and by chain: what comes
 *	plainly and from each queue group is in order, but not among these
 * @floor: what is older than a retained value that came
 * @copies: how often each message was read
 * @replays: retained values read, by topic
 * @read: messages that were read
 * @bytes: their frames
 * @own: messages of @read that the socket had published to itself
 * @refused: its frames that were refused
 * @announced: losses that it was told of
 * @must_miss: messages that were not read though they must have been queued, as
 *	far as @passed
 * @may_miss: messages that were not read and may have been queued, as far
 * @counted: the counters of the socket are known: the members below
 * @lost: losses by its counters
 * @conflated: what was conflated
 * @missed: all that matched and was not read
 */
struct ledger {
	const struct shared	*shared;
	char			who[24];
	bool			stranger;
	struct window		windows[WINDOWS_MAX];
	u32			nr_windows;
	u32			groups;
	bool			plain;
	bool			blocks;
	bool			conflates;
	bool			cuts;
	bool			cut;
	u32			next[PUBLISHERS_MAX];
	u32			passed[PUBLISHERS_MAX];
	u32			heads[PUBLISHERS_MAX][TOPICS_MAX][CHAINS_MAX];
	u32			floor[PUBLISHERS_MAX][TOPICS_MAX];
	u8			copies[PUBLISHERS_MAX][MESSAGES_MAX];
	u32			replays[TOPICS_MAX];
	u64			read;
	u64			bytes;
	u64			own;
	u64			refused;
	u64			announced;
	u64			must_miss;
	u64			may_miss;
	bool			counted;
	u64			lost;
	u64			conflated;
	u64			missed;
};

#define RULES_MAX	3
#define EVENTS_MAX	60

/**
 * struct rules - the rules at some time
 * @nr: how many
 * @rule: their patterns, of these interests, the one that says most first; and
 *	the bits for strangers, as in the mode of a file
 */
struct rules {
	u32	nr;
	struct {
		u8	interest;
		u8	mode;
	} rule[RULES_MAX];
};

/**
 * struct rules_event - a change of the rules
 * @after: what they are then
 * @from: what had been sent before
 * @to: what was begun when it was done
 */
struct rules_event {
	struct rules	after;
	u32		from[PUBLISHERS_MAX];
	u32		to[PUBLISHERS_MAX];
};

/**
 * struct shared - what the processes of a round have in common
 * @plan: the plan
 * @phase: enum phase
 * @settled: what was sent has arrived, in lanes as well
 * @events_begun: changes of rules that are done or under way
 * @events_done: those that are done
 * @events: all of them
 * @taken: who of each queue group has read which message, from 1
 * @ledgers: of each subscriber's sockets; last, as it is large
 */
struct shared {
	struct plan		plan;
	u32			phase;
	bool			settled;
	struct publisher_state	publishers[PUBLISHERS_MAX];
	struct subscriber_state	subscribers[SUBSCRIBERS_MAX];
	u32			events_begun;
	u32			events_done;
	struct rules_event	events[EVENTS_MAX];
	u8			taken[GROUPS_MAX][PUBLISHERS_MAX][MESSAGES_MAX];
	struct ledger		ledgers[SUBSCRIBERS_MAX][INBOXES_MAX];
};

/* Each is written by one process and read by others. */
#define see(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define tell(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)

/* conserve_round.c */
bool round_run(struct shared *round);
void nap_us(u32 microseconds);
void wait_phase(const struct shared *round, enum phase phase);
bool become_stranger(void);

/* conserve_move.c: lanes, workers and rules change. */
bool move_lanes(const struct plan *plan, struct dice *d);
bool move_lanes_back(const struct plan *plan);
bool move_rules(struct shared *shared, struct dice *d);
bool move_rules_back(struct shared *shared);

/* conserve_rules.c: what the rules say. */
#define MAY_BLOCK	1U
#define MAY_PUBLISH	2U
#define MAY_SUBSCRIBE	4U

bool rules_allow(const struct plan *plan, const struct rules *rules,
		 const char *name, u32 right);
void rules_insert(const struct plan *plan, struct rules *rules, u32 interest,
		  u32 mode);
bool rules_can(const struct shared *shared, u32 from, const char *name,
	       u32 right, bool allow);
u32 rules_end(const struct shared *shared, u32 from, u32 to, const char *name);
u32 rules_end_at_last(const struct shared *shared, u32 from, u32 begun, u32 to,
		      const char *name);

/* conserve_publisher.c, conserve_subscriber.c: the actors; exit status. */
int publisher_run(struct shared *shared, u32 p);
int subscriber_run(struct shared *shared, u32 s);

/* conserve_window.c: where a window is; the steps of a subscription's life. */
void look(const struct shared *shared, u32 *to, bool begun);
struct window *ledger_joining(struct ledger *l, u32 interest);
bool ledger_joined(struct ledger *l, struct window *w);
bool ledger_join_refused(struct ledger *l, struct window *w);
void ledger_leaving(struct ledger *l, struct window *w);
void ledger_left(struct ledger *l, struct window *w);
u32 ledger_rules_end(const struct ledger *l, const struct window *w, u32 to);
u32 ledger_rules_end_at_last(const struct ledger *l, const struct window *w,
			     u32 to);
void ledger_end_by_rules(struct ledger *l);
void ledger_may_be_cut(struct ledger *l);
void ledger_end_by_cut(struct ledger *l);
void ledger_end_by_kill(struct ledger *l, const struct subscriber_state *s);
u32 must_have(const struct window *w, u32 nr, u32 p, u32 k, u32 topic);
u32 may_have(const struct window *w, u32 nr, u32 p, u32 k, u32 topic,
	     u32 *groups);
bool was_published(const struct shared *shared, u32 p, u32 k);

/**
 * struct arrival - a message that was read
 * @topic: its topic
 * @topic_len: bytes of that
 * @id: its id
 * @payload: its payload
 * @len: bytes of that
 * @retained: it came as a retained value
 * @published_ns: when it was published, 0 when that is not known
 * @asked_ns: when somebody began to read it
 */
struct arrival {
	const char	*topic;
	size_t		topic_len;
	u64		id;
	const u8	*payload;
	size_t		len;
	bool		retained;
	u64		published_ns;
	u64		asked_ns;
};

/* conserve_ledger.c */
bool ledger_message(struct ledger *l, const struct arrival *a);
bool ledger_lost(struct ledger *l, u64 count);
void ledger_will_conflate(struct ledger *l);

/* conserve_judge.c */
bool ledger_sums(struct ledger *l, struct sums *sums);
bool ledger_end(struct ledger *l, const struct blipmq_socket_stats *stats,
		bool drained);
bool groups_judge(struct shared *shared);
bool matched_judge(struct shared *shared, u64 matched);

/**
 * struct inbox - a receiving socket
 * @way: of which kind
 * @peer: its connection; .fd alone for a packet socket
 * @ledger: its account
 * @open: the windows of the interests that it is on
 * @acks: answers that came
 * @refusal: the code of the last refusal that came
 * @leaving: it has said QUIT
 * @ended: the end of the stream came
 * @closed: it receives no more, but can still be asked
 * @gone: nor that
 */
struct inbox {
	enum kind	way;
	struct lib_peer	peer;
	struct ledger	*ledger;
	struct window	*open[INTERESTS_MAX];
	u32		acks;
	u32		refusal;
	bool		leaving;
	bool		ended;
	bool		closed;
	bool		gone;
};

bool inbox_open(struct inbox *in, enum kind way, struct ledger *l, bool small);
bool inbox_join(struct inbox *in, u32 interest);
bool inbox_leave(struct inbox *in, u32 interest);
bool inbox_limit(struct inbox *in, int option, u32 value);
int inbox_read(struct inbox *in, struct dice *dice, int timeout_ms);
bool inbox_read_begun(struct inbox *in);

/* What an inbox is told. */
enum answer {
	ANSWER_OK,
	ANSWER_REFUSED,	/* .refusal says why */
	ANSWER_CUT,	/* the socket has ended by an overflow */
	ANSWER_WRONG,	/* after a complaint */
};

enum answer inbox_subscription(struct inbox *in, int option,
			       const struct interest *to);

/* conserve_ending.c: the ways in which one ends. */
bool inbox_leave_wide(struct inbox *in);
bool inbox_drain(struct inbox *in, struct dice *dice);
bool inbox_shut(struct inbox *in);
bool inbox_judge(struct inbox *in, bool drained);
void inbox_close(struct inbox *in);

/* conserve_totals.c: the namespace's counters against all ledgers. */
bool totals_begin(void);
bool totals_count_killed(struct shared *shared);
bool totals_judge(struct shared *shared);
bool totals_end(const struct shared *shared);

#endif /* _BLIPMQ_TESTS_CONSERVE_H */
