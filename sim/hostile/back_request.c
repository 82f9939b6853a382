/* SPDX-License-Identifier: MIT */
/*
 * A request of the scripted back, from the copy of its slot to the disk.
 */
#include <errno.h>
#include <string.h>

#include "hostile/back.h"

enum { GNTST_OKAY = 0, SEGMENT_BYTES = 8 };

/* ---- segments ---- */

static int copy_page(struct hostile_back *back, uint32_t gref, struct wrg_blkif_segment *segs,
                     uint32_t count)
{
    uint8_t bytes[WRG_BLKIF_PAGE_BYTES];
    struct wrg_gnttab_map_op op = { .gref = gref };
    struct wrg_gnttab_map map = {
        .domid = back->peer.bus.other_domid, .readonly = true, .count = 1, .ops = &op
    };
    struct wrg_gnttab_unmap unmap = { .count = 1, .pages = &op.page };

    if (wrg_port_gnttab_map(back->peer.port, &map) || op.status != GNTST_OKAY)
        return -EFAULT;
    wrg_page_load(back->peer.port, op.page, 0, bytes, count * SEGMENT_BYTES, WRG_SITE_INDIRECT);
    (void)wrg_port_gnttab_unmap(back->peer.port, &unmap);
    wrg_wire_get_segments(bytes, count, segs);
    return 0;
}

static int copy_indirect(struct hostile_back *back, const struct wrg_blkif_request *wire,
                         struct back_task *task)
{
    uint32_t pages = wrg_wire_indirect_pages(task->nseg);
    struct back_link *link = task->queue->link;
    int result = 0;

    link->nindirect = pages;
    memcpy(link->indirect, wire->indirect_grefs, sizeof(link->indirect));
    for (uint32_t i = 0; i < pages && !result; i++) {
        uint32_t done = i * WRG_BLKIF_SEGMENTS_PER_PAGE;
        uint32_t left = task->nseg - done;
        result = copy_page(back, wire->indirect_grefs[i], task->segs + done,
                           left < WRG_BLKIF_SEGMENTS_PER_PAGE ? left : WRG_BLKIF_SEGMENTS_PER_PAGE);
    }
    return result;
}

static void remember_data(struct back_link *link, const struct back_task *task)
{
    link->ndata = task->nseg < BACK_POKE_GREFS ? task->nseg : BACK_POKE_GREFS;
    for (uint32_t i = 0; i < link->ndata; i++)
        link->data[i] = task->segs[i].gref;
}

/* ---- the disk ---- */

static int16_t status_of(int error)
{
    if (error == -EOPNOTSUPP)
        return WRG_BLKIF_RSP_EOPNOTSUPP;
    return error ? WRG_BLKIF_RSP_ERROR : WRG_BLKIF_RSP_OKAY;
}

static void on_disk_done(void *ctx, int error)
{
    struct back_task *task = ctx;
    struct hostile_back *back = task->back;
    bool last;

    wrg_port_section(back->peer.port, WRG_AT_RESPONSE, (uint32_t)task->id);
    wrg_hostile_peer_lock(&back->peer);
    wrg_hostile_back_finish(task, status_of(error));
    last = --back->inflight == 0 && back->stopping;
    wrg_hostile_peer_unlock(&back->peer);
    if (last)
        wrg_hostile_peer_wake(&back->peer, back->peer.xenbus_task);
}

static void submit(struct back_task *task)
{
    struct wrg_disk_submit disk = { .op = task->io_op,
                                    .sector = task->sector,
                                    .nvec = task->nvec,
                                    .vec = task->vecs,
                                    .nsectors = task->nsectors,
                                    .done = on_disk_done,
                                    .ctx = task };
    struct hostile_back *back = task->back;

    back->inflight++;
    if (wrg_port_disk_submit(back->peer.port, &disk)) {
        back->inflight--;
        wrg_hostile_back_finish(task, WRG_BLKIF_RSP_ERROR);
    }
}

/* ---- from the ring ---- */

static uint8_t io_op_of(const struct hostile_back *back, const struct wrg_blkif_request *wire)
{
    uint8_t operation =
        wire->operation == WRG_BLKIF_OP_INDIRECT ? wire->indirect_op : wire->operation;

    /* No waiting: nobody judges the order of a script's disk. */
    if (operation == WRG_BLKIF_OP_WRITE_BARRIER)
        return wire->nr_segments ? WRG_IO_WRITE : WRG_IO_FLUSH;
    if (operation == WRG_BLKIF_OP_FLUSH_DISKCACHE)
        return WRG_IO_FLUSH;
    if (operation == WRG_BLKIF_OP_DISCARD)
        return back->discard_secure && (wire->flag & WRG_BLKIF_DISCARD_SECURE) ? WRG_IO_SECURE_ERASE
                                                                               : WRG_IO_DISCARD;
    return operation == WRG_BLKIF_OP_WRITE ? WRG_IO_WRITE : WRG_IO_READ;
}

static int16_t prepare(struct hostile_back *back, const struct wrg_blkif_request *wire,
                       struct back_task *task)
{
    int16_t status;

    if (task->io_op >= WRG_IO_FLUSH) /* nothing to map */
        return WRG_BLKIF_RSP_OKAY;
    if (wire->operation != WRG_BLKIF_OP_INDIRECT)
        memcpy(task->segs, wire->seg, task->nseg * sizeof(*task->segs));
    else if (copy_indirect(back, wire, task))
        return WRG_BLKIF_RSP_ERROR;
    remember_data(task->queue->link, task);
    status = wrg_hostile_back_check_segments(back, task);
    if (status == WRG_BLKIF_RSP_OKAY && wrg_hostile_back_map(task))
        status = WRG_BLKIF_RSP_ERROR;
    if (status == WRG_BLKIF_RSP_OKAY)
        wrg_hostile_back_spoil(task);
    return status;
}

void wrg_hostile_back_dispatch(struct back_queue *queue, const struct wrg_blkif_request *wire,
                               const struct wrg_hostile_answer *answer)
{
    struct hostile_back *back = queue->back;
    int16_t status = wrg_hostile_back_check(back, wire);
    bool valid = status == WRG_BLKIF_RSP_OKAY;
    struct back_task *task;

    if (answer->misdeed == WRG_HOSTILE_DROP)
        return; /* it is read, and nothing is held of it */
    task = wrg_hostile_back_alloc(queue, valid ? wire->nr_segments : 0);
    if (!task) {
        wrg_hostile_back_refuse(queue, wire);
        return;
    }
    task->answer = *answer;
    task->id = wire->id;
    task->operation = wrg_hostile_back_echo(back, wire);
    task->io_op = io_op_of(back, wire);
    task->nsectors = wrg_sectors_of(wire->nr_sectors, back->units.number);
    task->sector = wrg_sectors_of(wire->sector_number, back->units.number);
    if (valid)
        status = prepare(back, wire, task);
    bool skip = answer->misdeed == WRG_HOSTILE_SKIP_FLUSH && task->io_op == WRG_IO_FLUSH;
    if (status == WRG_BLKIF_RSP_OKAY && !skip)
        submit(task);
    else
        wrg_hostile_back_finish(task, status);
}
