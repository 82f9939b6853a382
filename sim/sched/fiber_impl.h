/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a fiber's switch know of each other. Layer: sched, internal.
 */
#ifndef WRG_SCHED_FIBER_IMPL_H
#define WRG_SCHED_FIBER_IMPL_H

#include "sched/fiber.h"

/*
 * The glue must stay out of the sanitizers' sight: it enters on one stack and leaves on another,
 * so function entry and exit records would not balance, and MSan would check what it cannot know.
 */
#if defined(__clang__)
#define WRG_FIBER_GLUE __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define WRG_FIBER_GLUE __attribute__((noinline, no_sanitize("address", "thread", "undefined")))
#endif

/* Where a new fiber begins, on its own stack. */
void wrg_fiber_main(struct wrg_fiber *f);

#ifdef WRG_FIBER_IS_UCONTEXT
void wrg_fiber_ucontext_jump(struct wrg_fiber *from, struct wrg_fiber *to);
/* The first jump to the fiber will call wrg_fiber_main. */
void wrg_fiber_ucontext_prepare(struct wrg_fiber *f);
#endif

#endif
