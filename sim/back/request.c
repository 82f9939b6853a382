/* SPDX-License-Identifier: MIT */
/*
 * The life of one request: from the private copy of its slot to its response.
 */
#include <errno.h>
#include <string.h>

#include "back/data.h"

static struct back_request *alloc_request(struct back_queue *queue, uint32_t nseg)
{
    size_t each = sizeof(struct wrg_blkif_segment) + sizeof(struct wrg_vec) + sizeof(uint32_t) +
                  wrg_back_data(queue->back)->each;
    struct wrg_alloc alloc = { .size = sizeof(struct back_request) + nseg * each,
                               .kind = WRG_ALLOC_POOL };

    if (wrg_port_alloc(queue->port, &alloc))
        return NULL;
    struct back_request *req = alloc.ptr;
    *req = (struct back_request){ .queue = queue,
                                  .nseg = (uint16_t)nseg,
                                  .segs = (struct wrg_blkif_segment *)(void *)(req + 1) };
    req->vecs = (struct wrg_vec *)(void *)(req->segs + nseg);
    req->pages = (uint32_t *)(void *)(req->vecs + nseg);
    return req;
}

static void free_request(struct back_request *req)
{
    struct wrg_free args = { .ptr = req };

    (void)wrg_port_free(req->queue->port, &args);
}

/* ---- indirect segments ---- */

static int copy_page(struct back_queue *queue, uint32_t gref, struct wrg_blkif_segment *segs,
                     uint32_t count)
{
    uint8_t bytes[WRG_BLKIF_PAGE_BYTES];
    int result = wrg_back_data(queue->back)->segments(queue, gref, bytes, count * 8);

    if (!result)
        wrg_wire_get_segments(bytes, count, segs);
    return result;
}

static int copy_indirect(struct back_queue *queue, const struct wrg_blkif_request *wire,
                         struct back_request *req)
{
    uint32_t pages = wrg_wire_indirect_pages(req->nseg);

    for (uint32_t i = 0; i < pages; i++) {
        uint32_t done = i * WRG_BLKIF_SEGMENTS_PER_PAGE;
        uint32_t left = req->nseg - done;
        uint32_t count = left < WRG_BLKIF_SEGMENTS_PER_PAGE ? left : WRG_BLKIF_SEGMENTS_PER_PAGE;
        int result = copy_page(queue, wire->indirect_grefs[i], req->segs + done, count);
        if (result)
            return result;
    }
    return 0;
}

/* ---- the disk's answer ---- */

bool wrg_back_finish(struct back_request *req, int16_t status)
{
    struct back_queue *queue = req->queue;
    uint64_t id = req->id;
    uint8_t operation = req->operation;

    wrg_back_data(queue->back)->release(req);
    free_request(req);
    return wrg_back_respond(queue, id, operation, status);
}

/* The disk cannot flush after all: nobody is promised that any more. */
static void lose(struct wrg_back *back, const struct back_request *req)
{
    struct wrg_task_wake wake = { .task = back->xenbus_task };

    if (req->step)
        __atomic_store_n(&back->barrier, false, __ATOMIC_RELEASE);
    else
        __atomic_store_n(&back->flush, false, __ATOMIC_RELEASE);
    __atomic_store_n(&back->lost, true, __ATOMIC_RELEASE);
    (void)wrg_port_task_wake(back->port, &wake);
}

int16_t wrg_back_status_of(struct wrg_back *back, const struct back_request *req, int error)
{
    if (!error)
        return WRG_BLKIF_RSP_OKAY;
    if (error != -EOPNOTSUPP)
        return WRG_BLKIF_RSP_ERROR;
    if (req->step || req->io_op == WRG_IO_FLUSH)
        lose(back, req);
    return WRG_BLKIF_RSP_EOPNOTSUPP;
}

static void on_disk_done(void *ctx, int error)
{
    struct back_request *req = ctx;
    struct back_queue *queue = req->queue;
    struct wrg_back *back = queue->back;

    wrg_port_section(back->port, WRG_AT_RESPONSE, (uint32_t)req->id);
    if (!error)
        error = wrg_back_data(back)->deliver(req);
    if (wrg_back_finish(req, wrg_back_status_of(back, req, error)))
        wrg_back_publish_soon(queue);
}

static void submit(struct back_request *req)
{
    struct wrg_disk_submit disk = { .op = req->io_op,
                                    .sector = req->sector,
                                    .nvec = req->nseg,
                                    .vec = req->vecs,
                                    .nsectors = req->nsectors,
                                    .done = on_disk_done,
                                    .ctx = req };

    if (wrg_port_disk_submit(req->queue->port, &disk))
        (void)wrg_back_finish(req, WRG_BLKIF_RSP_ERROR);
}

/* ---- from the ring ---- */

/* Who cannot erase discards. */
static uint8_t discard_op(const struct wrg_back *back, const struct wrg_blkif_request *wire)
{
    bool secure = back->discard_secure && (wire->flag & WRG_BLKIF_DISCARD_SECURE);

    return secure ? WRG_IO_SECURE_ERASE : WRG_IO_DISCARD;
}

static uint8_t io_op_of(const struct wrg_back *back, const struct wrg_blkif_request *wire)
{
    uint8_t operation =
        wire->operation == WRG_BLKIF_OP_INDIRECT ? wire->indirect_op : wire->operation;

    if (operation == WRG_BLKIF_OP_FLUSH_DISKCACHE)
        return WRG_IO_FLUSH;
    if (operation == WRG_BLKIF_OP_WRITE_BARRIER)
        return wire->nr_segments ? WRG_IO_WRITE : WRG_IO_FLUSH;
    if (operation == WRG_BLKIF_OP_DISCARD)
        return discard_op(back, wire);
    return operation == WRG_BLKIF_OP_WRITE ? WRG_IO_WRITE : WRG_IO_READ;
}

/* What the response says it answers; an operation that is not supported is echoed as it came. */
static uint8_t echo_of(const struct wrg_back *back, const struct wrg_blkif_request *wire)
{
    bool inner = wire->operation == WRG_BLKIF_OP_INDIRECT && back->indirect_max != 0 &&
                 !back->port->params.echo_outer;

    return inner ? wire->indirect_op : wire->operation;
}

/* What moves no data. */
static int16_t prepare_other(struct wrg_back *back, const struct wrg_blkif_request *wire,
                             struct back_request *req)
{
    if (req->io_op == WRG_IO_FLUSH)
        return back->readonly ? WRG_BLKIF_RSP_ERROR : WRG_BLKIF_RSP_OKAY;
    req->nsectors = wrg_sectors_of(wire->nr_sectors, back->units.number);
    return wrg_back_check_discard(back, req);
}

static int16_t prepare(struct wrg_back *back, const struct wrg_blkif_request *wire,
                       struct back_request *req)
{
    int16_t status;

    if (wire->operation == WRG_BLKIF_OP_INDIRECT) {
        if (copy_indirect(req->queue, wire, req))
            return WRG_BLKIF_RSP_ERROR;
    } else if (req->nseg) {
        memcpy(req->segs, wire->seg, req->nseg * sizeof(*req->segs));
    }
    if (req->io_op >= WRG_IO_FLUSH)
        return prepare_other(back, wire, req);
    status = wrg_back_check_segments(back, req);
    if (status == WRG_BLKIF_RSP_OKAY && wrg_back_data(req->queue->back)->acquire(req))
        status = WRG_BLKIF_RSP_ERROR;
    return status;
}

void wrg_back_dispatch(struct back_queue *queue, const struct wrg_blkif_request *wire)
{
    struct wrg_back *back = queue->back;
    uint8_t echo = echo_of(back, wire);
    int16_t status = wrg_back_check_header(back, wire);
    struct back_request *req;

    if (status != WRG_BLKIF_RSP_OKAY) {
        (void)wrg_back_respond(queue, wire->id, echo, status);
        return;
    }
    req = alloc_request(queue, wire->nr_segments);
    if (!req) {
        (void)wrg_back_respond(queue, wire->id, echo, WRG_BLKIF_RSP_ERROR);
        return;
    }
    req->id = wire->id;
    req->operation = echo;
    req->io_op = io_op_of(back, wire);
    req->sector = wrg_sectors_of(wire->sector_number, back->units.number);
    status = prepare(back, wire, req);
    /* To discard nothing is done at once. */
    if (status != WRG_BLKIF_RSP_OKAY || (wire->operation == WRG_BLKIF_OP_DISCARD && !req->nsectors))
        (void)wrg_back_finish(req, status);
    else if (wire->operation == WRG_BLKIF_OP_WRITE_BARRIER)
        wrg_back_hold(req);
    else
        submit(req);
}
