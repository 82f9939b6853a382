/* SPDX-License-Identifier: MIT */
#include "base/mutex.h"

#include <sched.h>

enum { LOOKS = 64 }; /* longer than anybody holds one who is not interrupted */

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void wrg_mutex_lock_slowly(struct wrg_mutex *mutex)
{
    do {
        for (unsigned looks = 1; __atomic_load_n(&mutex->held, __ATOMIC_RELAXED); looks++) {
            relax();
            if (looks % LOOKS == 0)
                (void)sched_yield();
        }
    } while (__atomic_exchange_n(&mutex->held, 1, __ATOMIC_ACQUIRE));
}
