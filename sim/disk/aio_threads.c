/* SPDX-License-Identifier: MIT */
/*
 * The engine of threads. One lock guards two lists: what is to be done, in order, and what is done.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "disk/aio.h"

struct pool {
    struct wrg_aio aio; /* first */
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    struct wrg_aio_op *todo, **todo_end;
    struct wrg_aio_op *done; /* in any order */
    bool quitting;
    uint32_t nthreads;
    pthread_t threads[WRG_AIO_THREADS];
};

static const struct wrg_aio_engine engine;

static struct pool *pool_of(struct wrg_aio *aio)
{
    return (struct pool *)(void *)aio;
}

/* Under the lock. NULL: the pool is being destroyed. */
static struct wrg_aio_op *next_op(struct pool *pool)
{
    struct wrg_aio_op *op;

    while (!pool->todo && !pool->quitting)
        pthread_cond_wait(&pool->work, &pool->lock);
    op = pool->todo;
    if (!op)
        return NULL;
    pool->todo = op->next;
    if (!pool->todo)
        pool->todo_end = &pool->todo;
    return op;
}

static void *thread_main(void *arg)
{
    struct pool *pool = arg;
    struct wrg_aio_op *op;

    pthread_mutex_lock(&pool->lock);
    while ((op = next_op(pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock);
        int64_t result = wrg_aio_perform(op);
        pthread_mutex_lock(&pool->lock);
        op->result = result;
        op->next = pool->done;
        pool->done = op;
        pthread_cond_signal(&pool->ended);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are for the thread that has made the pool. */
static int start_threads(struct pool *pool)
{
    sigset_t all, before;
    int error = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->nthreads < WRG_AIO_THREADS && !error) {
        error = pthread_create(&pool->threads[pool->nthreads], NULL, thread_main, pool);
        pool->nthreads += !error;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->nthreads ? 0 : -error; /* one is enough */
}

int wrg_aio_create_threads(struct wrg_aio **aio, uint32_t depth)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    int error;

    if (!pool)
        return -ENOMEM;
    pool->aio = (struct wrg_aio){ .engine = &engine, .depth = depth };
    pool->todo_end = &pool->todo;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->ended, NULL);
    error = start_threads(pool);
    if (error) {
        engine.destroy(&pool->aio);
        return error;
    }
    *aio = &pool->aio;
    return 0;
}

static void destroy(struct wrg_aio *aio)
{
    struct pool *pool = pool_of(aio);

    pthread_mutex_lock(&pool->lock);
    pool->quitting = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->nthreads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->ended);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void submit(struct wrg_aio *aio, struct wrg_aio_op *op)
{
    struct pool *pool = pool_of(aio);

    op->next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->todo_end = op;
    pool->todo_end = &op->next;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

static uint32_t reap(struct wrg_aio *aio, bool wait)
{
    struct pool *pool = pool_of(aio);
    struct wrg_aio_op *op;
    uint32_t count = 0;

    pthread_mutex_lock(&pool->lock);
    while (wait && !pool->done)
        pthread_cond_wait(&pool->ended, &pool->lock);
    op = pool->done;
    pool->done = NULL;
    pthread_mutex_unlock(&pool->lock);
    for (struct wrg_aio_op *next; op; op = next, count++) {
        next = op->next; /* done may submit it again */
        aio->flying--;
        op->done(op, op->result);
    }
    return count;
}

static const struct wrg_aio_engine engine = {
    .name = "threads", .submit = submit, .reap = reap, .destroy = destroy
};
