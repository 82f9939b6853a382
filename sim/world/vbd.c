/* SPDX-License-Identifier: MIT */
#include "world/vbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world/world_impl.h"

#define DISK_CHUNKS 2048 /* of 64 KiB: what one run may write */
#define STORE_TRIES 2

_Static_assert(WRG_WORLD_DEVICES <= WRG_FAULT_DEVICES, "each device has rows of its own");

/* As which device its calls count for faults. */
static uint8_t fault_device(const struct wrg_world_vbd *vbd)
{
    return vbd->w->options.faults_for_all ? 0 : vbd->index;
}

bool wrg_vbd_has_faults(const struct wrg_world_vbd *vbd)
{
    const struct wrg_world *w = vbd->w;
    uint8_t device = fault_device(vbd);

    return wrg_fault_concerns(&w->fault, device) || (device == 0 && w->fail_nth);
}

bool wrg_vbd_store_has_failed(const struct wrg_world_vbd *vbd)
{
    return wrg_fault_hits(&vbd->w->fault, WRG_FAULT_GROUP_STORE, fault_device(vbd)) >= STORE_TRIES;
}

int wrg_vbd_init(struct wrg_world_vbd *vbd, struct wrg_world *w, uint8_t index)
{
    vbd->w = w;
    vbd->index = index;
    vbd->oracles = w->options.oracles ? wrg_oracles_create() : NULL;
    if (w->options.oracles && !vbd->oracles)
        return -ENOMEM;
    return wrg_edge_init(vbd);
}

void wrg_vbd_fini(struct wrg_world_vbd *vbd)
{
    wrg_edge_fini(vbd);
    if (vbd->oracles)
        wrg_oracles_destroy(vbd->oracles);
}

/* ---- within a Xen ---- */

static int build_disk(struct wrg_world_vbd *vbd)
{
    struct wrg_world *w = vbd->w;
    const struct wrg_memory_disk_args args = { .sectors = w->config.sectors,
                                               .chunks = DISK_CHUNKS,
                                               .prefault = w->options.prefault_disk };
    int result = wrg_memory_disk_init(&vbd->memory_disk, &args);

    if (result)
        return result;
    result = wrg_cache_disk_init(&vbd->cache_disk, &vbd->memory_disk.disk);
    if (result) {
        wrg_memory_disk_fini(&vbd->memory_disk);
        return result;
    }
    wrg_error_disk_init(&vbd->error_disk, &vbd->memory_disk.disk);
    wrg_block_disk_init(&vbd->block_disk, &vbd->error_disk.disk);
    wrg_readonly_disk_init(&vbd->readonly_disk, &vbd->error_disk.disk);
    wrg_faulty_disk_init(&vbd->faulty_disk, &vbd->readonly_disk.disk);
    wrg_delay_disk_init(&vbd->delay_disk, &vbd->faulty_disk.disk);
    wrg_disk_queue_init(&vbd->disk, &w->xen, vbd->guests[WRG_SEAT_BACK].dom,
                        &vbd->faulty_disk.disk);
    vbd->disk.role = vbd->guests[WRG_SEAT_BACK].role;
    return 0;
}

static int build_guests(struct wrg_world_vbd *vbd)
{
    const uint16_t domids[] = {
        [WRG_SEAT_FRONT] = vbd->id.front_domid, [WRG_SEAT_BACK] = vbd->id.back_domid
    };

    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++) {
        const struct wrg_guest_args args = { .xen = &vbd->w->xen,
                                             .domid = domids[seat],
                                             .peer_domid = domids[1 - seat],
                                             .device = vbd->index,
                                             .edge = wrg_edge_of(vbd) };
        int result = wrg_guest_init(&vbd->guests[seat], &args);
        if (result)
            return result;
        vbd->guests[seat].dom->voices |= (uint8_t)(1u << vbd->index);
        if (seat == WRG_SEAT_FRONT && vbd->id.front_domid != WRG_DOM_FRONT)
            vbd->guests[seat].dom->voices = (uint8_t)(1u << vbd->index);
    }
    return 0;
}

int wrg_vbd_build(struct wrg_world_vbd *vbd)
{
    int result;

    const struct wrg_profile *profile = &vbd->w->profile;
    uint8_t nth = profile->guests > 1 ? vbd->index : 0; /* guest */
    uint8_t disk = vbd->index - nth;

    vbd->id = (struct wrg_vbd_id){
        .front_domid = (uint16_t)(nth ? WRG_DOM_GUEST + nth - 1 : WRG_DOM_FRONT),
        .back_domid = WRG_DOM_BACK,
        .vdev = wrg_vdev_xvd(disk, 0),
    };
    result = build_guests(vbd);
    if (!result)
        result = build_disk(vbd);
    vbd->built = result == 0;
    return result;
}

void wrg_vbd_demolish(struct wrg_world_vbd *vbd)
{
    if (!vbd->built)
        return;
    vbd->built = false;
    wrg_cache_disk_fini(&vbd->cache_disk);
    wrg_memory_disk_fini(&vbd->memory_disk);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_guest_fini(&vbd->guests[seat]);
}

/* The lowest: the disk that was given, or one in memory, with a cache where the case says so. */
static struct wrg_disk *bottom_of(struct wrg_world_vbd *vbd)
{
    const struct wrg_world *w = vbd->w;

    if (w->options.disks[vbd->index])
        return w->options.disks[vbd->index];
    return w->config.cache != WRG_CASE_CACHE_NONE ? &vbd->cache_disk.disk : &vbd->memory_disk.disk;
}

/* A link above `next`, if it has something to do in this run. */
static struct wrg_disk *link_above(struct wrg_disk *next, struct wrg_disk *link, bool wanted)
{
    link->next = next;
    return wanted ? link : next;
}

/* As for calls of the port (wrg_guest_set_hooks): else nothing fails, and nobody counts. */
static bool asks_faults(const struct wrg_world *w)
{
    return w->instrumented || w->xen.parallel || w->fault.armed;
}

static void set_chain(struct wrg_world_vbd *vbd)
{
    const struct wrg_world *w = vbd->w;
    struct wrg_disk *disk = bottom_of(vbd);

    disk = link_above(disk, &vbd->error_disk.disk, vbd->error_disk.sectors != 0);
    disk = link_above(disk, &vbd->block_disk.disk, w->config.sector_size > WRG_SECTOR_SIZE);
    disk = link_above(disk, &vbd->readonly_disk.disk, vbd->readonly_disk.on);
    disk = link_above(disk, &vbd->faulty_disk.disk, asks_faults(w));
    vbd->disk.disk = link_above(disk, &vbd->delay_disk.disk, w->config.delay != 0);
}

void wrg_vbd_set_disk(struct wrg_world_vbd *vbd)
{
    const struct wrg_world *w = vbd->w;
    bool first = vbd->index == 0; /* that of the others can be written */
    bool bad = vbd->index == w->config.error_device;

    wrg_error_disk_set(&vbd->error_disk, w->config.error_first, bad ? w->config.error_count : 0);
    wrg_block_disk_set(&vbd->block_disk, w->config.sector_size);
    vbd->readonly_disk.on = first && w->config.readonly;
    wrg_delay_disk_set(&vbd->delay_disk, w->config.delay, w->config.seed);
    set_chain(vbd);
    vbd->disk.async = w->options.disks[vbd->index] != NULL;
    vbd->disk.reorder = w->config.reorder;
    vbd->disk.reorder_seed = w->config.seed;
    wrg_disk_queue_reset(&vbd->disk);
    wrg_memory_disk_resize(&vbd->memory_disk, w->config.sectors);
    vbd->memory_disk.discard = w->config.discard != WRG_CASE_DISCARD_NO;
    vbd->memory_disk.secure = w->config.discard == WRG_CASE_DISCARD_SECURE;
}
