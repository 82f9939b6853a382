/* SPDX-License-Identifier: MIT */
#include "sched/fiber.h"
#include "sched/sched_impl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>

/*
 * The fiber engine: one task runs at a time, and hands over to the next by itself; the controller
 * is reached only when nothing is runnable, or a limit is met.
 *
 * Fibers belong to slots, not to tasks, and live until fini: a fiber loops over the jobs of its
 * slot. Between jobs it stands at its base with no frame of fn below it. A run that ends with
 * suspended frames is cleaned up by resuming each with `unwinding` set, on which it longjmps to
 * its base: starting fibers afresh would cost 50 times as much with ASan's fake stacks, and
 * abandoning them would leak.
 */
struct slot {
    struct wrg_fiber fiber;
    jmp_buf base;
    struct wrg_sched *s;
    int id;
    bool made;
    bool started;
    bool abandoned; /* its frames are of a dead task, and its next job is another's */
};

struct wrg_sched_fibers {
    struct wrg_fiber controller;
    struct slot slots[WRG_SCHED_TASKS];
};

static void slot_main(void *arg);

int wrg_sched_fiber_init(struct wrg_sched *s)
{
    s->fibers = calloc(1, sizeof(*s->fibers));
    if (!s->fibers)
        return -ENOMEM;
    if (s->stack_bytes == 0)
        s->stack_bytes = wrg_fiber_default_stack();
    return 0;
}

int wrg_sched_fiber_prepare(struct wrg_sched *s, int id)
{
    struct slot *slot = &s->fibers->slots[id];
    int rc;

    slot->abandoned = wrg_set_has(&s->frames, id);
    if (slot->made)
        return 0;
    slot->s = s;
    slot->id = id;
    rc = wrg_fiber_init(&slot->fiber, slot_main, slot, s->stack_bytes);
    slot->made = rc == 0;
    return rc;
}

void wrg_sched_fiber_fini(struct wrg_sched *s)
{
    struct wrg_sched_fibers *fibers = s->fibers;

    wrg_fiber_adopt(&fibers->controller);
    s->closing = true;
    for (uint32_t id = 0; id < s->tasks_max; id++) {
        struct slot *slot = &fibers->slots[id];

        if (!slot->made)
            continue;
        if (slot->started) /* let it return, which frees ASan's fake stack */
            wrg_fiber_switch(&fibers->controller, &slot->fiber);
        wrg_fiber_fini(&slot->fiber);
    }
    free(fibers);
    s->fibers = NULL;
}

/* ---- switching ---- */

static void enter(struct wrg_sched *s, struct wrg_fiber *from, int id)
{
    s->cur = &s->tasks[id];
    wrg_sched_disturb(s);
    wrg_sched_restamp(s);
    wrg_fiber_switch(from, &s->fibers->slots[id].fiber);
}

static void to_controller(struct wrg_sched *s, struct slot *slot)
{
    s->cur = NULL;
    wrg_sched_disturb(s);
    wrg_sched_restamp(s);
    wrg_fiber_switch(&slot->fiber, &s->fibers->controller);
}

/* Suspended frames of fn come back to life here, or not at all. */
static void back_in_task(struct wrg_sched *s, struct slot *slot)
{
    if (WRG_UNLIKELY(s->unwinding || slot->abandoned))
        longjmp(slot->base, 1);
}

/* From within fn: control to the controller, saying why; returns when the task is resumed. */
static void report(struct wrg_sched *s, int id, enum wrg_sched_end end)
{
    struct slot *slot = &s->fibers->slots[id];

    s->end = end;
    s->resume = id;
    to_controller(s, slot);
    back_in_task(s, slot);
}

/* Somebody to run, after moving the clock if need be; NONE when the world is quiet. */
static int somebody(struct wrg_sched *s)
{
    while (s->ready_count == 0)
        if (!wrg_sched_clock_jump(s))
            return WRG_TASK_NONE;
    return wrg_set_from(&s->ready, 0);
}

/* Leaves the running fiber for `to` (NONE: quiet). Returns when it is entered again. */
static void hand_over(struct wrg_sched *s, struct slot *slot, int to)
{
    if (to == slot->id)
        return;
    if (to >= 0) {
        enter(s, &slot->fiber, to);
        return;
    }
    s->end = WRG_SCHED_IDLE;
    s->resume = WRG_TASK_NONE;
    to_controller(s, slot);
}

/* The running task is not runnable any more. */
static void leave(struct wrg_sched *s, struct slot *slot, bool due)
{
    int to = somebody(s);

    if (to >= 0)
        to = wrg_sched_choose(s, &s->tasks[slot->id], to, due);
    hand_over(s, slot, to);
}

/* ---- counting ---- */

/* A limit is met: the controller is told, and may raise it, or act, and go on. */
static void meet_limit(struct wrg_sched *s, int id)
{
    bool alarm = s->steps >= s->alarm_at;

    if (!alarm && s->steps < s->budget_steps) { /* it was raised meanwhile */
        wrg_sched_alarm(s, s->alarm_at);
        return;
    }
    if (alarm)
        s->alarm_at = UINT64_MAX;
    s->stop_at = wrg_min_u64(s->alarm_at, s->budget_steps);
    wrg_sched_disturb(s);
    report(s, id, alarm ? WRG_SCHED_ALARM : WRG_SCHED_BUDGET);
    wrg_sched_alarm(s, s->alarm_at);
}

static void renew_limit(struct wrg_sched *s, struct wrg_task *t)
{
    if (s->run.budget_task_points == 0)
        return;
    t->points_limit = t->points + s->run.budget_task_points;
    wrg_sched_watch(s, t);
}

/* True: a preempt may stand at this event. */
static bool meet_watch(struct wrg_sched *s, struct wrg_task *t)
{
    uint64_t at = t->watch;

    if (t->points >= t->points_limit) {
        int id = (int)(t - s->tasks);

        s->guilty = id;
        report(s, id, WRG_SCHED_TASK_BUDGET);
        renew_limit(s, t);
    }
    wrg_sched_watch(s, t);
    return t->points >= at;
}

/* One step of the running task. True: a preempt may stand at this event. */
static inline bool count(struct wrg_sched *s, struct wrg_task *t)
{
    s->steps++;
    t->points++;
    while (WRG_UNLIKELY(s->steps >= s->stop_at))
        meet_limit(s, (int)(t - s->tasks));
    return WRG_UNLIKELY(t->points >= t->watch) && meet_watch(s, t);
}

static void switch_if_chosen(struct wrg_sched *s, struct wrg_task *t, int by_default, bool due)
{
    int id = (int)(t - s->tasks);
    int to = wrg_sched_choose(s, t, by_default, due);

    if (to == id)
        return;
    hand_over(s, &s->fibers->slots[id], to);
    back_in_task(s, &s->fibers->slots[id]);
}

/* For how long there is nothing to choose, and no limit is near. */
static inline void calm_down(struct wrg_sched *s, const struct wrg_task *t)
{
    if (s->strategy == WRG_STRATEGY_STAY || s->ready_count == 1)
        s->calm_until = s->steps + wrg_min_u64(s->stop_at - s->steps, t->watch - t->points);
}

/* ---- what tasks call ---- */

void wrg_sched_point_slow(struct wrg_sched *s, enum wrg_point kind)
{
    struct wrg_task *t = s->cur;
    bool due;

    if (!__atomic_load_n(&s->points_on, __ATOMIC_RELAXED))
        return;
    if (WRG_UNLIKELY(s->engine == WRG_ENGINE_THREAD)) {
        wrg_sched_thread_check(s);
        return;
    }
    s->point = kind;
    due = count(s, t);
    calm_down(s, t);
    if (WRG_LIKELY(s->ready_count == 1))
        return;
    if (due || s->strategy != WRG_STRATEGY_STAY)
        switch_if_chosen(s, t, (int)(t - s->tasks), due);
}

int wrg_sched_fiber_wait(struct wrg_sched *s, uint64_t timeout_ns)
{
    struct wrg_task *t = s->cur;
    int id = (int)(t - s->tasks);
    bool due;
    int rc;

    WRG_ASSERT(t);
    s->point = WRG_POINT_BLOCK;
    due = count(s, t);
    if (t->pending || timeout_ns == 0) {
        switch_if_chosen(s, t, id, due);
    } else {
        wrg_sched_unready(s, id, WRG_TASK_WAITING);
        if (timeout_ns != WRG_SCHED_FOREVER) {
            t->deadline_ns = s->now_ns + wrg_min_u64(timeout_ns, UINT64_MAX - 1 - s->now_ns);
            wrg_set_add(&s->timed, id);
        }
        leave(s, &s->fibers->slots[id], due);
        back_in_task(s, &s->fibers->slots[id]);
    }
    rc = t->pending ? 0 : -ETIMEDOUT;
    t->pending = false;
    renew_limit(s, t);
    return rc;
}

void wrg_sched_fiber_yield(struct wrg_sched *s)
{
    struct wrg_task *t = s->cur;
    int next;
    bool due;

    WRG_ASSERT(t);
    s->point = WRG_POINT_YIELD;
    due = count(s, t);
    next = wrg_set_from(&s->ready, (int)(t - s->tasks) + 1);
    if (next < 0)
        next = wrg_set_from(&s->ready, 0);
    switch_if_chosen(s, t, next, due);
}

void wrg_sched_fiber_exit(struct wrg_sched *s)
{
    WRG_ASSERT(s->cur);
    longjmp(s->fibers->slots[s->cur - s->tasks].base, 1);
}

void wrg_sched_fiber_stop(struct wrg_sched *s)
{
    WRG_ASSERT(s->cur);
    s->stopped = true;
    report(s, (int)(s->cur - s->tasks), WRG_SCHED_STOPPED);
    __builtin_unreachable(); /* only unwinding resumes it */
}

void wrg_sched_fiber_leave_dead(struct wrg_sched *s)
{
    struct slot *slot = &s->fibers->slots[s->cur - s->tasks];

    hand_over(s, slot, somebody(s));
    back_in_task(s, slot);
    __builtin_unreachable();
}

/* ---- jobs ---- */

static void do_job(struct slot *slot)
{
    struct wrg_task *t = &slot->s->tasks[slot->id];

    slot->abandoned = false;
    wrg_set_add(&slot->s->frames, slot->id);
    if (t->worker)
        t->pending = false;
    t->fn(t->arg);
}

/* fn is done: what becomes of the task, and who is next. */
static void end_job(struct wrg_sched *s, struct slot *slot)
{
    struct wrg_task *t = &s->tasks[slot->id];
    bool due;

    s->point = WRG_POINT_BLOCK;
    due = count(s, t);
    renew_limit(s, t);
    if (t->worker && t->pending && !t->retired) { /* once more, but others may go first */
        int to = wrg_sched_choose(s, t, slot->id, due);

        hand_over(s, slot, to);
        if (s->unwinding || !t->retired)
            return;
    }
    if (t->worker && !t->retired)
        wrg_sched_unready(s, slot->id, WRG_TASK_PARKED);
    else
        wrg_sched_free_task(s, slot->id);
    wrg_set_del(&s->frames, slot->id);
    leave(s, slot, due);
}

/* At the base. False: the fiber is to end. */
static bool next_job(struct slot *slot)
{
    struct wrg_sched *s = slot->s;

    if (!s->unwinding && !slot->abandoned)
        end_job(s, slot);
    while (s->unwinding) {
        wrg_set_del(&s->frames, slot->id);
        to_controller(s, slot);
    }
    return !s->closing;
}

static void slot_main(void *arg)
{
    struct slot *slot = arg;

    slot->started = true;
    if (setjmp(slot->base) == 0)
        do_job(slot);
    /* Jobs that end early (exit, unwinding) land here too. */
    while (next_job(slot))
        do_job(slot);
}

/* ---- controller ---- */

static int first_to_run(struct wrg_sched *s)
{
    int id = s->resume;

    s->resume = WRG_TASK_NONE;
    if (id >= 0 && s->tasks[id].state == WRG_TASK_READY)
        return id;
    return somebody(s);
}

enum wrg_sched_end wrg_sched_fiber_run(struct wrg_sched *s)
{
    int id = first_to_run(s);

    if (id < 0)
        return WRG_SCHED_IDLE;
    wrg_fiber_adopt(&s->fibers->controller);
    s->points_on = !s->run.points_off;
    enter(s, &s->fibers->controller, id);
    s->points_on = 0;
    return s->end;
}

void wrg_sched_fiber_unwind(struct wrg_sched *s)
{
    if (wrg_set_empty(&s->frames))
        return;
    wrg_fiber_adopt(&s->fibers->controller);
    s->unwinding = true;
    for (int id = wrg_set_from(&s->frames, 0); id >= 0; id = wrg_set_from(&s->frames, id + 1))
        wrg_fiber_switch(&s->fibers->controller, &s->fibers->slots[id].fiber);
    s->unwinding = false;
    WRG_ASSERT(wrg_set_empty(&s->frames));
}
