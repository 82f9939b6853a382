/* SPDX-License-Identifier: MIT */
/*
 * What both sides of a ring share. Layer: ring; private to it.
 */
#ifndef WRG_RING_RING_H
#define WRG_RING_RING_H

#include <wringer/ring.h>

void wrg_ring_setup(struct wrg_ring *ring, const struct wrg_ring_args *args);
void wrg_ring_declare_to_port(const struct wrg_ring *ring, uint32_t index);

/* Offset of a slot from the start of the first page. */
static inline uint32_t wrg_ring_slot(const struct wrg_ring *ring, uint32_t index)
{
    return wrg_wire_slot_offset((enum wrg_abi)ring->abi, ring->entries, index);
}

/*
 * Publishes a producer index and tells whether the peer asked for an event with one of the new
 * entries. The release orders the entries' bytes before the index: the peer may read a slot as soon
 * as it sees the index. The full barrier orders our index before the load of the peer's event
 * index: without it both sides may read stale values, and the peer sleeps on work nobody tells it
 * of.
 */
struct wrg_ring_publish {
    uint32_t index_off, event_off; /* of our producer index, of the peer's event index */
    uint8_t index_site, event_site;
    uint32_t from, to;
};
bool wrg_ring_publish(const struct wrg_ring *ring, const struct wrg_ring_publish *args);

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
