// SPDX-License-Identifier: GPL-2.0
/*
 * The package index as messages: one stanza each, a topic for each section.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index.h"

static u32 topic_of_section(struct input *in, const char *section, size_t len)
{
	char topic[64];
	u32 i;

	snprintf(topic, sizeof(topic), "debian.%.*s", (int)len, section);
	i = input_topic(in, topic, strlen(topic));
	if (i == SECTIONS_MAX && in->nr_topics < SECTIONS_MAX) {
		i = in->nr_topics++;
		memcpy(in->topics[i], topic, sizeof(topic));
	}
	return i;
}

/* The topic's index; SECTIONS_MAX when there is no such topic. */
u32 input_topic(const struct input *in, const void *topic, size_t len)
{
	u32 i;

	for (i = 0; i < in->nr_topics; i++)
		if (!strncmp(in->topics[i], topic, len) &&
		    !in->topics[i][len])
			return i;
	return SECTIONS_MAX;
}

static void add(struct input *in, const char *text, size_t len)
{
	static const char field[] = "\nSection: ";
	const char *section = memmem(text, len, field, sizeof(field) - 1);
	struct stanza *s;
	size_t n = 4;

	if (in->nr_stanzas % 65536 == 0) {
		in->stanzas = realloc(in->stanzas, (in->nr_stanzas + 65536) *
						   sizeof(*in->stanzas));
		if (!in->stanzas)
			exit(1);
	}
	if (section) {
		section += sizeof(field) - 1;
		n = strcspn(section, "\n");
	} else {
		section = "none";
	}
	s = &in->stanzas[in->nr_stanzas++];
	s->text = text;
	s->len = (u32)len;
	s->section = topic_of_section(in, section, n);
	in->bytes += len;
}

static void cut(struct input *in, const char *text, size_t len)
{
	const char *end = text + len, *next;

	while (text < end) {
		next = memmem(text, (size_t)(end - text), "\n\n", 2);
		next = next ? next + 1 : end;
		add(in, text, (size_t)(next - text));
		text = next < end ? next + 1 : end;
	}
}

bool input_read(struct input *in, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	memset(in, 0, sizeof(*in));
	if (fd < 0 || fstat(fd, &st) || st.st_size < 1000000) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	/* With a zero byte behind it, so that string functions end. */
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		exit(1);
	for (off_t done = 0; done < st.st_size;) {
		ssize_t n = read(fd, text + done, (size_t)(st.st_size - done));

		if (n <= 0)
			return false;
		done += n;
	}
	text[st.st_size] = '\0';
	close(fd);
	cut(in, text, (size_t)st.st_size);
	return in->nr_stanzas > 1000;
}

/* An index of the same form, for machines whose apt has none. */
void input_make_up(struct input *in)
{
	static const char * const sections[] = {
		"admin", "libs", "net", "utils", "doc", "python", "perl",
		"contrib/net", "non-free/libs", "x11", "science", "kernel",
	};
	const size_t room = 1 << 24;
	char *text = malloc(room);
	size_t len = 0;
	u32 i, k;

	if (!text)
		exit(1);
	memset(in, 0, sizeof(*in));
	for (i = 0; len < room - 8192; i++) {
		u32 r = i * 2654435761U;

		len += (size_t)sprintf(text + len,
			"Package: made-up-%u\nVersion: %u.%u\nSection: %s\nDescription: ",
			i, r % 9, r >> 28, sections[(r >> 8) % 12]);
		for (k = 0; k < (r >> 16) % 120; k++)
			len += (size_t)sprintf(text + len, "word%u ", r ^ k);
		len += (size_t)sprintf(text + len, "\n\n");
	}
	text[len] = '\0';
	cut(in, text, len);
	in->synthetic = true;
}

/* Eight bytes at a time: 50 MB go through this several times over. */
u64 message_hash(u32 topic, const void *payload, size_t len)
{
	const u64 prime = 0x9e3779b97f4a7c15ULL;
	u64 h = (topic + 1) * prime ^ len, word;
	const char *p = payload;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * prime;
		h ^= h >> 29;
	}
	word = 0;
	memcpy(&word, p, len);
	h = (h ^ word) * prime;
	return h ^ h >> 32;
}

void chain_add(struct chain *c, u64 message, size_t len)
{
	c->count++;
	c->bytes += len;
	c->hash = (c->hash ^ message) * 0x100000001b3ULL + 1;
}
