/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fuzzer of system calls: what its files share.
 *
 * A program is a sequence of operations, an operation is CALLS_OP_BYTES bytes:
 * the first chooses its kind, the others are its operands. So any bytes are a
 * program, and a program that is changed a little does something else.
 *
 * All descriptors that operations work on have numbers from CALLS_FD on, so
 * that a close by one thread never hits what the fuzzer itself needs.
 */
#ifndef _BLIPMQ_TESTS_FUZZ_CALLS_H
#define _BLIPMQ_TESTS_FUZZ_CALLS_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "../lib.h"

#define CALLS_OP_BYTES	16
#define CALLS_OPS	24
#define CALLS_THREADS	16
#define CALLS_ERRNOS	134
#define CALLS_KINDS	32

#define CALLS_FD	100
/* Where sockets of each type are put, so that most operations find one. */
#define CALLS_STREAMS	8
#define CALLS_PACKETS	8
#define CALLS_OTHERS	8
#define CALLS_FDS	(CALLS_STREAMS + CALLS_PACKETS + CALLS_OTHERS)

#define CALLS_MEMORY	(2U << 20)

struct calls_program {
	u8	ops[CALLS_OPS][CALLS_OP_BYTES];
	u8	nr;
};

struct calls_cover {
	unsigned long	*pcs;
	int		fd;
};

/**
 * struct calls_thread - one of the threads that make calls
 * @thread: its name
 * @random: for choosing programs
 * @memory: CALLS_MEMORY bytes; what follows them cannot be touched
 * @op: the operation that runs
 * @at: its next operand
 * @more: where operands come from when it has no more
 * @kind: its kind
 * @progress: grows with each operation
 * @programs: that it has run
 * @results: operations by kind and errno, 0 for success
 * @strange: an errno that no program knows
 * @netlink: a socket for many requests, 0 before the first
 * @requests: that were sent there
 * @cover: what they reached in the kernel
 */
struct calls_thread {
	pthread_t		thread;
	u64			random;
	u8			*memory;
	const u8		*op;
	unsigned int		at;
	u64			more;
	unsigned int		kind;
	volatile u64		progress;
	u64			programs;
	u64			results[CALLS_KINDS][CALLS_ERRNOS];
	int			strange;
	int			netlink;
	u64			requests;
	struct calls_cover	cover;
};

struct calls_kind {
	const char	*name;
	unsigned int	weight;
	void		(*run)(struct calls_thread *t);
};

extern const struct calls_kind calls_kinds[CALLS_KINDS];
extern int calls_family;

/* calls_kinds.c: operations and their operands. */
void calls_kinds_init(void (*only)(struct calls_thread *t));
void calls_run_op(struct calls_thread *t, const u8 *op);
void calls_run_more(struct calls_thread *t);
u8 calls_u8(struct calls_thread *t);
u32 calls_u32(struct calls_thread *t);
size_t calls_len(struct calls_thread *t);
int calls_stream(struct calls_thread *t);
int calls_packet(struct calls_thread *t);
int calls_other(struct calls_thread *t);
int calls_any(struct calls_thread *t);
void *calls_place(struct calls_thread *t, size_t len);
void *calls_put(struct calls_thread *t, const void *bytes, size_t len);
size_t calls_topic(struct calls_thread *t, u8 *topic);
size_t calls_pattern(struct calls_thread *t, u8 *pattern);
long calls_result(struct calls_thread *t, long result);
int calls_keep(int fd, int number);

/* calls_program.c: programs, and those that are worth keeping. */
u64 calls_random(u64 *state);
void calls_choose(struct calls_thread *t, struct calls_program *p);
void calls_learn(const struct calls_program *p);
unsigned int calls_learned(void);

/* calls_kcov.c: what the kernel executed. */
bool calls_cover_open(struct calls_cover *c);
void calls_cover_start(struct calls_cover *c);
bool calls_cover_new(struct calls_cover *c);
void calls_cover_stop(struct calls_cover *c);
unsigned int calls_cover_pcs(void);
const char *calls_cover_where(void);

/* calls_socket.c, calls_send.c, calls_receive.c, calls_file.c, calls_netlink.c */
void calls_renew(int number, bool open);
void calls_open(struct calls_thread *t);
void calls_close(struct calls_thread *t);
void calls_subscribe(struct calls_thread *t);
void calls_set_option(struct calls_thread *t);
void calls_get_option(struct calls_thread *t);
void calls_set_socket(struct calls_thread *t);
void calls_get_socket(struct calls_thread *t);
void calls_address(struct calls_thread *t);
void calls_shutdown(struct calls_thread *t);
void calls_write(struct calls_thread *t);
void calls_write_damaged(struct calls_thread *t);
void calls_write_cut(struct calls_thread *t);
void calls_sendto(struct calls_thread *t);
void calls_sendmsg(struct calls_thread *t);
void calls_sendmmsg(struct calls_thread *t);
void calls_read(struct calls_thread *t);
void calls_recvmsg(struct calls_thread *t);
void calls_recvmmsg(struct calls_thread *t);
void calls_poll(struct calls_thread *t);
void calls_epoll(struct calls_thread *t);
void calls_dup(struct calls_thread *t);
void calls_fork(struct calls_thread *t);
void calls_splice(struct calls_thread *t);
void calls_pass(struct calls_thread *t);
void calls_ioctl(struct calls_thread *t);
void calls_file(struct calls_thread *t);
void calls_netlink(struct calls_thread *t);
void calls_requests(struct calls_thread *t);

/* calls_frame.c, calls_netlink.c */
size_t calls_frames(struct calls_thread *t, u8 *to, size_t room);
int calls_find_family(void);

#endif /* _BLIPMQ_TESTS_FUZZ_CALLS_H */
