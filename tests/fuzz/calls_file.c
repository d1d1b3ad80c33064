// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: sockets as files, which are duplicated, inherited, passed on and
 * spliced.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "calls.h"

void calls_dup(struct calls_thread *t)
{
	int from = calls_any(t), to = calls_any(t);
	u8 choice = calls_u8(t);

	switch (choice % 4) {
	case 0:
		calls_result(t, fcntl(from, F_SETFL, choice & 4 ?
				      O_NONBLOCK : 0));
		break;
	case 1:
		calls_result(t, fcntl(from, F_SETOWN, getpid()));
		calls_result(t, fcntl(from, F_SETFL, O_ASYNC));
		break;
	default:
		calls_result(t, dup3(from, to, choice & 4 ? O_CLOEXEC : 0));
	}
}

/* A child that has the same sockets, uses them a little, and dies. */
void calls_fork(struct calls_thread *t)
{
	unsigned int n = 1 + calls_u8(t) % 3;
	pid_t pid = fork();

	if (!pid) {
		/* Nobody is there to end a call that blocks. */
		alarm(1);
		while (n--)
			calls_run_more(t);
		_exit(0);
	}
	calls_result(t, pid);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0)
		;
}

/* Frames to a pipe, as far as it takes them. */
static void fill_pipe(struct calls_thread *t, int fd)
{
	size_t len = calls_frames(t, t->memory, CALLS_MEMORY);

	if (len > 32768)
		len = 32768;
	if (write(fd, t->memory, len) < 0)
		return;
}

static void send_file(struct calls_thread *t)
{
	size_t len = calls_frames(t, t->memory, CALLS_MEMORY);
	int to = calls_any(t), fd = lib_temporary(t->memory, len);
	off_t at = calls_u8(t) < 200 ? 0 : calls_u8(t);

	calls_result(t, sendfile(to, fd, &at, len));
	close(fd);
}

void calls_splice(struct calls_thread *t)
{
	u8 choice = calls_u8(t);
	size_t len = calls_len(t) + 1;
	unsigned int flags = choice & 8 ? SPLICE_F_NONBLOCK : 0;
	int fd = calls_any(t), pipes[2];

	if (choice % 4 == 0) {
		send_file(t);
		return;
	}
	if (choice & 16)
		flags |= SPLICE_F_MORE | SPLICE_F_MOVE;
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK))
		return;
	if (choice % 4 == 1) {
		calls_result(t, splice(fd, NULL, pipes[1], NULL, len, flags));
		/* What was read from one socket goes to another one. */
		if (choice & 32)
			calls_result(t, splice(pipes[0], NULL, calls_any(t),
					       NULL, len, flags));
	} else {
		fill_pipe(t, pipes[1]);
		calls_result(t, splice(pipes[0], NULL, fd, NULL, len, flags));
	}
	if (choice & 64)
		calls_keep(pipes[0], calls_other(t));
	else
		close(pipes[0]);
	close(pipes[1]);
}

/*
 * Through a local socket. What is not received hangs in it until both its ends
 * are closed, and when it is the local socket itself, until the kernel finds
 * that out.
 */
void calls_pass(struct calls_thread *t)
{
	union {
		struct cmsghdr c;
		u8 bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (char *)"x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	u8 choice = calls_u8(t);
	int fds[2], pair[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair))
		return;
	fds[0] = calls_any(t);
	fds[1] = choice & 1 ? pair[0] : calls_any(t);
	control.c.cmsg_level = SOL_SOCKET;
	control.c.cmsg_type = SCM_RIGHTS;
	control.c.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.c), fds, sizeof(fds));
	calls_result(t, sendmsg(pair[0], &msg, 0));
	if (choice & 2)
		close(fds[0]);
	if (choice & 4) {
		iov.iov_base = &byte;
		if (recvmsg(pair[1], &msg, 0) == 1 &&
		    msg.msg_controllen >= CMSG_LEN(sizeof(fds))) {
			memcpy(fds, CMSG_DATA(&control.c), sizeof(fds));
			calls_keep(fds[0], calls_any(t));
			close(fds[1]);
		}
	}
	close(pair[0]);
	close(pair[1]);
}

void calls_ioctl(struct calls_thread *t)
{
	static const unsigned long requests[] = {
		FIONREAD, SIOCOUTQ, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX,
		SIOCATMARK, FIOGETOWN, SIOCGPGRP, SIOCGIFCONF, SIOCGIFNAME,
		FIOQSIZE, TCGETS, SIOCOUTQNSD,
	};
	u8 choice = calls_u8(t);
	unsigned long request;
	int fd = calls_any(t);

	/* No random ones of sockets: they change interfaces. */
	if (choice < 240)
		request = requests[choice %
				   (sizeof(requests) / sizeof(requests[0]))];
	else
		request = (calls_u32(t) & 0xffff00ff) | 'b' << 8;
	memset(t->memory, 0, 64);
	t->memory[0] = choice >> 7;
	calls_result(t, ioctl(fd, request, calls_place(t, 64)));
}

/* Whatever else is done to files. */
void calls_file(struct calls_thread *t)
{
	u8 choice = calls_u8(t);
	int fd = calls_any(t);
	struct stat st;
	void *p;

	switch (choice % 8) {
	case 0:
		p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		calls_result(t, p == MAP_FAILED ? -1 : 0);
		if (p != MAP_FAILED)
			munmap(p, 4096);
		break;
	case 1:
		calls_result(t, fstat(fd, &st));
		break;
	case 2:
		calls_result(t, lseek(fd, choice, SEEK_SET));
		break;
	case 3:
		calls_result(t, pread(fd, t->memory, calls_len(t), choice));
		break;
	case 4:
		calls_result(t, pwrite(fd, t->memory, calls_len(t), choice));
		break;
	case 5:
		calls_result(t, fsync(fd));
		break;
	case 6:
		calls_result(t, ftruncate(fd, choice));
		break;
	case 7:
		calls_result(t, close_range((unsigned int)fd,
					    (unsigned int)fd + 1, 0));
		break;
	}
}
