// SPDX-License-Identifier: GPL-2.0
/*
 * blipmq pub TOPIC -: each line of standard input is a message. Under load
 * they travel many to a write, and an interactive line goes at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "pub.h"

#define READ_BYTES	(64U << 10)
#define LINE_MAX_BYTES	(16U << 20)

/*
 * Worth a round trip of its own: so long a line may be over the broker's
 * limit, and only its own answer tells which line that was.
 */
#define LONG_LINE	(64U << 10)

/**
 * struct lines - standard input on its way to a topic
 * @b: the connection
 * @topic: where to
 * @data: what was read and not published
 * @room: bytes at @data
 * @size: bytes read
 * @searched: bytes that hold no newline
 * @count: lines published
 * @bytes: bytes of them
 * @shown: second in which progress was shown last
 * @progress: show it
 * @unflushed: something waits in the library's buffer
 * @retain: the last one is to be the topic's value
 */
struct lines {
	struct blipmq		*b;
	const char		*topic;
	char			*data;
	size_t			room;
	size_t			size;
	size_t			searched;
	unsigned long long	count;
	unsigned long long	bytes;
	time_t			shown;
	bool			progress;
	bool			unflushed;
	bool			retain;
};

static void lines_hide_progress(const struct lines *l)
{
	if (l->progress && l->shown)
		fputs("\r\033[K", stderr);
}

static void lines_show_progress(struct lines *l, time_t start)
{
	time_t now;

	if (!l->progress)
		return;
	now = time(NULL);
	if (now - start < 2 || now == l->shown)
		return;
	l->shown = now;
	fprintf(stderr, "\r\033[K%llu messages, %.1f MB", l->count,
		(double)l->bytes / 1e6);
}

static int lines_failed(struct lines *l, int error)
{
	lines_hide_progress(l);
	return cli_failed(l->b, error, "cannot publish to %s, up to line %llu",
			  l->topic, l->count);
}

static int lines_publish(struct lines *l, const char *line, size_t size)
{
	struct blipmq_publish_options o = {
		.size = sizeof(o),
		.flags = l->retain ? BLIPMQ_PUBLISH_RETAIN : 0,
	};
	int ret;

	l->count++;
	l->bytes += size;
	if (size < LONG_LINE && l->retain) {
		ret = blipmq_publish(l->b, l->topic, line, size, &o);
		return ret ? lines_failed(l, ret) : CLI_DONE;
	}
	if (size < LONG_LINE) {
		l->unflushed = true;
		ret = blipmq_publish_buffered(l->b, l->topic, line, size);
		return ret ? lines_failed(l, ret) : CLI_DONE;
	}
	ret = blipmq_sync(l->b);
	if (ret) {
		l->count--;
		return lines_failed(l, ret);
	}
	l->unflushed = false;
	o.flags |= BLIPMQ_PUBLISH_CONFIRM;
	ret = blipmq_publish(l->b, l->topic, line, size, &o);
	if (!ret)
		return CLI_DONE;
	lines_hide_progress(l);
	return cli_failed(l->b, ret, "cannot publish line %llu (%zu bytes)",
			  l->count, size);
}

/* Publish the whole lines that are there; at the end what is left is one. */
static int lines_split(struct lines *l, bool end)
{
	char *line = l->data, *stop = l->data + l->size, *newline;
	int ret;

	for (;;) {
		newline = memchr(line + l->searched, '\n',
				 (size_t)(stop - line) - l->searched);
		if (!newline)
			break;
		ret = lines_publish(l, line, (size_t)(newline - line));
		if (ret)
			return ret;
		line = newline + 1;
		l->searched = 0;
	}
	l->size = (size_t)(stop - line);
	if (end)
		return l->size ? lines_publish(l, line, l->size) : CLI_DONE;
	memmove(l->data, line, l->size);
	l->searched = l->size;
	return CLI_DONE;
}

static int lines_make_room(struct lines *l)
{
	char *data;

	if (l->size > LINE_MAX_BYTES) {
		lines_hide_progress(l);
		cli_error("line %llu is larger than %u bytes, which no message may be",
			  l->count + 1, LINE_MAX_BYTES);
		return CLI_REFUSED;
	}
	if (l->room - l->size >= READ_BYTES)
		return CLI_DONE;
	l->room = l->room ? l->room * 2 : 2 * READ_BYTES;
	data = realloc(l->data, l->room);
	if (!data) {
		cli_error("cannot read line %llu: out of memory", l->count + 1);
		return CLI_REFUSED;
	}
	l->data = data;
	return CLI_DONE;
}

static int ignore_message(const struct blipmq_message *message, void *data)
{
	return 0;
}

/*
 * Wait for standard input; when it pauses, what was read goes out first. The
 * broker may refuse, or go, in the meantime.
 */
static int lines_wait(struct lines *l)
{
	struct pollfd p[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = blipmq_fd(l->b), .events = POLLIN },
	};
	int ret;

	for (;;) {
		ret = poll(p, 2, l->unflushed ? 0 : -1);
		if (ret < 0 && errno != EINTR)
			return CLI_DONE;
		if (ret > 0 && p[1].revents) {
			ret = blipmq_dispatch(l->b, ignore_message, NULL);
			if (ret < 0)
				return lines_failed(l, ret);
		}
		if (ret >= 0 && p[0].revents)
			return CLI_DONE;
		if (!l->unflushed)
			continue;
		l->unflushed = false;
		ret = blipmq_flush(l->b);
		if (ret)
			return lines_failed(l, ret);
	}
}

/**
 * pub_lines() - publish the lines of standard input
 * @b: the connection
 * @topic: where to
 * @retain: each becomes the topic's value, until the next does
 *
 * A last line without newline counts. When it returns CLI_DONE, the broker has
 * routed every line.
 *
 * Return: enum cli_status; an error was printed.
 */
int pub_lines(struct blipmq *b, const char *topic, bool retain)
{
	struct lines l = { .b = b, .topic = topic, .retain = retain };
	time_t start = time(NULL);
	ssize_t n;
	int ret;

	l.progress = isatty(STDERR_FILENO) && !isatty(STDIN_FILENO);
	for (;;) {
		ret = lines_make_room(&l);
		if (!ret)
			ret = lines_wait(&l);
		if (ret)
			break;
		n = read(STDIN_FILENO, l.data + l.size, l.room - l.size);
		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			lines_hide_progress(&l);
			cli_error("cannot read standard input: %s",
				  strerror(errno));
			ret = CLI_USAGE;
			break;
		}
		l.size += (size_t)n;
		ret = lines_split(&l, !n);
		if (ret || !n)
			break;
		lines_show_progress(&l, start);
	}
	if (!ret) {
		ret = blipmq_sync(b);
		if (ret)
			ret = lines_failed(&l, ret);
		else
			lines_hide_progress(&l);
	}
	free(l.data);
	return ret;
}
