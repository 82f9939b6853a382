/* SPDX-License-Identifier: MIT */
/*
 * What the files of the thread engine share. Layer: sched, run_thread.c and thread_jobs.c only.
 *
 * There are as many pthreads as tasks. One without a task stands at its base; a task that has begun
 * stays with its pthread until fn returns. Which pthread begins a task: the one of the same number,
 * or, where the run says `share`, whichever has nothing to do. A task that nobody runs leaves a
 * pthread over, so that whatever is ready can begin.
 */
#ifndef WRG_SCHED_THREAD_IMPL_H
#define WRG_SCHED_THREAD_IMPL_H

#include <pthread.h>
#include <setjmp.h>

#include "sched/sched_impl.h"

enum { WRG_FEW_LOOKS = 4 };

struct wrg_thread {
    pthread_t pthread;
    pthread_cond_t cond;
    jmp_buf base;
    struct wrg_sched *s;
    int id;   /* its place in `threads` */
    int task; /* that it runs, or WRG_TASK_NONE */
    int last; /* that it ran */
    bool made;
    bool still; /* waits for the engine, whatever its task is doing */
};

struct wrg_sched_threads {
    pthread_mutex_t lock;
    pthread_cond_t controller;
    pthread_key_t key; /* of the running task's struct wrg_thread */
    bool going;        /* a run is on */
    bool stopping;     /* every task is to leave; read without the lock */
    bool quitting;     /* every pthread is to end */
    bool pausing;      /* every task but one is to stand still; read without the lock */
    int pauser;        /* which one */
    uint32_t points_before;
    pthread_cond_t stillness; /* something stands still that did not */

    uint32_t processors;
    uint32_t awake;           /* pthreads that do not wait for the engine */
    uint32_t looking;         /* of them: those without a task, which look for one */
    struct wrg_task_set idle; /* pthreads at their base that nobody has called */
    struct wrg_task_set
        unbegun; /* of the ready tasks: those of no pthread; read without the lock */
    int runner[WRG_SCHED_TASKS]; /* a task's pthread, or WRG_TASK_NONE */
    struct wrg_thread threads[WRG_SCHED_TASKS];
};

static inline bool wrg_thread_is_stopping(const struct wrg_sched *s)
{
    return __atomic_load_n(&s->threads->stopping, __ATOMIC_RELAXED);
}

static inline bool wrg_thread_must_leave(const struct wrg_sched *s, int task)
{
    return wrg_thread_is_stopping(s) || wrg_task_state(&s->tasks[task]) == WRG_TASK_DEAD;
}

static inline bool wrg_thread_take_pending(struct wrg_task *t)
{
    return __atomic_exchange_n(&t->pending, false, __ATOMIC_ACQ_REL);
}

/* Under the lock: nobody is to count on this pthread to be running. */
void wrg_thread_stand(struct wrg_thread *self);

/* ---- thread_jobs.c ---- */
/* Under the lock: who goes to sleep leaves a processor to what is ready. */
void wrg_thread_call_next(struct wrg_sched *s);
/* Under the lock: what is ready has waited for long, though there seem to be no processors left. */
void wrg_thread_call_late(struct wrg_sched *s);
/* Under the lock: a task that is to leave is gone. */
void wrg_thread_die(struct wrg_sched *s, int task);
/* The next task has begun; false: the pthread is to end. */
WRG_MUST_USE bool wrg_thread_begin_job(struct wrg_thread *self);
void wrg_thread_end_job(struct wrg_thread *self);

#endif
