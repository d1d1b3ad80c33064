// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's side of a client: a stream socket that acts for somebody else.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "family.h"
#include "server.h"

/* A refused identity fails every client alike: it is told once. */
static bool identity_told;

/**
 * kernel_choose_user() - on whose behalf clients act
 * @s: the server
 * @user: name of the user
 *
 * Return: EXIT_DONE, or EXIT_USAGE after saying why.
 */
int kernel_choose_user(struct server *s, const char *user)
{
	const struct passwd *p;

	errno = 0;
	p = getpwnam(user);
	if (!p) {
		log_line("there is no user %s; --user names another", user);
		return EXIT_USAGE;
	}
	s->user = user;
	s->identity.uid = p->pw_uid;
	s->identity.gid = p->pw_gid;
	return EXIT_DONE;
}

static int kernel_identify(struct server *s, int fd, const char *name)
{
	struct blipmq_identity identity = s->identity;

	snprintf(identity.name, sizeof(identity.name), "%s", name);
	if (!setsockopt(fd, SOL_BLIPMQ, BLIPMQ_IDENTITY, &identity,
			sizeof(identity)))
		return 0;
	/* A server that runs as that user needs no right to act for it. */
	if (errno == EPERM && geteuid() == identity.uid)
		return 0;
	return -errno;
}

/**
 * kernel_open() - open the kernel's side of a client
 * @s: the server
 * @name: the client's, for people
 *
 * Return: a non-blocking descriptor or a negative errno.
 */
int kernel_open(struct server *s, const char *name)
{
	int fd, ret;

	fd = socket(s->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = kernel_identify(s, fd, name);
	if (!ret)
		return fd;
	close(fd);
	if (!identity_told)
		log_line("cannot act for user %s: %s%s", s->user,
			 strerror(-ret), ret == -EPERM ?
			 "; run blipmqd with CAP_NET_ADMIN, or as that user" :
			 "");
	identity_told = true;
	return ret;
}

/**
 * kernel_check() - is the broker there, and may we do what we must?
 * @s: the server; gets the family's number
 *
 * Return: EXIT_DONE, or another status after saying why.
 */
int kernel_check(struct server *s)
{
	int fd;

	s->family = blipmq_family_number();
	fd = kernel_open(s, "blipmqd");
	if (fd >= 0) {
		close(fd);
		return EXIT_DONE;
	}
	if (fd == -EAFNOSUPPORT) {
		log_line("the kernel module blipmq is not loaded; modprobe or insmod it");
		return EXIT_NO_MODULE;
	}
	if (fd == -ESHUTDOWN)
		log_line("the broker is draining; 'blipmqctl drain --undo' ends that");
	else if (!identity_told)
		log_line("cannot open a socket of the broker: %s",
			 strerror(-fd));
	return EXIT_FAILED;
}
