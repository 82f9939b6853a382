/* SPDX-License-Identifier: MIT */
#include "sched/sched_impl.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sched/thread_impl.h"

/*
 * The thread engine: tasks on pthreads, in real parallel; thread_jobs.c says which one runs where.
 * One lock guards states, timers and the clock; it is held for a few instructions, never while fn
 * runs, and a wake of a task that has one pending does not take it.
 *
 * `ready` is the set of tasks that run or could. When it is empty the world is quiet, for only a
 * running task can wake another; then the controller moves the clock or ends the run. Pthreads
 * exist from the first use of their slot until reset, and start jobs only while a run goes on.
 * Stop and kill are cooperative: a task leaves for its base at its next call, or at its next
 * point, which is why points are switched on then. `ready` holds it until that moment.
 *
 * One task may make all others stand still, for what has to be done to a world in one piece. They
 * do so where they would leave: at a call or a point, before they take any lock.
 */

/* Held for some tens of instructions: who finds it taken looks again before it sleeps. */
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#define ADAPTIVE PTHREAD_MUTEX_ADAPTIVE_NP
#else
#define ADAPTIVE PTHREAD_MUTEX_DEFAULT
#endif

/* With `share`: so long is what is ready left to processors that have something to do. */
#define LATE_SECONDS 0.001

static uint32_t processors(void)
{
    cpu_set_t allowed;

    return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? (uint32_t)CPU_COUNT(&allowed) : 1;
}

int wrg_sched_thread_init(struct wrg_sched *s)
{
    struct wrg_sched_threads *all = calloc(1, sizeof(*all));
    pthread_condattr_t monotonic;
    pthread_mutexattr_t adaptive;

    if (!all)
        return -ENOMEM;
    if (pthread_key_create(&all->key, NULL) != 0) {
        free(all);
        return -ENOMEM;
    }
    (void)pthread_mutexattr_init(&adaptive);
    (void)pthread_mutexattr_settype(&adaptive, ADAPTIVE);
    (void)pthread_mutex_init(&all->lock, &adaptive);
    (void)pthread_mutexattr_destroy(&adaptive);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&all->controller, &monotonic);
    (void)pthread_cond_init(&all->stillness, NULL);
    (void)pthread_condattr_destroy(&monotonic);
    for (size_t i = 0; i < WRG_ARRAY_LEN(all->threads); i++) {
        (void)pthread_cond_init(&all->threads[i].cond, NULL);
        all->runner[i] = WRG_TASK_NONE;
    }
    all->processors = processors();
    s->threads = all;
    return 0;
}

void wrg_sched_thread_fini(struct wrg_sched *s)
{
    struct wrg_sched_threads *all = s->threads;

    for (size_t i = 0; i < WRG_ARRAY_LEN(all->threads); i++)
        (void)pthread_cond_destroy(&all->threads[i].cond);
    (void)pthread_cond_destroy(&all->controller);
    (void)pthread_cond_destroy(&all->stillness);
    (void)pthread_mutex_destroy(&all->lock);
    (void)pthread_key_delete(all->key);
    free(all);
    s->threads = NULL;
}

void wrg_sched_lock(struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        (void)pthread_mutex_lock(&s->threads->lock);
}

void wrg_sched_unlock(struct wrg_sched *s)
{
    if (s->engine == WRG_ENGINE_THREAD)
        (void)pthread_mutex_unlock(&s->threads->lock);
}

static struct wrg_thread *self_of(const struct wrg_sched *s)
{
    return pthread_getspecific(s->threads->key);
}

int wrg_sched_thread_current(const struct wrg_sched *s)
{
    const struct wrg_thread *self = self_of(s);

    return self ? self->task : WRG_TASK_NONE;
}

/* ---- stopping ---- */

/* Under the lock. Every task that runs leaves at its next call or point. */
static void stop_all(struct wrg_sched *s)
{
    __atomic_store_n(&s->threads->stopping, true, __ATOMIC_RELAXED);
    __atomic_store_n(&s->threads->pausing, false, __ATOMIC_RELAXED);
    (void)pthread_cond_signal(&s->threads->stillness);
    __atomic_store_n(&s->points_on, 1, __ATOMIC_RELAXED);
    for (int id = wrg_set_from(&s->ready, 0); id >= 0; id = wrg_set_from(&s->ready, id + 1))
        wrg_sched_thread_ready(s, id);
}

WRG_NORETURN static void leave_for_base(struct wrg_thread *self)
{
    struct wrg_sched *s = self->s;

    wrg_sched_lock(s);
    wrg_thread_die(s, self->task);
    wrg_sched_unlock(s);
    longjmp(self->base, 1);
}

static bool must_stand(const struct wrg_sched *s, int id)
{
    const struct wrg_sched_threads *all = s->threads;

    return __atomic_load_n(&all->pausing, __ATOMIC_RELAXED) && all->pauser != id;
}

void wrg_thread_stand(struct wrg_thread *self)
{
    struct wrg_sched_threads *all = self->s->threads;

    self->still = true;
    all->awake--;
    if (all->pausing)
        (void)pthread_cond_signal(&all->stillness);
    if (all->going)
        wrg_thread_call_next(self->s);
    (void)pthread_cond_wait(&self->cond, &all->lock);
    all->awake++;
    self->still = false;
}

void wrg_sched_thread_check(struct wrg_sched *s)
{
    struct wrg_thread *self = self_of(s);

    if (!self)
        return;
    if (__atomic_load_n(&s->threads->pausing, __ATOMIC_RELAXED)) {
        wrg_sched_lock(s);
        while (must_stand(s, self->task) && !wrg_thread_must_leave(s, self->task))
            wrg_thread_stand(self);
        wrg_sched_unlock(s);
    }
    if (wrg_thread_must_leave(s, self->task))
        leave_for_base(self);
}

void wrg_sched_thread_stop(struct wrg_sched *s)
{
    struct wrg_thread *self = self_of(s);

    WRG_ASSERT(self);
    wrg_sched_lock(s);
    s->end = WRG_SCHED_STOPPED;
    stop_all(s);
    wrg_sched_unlock(s);
    leave_for_base(self);
}

/* ---- waiting ---- */

/*
 * What is woken again soon is spared two system calls, at the price of a busy processor. A few
 * looks are always worth it: a processor that has gone idle takes longer to come back.
 */
static void spin_for_wake(const struct wrg_sched *s, const struct wrg_task *t)
{
    for (uint32_t i = 0; i < WRG_FEW_LOOKS + s->run.spin; i++) {
        if (__atomic_load_n(&t->pending, __ATOMIC_RELAXED) || wrg_thread_is_stopping(s))
            return;
        (void)sched_yield(); /* there may be fewer processors than tasks */
    }
}

/* Under the lock: until there is a reason to run, the task is killed, or the pthread is to end. */
static void sleep_until_ready(struct wrg_thread *self)
{
    struct wrg_sched *s = self->s;
    struct wrg_sched_threads *all = s->threads;

    while (!all->quitting && wrg_task_state(&s->tasks[self->task]) != WRG_TASK_DEAD &&
           !(wrg_set_has(&s->ready, self->task) && (all->going || wrg_thread_is_stopping(s))))
        wrg_thread_stand(self);
}

int wrg_sched_thread_wait(struct wrg_sched *s, uint64_t timeout_ns)
{
    struct wrg_thread *self = self_of(s);
    struct wrg_task *t;
    bool woken;

    WRG_ASSERT(self);
    t = &s->tasks[self->task];
    wrg_sched_thread_check(s);
    woken = wrg_thread_take_pending(t);
    if (woken || timeout_ns == 0)
        return woken ? 0 : -ETIMEDOUT;
    spin_for_wake(s, t);
    wrg_sched_lock(s);
    woken = wrg_thread_take_pending(t);
    if (!woken && !wrg_thread_must_leave(s, self->task)) {
        wrg_sched_unready(s, self->task, WRG_TASK_WAITING);
        if (timeout_ns != WRG_SCHED_FOREVER) {
            t->deadline_ns = s->now_ns + wrg_min_u64(timeout_ns, UINT64_MAX - 1 - s->now_ns);
            wrg_set_add(&s->timed, self->task);
        }
        sleep_until_ready(self);
        woken = wrg_thread_take_pending(t);
    }
    wrg_sched_unlock(s);
    wrg_sched_thread_check(s);
    return woken ? 0 : -ETIMEDOUT;
}

void wrg_sched_thread_wake(struct wrg_sched *s, int id)
{
    struct wrg_task *t = &s->tasks[id];
    uint8_t state;

    if (wrg_task_state(t) == WRG_TASK_FREE)
        return;
    if (__atomic_exchange_n(&t->pending, true, __ATOMIC_ACQ_REL))
        return; /* whoever set it is waking the task, or it was awake */
    wrg_sched_lock(s);
    state = wrg_task_state(t);
    /* If it was consumed meanwhile, a wake now would look like a timeout. */
    if ((state == WRG_TASK_WAITING || state == WRG_TASK_PARKED) &&
        __atomic_load_n(&t->pending, __ATOMIC_RELAXED))
        wrg_sched_ready(s, id);
    wrg_sched_unlock(s);
}

void wrg_sched_thread_yield(struct wrg_sched *s)
{
    wrg_sched_thread_check(s);
    (void)sched_yield();
}

/* ---- pthreads ---- */

static void *thread_main(void *arg)
{
    struct wrg_thread *self = arg;

    const struct sched_param none = { 0 };

    (void)pthread_setspecific(self->s->threads->key, self);
    /* Else each task that is woken takes the processor from who woke it, after a single request. */
    (void)sched_setscheduler(0, SCHED_BATCH, &none);
    wrg_sched_lock(self->s);
    self->s->threads->awake++;
    wrg_sched_unlock(self->s);
    if (setjmp(self->base) != 0)
        wrg_thread_end_job(self); /* exit, stop and kill land here */
    while (wrg_thread_begin_job(self)) {
        struct wrg_task *t = &self->s->tasks[self->task];

        t->fn(t->arg);
        wrg_thread_end_job(self);
    }
    wrg_sched_lock(self->s);
    self->s->threads->awake--;
    wrg_sched_unlock(self->s);
    return NULL;
}

void wrg_sched_thread_exit(struct wrg_sched *s)
{
    struct wrg_thread *self = self_of(s);

    WRG_ASSERT(self);
    longjmp(self->base, 1);
}

int wrg_sched_thread_prepare(struct wrg_sched *s, int id)
{
    struct wrg_thread *self = &s->threads->threads[id];

    if (self->made)
        return 0;
    self->s = s;
    self->id = id;
    self->task = self->last = WRG_TASK_NONE;
    if (pthread_create(&self->pthread, NULL, thread_main, self) != 0)
        return -ENOMEM;
    self->made = true;
    return 0;
}

void wrg_sched_thread_join(struct wrg_sched *s)
{
    struct wrg_sched_threads *all = s->threads;

    wrg_sched_lock(s);
    all->quitting = true;
    stop_all(s);
    for (uint32_t id = 0; id < s->tasks_max; id++)
        if (all->threads[id].made)
            (void)pthread_cond_signal(&all->threads[id].cond);
    wrg_sched_unlock(s);
    for (uint32_t id = 0; id < s->tasks_max; id++) {
        if (all->threads[id].made)
            (void)pthread_join(all->threads[id].pthread, NULL);
        all->threads[id].made = false;
    }
    all->quitting = false;
    all->stopping = false;
    memset(&all->unbegun, 0, sizeof(all->unbegun)); /* what was ready is gone too */
    s->points_on = 0;
}

/* ---- standing still ---- */

/* Under the lock: does a task run that is not the caller's? */
static bool anybody_runs(const struct wrg_sched *s, int self)
{
    for (int id = wrg_set_from(&s->ready, 0); id >= 0; id = wrg_set_from(&s->ready, id + 1))
        if (id != self && wrg_sched_thread_runs(s, id) &&
            !s->threads->threads[s->threads->runner[id]].still)
            return true;
    return false;
}

void wrg_sched_thread_pause(struct wrg_sched *s)
{
    struct wrg_sched_threads *all = s->threads;
    struct wrg_thread *self = self_of(s);

    WRG_ASSERT(self);
    wrg_sched_thread_check(s); /* somebody else may pause */
    wrg_sched_lock(s);
    WRG_ASSERT(!all->pausing || wrg_thread_is_stopping(s));
    all->pauser = self->task;
    all->points_before = s->points_on;
    all->going = false;
    __atomic_store_n(&all->pausing, !wrg_thread_is_stopping(s), __ATOMIC_RELAXED);
    __atomic_store_n(&s->points_on, 1, __ATOMIC_RELAXED);
    while (!wrg_thread_is_stopping(s) && anybody_runs(s, self->task))
        (void)pthread_cond_wait(&all->stillness, &all->lock);
    wrg_sched_unlock(s);
    wrg_sched_thread_check(s);
}

void wrg_sched_thread_unpause(struct wrg_sched *s)
{
    struct wrg_sched_threads *all = s->threads;

    wrg_sched_lock(s);
    __atomic_store_n(&all->pausing, false, __ATOMIC_RELAXED);
    if (!wrg_thread_is_stopping(s)) {
        all->going = true;
        __atomic_store_n(&s->points_on, all->points_before, __ATOMIC_RELAXED);
    }
    for (int id = wrg_set_from(&s->ready, 0); id >= 0; id = wrg_set_from(&s->ready, id + 1))
        wrg_sched_thread_ready(s, id);
    wrg_sched_unlock(s);
}

/* Under the lock: a task that was killed has not left yet. */
static bool anybody_dies(const struct wrg_sched *s, int self)
{
    for (int id = wrg_set_from(&s->ready, 0); id >= 0; id = wrg_set_from(&s->ready, id + 1))
        if (id != self && wrg_task_state(&s->tasks[id]) == WRG_TASK_DEAD)
            return true;
    return false;
}

void wrg_sched_thread_bury(struct wrg_sched *s)
{
    struct wrg_sched_threads *all = s->threads;
    const struct wrg_thread *self = self_of(s);

    __atomic_store_n(&s->points_on, 1, __ATOMIC_RELAXED);
    if (!self || !all->pausing || all->pauser != self->task)
        return;
    all->points_before = 1;
    while (!wrg_thread_is_stopping(s) && anybody_dies(s, self->task))
        (void)pthread_cond_wait(&all->stillness, &all->lock);
}

/* ---- controller ---- */

static struct timespec from_now(double seconds)
{
    struct timespec at;
    int64_t ns;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    ns = at.tv_nsec + (int64_t)((seconds - (double)(int64_t)seconds) * 1e9);
    at.tv_sec += (time_t)seconds + (time_t)(ns / 1000000000);
    at.tv_nsec = (long)(ns % 1000000000);
    return at;
}

static bool is_past(const struct timespec *at)
{
    const struct timespec now = from_now(0);

    return now.tv_sec > at->tv_sec || (now.tv_sec == at->tv_sec && now.tv_nsec >= at->tv_nsec);
}

/* Under the lock: until nothing is ready. False: the deadline passed first. */
static bool until_quiet(struct wrg_sched *s, const struct timespec *deadline)
{
    struct wrg_sched_threads *all = s->threads;

    while (s->ready_count > 0) {
        struct timespec at = s->run.share ? from_now(LATE_SECONDS) : *deadline;

        if (!s->run.share && s->run.deadline_seconds <= 0)
            (void)pthread_cond_wait(&all->controller, &all->lock);
        else if (pthread_cond_timedwait(&all->controller, &all->lock, &at) != ETIMEDOUT)
            continue;
        else if (s->run.deadline_seconds > 0 && is_past(deadline))
            return s->ready_count == 0;
        else
            wrg_thread_call_late(s);
    }
    return true;
}

enum wrg_sched_end wrg_sched_thread_run(struct wrg_sched *s)
{
    struct wrg_sched_threads *all = s->threads;
    struct timespec deadline = from_now(s->run.deadline_seconds);

    wrg_sched_lock(s);
    s->end = WRG_SCHED_IDLE;
    all->going = true;
    all->pausing = false;
    for (int id = wrg_set_from(&s->ready, 0); id >= 0; id = wrg_set_from(&s->ready, id + 1))
        wrg_sched_thread_ready(s, id);
    do {
        if (!until_quiet(s, &deadline)) {
            s->end = WRG_SCHED_BUDGET;
            stop_all(s);
            break;
        }
    } while (!wrg_thread_is_stopping(s) && wrg_sched_clock_jump(s));
    all->going = false;
    s->stopped = s->end != WRG_SCHED_IDLE;
    wrg_sched_unlock(s);
    return s->end;
}
