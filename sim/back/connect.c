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

/* ---- the device ---- */

/* The kernel's rule: the toolstack lets write if there is a 'w' in it. */
static int read_mode(struct wrg_back *back, bool *writable)
{
    char mode[16];
    int result = wrg_xenbus_read_own_text(&back->bus, "mode", mode, sizeof(mode));

    *writable = !result && strchr(mode, 'w') != NULL;
    return result;
}

static int read_device(struct wrg_back *back, uint32_t *major, uint32_t *minor)
{
    char text[32];
    int result = wrg_xenbus_read_own_text(&back->bus, "physical-device", text, sizeof(text));

    return result ? result : wrg_scan_device(text, major, minor);
}

static int look_at_disk(struct wrg_back *back)
{
    struct wrg_disk_info disk = { .sectors = 0 };
    bool writable = false;
    int result = wrg_port_disk_info(back->port, &disk);

    if (!result)
        result = read_mode(back, &writable);
    if (result)
        return result;
    back->sectors = disk.sectors;
    back->readonly = disk.readonly || !writable;
    back->flush = disk.flush && !back->port->params.no_flush;
    return 0;
}

int wrg_back_open(struct wrg_back *back)
{
    struct wrg_log log = { .text = "changing the device of a disk is not supported" };
    uint32_t major, minor;
    int result = read_device(back, &major, &minor);

    if (back->open) {
        if (!result && (major != back->major || minor != back->minor))
            (void)wrg_port_log(back->port, &log);
        return 0;
    }
    if (result == -ENOENT) /* the script has not answered */
        return 0;
    if (!result)
        result = look_at_disk(back);
    if (result)
        return result;
    back->open = true;
    back->properties_due = true;
    back->major = major;
    back->minor = minor;
    return 0;
}

/* ---- features and properties ---- */

struct node {
    const char *name;
    uint64_t value;
    bool written;
};

static int write_nodes(struct wrg_back *back, uint32_t transaction, const struct node *nodes,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int result = nodes[i].written ? wrg_xenbus_write_u64(&back->bus, transaction, nodes[i].name,
                                                             nodes[i].value)
                                      : wrg_xenbus_remove(&back->bus, transaction, nodes[i].name);
        if (result)
            return result;
    }
    return 0;
}

/* What the disk is like. */
static int write_properties(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;
    const struct node nodes[] = {
        { "feature-flush-cache", back->flush, true },
        { "sectors", back->sectors, true },
        { "sector-size", WRG_SECTOR_SIZE, true },
        { "physical-sector-size", WRG_SECTOR_SIZE, true },
        { "info", back->readonly ? WRG_VDISK_READONLY : 0, true },
    };

    return write_nodes(back, transaction, nodes, sizeof(nodes) / sizeof(*nodes));
}

/* What the driver can do; and with it the properties, if they are known by now. */
static int write_features(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;
    const struct node nodes[] = {
        { "feature-max-indirect-segments", back->indirect_max,
          !back->port->params.indirect_absent },
        { "feature-barrier", 0, true },
        { "feature-persistent", 0, true },
        { "feature-discard", 0, true },
        { "max-ring-page-order", back->port->params.ring_order, true },
    };
    int result = write_nodes(back, transaction, nodes, sizeof(nodes) / sizeof(*nodes));

    if (!result && back->open)
        result = write_properties(ctx, transaction);
    return result;
}

int wrg_back_publish(struct wrg_back *back)
{
    const struct wrg_params *params = &back->port->params;
    int result = back->open ? look_at_disk(back) : 0;

    if (result)
        return result;
    back->indirect_max = params->indirect_absent ? 0 : params->indirect_max;
    if (back->indirect_max > WRG_BLKIF_MAX_INDIRECT_SEGMENTS)
        back->indirect_max = WRG_BLKIF_MAX_INDIRECT_SEGMENTS;
    result = wrg_xenbus_transact(&back->bus, write_features, back);
    back->properties_due = result || !back->open;
    return result;
}

static int write_size(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;

    return wrg_xenbus_write_u64(&back->bus, transaction, "sectors", back->sectors);
}

int wrg_back_tell_size(struct wrg_back *back)
{
    struct wrg_disk_info disk = { .sectors = 0 };
    struct wrg_lock_take take = { .lock = back->ring_lock };
    struct wrg_lock_drop drop = { .lock = back->ring_lock };
    int result;

    if (!back->open || wrg_port_disk_info(back->port, &disk) || disk.sectors == back->sectors)
        return 0;
    /* The ring's task judges requests by it. */
    (void)wrg_port_lock_take(back->port, &take);
    back->sectors = disk.sectors;
    (void)wrg_port_lock_drop(back->port, &drop);
    back->properties_due = true;
    if (back->bus.state != WRG_XENBUS_CONNECTED)
        return 0; /* the next connection will tell */
    result = wrg_xenbus_rewrite_state(&back->bus, write_size, back);
    return result == -ESHUTDOWN ? 0 : result;
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
    if (!result && back->properties_due)
        result = wrg_xenbus_transact(&back->bus, write_properties, back);
    if (result)
        return result;
    back->properties_due = false;
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
