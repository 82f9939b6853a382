/* SPDX-License-Identifier: MIT */
#include "world/vbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world/world_impl.h"

#define DISK_CHUNKS 2048 /* of 64 KiB: what one run may write */

bool wrg_vbd_scripted(const struct wrg_world_vbd *vbd, unsigned seat)
{
    return vbd->index == 0 && wrg_world_scripted(vbd->w, seat);
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
                                             .edge = wrg_edge_of(vbd) };
        int result = wrg_guest_init(&vbd->guests[seat], &args);
        if (result)
            return result;
    }
    return 0;
}

int wrg_vbd_build(struct wrg_world_vbd *vbd)
{
    int result;

    vbd->id = (struct wrg_vbd_id){ .front_domid = WRG_DOM_FRONT,
                                   .back_domid = WRG_DOM_BACK,
                                   .vdev = WRG_VDEV_XVDA };
    result = build_guests(vbd);
    return result ? result : build_disk(vbd);
}

void wrg_vbd_demolish(struct wrg_world_vbd *vbd)
{
    wrg_disk_queue_fini(&vbd->disk);
    wrg_cache_disk_fini(&vbd->cache_disk);
    wrg_memory_disk_fini(&vbd->memory_disk);
    for (unsigned seat = 0; seat < WRG_WORLD_SEATS; seat++)
        wrg_guest_fini(&vbd->guests[seat]);
}

void wrg_vbd_set_disk(struct wrg_world_vbd *vbd)
{
    const struct wrg_world *w = vbd->w;
    bool cache = w->config.cache != WRG_CASE_CACHE_NONE;

    vbd->error_disk.disk.next = cache ? &vbd->cache_disk.disk : &vbd->memory_disk.disk;
    vbd->readonly_disk.disk.next =
        w->config.sector_size > WRG_SECTOR_SIZE ? &vbd->block_disk.disk : &vbd->error_disk.disk;
    wrg_block_disk_set(&vbd->block_disk, w->config.sector_size);
    vbd->disk.disk = w->config.delay ? &vbd->delay_disk.disk : &vbd->faulty_disk.disk;
    wrg_delay_disk_set(&vbd->delay_disk, w->config.delay, w->config.seed);
    vbd->disk.reorder = w->config.reorder;
    vbd->disk.reorder_seed = w->config.seed;
    wrg_disk_queue_reset(&vbd->disk);
    wrg_memory_disk_resize(&vbd->memory_disk, w->config.sectors);
    wrg_error_disk_set(&vbd->error_disk, w->config.error_first, w->config.error_count);
    vbd->readonly_disk.on = w->config.readonly;
    vbd->memory_disk.discard = w->config.discard != WRG_CASE_DISCARD_NO;
    vbd->memory_disk.secure = w->config.discard == WRG_CASE_DISCARD_SECURE;
}
