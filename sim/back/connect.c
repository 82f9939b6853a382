/* SPDX-License-Identifier: MIT */
/*
 * Negotiation: how the backend takes up the frontend's ring, and how it lets go of it.
 */
#include <errno.h>
#include <string.h>

#include "back/data.h"

/* What a frontend that names no ABI speaks, as seen by a backend on x86. */
static const enum wrg_abi absent_abi = WRG_ABI_X86_32;

/* ---- what the frontend has written ---- */

struct peer_queue {
    uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
    uint32_t evtchn;
};

struct frontend {
    enum wrg_abi abi;
    struct back_ring_size size; /* of each ring */
    uint8_t nqueues;
    uint8_t way; /* enum back_way */
    struct peer_queue queues[BACK_QUEUES];
    const char *why; /* it is refused, if it is */
};

/* Who offers one queue does not speak of them, and does not listen either. */
static int read_queues(struct wrg_back *back, struct frontend *peer)
{
    uint32_t count = 1;
    int result = 0;

    if (back->max_queues > 1)
        result = wrg_xenbus_read_u32(&back->bus, "multi-queue-num-queues", &count);
    if (result == -ENOENT) {
        count = 1;
        result = 0;
    }
    if (result || count == 0 || count > back->max_queues) {
        peer->why = "frontend asks for no queue, or for more than there are";
        return result ? result : -ENOSYS;
    }
    peer->nqueues = (uint8_t)count;
    return 0;
}

static int read_queue(struct wrg_back *back, struct frontend *peer, unsigned index)
{
    struct peer_queue *queue = &peer->queues[index];
    char name[32] = "";
    char *end = name;
    int result;

    if (peer->nqueues > 1) { /* a single one lies where it lay before there were several */
        memcpy(name, "queue-", sizeof("queue-"));
        end = name + sizeof("queue-") - 1;
        end += wrg_format_u64(index, end);
        *end++ = '/';
    }
    memcpy(end, "event-channel", sizeof("event-channel"));
    result = wrg_xenbus_read_u32(&back->bus, name, &queue->evtchn);
    if (result)
        peer->why = "event-channel is missing, or no number";
    *end = '\0';
    if (!result) {
        result = wrg_back_read_ring_refs(back, name, &peer->size, queue->grefs);
        if (result)
            peer->why = "a ring-ref is missing, or no number";
    }
    if (result && peer->nqueues > 1)
        peer->why = "reading the rings of the frontend's queues";
    return result;
}

/* Read once: what the frontend writes later is for its next connection. */
static uint8_t choose_way(struct wrg_back *back)
{
    if (back->port->params.copy)
        return BACK_COPY;
    return wrg_back_offers_persistent(back) &&
                   wrg_xenbus_read_unsigned(&back->bus, "feature-persistent", 0)
               ? BACK_PERSISTENT
               : BACK_MAP;
}

static int read_protocol(struct wrg_back *back, struct frontend *peer)
{
    char protocol[32];
    int result = wrg_xenbus_read_text(&back->bus, "protocol", protocol, sizeof(protocol));

    peer->abi = absent_abi;
    if (result == -ENOENT)
        return 0;
    if (!result && wrg_wire_protocol_parse(protocol, &peer->abi))
        result = -ENOSYS; /* not a mistake: an ABI of others */
    if (result)
        peer->why = "protocol is none that is spoken here";
    return result;
}

static int read_frontend(struct wrg_back *back, struct frontend *peer)
{
    int result = read_protocol(back, peer);

    if (!result)
        result = read_queues(back, peer);
    if (!result)
        result = wrg_back_read_ring_size(back, &peer->size, &peer->why);
    for (unsigned i = 0; !result && i < peer->nqueues; i++)
        result = read_queue(back, peer, i);
    if (!result)
        peer->way = choose_way(back);
    return result;
}

/* ---- the ring ---- */

static unsigned index_of(const struct back_queue *queue)
{
    return (unsigned)(queue - queue->back->queues);
}

static int map_ring(struct back_queue *queue, const struct frontend *peer)
{
    const struct peer_queue *theirs = &peer->queues[index_of(queue)];
    struct wrg_port *port = queue->port;
    struct wrg_gnttab_map_op ops[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_map map = { .domid = queue->back->bus.other_domid,
                                  .contiguous = true,
                                  .count = peer->size.npages,
                                  .ops = ops };

    memset(ops, 0, sizeof(ops));
    for (unsigned i = 0; i < peer->size.npages; i++)
        ops[i].gref = theirs->grefs[i];
    int result = wrg_port_gnttab_map(port, &map);
    if (result)
        return result;
    queue->ring->page = ops[0].page;
    queue->ring->npages = peer->size.npages;
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
    const struct peer_queue *theirs = &peer->queues[index_of(queue)];
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = queue->back->bus.other_domid,
                                                .remote_evtchn = theirs->evtchn };
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
                                        .npages = peer->size.npages,
                                        .abi = (uint8_t)peer->abi,
                                        .queue = (uint8_t)index_of(queue) };

    return wrg_back_ring_attach(&queue->ring->ring, &args);
}

static int alloc_ring(struct back_queue *queue, const struct frontend *peer)
{
    const struct back_data *data = wrg_back_data(queue->back);
    struct wrg_alloc alloc = { .size = sizeof(*queue->ring) + data->size(queue->back),
                               .kind = WRG_ALLOC_HEAP,
                               .zero = true };
    int result = wrg_port_alloc(queue->port, &alloc);

    if (result)
        return result;
    queue->ring = alloc.ptr;
    data->begin(queue);
    return 0;
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

    wrg_back_data(queue->back)->end(queue);
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

typedef int step_fn(struct back_queue *queue, const struct frontend *peer);

/* All of one kind before the next: where one is missing, no ring has been looked at yet. */
static const struct {
    step_fn *fn;
    const char *why; /* it failed */
} steps[] = {
    { alloc_ring, "no memory for a ring" },
    { map_ring, "the pages of a ring cannot be mapped" },
    { attach_ring, "a ring was in use, and its indices make no sense" },
    { bind_events, "the port of an event-channel cannot be bound" },
};

static void tear_down_all(struct wrg_back *back)
{
    for (unsigned i = 0; i < back->nqueues; i++)
        if (back->queues[i].ring)
            tear_down(&back->queues[i]);
    __atomic_store_n(&back->nrings, 0, __ATOMIC_RELAXED);
}

/* All queues or none; under all ring_locks. */
static int set_up_all(struct wrg_back *back, struct frontend *peer)
{
    unsigned done = 0;
    int result = 0;

    back->hold = 0;
    for (; done < sizeof(steps) / sizeof(*steps) && !result; done++)
        for (unsigned i = 0; i < peer->nqueues && !result; i++)
            result = steps[done].fn(&back->queues[i], peer);
    if (result) {
        peer->why = steps[done - 1].why;
        tear_down_all(back);
    } else {
        __atomic_store_n(&back->nrings, peer->nqueues, __ATOMIC_RELAXED);
    }
    return result;
}

/* The frontend may have put requests before it was heard. */
static int wake_all(struct wrg_back *back)
{
    int result = 0;

    for (unsigned i = 0; i < back->nrings && !result; i++) {
        struct wrg_task_wake wake = { .task = back->queues[i].task };
        result = wrg_port_task_wake(back->port, &wake);
    }
    return result;
}

int wrg_back_connect(struct wrg_back *back, const char **why)
{
    struct frontend peer = { .why = "connecting to the frontend" };
    int result;

    wrg_port_section(back->port, WRG_AT_CONNECT, 1);
    result = read_frontend(back, &peer);
    *why = peer.why;
    if (!result)
        result = wrg_back_publish_properties(back);
    while (!result && back->nqueues < peer.nqueues)
        result = wrg_back_create_queue(back);
    if (result)
        return result;
    wrg_back_lock_rings(back);
    back->way = peer.way;
    result = set_up_all(back, &peer);
    *why = peer.why;
    wrg_back_unlock_rings(back);
    return result ? result : wake_all(back);
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
    if (idle)
        tear_down_all(back);
    wrg_back_unlock_rings(back);
    return idle;
}
