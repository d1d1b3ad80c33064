/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the pure files (frame, pattern, ring) use of the kernel, and its
 * user-space meaning, so that the library, tests, fuzzers and benchmarks
 * compile the very files that the module is made of.
 */
#ifndef _BLIPMQ_PURE_H
#define _BLIPMQ_PURE_H

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/types.h>

#else /* user space */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

struct rcu_head {
	void *unused[2];
};

#ifndef U32_MAX
#define U32_MAX UINT32_MAX
#endif

#define ____cacheline_aligned __attribute__((aligned(64)))

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
/* The kernel's names; the comments are where they are used. */
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
/* As above. */
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define try_cmpxchg_relaxed(p, old, new) \
	__atomic_compare_exchange_n((p), (old), (new), false, \
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED)

#ifdef __x86_64__
#define cpu_relax() __builtin_ia32_pause()
#else
#define cpu_relax() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#endif

/* A process can be preempted anywhere: readers see it as a slow producer. */
#define preempt_disable() do { } while (0)
#define preempt_enable() do { } while (0)

#endif /* __KERNEL__ */
#endif /* _BLIPMQ_PURE_H */
