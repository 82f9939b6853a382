/* SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include "sched/sched_impl.h"

#include <errno.h>
#include <string.h>

/* What engines have in common: life of a scheduler and of tasks, state changes, snapshots. */

#define UNLIMITED (UINT64_MAX / 2) /* steps; may be raised without wrapping */
#define ROLE_MAX  15
#define INDEX_MAX 15 /* of tasks that an actor byte can name */

int wrg_sched_init(struct wrg_sched *s, const struct wrg_sched_limits *limits)
{
    int rc;

    memset(s, 0, sizeof(*s));
    s->engine = limits->engine;
    s->tasks_max = limits->tasks ? limits->tasks : WRG_SCHED_TASKS;
    s->stack_bytes = limits->stack_bytes;
    WRG_ASSERT(s->tasks_max <= WRG_SCHED_TASKS);
    if (s->engine == WRG_ENGINE_THREAD)
        rc = wrg_sched_thread_init(s);
    else
        rc = wrg_sched_fiber_init(s);
    if (rc == 0)
        wrg_sched_reset(s);
    return rc;
}

void wrg_sched_fini(struct wrg_sched *s)
{
    wrg_sched_reset(s);
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_fini(s);
    else
        wrg_sched_fiber_fini(s);
}

void wrg_sched_reset(struct wrg_sched *s)
{
    static const struct wrg_sched_run quiet;

    WRG_ASSERT(!s->cur);
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_join(s);
    else
        wrg_sched_fiber_unwind(s);
    memset(s->tasks, 0, s->tasks_high * sizeof(s->tasks[0]));
    memset(s->timer_live, 0, sizeof(s->timer_live));
    memset(&s->ready, 0, sizeof(s->ready));
    memset(&s->timed, 0, sizeof(s->timed));
    s->tasks_high = 0;
    s->timers_high = 0;
    s->timers_made = 0;
    s->ready_count = 0;
    s->now_ns = 0;
    s->voice = 0;
    wrg_sched_restamp(s);
    s->stopped = false;
    wrg_sched_begin(s, &quiet);
}

static void renew_limit(struct wrg_sched *s, struct wrg_task *t)
{
    uint64_t budget = s->run.budget_task_points;

    t->points_limit = budget ? t->points + budget : UINT64_MAX;
    wrg_sched_watch(s, t);
}

void wrg_sched_begin(struct wrg_sched *s, const struct wrg_sched_run *run)
{
    WRG_ASSERT(!s->cur && !s->stopped);
    s->run = *run;
    if (!s->run.choice) {
        wrg_choice_prng(&s->own_choice, run->seed, NULL, 0);
        s->run.choice = &s->own_choice;
    }
    for (size_t i = 0; i < run->preempts_count; i++)
        run->preempts[i].fired = false;
    s->strategy = run->points_off ? WRG_STRATEGY_STAY : run->strategy;
    s->steps = 0;
    s->budget_steps = run->budget_steps ? run->budget_steps : UNLIMITED;
    s->log_count = 0;
    s->guilty = WRG_TASK_NONE;
    s->resume = WRG_TASK_NONE;
    wrg_sched_alarm(s, UINT64_MAX);
    for (uint32_t id = 0; id < s->tasks_high; id++)
        renew_limit(s, &s->tasks[id]);
}

void wrg_sched_liveness(struct wrg_sched *s)
{
    s->strategy = WRG_STRATEGY_STAY;
    s->run.preempts_count = 0;
    if (s->engine == WRG_ENGINE_THREAD)
        return;
    for (uint32_t id = 0; id < s->tasks_high; id++)
        wrg_sched_watch(s, &s->tasks[id]);
}

enum wrg_sched_end wrg_sched_run(struct wrg_sched *s)
{
    WRG_ASSERT(!s->cur && !s->stopped);
    return s->engine == WRG_ENGINE_THREAD ? wrg_sched_thread_run(s) : wrg_sched_fiber_run(s);
}

void wrg_sched_alarm(struct wrg_sched *s, uint64_t step)
{
    s->alarm_at = step;
    s->stop_at = wrg_min_u64(step, s->budget_steps);
    wrg_sched_disturb(s);
}

/* ---- tasks ---- */

static uint8_t *voice_of(struct wrg_sched *s)
{
    int id = wrg_sched_current(s);

    return id == WRG_TASK_NONE ? &s->voice : &s->tasks[id].voice;
}

uint8_t wrg_sched_speak(struct wrg_sched *s, uint8_t voice)
{
    uint8_t *now = voice_of(s);
    uint8_t before = *now;

    *now = voice;
    if (s->engine == WRG_ENGINE_FIBER)
        wrg_sched_restamp(s);
    return before;
}

static uint8_t free_index(const struct wrg_sched *s, uint8_t role)
{
    struct wrg_task_set used = { { 0, 0 } };
    int index = 0;

    for (uint32_t id = 0; id < s->tasks_high; id++)
        if (wrg_task_state(&s->tasks[id]) != WRG_TASK_FREE && s->tasks[id].role == role)
            wrg_set_add(&used, s->tasks[id].index);
    while (wrg_set_has(&used, index))
        index++;
    return (uint8_t)index;
}

static void fill_task(struct wrg_sched *s, int id, const struct wrg_task_args *args)
{
    struct wrg_task *t = &s->tasks[id];
    uint8_t index = free_index(s, args->role);

    t->fn = args->fn;
    t->arg = args->arg;
    t->name = args->name;
    t->points = 0;
    t->section_base = 0;
    t->section = 0;
    t->id = (uint8_t)id;
    t->role = args->role;
    t->index = index;
    t->actor = index < INDEX_MAX || (index == INDEX_MAX && args->role < ROLE_MAX)
                   ? (uint8_t)(args->role << 4 | index)
                   : WRG_ACTOR_NONE;
    t->voice = *voice_of(s);
    t->worker = args->worker;
    t->housekeeping = args->housekeeping;
    t->retired = false;
    __atomic_store_n(&t->pending, false, __ATOMIC_RELAXED);
    renew_limit(s, t);
    s->tasks_high = wrg_max_u32(s->tasks_high, (uint32_t)id + 1);
    wrg_task_set_state(t, WRG_TASK_PARKED);
    if (!args->worker)
        wrg_sched_ready(s, id);
}

static bool is_buried(const struct wrg_sched *s, int id)
{
    return wrg_task_state(&s->tasks[id]) == WRG_TASK_DEAD &&
           (s->engine == WRG_ENGINE_FIBER ? s->cur != &s->tasks[id]
                                          : !wrg_sched_thread_runs(s, id));
}

/* That of a dead task is the last choice: in what is said about a run an id means one task. */
static int find_slot(const struct wrg_sched *s)
{
    for (int id = 0; (uint32_t)id < s->tasks_max; id++)
        if (wrg_task_state(&s->tasks[id]) == WRG_TASK_FREE)
            return id;
    for (int id = 0; (uint32_t)id < s->tasks_max; id++)
        if (is_buried(s, id))
            return id;
    return -ENOSPC;
}

static int create(struct wrg_sched *s, const struct wrg_task_args *args)
{
    int id = find_slot(s);
    int rc;

    if (id < 0)
        return id;
    if (s->engine == WRG_ENGINE_THREAD)
        rc = wrg_sched_thread_prepare(s, id);
    else
        rc = wrg_sched_fiber_prepare(s, id);
    if (rc != 0)
        return rc;
    fill_task(s, id, args);
    return id;
}

int wrg_sched_task_create(struct wrg_sched *s, const struct wrg_task_args *args)
{
    int id;

    WRG_ASSERT(args->fn && args->role <= ROLE_MAX);
    wrg_sched_lock(s);
    id = create(s, args);
    wrg_sched_unlock(s);
    return id;
}

uint32_t wrg_sched_tasks_left(struct wrg_sched *s)
{
    uint32_t left = 0;

    wrg_sched_lock(s);
    for (int id = 0; (uint32_t)id < s->tasks_max; id++)
        left += wrg_task_state(&s->tasks[id]) == WRG_TASK_FREE || is_buried(s, id);
    wrg_sched_unlock(s);
    return left;
}

void wrg_sched_ready(struct wrg_sched *s, int id)
{
    wrg_task_set_state(&s->tasks[id], WRG_TASK_READY);
    wrg_set_del(&s->timed, id);
    wrg_set_add(&s->ready, id);
    s->ready_count++;
    wrg_sched_disturb(s);
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_ready(s, id);
}

void wrg_sched_unready(struct wrg_sched *s, int id, enum wrg_task_state state)
{
    wrg_task_set_state(&s->tasks[id], state);
    wrg_set_del(&s->ready, id);
    s->ready_count--;
    wrg_sched_disturb(s);
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_unready(s, id);
}

void wrg_sched_free_task(struct wrg_sched *s, int id)
{
    wrg_sched_cancel_timers_of(s, id);
    if (wrg_set_has(&s->ready, id))
        wrg_sched_unready(s, id, WRG_TASK_FREE);
    else
        wrg_task_set_state(&s->tasks[id], WRG_TASK_FREE);
    while (s->tasks_high > 0 && wrg_task_state(&s->tasks[s->tasks_high - 1]) == WRG_TASK_FREE)
        s->tasks_high--;
}

void wrg_sched_task_retire(struct wrg_sched *s, int task)
{
    struct wrg_task *t = &s->tasks[task];
    uint8_t state;

    WRG_ASSERT(task >= 0 && (uint32_t)task < s->tasks_max);
    wrg_sched_lock(s);
    state = wrg_task_state(t);
    WRG_ASSERT(t->worker || state == WRG_TASK_FREE);
    /* A pthread that is ready may have begun: it looks for itself, before fn and after. */
    if (state == WRG_TASK_PARKED || (state == WRG_TASK_READY && s->engine == WRG_ENGINE_FIBER &&
                                     !wrg_set_has(&s->frames, task)))
        wrg_sched_free_task(s, task);
    else if (state != WRG_TASK_FREE)
        t->retired = true;
    wrg_sched_unlock(s);
}

void wrg_sched_wake(struct wrg_sched *s, int task)
{
    struct wrg_task *t = &s->tasks[task];
    uint8_t state;

    WRG_ASSERT(task >= 0 && (uint32_t)task < s->tasks_max);
    if (s->engine == WRG_ENGINE_THREAD) {
        wrg_sched_thread_wake(s, task);
        return;
    }
    state = t->state;
    if (state == WRG_TASK_FREE || state == WRG_TASK_DEAD)
        return;
    t->pending = true;
    if (state == WRG_TASK_WAITING || state == WRG_TASK_PARKED)
        wrg_sched_ready(s, task);
}

/*
 * On threads a task that runs stays in `ready`, dead, until it makes its next call; the run waits
 * for that. On fibers only one runs, and it is dealt with by the caller.
 */
static void kill_task(struct wrg_sched *s, int id)
{
    wrg_set_del(&s->timed, id);
    wrg_sched_cancel_timers_of(s, id);
    bool runs = s->engine == WRG_ENGINE_THREAD && wrg_sched_thread_runs(s, id);

    if (!runs && wrg_set_has(&s->ready, id))
        wrg_sched_unready(s, id, WRG_TASK_DEAD);
    else
        wrg_task_set_state(&s->tasks[id], WRG_TASK_DEAD);
    if (runs)
        wrg_sched_thread_ready(s, id);
}

void wrg_sched_kill_role(struct wrg_sched *s, uint8_t role)
{
    bool own = false;

    wrg_sched_lock(s);
    for (uint32_t id = 0; id < s->tasks_high; id++) {
        uint8_t state = wrg_task_state(&s->tasks[id]);

        if (s->tasks[id].role != role || state == WRG_TASK_FREE || state == WRG_TASK_DEAD)
            continue;
        kill_task(s, (int)id);
        own |= &s->tasks[id] == s->cur;
    }
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_bury(s);
    wrg_sched_unlock(s);
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_check(s);
    else if (own)
        wrg_sched_fiber_leave_dead(s);
}

void wrg_sched_pause(struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_pause(s);
}

void wrg_sched_unpause(struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_unpause(s);
}

int wrg_sched_current(const struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        return wrg_sched_thread_current(s);
    return s->cur ? (int)(s->cur - s->tasks) : WRG_TASK_NONE;
}

int wrg_sched_find(const struct wrg_sched *s, uint8_t actor)
{
    if (actor == WRG_ACTOR_NONE)
        return WRG_TASK_NONE;
    for (uint32_t id = 0; id < s->tasks_high; id++)
        if (s->tasks[id].actor == actor && wrg_task_state(&s->tasks[id]) != WRG_TASK_FREE)
            return (int)id;
    return WRG_TASK_NONE;
}

void wrg_sched_section_slow(struct wrg_sched *s, uint32_t section)
{
    struct wrg_task *t = s->cur;

    if (s->engine == WRG_ENGINE_THREAD) {
        int id = wrg_sched_thread_current(s);
        t = id < 0 ? NULL : &s->tasks[id];
    }
    if (!t)
        return;
    t->section = section;
    t->section_base = t->points;
    if (s->run.preempts_count && s->engine == WRG_ENGINE_FIBER)
        wrg_sched_watch(s, t);
}

/* ---- engine calls ---- */

int wrg_sched_wait(struct wrg_sched *s, uint64_t timeout_ns)
{
    if (s->engine == WRG_ENGINE_THREAD)
        return wrg_sched_thread_wait(s, timeout_ns);
    return wrg_sched_fiber_wait(s, timeout_ns);
}

void wrg_sched_yield(struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_yield(s);
    else
        wrg_sched_fiber_yield(s);
}

void wrg_sched_exit(struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_exit(s);
    wrg_sched_fiber_exit(s);
}

void wrg_sched_stop(struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        wrg_sched_thread_stop(s);
    wrg_sched_fiber_stop(s);
}

/* ---- snapshots ---- */

struct snapshot {
    uint64_t now_ns;
    uint64_t timer_live[WRG_SCHED_TIMERS / 64];
    uint32_t tasks_high;
    uint32_t timers_high;
    uint32_t timers_made;
};
WRG_STATIC_ASSERT(sizeof(struct snapshot) <= 128, "WRG_SCHED_SAVE_MAX allows for it");

static bool quiet(const struct wrg_sched *s)
{
    if (s->engine != WRG_ENGINE_FIBER || s->cur || s->stopped || s->ready_count != 0)
        return false;
    for (uint32_t id = 0; id < s->tasks_high; id++)
        if (s->tasks[id].state != WRG_TASK_PARKED && s->tasks[id].state != WRG_TASK_FREE)
            return false;
    return true;
}

size_t wrg_sched_save(const struct wrg_sched *s, void *buf, size_t cap)
{
    struct snapshot head = { .now_ns = s->now_ns,
                             .tasks_high = s->tasks_high,
                             .timers_high = s->timers_high,
                             .timers_made = s->timers_made };
    size_t tasks = s->tasks_high * sizeof(s->tasks[0]);
    size_t timers = s->timers_high * sizeof(s->timers[0]);
    char *to = buf;

    if (!quiet(s) || cap < sizeof(head) + tasks + timers)
        return 0;
    memcpy(head.timer_live, s->timer_live, sizeof(head.timer_live));
    memcpy(to, &head, sizeof(head));
    memcpy(to + sizeof(head), s->tasks, tasks);
    memcpy(to + sizeof(head) + tasks, s->timers, timers);
    return sizeof(head) + tasks + timers;
}

void wrg_sched_restore(struct wrg_sched *s, const void *buf)
{
    struct snapshot head;
    const char *from = buf;
    size_t tasks;

    WRG_ASSERT(s->engine == WRG_ENGINE_FIBER && !s->cur);
    wrg_sched_fiber_unwind(s);
    memcpy(&head, from, sizeof(head));
    tasks = head.tasks_high * sizeof(s->tasks[0]);
    for (uint32_t id = head.tasks_high; id < s->tasks_high; id++)
        s->tasks[id].state = WRG_TASK_FREE;
    memcpy(s->tasks, from + sizeof(head), tasks);
    memcpy(s->timers, from + sizeof(head) + tasks, head.timers_high * sizeof(s->timers[0]));
    memcpy(s->timer_live, head.timer_live, sizeof(s->timer_live));
    memset(&s->ready, 0, sizeof(s->ready));
    memset(&s->timed, 0, sizeof(s->timed));
    s->tasks_high = head.tasks_high;
    s->timers_high = head.timers_high;
    s->timers_made = head.timers_made;
    s->ready_count = 0;
    s->now_ns = head.now_ns;
    s->resume = WRG_TASK_NONE;
    s->stopped = false;
}
