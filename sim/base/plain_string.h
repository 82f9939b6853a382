/* SPDX-License-Identifier: MIT */
/*
 * <string.h> for the simulator in fuzz builds: the C library's own functions.
 *
 * What it is    There, only the layers under test are instrumented, but the sanitizer's and the
 *               fuzzer's interceptors stand in the way of everybody's memcpy. Buffers of a driver
 *               that the simulator is handed are checked where they are handed over; checking each
 *               copy again, and noting each comparison, took a tenth of a campaign.
 * Layer         base; the build includes it first in every file of a layer that is not under test
 *               (scripts/cmake/WrgLayer.cmake), and nobody else does
 * Threads       any: the pointers are set before main
 * Errors        where the C library's own cannot be found, the intercepted one stays
 */
#ifndef WRG_BASE_PLAIN_STRING_H
#define WRG_BASE_PLAIN_STRING_H

#include <string.h>

struct wrg_plain_string {
    void *(*copy)(void *to, const void *from, size_t len);
    void *(*move)(void *to, const void *from, size_t len);
    void *(*set)(void *to, int byte, size_t len);
    int (*compare)(const void *a, const void *b, size_t len);
    void *(*find)(const void *in, size_t len, const void *what, size_t what_len);
    size_t (*length)(const char *text);
    size_t (*bounded_length)(const char *text, size_t max);
    int (*compare_text)(const char *a, const char *b);
};

extern struct wrg_plain_string wrg_plain_string;

/* What compilers turn into a few moves they go on turning into them. */
#define WRG_PLAIN_INLINE_MAX 256

static inline __attribute__((always_inline)) void *wrg_plain_memcpy(void *to, const void *from,
                                                                    size_t len)
{
    return __builtin_constant_p(len) && len <= WRG_PLAIN_INLINE_MAX
               ? __builtin_memcpy(to, from, len)
               : wrg_plain_string.copy(to, from, len);
}

static inline __attribute__((always_inline)) void *wrg_plain_memset(void *to, int byte, size_t len)
{
    return __builtin_constant_p(len) && len <= WRG_PLAIN_INLINE_MAX
               ? __builtin_memset(to, byte, len)
               : wrg_plain_string.set(to, byte, len);
}

static inline __attribute__((always_inline)) int wrg_plain_memcmp(const void *a, const void *b,
                                                                  size_t len)
{
    return __builtin_constant_p(len) && len <= 16 ? __builtin_memcmp(a, b, len)
                                                  : wrg_plain_string.compare(a, b, len);
}

static inline __attribute__((always_inline)) size_t wrg_plain_strlen(const char *text)
{
    return __builtin_constant_p(__builtin_strlen(text)) ? __builtin_strlen(text)
                                                        : wrg_plain_string.length(text);
}

#define memcpy  wrg_plain_memcpy
#define memmove wrg_plain_string.move
#define memset  wrg_plain_memset
#define memcmp  wrg_plain_memcmp
#define memmem  wrg_plain_string.find
#define strlen  wrg_plain_strlen
#define strnlen wrg_plain_string.bounded_length
#define strcmp  wrg_plain_string.compare_text

#endif
