/* SPDX-License-Identifier: MIT */
/*
 * What a request of the scripted back holds: its block of memory, and the pages that it maps.
 */
#include <errno.h>
#include <string.h>

#include "hostile/back.h"

enum { MAP_BATCH = 32, GNTST_OKAY = 0 };

struct back_task *wrg_hostile_back_alloc(struct back_queue *queue, uint32_t nseg)
{
    struct hostile_back *back = queue->back;
    size_t each = sizeof(struct wrg_blkif_segment) + sizeof(struct wrg_vec) + sizeof(uint32_t);
    struct wrg_alloc alloc = { .size = sizeof(struct back_task) + nseg * each,
                               .kind = WRG_ALLOC_POOL };

    if (wrg_port_alloc(back->peer.port, &alloc))
        return NULL;
    struct back_task *task = alloc.ptr;
    memset(task, 0, sizeof(*task));
    task->back = back;
    task->queue = queue;
    task->nseg = (uint16_t)nseg;
    task->nvec = nseg;
    task->segs = (struct wrg_blkif_segment *)(void *)(task + 1);
    task->vecs = (struct wrg_vec *)(void *)(task->segs + nseg);
    task->pages = (uint32_t *)(void *)(task->vecs + nseg);
    return task;
}

void wrg_hostile_back_free(struct back_task *task)
{
    wrg_hostile_free(task->back->peer.port, task);
}

void wrg_hostile_back_unmap(struct back_task *task)
{
    struct wrg_gnttab_unmap unmap = { .count = task->nmapped, .pages = task->pages };

    if (task->nmapped)
        (void)wrg_port_gnttab_unmap(task->back->peer.port, &unmap);
    task->nmapped = 0;
}

static int map_batch(struct back_task *task, uint32_t first, uint32_t count)
{
    struct wrg_gnttab_map_op ops[MAP_BATCH];
    struct wrg_gnttab_map map = { .domid = task->back->peer.bus.other_domid,
                                  .readonly = task->io_op == WRG_IO_WRITE,
                                  .count = count,
                                  .ops = ops };
    int result = 0;

    for (uint32_t i = 0; i < count; i++)
        ops[i] = (struct wrg_gnttab_map_op){ .gref = task->segs[first + i].gref };
    if (wrg_port_gnttab_map(task->back->peer.port, &map))
        return -EFAULT;
    for (uint32_t i = 0; i < count; i++) {
        const struct wrg_blkif_segment *seg = &task->segs[first + i];
        if (ops[i].status != GNTST_OKAY) {
            result = -EFAULT;
            continue;
        }
        task->pages[task->nmapped++] = ops[i].page;
        task->vecs[first + i] = (struct wrg_vec){
            .page = ops[i].page,
            .off = (uint16_t)(seg->first_sect * WRG_SECTOR_SIZE),
            .len = (uint16_t)((seg->last_sect - seg->first_sect + 1) * (int)WRG_SECTOR_SIZE),
        };
    }
    return result;
}

int wrg_hostile_back_map(struct back_task *task)
{
    int result = 0;

    for (uint32_t first = 0; first < task->nseg && !result; first += MAP_BATCH) {
        uint32_t left = task->nseg - first;
        result = map_batch(task, first, left < MAP_BATCH ? left : MAP_BATCH);
    }
    return result;
}
