// SPDX-License-Identifier: GPL-2.0
/*
 * blipmqctl top: what goes on, on the whole screen. Only what changes is sent
 * to the terminal, by ncurses.
 */
#include <errno.h>
#include <math.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"
#include "ctl.h"
#include "moment.h"
#include "view.h"

/* Lines above the rows, and below. */
#define HEAD_LINES	4
#define FOOT_LINES	1

#define LINE_ROOM	1024

/* What a column has at least that takes what the others leave. */
#define FLEXIBLE	16

/**
 * struct top - what is shown
 * @g: the netlink socket
 * @v: the view
 * @sort: the column by which it is sorted
 * @reverse: the other way round
 * @seconds: the time between two looks
 * @looks: how many are left, negative without an end
 * @batch: lines without a terminal's help
 * @first: the row at the top
 * @table: the latest look
 * @broker: the state of the broker then, and before
 * @at: when that was
 * @now: which of the two is the latest
 */
struct top {
	struct blipmq_genl	g;
	const struct view	*v;
	int			sort;
	bool			reverse;
	double			seconds;
	long			looks;
	bool			batch;
	size_t			first;
	struct view_table	table;
	struct broker		broker[2];
	double			at[2];
	int			now;
};

static uint64_t state(const struct top *t, const char *key)
{
	uint64_t number = 0;

	values_get(&t->broker[t->now].broker, key, &number);
	return number;
}

static uint64_t total(const struct top *t, int when, const char *key)
{
	uint64_t number = 0;

	values_get(&t->broker[when].totals, key, &number);
	return number;
}

static double rate(const struct top *t, const char *key)
{
	double seconds = t->at[t->now] - t->at[!t->now];
	uint64_t to, from;

	/* There was no look before. */
	if (!(t->at[!t->now] > 0) || seconds <= 0)
		return 0;
	to = total(t, t->now, key);
	from = total(t, !t->now, key);
	return to > from ? (double)(to - from) / seconds : 0;
}

static double drop_sum(const struct top *t, bool as_rate)
{
	const struct value_spec *s;
	double sum = 0;

	for (s = ctl_total_specs; s->key; s++)
		if (!strncmp(s->key, "dropped-", 8))
			sum += as_rate ? rate(t, s->key) :
			       (double)total(t, t->now, s->key);
	return sum;
}

/* What stands above the table, two lines. */
static void head_text(const struct top *t, char *a, char *b)
{
	char memory[32], in[32], out[32], clock[16];
	time_t now = time(NULL);
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	snprintf(a, LINE_ROOM,
		 "BlipMQ %s  %llu sockets, %llu topics, %llu subscriptions, %s  %s, every %g s",
		 values_text(&t->broker[t->now].broker, "version"),
		 (unsigned long long)state(t, "sockets"),
		 (unsigned long long)state(t, "topics"),
		 (unsigned long long)state(t, "subscriptions"),
		 value_bytes(state(t, "memory-bytes"), memory, sizeof(memory)),
		 clock, t->seconds);
	snprintf(b, LINE_ROOM,
		 "in %.0f/s %s/s  out %.0f/s %s/s  queued %llu  dropped %.0f, %.0f/s",
		 rate(t, "published"),
		 value_bytes((uint64_t)rate(t, "published-bytes"), in,
			     sizeof(in)),
		 rate(t, "delivered"),
		 value_bytes((uint64_t)rate(t, "delivered-bytes"), out,
			     sizeof(out)),
		 (unsigned long long)total(t, t->now, "queued-messages"),
		 drop_sum(t, false), drop_sum(t, true));
}

/* How wide a column is, where all have @room; 0 when it does not fit. */
static int column_width(const struct view *v, int column, int room)
{
	int i, width, fixed = 0, needed = 0;

	for (i = 0; v->columns[i].title; i++) {
		width = v->columns[i].width;
		fixed += width + !!i;
		if (i <= column)
			needed += (width ?: FLEXIBLE) + !!i;
	}
	if (needed > room)
		return 0;
	if (v->columns[column].width)
		return v->columns[column].width;
	return room - fixed > FLEXIBLE ? room - fixed : FLEXIBLE;
}

/* The titles, or a row, in @room characters. Returns where @mark stands. */
static int row_text(const struct top *t, const struct view_row *row, int room,
		    char *to, int mark)
{
	const struct view *v = t->v;
	int i, width, at = 0, where = -1;

	*to = '\0';
	for (i = 0; v->columns[i].title; i++) {
		width = column_width(v, i, room);
		if (!width || at + width > LINE_ROOM - 2)
			break;
		if (i)
			to[at++] = ' ';
		if (i == mark)
			where = at;
		if (row)
			view_cell(v, row, i, width, to + at);
		else if (v->columns[i].kind == VIEW_TEXT)
			snprintf(to + at, (size_t)width + 1, "%-*s", width,
				 v->columns[i].title);
		else
			snprintf(to + at, (size_t)width + 1, "%*s", width,
				 v->columns[i].title);
		at += width;
	}
	while (at && to[at - 1] == ' ')
		to[--at] = '\0';
	return where;
}

static void draw_titles(const struct top *t)
{
	const struct view_column *c = &t->v->columns[t->sort];
	char line[LINE_ROOM];
	int at = row_text(t, NULL, COLS, line, t->sort);

	attron(A_REVERSE);
	mvprintw(HEAD_LINES - 1, 0, "%-*.*s", COLS, COLS, line);
	if (at >= 0 && at < COLS) {
		attron(A_BOLD | A_UNDERLINE);
		mvaddnstr(HEAD_LINES - 1, at, line + at,
			  column_width(t->v, t->sort, COLS));
		attroff(A_BOLD | A_UNDERLINE);
	}
	attroff(A_REVERSE);
	mvprintw(HEAD_LINES - 2, 0, "%s by %s%s", t->v->name, c->title,
		 t->reverse ? ", reversed" : "");
}

static void draw(struct top *t)
{
	char a[LINE_ROOM], b[LINE_ROOM];
	int line, rows = LINES - HEAD_LINES - FOOT_LINES;
	size_t end, n;

	erase();
	if (rows < 1)
		rows = 1;
	if (t->first + (size_t)rows > t->table.nr)
		t->first = t->table.nr > (size_t)rows ?
			   t->table.nr - (size_t)rows : 0;
	end = t->first + (size_t)rows;
	if (end > t->table.nr)
		end = t->table.nr;
	head_text(t, a, b);
	mvaddnstr(0, 0, a, COLS);
	mvaddnstr(1, 0, b, COLS);
	draw_titles(t);
	for (n = t->first, line = HEAD_LINES; n < end; n++, line++) {
		row_text(t, &t->table.rows[n], COLS, a, -1);
		mvaddnstr(line, 0, a, COLS);
	}
	if (!t->table.nr)
		mvprintw(HEAD_LINES, 0, "There are no %s here%s.", t->v->name,
			 geteuid() ? " that you may see" : "");
	attron(A_REVERSE);
	snprintf(a, sizeof(a), "%zu-%zu of %zu", t->table.nr ? t->first + 1 : 0,
		 end, t->table.nr);
	snprintf(b, sizeof(b),
		 "q quit  s sockets  t topics  w workers  < > column  r reverse  + - time");
	mvprintw(LINES - 1, 0, "%-*.*s", COLS, COLS, b);
	if ((int)(strlen(a) + strlen(b)) + 2 < COLS)
		mvaddstr(LINES - 1, COLS - (int)strlen(a), a);
	attroff(A_REVERSE);
	refresh();
}

static void print_batch(const struct top *t)
{
	char a[LINE_ROOM], b[LINE_ROOM];
	size_t n;

	head_text(t, a, b);
	printf("%s\n%s\n\n", a, b);
	/* As wide as all columns are. */
	row_text(t, NULL, 200, a, -1);
	puts(a);
	for (n = 0; n < t->table.nr; n++) {
		row_text(t, &t->table.rows[n], 200, a, -1);
		puts(a);
	}
	putchar('\n');
	fflush(stdout);
}

/* Return: 0 or a negative errno. */
static int top_look(struct top *t)
{
	struct view_table table;
	int ret;

	t->now = !t->now;
	ret = broker_get(&t->g, &t->broker[t->now]);
	t->at[t->now] = moment_now();
	if (ret)
		return ret;
	ret = view_take(t->v, &t->g, &table, &t->table);
	/* A list that changes all the time: the one before has to do. */
	if (ret == -EINTR) {
		view_free(&table);
		return 0;
	}
	view_free(&t->table);
	t->table = table;
	view_sort(t->v, &t->table, t->sort, t->reverse);
	return ret;
}

static void top_switch(struct top *t, const struct view *v)
{
	t->v = v;
	t->sort = v->sort;
	t->reverse = false;
	t->first = 0;
	view_free(&t->table);
}

static void top_move(struct top *t, long rows)
{
	if (rows < 0 && (size_t)-rows > t->first)
		t->first = 0;
	else
		t->first += (size_t)rows;
}

static void top_next_column(struct top *t, int step)
{
	int n = 1;

	while (t->v->columns[n].title)
		n++;
	t->sort = (t->sort + step + n) % n;
	t->reverse = false;
}

enum top_next {
	TOP_DRAW,	/* what there is, in another way */
	TOP_LOOK,	/* again */
	TOP_END,
};

static enum top_next top_key(struct top *t, int key)
{
	int page = getmaxy(stdscr) - HEAD_LINES - FOOT_LINES;

	if (page < 1)
		page = 1;
	switch (key) {
	case 'q':
		return TOP_END;
	case 's':
		top_switch(t, view_find("sockets"));
		return TOP_LOOK;
	case 't':
		top_switch(t, view_find("topics"));
		return TOP_LOOK;
	case 'w':
		top_switch(t, view_find("workers"));
		return TOP_LOOK;
	case ' ':
		return TOP_LOOK;
	case 'r':
		t->reverse = !t->reverse;
		break;
	case '<':
	case KEY_LEFT:
		top_next_column(t, -1);
		break;
	case '>':
	case KEY_RIGHT:
		top_next_column(t, 1);
		break;
	case '+':
		t->seconds = fmin(t->seconds * 2, 60);
		break;
	case '-':
		t->seconds = fmax(t->seconds / 2, 0.25);
		break;
	case KEY_DOWN:
		top_move(t, 1);
		break;
	case KEY_UP:
		top_move(t, -1);
		break;
	case KEY_NPAGE:
		top_move(t, page);
		break;
	case KEY_PPAGE:
		top_move(t, -page);
		break;
	case KEY_HOME:
		t->first = 0;
		break;
	case KEY_END:
		t->first = t->table.nr;
		break;
	}
	view_sort(t->v, &t->table, t->sort, t->reverse);
	return TOP_DRAW;
}

/* Keys, until it is time for another look. */
static enum top_next top_wait(struct top *t)
{
	double end = moment_now() + t->seconds, left;
	enum top_next next = TOP_DRAW;
	int key;

	while (next == TOP_DRAW) {
		left = end - moment_now();
		if (left <= 0)
			return TOP_LOOK;
		timeout((int)ceil(left * 1000));
		key = getch();
		if (key == ERR)
			continue;
		next = top_key(t, key);
		if (next == TOP_DRAW)
			draw(t);
	}
	return next;
}

static int top_screen(struct top *t)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);
	int ret;

	if (!screen) {
		ctl_error("the terminal '%s' is not known; set TERM, or use --batch",
			  getenv("TERM") ?: "");
		return CTL_FAILED;
	}
	/* Signals end it, and the terminal is as it was: ncurses does that. */
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	do {
		ret = top_look(t);
		if (ret)
			break;
		draw(t);
		if (t->looks > 0 && !--t->looks)
			break;
	} while (top_wait(t) != TOP_END);
	endwin();
	delscreen(screen);
	return ret ? ctl_refused(&t->g, ret, "cannot look") : CTL_DONE;
}

static int top_batch(struct top *t)
{
	int ret = 0;

	/* The first look has no rates. */
	if (t->looks < 0)
		t->looks = 1;
	ret = top_look(t);
	while (!ret && t->looks--) {
		moment_wait(t->seconds);
		ret = top_look(t);
		if (!ret)
			print_batch(t);
	}
	return ret ? ctl_refused(&t->g, ret, "cannot look") : CTL_DONE;
}

static int top_run(struct top *t)
{
	int ret;

	if (!t->batch && (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))) {
		ctl_error("there is no terminal; --batch does without");
		return CTL_FAILED;
	}
	ret = ctl_open(&t->g);
	if (ret)
		return ret;
	ret = t->batch ? top_batch(t) : top_screen(t);
	view_free(&t->table);
	blipmq_genl_close(&t->g);
	return ret;
}

static bool parse_number(const char *text, double least, double most,
			 double *number)
{
	char *end;

	*number = strtod(text, &end);
	return end != text && !*end && *number >= least && *number <= most;
}

static int run_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "batch", no_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{ "sort", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	static struct top t = { .seconds = 2, .looks = -1 };
	const char *sort = NULL;
	double number;
	int c;

	while ((c = getopt_long(argc, argv, "bn:d:s:h", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			t.batch = true;
			break;
		case 'n':
			if (!parse_number(optarg, 1, 1e9, &number))
				return ctl_usage(&ctl_top,
						 "--count wants a number, not '%s'",
						 optarg);
			t.looks = (long)number;
			break;
		case 'd':
			if (!parse_number(optarg, 0.1, 3600, &t.seconds))
				return ctl_usage(&ctl_top,
						 "--delay wants 0.1 to 3600 seconds, not '%s'",
						 optarg);
			break;
		case 's':
			sort = optarg;
			break;
		case 'h':
			fputs(ctl_top.help, stdout);
			return CTL_DONE;
		default:
			return ctl_usage(&ctl_top, "unknown option");
		}
	}
	top_switch(&t, view_find(optind < argc ? argv[optind] : "sockets") ?:
		   ctl_views[0]);
	if (optind < argc && !view_find(argv[optind]))
		return ctl_usage(&ctl_top,
				 "top shows sockets, topics or workers, not '%s'",
				 argv[optind]);
	if (optind + 1 < argc)
		return ctl_usage(&ctl_top, "top takes no '%s'",
				 argv[optind + 1]);
	if (sort)
		t.sort = view_column(t.v, sort);
	if (t.sort < 0)
		return ctl_usage(&ctl_top, "%s have no column '%s'", t.v->name,
				 sort);
	return top_run(&t);
}

const struct ctl_command ctl_top = {
	.name = "top",
	.summary = "sockets, topics or workers on the whole screen",
	.help =
	"Usage: blipmqctl top [sockets|topics|workers] [--sort COLUMN]\n"
	"                 [--delay SECONDS] [--count N] [--batch]\n"
	"\n"
	"Shows what goes on in this network namespace, again and again: your own sockets\n"
	"and topics, with CAP_NET_ADMIN everybody's. As many columns as fit, by the one\n"
	"that is underlined.\n"
	"\n"
	"  -s, --sort COLUMN    sort by the column of this title\n"
	"  -d, --delay SECONDS  the time between two looks, 2 by default\n"
	"  -n, --count N        end after so many\n"
	"  -b, --batch          print lines, once unless --count says more\n"
	"  -h, --help           this text\n"
	"\n"
	"Keys: q ends it; s, t and w show sockets, topics and workers; < and > choose the\n"
	"column to sort by, and r turns the order round; arrows, Page Up and Page Down\n"
	"move; + and - change the delay; space looks at once.\n"
	"\n"
	"Exit status: 0 done, 1 refused by the kernel, or no terminal, 2 usage, 3 the\n"
	"kernel module blipmq is not loaded.\n",
	.run = run_top,
};
