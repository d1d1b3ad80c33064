/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs share: connections that speak frames, the checks of
 * what comes back, and the broker's own counters.
 *
 * The checks return false after saying on standard error, as a TAP comment,
 * what was expected and what came, so that a caller only asserts.
 */
#ifndef _BLIPMQ_TESTS_LIB_H
#define _BLIPMQ_TESTS_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <linux/blipmq.h>

#include "../module/frame.h"

/* A guard against hangs, never a statement about speed: guests are slow. */
#define LIB_HANG_MS	25000

/* How bytes get to the broker. */
enum lib_way {
	LIB_LOCAL,	/* a SOCK_STREAM socket of the family */
	LIB_TCP,	/* through the blipmqd that BLIPMQ_TEST_TCP names */
};

/**
 * struct lib_peer - one connection that speaks frames
 * @fd: its descriptor
 * @in: bytes read and not looked at yet, from @start to @end
 * @out: frames to send with the next lib_send()
 */
struct lib_peer {
	int		fd;
	u8		*in;
	size_t		start;
	size_t		end;
	size_t		room;
	u8		*out;
	size_t		out_len;
	size_t		out_room;
};

/**
 * struct lib_frame - a frame that came in
 * @f: its header
 * @topic: @f.topic_len bytes
 * @body: @body_len bytes
 *
 * The pointers hold until the next lib_next() of the same connection.
 */
struct lib_frame {
	struct blipmq_frame	f;
	const u8		*topic;
	const u8		*body;
	u32			body_len;
};

#define lib_say(fmt, ...) \
	lib_say_at(__FILE__, __LINE__, fmt, ##__VA_ARGS__)
void lib_say_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Until a process, or a thread by its number, sleeps in the kernel or has ended. */
void lib_wait_asleep(pid_t pid);

/* A file of a known length, for sendfile and splice; -1 on failure. */
int lib_temporary(const void *bytes, size_t len);

/* How often to repeat what is done @most times on a stock kernel. */
int lib_rounds(int most);

/* Likewise, @usual times; on a stock kernel with SUITE_LONG @most times. */
int lib_rounds_long(int usual, int most);

/* lib_peer.c: connections. */
int lib_socket(int type);
int lib_open(struct lib_peer *p, enum lib_way way);
void lib_close(struct lib_peer *p);
void lib_raw(struct lib_peer *p, const void *bytes, size_t len);
void lib_put(struct lib_peer *p, u8 op, u8 flags, const char *topic,
	     const void *body, size_t len);
void lib_put_pub(struct lib_peer *p, u8 flags, const char *topic, u32 tag,
		 const void *payload, size_t len);
void lib_put_option(struct lib_peer *p, u16 number, u32 value);
bool lib_send(struct lib_peer *p);
bool lib_send_cut(struct lib_peer *p, size_t step);
int lib_next(struct lib_peer *p, struct lib_frame *in);
int lib_next_within(struct lib_peer *p, struct lib_frame *in, int timeout_ms);

/* lib_expect.c: what must come next. */
bool lib_expect_ack(struct lib_peer *p, u32 tag, const char *topic);
bool lib_expect_err(struct lib_peer *p, u16 code, u32 tag, const char *topic);
bool lib_expect_err_bytes(struct lib_peer *p, u16 code, u32 tag,
			  const void *topic, size_t len);
bool lib_expect_msg(struct lib_peer *p, const char *topic,
		    const void *payload, size_t len, u64 *id);
bool lib_expect_pong(struct lib_peer *p, const void *body, size_t len);
bool lib_expect_lost(struct lib_peer *p, u64 count);
bool lib_expect_eof(struct lib_peer *p);
bool lib_expect_silence(struct lib_peer *p);
bool lib_sync(struct lib_peer *p);
bool lib_subscribe(struct lib_peer *p, const char *topic);
bool lib_unsubscribe(struct lib_peer *p, const char *topic);
bool lib_option(struct lib_peer *p, u16 number, u32 value);
bool lib_publish(struct lib_peer *p, const char *topic, const void *payload,
		 size_t len);

/* lib_server.c: a blipmqd of one's own. */
pid_t lib_server_start(char *const argv[], char *address, size_t size);
pid_t lib_server(char *const argv[]);
bool lib_server_end(pid_t pid);
bool lib_server_ended(pid_t pid);

/* lib_packet.c: sockets of one message a call. */
int lib_packet(void);
int lib_subscription(int fd, int option, const char *pattern,
		     const char *group);
socklen_t lib_address(struct sockaddr_blipmq *sa, const char *topic);
ssize_t lib_sendto(int fd, const char *topic, const void *payload,
		   size_t len);
int lib_connect(int fd, const char *topic);
ssize_t lib_retain(int fd, const char *topic, const void *payload, size_t len);
int lib_forget_retained(void);
bool lib_set_u32(int fd, int option, u32 value);
u32 lib_get_u32(int fd, int option);
bool lib_stats(int fd, struct blipmq_socket_stats *stats);
bool lib_law(const struct blipmq_socket_stats *stats);

/**
 * struct lib_message - a message that recvmsg() gave
 * @len: what recvmsg() returned, or -errno
 * @flags: its msg_flags
 * @topic: of the address, or of the control message
 * @topic_by_control: the topic came as a control message
 * @name_len: the address length
 * @id: with @have_id
 * @timestamp: with @have_timestamp
 * @lost: messages lost before this one
 * @retained: it is a retained value
 * @controls: control messages
 */
struct lib_message {
	ssize_t		len;
	int		flags;
	char		topic[256];
	bool		topic_by_control;
	socklen_t	name_len;
	bool		have_id;
	u64		id;
	bool		have_timestamp;
	u64		timestamp;
	bool		have_lost;
	u64		lost;
	bool		retained;
	unsigned int	controls;
};

ssize_t lib_recvmsg(int fd, struct lib_message *m, void *buf, size_t room,
		    int flags);
void lib_take_controls(struct lib_message *m, struct msghdr *msg);

/* lib_status.c: the namespace's counters, by generic netlink. */
#define LIB_STATUS_KEYS	39

struct lib_status {
	long long	values[LIB_STATUS_KEYS];
};

bool lib_status(struct lib_status *s);
long long lib_status_value(const struct lib_status *s, const char *path);
void lib_status_print(const struct lib_status *s);
long long lib_status_of(const char *path);
bool lib_status_wait(const char *path, long long value);
bool lib_status_law(void);
int lib_limit_set(const char *path, unsigned long long value);

/* An attribute of a request: bytes, or a number where there are none. */
struct lib_attr {
	int		type;
	const char	*text;
	u32		number;
};

long long lib_request(u8 command, const struct lib_attr *attrs, size_t nr,
		      int wanted);

/* lib_file.c: the kernel's files. */
#define LIB_TRACING	"/sys/kernel/tracing"

bool lib_write_file(const char *folder, const char *name, const char *text);
bool lib_read_file(char *text, size_t room, const char *folder,
		   const char *name);
bool lib_trace_open(char *folder);

/* lib_user.c: rights. */
int lib_as_user(uid_t uid, int flags, int (*check)(void *arg), void *arg);

/* lib_lane.c: workers and lanes; names are NULL for all other topics. */
int lib_lane_set(const char *pattern, u32 mode, int worker);
int lib_lane_of(const char *topic);
int lib_lanes_direct(void);
int lib_worker_set(u32 number, int attr, u32 value);
int lib_worker_count(u32 count);
long long lib_worker_get(u32 number, int attr);
bool lib_worker_wait(u32 number, int attr, long long value);

/* lib_access.c: rules, and other users. */
int lib_rule_add(const char *pattern, uid_t uid, gid_t gid, u32 mode);
int lib_rule_delete(const char *pattern);
bool lib_rules_clear(void);
int lib_rule_may(const char *name, uid_t uid, gid_t gid);
bool lib_become(uid_t uid, gid_t gid, gid_t group);

#endif /* _BLIPMQ_TESTS_LIB_H */
