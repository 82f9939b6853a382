/* SPDX-License-Identifier: MIT */
/*
 * Fibers: stacks with a guard page, and a symmetric switch between them.
 *
 * Layer: sched. Shapes: a fiber is caller-owned memory that never moves; a stack is mapped by
 * wrg_fiber_init and unmapped by wrg_fiber_fini. The first switch to a fiber calls fn(arg); when
 * fn returns, control goes to the fiber that switched to it last, for good.
 * Engines: assembly on x86-64 and aarch64, ucontext elsewhere, or with cmake -DWRG_FIBER=ucontext.
 * Sanitizers: ASan, MSan and TSan are told of every switch, and LSan of every stack. Whether they
 * are in the program is found out at run time, by weak symbols, for the simulator is compiled
 * without them in fuzz builds and linked into programs that have them.
 * Threads: a fiber belongs to the thread that adopted the fiber it is switched to from.
 * Not kept across a switch: mxcsr, the x87 control word, fpcr (nobody here changes them), signal
 * masks.
 */
#ifndef WRG_SCHED_FIBER_H
#define WRG_SCHED_FIBER_H

#include "base/base.h"

#if (!defined(__x86_64__) && !defined(__aarch64__)) || defined(WRG_FIBER_UCONTEXT)
#define WRG_FIBER_IS_UCONTEXT 1
#include <ucontext.h>
#endif

struct wrg_fiber {
    void *sp; /* saved; the registers are on the stack */
    bool annotated;
    bool ended;
    struct wrg_fiber *from; /* who switched here last */
    void *fake_stack;       /* ASan's, while suspended */
    void *tsan;
    const void *stack_bottom;
    size_t stack_bytes;
    void *mapping; /* stack and guard; NULL in an adopted fiber */
    size_t mapping_bytes;
    void (*fn)(void *arg);
    void *arg;
#ifdef WRG_FIBER_IS_UCONTEXT
    ucontext_t context;
#endif
};

/* Maps a stack. stack_bytes is rounded up to pages. 0 or -ENOMEM. */
WRG_MUST_USE int wrg_fiber_init(struct wrg_fiber *f, void (*fn)(void *arg), void *arg,
                                size_t stack_bytes);
/* From another fiber. One whose fn has not returned leaks its fake stack, where ASan has one. */
void wrg_fiber_fini(struct wrg_fiber *f);
/* Makes the calling thread's own stack a fiber, to switch away from and back to. */
void wrg_fiber_adopt(struct wrg_fiber *f);
/* `from` is the running one. Returns when somebody switches to it again. */
void wrg_fiber_switch(struct wrg_fiber *from, struct wrg_fiber *to);
/* 64 KiB, and 256 KiB in programs with a sanitizer that makes frames larger. */
size_t wrg_fiber_default_stack(void);

#endif
