// SPDX-License-Identifier: GPL-2.0
/*
 * Unit test of module/pattern.c, in user space: what two patterns have in
 * common, and which says more, against the meaning of the words.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <kselftest.h>

#include "../module/pattern.h"

/* Tokens of a pattern at most; topics have one more, for what '>' means. */
#define DEPTH		3
#define PATTERNS	64
#define TOPICS		400

/* In topics there is a token that no pattern names. */
static const char * const words[] = { "*", "a", "bb", "c" };

static char patterns[PATTERNS][16];
static char topics[TOPICS][16];
static unsigned int nr_patterns, nr_topics;

static const u8 *bytes(const char *s)
{
	return (const u8 *)s;
}

/* All names of up to @depth tokens among some words, @rest with '>' behind. */
static void fill(const char *name, int depth, int from, int to, bool rest)
{
	char longer[16];
	int i;

	for (i = from; i < to; i++) {
		snprintf(longer, sizeof(longer), "%s%s%s", name,
			 *name ? "." : "", words[i]);
		if (rest)
			strcpy(patterns[nr_patterns++], longer);
		else
			strcpy(topics[nr_topics++], longer);
		if (depth > 1)
			fill(longer, depth - 1, from, to, rest);
	}
	if (rest)
		snprintf(patterns[nr_patterns++], sizeof(patterns[0]), "%s%s>",
			 name, *name ? "." : "");
}

/* A slow twin of blipmq_pattern_matches(): word by word, on copies. */
static bool matches(const char *pattern, const char *topic)
{
	char p[256], t[256], *p_next = p, *t_next = t, *p_word, *t_word;

	strcpy(p, pattern);
	strcpy(t, topic);
	for (;;) {
		p_word = strsep(&p_next, ".");
		t_word = strsep(&t_next, ".");
		if (!p_word || !t_word)
			return p_word == t_word;
		if (!strcmp(p_word, ">"))
			return true;
		if (strcmp(p_word, "*") && strcmp(p_word, t_word))
			return false;
	}
}

static bool relation_holds(const char *a, const char *b)
{
	enum blipmq_pattern_relation want = BLIPMQ_PATTERN_DISJOINT, is;
	bool some = false, all = true;
	unsigned int i;

	for (i = 0; i < nr_topics; i++) {
		if (!matches(b, topics[i]))
			continue;
		some |= matches(a, topics[i]);
		all &= matches(a, topics[i]);
	}
	if (some)
		want = all ? BLIPMQ_PATTERN_CONTAINS : BLIPMQ_PATTERN_OVERLAPS;
	is = blipmq_pattern_relate(bytes(a), strlen(a), bytes(b), strlen(b));
	if (is != want)
		fprintf(stderr, "# %s and %s: %d, not %d\n", a, b, is, want);
	return is == want;
}

static bool relations(void)
{
	unsigned int i, j;
	bool ok = true;

	for (i = 0; i < nr_patterns; i++)
		for (j = 0; j < nr_patterns; j++)
			ok = relation_holds(patterns[i], patterns[j]) && ok;
	return ok;
}

/* A topic is a pattern that overlaps with what matches it. */
static bool topics_are_patterns(void)
{
	unsigned int i, j;

	for (i = 0; i < nr_patterns; i++) {
		const char *p = patterns[i];

		for (j = 0; j < nr_topics; j++) {
			const char *t = topics[j];
			bool is = blipmq_pattern_matches(bytes(p), strlen(p),
							 bytes(t), strlen(t));

			if (is != matches(p, t) ||
			    is != (blipmq_pattern_relate(bytes(p), strlen(p),
							 bytes(t), strlen(t)) ==
				   BLIPMQ_PATTERN_CONTAINS))
				return false;
		}
	}
	return true;
}

static int cmp(const char *a, const char *b)
{
	int n = blipmq_pattern_cmp(bytes(a), strlen(a), bytes(b), strlen(b));

	return n < 0 ? -1 : n > 0;
}

static bool total_order(void)
{
	unsigned int i, j, k;

	for (i = 0; i < nr_patterns; i++) {
		for (j = 0; j < nr_patterns; j++) {
			int ij = cmp(patterns[i], patterns[j]);
			bool same = i == j;

			if (ij != -cmp(patterns[j], patterns[i]) ||
			    !ij != same)
				return false;
			for (k = 0; ij < 0 && k < nr_patterns; k++)
				if (cmp(patterns[j], patterns[k]) < 0 &&
				    cmp(patterns[i], patterns[k]) >= 0)
					return false;
		}
	}
	return true;
}

/* Of all that match a topic, none that comes later says more of it. */
static bool the_first_says_most(void)
{
	unsigned int i, j, t;

	for (t = 0; t < nr_topics; t++) {
		for (i = 0; i < nr_patterns; i++) {
			if (!matches(patterns[i], topics[t]))
				continue;
			for (j = 0; j < nr_patterns; j++) {
				if (i == j || !matches(patterns[j], topics[t]))
					continue;
				if (cmp(patterns[i], patterns[j]) < 0 &&
				    blipmq_pattern_relate(bytes(patterns[i]),
							  strlen(patterns[i]),
							  bytes(patterns[j]),
							  strlen(patterns[j])) ==
				    BLIPMQ_PATTERN_CONTAINS) {
					fprintf(stderr, "# %s before %s\n",
						patterns[i], patterns[j]);
					return false;
				}
			}
		}
	}
	return true;
}

/* Names as long as they may be, and beginnings of each other. */
static bool edges(void)
{
	static const struct {
		const char *a;
		const char *b;
		enum blipmq_pattern_relation relation;
	} rows[] = {
		{ "ab", "a", BLIPMQ_PATTERN_DISJOINT },
		{ "a*", "ab", BLIPMQ_PATTERN_DISJOINT },
		{ ">a", "x", BLIPMQ_PATTERN_DISJOINT },
		{ "*.>", ">", BLIPMQ_PATTERN_OVERLAPS },
		{ "*", ">", BLIPMQ_PATTERN_OVERLAPS },
		{ ">", "*.>", BLIPMQ_PATTERN_CONTAINS },
		{ "a.>", "a", BLIPMQ_PATTERN_DISJOINT },
		{ "\xc3\xa4.*", "\xc3\xa4.x", BLIPMQ_PATTERN_CONTAINS },
		{ "\xc3\xa4.*", "\xc3\xa5.x", BLIPMQ_PATTERN_DISJOINT },
	};
	char longest[256], other[256];
	bool ok = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		ok = ok && blipmq_pattern_relate(bytes(rows[i].a),
						 strlen(rows[i].a),
						 bytes(rows[i].b),
						 strlen(rows[i].b)) ==
			   rows[i].relation;
	for (i = 0; i < 255; i++)
		longest[i] = i % 2 ? '.' : '*';
	longest[255] = '\0';
	strcpy(other, longest);
	other[254] = 'x';
	return ok &&
	       blipmq_pattern_relate(bytes(longest), 255, bytes(other), 255) ==
	       BLIPMQ_PATTERN_CONTAINS &&
	       blipmq_pattern_relate(bytes(other), 255, bytes(longest), 255) ==
	       BLIPMQ_PATTERN_OVERLAPS &&
	       cmp(other, longest) < 0 && cmp("a", "a.b") < 0 &&
	       cmp("ab", "b") < 0 && cmp("b", "*") < 0 && cmp("*", ">") < 0;
}

int main(void)
{
	fill("", DEPTH, 0, 3, true);
	fill("", DEPTH + 1, 1, 4, false);
	ksft_print_header();
	ksft_set_plan(5);
	ksft_test_result(relations(),
			 "pattern_rules: what %u patterns have in common\n",
			 nr_patterns);
	ksft_test_result(topics_are_patterns(),
			 "pattern_rules: topics as patterns\n");
	ksft_test_result(total_order(), "pattern_rules: a total order\n");
	ksft_test_result(the_first_says_most(),
			 "pattern_rules: the first says most\n");
	ksft_test_result(edges(), "pattern_rules: edges\n");
	ksft_exit(!ksft_get_fail_cnt());
}
