/* SPDX-License-Identifier: MIT */
/*
 * What every layer needs: assertions, attributes, small arithmetic.
 *
 * Layer: base, the lowest; no Xen knowledge, no I/O but the last words of an assertion.
 * Errors: WRG_ASSERT is for bugs of ours only and is on in every build. Anything a guest, a case
 * file or a peer can cause is an error code, an outcome or a finding, never an assertion.
 * Threads: everything here may be called from any thread.
 * Left out: logging. A finding is re-run with tracing on instead.
 */
#ifndef WRG_BASE_BASE_H
#define WRG_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WRG_LIKELY(x)                    __builtin_expect(!!(x), 1)
#define WRG_UNLIKELY(x)                  __builtin_expect(!!(x), 0)

#define WRG_MUST_USE                     __attribute__((warn_unused_result))
#define WRG_NORETURN                     __attribute__((noreturn))
#define WRG_PRINTF(fmt, args)            __attribute__((format(printf, fmt, args)))

#define WRG_STATIC_ASSERT(cond, message) _Static_assert(cond, message)

/* Arrays only: a pointer makes the second operand a compile error. */
#define WRG_ARRAY_LEN(a)                                                                           \
    (sizeof(a) / sizeof((a)[0]) +                                                                  \
     0 * sizeof(struct {                                                                           \
         int wrg_not_an_array : !__builtin_types_compatible_p(__typeof__(a), __typeof__(&(a)[0]))  \
                                ? 1                                                                \
                                : -1;                                                              \
     }))

/* Prints "wringer: internal error: file:line: cond", calls the hook, aborts. */
WRG_NORETURN __attribute__((cold)) void wrg_assert_failed(const char *file, int line,
                                                          const char *cond);

/*
 * Called once before the abort, to print context (case, step). The default does nothing; define a
 * function of this name to replace it. From an archive the linker takes a replacement only if its
 * object file is pulled in for another symbol too, so define it beside one that is used.
 */
void wrg_assert_hook(void);

#define WRG_ASSERT(cond) (WRG_LIKELY(cond) ? (void)0 : wrg_assert_failed(__FILE__, __LINE__, #cond))

static inline uint32_t wrg_min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}
static inline uint32_t wrg_max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}
static inline uint64_t wrg_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
static inline uint64_t wrg_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ceil(a / b); b is not 0. Does not overflow. */
static inline uint64_t wrg_div_up_u64(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static inline bool wrg_is_pow2_u64(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

#endif
