/* SPDX-License-Identifier: MIT */
/*
 * The part of the fetch shadow that every load of a ring slot goes through. Inline: page.c has it
 * in the midst of an access. Layer: xen, internal.
 */
#ifndef WRG_XEN_FETCH_SLOT_H
#define WRG_XEN_FETCH_SLOT_H

#include "vocab/events.h"
#include "xen/fetch.h"

/*
 * The absolute index of a slot that is read now. A back reads requests in [published, published +
 * entries), where published counts its responses; a front reads responses in [published - entries,
 * published), where published counts its requests.
 */
static inline uint32_t wrg_fetch_position(const struct wrg_fetch_ring *ring, uint32_t slot)
{
    uint32_t first = ring->published - (ring->seat == WRG_SEAT_BACK ? 0 : ring->entries);

    return first + ((slot - ring->published) & (ring->entries - 1));
}

static inline struct wrg_fetch_scope *wrg_fetch_scope_of(struct wrg_fetch_ring *ring, uint32_t slot)
{
    struct wrg_fetch_scope *scope = &ring->scopes[slot];
    uint32_t position = wrg_fetch_position(ring, slot);

    if (scope->epoch != ring->epoch || scope->position != position) {
        scope->epoch = ring->epoch;
        scope->position = position;
        scope->request = ++ring->requests;
        ring->newest = slot;
        scope->fetches = 0;
        scope->seen[0] = scope->seen[1] = 0;
        scope->bytes[0] = 0xff; /* no operation is known yet */
    }
    return scope;
}

/* Marks bits [off, off + len) and tells whether one was marked before. */
bool wrg_fetch_mark(uint64_t *seen, uint32_t off, uint32_t len);

/* As above, where all of them are marked in one word. */
static inline bool wrg_fetch_mark_word(uint64_t *seen, uint32_t off, uint32_t len)
{
    uint64_t mask = ((UINT64_C(1) << len) - 1) << off % 64;
    bool again = (seen[off / 64] & mask) != 0;

    seen[off / 64] |= mask;
    return again;
}

/* As above, for a load of all bytes that a slot can have: so are requests loaded, mostly. */
static inline bool wrg_fetch_mark_whole(struct wrg_fetch_scope *scope)
{
    bool again = (scope->seen[0] | scope->seen[1]) != 0;

    scope->seen[0] = UINT64_MAX;
    scope->seen[1] |= (UINT64_C(1) << (sizeof(scope->bytes) - 64)) - 1;
    return again;
}

struct wrg_tamper *wrg_fetch_find_due(struct wrg_fetch *fetch, uint8_t lane,
                                      const struct wrg_fetch_scope *scope);

static inline struct wrg_tamper *wrg_fetch_due(struct wrg_fetch *fetch, uint8_t seat, uint8_t lane,
                                               const struct wrg_fetch_scope *scope)
{
    if (WRG_LIKELY(!fetch->tamper_on || seat != fetch->tamper_seat))
        return NULL;
    return wrg_fetch_find_due(fetch, lane, scope);
}

/* Quotients of offsets in a ring, which are below 2^18: a product is cheaper than a division. */
#define WRG_FETCH_INVERSE(size) (UINT32_MAX / (size) + 1)

/* Where in which slot an offset of the ring lies. */
static inline uint32_t wrg_fetch_slot_at(const struct wrg_fetch_ring *ring, uint32_t ring_off,
                                         uint32_t *within)
{
    uint32_t off = ring_off - WRG_WIRE_RING;
    uint64_t inverse = ring->stride == WRG_WIRE_SIZE32_blkif_request
                           ? WRG_FETCH_INVERSE(WRG_WIRE_SIZE32_blkif_request)
                           : WRG_FETCH_INVERSE(WRG_WIRE_SIZE64_blkif_request);
    uint32_t slot = (uint32_t)(off * inverse >> 32);

    *within = off - slot * ring->stride;
    return slot;
}

/* A load of `len` bytes at an offset that lies in a slot, or behind the last one. */
struct wrg_fetch_slot {
    struct wrg_fetch_scope *scope; /* NULL: behind the last one */
    uint32_t within, len;          /* its part of the slot */
    bool again;                    /* some byte was loaded before in this scope */
};

static inline struct wrg_fetch_slot wrg_fetch_load_slot(struct wrg_fetch_ring *ring,
                                                        uint32_t ring_off, uint32_t len)
{
    struct wrg_fetch_slot slot = { .scope = NULL };
    uint32_t number = wrg_fetch_slot_at(ring, ring_off, &slot.within);

    if (WRG_UNLIKELY(number >= ring->entries))
        return slot;
    slot.scope = wrg_fetch_scope_of(ring, number);
    slot.scope->fetches++;
    slot.len = wrg_min_u32(len, ring->stride - slot.within);
    if (WRG_LIKELY(slot.len == sizeof(slot.scope->bytes)))
        slot.again = wrg_fetch_mark_whole(slot.scope);
    else if (WRG_LIKELY(slot.len < 64 && slot.within % 64 + slot.len <= 64))
        slot.again = wrg_fetch_mark_word(slot.scope->seen, slot.within, slot.len);
    else
        slot.again = wrg_fetch_mark(slot.scope->seen, slot.within, slot.len);
    return slot;
}

#endif
