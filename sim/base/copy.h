/* SPDX-License-Identifier: MIT */
/*
 * Copies of few bytes, where a call of memcpy costs more than it moves.
 *
 * What it is    memcpy for lengths that are known at run time only: inline, and without a call in
 *               it, so that who copies needs no registers saved
 * Layer         base
 * Bounds        the ranges do not overlap
 * Errors        none
 */
#ifndef WRG_BASE_COPY_H
#define WRG_BASE_COPY_H

#include <stdint.h>
#include <string.h>

/* Two copies of a fixed size that meet or overlap: both are read before one is written. */
#define WRG_COPY_ENDS(type)                                                                        \
    do {                                                                                           \
        type head, tail;                                                                           \
        memcpy(&head, from, sizeof(head));                                                         \
        memcpy(&tail, (const uint8_t *)from + len - sizeof(tail), sizeof(tail));                   \
        memcpy(to, &head, sizeof(head));                                                           \
        memcpy((uint8_t *)to + len - sizeof(tail), &tail, sizeof(tail));                           \
    } while (0)

/* One register, where a structure of two words would pass through the stack. */
typedef uint64_t wrg_copy_pair __attribute__((vector_size(16)));

static inline void wrg_copy(void *to, const void *from, uint32_t len)
{
    if (len == 112) { /* a slot */
        memcpy(to, from, 112);
    } else if (len == 64) { /* the digests of a page */
        memcpy(to, from, 64);
    } else if (len > 32) {
        for (uint32_t i = 0; i + 32 < len; i += 32)
            memcpy((uint8_t *)to + i, (const uint8_t *)from + i, 32);
        memcpy((uint8_t *)to + len - 32, (const uint8_t *)from + len - 32, 32);
    } else if (len >= 16) {
        WRG_COPY_ENDS(wrg_copy_pair);
    } else if (len >= 8) {
        WRG_COPY_ENDS(uint64_t);
    } else if (len >= 4) {
        WRG_COPY_ENDS(uint32_t);
    } else {
        for (uint32_t i = 0; i < len; i++)
            ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    }
}

#endif
