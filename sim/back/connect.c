/* SPDX-License-Identifier: MIT */
/*
 * Negotiation: how the backend takes up the frontend's ring, and how it lets go of it.
 */
#include <errno.h>
#include <string.h>

#include "back/back.h"

/* What a frontend that names no ABI speaks, as seen by a backend on x86. */
static const enum wrg_abi absent_abi = WRG_ABI_X86_32;

/* ---- what the frontend has written ---- */

struct frontend {
    enum wrg_abi abi;
    uint8_t npages;
    uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
    uint32_t evtchn;
};

static int read_ring_refs(struct wrg_back *back, struct frontend *peer)
{
    char name[] = "ring-ref00";
    uint32_t order;
    int result;

    /* What is no number counts as absent, and asks for the old name of a single page. */
    if (wrg_xenbus_read_u32(&back->bus, "ring-page-order", &order)) {
        peer->npages = 1;
        return wrg_xenbus_read_u32(&back->bus, "ring-ref", &peer->grefs[0]);
    }
    if (order > back->port->params.ring_order)
        return -EINVAL;
    peer->npages = (uint8_t)(1u << order);
    result = 0;
    for (unsigned i = 0; i < peer->npages && !result; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        result = wrg_xenbus_read_u32(&back->bus, name, &peer->grefs[i]);
    }
    return result;
}

static int read_frontend(struct wrg_back *back, struct frontend *peer)
{
    char protocol[32];
    int result = wrg_xenbus_read_text(&back->bus, "protocol", protocol, sizeof(protocol));

    peer->abi = absent_abi;
    if (result == -ENOENT)
        result = 0;
    else if (!result)
        result = wrg_wire_protocol_parse(protocol, &peer->abi);
    if (!result)
        result = wrg_xenbus_read_u32(&back->bus, "event-channel", &peer->evtchn);
    return result ? result : read_ring_refs(back, peer);
}

/* ---- the ring ---- */

static int map_ring(struct back_queue *queue, const struct frontend *peer)
{
    struct wrg_port *port = queue->port;
    struct wrg_gnttab_map_op ops[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_map map = {
        .domid = queue->back->bus.other_domid, .contiguous = true, .count = peer->npages, .ops = ops
    };

    memset(ops, 0, sizeof(ops));
    for (unsigned i = 0; i < peer->npages; i++)
        ops[i].gref = peer->grefs[i];
    int result = wrg_port_gnttab_map(port, &map);
    if (result)
        return result;
    queue->ring->page = ops[0].page;
    queue->ring->npages = peer->npages;
    return 0;
}

static void unmap_ring(struct back_queue *queue)
{
    struct back_ring *ring = queue->ring;
    uint32_t pages[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_unmap unmap = { .count = ring->npages, .pages = pages };

    for (unsigned i = 0; i < ring->npages; i++)
        pages[i] = ring->page + i;
    (void)wrg_port_gnttab_unmap(queue->port, &unmap);
    ring->npages = 0;
}

static int bind_events(struct back_queue *queue, const struct frontend *peer)
{
    struct wrg_port *port = queue->port;
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = queue->back->bus.other_domid,
                                                .remote_evtchn = peer->evtchn };
    int result = wrg_port_evtchn_bind_interdomain(port, &bind);

    if (result)
        return result;
    queue->ring->evtchn = bind.evtchn;
    struct wrg_evtchn_listen listen = { .evtchn = bind.evtchn, .task = queue->task };
    return wrg_port_evtchn_listen(port, &listen);
}

static int attach_ring(struct back_queue *queue, const struct frontend *peer)
{
    const struct wrg_ring_args args = { .port = queue->port,
                                        .page = queue->ring->page,
                                        .npages = peer->npages,
                                        .abi = (uint8_t)peer->abi };

    return wrg_back_ring_attach(&queue->ring->ring, &args);
}

static int alloc_ring(struct back_queue *queue)
{
    struct wrg_alloc alloc = { .size = sizeof(*queue->ring), .kind = WRG_ALLOC_HEAP, .zero = true };
    int result = wrg_port_alloc(queue->port, &alloc);

    if (!result)
        queue->ring = alloc.ptr;
    return result;
}

static void free_ring(struct back_queue *queue)
{
    struct wrg_free args = { .ptr = queue->ring };

    queue->ring = NULL;
    (void)wrg_port_free(queue->port, &args);
}

static void tear_down(struct back_queue *queue)
{
    struct back_ring *ring = queue->ring;

    if (ring->evtchn) {
        struct wrg_evtchn_close close = { .evtchn = ring->evtchn };
        (void)wrg_port_evtchn_close(queue->port, &close);
    }
    if (ring->npages) {
        if (ring->ring.ring.port)
            wrg_ring_retire(&ring->ring.ring);
        unmap_ring(queue);
    }
    free_ring(queue);
}

static int set_up(struct back_queue *queue, const struct frontend *peer)
{
    int result = alloc_ring(queue);

    if (!result)
        result = map_ring(queue, peer);
    if (!result)
        result = attach_ring(queue, peer);
    if (!result)
        result = bind_events(queue, peer);
    if (result && queue->ring)
        tear_down(queue);
    return result;
}

int wrg_back_connect(struct wrg_back *back)
{
    struct frontend peer = { .abi = absent_abi };
    struct back_queue *queue = &back->queues[0];
    int result;

    wrg_port_section(back->port, WRG_AT_CONNECT, 1);
    result = read_frontend(back, &peer);
    if (!result)
        result = wrg_back_publish_properties(back);
    if (result)
        return result;
    wrg_back_lock_rings(back);
    back->hold = 0;
    result = set_up(queue, &peer);
    wrg_back_unlock_rings(back);
    if (result)
        return result;
    /* The frontend may have put requests before it was heard. */
    struct wrg_task_wake wake = { .task = queue->task };
    return wrg_port_task_wake(back->port, &wake);
}

bool wrg_back_disconnect(struct wrg_back *back)
{
    bool idle = true;

    wrg_port_section(back->port, WRG_AT_CLOSE, 1);
    (void)__atomic_fetch_or(&back->hold, BACK_STOPPING, __ATOMIC_SEQ_CST);
    wrg_back_lock_rings(back);
    /* The disk still moves bytes of these: the last one that ends wakes the xenbus task again. */
    for (unsigned i = 0; i < back->nqueues && idle; i++)
        idle = wrg_back_is_idle(&back->queues[i]);
    for (unsigned i = 0; i < back->nqueues && idle; i++)
        if (back->queues[i].ring)
            tear_down(&back->queues[i]);
    wrg_back_unlock_rings(back);
    return idle;
}
