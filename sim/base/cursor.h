/* SPDX-License-Identifier: MIT */
/*
 * One byte cursor for all parsing and encoding: little-endian, bounded, sticky error.
 *
 * Layer: base. Units: bytes. Owner: the caller owns the bytes, the cursor owns nothing.
 * Errors: a get or put that does not fit moves nothing, yields 0, and marks the cursor failed; all
 * that follows on a failed cursor yields 0 too, so that a decoder checks once, at the end.
 * Threads: a cursor belongs to one thread.
 * Left out: big-endian, since nothing in the protocol has it.
 */
#ifndef WRG_BASE_CURSOR_H
#define WRG_BASE_CURSOR_H

#include "base/base.h"

#include <string.h>

struct wrg_cursor {
    const uint8_t *in; /* what get reads */
    uint8_t *out;      /* what put writes; NULL for a reader */
    size_t len_bytes;
    size_t at_bytes;
    bool failed;
};

static inline struct wrg_cursor wrg_cursor_reader(const void *data, size_t len_bytes)
{
    return (struct wrg_cursor){ .in = data, .len_bytes = len_bytes };
}

/* A writer may also read back what lies in its buffer. */
static inline struct wrg_cursor wrg_cursor_writer(void *data, size_t len_bytes)
{
    return (struct wrg_cursor){ .in = data, .out = data, .len_bytes = len_bytes };
}

static inline size_t wrg_cursor_remaining(const struct wrg_cursor *c)
{
    return c->failed ? 0 : c->len_bytes - c->at_bytes;
}

static inline bool wrg_cursor_ok(const struct wrg_cursor *c)
{
    return !c->failed;
}

/* Claims n bytes: their offset is in *at. False, and failed from now on, if they are not there. */
static inline bool wrg_cursor_claim(struct wrg_cursor *c, size_t n, size_t *at)
{
    if (WRG_UNLIKELY(n > wrg_cursor_remaining(c) || c->failed)) {
        c->failed = true;
        return false;
    }
    *at = c->at_bytes;
    c->at_bytes += n;
    return true;
}

static inline void wrg_cursor_skip(struct wrg_cursor *c, size_t n)
{
    size_t at;

    (void)wrg_cursor_claim(c, n, &at);
}

/* The next n bytes in place, or NULL. They live as long as the buffer. */
static inline const uint8_t *wrg_cursor_take(struct wrg_cursor *c, size_t n)
{
    size_t at;

    return wrg_cursor_claim(c, n, &at) && c->in ? c->in + at : NULL;
}

/* A cursor over the next n bytes alone; failed if they are not there. */
struct wrg_cursor wrg_cursor_sub(struct wrg_cursor *c, size_t n);

/* n bytes as one little-endian number, n at most 8. */
static inline uint64_t wrg_cursor_get_le(struct wrg_cursor *c, size_t n)
{
    uint64_t v = 0;
    size_t at;

    WRG_ASSERT(n <= 8);
    if (!wrg_cursor_claim(c, n, &at))
        return 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)c->in[at + i] << (8 * i);
    return v;
}

static inline void wrg_cursor_put_le(struct wrg_cursor *c, uint64_t v, size_t n)
{
    size_t at;

    WRG_ASSERT(n <= 8 && (c->out != NULL || c->len_bytes == 0));
    if (!wrg_cursor_claim(c, n, &at))
        return;
    for (size_t i = 0; i < n; i++)
        c->out[at + i] = (uint8_t)(v >> (8 * i));
}

static inline uint8_t wrg_cursor_get_u8(struct wrg_cursor *c)
{
    return (uint8_t)wrg_cursor_get_le(c, 1);
}

static inline uint16_t wrg_cursor_get_u16(struct wrg_cursor *c)
{
    return (uint16_t)wrg_cursor_get_le(c, 2);
}

static inline uint32_t wrg_cursor_get_u32(struct wrg_cursor *c)
{
    return (uint32_t)wrg_cursor_get_le(c, 4);
}

static inline uint64_t wrg_cursor_get_u64(struct wrg_cursor *c)
{
    return wrg_cursor_get_le(c, 8);
}

static inline void wrg_cursor_put_u8(struct wrg_cursor *c, uint8_t v)
{
    wrg_cursor_put_le(c, v, 1);
}

static inline void wrg_cursor_put_u16(struct wrg_cursor *c, uint16_t v)
{
    wrg_cursor_put_le(c, v, 2);
}

static inline void wrg_cursor_put_u32(struct wrg_cursor *c, uint32_t v)
{
    wrg_cursor_put_le(c, v, 4);
}

static inline void wrg_cursor_put_u64(struct wrg_cursor *c, uint64_t v)
{
    wrg_cursor_put_le(c, v, 8);
}

/* Copies n bytes out; on failure `to` is zeroed, so that no stale byte passes for input. */
void wrg_cursor_get_bytes(struct wrg_cursor *c, void *to, size_t n);
void wrg_cursor_put_bytes(struct wrg_cursor *c, const void *from, size_t n);

#endif
