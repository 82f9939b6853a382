/* SPDX-License-Identifier: MIT */
/*
 * Tasks, wait and wake, a virtual clock, and the choice of who runs next; two engines.
 *
 * Layer: sched. It knows nothing of Xen: a section is a number, an actor a byte.
 * Shapes: a task id is a small int, 0 .. tasks-1, reused after a task has exited. An actor is
 *   role << 4 | index, the index being the lowest that is free in that role when the task is
 *   created; tasks with an index above 15 cannot be named by a preempt.
 *   A plain task runs fn once and exits. A worker runs fn once for each wake since fn last
 *   started (a wake while fn runs: once more), and between runs stands parked with no frame of fn
 *   on its stack; that is what makes a snapshot of a quiet world possible.
 * Bounds: WRG_SCHED_TASKS, WRG_SCHED_TIMERS. Stacks are mapped when a slot is first used and kept
 *   until wrg_sched_fini; after that nothing allocates.
 * Units: the clock is virtual, in ns; it moves only when no task is runnable. A step is one
 *   preemption point of any task; an event is a point counted from the start of its section, so
 *   that the first point in a section is event 1.
 * Threads: fiber engine: everything in the thread that calls wrg_sched_run. Thread engine: as many
 *   pthreads as tasks, each for its own task, or for any with `share`; wait, wake, timers and
 *   create are thread-safe, and no lock is held while fn runs. There, steps, budgets in steps,
 *   alarms, strategies, preempts and snapshots do not apply.
 * Errors: -ENOSPC and -ENOMEM from create and timer_set; misuse is WRG_ASSERT.
 * Source of the design: sticky scheduling and keyed deviations (task, section, event).
 * Left out: store buffers as actors; priorities (PCT, POS).
 */
#ifndef WRG_SCHED_SCHED_H
#define WRG_SCHED_SCHED_H

#include "base/base.h"
#include "base/choice.h"

#define WRG_SCHED_TASKS   96  /* 12 queues with several tasks each, and a neighbour */
#define WRG_SCHED_TIMERS  192 /* two a task */
#define WRG_SCHED_FOREVER UINT64_MAX
#define WRG_TASK_NONE     (-1)
#define WRG_ACTOR_NONE    0xffu

enum wrg_engine { WRG_ENGINE_FIBER, WRG_ENGINE_THREAD };

/* Numbers are those of the op `sched`. */
enum wrg_strategy {
    WRG_STRATEGY_STAY,        /* run on until blocked; then the lowest runnable id */
    WRG_STRATEGY_STICKY,      /* run on; with p = 1/8, and when blocked, any runnable task */
    WRG_STRATEGY_ROUND_ROBIN, /* the next runnable id at every point */
};

/* Kinds of preemption points. The point stands before the action. */
enum wrg_point {
    WRG_POINT_LOAD,
    WRG_POINT_STORE,
    WRG_POINT_FENCE,
    WRG_POINT_CALL, /* hypercall, event send, store access */
    WRG_POINT_LOCK,
    WRG_POINT_UNLOCK,
    WRG_POINT_DISK,
    WRG_POINT_BLOCK, /* made by wait, and at the end of fn */
    WRG_POINT_YIELD, /* made by yield */
};

enum wrg_sched_end {
    WRG_SCHED_IDLE,        /* nothing runnable, only housekeeping timers left */
    WRG_SCHED_BUDGET,      /* budget_steps spent, or the real-time deadline passed */
    WRG_SCHED_TASK_BUDGET, /* task `guilty` made too many points between two waits */
    WRG_SCHED_STOPPED,     /* a task called wrg_sched_stop: reset before the next run */
    WRG_SCHED_ALARM,       /* the alarm's step is reached; act, then run again */
};

struct wrg_task_args {
    void (*fn)(void *arg);
    void *arg;
    const char *name; /* borrowed: outlives the task */
    uint8_t role;     /* 0 .. 15 */
    bool worker;
    bool housekeeping; /* its timed waits do not keep the world busy */
};

struct wrg_timer_args {
    int task; /* to wake */
    uint64_t deadline_ns;
    bool housekeeping;
};

/* A keyed preemption: at that event the task yields to `to`, unless that is not runnable. */
struct wrg_sched_preempt {
    uint32_t section;
    uint32_t event; /* from 1 */
    uint8_t task;   /* actors */
    uint8_t to;
    bool fired; /* out: false after the run means a dead op */
};

struct wrg_sched_limits {
    enum wrg_engine engine;
    uint32_t tasks;     /* 0: WRG_SCHED_TASKS */
    size_t stack_bytes; /* 0: 64 KiB, 256 KiB where ASan is in the program */
};

struct wrg_sched_run {
    enum wrg_strategy strategy;
    uint64_t seed;             /* of the choices, where `choice` is NULL */
    struct wrg_choice *choice; /* borrowed for the run */
    struct wrg_sched_preempt *preempts;
    size_t preempts_count;
    struct wrg_sched_preempt *log; /* deviations from `stay` are written here, or NULL */
    size_t log_cap;
    uint64_t budget_steps;       /* 0: none */
    uint64_t budget_task_points; /* of one task between two waits; 0: none */
    double deadline_seconds;     /* thread engine: real time a wrg_sched_run may take; 0: none */
    uint32_t spin;               /* thread engine: more looks for a wake before a task sleeps */
    bool share;                  /* thread engine: a pthread runs whatever is ready */
    bool points_off;             /* points do nothing (benchmarks) */
};

enum wrg_task_state {
    WRG_TASK_FREE,
    WRG_TASK_PARKED,  /* a worker at its base */
    WRG_TASK_READY,   /* runnable, or running */
    WRG_TASK_WAITING, /* in wrg_sched_wait */
    WRG_TASK_DEAD,    /* killed: never runs again in this run */
};

/* All of a task that a snapshot keeps; plain data. */
struct wrg_task {
    void (*fn)(void *arg);
    void *arg;
    const char *name;
    uint64_t deadline_ns;  /* of a timed wait */
    uint64_t points;       /* made so far */
    uint64_t watch;        /* the value of points at which somebody must look */
    uint64_t points_limit; /* too much work */
    uint64_t section_base; /* points when the section was opened */
    uint32_t section;
    uint8_t id; /* its place in `tasks` */
    uint8_t state;
    uint8_t role;
    uint8_t index;
    uint8_t actor;
    uint8_t voice; /* whom it speaks for: a number that its creator had, and that it may change */
    bool worker;
    bool housekeeping;
    bool pending; /* a wake nobody has consumed */
    bool retired; /* its slot is free once fn has returned */
};

struct wrg_timer {
    uint64_t deadline_ns;
    int id;
    int16_t task;
    bool housekeeping;
};

struct wrg_task_set {
    uint64_t word[2];
};

struct wrg_sched {
    /* read at every point */
    uint32_t points_on;
    uint32_t ready_count;
    struct wrg_task *cur; /* NULL in the controller */
    uint32_t stamp; /* engine fiber: id and voice of who runs, as the head of an event has them */
    uint64_t steps; /* since begin */
    uint64_t calm_until; /* of steps: before it nobody chooses or looks while cur runs; or 0 */
    uint64_t stop_at;    /* min of alarm and budget */
    enum wrg_strategy strategy;
    enum wrg_point point; /* that had to be looked at last */

    /* free to read; the budget is free to be raised while a run goes on, by += */
    uint64_t budget_steps;
    uint64_t now_ns;
    int guilty; /* TASK_BUDGET */
    size_t log_count;

    /* private to sim/sched */
    enum wrg_engine engine;
    enum wrg_sched_end end;
    bool stopped;
    bool unwinding;
    bool closing;
    uint8_t voice; /* of the controller */
    int resume;    /* the task that stood when an alarm or budget ended run */
    uint32_t tasks_max;
    uint32_t tasks_high; /* no live task at or above */
    size_t stack_bytes;
    uint64_t alarm_at;
    struct wrg_task_set ready;
    struct wrg_task_set timed;  /* waits with a deadline */
    struct wrg_task_set frames; /* fibers that are not at their base */
    uint64_t timer_live[WRG_SCHED_TIMERS / 64];
    uint32_t timers_high;
    uint32_t timers_made; /* makes the ids of a run unique */
    struct wrg_sched_run run;
    struct wrg_choice own_choice;
    struct wrg_task tasks[WRG_SCHED_TASKS];
    struct wrg_timer timers[WRG_SCHED_TIMERS];
    struct wrg_sched_fibers *fibers;   /* engine fiber */
    struct wrg_sched_threads *threads; /* engine thread */
};

/* ---- life ---- */
WRG_MUST_USE int wrg_sched_init(struct wrg_sched *s, const struct wrg_sched_limits *limits);
void wrg_sched_fini(struct wrg_sched *s);
/*
 * Ends the world: unwinds suspended fibers (joins threads), forgets all tasks, timers and the
 * clock. Stacks are kept. Legal after any end of run, and before the first.
 */
void wrg_sched_reset(struct wrg_sched *s);
/*
 * Sets strategy, preempts and budgets, and steps to 0; tasks, clock, timers and sections stay.
 * `run` is copied, its arrays are borrowed until the next begin or reset; preempts[].fired is
 * cleared. Not while a task runs.
 */
void wrg_sched_begin(struct wrg_sched *s, const struct wrg_sched_run *run);
/* Strategy `stay` and no more preempts, for the phase in which everything must drain. */
void wrg_sched_liveness(struct wrg_sched *s);

/* ---- controller ---- */
WRG_MUST_USE enum wrg_sched_end wrg_sched_run(struct wrg_sched *s);
/* run returns ALARM once steps >= step. UINT64_MAX: no alarm. From anywhere. */
void wrg_sched_alarm(struct wrg_sched *s, uint64_t step);
/* A domain died: its tasks never run again, its timers are gone. From controller or any task. */
void wrg_sched_kill_role(struct wrg_sched *s, uint8_t role);
/*
 * Snapshot, fiber engine only, from the controller. save returns the bytes it took, 0 if the
 * world is not quiet (a task is runnable, waiting inside fn, or killed), the engine is the thread
 * engine, or cap is too small (WRG_SCHED_SAVE_MAX always suffices). restore unwinds what stands
 * suspended. Kept: tasks, timers, clock, sections. Not kept: what begin sets.
 */
size_t wrg_sched_save(const struct wrg_sched *s, void *buf, size_t cap);
void wrg_sched_restore(struct wrg_sched *s, const void *buf);
#define WRG_SCHED_SAVE_MAX                                                                         \
    (128 + WRG_SCHED_TASKS * sizeof(struct wrg_task) + WRG_SCHED_TIMERS * sizeof(struct wrg_timer))

/* ---- from anywhere ---- */
/* The task's id, or -ENOSPC, -ENOMEM. A plain task is runnable at once, a worker parked. */
WRG_MUST_USE int wrg_sched_task_create(struct wrg_sched *s, const struct wrg_task_args *args);
/*
 * A worker that shall not run again: its slot is free at once, or, if fn is on its stack (the
 * caller may be the worker itself), when fn has returned.
 */
void wrg_sched_task_retire(struct wrg_sched *s, int task);
/* Wakes are remembered, not counted. Not a preemption point. A dead or free task: no effect. */
void wrg_sched_wake(struct wrg_sched *s, int task);
/* A timer's id (>= 0), or -ENOSPC. Fires once, then it is gone. */
WRG_MUST_USE int wrg_sched_timer_set(struct wrg_sched *s, const struct wrg_timer_args *args);
/* An id that has fired, or was cancelled, is ignored. */
void wrg_sched_timer_cancel(struct wrg_sched *s, int timer);
uint64_t wrg_sched_now(const struct wrg_sched *s);
/* The running task's id, WRG_TASK_NONE in the controller. */
int wrg_sched_current(const struct wrg_sched *s);
/*
 * Whom the caller speaks for from now on, a task or the controller; tasks that it creates do so
 * too. A number without a meaning here, 0 at first. Returns what it was.
 */
uint8_t wrg_sched_speak(struct wrg_sched *s, uint8_t voice);
/* The task that stood when an alarm or a budget ended run, or WRG_TASK_NONE. */
static inline int wrg_sched_stood(const struct wrg_sched *s)
{
    return s->resume;
}
/* So many more tasks can be made. */
uint32_t wrg_sched_tasks_left(struct wrg_sched *s);
/* The task an actor byte names, or WRG_TASK_NONE. Thread engine: only while no run goes on. */
int wrg_sched_find(const struct wrg_sched *s, uint8_t actor);

/*
 * ---- from inside a task ----
 *
 * These, a point, and kill_role may switch to other tasks, and may not return at all when the run
 * is stopped or the task killed (threads) or the world reset (fibers): no lock of the simulator
 * may be held around them. The calls above never switch and always return.
 */
/*
 * 0: a wake was consumed. -ETIMEDOUT: timeout_ns of virtual time passed without one.
 * WRG_SCHED_FOREVER: no timeout. 0: only looks.
 */
WRG_MUST_USE int wrg_sched_wait(struct wrg_sched *s, uint64_t timeout_ns);
/* The next runnable task goes first. */
void wrg_sched_yield(struct wrg_sched *s);
/* Opens a section of the running task: its events count from 1 again. No-op in the controller. */
static inline void wrg_sched_section(struct wrg_sched *s, uint32_t section);
/*
 * No other task runs until unpause: what has to happen to a world in one piece happens between the
 * two. Tasks that are killed meanwhile have left when kill_role returns. Fiber engine: nothing, for
 * nobody else runs before the caller's next point.
 */
void wrg_sched_pause(struct wrg_sched *s);
void wrg_sched_unpause(struct wrg_sched *s);
/* As if fn returned. */
WRG_NORETURN void wrg_sched_exit(struct wrg_sched *s);
/* A finding ends the run: run returns STOPPED, and this task never goes on. */
WRG_NORETURN void wrg_sched_stop(struct wrg_sched *s);

void wrg_sched_point_slow(struct wrg_sched *s, enum wrg_point kind);

/* A point, if there is nothing to choose and nobody must look; false: it is still to be made. */
static inline bool wrg_sched_pass(struct wrg_sched *s)
{
    if (WRG_LIKELY(s->steps + 1 < s->calm_until)) {
        s->steps++;
        s->cur->points++;
        return true;
    }
    return false;
}

/* A preemption point; stands before the action. In the controller it does nothing. */
static inline void wrg_sched_point(struct wrg_sched *s, enum wrg_point kind)
{
    if (WRG_UNLIKELY(!wrg_sched_pass(s)))
        wrg_sched_point_slow(s, kind);
}

/* On threads, where a preempt may stand, and outside of tasks. */
void wrg_sched_section_slow(struct wrg_sched *s, uint32_t section);

static inline void wrg_sched_section(struct wrg_sched *s, uint32_t section)
{
    struct wrg_task *t = s->cur; /* NULL on threads */

    if (WRG_UNLIKELY(!t || s->run.preempts_count)) {
        wrg_sched_section_slow(s, section);
        return;
    }
    t->section = section;
    t->section_base = t->points;
}

/* Points the task has made since it opened its section. */
static inline uint32_t wrg_task_event(const struct wrg_task *t)
{
    return (uint32_t)(t->points - t->section_base);
}

#endif
