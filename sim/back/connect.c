/* SPDX-License-Identifier: MIT */
/*
 * Negotiation: what the backend publishes, how it takes up the frontend's ring, how it lets go of
 * it.
 */
#include <errno.h>
#include <string.h>

#include "back/back.h"

/* What a frontend that names no ABI speaks, as seen by a backend on x86. */
static const enum wrg_abi absent_abi = WRG_ABI_X86_32;

static int write_features(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;
    struct wrg_xenbus_device *bus = &back->bus;
    const struct {
        const char *name;
        uint64_t value;
        bool written;
    } nodes[] = {
        { "feature-max-indirect-segments", back->indirect_max,
          !back->port->params.indirect_absent },
        { "feature-flush-cache", back->flush, true },
        { "feature-barrier", 0, true },
        { "feature-persistent", 0, true },
        { "feature-discard", 0, true },
        { "max-ring-page-order", back->port->params.ring_order, true },
        { "sectors", back->sectors, true },
        { "sector-size", WRG_SECTOR_SIZE, true },
        { "physical-sector-size", WRG_SECTOR_SIZE, true },
        { "info", back->readonly ? WRG_VDISK_READONLY : 0, true },
    };

    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        if (!nodes[i].written)
            continue;
        int result = wrg_xenbus_write_u64(bus, transaction, nodes[i].name, nodes[i].value);
        if (result)
            return result;
    }
    return 0;
}

int wrg_back_publish(struct wrg_back *back)
{
    const struct wrg_params *params = &back->port->params;
    struct wrg_disk_info disk = { .sectors = 0 };
    int result = wrg_port_disk_info(back->port, &disk);

    if (result)
        return result;
    back->sectors = disk.sectors;
    back->readonly = disk.readonly;
    back->flush = disk.flush;
    back->indirect_max = params->indirect_absent ? 0 : params->indirect_max;
    if (back->indirect_max > WRG_BLKIF_MAX_INDIRECT_SEGMENTS)
        back->indirect_max = WRG_BLKIF_MAX_INDIRECT_SEGMENTS;
    return wrg_xenbus_transact(&back->bus, write_features, back);
}

/* ---- what the frontend has written ---- */

struct frontend {
    enum wrg_abi abi;
    uint8_t npages;
    uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
    uint32_t evtchn;
};

static int read_ring_refs(struct wrg_back *back, struct frontend *peer)
{
    uint64_t order = wrg_xenbus_read_u64(&back->bus, "ring-page-order", UINT64_MAX);
    char name[] = "ring-ref00";

    if (order == UINT64_MAX) {
        uint64_t gref = wrg_xenbus_read_u64(&back->bus, "ring-ref", UINT64_MAX);
        peer->npages = 1;
        peer->grefs[0] = (uint32_t)gref;
        return gref > UINT32_MAX ? -EINVAL : 0;
    }
    if (order > back->port->params.ring_order)
        return -EINVAL;
    peer->npages = (uint8_t)(1u << order);
    for (unsigned i = 0; i < peer->npages; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        uint64_t gref = wrg_xenbus_read_u64(&back->bus, name, UINT64_MAX);
        if (gref > UINT32_MAX)
            return -EINVAL;
        peer->grefs[i] = (uint32_t)gref;
    }
    return 0;
}

static int read_frontend(struct wrg_back *back, struct frontend *peer)
{
    char protocol[32];
    uint64_t evtchn = wrg_xenbus_read_u64(&back->bus, "event-channel", UINT64_MAX);
    int result = wrg_xenbus_read_text(&back->bus, "protocol", protocol, sizeof(protocol));

    if (evtchn > UINT32_MAX)
        return -EINVAL;
    peer->evtchn = (uint32_t)evtchn;
    peer->abi = absent_abi;
    if (result != -ENOENT)
        result = result ? result : wrg_wire_protocol_parse(protocol, &peer->abi);
    else
        result = 0;
    return result ? result : read_ring_refs(back, peer);
}

/* ---- the ring ---- */

static int map_ring(struct wrg_back *back, const struct frontend *peer)
{
    struct wrg_gnttab_map_op ops[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_map map = {
        .domid = back->bus.other_domid, .contiguous = true, .count = peer->npages, .ops = ops
    };

    memset(ops, 0, sizeof(ops));
    for (unsigned i = 0; i < peer->npages; i++)
        ops[i].gref = peer->grefs[i];
    int result = wrg_port_gnttab_map(back->port, &map);
    if (result)
        return result;
    back->queue->ring_page = ops[0].page;
    back->queue->ring_pages = peer->npages;
    return 0;
}

static void unmap_ring(struct wrg_back *back)
{
    uint32_t pages[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_unmap unmap = { .count = back->queue->ring_pages, .pages = pages };

    for (unsigned i = 0; i < back->queue->ring_pages; i++)
        pages[i] = back->queue->ring_page + i;
    (void)wrg_port_gnttab_unmap(back->port, &unmap);
    back->queue->ring_pages = 0;
}

static int bind_events(struct wrg_back *back, const struct frontend *peer)
{
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = back->bus.other_domid,
                                                .remote_evtchn = peer->evtchn };
    int result = wrg_port_evtchn_bind_interdomain(back->port, &bind);

    if (result)
        return result;
    back->queue->evtchn = bind.evtchn;
    struct wrg_evtchn_listen listen = { .evtchn = bind.evtchn, .task = back->ring_task };
    return wrg_port_evtchn_listen(back->port, &listen);
}

static int attach_ring(struct wrg_back *back, const struct frontend *peer)
{
    const struct wrg_ring_args args = { .port = back->port,
                                        .page = back->queue->ring_page,
                                        .npages = peer->npages,
                                        .abi = (uint8_t)peer->abi };

    return wrg_back_ring_attach(&back->queue->ring, &args);
}

static int alloc_queue(struct wrg_back *back)
{
    struct wrg_alloc alloc = { .size = sizeof(*back->queue), .kind = WRG_ALLOC_HEAP, .zero = true };
    int result = wrg_port_alloc(back->port, &alloc);

    if (!result)
        back->queue = alloc.ptr;
    return result;
}

static void free_queue(struct wrg_back *back)
{
    struct wrg_free args = { .ptr = back->queue };

    back->queue = NULL;
    (void)wrg_port_free(back->port, &args);
}

static void tear_down(struct wrg_back *back)
{
    struct back_queue *queue = back->queue;

    if (queue->evtchn) {
        struct wrg_evtchn_close close = { .evtchn = queue->evtchn };
        (void)wrg_port_evtchn_close(back->port, &close);
    }
    if (queue->ring_pages) {
        if (queue->ring.ring.port)
            wrg_ring_retire(&queue->ring.ring);
        unmap_ring(back);
    }
    free_queue(back);
}

static int set_up(struct wrg_back *back, const struct frontend *peer)
{
    int result = alloc_queue(back);

    if (!result)
        result = map_ring(back, peer);
    if (!result)
        result = attach_ring(back, peer);
    if (!result)
        result = bind_events(back, peer);
    if (result && back->queue)
        tear_down(back);
    return result;
}

int wrg_back_connect(struct wrg_back *back)
{
    struct frontend peer = { .abi = absent_abi };
    struct wrg_lock_take take = { .lock = back->ring_lock };
    struct wrg_lock_drop drop = { .lock = back->ring_lock };
    int result;

    wrg_port_section(back->port, WRG_AT_CONNECT, 1);
    result = read_frontend(back, &peer);
    if (result)
        return result;
    (void)wrg_port_lock_take(back->port, &take);
    back->stopping = false;
    result = set_up(back, &peer);
    (void)wrg_port_lock_drop(back->port, &drop);
    if (result)
        return result;
    /* The frontend may have put requests before it was heard. */
    struct wrg_task_wake wake = { .task = back->ring_task };
    return wrg_port_task_wake(back->port, &wake);
}

bool wrg_back_disconnect(struct wrg_back *back)
{
    struct wrg_lock_take take = { .lock = back->ring_lock };
    struct wrg_lock_drop drop = { .lock = back->ring_lock };
    bool idle;

    wrg_port_section(back->port, WRG_AT_CLOSE, 1);
    __atomic_store_n(&back->stopping, true, __ATOMIC_SEQ_CST);
    (void)wrg_port_lock_take(back->port, &take);
    /* The disk still moves bytes of these: the last one that ends wakes the xenbus task again. */
    idle = wrg_back_is_idle(back);
    if (idle && back->queue)
        tear_down(back);
    (void)wrg_port_lock_drop(back->port, &drop);
    return idle;
}
