/* SPDX-License-Identifier: MIT */
/*
 * The switch where there is no assembly for it: the C library's contexts. Slower, for each switch
 * asks the kernel for the signal mask; the same in all that a run can see. Layer: sched.
 */
#include "sched/fiber_impl.h"

#ifdef WRG_FIBER_IS_UCONTEXT

WRG_FIBER_GLUE void wrg_fiber_ucontext_jump(struct wrg_fiber *from, struct wrg_fiber *to)
{
    int rc = swapcontext(&from->context, &to->context);

    WRG_ASSERT(rc == 0);
}

/* makecontext passes ints only. */
WRG_FIBER_GLUE static void entry(unsigned high, unsigned low)
{
    wrg_fiber_main((struct wrg_fiber *)((uintptr_t)((uint64_t)high << 32 | low)));
}

void wrg_fiber_ucontext_prepare(struct wrg_fiber *f)
{
    uint64_t self = (uintptr_t)f;
    int rc = getcontext(&f->context);

    WRG_ASSERT(rc == 0);
    f->context.uc_stack.ss_sp = (void *)f->stack_bottom;
    f->context.uc_stack.ss_size = f->stack_bytes;
    f->context.uc_link = NULL;
    makecontext(&f->context, (void (*)(void))entry, 2, (unsigned)(self >> 32), (unsigned)self);
}

#endif
