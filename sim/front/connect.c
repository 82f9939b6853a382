/* SPDX-License-Identifier: MIT */
/*
 * Negotiation: the ring that the frontend offers, and what it learns of the backend.
 */
#include <errno.h>
#include <string.h>

#include "front/front.h"

/* ---- the ring ---- */

static int alloc_ring(struct front_queue *queue, uint32_t npages)
{
    struct wrg_front *front = queue->front;
    enum wrg_abi abi = (enum wrg_abi)front->port->params.abi;
    uint32_t entries = wrg_wire_ring_entries(abi, npages);
    struct wrg_alloc alloc = { .size =
                                   sizeof(struct front_ring) + entries * sizeof(struct front_slot),
                               .kind = WRG_ALLOC_HEAP,
                               .zero = true };
    int result = wrg_port_alloc(front->port, &alloc);

    if (result)
        return result;
    queue->ring = alloc.ptr;
    queue->ring->npages = npages;
    for (uint32_t i = 0; i < entries; i++)
        queue->ring->slots[i].next_free = (uint16_t)(i + 1 < entries ? i + 1 : FRONT_NO_SLOT);
    return 0;
}

static int share_ring(struct front_queue *queue)
{
    struct wrg_front *front = queue->front;
    struct front_ring *ring = queue->ring;
    uint32_t pages[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_page_alloc alloc = { .count = ring->npages, .zero = true };
    int result = wrg_port_page_alloc(front->port, &alloc);

    if (result)
        return result;
    ring->page = alloc.page;
    const struct wrg_ring_args args = { .port = front->port,
                                        .page = ring->page,
                                        .npages = (uint8_t)ring->npages,
                                        .abi = front->port->params.abi };
    wrg_front_ring_init(&ring->ring, &args);
    for (uint32_t i = 0; i < ring->npages; i++)
        pages[i] = ring->page + i;
    struct wrg_gnttab_grant grant = {
        .domid = front->bus.other_domid, .count = ring->npages, .pages = pages, .grefs = ring->grefs
    };
    result = wrg_port_gnttab_grant(front->port, &grant);
    if (result)
        ring->grefs[0] = WRG_NO_GREF;
    return result;
}

static int open_events(struct front_queue *queue)
{
    struct wrg_front *front = queue->front;
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = front->bus.other_domid };
    int result = wrg_port_evtchn_alloc_unbound(front->port, &alloc);

    if (result)
        return result;
    queue->ring->evtchn = alloc.evtchn;
    struct wrg_evtchn_listen listen = { .evtchn = alloc.evtchn, .task = queue->task };
    return wrg_port_evtchn_listen(front->port, &listen);
}

static int set_up_queue(struct front_queue *queue, uint32_t npages)
{
    int result = alloc_ring(queue, npages);

    if (!result)
        result = share_ring(queue);
    if (!result)
        result = open_events(queue);
    return result;
}

/* ---- nodes ---- */

/*
 * One page goes by the old name: a ring-page-order, even of 0, would ask for ring-ref0. One that an
 * earlier connection with more pages has left behind would ask for grants that are over.
 */
static int write_ring_ref(struct wrg_front *front, uint32_t transaction)
{
    struct wrg_xs_rm stale = { .transaction = transaction,
                               .dir = front->bus.dir,
                               .name = "ring-page-order" };
    int result = wrg_port_xs_rm(front->port, &stale); /* 0 also where there is none */

    if (!result)
        result = wrg_xenbus_write_u64(&front->bus, transaction, "ring-ref",
                                      front->queues[0].ring->grefs[0]);
    return result;
}

static int write_ring_refs(struct wrg_front *front, uint32_t transaction)
{
    const struct front_ring *ring = front->queues[0].ring;
    char name[] = "ring-ref00";
    int result;

    if (ring->npages == 1)
        return write_ring_ref(front, transaction);
    result = wrg_xenbus_write_u64(&front->bus, transaction, "ring-page-order",
                                  (uint64_t)__builtin_ctz(ring->npages));
    for (uint32_t i = 0; i < ring->npages && !result; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        result = wrg_xenbus_write_u64(&front->bus, transaction, name, ring->grefs[i]);
    }
    return result;
}

static int write_nodes(void *ctx, uint32_t transaction)
{
    struct wrg_front *front = ctx;
    enum wrg_abi abi = (enum wrg_abi)front->port->params.abi;
    int result = write_ring_refs(front, transaction);

    if (!result)
        result = wrg_xenbus_write_u64(&front->bus, transaction, "event-channel",
                                      front->queues[0].ring->evtchn);
    if (!result)
        result = wrg_xenbus_write_text(&front->bus, transaction, "protocol",
                                       wrg_wire_protocol_name(abi));
    if (!result)
        result = wrg_xenbus_write_u64(&front->bus, transaction, "feature-persistent", 0);
    return result;
}

int wrg_front_set_up(struct wrg_front *front)
{
    uint32_t order = wrg_xenbus_read_unsigned(&front->bus, "max-ring-page-order", 0);
    int result;

    wrg_port_section(front->port, WRG_AT_CONNECT, 1);
    if (order > front->port->params.ring_order)
        order = front->port->params.ring_order;
    result = set_up_queue(&front->queues[0], 1u << order);
    if (!result)
        result = wrg_xenbus_transact(&front->bus, write_nodes, front);
    if (result)
        wrg_front_tear_down(front);
    return result;
}

/* Segments a request may have: what both sides take, in 8 indirect pages at most. */
static uint32_t segment_limit(struct wrg_front *front)
{
    uint32_t offered = wrg_xenbus_read_unsigned(&front->bus, "feature-max-indirect-segments", 0);

    if (offered > front->port->params.indirect_max)
        offered = front->port->params.indirect_max;
    if (offered > WRG_BLKIF_MAX_INDIRECT_SEGMENTS)
        offered = WRG_BLKIF_MAX_INDIRECT_SEGMENTS;
    if (offered < WRG_BLKIF_MAX_DIRECT_SEGMENTS)
        offered = WRG_BLKIF_MAX_DIRECT_SEGMENTS;
    return offered;
}

/* What is not told, or makes no sense, is as if any sector could be discarded. */
static void read_discard(struct wrg_front *front)
{
    struct wrg_xenbus_device *bus = &front->bus;
    uint32_t granularity, alignment;

    front->discard = front->discard_secure = false;
    if (!front->port->params.discard || !wrg_xenbus_read_unsigned(bus, "feature-discard", 0))
        return;
    granularity = wrg_xenbus_read_unsigned(bus, "discard-granularity", 0);
    alignment = wrg_xenbus_read_unsigned(bus, "discard-alignment", 0);
    if (granularity == 0 || granularity % WRG_SECTOR_SIZE)
        granularity = WRG_SECTOR_SIZE;
    if (alignment >= granularity || alignment % WRG_SECTOR_SIZE)
        alignment = 0;
    front->discard = true;
    front->discard_secure = wrg_xenbus_read_unsigned(bus, "discard-secure", 0) != 0;
    front->discard_granularity_bytes = granularity;
    front->discard_alignment_bytes = alignment;
}

static int tell_block_layer(struct wrg_front *front, uint64_t sectors)
{
    struct wrg_blk_ready ready = { .sectors = sectors,
                                   .sector_size_bytes = WRG_SECTOR_SIZE,
                                   .vdisk_info = wrg_xenbus_read_unsigned(&front->bus, "info", 0),
                                   .max_segments = front->max_segments,
                                   .flush = front->flush || front->barrier,
                                   .barrier = front->barrier,
                                   .discard = front->discard,
                                   .discard_secure = front->discard_secure,
                                   .discard_granularity_bytes = front->discard_granularity_bytes,
                                   .discard_alignment_bytes = front->discard_alignment_bytes };

    front->sectors = sectors;
    return wrg_port_blk_ready(front->port, &ready);
}

int wrg_front_connect(struct wrg_front *front)
{
    uint64_t sectors = wrg_xenbus_read_u64(&front->bus, "sectors", 0);
    uint32_t size = wrg_xenbus_read_unsigned(&front->bus, "sector-size", WRG_SECTOR_SIZE);

    if (sectors == 0 || size != WRG_SECTOR_SIZE)
        return -EINVAL;
    front->max_segments = segment_limit(front);
    front->flush = wrg_xenbus_read_unsigned(&front->bus, "feature-flush-cache", 0) != 0;
    front->barrier = front->port->params.barrier &&
                     wrg_xenbus_read_unsigned(&front->bus, "feature-barrier", 0) != 0;
    read_discard(front);
    return tell_block_layer(front, sectors);
}

int wrg_front_look_again(struct wrg_front *front)
{
    uint64_t sectors = wrg_xenbus_read_u64(&front->bus, "sectors", 0);

    /* A disk of nothing is no disk: what was there is believed. */
    return sectors && sectors != front->sectors ? tell_block_layer(front, sectors) : 0;
}

/* ---- the end ---- */

static void fail_outstanding(struct front_queue *queue)
{
    struct front_ring *ring = queue->ring;
    uint32_t entries = ring->ring.ring.entries;

    for (uint32_t i = 0; i < entries; i++)
        if (ring->slots[i].io)
            wrg_front_finish(queue, &ring->slots[i], -EIO);
}

static void unshare_ring(struct front_queue *queue)
{
    struct front_ring *ring = queue->ring;
    bool granted = ring->grefs[0] != WRG_NO_GREF;

    for (uint32_t i = 0; ring->page && i < ring->npages; i++)
        (void)wrg_front_unshare(queue, granted ? ring->grefs[i] : WRG_NO_GREF, ring->page + i);
}

static void free_ring(struct front_queue *queue)
{
    struct wrg_port *port = queue->port;
    struct front_ring *ring = queue->ring;

    if (ring->page) {
        fail_outstanding(queue);
        wrg_ring_retire(&ring->ring.ring);
    }
    if (ring->evtchn) {
        struct wrg_evtchn_close close = { .evtchn = ring->evtchn };
        (void)wrg_port_evtchn_close(port, &close);
    }
    unshare_ring(queue);
    struct wrg_free args = { .ptr = ring };
    queue->ring = NULL;
    (void)wrg_port_free(port, &args);
}

void wrg_front_tear_down(struct wrg_front *front)
{
    for (unsigned i = 0; i < front->nqueues; i++) {
        struct front_queue *queue = &front->queues[i];
        struct wrg_lock_take take = { .lock = queue->ring_lock };
        struct wrg_lock_drop drop = { .lock = queue->ring_lock };
        (void)wrg_port_lock_take(front->port, &take);
        wrg_port_section(front->port, WRG_AT_CLOSE, 1);
        if (queue->ring)
            free_ring(queue);
        (void)wrg_port_lock_drop(front->port, &drop);
    }
}
