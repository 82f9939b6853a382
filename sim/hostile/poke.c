/* SPDX-License-Identifier: MIT */
/*
 * Writes where and what a script says.
 */
#include "hostile/peer.h"

enum { MODE_SET, MODE_XOR, MODE_ADD };

uint32_t wrg_hostile_poke_len(const struct wrg_hostile_poke *poke)
{
    if (poke->len == 0)
        return 1;
    return poke->len < sizeof(poke->value) ? poke->len : (uint32_t)sizeof(poke->value);
}

uint64_t wrg_hostile_combine(uint64_t old, const struct wrg_hostile_poke *poke)
{
    if (poke->mode == MODE_XOR)
        return old ^ poke->value;
    return poke->mode == MODE_ADD ? old + poke->value : poke->value;
}

/* Index words are words to everybody: a store of one in pieces would be a defect of the script. */
static void store(struct wrg_port *port, const struct hostile_place *place, uint32_t at,
                  uint64_t value, uint32_t len)
{
    if (len == sizeof(uint32_t) && at % sizeof(uint32_t) == 0)
        wrg_page_store_u32(port, place->page, at, (uint32_t)value, WRG_ORDER_RELEASE,
                           WRG_SITE_SCRIPT);
    else
        wrg_page_store(port, place->page, at, &value, len, WRG_SITE_SCRIPT);
}

bool wrg_hostile_patch(struct wrg_port *port, const struct hostile_place *place,
                       const struct wrg_hostile_poke *poke)
{
    uint32_t len = wrg_hostile_poke_len(poke);
    uint32_t at = place->off + poke->off;
    uint64_t old = 0;

    if (at + len > place->room)
        return false;
    if (poke->mode != MODE_SET)
        wrg_page_load(port, place->page, at, &old, len, WRG_SITE_SCRIPT);
    store(port, place, at, wrg_hostile_combine(old, poke), len);
    return true;
}

bool wrg_hostile_ring_place(const struct wrg_ring *ring, const struct wrg_hostile_poke *poke,
                            struct hostile_place *place)
{
    static const uint8_t words[] = { [WRG_HOSTILE_REQ_PROD] = WRG_WIRE_REQ_PROD,
                                     [WRG_HOSTILE_REQ_EVENT] = WRG_WIRE_REQ_EVENT,
                                     [WRG_HOSTILE_RSP_PROD] = WRG_WIRE_RSP_PROD,
                                     [WRG_HOSTILE_RSP_EVENT] = WRG_WIRE_RSP_EVENT };

    if (poke->target > WRG_HOSTILE_SLOT)
        return false;
    place->page = ring->page;
    place->room = ring->npages * WRG_PAGE_SIZE;
    place->off = poke->target == WRG_HOSTILE_SLOT
                     ? wrg_wire_slot_offset((enum wrg_abi)ring->abi, ring->entries, poke->index)
                     : words[poke->target];
    return true;
}

bool wrg_hostile_show(struct wrg_port *port, const struct hostile_index *index)
{
    uint32_t event;

    wrg_page_store_u32(port, index->page, index->index_off, index->to, WRG_ORDER_RELEASE,
                       (enum wrg_site)index->index_site);
    wrg_page_fence(port, WRG_FENCE_MB);
    event = wrg_page_load_u32(port, index->page, index->event_off, WRG_ORDER_RELAXED,
                              (enum wrg_site)index->event_site);
    /* The peer's event index lies in (from, to], modulo 2^32. */
    return index->to - event < index->to - index->from;
}
