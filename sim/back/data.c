/* SPDX-License-Identifier: MIT */
/* Data pages that are mapped for the time of one request. */
#include "back/data.h"

#include <errno.h>
#include <string.h>

const struct back_data *const wrg_back_ways[] = { [BACK_MAP] = &wrg_back_map,
                                                  [BACK_COPY] = &wrg_back_copy,
                                                  [BACK_PERSISTENT] = &wrg_back_persistent };

void wrg_back_unmap(struct back_queue *queue, const uint32_t *pages, uint32_t count)
{
    struct wrg_gnttab_unmap unmap = { .count = count, .pages = pages };

    if (count)
        (void)wrg_port_gnttab_unmap(queue->port, &unmap);
}

int wrg_back_map_segments(struct back_queue *queue, uint32_t gref, void *bytes, uint32_t len)
{
    struct wrg_gnttab_map_op op = { .gref = gref };
    struct wrg_gnttab_map map = {
        .domid = queue->back->bus.other_domid, .readonly = true, .count = 1, .ops = &op
    };

    if (wrg_port_gnttab_map(queue->port, &map) || op.status != BACK_GNTST_OKAY)
        return -EFAULT;
    wrg_page_load(queue->port, op.page, 0, bytes, len, WRG_SITE_INDIRECT);
    wrg_back_unmap(queue, &op.page, 1);
    return 0;
}

static size_t no_size(const struct wrg_back *back)
{
    return 0;
}

static void nothing(struct back_queue *queue)
{
}

static int is_there(struct back_request *req)
{
    return 0;
}

static void release(struct back_request *req)
{
    wrg_back_unmap(req->queue, req->pages, req->nmapped);
    req->nmapped = 0;
}

/* Pages that were mapped are kept in order, without gaps. */
static void keep_mapped(struct back_request *req, const struct wrg_gnttab_map_op *ops,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (ops[i].status == BACK_GNTST_OKAY)
            req->pages[req->nmapped++] = ops[i].page;
}

/* Maps segments from `first` on. */
static int map_batch(struct back_request *req, uint32_t first, uint32_t count)
{
    struct wrg_gnttab_map_op ops[BACK_BATCH];
    struct wrg_gnttab_map map = { .domid = req->queue->back->bus.other_domid,
                                  .readonly = req->io_op == WRG_IO_WRITE,
                                  .count = count,
                                  .ops = ops };
    const struct wrg_blkif_segment *segs = req->segs + first;
    struct wrg_vec *vecs = req->vecs + first;
    uint32_t *pages = req->pages + first;
    int bad = 0;

    for (uint32_t i = 0; i < count; i++)
        ops[i].gref = segs[i].gref;
    if (wrg_port_gnttab_map(req->queue->port, &map))
        return -EFAULT;
    for (uint32_t i = 0; i < count; i++) {
        pages[i] = ops[i].page;
        bad |= ops[i].status;
    }
    if (bad != BACK_GNTST_OKAY) {
        keep_mapped(req, ops, count);
        return -EFAULT;
    }
    wrg_back_vecs(vecs, segs, pages, count);
    req->nmapped += count;
    return 0;
}

static int acquire(struct back_request *req)
{
    for (uint32_t first = 0; first < req->nseg; first += BACK_BATCH) {
        uint32_t left = req->nseg - first;
        int result = map_batch(req, first, left < BACK_BATCH ? left : BACK_BATCH);
        if (result)
            return result;
    }
    return 0;
}

const struct back_data wrg_back_map = {
    .size = no_size,
    .begin = nothing,
    .end = nothing,
    .segments = wrg_back_map_segments,
    .acquire = acquire,
    .deliver = is_there,
    .release = release,
};
