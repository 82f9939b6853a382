/* SPDX-License-Identifier: MIT */
/*
 * The simulator's own mutexes, for the thread engine. Layer: base.
 *
 * They are held for some tens of instructions: whoever finds one taken looks again a few times
 * before the kernel puts it to sleep, which would take a hundred times as long.
 */
#ifndef WRG_BASE_MUTEX_H
#define WRG_BASE_MUTEX_H

#include <pthread.h>

static inline void wrg_mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;

    (void)pthread_mutexattr_init(&attr);
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
    (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
    (void)pthread_mutex_init(mutex, &attr);
    (void)pthread_mutexattr_destroy(&attr);
}

#endif
