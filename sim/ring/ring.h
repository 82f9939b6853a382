/* SPDX-License-Identifier: MIT */
/*
 * What both sides of a ring share. Layer: ring; private to it.
 */
#ifndef WRG_RING_RING_H
#define WRG_RING_RING_H

#include <wringer/ring.h>

void wrg_ring_setup(struct wrg_ring *ring, const struct wrg_ring_args *args);
void wrg_ring_declare_to_port(const struct wrg_ring *ring, uint32_t index);

/*
 * Calls fn(abi, ...), whose layout is a constant then: of each function that moves a slot there is
 * one copy for the 64-bit layout and one for the other. Nearly all rings have the first.
 */
#define WRG_RING_BY_LAYOUT(ring, fn, ...)                                                          \
    (__builtin_expect((ring)->abi != WRG_ABI_X86_32, 1) ? fn(WRG_ABI_NATIVE, __VA_ARGS__)          \
                                                        : fn(WRG_ABI_X86_32, __VA_ARGS__))
#define WRG_RING_OF_LAYOUT __attribute__((always_inline)) static inline

/* Offset of a slot from the start of the first page. */
static inline uint32_t wrg_ring_slot(const struct wrg_ring *ring, enum wrg_abi abi, uint32_t index)
{
    return wrg_wire_slot_offset(abi, ring->entries, index);
}

/*
 * Publishes a producer index and tells whether the peer asked for an event with one of the new
 * entries. The release orders the entries' bytes before the index: the peer may read a slot as soon
 * as it sees the index. The full barrier orders our index before the load of the peer's event
 * index: without it both sides may read stale values, and the peer sleeps on work nobody tells it
 * of.
 */
static inline bool wrg_ring_publish(const struct wrg_ring *ring,
                                    const struct wrg_page_publish *words, uint32_t from,
                                    uint32_t to)
{
    if (from == to)
        return false;
    uint32_t event = wrg_page_publish(ring->port, ring->page, words, to);
    /* The peer's event index lies in (from, to], modulo 2^32. */
    return to - event < to - from;
}

/*
 * Asks for an event with the entry after `cons`, then looks once more. The full barrier orders our
 * event index before the load of the peer's producer index: an entry that is published in between
 * is either seen here, or its producer sees our event index and notifies.
 */
struct wrg_ring_recheck {
    uint32_t event_off, index_off; /* of our event index, of the peer's producer index */
    uint8_t event_site, index_site;
    uint32_t cons;
};
bool wrg_ring_recheck(const struct wrg_ring *ring, const struct wrg_ring_recheck *args);

#endif
