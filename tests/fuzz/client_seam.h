/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other side of a connection of libblipmq: instead of a socket and a clock
 * there is an input of the fuzzer. The linker puts these functions where the
 * library calls recv(), sendmsg(), poll() and the like (--wrap).
 */
#ifndef _BLIPMQ_TESTS_FUZZ_CLIENT_SEAM_H
#define _BLIPMQ_TESTS_FUZZ_CLIENT_SEAM_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "fuzz.h"

struct blipmq;

/* How the broker's bytes end. */
enum seam_end {
	SEAM_EOF,
	SEAM_RESET,
	SEAM_SILENCE,
	SEAM_ENDS,
};

/**
 * struct seam - the broker, its network, and time
 * @script: bytes that choose how much is read, written, and when it fails
 * @script_len: how many, at least one; they are used over and over
 * @script_at: the next one
 * @stream: what the broker sends
 * @given: bytes of it that the library has read
 * @len: bytes of it
 * @end: what comes after them
 * @network: as struct blipmq has it
 * @sent: what the library wrote
 * @sent_len: bytes of it
 * @sent_size: bytes of room there
 * @now: milliseconds
 * @sure: the next call was promised by poll() and moves a byte
 */
struct seam {
	const u8	*script;
	size_t		script_len;
	size_t		script_at;
	const u8	*stream;
	size_t		given;
	size_t		len;
	enum seam_end	end;
	bool		network;
	u8		*sent;
	size_t		sent_len;
	size_t		sent_size;
	s64		now;
	bool		sure;
};

extern struct seam seam;

u8 seam_choice(void);

/* The names by which the linker finds them. */
int __wrap_blipmq_address_open(struct blipmq *b, const char *address,
			       int timeout_ms);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout_ms);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);
int __real_close(int fd);
s64 __wrap_blipmq_now_ms(void);
s64 __wrap_blipmq_now_coarse_ms(void);

#endif /* _BLIPMQ_TESTS_FUZZ_CLIENT_SEAM_H */
