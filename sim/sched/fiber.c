/* SPDX-License-Identifier: MIT */
#include "sched/fiber_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

WEAK void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
WEAK void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom_old,
                                          size_t *size_old);
WEAK void __msan_start_switch_fiber(const void *bottom, size_t size);
WEAK void __msan_finish_switch_fiber(const void **bottom_old, size_t *size_old);
WEAK void __msan_unpoison_param(size_t count);
WEAK void *__tsan_get_current_fiber(void);
WEAK void *__tsan_create_fiber(unsigned flags);
WEAK void __tsan_destroy_fiber(void *fiber);
WEAK void __tsan_switch_to_fiber(void *fiber, unsigned flags);
WEAK void __lsan_register_root_region(const void *p, size_t size);
WEAK void __lsan_unregister_root_region(const void *p, size_t size);

static bool sanitized(void)
{
    return __sanitizer_start_switch_fiber || __msan_start_switch_fiber || __tsan_create_fiber;
}

size_t wrg_fiber_default_stack(void)
{
    return sanitized() ? 256 * 1024 : 64 * 1024;
}

#ifdef WRG_FIBER_IS_UCONTEXT

#define jump    wrg_fiber_ucontext_jump
#define prepare wrg_fiber_ucontext_prepare

#else

void wrg_fiber_jump(void **save_sp, void *load_sp);
void wrg_fiber_trampoline(void);

static inline void jump(struct wrg_fiber *from, struct wrg_fiber *to)
{
    wrg_fiber_jump(&from->sp, to->sp);
}

/* A frame as wrg_fiber_jump leaves it, whose return address is the trampoline. */
static void prepare(struct wrg_fiber *f)
{
    uintptr_t top = (uintptr_t)f->stack_bottom + f->stack_bytes;
#if defined(__x86_64__)
    /* r15 r14 r13 r12 rbx rbp rip; popped, they leave rsp 16-aligned in the trampoline */
    uint64_t frame[7] = { 0, 0, 0, (uintptr_t)f, 0, 0, (uintptr_t)wrg_fiber_trampoline };
#else
    /* x19 first, x30 at 11, then d8..d15 */
    uint64_t frame[20] = { (uintptr_t)f };

    frame[11] = (uintptr_t)wrg_fiber_trampoline;
#endif
    f->sp = (void *)(top - 64 - sizeof(frame));
    memcpy(f->sp, frame, sizeof(frame));
}

#endif

/* A dying fiber passes NULL for the place to save ASan's fake stack, which destroys it. */
WRG_FIBER_GLUE static void announce(void **fake_stack_save, struct wrg_fiber *to)
{
    if (__sanitizer_start_switch_fiber)
        __sanitizer_start_switch_fiber(fake_stack_save, to->stack_bottom, to->stack_bytes);
    if (__msan_start_switch_fiber)
        __msan_start_switch_fiber(to->stack_bottom, to->stack_bytes);
    if (__tsan_switch_to_fiber)
        __tsan_switch_to_fiber(to->tsan, 0);
}

/* On the new stack. Where the thread's own stack lies is only learned by leaving it. */
WRG_FIBER_GLUE static void arrive(struct wrg_fiber *self)
{
    const void *bottom = NULL;
    size_t size = 0;

    if (__sanitizer_finish_switch_fiber)
        __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (__msan_finish_switch_fiber)
        __msan_finish_switch_fiber(&bottom, &size);
    if (!self->from->mapping) {
        self->from->stack_bottom = bottom;
        self->from->stack_bytes = size;
    }
}

WRG_FIBER_GLUE static void switch_annotated(struct wrg_fiber *from, struct wrg_fiber *to)
{
    announce(&from->fake_stack, to);
    jump(from, to);
    arrive(from);
}

WRG_FIBER_GLUE void wrg_fiber_switch(struct wrg_fiber *from, struct wrg_fiber *to)
{
    to->from = from;
    if (WRG_UNLIKELY(to->annotated))
        switch_annotated(from, to);
    else
        jump(from, to);
}

/* Called by the trampoline, on the fiber's stack. */
WRG_FIBER_GLUE void wrg_fiber_main(struct wrg_fiber *f)
{
    if (f->annotated)
        arrive(f);
    if (__msan_unpoison_param)
        __msan_unpoison_param(1);
    f->fn(f->arg);
    f->ended = true;
    f->from->from = f;
    if (f->annotated)
        announce(NULL, f->from);
    jump(f, f->from);
    __builtin_trap();
}

int wrg_fiber_init(struct wrg_fiber *f, void (*fn)(void *arg), void *arg, size_t stack_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (stack_bytes + page - 1) / page * page;
    char *mapping = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (mapping == MAP_FAILED)
        return -ENOMEM;
    if (mprotect(mapping, page, PROT_NONE) != 0) {
        (void)munmap(mapping, bytes + page);
        return -ENOMEM;
    }
    *f = (struct wrg_fiber){
        .fn = fn,
        .arg = arg,
        .annotated = sanitized(),
        .mapping = mapping,
        .mapping_bytes = bytes + page,
        .stack_bottom = mapping + page,
        .stack_bytes = bytes,
    };
    if (__tsan_create_fiber)
        f->tsan = __tsan_create_fiber(0);
    if (__lsan_register_root_region)
        __lsan_register_root_region(f->stack_bottom, f->stack_bytes);
    prepare(f);
    return 0;
}

void wrg_fiber_fini(struct wrg_fiber *f)
{
    if (!f->mapping)
        return;
    if (__lsan_unregister_root_region)
        __lsan_unregister_root_region(f->stack_bottom, f->stack_bytes);
    if (f->tsan)
        __tsan_destroy_fiber(f->tsan);
    (void)munmap(f->mapping, f->mapping_bytes);
    f->mapping = NULL;
}

void wrg_fiber_adopt(struct wrg_fiber *f)
{
    f->mapping = NULL;
    f->annotated = sanitized();
    if (__tsan_get_current_fiber)
        f->tsan = __tsan_get_current_fiber();
}
