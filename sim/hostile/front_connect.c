/* SPDX-License-Identifier: MIT */
/*
 * The ring, the data pages and the channel that a scripted front offers; and how it lets go.
 */
#include <errno.h>

#include "hostile/front.h"

/* ---- set up ---- */

/* Pages, granted; nothing is held after a failure. */
static int share_pages(struct hostile_front *front, uint32_t count, uint32_t *first,
                       uint32_t *grefs)
{
    uint32_t pages[FRONT_DATA_PAGES];
    struct wrg_page_alloc alloc = { .count = count, .zero = true };
    int result = wrg_port_page_alloc(front->peer.port, &alloc);

    if (result)
        return result;
    for (uint32_t i = 0; i < count; i++)
        pages[i] = alloc.page + i;
    struct wrg_gnttab_grant grant = {
        .domid = front->peer.bus.other_domid, .count = count, .pages = pages, .grefs = grefs
    };
    result = wrg_port_gnttab_grant(front->peer.port, &grant);
    if (result) {
        struct wrg_page_free args = { .page = alloc.page, .count = count };
        for (uint32_t i = 0; i < count; i++)
            grefs[i] = WRG_NO_GREF;
        (void)wrg_port_page_free(front->peer.port, &args);
        return result;
    }
    *first = alloc.page;
    return 0;
}

static int alloc_link(struct hostile_front *front, uint32_t npages)
{
    enum wrg_abi abi = (enum wrg_abi)front->peer.port->params.abi;
    uint32_t entries = wrg_wire_ring_entries(abi, npages);
    size_t size = sizeof(struct front_link) + entries * sizeof(struct front_slot);
    struct front_link *link = wrg_hostile_alloc(front->peer.port, size, WRG_ALLOC_HEAP);

    if (!link)
        return -ENOMEM;
    link->handle = (uint16_t)wrg_xenbus_handle(front->peer.port->nodename);
    link->ring.ring.npages = (uint8_t)npages;
    link->ring.ring.entries = entries;
    for (uint32_t i = 0; i < WRG_BLKIF_MAX_RING_PAGES; i++)
        link->ring_pages[i].gref = WRG_NO_GREF;
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++)
        link->data[i] = link->readonly[i] = WRG_NO_GREF;
    for (uint32_t i = 0; i < FRONT_NR_KINDS; i++)
        link->special[i] = WRG_NO_GREF;
    front->link = link;
    return 0;
}

static int share_ring(struct hostile_front *front)
{
    struct front_link *link = front->link;
    uint32_t npages = link->ring.ring.npages;
    uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_ring_args args = { .port = front->peer.port,
                                  .npages = (uint8_t)npages,
                                  .abi = front->peer.port->params.abi };
    int result = share_pages(front, npages, &args.page, grefs);

    if (result)
        return result;
    for (uint32_t i = 0; i < npages; i++)
        link->ring_pages[i] = (struct front_share){ .gref = grefs[i], .page = args.page + i };
    wrg_front_ring_init(&link->ring, &args);
    return 0;
}

static int open_events(struct hostile_front *front)
{
    struct wrg_evtchn_alloc_unbound alloc = { .remote_domid = front->peer.bus.other_domid };
    int result = wrg_port_evtchn_alloc_unbound(front->peer.port, &alloc);

    if (result)
        return result;
    front->peer.evtchn = alloc.evtchn;
    struct wrg_evtchn_listen listen = { .evtchn = alloc.evtchn, .task = front->peer.ring_task };
    return wrg_port_evtchn_listen(front->peer.port, &listen);
}

/* ---- nodes ---- */

static int write_ring_refs(struct hostile_front *front, uint32_t transaction)
{
    const struct front_link *link = front->link;
    struct wrg_xenbus_device *bus = &front->peer.bus;
    uint32_t npages = link->ring.ring.npages;
    char name[] = "ring-ref00";
    int result;

    /* One page goes by the old name: a ring-page-order, even of 0, would ask for ring-ref0. */
    if (npages == 1)
        return wrg_xenbus_write_u64(bus, transaction, "ring-ref", link->ring_pages[0].gref);
    result =
        wrg_xenbus_write_u64(bus, transaction, "ring-page-order", (uint64_t)__builtin_ctz(npages));
    for (uint32_t i = 0; i < npages && !result; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        result = wrg_xenbus_write_u64(bus, transaction, name, link->ring_pages[i].gref);
    }
    return result;
}

static int write_nodes(void *self, uint32_t transaction)
{
    struct hostile_front *front = self;
    struct wrg_xenbus_device *bus = &front->peer.bus;
    enum wrg_abi abi = (enum wrg_abi)front->peer.port->params.abi;
    int result = write_ring_refs(front, transaction);

    if (!result)
        result = wrg_xenbus_write_u64(bus, transaction, "event-channel", front->peer.evtchn);
    if (!result)
        result = wrg_xenbus_write_text(bus, transaction, "protocol", wrg_wire_protocol_name(abi));
    if (!result)
        result = wrg_xenbus_write_u64(bus, transaction, "feature-persistent",
                                      front->peer.port->params.persistent);
    return result;
}

int wrg_hostile_front_set_up(struct hostile_front *front)
{
    uint64_t order = wrg_xenbus_read_u64(&front->peer.bus, "max-ring-page-order", 0);
    int result;

    wrg_port_section(front->peer.port, WRG_AT_CONNECT, 1);
    if (order > front->peer.port->params.ring_order)
        order = front->peer.port->params.ring_order;
    result = alloc_link(front, 1u << order);
    if (!result)
        result = share_ring(front);
    if (!result)
        result = share_pages(front, FRONT_DATA_PAGES, &front->link->data_page, front->link->data);
    if (!result)
        front->link->data_is_whole = true;
    if (!result)
        result = open_events(front);
    if (!result)
        result = wrg_xenbus_transact(&front->peer.bus, write_nodes, front);
    if (result)
        wrg_hostile_front_give_back(front, true);
    return result;
}

/* ---- the end ---- */

static void free_pages(struct hostile_front *front, uint32_t page, uint32_t count)
{
    struct wrg_page_free args = { .page = page, .count = count };

    (void)wrg_port_page_free(front->peer.port, &args);
}

/* How many of these grefs are still granted; pages whose gref is ended go back. */
static uint32_t end_shares(struct hostile_front *front, struct front_link *link,
                           struct front_share *shares, uint32_t count, bool final)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (shares[i].gref == WRG_NO_GREF)
            continue;
        if (wrg_hostile_front_end(front, link, &shares[i].gref, final))
            free_pages(front, shares[i].page, 1);
        else
            left++;
    }
    return left;
}

static uint32_t end_slots(struct hostile_front *front, struct front_link *link, bool final)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < link->ring.ring.entries; i++) {
        struct front_slot *slot = &link->slots[i];
        if (slot->count)
            left += end_shares(front, link, slot->pages, slot->count, final);
    }
    return left;
}

static bool is_shared(const struct front_link *link, uint32_t i)
{
    return link->data[i] != WRG_NO_GREF || link->readonly[i] != WRG_NO_GREF;
}

/* The usual end, in two calls: all grants are as they were made, and nobody uses one. */
static void end_all_data(struct hostile_front *front, struct front_link *link)
{
    struct wrg_gnttab_end end = { .count = FRONT_DATA_PAGES, .grefs = link->data };

    link->data_is_whole = false;
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++)
        if (link->readonly[i] != WRG_NO_GREF)
            return;
    (void)wrg_port_gnttab_end(front->peer.port, &end);
    if (end.still_in_use == 0) {
        free_pages(front, link->data_page, FRONT_DATA_PAGES);
        return;
    }
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++)
        if (!is_shared(link, i))
            free_pages(front, link->data_page + i, 1);
}

/* A data page has one gref or two, and goes back with the last one. */
static uint32_t end_data(struct hostile_front *front, struct front_link *link, bool final)
{
    uint32_t left = 0;

    if (link->data_is_whole && link->nedits == 0)
        end_all_data(front, link);
    for (uint32_t i = 0; i < FRONT_DATA_PAGES; i++) {
        if (!is_shared(link, i))
            continue;
        (void)wrg_hostile_front_end(front, link, &link->data[i], final);
        (void)wrg_hostile_front_end(front, link, &link->readonly[i], final);
        if (is_shared(link, i))
            left++;
        else
            free_pages(front, link->data_page + i, 1);
    }
    return left;
}

static uint32_t end_specials(struct hostile_front *front, struct front_link *link, bool final)
{
    uint32_t left = 0;

    if (link->scratch_page == WRG_NO_PAGE)
        return 0;
    for (uint32_t i = 0; i < FRONT_NR_KINDS; i++)
        if (!wrg_hostile_front_end(front, link, &link->special[i], final))
            left++;
    if (left)
        return left;
    free_pages(front, link->scratch_page, 1);
    link->scratch_page = WRG_NO_PAGE;
    return 0;
}

/* True: nothing is left of it. */
static bool release(struct hostile_front *front, struct front_link *link, bool final)
{
    uint32_t left = end_data(front, link, final);

    left += end_slots(front, link, final);
    left += end_shares(front, link, link->kept, link->nkept, final);
    left += end_specials(front, link, final);
    left += end_shares(front, link, link->ring_pages, WRG_BLKIF_MAX_RING_PAGES, final);
    return left == 0;
}

void wrg_hostile_front_give_back(struct hostile_front *front, bool final)
{
    if (front->link) {
        if (front->link->ring.ring.port)
            wrg_ring_retire(&front->link->ring.ring);
        wrg_hostile_peer_close_evtchn(&front->peer);
        front->rest = front->link;
        front->link = NULL;
    }
    if (front->rest && release(front, front->rest, final)) {
        wrg_hostile_free(front->peer.port, front->rest);
        front->rest = NULL;
    }
}
