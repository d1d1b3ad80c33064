/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of a broker: what a file says, or what the kernel has.
 *
 * Each section of the file is a struct config_section in a file of its own. A
 * new one is that, a member of struct config, and a line in config.c.
 */
#ifndef _BLIPMQCTL_CONFIG_H
#define _BLIPMQCTL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "genl.h"
#include "toml.h"
#include "value.h"

struct plan;

/* As many as the kernel has at most. */
#define CONFIG_WORKERS	64

/**
 * struct setting - one thing that may be said
 * @line: where it is said, or 0
 * @set: it is said
 * @value: a number, or a place in a list of words
 */
struct setting {
	int	line;
	bool	set;
	int64_t	value;
};

/**
 * struct config_limits - what may be used
 * @at: by place in ctl_limit_specs
 */
struct config_limits {
	struct setting	at[VALUES_MAX];
};

/**
 * struct config_worker - how one worker runs
 * @line: where the file begins to speak of it, or 0
 * @cpu: where, negative for anywhere
 * @class: enum blipmq_worker_class
 * @priority: of the class fifo
 * @nice: of the class other
 * @busy_poll: microseconds for which it looks for work
 */
struct config_worker {
	int		line;
	struct setting	cpu;
	struct setting	class;
	struct setting	priority;
	struct setting	nice;
	struct setting	busy_poll;
};

/**
 * struct config_workers - the workers, which serve all namespaces
 * @count: how many there are, 0 for one for each CPU
 * @delegate: may containers use them?
 * @exist: how many the kernel says that there are
 * @at: by number
 */
struct config_workers {
	struct setting		count;
	struct setting		delegate;
	uint32_t		exist;
	struct config_worker	at[CONFIG_WORKERS];
};

/**
 * struct config_lane - how messages of some topics are handed out
 * @line: where the rule begins
 * @pattern_line: where its pattern is
 * @pattern: the topics, empty for those that no other rule names
 * @len: bytes of @pattern
 * @mode: enum blipmq_lane_mode
 * @worker: which one; not set for any
 */
struct config_lane {
	int		line;
	int		pattern_line;
	char		pattern[VALUE_ROOM];
	size_t		len;
	struct setting	mode;
	struct setting	worker;
};

/**
 * struct config_lanes - the lanes of topics
 * @line: where the section begins; 0 when there is none, which leaves all lanes
 *	as they are
 * @all: for topics that no rule names
 * @rules: all others
 * @nr: how many those are
 */
struct config_lanes {
	int			line;
	struct config_lane	all;
	struct config_lane	*rules;
	size_t			nr;
};

/* Of the time to live: for ever. */
#define CONFIG_NEVER	UINT32_MAX

/**
 * struct config_rule - what holds for some topics
 * @line: where the rule begins
 * @pattern_line: where its pattern is
 * @pattern: the topics
 * @len: bytes of @pattern
 * @user: whose they are; not set for a rule without a mode
 * @group: of which group, likewise
 * @mode: who may do what, nine bits
 * @ttl_ms: how long messages live that do not say it
 * @rate: messages a second that there may be
 */
struct config_rule {
	int		line;
	int		pattern_line;
	char		pattern[VALUE_ROOM];
	size_t		len;
	struct setting	user;
	struct setting	group;
	struct setting	mode;
	struct setting	ttl_ms;
	struct setting	rate;
};

/**
 * struct config_access - who may do what, and what else holds for topics
 * @line: where the section begins; 0 when there is none, which leaves all rules
 *	as they are
 * @rules: the rules
 * @nr: how many those are
 * @room: how many there is room for
 */
struct config_access {
	int			line;
	struct config_rule	*rules;
	size_t			nr;
	size_t			room;
};

/**
 * struct config_problem - something wrong with a file
 * @line: where
 * @warning: it is understood, but has no effect
 * @text: what it is
 */
struct config_problem {
	int	line;
	bool	warning;
	char	*text;
};

/**
 * struct config - a configuration
 * @limits: [limits]
 * @workers: [workers]
 * @lanes: [lanes]
 * @access: [access]
 * @problems: what is wrong, by line after config_sort_problems()
 * @nr_problems: how many those are
 * @nr_errors: those of them that are no warnings
 */
struct config {
	struct config_limits	limits;
	struct config_workers	workers;
	struct config_lanes	lanes;
	struct config_access	access;
	struct config_problem	*problems;
	size_t			nr_problems;
	size_t			nr_errors;
};

/**
 * struct config_section - a table at the top of the file
 * @name: its key
 * @read: takes what a file says
 * @write: prints it as a file says it; NULL for what only others write
 * @get: asks the kernel; returns 0 or a negative errno
 * @plan: adds to a plan what makes the second configuration of the first
 */
struct config_section {
	const char	*name;
	void		(*read)(struct config *c, const struct toml_node *table);
	void		(*write)(const struct config *c, FILE *to);
	int		(*get)(struct config *c, struct blipmq_genl *g);
	void		(*plan)(struct plan *p, const struct config *now,
				struct config *want);
};

extern const struct config_section config_limits;
extern const struct config_section config_workers;
extern const struct config_section config_lanes;
extern const struct config_section config_access;
extern const struct config_section config_ultra;

/* config.c */
void config_read(struct config *c, const char *text, size_t len);
void config_write(const struct config *c, FILE *to);
int config_get(struct config *c, struct blipmq_genl *g);
void config_plan(struct plan *p, const struct config *now, struct config *want);
void config_free(struct config *c);

/* config_workers.c */
uint32_t config_workers_planned(const struct config *now,
				const struct config *want);

/* config_rule.c */
bool config_rule_take(struct config *c, struct config_rule *r,
		      const struct toml_node *table);

/* config_take.c */
void *config_memory(void *old, size_t nr, size_t size);
void config_error(struct config *c, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_warning(struct config *c, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_sort_problems(struct config *c);
bool config_is_table(struct config *c, const struct toml_node *node);
void config_unknown(struct config *c, const struct toml_node *table,
		    const struct toml_node *node);
void config_set(struct config *c, struct setting *s, int line, int64_t value);
void config_take_number(struct config *c, struct setting *s,
			const struct toml_node *node, int64_t least);
void config_take_bool(struct config *c, struct setting *s,
		      const struct toml_node *node);
bool config_take_word(struct config *c, struct setting *s,
		      const struct toml_node *node, const char *const *words);
bool toml_is(const struct toml_node *node, const char *text);
void config_write_text(FILE *to, const char *text, size_t len);

#endif /* _BLIPMQCTL_CONFIG_H */
