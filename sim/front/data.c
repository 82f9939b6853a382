/* SPDX-License-Identifier: MIT */
/*
 * What a request shares with the backend: pages of data, of the block layer or bounce pages, and
 * pages of segments.
 */
#include <errno.h>

#include "front/front.h"

enum { GRANT_BATCH = 64 };

/* ---- data ---- */

/* Grants the data pages of a part; all or nothing. */
static int grant_data(struct wrg_front *front, struct front_slot *slot,
                      const struct front_part *part)
{
    uint32_t pages[GRANT_BATCH];
    uint32_t done = 0;

    while (done < part->nseg) {
        uint32_t left = part->nseg - done;
        const uint32_t count = left < GRANT_BATCH ? left : GRANT_BATCH;
        const struct wrg_vec *vec = part->io->vec + part->first_vec + done;
        struct wrg_gnttab_grant grant = { .domid = front->bus.other_domid,
                                          .readonly = part->io->op != WRG_IO_READ,
                                          .count = count,
                                          .pages = pages,
                                          .grefs = slot->grefs + done };
        for (uint32_t i = 0; i < count; i++)
            pages[i] = vec[i].page;
        int result = wrg_port_gnttab_grant(front->port, &grant);
        if (result) {
            struct wrg_gnttab_end end = { .count = done, .grefs = slot->grefs };
            if (done)
                (void)wrg_port_gnttab_end(front->port, &end);
            return result;
        }
        done += count;
    }
    return 0;
}

static int share_data(struct front_queue *queue, struct front_slot *slot,
                      const struct front_part *part)
{
    return queue->front->bounce ? wrg_front_bounce(queue, slot, part)
                                : grant_data(queue->front, slot, part);
}

static bool end_data_grants(struct front_queue *queue, struct front_slot *slot)
{
    struct wrg_gnttab_end end = { .count = slot->nseg, .grefs = slot->grefs };

    (void)wrg_port_gnttab_end(queue->port, &end);
    if (end.still_in_use == 0)
        return true;
    /* The pages are the block layer's: it is told to keep them. */
    wrg_front_keep(queue, slot->grefs, slot->nseg, WRG_NO_PAGE);
    return false;
}

/* One atomic step each: a grant is taken back, or it was in use, never first one then the other. */
static void unshare_data(struct front_queue *queue, struct front_slot *slot)
{
    struct front_io *io = slot->io;

    if (slot->nseg == 0)
        return;
    if (queue->front->bounce) {
        if (!wrg_front_unbounce(queue, slot))
            io->stuck = true;
    } else if (!end_data_grants(queue, slot)) {
        io->stuck = io->pages_kept = true;
    }
}

/* ---- pages of segments ---- */

static void write_segments(struct wrg_front *front, const struct front_slot *slot,
                           const struct front_part *part, uint32_t k, uint32_t page)
{
    uint8_t bytes[WRG_PAGE_SIZE];
    uint32_t first = k * WRG_BLKIF_SEGMENTS_PER_PAGE;
    uint32_t n = part->nseg - first;

    if (n > WRG_BLKIF_SEGMENTS_PER_PAGE)
        n = WRG_BLKIF_SEGMENTS_PER_PAGE;
    const struct wrg_vec *vec = part->io->vec + part->first_vec + first;
    const uint32_t *grefs = slot->grefs + first;
    wrg_front_put_segments(bytes, vec, grefs, part->shift, n);
    wrg_page_store(front->port, page, 0, bytes, n * FRONT_SEGMENT_BYTES, WRG_SITE_INDIRECT);
}

/* Writes the segments into pages of their own and grants them read-only. */
static int grant_segments(struct wrg_front *front, struct front_slot *slot,
                          const struct front_part *part)
{
    uint32_t count = wrg_wire_indirect_pages(part->nseg);
    struct wrg_page_alloc alloc = { .count = count, .zero = true };
    uint32_t pages[WRG_BLKIF_MAX_INDIRECT_PAGES];
    int result = wrg_port_page_alloc(front->port, &alloc);

    if (result)
        return result;
    for (uint32_t k = 0; k < count; k++) {
        pages[k] = alloc.page + k;
        write_segments(front, slot, part, k, pages[k]);
    }
    struct wrg_gnttab_grant grant = { .domid = front->bus.other_domid,
                                      .readonly = true,
                                      .count = count,
                                      .pages = pages,
                                      .grefs = slot->indirect_grefs };
    result = wrg_port_gnttab_grant(front->port, &grant);
    if (result) {
        struct wrg_page_free page = { .page = alloc.page, .count = count };
        (void)wrg_port_page_free(front->port, &page);
        return result;
    }
    slot->indirect_page = alloc.page;
    slot->nindirect = (uint8_t)count;
    return 0;
}

/* The same, in pages that stay granted. */
static int reuse_segments(struct front_queue *queue, struct front_slot *slot,
                          const struct front_part *part)
{
    uint32_t count = wrg_wire_indirect_pages(part->nseg);
    uint32_t pages[WRG_BLKIF_MAX_INDIRECT_PAGES];
    int result = wrg_front_take_indirect(queue, slot, count, pages);

    if (result)
        return result;
    for (uint32_t k = 0; k < count; k++)
        write_segments(queue->front, slot, part, k, pages[k]);
    slot->nindirect = (uint8_t)count;
    return 0;
}

static int share_segments(struct front_queue *queue, struct front_slot *slot,
                          const struct front_part *part)
{
    return queue->front->persistent ? reuse_segments(queue, slot, part)
                                    : grant_segments(queue->front, slot, part);
}

static void unshare_segments(struct front_queue *queue, struct front_slot *slot)
{
    if (queue->front->persistent) /* went with the data */
        return;
    for (uint32_t i = 0; i < slot->nindirect; i++)
        if (!wrg_front_unshare(queue, slot->indirect_grefs[i], slot->indirect_page + i))
            slot->io->stuck = true;
}

/* ---- a request ---- */

static int alloc_grefs(struct wrg_front *front, struct front_slot *slot, uint32_t nseg)
{
    struct wrg_alloc alloc = { .size = nseg * sizeof(uint32_t), .kind = WRG_ALLOC_POOL };

    slot->grefs = slot->inline_grefs;
    if (front->bounce && nseg)
        alloc.size = wrg_front_bounce_size(nseg);
    else if (nseg <= FRONT_INLINE_GREFS)
        return 0;
    int result = wrg_port_alloc(front->port, &alloc);
    if (!result)
        slot->grefs = alloc.ptr;
    return result;
}

static void free_grefs(struct wrg_front *front, struct front_slot *slot)
{
    struct wrg_free args = { .ptr = slot->grefs };

    if (slot->grefs != slot->inline_grefs)
        (void)wrg_port_free(front->port, &args);
    slot->grefs = NULL;
}

int wrg_front_share(struct front_queue *queue, struct front_slot *slot,
                    const struct front_part *part)
{
    struct wrg_front *front = queue->front;
    int result = alloc_grefs(front, slot, part->nseg);

    if (result)
        return result;
    slot->nseg = (uint16_t)part->nseg;
    slot->first_vec = (uint16_t)part->first_vec;
    slot->nindirect = 0;
    result = share_data(queue, slot, part);
    if (!result && part->nseg > WRG_BLKIF_MAX_DIRECT_SEGMENTS) {
        result = share_segments(queue, slot, part);
        if (result) {
            slot->io = part->io;
            unshare_data(queue, slot);
            slot->io = NULL;
        }
    }
    if (result)
        free_grefs(front, slot);
    return result;
}

void wrg_front_end_share(struct front_queue *queue, struct front_slot *slot)
{
    unshare_data(queue, slot);
    unshare_segments(queue, slot);
    free_grefs(queue->front, slot);
}
