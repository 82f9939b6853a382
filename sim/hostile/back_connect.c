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
        bool queues;  /* written by those that have several only */
    } nodes[] = {
        { "feature-max-indirect-segments", back->indirect_max, params->indirect_absent },
        { "feature-flush-cache", back->flush, false },
        { "feature-barrier", back->barrier, false },
        { "feature-persistent", params->persistent, false },
        { "feature-discard", back->discard, false },
        { "max-ring-page-order", params->ring_order, params->ring_nodes == WRG_RING_NODES_PAGES },
        { "max-ring-pages", 1u << params->ring_order, params->ring_nodes == WRG_RING_NODES_ORDER },
        { "multi-queue-max-queues", params->queues, false, false, true },
        { "sectors", back->sectors >> back->units.node, false },
        { "sector-size", WRG_SECTOR_SIZE << back->units.block, false },
        { "physical-sector-size",
          params->physical_bytes ? params->physical_bytes : WRG_SECTOR_SIZE << back->units.block,
          false },
        { "info", back->vdisk_info, false },
        { "discard-granularity", back->discard_granularity_bytes, false, true },
        { "discard-alignment", 0, false, true },
        { "discard-secure", back->discard_secure, false, true },
    };

    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        if ((nodes[i].discard && !back->discard) || (nodes[i].queues && params->queues <= 1))
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

static uint8_t read_media(struct hostile_back *back)
{
    struct wrg_xenbus_device *bus = &back->peer.bus;
    char type[16] = "";
    bool removable = wrg_xenbus_read_own_u64(bus, "removable", 0) != 0;
    bool cdrom = !wrg_xenbus_read_own_text(bus, "device-type", type, sizeof(type)) &&
                 strcmp(type, "cdrom") == 0;

    return (uint8_t)((cdrom ? WRG_VDISK_CDROM : 0) | (removable ? WRG_VDISK_REMOVABLE : 0) |
                     (back->readonly ? WRG_VDISK_READONLY : 0));
}

int wrg_hostile_back_publish(struct hostile_back *back)
{
    const struct wrg_params *params = &back->peer.port->params;
    struct wrg_xenbus_device *bus = &back->peer.bus;
    struct wrg_disk_info disk = { .sectors = 0 };
    int result = wrg_port_disk_info(back->peer.port, &disk);

    if (!result && !wrg_block_is_valid(disk.block_bytes))
        result = -EINVAL;
    if (result)
        return result;
    if (bus->own_path[0] == '\0')
        (void)wrg_xenbus_watch_own(bus, "physical-device", back->peer.xenbus_task);
    back->sectors = disk.sectors;
    back->units = wrg_units_of(params->counting, disk.block_bytes);
    back->readonly = disk.readonly;
    back->vdisk_info = read_media(back);
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

    return wrg_xenbus_write_u64(&back->peer.bus, transaction, "sectors",
                                back->sectors >> back->units.node);
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
    uint8_t npages; /* of each ring */
    uint32_t nqueues;
    struct frontend_queue {
        uint32_t grefs[WRG_BLKIF_MAX_RING_PAGES];
        uint32_t evtchn;
    } queues[HOSTILE_QUEUES];
};

static int read_u32(struct hostile_back *back, const char *name, uint32_t *value)
{
    uint64_t number = wrg_xenbus_read_u64(&back->peer.bus, name, UINT64_MAX);

    *value = (uint32_t)number;
    return number > UINT32_MAX ? -EINVAL : 0;
}

static int read_node(struct hostile_back *back, const struct frontend *peer, unsigned queue,
                     const char *name, uint32_t *value)
{
    return read_u32(back, wrg_hostile_node(peer->nqueues, queue, name).name, value);
}

static int read_ring_refs(struct hostile_back *back, struct frontend *peer, unsigned queue)
{
    uint64_t max = back->peer.port->params.ring_order;
    uint64_t order = wrg_xenbus_read_u64(&back->peer.bus, "ring-page-order", UINT64_MAX);
    uint64_t pages = wrg_xenbus_read_u64(&back->peer.bus, "num-ring-pages", 1);
    uint32_t *grefs = peer->queues[queue].grefs;
    char name[] = "ring-ref00";
    int result = 0;

    if (order == UINT64_MAX ? pages == 0 || pages > 1u << max : order > max)
        return -EINVAL;
    peer->npages = (uint8_t)(order == UINT64_MAX ? pages : 1u << order);
    if (order == UINT64_MAX && peer->npages == 1)
        return read_node(back, peer, queue, "ring-ref", &grefs[0]);
    for (unsigned i = 0; i < peer->npages && !result; i++) {
        wrg_format_u64(i, name + sizeof("ring-ref") - 1);
        result = read_node(back, peer, queue, name, &grefs[i]);
    }
    return result;
}

/* A backend that offers no queues does not look for any. */
static int read_queues(struct hostile_back *back, struct frontend *peer)
{
    uint8_t most = back->peer.port->params.queues;
    uint64_t asked = 1;

    if (most > 1)
        asked = wrg_xenbus_read_u64(&back->peer.bus, "multi-queue-num-queues", 1);
    peer->nqueues = (uint32_t)asked;
    return asked == 0 || asked > HOSTILE_QUEUES || (most > 1 && asked > most) ? -EINVAL : 0;
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
        result = read_queues(back, peer);
    for (unsigned i = 0; !result && i < peer->nqueues; i++) {
        result = read_node(back, peer, i, "event-channel", &peer->queues[i].evtchn);
        if (!result)
            result = read_ring_refs(back, peer, i);
    }
    return result;
}

/* ---- the rings ---- */

static int map_ring(struct back_queue *queue, const struct frontend *peer)
{
    const uint32_t *grefs = peer->queues[queue->channel->queue].grefs;
    struct wrg_port *port = queue->back->peer.port;
    struct wrg_gnttab_map_op ops[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_map map = { .domid = queue->back->peer.bus.other_domid,
                                  .contiguous = true,
                                  .count = peer->npages,
                                  .ops = ops };

    memset(ops, 0, sizeof(ops));
    for (unsigned i = 0; i < peer->npages; i++)
        ops[i].gref = grefs[i];
    int result = wrg_port_gnttab_map(port, &map);
    if (result)
        return result;
    queue->link->ring.ring.page = ops[0].page;
    queue->link->ring_gref = grefs[0];
    queue->link->ring_pages = peer->npages;
    return 0;
}

static int attach_ring(struct back_queue *queue, const struct frontend *peer)
{
    struct back_link *link = queue->link;
    const struct wrg_ring_args args = { .port = queue->back->peer.port,
                                        .page = link->ring.ring.page,
                                        .npages = peer->npages,
                                        .abi = (uint8_t)peer->abi,
                                        .queue = queue->channel->queue };
    int result = wrg_back_ring_attach(&link->ring, &args);

    link->shown = link->ring.rsp_prod;
    return result;
}

static int bind_events(struct back_queue *queue, const struct frontend *peer)
{
    struct wrg_evtchn_bind_interdomain bind = { .remote_domid = queue->back->peer.bus.other_domid,
                                                .remote_evtchn =
                                                    peer->queues[queue->channel->queue].evtchn };
    int result = wrg_port_evtchn_bind_interdomain(queue->back->peer.port, &bind);

    return result ? result : wrg_hostile_listen(queue->channel, bind.evtchn);
}

static void unmap_ring(struct back_queue *queue)
{
    const struct back_link *link = queue->link;
    uint32_t pages[WRG_BLKIF_MAX_RING_PAGES];
    struct wrg_gnttab_unmap unmap = { .count = link->ring_pages, .pages = pages };

    if (queue->back->keep_ring)
        return;
    for (unsigned i = 0; i < link->ring_pages; i++)
        pages[i] = link->ring.ring.page + i;
    (void)wrg_port_gnttab_unmap(queue->back->peer.port, &unmap);
}

static void tear_down(struct back_queue *queue)
{
    if (!queue->link)
        return;
    wrg_hostile_close_evtchn(queue->channel);
    if (queue->link->ring_pages) {
        if (queue->link->ring.ring.port)
            wrg_ring_retire(&queue->link->ring.ring);
        unmap_ring(queue);
    }
    wrg_hostile_free(queue->back->peer.port, queue->link);
    queue->link = NULL;
}

static void tear_down_all(struct hostile_back *back)
{
    for (unsigned i = 0; i < HOSTILE_QUEUES; i++)
        tear_down(&back->queues[i]);
    back->nqueues = 0;
}

static int connect_queue(struct hostile_back *back, const struct frontend *peer, unsigned i)
{
    struct back_queue *queue = &back->queues[i];
    int result;

    queue->back = back;
    queue->channel = &back->peer.channels[i];
    queue->link = wrg_hostile_alloc(back->peer.port, sizeof(struct back_link), WRG_ALLOC_HEAP);
    if (!queue->link)
        return -ENOMEM;
    back->stopping = false;
    result = map_ring(queue, peer);
    if (!result)
        result = attach_ring(queue, peer);
    return result ? result : bind_events(queue, peer);
}

int wrg_hostile_back_connect(struct hostile_back *back)
{
    struct frontend peer = { .npages = 0 };
    int result;

    wrg_port_section(back->peer.port, WRG_AT_CONNECT, 1);
    result = read_frontend(back, &peer);
    if (result)
        return result;
    result = wrg_hostile_peer_grow(&back->peer, peer.nqueues);
    for (unsigned i = 0; i < peer.nqueues && !result; i++)
        result = connect_queue(back, &peer, i);
    if (result) {
        tear_down_all(back);
        return result;
    }
    back->nqueues = peer.nqueues;
    /* The frontend may have put requests before it was heard. */
    wrg_hostile_peer_wake_rings(&back->peer);
    return 0;
}

bool wrg_hostile_back_disconnect(struct hostile_back *back)
{
    wrg_port_section(back->peer.port, WRG_AT_CLOSE, 1);
    back->stopping = true;
    __atomic_store_n(&back->spin, false, __ATOMIC_RELEASE);
    __atomic_store_n(&back->idle_loop, false, __ATOMIC_RELEASE);
    if (back->inflight)
        return false;
    tear_down_all(back);
    /* What was never unmapped stays so for a frontend that closes first. */
    if (__atomic_load_n(&back->peer.closing, __ATOMIC_ACQUIRE))
        wrg_hostile_back_drop_kept(back);
    return true;
}
