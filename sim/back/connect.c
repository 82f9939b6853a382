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
    if (!result)
        result = wrg_back_publish_properties(back);
    if (result)
        return result;
    (void)wrg_port_lock_take(back->port, &take);
    back->hold = 0;
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
    (void)__atomic_fetch_or(&back->hold, BACK_STOPPING, __ATOMIC_SEQ_CST);
    (void)wrg_port_lock_take(back->port, &take);
    /* The disk still moves bytes of these: the last one that ends wakes the xenbus task again. */
    idle = wrg_back_is_idle(back);
    if (idle && back->queue)
        tear_down(back);
    (void)wrg_port_lock_drop(back->port, &drop);
    return idle;
}
