// SPDX-License-Identifier: GPL-2.0
/*
 * The set of workers: how many there are, on which CPUs, and their changes.
 *
 * While the set changes all lanes of workers are frozen (lane_move.c), and what
 * is in the rings has been handed out; so no bundle is in the ring of a worker
 * that goes, and none overtakes another one by a change of its lane. All
 * changes hold the lock of lane_move.c.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include <linux/blipmq_netlink.h>

#include "deliver.h"
#include "event.h"
#include "lane.h"
#include "worker.h"

/* NULL before the first use. Changed under the lock of lane_move.c. */
struct blipmq_workers __rcu *blipmq_workers;

static struct blipmq_worker_config configs[BLIPMQ_WORKERS_MAX];

/* How many there will be, or are; 0 for one for each CPU. */
static u32 count_wanted;

/* Who configures a namespace of its own may use workers. */
static bool delegated;

/* For the callbacks of CPUs that come and go, inside the lock of lane_move.c. */
static DEFINE_MUTEX(pin_lock);
static int hotplug_state;

/**
 * blipmq_workers_count() - how many there are
 *
 * Context: an RCU read-side section.
 */
u32 blipmq_workers_count(void)
{
	return rcu_dereference(blipmq_workers)->count;
}

/**
 * blipmq_worker_find() - a worker
 * @number: its number, below blipmq_workers_count()
 *
 * Context: an RCU read-side section, as long as it is used.
 */
struct blipmq_worker *blipmq_worker_find(u32 number)
{
	return rcu_dereference(blipmq_workers)->at[number];
}

static struct blipmq_workers *workers_now(void)
{
	blipmq_lanes_assert_locked();
	return rcu_dereference_protected(blipmq_workers, true);
}

/**
 * blipmq_worker_now() - a worker that runs
 * @number: its number
 *
 * Context: the lock of lane_move.c is held.
 * Return: the worker, or NULL.
 */
struct blipmq_worker *blipmq_worker_now(u32 number)
{
	struct blipmq_workers *set = workers_now();

	if (!set || number >= set->count)
		return NULL;
	return set->at[array_index_nospec(number, set->count)];
}

/**
 * blipmq_workers_delegated() - may everybody use workers who configures lanes?
 *
 * Context: the lock of lane_move.c is held.
 */
bool blipmq_workers_delegated(void)
{
	blipmq_lanes_assert_locked();
	return delegated;
}

/**
 * blipmq_workers_delegate() - say who may use workers
 * @delegate: everybody who configures lanes
 *
 * Context: the lock of lane_move.c is held.
 */
void blipmq_workers_delegate(bool delegate)
{
	blipmq_lanes_assert_locked();
	delegated = delegate;
}

static u32 workers_each_cpu(void)
{
	return min(num_online_cpus(), BLIPMQ_WORKERS_MAX);
}

/**
 * blipmq_workers_wanted() - how many there are, or will be when they start
 *
 * Context: the lock of lane_move.c is held.
 */
u32 blipmq_workers_wanted(void)
{
	const struct blipmq_workers *set = workers_now();

	/* CPUs that come and go change nothing of those that run. */
	return set ? set->count : count_wanted ?: workers_each_cpu();
}

/**
 * blipmq_workers_automatic() - has nobody said how many there are?
 *
 * Context: the lock of lane_move.c is held.
 */
bool blipmq_workers_automatic(void)
{
	blipmq_lanes_assert_locked();
	return !count_wanted;
}

/**
 * blipmq_worker_config() - what was said about a worker
 * @number: its number, below BLIPMQ_WORKERS_MAX
 *
 * Context: the lock of lane_move.c is held.
 */
const struct blipmq_worker_config *blipmq_worker_config(u32 number)
{
	blipmq_lanes_assert_locked();
	return &configs[array_index_nospec(number, BLIPMQ_WORKERS_MAX)];
}

/* Where a worker runs: as configured, else the CPUs in turn. */
static int worker_cpu(u32 number, const struct blipmq_worker_config *config)
{
	u32 n = number % num_online_cpus();
	int cpu;

	if (config->cpu >= 0)
		return config->cpu;
	for_each_online_cpu(cpu)
		if (!n--)
			return cpu;
	return cpumask_first(cpu_online_mask);
}

/* On a CPU that is not there it runs anywhere, until that comes back. */
static void worker_pin(struct blipmq_worker *w)
{
	lockdep_assert_held(&pin_lock);
	if (!cpu_online(w->cpu) ||
	    set_cpus_allowed_ptr(w->task, cpumask_of(w->cpu)))
		set_cpus_allowed_ptr(w->task, cpu_possible_mask);
}

static struct blipmq_worker *worker_start(u32 number,
					  const struct blipmq_worker_config *c)
{
	struct blipmq_worker *w;
	int err;

	w = blipmq_worker_create(number, worker_cpu(number, c));
	if (IS_ERR(w))
		return w;
	err = blipmq_worker_schedule(w, c);
	if (err) {
		blipmq_worker_destroy(w);
		return ERR_PTR(err);
	}
	mutex_lock(&pin_lock);
	worker_pin(w);
	mutex_unlock(&pin_lock);
	wake_up_process(w->task);
	return w;
}

static bool workers_have(const struct blipmq_workers *set,
			 const struct blipmq_worker *w)
{
	return set && w->number < set->count && set->at[w->number] == w;
}

/* End those of @set that are not in @other. */
static void workers_end(struct blipmq_workers *set,
			const struct blipmq_workers *other)
{
	u32 i;

	for (i = 0; set && i < set->count; i++)
		if (set->at[i] && !workers_have(other, set->at[i]))
			blipmq_worker_destroy(set->at[i]);
}

/*
 * A set of @count: those of @old but for number @fresh, and new ones.
 */
static struct blipmq_workers *
workers_build(struct blipmq_workers *old, u32 count, u32 fresh,
	      const struct blipmq_worker_config *config)
{
	struct blipmq_workers *set;
	struct blipmq_worker *w;
	u32 i;

	set = kzalloc(struct_size(set, at, count), GFP_KERNEL);
	if (!set)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < count; i++) {
		if (old && i < old->count && i != fresh)
			w = old->at[i];
		else
			w = worker_start(i, i == fresh ? config : &configs[i]);
		if (IS_ERR(w)) {
			set->count = i;
			workers_end(set, old);
			kfree(set);
			return ERR_CAST(w);
		}
		set->at[i] = w;
	}
	set->count = count;
	return set;
}

/* Have @set in the place of what there is, and end those that go. */
static int workers_replace(struct blipmq_workers *set)
{
	struct blipmq_workers *old = workers_now();
	int err = 0;

	if (old)
		err = blipmq_lanes_freeze();
	if (err) {
		workers_end(set, old);
		kfree(set);
		return err;
	}
	mutex_lock(&pin_lock);
	rcu_assign_pointer(blipmq_workers, set);
	mutex_unlock(&pin_lock);
	if (!old)
		return 0;
	/* Who looked for a lane may be at one that goes. */
	synchronize_rcu();
	blipmq_lanes_thaw();
	workers_end(old, set);
	kfree(old);
	return 0;
}

/* Who may be helped, see deliver.c; each time that something was configured. */
static void workers_share(void)
{
	struct blipmq_workers *set = workers_now();
	bool fifo = false;
	u32 i;

	for (i = 0; i < BLIPMQ_WORKERS_MAX; i++)
		fifo |= configs[i].class == BLIPMQ_WORKER_CLASS_FIFO;
	for (i = 0; set && i < set->count; i++)
		blipmq_deliver_allow(set->at[i]->fan.deliver,
				     !fifo && configs[i].cpu < 0);
}

/**
 * blipmq_workers_start() - have workers
 *
 * Context: the lock of lane_move.c is held; may sleep.
 * Return: 0, also when there are some; a negative errno.
 */
int blipmq_workers_start(void)
{
	struct blipmq_workers *set;
	int err;

	if (workers_now())
		return 0;
	set = workers_build(NULL, blipmq_workers_wanted(), BLIPMQ_WORKERS_MAX,
			    NULL);
	if (IS_ERR(set))
		return PTR_ERR(set);
	err = workers_replace(set);
	workers_share();
	return err;
}

/**
 * blipmq_workers_set_count() - change the number of workers
 * @wanted: how many, up to BLIPMQ_WORKERS_MAX; 0 for one for each CPU
 *
 * What was said about workers that there are no more is forgotten with them.
 *
 * Context: the lock of lane_move.c is held; may sleep.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_workers_set_count(u32 wanted)
{
	struct blipmq_workers *old = workers_now(), *set;
	u32 i, count = wanted ?: workers_each_cpu();
	int err = 0;

	if (old && old->count != count) {
		set = workers_build(old, count, BLIPMQ_WORKERS_MAX, NULL);
		if (IS_ERR(set))
			return PTR_ERR(set);
		err = workers_replace(set);
	}
	if (err)
		return err;
	count_wanted = wanted;
	for (i = count; i < BLIPMQ_WORKERS_MAX; i++)
		configs[i] = (struct blipmq_worker_config){ .cpu = -1 };
	workers_share();
	return 0;
}

/* Its ring has to be on another node. */
static int worker_renew(u32 number, const struct blipmq_worker_config *config)
{
	struct blipmq_workers *old = workers_now(), *set;

	set = workers_build(old, old->count, number, config);
	if (IS_ERR(set))
		return PTR_ERR(set);
	return workers_replace(set);
}

/* Have a worker that runs so: itself, or another one in its place. */
static int worker_change(u32 number, const struct blipmq_worker_config *config)
{
	struct blipmq_worker *w = workers_now()->at[number];
	int cpu = worker_cpu(number, config), old = w->cpu, err;

	if (cpu_to_node(cpu) != w->node) {
		err = worker_renew(number, config);
		if (err)
			return err;
	} else {
		err = blipmq_worker_schedule(w, config);
		if (err)
			return err;
		mutex_lock(&pin_lock);
		w->cpu = cpu;
		worker_pin(w);
		mutex_unlock(&pin_lock);
	}
	if (cpu != old)
		blipmq_event_worker(number, cpu);
	return 0;
}

/**
 * blipmq_worker_configure() - say how a worker runs
 * @number: its number, below BLIPMQ_WORKERS_MAX
 * @config: how
 *
 * Context: the lock of lane_move.c is held; may sleep.
 * Return: 0; a negative errno with nothing changed.
 */
int blipmq_worker_configure(u32 number,
			    const struct blipmq_worker_config *config)
{
	struct blipmq_workers *set = workers_now();
	int err = 0;

	if (set && number < set->count)
		err = worker_change(number, config);
	if (err)
		return err;
	configs[number] = *config;
	workers_share();
	return 0;
}

/**
 * blipmq_workers_flush() - wait until all that is in the rings is handed out
 *
 * Context: the lock of lane_move.c is held; may sleep.
 */
void blipmq_workers_flush(void)
{
	struct blipmq_workers *set = workers_now();
	u32 i;

	for (i = 0; set && i < set->count; i++)
		blipmq_worker_flush(set->at[i]);
}

/* The scheduler moves threads of a CPU that goes; those that return are ours. */
static int worker_cpu_changes(unsigned int cpu, bool online)
{
	struct blipmq_workers *set;
	u32 i;

	mutex_lock(&pin_lock);
	set = rcu_dereference_protected(blipmq_workers,
					lockdep_is_held(&pin_lock));
	for (i = 0; set && i < set->count; i++) {
		if (set->at[i]->cpu != cpu)
			continue;
		set_cpus_allowed_ptr(set->at[i]->task,
				     online ? cpumask_of(cpu) :
					      cpu_possible_mask);
		blipmq_event_worker(i, online ? (int)cpu : -1);
	}
	mutex_unlock(&pin_lock);
	return 0;
}

static int worker_cpu_online(unsigned int cpu)
{
	return worker_cpu_changes(cpu, true);
}

static int worker_cpu_offline(unsigned int cpu)
{
	return worker_cpu_changes(cpu, false);
}

/**
 * blipmq_workers_init() - get ready, without any worker
 *
 * Return: 0 or a negative errno.
 */
int __init blipmq_workers_init(void)
{
	u32 i;

	for (i = 0; i < BLIPMQ_WORKERS_MAX; i++)
		configs[i].cpu = -1;
	hotplug_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN,
						  "net/blipmq:online",
						  worker_cpu_online,
						  worker_cpu_offline);
	return hotplug_state < 0 ? hotplug_state : 0;
}

/**
 * blipmq_workers_exit() - end all
 *
 * Context: there are no namespaces any more.
 */
void blipmq_workers_exit(void)
{
	struct blipmq_workers *set;

	cpuhp_remove_state_nocalls(hotplug_state);
	set = rcu_dereference_protected(blipmq_workers, true);
	RCU_INIT_POINTER(blipmq_workers, NULL);
	workers_end(set, NULL);
	kfree(set);
}
