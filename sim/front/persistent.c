/* SPDX-License-Identifier: MIT */
/*
 * Bounce pages: what the backend sees of data, where it must not see, or cannot keep, the block
 * layer's own pages.
 *
 * What it is    Data is copied into granted pages before a request is put, and out of them after
 *               it is answered. Where both ends offer persistent grants, these pages stay granted
 *               for the next request, on a list of free ones, as do the pages of segments; the
 *               backend may keep them mapped. Without that (a backend that is not trusted) each
 *               request has zeroed pages of its own.
 * Bounds        as many pages as requests had at one time; each 10 s those that the backend does
 *               not map are given up
 * Ownership     a grant is on the list, or in the slot of one request
 * Threads       under ring_lock
 * Errors        nothing is held after a failure
 * Source        xen/io/blkif.h: feature-persistent; XSA-403
 */
#include <errno.h>

#include "front/front.h"

#define PURGE_NS UINT64_C(10000000000)

enum { BATCH = 64 };

struct front_pool { /* behind the slots of a ring */
    struct front_grant *free;
    bool timer; /* the housekeeping will look */
};

static struct front_pool *pool_of(const struct front_queue *queue)
{
    const struct front_ring *ring = queue->ring;

    return (struct front_pool *)(void *)&queue->ring->slots[ring->ring.ring.entries];
}

size_t wrg_front_pool_size(const struct wrg_front *front)
{
    return front->bounce || front->port->params.persistent ? sizeof(struct front_pool) : 0;
}

/* ---- one page ---- */

static void free_struct(struct front_queue *queue, struct front_grant *grant)
{
    struct wrg_free args = { .ptr = grant };

    (void)wrg_port_free(queue->port, &args);
}

static void free_page(struct front_queue *queue, uint32_t page)
{
    struct wrg_page_free args = { .page = page, .count = 1 };

    (void)wrg_port_page_free(queue->port, &args);
}

static int share_page(struct front_queue *queue, struct front_grant *grant, bool readonly)
{
    struct wrg_page_alloc alloc = { .count = 1, .zero = true };
    int result = wrg_port_page_alloc(queue->port, &alloc);

    if (result)
        return result;
    struct wrg_gnttab_grant args = { .domid = queue->front->bus.other_domid,
                                     .readonly = readonly,
                                     .count = 1,
                                     .pages = &alloc.page,
                                     .grefs = &grant->gref };
    result = wrg_port_gnttab_grant(queue->port, &args);
    if (result)
        free_page(queue, alloc.page);
    grant->page = alloc.page;
    return result;
}

/* A page that shows what was shown before at most; NULL: there is none. */
static struct front_grant *take(struct front_queue *queue, bool readonly)
{
    struct front_pool *pool = pool_of(queue);
    struct wrg_alloc alloc = { .size = sizeof(struct front_grant), .kind = WRG_ALLOC_POOL };
    struct front_grant *grant = pool->free;

    if (grant) {
        pool->free = grant->next;
        return grant;
    }
    if (wrg_port_alloc(queue->port, &alloc))
        return NULL;
    grant = alloc.ptr;
    /* Nobody knows what the next request that uses it will be. */
    if (share_page(queue, grant, readonly && !queue->front->persistent)) {
        free_struct(queue, grant);
        return NULL;
    }
    return grant;
}

/* False: the backend still maps it, and it is kept elsewhere. */
static bool give_up(struct front_queue *queue, struct front_grant *grant)
{
    bool ended = wrg_front_unshare(queue, grant->gref, grant->page);

    free_struct(queue, grant);
    return ended;
}

/* An end that is refused stays half done in a table of version 2: nothing is given up there. */
static bool can_purge(const struct front_queue *queue)
{
    struct wrg_gnttab_query query = { .domid = queue->port->domid };

    return wrg_port_gnttab_query(queue->port, &query) == 0 && query.version == 1;
}

static void look_later(struct front_queue *queue)
{
    struct wrg_timer_set timer = { .task = queue->purge_task, .delay_ns = PURGE_NS };

    if (can_purge(queue))
        (void)wrg_port_timer_set(queue->port, &timer);
    pool_of(queue)->timer = true;
}

static bool put_back(struct front_queue *queue, struct front_grant *grant)
{
    struct front_pool *pool = pool_of(queue);

    if (!queue->front->persistent)
        return give_up(queue, grant);
    grant->next = pool->free;
    pool->free = grant;
    if (!pool->timer)
        look_later(queue);
    return true;
}

/* ---- requests ---- */

/* Behind the grefs, in one block: of the data, then of the pages of segments. */
static struct front_grant **grants_of(const struct front_slot *slot)
{
    return (struct front_grant **)(void *)(slot->grefs + ((slot->nseg + 1u) & ~1u));
}

size_t wrg_front_bounce_size(uint32_t nseg)
{
    return ((nseg + 1u) & ~1u) * sizeof(uint32_t) +
           (nseg + wrg_wire_indirect_pages(nseg)) * sizeof(struct front_grant *);
}

static void copy(struct front_queue *queue, const struct wrg_vec *vec, uint32_t page, bool in)
{
    const struct wrg_page_copy args = { .to = in ? page : vec->page,
                                        .from = in ? vec->page : page,
                                        .to_off = vec->off,
                                        .from_off = vec->off,
                                        .len = vec->len };

    wrg_page_copy(queue->port, &args, WRG_SITE_DATA);
}

/* The first so many grants of a request go back. */
static bool release(struct front_queue *queue, const struct front_slot *slot, uint32_t count)
{
    struct front_grant **grants = grants_of(slot);
    bool all = true;

    while (count)
        all &= put_back(queue, grants[--count]);
    return all;
}

int wrg_front_bounce(struct front_queue *queue, struct front_slot *slot,
                     const struct front_part *part)
{
    struct front_grant **grants = grants_of(slot);
    bool write = part->io->op != WRG_IO_READ;

    for (uint32_t i = 0; i < part->nseg; i++) {
        grants[i] = take(queue, write);
        if (!grants[i]) {
            (void)release(queue, slot, i);
            return -ENOMEM;
        }
        slot->grefs[i] = grants[i]->gref;
        if (write)
            copy(queue, &part->io->vec[part->first_vec + i], grants[i]->page, true);
    }
    return 0;
}

int wrg_front_take_indirect(struct front_queue *queue, struct front_slot *slot, uint32_t count,
                            uint32_t *pages)
{
    struct front_grant **grants = grants_of(slot) + slot->nseg;

    for (uint32_t k = 0; k < count; k++) {
        grants[k] = take(queue, true);
        if (!grants[k]) {
            while (k)
                (void)put_back(queue, grants[--k]);
            return -ENOMEM;
        }
        slot->indirect_grefs[k] = grants[k]->gref;
        pages[k] = grants[k]->page;
    }
    return 0;
}

void wrg_front_copy_out(struct front_queue *queue, const struct front_slot *slot)
{
    struct front_grant **grants = grants_of(slot);

    for (uint32_t i = 0; i < slot->nseg; i++)
        copy(queue, &slot->io->vec[slot->first_vec + i], grants[i]->page, false);
}

bool wrg_front_unbounce(struct front_queue *queue, struct front_slot *slot)
{
    uint32_t count = slot->nseg;

    if (queue->front->persistent)
        count += slot->nindirect;
    return release(queue, slot, count);
}

/* ---- housekeeping, and the end ---- */

/* True: the grant is over, and its page is free. */
static void free_ended(struct front_queue *queue, struct front_grant *grant, bool keep)
{
    if (keep)
        wrg_front_keep(queue, &grant->gref, 1, grant->page);
    else
        free_page(queue, grant->page);
    free_struct(queue, grant);
}

/* Ends up to a batch of grants in one call; who is still mapped has its gref afterwards. */
static void end_batch(struct front_queue *queue, struct front_grant **batch, uint32_t count)
{
    uint32_t grefs[BATCH];
    struct wrg_gnttab_end end = { .count = count, .grefs = grefs };

    for (uint32_t i = 0; i < count; i++)
        grefs[i] = batch[i]->gref;
    (void)wrg_port_gnttab_end(queue->port, &end);
    for (uint32_t i = 0; i < count; i++)
        batch[i]->gref = grefs[i];
}

/* Ends all grants on the list. What the backend still maps is kept, or goes back on the list. */
static void end_all(struct front_queue *queue, bool requeue)
{
    struct front_pool *pool = pool_of(queue);
    struct front_grant *todo = pool->free;
    struct front_grant **tail = &pool->free;

    while (todo) {
        struct front_grant *batch[BATCH];
        uint32_t count = 0;
        for (; todo && count < BATCH; todo = todo->next)
            batch[count++] = todo;
        end_batch(queue, batch, count);
        for (uint32_t i = 0; i < count; i++) {
            bool mapped = batch[i]->gref != WRG_NO_GREF;
            if (mapped && requeue) {
                *tail = batch[i];
                tail = &batch[i]->next;
            } else {
                free_ended(queue, batch[i], mapped);
            }
        }
    }
    *tail = NULL;
}

void wrg_front_purge(void *arg)
{
    struct front_queue *queue = arg;
    const struct wrg_front *front = queue->front;

    wrg_port_lock(queue->port, queue->ring_lock);
    if (queue->ring && queue->ring->page && front->persistent) {
        end_all(queue, true);
        pool_of(queue)->timer = false;
        if (pool_of(queue)->free)
            look_later(queue);
    }
    wrg_port_unlock(queue->port, queue->ring_lock);
}

void wrg_front_drop_grants(struct front_queue *queue)
{
    struct wrg_timer_set off = { .task = queue->purge_task, .delay_ns = WRG_FOREVER };

    if (!queue->front->persistent)
        return;
    end_all(queue, false);
    (void)wrg_port_timer_set(queue->port, &off);
}
