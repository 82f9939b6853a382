/* SPDX-License-Identifier: MIT */
/*
 * Data that is copied through grants, between the frontend's pages and buffers of one's own: no
 * page of data is ever mapped. Buffers are kept for the next request, up to a bound.
 */
#include <errno.h>

#include "back/data.h"

enum { KEPT_BUFFERS = 2048 }; /* 8 MiB */

struct buffers { /* of a queue, under rsp_lock */
    uint32_t count;
    uint32_t pages[KEPT_BUFFERS];
};

static struct buffers *buffers_of(const struct back_queue *queue)
{
    return (struct buffers *)(void *)(queue->ring + 1);
}

static size_t size(const struct wrg_back *back)
{
    return sizeof(struct buffers);
}

static void begin(struct back_queue *queue)
{
    buffers_of(queue)->count = 0;
}

static void free_buffer(struct back_queue *queue, uint32_t page)
{
    struct wrg_page_free args = { .page = page, .count = 1 };

    (void)wrg_port_page_free(queue->port, &args);
}

static void end(struct back_queue *queue)
{
    struct buffers *buffers = buffers_of(queue);

    while (buffers->count)
        free_buffer(queue, buffers->pages[--buffers->count]);
}

/* ---- buffers ---- */

static void take_kept(struct back_request *req)
{
    struct back_queue *queue = req->queue;
    struct buffers *buffers = buffers_of(queue);

    wrg_port_lock(queue->port, queue->rsp_lock);
    while (req->nmapped < req->nseg && buffers->count)
        req->pages[req->nmapped++] = buffers->pages[--buffers->count];
    wrg_port_unlock(queue->port, queue->rsp_lock);
}

static int take_buffers(struct back_request *req)
{
    take_kept(req);
    while (req->nmapped < req->nseg) {
        struct wrg_page_alloc alloc = { .count = 1 };
        int result = wrg_port_page_alloc(req->queue->port, &alloc);
        if (result)
            return result;
        req->pages[req->nmapped++] = alloc.page;
    }
    for (uint32_t i = 0; i < req->nseg; i++)
        req->vecs[i] = wrg_back_vec(&req->segs[i], req->pages[i]);
    return 0;
}

static void release(struct back_request *req)
{
    struct back_queue *queue = req->queue;
    struct buffers *buffers = buffers_of(queue);

    if (req->nmapped == 0)
        return;
    wrg_port_lock(queue->port, queue->rsp_lock);
    while (req->nmapped && buffers->count < KEPT_BUFFERS)
        buffers->pages[buffers->count++] = req->pages[--req->nmapped];
    wrg_port_unlock(queue->port, queue->rsp_lock);
    while (req->nmapped)
        free_buffer(queue, req->pages[--req->nmapped]);
}

/* ---- copies ---- */

static struct wrg_gnttab_copy_op copy_op(const struct back_request *req, uint32_t i, bool in)
{
    const struct wrg_vec *vec = &req->vecs[i];
    uint32_t gref = req->segs[i].gref;

    return (struct wrg_gnttab_copy_op){ .source_is_gref = in,
                                        .dest_is_gref = !in,
                                        .source = in ? gref : vec->page,
                                        .dest = in ? vec->page : gref,
                                        .source_off = vec->off,
                                        .dest_off = vec->off,
                                        .len = vec->len };
}

/* Each entry succeeds or fails by itself. */
static int copy_batch(struct back_request *req, uint32_t first, uint32_t count, bool in)
{
    struct wrg_gnttab_copy_op ops[BACK_BATCH];
    struct wrg_gnttab_copy copy = { .domid = req->queue->back->bus.other_domid,
                                    .count = count,
                                    .ops = ops };

    for (uint32_t i = 0; i < count; i++)
        ops[i] = copy_op(req, first + i, in);
    if (wrg_port_gnttab_copy(req->queue->port, &copy))
        return -EFAULT;
    for (uint32_t i = 0; i < count; i++)
        if (ops[i].status != BACK_GNTST_OKAY)
            return -EFAULT;
    return 0;
}

static int copy_all(struct back_request *req, bool in)
{
    for (uint32_t first = 0; first < req->nseg; first += BACK_BATCH) {
        uint32_t left = req->nseg - first;
        int result = copy_batch(req, first, left < BACK_BATCH ? left : BACK_BATCH, in);
        if (result)
            return result;
    }
    return 0;
}

static int acquire(struct back_request *req)
{
    int result = take_buffers(req);

    return !result && req->io_op == WRG_IO_WRITE ? copy_all(req, true) : result;
}

static int deliver(struct back_request *req)
{
    return req->io_op == WRG_IO_READ ? copy_all(req, false) : 0;
}

/* Pages of segments are mapped: they are read in place, once. */
const struct back_data wrg_back_copy = {
    .size = size,
    .begin = begin,
    .end = end,
    .segments = wrg_back_map_segments,
    .acquire = acquire,
    .deliver = deliver,
    .release = release,
};
