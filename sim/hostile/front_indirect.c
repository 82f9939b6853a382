/* SPDX-License-Identifier: MIT */
/*
 * Pages that hold the segments of indirect requests. They belong to the ring slot of the request,
 * and go back when the slot is used again, or nothing is outstanding any more.
 */
#include <string.h>

#include "hostile/front.h"

enum { SEGMENT_BYTES = 8 };

static uint32_t written_segments(uint32_t nseg)
{
    return nseg < WRG_BLKIF_MAX_INDIRECT_SEGMENTS ? nseg : WRG_BLKIF_MAX_INDIRECT_SEGMENTS;
}

static void fill_page(struct front_queue *queue, uint32_t page, uint32_t first, uint32_t count)
{
    const struct front_link *link = queue->link;
    uint8_t bytes[WRG_PAGE_SIZE];

    for (uint32_t i = 0; i < count; i++) {
        uint32_t data = wrg_hostile_front_data_index(link, first + i);
        const struct wrg_blkif_segment seg = { .gref = link->data[data],
                                               .first_sect = 0,
                                               .last_sect = WRG_BLKIF_SECTORS_PER_PAGE - 1 };
        wrg_wire_put_segment(bytes, i, &seg);
    }
    wrg_page_store(queue->port, page, 0, bytes, count * SEGMENT_BYTES, WRG_SITE_SCRIPT);
}

static void fill_pages(struct front_queue *queue, uint32_t page, uint32_t nseg)
{
    for (uint32_t first = 0; first < nseg; first += WRG_BLKIF_SEGMENTS_PER_PAGE) {
        uint32_t left = nseg - first;
        uint32_t k = first / WRG_BLKIF_SEGMENTS_PER_PAGE;
        fill_page(queue, page + k, first,
                  left < WRG_BLKIF_SEGMENTS_PER_PAGE ? left : WRG_BLKIF_SEGMENTS_PER_PAGE);
    }
}

static bool grant_pages(struct front_queue *queue, struct front_slot *slot, uint32_t page,
                        uint32_t count)
{
    uint32_t pages[WRG_BLKIF_MAX_INDIRECT_PAGES];
    uint32_t grefs[WRG_BLKIF_MAX_INDIRECT_PAGES];
    struct wrg_gnttab_grant grant = { .domid = queue->front->peer.bus.other_domid,
                                      .readonly = !queue->front->peer.port->params.persistent,
                                      .count = count,
                                      .pages = pages,
                                      .grefs = grefs };

    for (uint32_t i = 0; i < count; i++)
        pages[i] = page + i;
    if (wrg_port_gnttab_grant(queue->port, &grant))
        return false;
    for (uint32_t i = 0; i < count; i++)
        slot->pages[i] = (struct front_share){ .gref = grefs[i], .page = pages[i] };
    slot->count = (uint8_t)count;
    return true;
}

bool wrg_hostile_front_share_indirect(struct front_queue *queue, struct front_slot *slot,
                                      const struct wrg_hostile_req *args)
{
    struct wrg_page_alloc alloc = { .count = wrg_wire_indirect_count(args->nseg), .zero = true };

    if (alloc.count == 0)
        return true;
    if (wrg_port_page_alloc(queue->port, &alloc))
        return false;
    fill_pages(queue, alloc.page, written_segments(args->nseg));
    if (grant_pages(queue, slot, alloc.page, alloc.count))
        return true;
    struct wrg_page_free args_free = { .page = alloc.page, .count = alloc.count };
    (void)wrg_port_page_free(queue->port, &args_free);
    return false;
}

void wrg_hostile_front_reclaim(struct front_queue *queue, struct front_slot *slot)
{
    struct front_link *link = queue->link;

    for (uint32_t i = 0; i < slot->count; i++) {
        struct front_share *share = &slot->pages[i];
        struct wrg_page_free args = { .page = share->page, .count = 1 };
        if (wrg_hostile_front_end(queue, link, &share->gref, false))
            (void)wrg_port_page_free(queue->port, &args);
        else if (link->nkept < FRONT_KEPT)
            link->kept[link->nkept++] = *share;
    }
    slot->count = 0;
}

void wrg_hostile_front_reclaim_all(struct front_queue *queue)
{
    struct front_link *link = queue->link;
    uint32_t entries = link->ring.ring.entries;

    if (link->ring.req_prod - link->reclaimed > entries)
        link->reclaimed = link->ring.req_prod - entries;
    for (; link->reclaimed != link->ring.req_prod; link->reclaimed++)
        wrg_hostile_front_reclaim(queue, &link->slots[link->reclaimed & (entries - 1)]);
}
