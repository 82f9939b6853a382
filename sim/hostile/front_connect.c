/* SPDX-License-Identifier: MIT */
/*
 * The rings, data pages and channels that a scripted front offers; and how it lets go.
 */
#include <errno.h>

#include "hostile/front.h"

/* ---- set up ---- */

/* Pages, granted; nothing is held after a failure. */
static int share_pages(struct front_queue *queue, uint32_t count, uint32_t *first, uint32_t *grefs)
{
    uint32_t pages[FRONT_DATA_PAGES];
    struct wrg_page_alloc alloc = { .count = count, .zero = true };
    int result = wrg_port_page_alloc(queue->port, &alloc);

    if (result)
        return result;
    for (uint32_t i = 0; i < count; i++)
        pages[i] = alloc.page + i;
    struct wrg_gnttab_grant grant = {
        .domid = queue->front->peer.bus.other_domid, .count = count, .pages = pages, .grefs = grefs
    };
    result = wrg_port_gnttab_grant(queue->port, &grant);
    if (result) {
        struct wrg_page_free args = { .page = alloc.page, .count = count };
        for (uint32_t i = 0; i < count; i++)
            grefs[i] = WRG_NO_GREF;
        (void)wrg_port_page_free(queue->port, &args);
        return result;
    }
    *first = alloc.page;
    return 0;
}

static int alloc_link(struct front_queue *queue, uint32_t npages)
{
    enum wrg_abi abi = (enum wrg_abi)queue->port->params.abi;
    uint32_t entries = wrg_wire_ring_entries(abi, npages);
    size_t size = sizeof(struct front_link) + entries * sizeof(struct front_slot);
    struct front_link *link = wrg_hostile_alloc(queue->port, size, WRG_ALLOC_HEAP);

    if (!link)
        return -ENOMEM;
    link->handle = (uint16_t)wrg_xenbus_handle(queue->port->nodename);
    link->ring.ring.npages = (uint8_t)npages;
    link->ring.ring.entries = entries;
    for (uint32_t i = 0; i < WRG_BLKIF_MAX_RING_PAGES; i++)
        link->ring_pages[i].gref = WRG_NO_GREF;
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++)
        link->data[i] = link->readonly[i] = WRG_NO_GREF;
    for (uint32_t i = 0; i < FRONT_NR_KINDS; i++)
        link->special[i] = WRG_NO_GREF;
    queue->link = link;
    return 0;
}

static int share_ring(struct front_queue *queue)
{
    struct front_link *link = queue->link;
    uint32_t npages = link->ring.ring.npages;
    uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_ring_args args = { .port = queue->port,
                                  .npages = (uint8_t)npages,
                                  .queue = queue->channel->queue,
                                  .abi = queue->port->params.abi };
    int result = share_pages(queue, npages, &args.page, grefs);

    if (result)
        return result;
    for (uint32_t i = 0; i < npages; i++)
        link->ring_pages[i] = (struct front_share){ .gref = grefs[i], .page = args.page + i };
    wrg_front_ring_init(&link->ring, &args);
    return 0;
}

static int open_events(struct front_queue *queue)
{
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = queue->front->peer.bus.other_domid };
    int result = wrg_port_evtchn_alloc_unbound(queue->port, &alloc);

    if (result)
        return result;
    return wrg_hostile_listen(queue->channel, alloc.evtchn);
}

/* ---- nodes ---- */

static int write_node(const struct front_queue *queue, uint32_t transaction, const char *name,
                      uint64_t value)
{
    const struct hostile_node node =
        wrg_hostile_node(queue->front->nqueues, queue->channel->queue, name);

    return wrg_xenbus_write_u64(&queue->front->peer.bus, transaction, node.name, value);
}

static int write_ring_refs(const struct front_queue *queue, uint32_t transaction)
{
    const struct front_link *link = queue->link;
    uint32_t npages = link->ring.ring.npages;
    char name[] = "ring-ref00";
    int result = 0;

    /* One page goes by the old name: a ring-page-order, even of 0, would ask for ring-ref0. */
    if (npages == 1)
        return write_node(queue, transaction, "ring-ref", link->ring_pages[0].gref);
    for (uint32_t i = 0; i < npages && !result; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        result = write_node(queue, transaction, name, link->ring_pages[i].gref);
    }
    return result;
}

/* What is said once for all queues, before what each says of itself. */
static int write_common_nodes(struct hostile_front *front, uint32_t transaction)
{
    uint32_t npages = front->queues[0].link->ring.ring.npages;
    struct wrg_xenbus_device *bus = &front->peer.bus;
    int result = 0;

    if (front->nqueues > 1)
        result = wrg_xenbus_write_u64(bus, transaction, "multi-queue-num-queues", front->nqueues);
    if (!result && npages > 1)
        result = wrg_xenbus_write_u64(bus, transaction, "ring-page-order",
                                      (uint64_t)__builtin_ctz(npages));
    return result;
}

static int write_nodes(void *self, uint32_t transaction)
{
    struct hostile_front *front = self;
    struct wrg_xenbus_device *bus = &front->peer.bus;
    const struct wrg_params *params = &front->peer.port->params;
    int result = write_common_nodes(front, transaction);

    for (uint32_t i = 0; i < front->nqueues && !result; i++) {
        result = write_ring_refs(&front->queues[i], transaction);
        if (!result)
            result = write_node(&front->queues[i], transaction, "event-channel",
                                front->queues[i].channel->evtchn);
    }
    if (!result)
        result = wrg_xenbus_write_text(bus, transaction, "protocol",
                                       wrg_wire_protocol_name((enum wrg_abi)params->abi));
    if (!result)
        result = wrg_xenbus_write_u64(bus, transaction, "feature-persistent", params->persistent);
    return result;
}

static int set_up_queue(struct front_queue *queue, uint32_t npages)
{
    int result = alloc_link(queue, npages);

    if (!result)
        result = share_ring(queue);
    if (!result)
        result = share_pages(queue, FRONT_DATA_PAGES, &queue->link->data_page, queue->link->data);
    if (!result)
        queue->link->data_is_whole = true;
    if (!result)
        result = open_events(queue);
    return result;
}

/* As many as both ends can do with. */
static uint32_t count_queues(struct hostile_front *front)
{
    uint64_t most = front->peer.port->params.queues;

    if (most > 1) {
        uint64_t offered = wrg_xenbus_read_u64(&front->peer.bus, "multi-queue-max-queues", 1);
        most = most < offered ? most : offered;
    }
    if (most > HOSTILE_QUEUES)
        most = HOSTILE_QUEUES;
    return most ? (uint32_t)most : 1;
}

static int set_up_queues(struct hostile_front *front, uint32_t npages)
{
    int result;

    front->nqueues = count_queues(front);
    result = wrg_hostile_peer_grow(&front->peer, front->nqueues);
    for (uint32_t i = 0; i < front->nqueues && !result; i++) {
        struct front_queue *queue = &front->queues[i];
        queue->front = front;
        queue->port = front->peer.port;
        queue->channel = &front->peer.channels[i];
        result = set_up_queue(queue, npages);
    }
    return result;
}

int wrg_hostile_front_set_up(struct hostile_front *front)
{
    uint64_t order = wrg_xenbus_read_u64(&front->peer.bus, "max-ring-page-order", 0);
    int result;

    wrg_port_section(front->peer.port, WRG_AT_CONNECT, 1);
    if (order > front->peer.port->params.ring_order)
        order = front->peer.port->params.ring_order;
    result = set_up_queues(front, 1u << order);
    if (!result)
        result = wrg_xenbus_transact(&front->peer.bus, write_nodes, front);
    if (result)
        wrg_hostile_front_give_back(front, true);
    return result;
}

/* ---- the end ---- */

static void free_pages(struct front_queue *queue, uint32_t page, uint32_t count)
{
    struct wrg_page_free args = { .page = page, .count = count };

    (void)wrg_port_page_free(queue->port, &args);
}

/* How many of these grefs are still granted; pages whose gref is ended go back. */
static uint32_t end_shares(struct front_queue *queue, struct front_link *link,
                           struct front_share *shares, uint32_t count, bool final)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (shares[i].gref == WRG_NO_GREF)
            continue;
        if (wrg_hostile_front_end(queue, link, &shares[i].gref, final))
            free_pages(queue, shares[i].page, 1);
        else
            left++;
    }
    return left;
}

static uint32_t end_slots(struct front_queue *queue, struct front_link *link, bool final)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < link->ring.ring.entries; i++) {
        struct front_slot *slot = &link->slots[i];
        if (slot->count)
            left += end_shares(queue, link, slot->pages, slot->count, final);
    }
    return left;
}

static bool is_shared(const struct front_link *link, uint32_t i)
{
    return link->data[i] != WRG_NO_GREF || link->readonly[i] != WRG_NO_GREF;
}

/* The usual end, in two calls: all grants are as they were made, and nobody uses one. */
static void end_all_data(struct front_queue *queue, struct front_link *link)
{
    struct wrg_gnttab_end end = { .count = FRONT_DATA_PAGES, .grefs = link->data };

    link->data_is_whole = false;
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++)
        if (link->readonly[i] != WRG_NO_GREF)
            return;
    (void)wrg_port_gnttab_end(queue->port, &end);
    if (end.still_in_use == 0) {
        free_pages(queue, link->data_page, FRONT_DATA_PAGES);
        return;
    }
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++)
        if (!is_shared(link, i))
            free_pages(queue, link->data_page + i, 1);
}

/* A data page has one gref or two, and goes back with the last one. */
static uint32_t end_data(struct front_queue *queue, struct front_link *link, bool final)
{
    uint32_t left = 0;

    if (link->data_is_whole && link->nedits == 0)
        end_all_data(queue, link);
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++) {
        if (!is_shared(link, i))
            continue;
        (void)wrg_hostile_front_end(queue, link, &link->data[i], final);
        (void)wrg_hostile_front_end(queue, link, &link->readonly[i], final);
        if (is_shared(link, i))
            left++;
        else
            free_pages(queue, link->data_page + i, 1);
    }
    return left;
}

static uint32_t end_specials(struct front_queue *queue, struct front_link *link, bool final)
{
    uint32_t left = 0;

    if (link->scratch_page == WRG_NO_PAGE)
        return 0;
    for (uint32_t i = 0; i < FRONT_NR_KINDS; i++)
        if (!wrg_hostile_front_end(queue, link, &link->special[i], final))
            left++;
    if (left)
        return left;
    free_pages(queue, link->scratch_page, 1);
    link->scratch_page = WRG_NO_PAGE;
    return 0;
}

/* True: nothing is left of it. */
static bool release(struct front_queue *queue, struct front_link *link, bool final)
{
    uint32_t left = end_data(queue, link, final);

    left += end_slots(queue, link, final);
    left += end_shares(queue, link, link->kept, link->nkept, final);
    left += end_specials(queue, link, final);
    left += end_shares(queue, link, link->ring_pages, WRG_BLKIF_MAX_RING_PAGES, final);
    return left == 0;
}

static void give_back(struct front_queue *queue, bool final)
{
    if (queue->link) {
        if (queue->link->ring.ring.port)
            wrg_ring_retire(&queue->link->ring.ring);
        wrg_hostile_close_evtchn(queue->channel);
        queue->rest = queue->link;
        queue->link = NULL;
    }
    if (queue->rest && release(queue, queue->rest, final)) {
        wrg_hostile_free(queue->port, queue->rest);
        queue->rest = NULL;
    }
}

void wrg_hostile_front_give_back(struct hostile_front *front, bool final)
{
    for (unsigned i = 0; i < HOSTILE_QUEUES; i++)
        give_back(&front->queues[i], final);
}
