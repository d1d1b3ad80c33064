// SPDX-License-Identifier: GPL-2.0
/*
 * KCOV: the kernel writes the address of each block of code that a thread
 * executes to memory that the thread reads. Where the kernel has none, nothing
 * is ever new.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "calls.h"

#define KCOV	"/sys/kernel/debug/kcov"
#define PCS	(64U << 10)	/* of one program */
#define SEEN	(256U << 10)	/* of all; a power of two */

/* All addresses so far, by open addressing; 0 is none. */
static unsigned long seen[SEEN];
static unsigned int nr_seen;
/* The module's code: what else the kernel does is not what is tested. */
static unsigned long text_begin, text_end;
/* A kernel at a random address reports others than those of the module. */
static bool anywhere;

static void find_module(void)
{
	unsigned long begin, size;
	char line[512], name[64];
	FILE *f = fopen("/proc/modules", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &size,
			   &begin) == 3 && !strcmp(name, "blipmq")) {
			text_begin = begin;
			text_end = begin + size;
		}
	}
	if (f)
		fclose(f);
	anywhere = !text_begin;
}

const char *calls_cover_where(void)
{
	return anywhere ? "the kernel" : "the module";
}

bool calls_cover_open(struct calls_cover *c)
{
	void *memory;

	c->pcs = NULL;
	c->fd = open(KCOV, O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return false;
	if (ioctl(c->fd, KCOV_INIT_TRACE, PCS))
		goto fail;
	memory = mmap(NULL, PCS * sizeof(unsigned long),
		      PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (memory == MAP_FAILED)
		goto fail;
	c->pcs = memory;
	if (ioctl(c->fd, KCOV_ENABLE, KCOV_TRACE_PC))
		goto fail;
	if (!text_begin && !anywhere)
		find_module();
	return true;
fail:
	close(c->fd);
	c->fd = -1;
	c->pcs = NULL;
	return false;
}

void calls_cover_start(struct calls_cover *c)
{
	if (c->pcs)
		__atomic_store_n(&c->pcs[0], 0, __ATOMIC_RELAXED);
}

static bool note(unsigned long pc)
{
	unsigned int at = (unsigned int)(pc * 0x9e3779b97f4a7c15UL >> 40);
	unsigned long old;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		at = (at + i) % SEEN;
		old = 0;
		if (__atomic_compare_exchange_n(&seen[at], &old, pc, false,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED)) {
			__atomic_fetch_add(&nr_seen, 1, __ATOMIC_RELAXED);
			return true;
		}
		if (old == pc)
			return false;
	}
	return false;
}

/* Did this program reach what none had reached? */
bool calls_cover_new(struct calls_cover *c)
{
	static unsigned long in_vain;
	unsigned long n, i, pc, inside = 0;
	bool news = false;

	if (!c->pcs)
		return false;
	n = __atomic_load_n(&c->pcs[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < PCS; i++) {
		pc = c->pcs[i];
		if (!anywhere && (pc < text_begin || pc >= text_end))
			continue;
		inside++;
		news |= note(pc);
	}
	if (inside || anywhere)
		in_vain = 0;
	else if (++in_vain == 200)
		anywhere = true;
	return news;
}

void calls_cover_stop(struct calls_cover *c)
{
	if (!c->pcs)
		return;
	ioctl(c->fd, KCOV_DISABLE, 0);
	munmap(c->pcs, PCS * sizeof(unsigned long));
	close(c->fd);
	c->pcs = NULL;
}

unsigned int calls_cover_pcs(void)
{
	return nr_seen;
}
