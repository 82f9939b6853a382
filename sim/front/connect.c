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
    struct wrg_alloc alloc = { .size = sizeof(struct front_ring) +
                                       entries * sizeof(struct front_slot) +
                                       wrg_front_pool_size(front),
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
                                        .abi = front->port->params.abi,
                                        .queue = (uint8_t)(queue - front->queues) };
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

/* Its task may look for a ring at any time: there is none before the lock is dropped. */
static int set_up_queue(struct front_queue *queue, uint32_t npages)
{
    int result;

    wrg_port_lock(queue->port, queue->ring_lock);
    result = alloc_ring(queue, npages);
    if (!result)
        result = share_ring(queue);
    if (!result)
        result = open_events(queue);
    wrg_port_unlock(queue->port, queue->ring_lock);
    return result;
}

/* ---- nodes ---- */

/* The directory of a queue, if there are several; behind it there is room for a node. */
static char *queue_dir(const struct wrg_front *front, unsigned index, char name[32])
{
    char *end = name;

    if (front->nrings == 1)
        return end;
    memcpy(name, "queue-", sizeof("queue-"));
    end += sizeof("queue-") - 1;
    end += wrg_format_u64(index, end);
    *end++ = '/';
    return end;
}

static int write_queue(struct wrg_front *front, uint32_t transaction, unsigned index)
{
    const struct front_ring *ring = front->queues[index].ring;
    char name[32];
    char *end = queue_dir(front, index, name);
    int result;

    *end = '\0';
    result = wrg_front_write_ring_refs(front, transaction, name, ring);
    memcpy(end, "event-channel", sizeof("event-channel"));
    if (!result)
        result = wrg_xenbus_write_u64(&front->bus, transaction, name, ring->evtchn);
    return result;
}

/* A number of queues that an earlier connection has left would be believed by who reads it. */
static int write_numbers(struct wrg_front *front, uint32_t transaction)
{
    int result = wrg_front_write_ring_size(front, transaction, front->queues[0].ring->npages);

    if (!result && front->nrings > 1)
        result =
            wrg_xenbus_write_u64(&front->bus, transaction, "multi-queue-num-queues", front->nrings);
    else if (!result && front->queues_offered)
        result = wrg_xenbus_remove(&front->bus, transaction, "multi-queue-num-queues");
    return result;
}

static int write_nodes(void *ctx, uint32_t transaction)
{
    struct wrg_front *front = ctx;
    enum wrg_abi abi = (enum wrg_abi)front->port->params.abi;
    int result = write_numbers(front, transaction);

    for (unsigned i = 0; i < front->nrings && !result; i++)
        result = write_queue(front, transaction, i);
    if (!result)
        result = wrg_xenbus_write_text(&front->bus, transaction, "protocol",
                                       wrg_wire_protocol_name(abi));
    if (!result)
        result = wrg_xenbus_write_u64(&front->bus, transaction, "feature-persistent",
                                      front->port->params.persistent);
    return result;
}

/* ---- how many queues ---- */

/* As many as both ends have; one, too, where nobody speaks of queues, or of none. */
static uint32_t agree_on_queues(struct wrg_front *front)
{
    uint32_t count = 1;

    front->queues_offered = wrg_xenbus_read_u32(&front->bus, "multi-queue-max-queues", &count) == 0;
    if (count > front->port->params.queues)
        count = front->port->params.queues;
    if (count > FRONT_QUEUES)
        count = FRONT_QUEUES;
    return count ? count : 1;
}

/* A toolstack that says nothing trusts it; where what it says cannot be read, nobody does. */
static bool backend_is_trusted(struct wrg_front *front)
{
    char text[16];
    uint64_t value;
    int result = wrg_xenbus_read_own_text(&front->bus, "trusted", text, sizeof(text));

    if (result)
        return result == -ENOENT;
    return wrg_scan_u64(text, &value) || value != 0;
}

int wrg_front_set_up(struct wrg_front *front)
{
    uint32_t npages = wrg_front_ring_pages(front);
    uint32_t count;
    int result = 0;

    wrg_port_section(front->port, WRG_AT_CONNECT, 1);
    front->persistent = false;
    front->bounce = !backend_is_trusted(front);
    count = agree_on_queues(front);
    while (!result && front->nqueues < count)
        result = wrg_front_create_queue(front);
    if (!result)
        wrg_front_spread(front, (uint8_t)count);
    for (unsigned i = 0; i < count && !result; i++)
        result = set_up_queue(&front->queues[i], npages);
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
    uint32_t block_bytes = WRG_SECTOR_SIZE << front->units.block;
    if (granularity == 0 || granularity % block_bytes)
        granularity = block_bytes;
    if (alignment >= granularity || alignment % block_bytes)
        alignment = 0;
    front->discard = true;
    front->discard_secure = wrg_xenbus_read_unsigned(bus, "discard-secure", 0) != 0;
    front->discard_granularity_bytes = granularity;
    front->discard_alignment_bytes = alignment;
}

/* In sectors of 512 bytes, and whole blocks of them; 0: it makes no sense. */
static uint64_t read_sectors(struct wrg_front *front)
{
    uint64_t number = wrg_xenbus_read_u64(&front->bus, "sectors", 0);

    if (number > UINT64_MAX >> front->units.node)
        return 0;
    return number << front->units.node & ~(uint64_t)wrg_block_mask(&front->units);
}

/* One that is no block, or less than one, is no use. */
static uint32_t read_physical_bytes(struct wrg_front *front)
{
    uint32_t block_bytes = WRG_SECTOR_SIZE << front->units.block;
    uint32_t bytes = wrg_xenbus_read_unsigned(&front->bus, "physical-sector-size", block_bytes);

    return bytes < block_bytes || (bytes & (bytes - 1)) ? block_bytes : bytes;
}

static void keep_to(struct wrg_front *front, uint32_t vdisk_info)
{
    uint32_t mask = wrg_block_mask(&front->units);

    __atomic_store_n(&front->block_mask, mask, __ATOMIC_RELAXED);
    __atomic_store_n(&front->offset_mask, front->units.segment ? mask : 0, __ATOMIC_RELAXED);
    __atomic_store_n(&front->readonly, (vdisk_info & WRG_VDISK_READONLY) != 0, __ATOMIC_RELAXED);
}

static int tell_block_layer(struct wrg_front *front, uint64_t sectors)
{
    struct wrg_blk_ready ready = { .sectors = sectors,
                                   .sector_size_bytes = WRG_SECTOR_SIZE << front->units.block,
                                   .physical_size_bytes = read_physical_bytes(front),
                                   .vdisk_info = wrg_xenbus_read_unsigned(&front->bus, "info", 0),
                                   .max_segments = front->max_segments,
                                   .flush = front->flush || front->barrier,
                                   .barrier = front->barrier,
                                   .discard = front->discard,
                                   .discard_secure = front->discard_secure,
                                   .discard_granularity_bytes = front->discard_granularity_bytes,
                                   .discard_alignment_bytes = front->discard_alignment_bytes };

    front->sectors = sectors;
    keep_to(front, ready.vdisk_info);
    return wrg_port_blk_ready(front->port, &ready);
}

static int refuse(struct wrg_front *front, const char *why)
{
    front->refusal = why;
    return -EINVAL;
}

int wrg_front_connect(struct wrg_front *front)
{
    uint32_t size = wrg_xenbus_read_unsigned(&front->bus, "sector-size", WRG_SECTOR_SIZE);
    uint64_t sectors;

    front->refusal = NULL;
    if (!wrg_block_is_valid(size))
        return refuse(front, "sector-size is no power of two from 512 to 4096");
    front->units = wrg_units_of(front->port->params.counting, size);
    sectors = read_sectors(front);
    if (sectors == 0)
        return refuse(front, "sectors is no size of a disk");
    front->max_segments = segment_limit(front);
    front->flush = wrg_xenbus_read_unsigned(&front->bus, "feature-flush-cache", 0) != 0;
    front->barrier = front->port->params.barrier &&
                     wrg_xenbus_read_unsigned(&front->bus, "feature-barrier", 0) != 0;
    read_discard(front);
    front->persistent = front->port->params.persistent &&
                        wrg_xenbus_read_unsigned(&front->bus, "feature-persistent", 0) != 0;
    front->bounce |= front->persistent;
    return tell_block_layer(front, sectors);
}

int wrg_front_look_again(struct wrg_front *front)
{
    uint64_t sectors = read_sectors(front);

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
        wrg_front_drop_grants(queue);
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
