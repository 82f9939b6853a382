/* SPDX-License-Identifier: MIT */
/*
 * Negotiation of the scripted back: an honest one's, in all that the frontend can see of it.
 */
#include <errno.h>
#include <string.h>

#include "hostile/back.h"

/* ---- features ---- */

static int write_features(void *self, uint32_t transaction)
{
    struct hostile_back *back = self;
    const struct wrg_params *params = &back->peer.port->params;
    const struct {
        const char *name;
        uint64_t value;
        bool absent;
        bool discard; /* written with that feature only */
    } nodes[] = {
        { "feature-max-indirect-segments", back->indirect_max, params->indirect_absent },
        { "feature-flush-cache", back->flush, false },
        { "feature-barrier", back->barrier, false },
        { "feature-persistent", params->persistent, false },
        { "feature-discard", back->discard, false },
        { "max-ring-page-order", params->ring_order, false },
        { "sectors", back->sectors, false },
        { "sector-size", WRG_SECTOR_SIZE, false },
        { "physical-sector-size", WRG_SECTOR_SIZE, false },
        { "info", back->readonly ? WRG_VDISK_READONLY : 0, false },
        { "discard-granularity", back->discard_granularity_bytes, false, true },
        { "discard-alignment", 0, false, true },
        { "discard-secure", back->discard_secure, false, true },
    };

    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        if (nodes[i].discard && !back->discard)
            continue;
        int result =
            nodes[i].absent
                ? wrg_xenbus_remove(&back->peer.bus, transaction, nodes[i].name)
                : wrg_xenbus_write_u64(&back->peer.bus, transaction, nodes[i].name, nodes[i].value);
        if (result)
            return result;
    }
    return 0;
}

int wrg_hostile_back_publish(struct hostile_back *back)
{
    const struct wrg_params *params = &back->peer.port->params;
    struct wrg_xenbus_device *bus = &back->peer.bus;
    struct wrg_disk_info disk = { .sectors = 0 };
    int result = wrg_port_disk_info(back->peer.port, &disk);

    if (result)
        return result;
    if (bus->own_path[0] == '\0')
        (void)wrg_xenbus_watch_own(bus, "physical-device", back->peer.xenbus_task);
    back->sectors = disk.sectors;
    back->readonly = disk.readonly;
    back->flush = disk.flush && !params->no_flush;
    back->barrier = params->barrier;
    back->discard = disk.discard_granularity_bytes != 0 &&
                    wrg_xenbus_read_own_u64(bus, "discard-enable", 1) != 0;
    back->discard_secure = disk.discard_secure;
    back->discard_granularity_bytes = disk.discard_granularity_bytes;
    back->indirect_max = params->indirect_absent ? 0 : params->indirect_max;
    if (back->indirect_max > WRG_BLKIF_MAX_INDIRECT_SEGMENTS)
        back->indirect_max = WRG_BLKIF_MAX_INDIRECT_SEGMENTS;
    return wrg_xenbus_transact(&back->peer.bus, write_features, back);
}

bool wrg_hostile_back_has_device(struct hostile_back *back)
{
    char text[32];

    return !wrg_xenbus_read_own_text(&back->peer.bus, "physical-device", text, sizeof(text));
}

static int write_size(void *self, uint32_t transaction)
{
    struct hostile_back *back = self;

    return wrg_xenbus_write_u64(&back->peer.bus, transaction, "sectors", back->sectors);
}

void wrg_hostile_back_tell_size(struct hostile_back *back)
{
    struct wrg_disk_info disk = { .sectors = 0 };

    if (wrg_port_disk_info(back->peer.port, &disk))
        return;
    back->sectors = disk.sectors;
    if (back->peer.bus.state == WRG_XENBUS_CONNECTED)
        (void)wrg_xenbus_rewrite_state(&back->peer.bus, write_size, back);
}

/* ---- what the frontend has written ---- */

struct frontend {
    enum wrg_abi abi;
    uint8_t npages;
    uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
    uint32_t evtchn;
};

static int read_u32(struct hostile_back *back, const char *name, uint32_t *value)
{
    uint64_t number = wrg_xenbus_read_u64(&back->peer.bus, name, UINT64_MAX);

    *value = (uint32_t)number;
    return number > UINT32_MAX ? -EINVAL : 0;
}

static int read_ring_refs(struct hostile_back *back, struct frontend *peer)
{
    uint64_t order = wrg_xenbus_read_u64(&back->peer.bus, "ring-page-order", UINT64_MAX);
    char name[] = "ring-ref00";
    int result = 0;

    peer->npages = 1;
    if (order == UINT64_MAX)
        return read_u32(back, "ring-ref", &peer->grefs[0]);
    if (order > back->peer.port->params.ring_order)
        return -EINVAL;
    peer->npages = (uint8_t)(1u << order);
    for (unsigned i = 0; i < peer->npages && !result; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        result = read_u32(back, name, &peer->grefs[i]);
    }
    return result;
}

static int read_frontend(struct hostile_back *back, struct frontend *peer)
{
    char protocol[32];
    int result = wrg_xenbus_read_text(&back->peer.bus, "protocol", protocol, sizeof(protocol));

    /* What a frontend that names no ABI speaks, as seen by a backend on x86. */
    peer->abi = WRG_ABI_X86_32;
    if (result == -ENOENT)
        result = 0;
    else if (!result)
        result = wrg_wire_protocol_parse(protocol, &peer->abi);
    if (!result)
        result = read_u32(back, "event-channel", &peer->evtchn);
    return result ? result : read_ring_refs(back, peer);
}

/* ---- the ring ---- */

static int map_ring(struct hostile_back *back, const struct frontend *peer)
{
    struct wrg_gnttab_map_op ops[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_map map = {
        .domid = back->peer.bus.other_domid, .contiguous = true, .count = peer->npages, .ops = ops
    };

    memset(ops, 0, sizeof(ops));
    for (unsigned i = 0; i < peer->npages; i++)
        ops[i].gref = peer->grefs[i];
    int result = wrg_port_gnttab_map(back->peer.port, &map);
    if (result)
        return result;
    back->link->ring.ring.page = ops[0].page;
    back->link->ring_gref = peer->grefs[0];
    back->link->ring_pages = peer->npages;
    return 0;
}

static int attach_ring(struct hostile_back *back, const struct frontend *peer)
{
    struct back_link *link = back->link;
    const struct wrg_ring_args args = { .port = back->peer.port,
                                        .page = link->ring.ring.page,
                                        .npages = peer->npages,
                                        .abi = (uint8_t)peer->abi };
    int result = wrg_back_ring_attach(&link->ring, &args);

    link->shown = link->ring.rsp_prod;
    return result;
}

static int bind_events(struct hostile_back *back, const struct frontend *peer)
{
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = back->peer.bus.other_domid,
                                                .remote_evtchn = peer->evtchn };
    int result = wrg_port_evtchn_bind_interdomain(back->peer.port, &bind);

    if (result)
        return result;
    back->peer.evtchn = bind.evtchn;
    struct wrg_evtchn_listen listen = { .evtchn = bind.evtchn, .task = back->peer.ring_task };
    return wrg_port_evtchn_listen(back->peer.port, &listen);
}

static void unmap_ring(struct hostile_back *back)
{
    const struct back_link *link = back->link;
    uint32_t pages[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_unmap unmap = { .count = link->ring_pages, .pages = pages };

    if (back->keep_ring)
        return;
    for (unsigned i = 0; i < link->ring_pages; i++)
        pages[i] = link->ring.ring.page + i;
    (void)wrg_port_gnttab_unmap(back->peer.port, &unmap);
}

static void tear_down(struct hostile_back *back)
{
    wrg_hostile_peer_close_evtchn(&back->peer);
    if (back->link->ring_pages) {
        if (back->link->ring.ring.port)
            wrg_ring_retire(&back->link->ring.ring);
        unmap_ring(back);
    }
    wrg_hostile_free(back->peer.port, back->link);
    back->link = NULL;
}

int wrg_hostile_back_connect(struct hostile_back *back)
{
    struct frontend peer = { .npages = 0 };
    int result;

    wrg_port_section(back->peer.port, WRG_AT_CONNECT, 1);
    result = read_frontend(back, &peer);
    if (result)
        return result;
    back->link = wrg_hostile_alloc(back->peer.port, sizeof(struct back_link), WRG_ALLOC_HEAP);
    if (!back->link)
        return -ENOMEM;
    back->stopping = false;
    result = map_ring(back, &peer);
    if (!result)
        result = attach_ring(back, &peer);
    if (!result)
        result = bind_events(back, &peer);
    if (result)
        tear_down(back);
    else /* the frontend may have put requests before it was heard */
        wrg_hostile_peer_wake(&back->peer, back->peer.ring_task);
    return result;
}

bool wrg_hostile_back_disconnect(struct hostile_back *back)
{
    wrg_port_section(back->peer.port, WRG_AT_CLOSE, 1);
    back->stopping = true;
    __atomic_store_n(&back->spin, false, __ATOMIC_RELEASE);
    __atomic_store_n(&back->idle_loop, false, __ATOMIC_RELEASE);
    if (back->inflight)
        return false;
    if (back->link)
        tear_down(back);
    /* What was never unmapped stays so for a frontend that closes first. */
    if (__atomic_load_n(&back->peer.closing, __ATOMIC_ACQUIRE))
        wrg_hostile_back_drop_kept(back);
    return true;
}
