/* SPDX-License-Identifier: MIT */
/*
 * What the files of the scheduler share. Layer: sched, private to it.
 *
 * State that both engines keep the same way: task states, the set of ready tasks (on threads: of
 * tasks that run or could), timed waits, timers. On the thread engine all of it changes under the
 * engine's lock only; `state` and `pending` are also read without it.
 */
#ifndef WRG_SCHED_SCHED_IMPL_H
#define WRG_SCHED_SCHED_IMPL_H

#include "sched/sched.h"
#include "vocab/events.h"

static inline void wrg_set_add(struct wrg_task_set *set, int id)
{
    set->word[id >> 6] |= UINT64_C(1) << (id & 63);
}

static inline void wrg_set_del(struct wrg_task_set *set, int id)
{
    set->word[id >> 6] &= ~(UINT64_C(1) << (id & 63));
}

static inline bool wrg_set_has(const struct wrg_task_set *set, int id)
{
    return set->word[id >> 6] >> (id & 63) & 1;
}

static inline bool wrg_set_empty(const struct wrg_task_set *set)
{
    return (set->word[0] | set->word[1]) == 0;
}

/* The lowest member >= id, or WRG_TASK_NONE. id may be 128. */
static inline int wrg_set_from(const struct wrg_task_set *set, int id)
{
    for (int w = id >> 6; w < 2; w++) {
        uint64_t bits = set->word[w];

        if (w == id >> 6)
            bits &= UINT64_MAX << (id & 63);
        if (bits)
            return w * 64 + __builtin_ctzll(bits);
    }
    return WRG_TASK_NONE;
}

static inline uint8_t wrg_task_state(const struct wrg_task *t)
{
    return __atomic_load_n(&t->state, __ATOMIC_RELAXED);
}

static inline void wrg_task_set_state(struct wrg_task *t, enum wrg_task_state state)
{
    __atomic_store_n(&t->state, (uint8_t)state, __ATOMIC_RELAXED);
}

/* Something has changed that a point depends on. On threads it is never calm. */
static inline void wrg_sched_disturb(struct wrg_sched *s)
{
    if (s->calm_until)
        s->calm_until = 0;
}

/* The stamp follows who runs, and for whom. */
static inline void wrg_sched_restamp(struct wrg_sched *s)
{
    uint32_t id = s->cur ? s->cur->id : (uint8_t)WRG_TASK_NONE;
    uint32_t voice = s->cur ? s->cur->voice : s->voice;

    s->stamp = id << WRG_EVENT_TASK_SHIFT | voice << (WRG_EVENT_ROLE_SHIFT + WRG_EVENT_VOICE_BITS);
}

/* ---- sched.c ---- */
/* A parked or waiting task becomes runnable; on threads its pthread is signalled. */
void wrg_sched_ready(struct wrg_sched *s, int id);
/* A running task is no more runnable. */
void wrg_sched_unready(struct wrg_sched *s, int id, enum wrg_task_state state);
/* End of a plain task or a retired worker: its slot is free for the next. */
void wrg_sched_free_task(struct wrg_sched *s, int id);

/* ---- clock.c ---- */
/* Nothing is runnable: to the earliest deadline. False: only housekeeping is left, or nothing. */
WRG_MUST_USE bool wrg_sched_clock_jump(struct wrg_sched *s);
void wrg_sched_cancel_timers_of(struct wrg_sched *s, int id);

/* ---- strategy.c ---- */
/* Recomputes when somebody must look at t again: its point limit, or its next preempt. */
void wrg_sched_watch(struct wrg_sched *s, struct wrg_task *t);
/*
 * Who runs next; writes the log. `due`: t has reached its watch, so look for a preempt of this
 * very event. It is looked for here and not earlier, because a clock jump may have come between.
 */
int wrg_sched_choose(struct wrg_sched *s, struct wrg_task *t, int by_default, bool due);

/* ---- run_fiber.c ---- */
WRG_MUST_USE int wrg_sched_fiber_init(struct wrg_sched *s);
void wrg_sched_fiber_fini(struct wrg_sched *s);
/* Maps the slot's stack at its first use. 0 or -ENOMEM. */
WRG_MUST_USE int wrg_sched_fiber_prepare(struct wrg_sched *s, int id);
enum wrg_sched_end wrg_sched_fiber_run(struct wrg_sched *s);
int wrg_sched_fiber_wait(struct wrg_sched *s, uint64_t timeout_ns);
void wrg_sched_fiber_point(struct wrg_sched *s, enum wrg_point kind);
void wrg_sched_fiber_yield(struct wrg_sched *s);
WRG_NORETURN void wrg_sched_fiber_exit(struct wrg_sched *s);
WRG_NORETURN void wrg_sched_fiber_stop(struct wrg_sched *s);
/* The running task was killed: somebody else goes on. */
WRG_NORETURN void wrg_sched_fiber_leave_dead(struct wrg_sched *s);
/* From the controller: every suspended fiber back to its base. */
void wrg_sched_fiber_unwind(struct wrg_sched *s);

/* ---- run_thread.c ---- */
WRG_MUST_USE int wrg_sched_thread_init(struct wrg_sched *s);
void wrg_sched_thread_fini(struct wrg_sched *s);
WRG_MUST_USE int wrg_sched_thread_prepare(struct wrg_sched *s, int id);
enum wrg_sched_end wrg_sched_thread_run(struct wrg_sched *s);
int wrg_sched_thread_wait(struct wrg_sched *s, uint64_t timeout_ns);
/* Leaves for good if the run was stopped or the calling task killed. */
void wrg_sched_thread_check(struct wrg_sched *s);
void wrg_sched_thread_yield(struct wrg_sched *s);
void wrg_sched_thread_pause(struct wrg_sched *s);
void wrg_sched_thread_unpause(struct wrg_sched *s);
/* Under the lock, after tasks were killed: they leave at their next point. */
void wrg_sched_thread_bury(struct wrg_sched *s);
WRG_NORETURN void wrg_sched_thread_exit(struct wrg_sched *s);
WRG_NORETURN void wrg_sched_thread_stop(struct wrg_sched *s);
void wrg_sched_thread_wake(struct wrg_sched *s, int id);
int wrg_sched_thread_current(const struct wrg_sched *s);
/* Waits for every pthread to end. */
void wrg_sched_thread_join(struct wrg_sched *s);
/* Under the lock: a task is ready, or it has been killed: it goes on, or somebody begins it. */
void wrg_sched_thread_ready(struct wrg_sched *s, int id);
/* Under the lock: a task is not ready any more. */
void wrg_sched_thread_unready(struct wrg_sched *s, int id);
/* Under the lock: whether fn is on the stack of a pthread. */
bool wrg_sched_thread_runs(const struct wrg_sched *s, int id);
/* No-ops on the fiber engine. */
void wrg_sched_lock(struct wrg_sched *s);
void wrg_sched_unlock(struct wrg_sched *s);

#endif
