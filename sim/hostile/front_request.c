/* SPDX-License-Identifier: MIT */
/*
 * Requests as a script wants them, and edits of the one that was put last.
 */
#include <string.h>

#include "hostile/front.h"

enum { SEGMENT_BYTES = 8, LAST_SECTOR = WRG_BLKIF_SECTORS_PER_PAGE - 1 };

/* ---- put ---- */

static void store_slot(struct front_queue *queue)
{
    const struct wrg_ring *ring = &queue->link->ring.ring;
    const struct front_last *last = &queue->link->last;
    enum wrg_abi abi = (enum wrg_abi)ring->abi;

    wrg_page_store(queue->port, ring->page, wrg_wire_slot_offset(abi, ring->entries, last->index),
                   last->bytes, wrg_wire_request_size(abi), WRG_SITE_SCRIPT);
}

static void fill_segments(const struct front_link *link, struct wrg_blkif_request *wire)
{
    for (uint32_t i = 0; i < WRG_BLKIF_MAX_DIRECT_SEGMENTS; i++) {
        uint32_t data = wrg_hostile_front_data_index(link, i);
        wire->seg[i] =
            (struct wrg_blkif_segment){ .gref = link->data[data], .last_sect = LAST_SECTOR };
    }
}

static void encode(struct front_link *link, const struct wrg_hostile_req *args)
{
    const struct front_slot *slot = wrg_hostile_front_last_slot(link);
    struct wrg_blkif_request wire;

    memset(&wire, 0, sizeof(wire));
    wire.operation = args->op;
    wire.indirect_op = args->inner;
    wire.nr_segments = args->nseg;
    wire.handle = args->handle == WRG_HOSTILE_AUTO_HANDLE ? link->handle : args->handle;
    wire.flag = args->flag;
    wire.id = args->id == WRG_HOSTILE_AUTO64 ? link->last.ordinal : args->id;
    wire.sector_number = args->sector;
    wire.nr_sectors = args->nr_sectors;
    fill_segments(link, &wire);
    for (uint32_t i = 0; i < slot->count; i++)
        wire.indirect_grefs[i] = slot->pages[i].gref;
    memset(link->last.bytes, 0, sizeof(link->last.bytes));
    (void)wrg_wire_put_request((enum wrg_abi)link->ring.ring.abi, &wire, link->last.bytes);
}

/* A ring that is full of requests nobody has consumed is no reason to stop. */
static bool put_request(struct front_queue *queue, const struct wrg_hostile_req *args)
{
    struct front_link *link = queue->link;
    struct front_slot *slot;

    link->last = (struct front_last){ .operation = args->op,
                                      .index = link->ring.req_prod,
                                      .ordinal = queue->front->requests + 1 };
    slot = wrg_hostile_front_last_slot(link);
    wrg_hostile_front_reclaim(queue, slot);
    if (args->op == WRG_BLKIF_OP_INDIRECT && !wrg_hostile_front_share_indirect(queue, slot, args))
        return false;
    encode(link, args);
    store_slot(queue);
    link->ring.req_prod++;
    link->last.valid = true;
    queue->front->requests++;
    return true;
}

/* ---- edit ---- */

struct edit { /* of segments [index, end) */
    uint32_t index, end;
    const struct wrg_hostile_seg *seg; /* bounds and gref, or NULL */
    uint8_t kind;                      /* of the gref, where seg is NULL */
};

static bool edit_segment(struct front_queue *queue, const struct edit *edit, uint32_t i,
                         uint8_t *entry)
{
    struct wrg_blkif_segment seg;

    wrg_wire_get_segment(entry, 0, &seg);
    if (edit->seg) {
        seg.first_sect = edit->seg->first;
        seg.last_sect = edit->seg->last;
        if (edit->seg->gref != WRG_HOSTILE_AUTO32)
            seg.gref = edit->seg->gref;
    } else if (!wrg_hostile_front_gref(queue, edit->kind, i, &seg.gref)) {
        return false;
    }
    wrg_wire_put_segment(entry, 0, &seg);
    return true;
}

static bool edit_direct(struct front_queue *queue, const struct edit *edit)
{
    struct front_last *last = &queue->link->last;
    uint32_t shift = wrg_wire_shift((enum wrg_abi)queue->link->ring.ring.abi);
    uint8_t *entries = last->bytes + WRG_WIRE_AT(shift, blkif_request, seg);
    bool edited = false;

    for (uint32_t i = edit->index; i < edit->end && i < WRG_BLKIF_MAX_DIRECT_SEGMENTS; i++)
        edited |= edit_segment(queue, edit, i, entries + (size_t)i * SEGMENT_BYTES);
    if (edited)
        store_slot(queue);
    return edited;
}

/* The part of the edit that lies in indirect page k, in one load and one store. */
static bool edit_page(struct front_queue *queue, const struct edit *edit, uint32_t page, uint32_t k)
{
    uint32_t base = k * WRG_BLKIF_SEGMENTS_PER_PAGE;
    uint32_t end = base + WRG_BLKIF_SEGMENTS_PER_PAGE;
    uint32_t first = edit->index > base ? edit->index : base;
    uint32_t off = (first - base) * SEGMENT_BYTES;
    uint8_t bytes[WRG_PAGE_SIZE];
    bool edited = false;

    if (end > edit->end)
        end = edit->end;
    if (first >= end)
        return false;
    wrg_page_load(queue->port, page, off, bytes, (end - first) * SEGMENT_BYTES, WRG_SITE_SCRIPT);
    for (uint32_t i = first; i < end; i++)
        edited |= edit_segment(queue, edit, i, bytes + (size_t)(i - first) * SEGMENT_BYTES);
    if (edited)
        wrg_page_store(queue->port, page, off, bytes, (end - first) * SEGMENT_BYTES,
                       WRG_SITE_SCRIPT);
    return edited;
}

static bool edit_segments(struct front_queue *queue, const struct edit *edit)
{
    const struct front_slot *slot = wrg_hostile_front_last_slot(queue->link);
    bool edited = false;

    if (queue->link->last.operation == WRG_BLKIF_OP_DISCARD)
        return false;
    if (queue->link->last.operation != WRG_BLKIF_OP_INDIRECT)
        return edit_direct(queue, edit);
    for (uint32_t k = 0; k < slot->count; k++)
        edited |= edit_page(queue, edit, slot->pages[k].page, k);
    return edited;
}

/* Grefs of indirect pages, in the slot itself; those beyond the pages in use as well. */
static bool edit_indirect(struct front_queue *queue, const struct wrg_hostile_grant *args)
{
    struct front_link *link = queue->link;
    const struct front_slot *slot = wrg_hostile_front_last_slot(link);
    uint32_t shift = wrg_wire_shift((enum wrg_abi)link->ring.ring.abi);
    uint8_t *grefs = link->last.bytes + WRG_WIRE_AT(shift, blkif_request_indirect, indirect_grefs);
    uint32_t end = (uint32_t)args->index + args->count;
    bool original = args->kind == WRG_HOSTILE_GOOD || args->kind == WRG_HOSTILE_READONLY;
    bool edited = false;

    if (link->last.operation != WRG_BLKIF_OP_INDIRECT)
        return false;
    for (uint32_t i = args->index; i < end && i < WRG_BLKIF_MAX_INDIRECT_PAGES; i++) {
        uint32_t gref = i < slot->count ? slot->pages[i].gref : 0;
        if (!original && !wrg_hostile_front_gref(queue, args->kind, i, &gref))
            continue;
        wrg_wire_store32(grefs + (size_t)i * sizeof(gref), gref);
        edited = true;
    }
    if (edited)
        store_slot(queue);
    return edited;
}

static bool regrant(struct front_queue *queue, const struct wrg_hostile_grant *args)
{
    const struct edit edit = { .index = args->index,
                               .end = (uint32_t)args->index + args->count,
                               .kind = args->kind };

    return args->indirect ? edit_indirect(queue, args) : edit_segments(queue, &edit);
}

/* ---- fill ---- */

static void fill_page(struct front_queue *queue, uint32_t page, uint64_t seed)
{
    uint8_t bytes[WRG_PAGE_SIZE];

    for (uint32_t off = 0; off < WRG_PAGE_SIZE; off += sizeof(uint64_t)) {
        /* splitmix64 */
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        wrg_wire_store64(bytes + off, z ^ (z >> 31));
    }
    wrg_page_store(queue->port, page, 0, bytes, sizeof(bytes), WRG_SITE_SCRIPT);
}

static bool fill(struct front_queue *queue, const struct wrg_hostile_fill *args)
{
    struct front_link *link = queue->link;
    const struct front_slot *slot = wrg_hostile_front_last_slot(link);
    uint32_t limit = args->indirect ? slot->count : (uint32_t)args->index + FRONT_DATA_PAGES;
    uint32_t end = (uint32_t)args->index + args->count;

    if (end > limit)
        end = limit;
    for (uint32_t i = args->index; i < end; i++) {
        uint32_t page = args->indirect ? slot->pages[i].page
                                       : link->data_page + wrg_hostile_front_data_index(link, i);
        fill_page(queue, page, (uint64_t)args->seed << 32 | i);
    }
    return args->index < end;
}

/* ---- called by a script ---- */

struct front_queue *wrg_hostile_front_queue(struct hostile_front *front, uint32_t queue)
{
    if (queue >= front->nqueues || !front->queues[queue].link)
        return NULL;
    front->queues[queue].link->touched = true;
    return &front->queues[queue];
}

/* Whose request was put last; NULL: there is none. Takes the lock in any case. */
static struct front_queue *lock_last(struct hostile_front *front)
{
    struct front_queue *queue;

    wrg_hostile_peer_lock(&front->peer);
    queue = wrg_hostile_front_queue(front, front->last);
    return queue && queue->link->last.valid ? queue : NULL;
}

bool wrg_hostile_request(void *self, const struct wrg_hostile_req *args)
{
    struct hostile_front *front = self;
    struct front_queue *queue;
    bool effect;

    wrg_hostile_peer_lock(&front->peer);
    queue = wrg_hostile_front_queue(front, args->queue);
    effect = queue && put_request(queue, args);
    if (effect)
        front->last = args->queue;
    wrg_hostile_peer_unlock(&front->peer);
    return effect;
}

bool wrg_hostile_segment(void *self, const struct wrg_hostile_seg *args)
{
    struct hostile_front *front = self;
    const struct edit edit = { .index = args->index,
                               .end = (uint32_t)args->index + args->count,
                               .seg = args };
    struct front_queue *queue = lock_last(front);
    bool effect = queue && edit_segments(queue, &edit);

    wrg_hostile_peer_unlock(&front->peer);
    return effect;
}

bool wrg_hostile_regrant(void *self, const struct wrg_hostile_grant *args)
{
    struct hostile_front *front = self;
    struct front_queue *queue = lock_last(front);
    bool effect = queue && regrant(queue, args);

    wrg_hostile_peer_unlock(&front->peer);
    return effect;
}

bool wrg_hostile_fill(void *self, const struct wrg_hostile_fill *args)
{
    struct hostile_front *front = self;
    struct front_queue *queue = lock_last(front);
    bool effect = queue && fill(queue, args);

    wrg_hostile_peer_unlock(&front->peer);
    return effect;
}
