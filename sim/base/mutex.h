/* SPDX-License-Identifier: MIT */
/*
 * The simulator's own mutexes, for the thread engine. Layer: base.
 *
 * What it is    One word, on a cache line that nothing else is on, wherever it lies. They are held
 *               for some tens of instructions: whoever finds one taken looks again a few times, and
 *               then lets others run, of which one may be the holder. Taking one that is free costs
 *               one locked instruction, giving it back none; a pthread's mutex costs two
 * Threads       a holder does not wait for anything, and takes no other mutex but further down:
 *               Xen's, then the trace's or the scheduler's
 * Left out      sleeping, and with it condition variables: the scheduler has a pthread's mutex
 */
#ifndef WRG_BASE_MUTEX_H
#define WRG_BASE_MUTEX_H

#include "base/base.h"

#define WRG_CACHE_LINE 64u

struct wrg_mutex {
    char before[WRG_CACHE_LINE];
    uint32_t held;
    char behind[WRG_CACHE_LINE - sizeof(uint32_t)];
};

void wrg_mutex_lock_slowly(struct wrg_mutex *mutex);

static inline void wrg_mutex_lock(struct wrg_mutex *mutex)
{
    if (WRG_UNLIKELY(__atomic_exchange_n(&mutex->held, 1, __ATOMIC_ACQUIRE)))
        wrg_mutex_lock_slowly(mutex);
}

static inline void wrg_mutex_unlock(struct wrg_mutex *mutex)
{
    __atomic_store_n(&mutex->held, 0, __ATOMIC_RELEASE);
}

#endif
