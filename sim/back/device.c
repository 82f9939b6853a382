/* SPDX-License-Identifier: MIT */
/*
 * The device behind the backend: where it comes from, and what is published of it.
 */
#include <errno.h>
#include <string.h>

#include "back/back.h"

/* ---- the device ---- */

/* The kernel's rule: the toolstack lets write if there is a 'w' in it. */
static int read_mode(struct wrg_back *back, bool *writable)
{
    char mode[64];
    int result = wrg_xenbus_read_own_text(&back->bus, "mode", mode, sizeof(mode));

    *writable = !result && strchr(mode, 'w') != NULL;
    return result;
}

/* As the toolstack has made the device: its word is taken, not what a guest may have written. */
static uint8_t read_media(struct wrg_back *back)
{
    char type[16] = "";
    bool removable = wrg_xenbus_read_own_u64(&back->bus, "removable", 0) != 0;
    bool cdrom = !wrg_xenbus_read_own_text(&back->bus, "device-type", type, sizeof(type)) &&
                 strcmp(type, "cdrom") == 0;

    return (uint8_t)((cdrom ? WRG_VDISK_CDROM : 0) | (removable ? WRG_VDISK_REMOVABLE : 0));
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
    if (!result && !wrg_block_is_valid(disk.block_bytes))
        result = -EINVAL;
    if (result)
        return result;
    back->sectors = disk.sectors;
    back->units = wrg_units_of(back->port->params.counting, disk.block_bytes);
    back->readonly = disk.readonly || !writable;
    back->vdisk_info = read_media(back);
    if (back->readonly)
        back->vdisk_info |= WRG_VDISK_READONLY;
    back->flush = disk.flush && !back->port->params.no_flush;
    back->barrier = back->port->params.barrier;
    back->discard = disk.discard_granularity_bytes != 0 &&
                    wrg_xenbus_read_own_u64(&back->bus, "discard-enable", 1) != 0;
    back->discard_secure = disk.discard_secure;
    back->discard_granularity_bytes = disk.discard_granularity_bytes;
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

bool wrg_back_offers_persistent(const struct wrg_back *back)
{
    return back->port->params.persistent && !back->port->params.copy;
}

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

static int write_discard(struct wrg_back *back, uint32_t transaction)
{
    const struct node nodes[] = {
        { "feature-discard", 1, true },
        { "discard-granularity", back->discard_granularity_bytes, true },
        { "discard-alignment", 0, true },
        { "discard-secure", back->discard_secure, true },
    };

    return write_nodes(back, transaction, nodes, sizeof(nodes) / sizeof(*nodes));
}

/* What the disk is like. */
static int write_properties(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;
    uint32_t physical_bytes = back->port->params.physical_bytes;
    const struct node nodes[] = {
        { "feature-flush-cache", back->flush, true },
        { "sectors", back->sectors >> back->units.node, true },
        { "sector-size", WRG_SECTOR_SIZE << back->units.block, true },
        { "physical-sector-size",
          physical_bytes ? physical_bytes : WRG_SECTOR_SIZE << back->units.block, true },
        { "info", back->vdisk_info, true },
    };
    int result = write_nodes(back, transaction, nodes, sizeof(nodes) / sizeof(*nodes));

    return result || !back->discard ? result : write_discard(back, transaction);
}

static const char max_queues_node[] = "multi-queue-max-queues";

void wrg_back_take_back_offer(struct wrg_back *back)
{
    if (back->max_queues > 1)
        (void)wrg_xenbus_remove(&back->bus, WRG_XS_NO_TRANSACTION, max_queues_node);
}

/* What the driver can do; and with it the properties, if they are known by now. */
static int write_features(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;
    const struct wrg_params *params = &back->port->params;
    const struct node nodes[] = {
        { "feature-max-indirect-segments", back->indirect_max, !params->indirect_absent },
        { "feature-barrier", params->barrier, true },
        { "feature-persistent", wrg_back_offers_persistent(back), true },
        { "feature-discard", 0, true },
        { "max-ring-page-order", params->ring_order, params->ring_nodes != WRG_RING_NODES_PAGES },
        { "max-ring-pages", 1u << params->ring_order, params->ring_nodes != WRG_RING_NODES_ORDER },
    };
    const struct node queues = { max_queues_node, back->max_queues, true };
    int result = write_nodes(back, transaction, nodes, sizeof(nodes) / sizeof(*nodes));

    if (!result && back->max_queues > 1)
        result = write_nodes(back, transaction, &queues, 1);
    if (!result && back->open)
        result = write_properties(ctx, transaction);
    return result;
}

int wrg_back_publish(struct wrg_back *back)
{
    const struct wrg_params *params = &back->port->params;
    /* What was just taken up has been looked at. */
    int result = back->open && !back->properties_due ? look_at_disk(back) : 0;

    if (result)
        return result;
    back->indirect_max = params->indirect_absent ? 0 : params->indirect_max;
    if (back->indirect_max > WRG_BLKIF_MAX_INDIRECT_SEGMENTS)
        back->indirect_max = WRG_BLKIF_MAX_INDIRECT_SEGMENTS;
    back->max_queues = params->queues < BACK_QUEUES ? params->queues : BACK_QUEUES;
    if (back->max_queues == 0)
        back->max_queues = 1;
    result = wrg_xenbus_transact(&back->bus, write_features, back);
    back->properties_due = result || !back->open;
    return result;
}

int wrg_back_publish_properties(struct wrg_back *back)
{
    int result = back->properties_due ? wrg_xenbus_transact(&back->bus, write_properties, back) : 0;

    if (!result)
        back->properties_due = false;
    return result;
}

static int write_withdrawal(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;
    const struct node nodes[] = {
        { "feature-flush-cache", __atomic_load_n(&back->flush, __ATOMIC_ACQUIRE), true },
        { "feature-barrier", __atomic_load_n(&back->barrier, __ATOMIC_ACQUIRE), true },
    };

    return write_nodes(back, transaction, nodes, sizeof(nodes) / sizeof(*nodes));
}

int wrg_back_withdraw(struct wrg_back *back)
{
    return wrg_xenbus_transact(&back->bus, write_withdrawal, back);
}

static int write_size(void *ctx, uint32_t transaction)
{
    struct wrg_back *back = ctx;

    return wrg_xenbus_write_u64(&back->bus, transaction, "sectors",
                                back->sectors >> back->units.node);
}

int wrg_back_tell_size(struct wrg_back *back)
{
    struct wrg_disk_info disk = { .sectors = 0 };
    int result;

    if (!back->open || wrg_port_disk_info(back->port, &disk) || disk.sectors == back->sectors)
        return 0;
    /* The tasks of the rings judge requests by it. */
    wrg_back_lock_rings(back);
    back->sectors = disk.sectors;
    wrg_back_unlock_rings(back);
    back->properties_due = true;
    if (back->bus.state != WRG_XENBUS_CONNECTED)
        return 0; /* the next connection will tell */
    result = wrg_xenbus_rewrite_state(&back->bus, write_size, back);
    return result == -ESHUTDOWN ? 0 : result;
}
