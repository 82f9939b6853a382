/* SPDX-License-Identifier: MIT */
#include "ring/ring.h"

void wrg_ring_setup(struct wrg_ring *ring, const struct wrg_ring_args *args)
{
    ring->port = args->port;
    ring->page = args->page;
    ring->npages = args->npages;
    ring->abi = args->abi;
    ring->queue = args->queue;
    ring->entries = wrg_wire_ring_entries((enum wrg_abi)args->abi, args->npages);
}

void wrg_ring_declare_to_port(const struct wrg_ring *ring, uint32_t index)
{
    struct wrg_ring_declare declare = { .page = ring->page,
                                        .npages = ring->npages,
                                        .abi = ring->abi,
                                        .queue = ring->queue,
                                        .index = index };

    (void)wrg_port_ring_declare(ring->port, &declare);
}

void wrg_ring_retire(struct wrg_ring *ring)
{
    struct wrg_ring_retire retire = { .queue = ring->queue };

    (void)wrg_port_ring_retire(ring->port, &retire);
}

bool wrg_ring_recheck(const struct wrg_ring *ring, const struct wrg_ring_recheck *args)
{
    wrg_page_store_u32(ring->port, ring->page, args->event_off, args->cons + 1, WRG_ORDER_RELAXED,
                       (enum wrg_site)args->event_site);
    wrg_page_fence(ring->port, WRG_FENCE_MB);
    uint32_t prod = wrg_page_load_u32(ring->port, ring->page, args->index_off, WRG_ORDER_ACQUIRE,
                                      (enum wrg_site)args->index_site);
    return prod != args->cons;
}
