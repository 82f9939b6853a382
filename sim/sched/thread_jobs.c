/* SPDX-License-Identifier: MIT */
/*
 * Which pthread runs which task.
 *
 * With `share`, a pthread whose task has nothing to do runs another's instead of leaving its
 * processor to that one's pthread: a switch of the kernel's costs more than a small request. Of the
 * pthreads without a task one looks for something to begin, and finds it without a system call;
 * the others sleep. Nobody is called for as long as all processors have something to do: who is
 * done first takes what is there, and the controller looks after what is left for too long.
 */
#include <sched.h>

#include "sched/thread_impl.h"

/* ---- the tasks of no pthread ---- */

/* Written under the lock only. */
static void set_unbegun(struct wrg_sched_threads *all, int task, bool is)
{
    uint64_t *word = &all->unbegun.word[task >> 6];
    uint64_t bit = UINT64_C(1) << (task & 63);

    __atomic_store_n(word, is ? *word | bit : *word & ~bit, __ATOMIC_RELAXED);
}

/* Whether something is ready that self may begin; without the lock, and so without `run`. */
static bool has_prospects(const struct wrg_thread *self, bool share)
{
    const struct wrg_sched_threads *all = self->s->threads;
    const struct wrg_task_set now = {
        { __atomic_load_n(&all->unbegun.word[0], __ATOMIC_RELAXED),
          __atomic_load_n(&all->unbegun.word[1], __ATOMIC_RELAXED) },
    };

    return share ? !wrg_set_empty(&now) : wrg_set_has(&now, self->id);
}

/* Its own pthread begins a task, where that is not held up in another's. */
static bool may_begin(const struct wrg_thread *self, int task)
{
    const struct wrg_thread *own = &self->s->threads->threads[task];

    return self->s->run.share || own == self || own->task != WRG_TASK_NONE;
}

void wrg_sched_thread_unready(struct wrg_sched *s, int task)
{
    set_unbegun(s->threads, task, false);
    if (s->ready_count == 0)
        (void)pthread_cond_signal(&s->threads->controller);
}

bool wrg_sched_thread_runs(const struct wrg_sched *s, int task)
{
    return s->threads->runner[task] != WRG_TASK_NONE;
}

void wrg_thread_die(struct wrg_sched *s, int task)
{
    if (wrg_set_has(&s->ready, task))
        wrg_sched_unready(s, task, WRG_TASK_DEAD);
}

/* ---- calling ---- */

/* Wakes a pthread at its base, if there is one: this, or any. */
static void call_thread(struct wrg_sched_threads *all, int id)
{
    if (!wrg_set_has(&all->idle, id))
        id = wrg_set_from(&all->idle, 0);
    if (id < 0)
        return;
    wrg_set_del(&all->idle, id);
    (void)pthread_cond_signal(&all->threads[id].cond);
}

static void call_for(struct wrg_sched *s, int task)
{
    struct wrg_sched_threads *all = s->threads;
    bool comes = s->run.share
                     ? all->looking || all->awake >= all->processors
                     : !wrg_set_has(&all->idle, task) && all->threads[task].task == WRG_TASK_NONE;

    if (!comes)
        call_thread(all, task);
}

void wrg_sched_thread_ready(struct wrg_sched *s, int task)
{
    struct wrg_sched_threads *all = s->threads;

    if (all->runner[task] != WRG_TASK_NONE) {
        (void)pthread_cond_signal(&all->threads[all->runner[task]].cond);
        return;
    }
    set_unbegun(all, task, true);
    call_for(s, task);
}

void wrg_thread_call_next(struct wrg_sched *s)
{
    int task = wrg_set_from(&s->threads->unbegun, 0);

    if (s->run.share && task >= 0)
        call_for(s, task);
}

void wrg_thread_call_late(struct wrg_sched *s)
{
    int task = wrg_set_from(&s->threads->unbegun, 0);

    if (task >= 0)
        call_thread(s->threads, task);
}

/* ---- beginning ---- */

/* Whether self is to begin a ready task; one that will never run again goes at once. */
static bool suits(struct wrg_thread *self, int task)
{
    struct wrg_sched *s = self->s;

    if (wrg_thread_must_leave(s, task)) {
        wrg_thread_die(s, task);
        return false;
    }
    if (!s->threads->going || !may_begin(self, task))
        return false;
    if (!s->tasks[task].retired)
        return true;
    wrg_sched_free_task(s, task);
    return false;
}

/* In turn, beginning behind the one that it ran before. */
static int pick(struct wrg_thread *self)
{
    const struct wrg_task_set *unbegun = &self->s->threads->unbegun;

    for (int task = wrg_set_from(unbegun, self->last + 1); task >= 0;
         task = wrg_set_from(unbegun, task + 1))
        if (suits(self, task))
            return task;
    for (int task = wrg_set_from(unbegun, 0); task >= 0 && task <= self->last;
         task = wrg_set_from(unbegun, task + 1))
        if (suits(self, task))
            return task;
    return WRG_TASK_NONE;
}

/* Under the lock, which is dropped meanwhile: whatever was known before may have changed. */
static bool look_for_job(struct wrg_thread *self)
{
    struct wrg_sched *s = self->s;
    struct wrg_sched_threads *all = s->threads;

    if (!all->going || wrg_thread_is_stopping(s) || (s->run.share && all->looking))
        return false;
    uint32_t looks = WRG_FEW_LOOKS + s->run.spin;
    bool share = s->run.share;
    all->looking++;
    wrg_sched_unlock(s);
    for (uint32_t i = 0; i < looks; i++) {
        if (has_prospects(self, share) || wrg_thread_is_stopping(s))
            break;
        (void)sched_yield(); /* there may be fewer processors than tasks */
    }
    wrg_sched_lock(s);
    all->looking--;
    return true;
}

static void start(struct wrg_thread *self, int task)
{
    struct wrg_sched *s = self->s;

    set_unbegun(s->threads, task, false);
    s->threads->runner[task] = self->id;
    self->task = self->last = task;
    if (s->tasks[task].worker)
        (void)wrg_thread_take_pending(&s->tasks[task]);
    wrg_thread_call_next(s); /* there may be more than one */
}

static void sleep_at_base(struct wrg_thread *self)
{
    struct wrg_sched_threads *all = self->s->threads;

    wrg_set_add(&all->idle, self->id);
    wrg_thread_stand(self);
    wrg_set_del(&all->idle, self->id);
}

bool wrg_thread_begin_job(struct wrg_thread *self)
{
    struct wrg_sched *s = self->s;
    struct wrg_sched_threads *all = s->threads;
    int task = WRG_TASK_NONE;
    bool looked = false;

    wrg_sched_lock(s);
    while (!all->quitting && (task = pick(self)) == WRG_TASK_NONE) {
        looked = !looked && look_for_job(self);
        if (!looked)
            sleep_at_base(self);
    }
    if (task != WRG_TASK_NONE)
        start(self, task);
    wrg_sched_unlock(s);
    return task != WRG_TASK_NONE;
}

void wrg_thread_end_job(struct wrg_thread *self)
{
    struct wrg_sched *s = self->s;
    struct wrg_task *t = &s->tasks[self->task];
    int task = self->task;

    wrg_sched_lock(s);
    self->task = s->threads->runner[task] = WRG_TASK_NONE;
    if (wrg_thread_must_leave(s, task))
        wrg_thread_die(s, task);
    else if (!t->worker || t->retired)
        wrg_sched_free_task(s, task);
    else if (__atomic_load_n(&t->pending, __ATOMIC_ACQUIRE))
        set_unbegun(s->threads, task, true);
    else
        wrg_sched_unready(s, task, WRG_TASK_PARKED);
    wrg_sched_unlock(s);
}
