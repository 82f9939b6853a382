/* SPDX-License-Identifier: MIT */
/*
 * Persistent grants: pages stay mapped for the next request that names the same gref.
 *
 * What it is    A pool of mappings for each queue, hashed by gref. An entry is active while a
 *               request uses it, and then belongs to that request alone: a second one that names
 *               the gref maps it for itself. All are mapped writable, since nobody knows what the
 *               next request will be.
 * Bounds        params.pool entries; what finds no room is mapped for its request only
 * Housekeeping  a task of its own looks each 10 s for entries that nobody has used for a minute,
 *               and 0.1 s after the pool has overflown for 5 % of its entries, the oldest first
 * Threads       entries come and go, and are found, under ring_lock; who ends a request only says
 *               that its entries are not active any more
 * Source        xen/io/blkif.h: feature-persistent
 * Left out      pages of one request that are spread over several queues: each queue maps them
 */
#include <errno.h>
#include <string.h>

#include "back/data.h"

#define LOOK_NS UINT64_C(10000000000)
#define SOON_NS UINT64_C(100000000)

enum {
    NOBODY = UINT16_MAX,
    IDLE_TICKS = 6, /* of LOOK_NS */
    CLEAN_PERCENT = 5,
};

struct entry {
    uint32_t gref, page;
    uint32_t used; /* tick of its last use */
    uint16_t next; /* in its bucket, or in the list of free ones */
    uint16_t newer, older;
    bool active;
};

/* Entries follow, and buckets behind them. */
struct pool {
    uint16_t limit, count, free;
    uint16_t newest, oldest;
    uint16_t mask; /* buckets - 1 */
    bool timer;    /* the housekeeping will look */
    bool overflow; /* somebody found no room since it looked */
    uint32_t tick;
    struct entry entries[];
};

/* ---- the pool ---- */

static struct pool *pool_of(const struct back_queue *queue)
{
    return (struct pool *)(void *)(queue->ring + 1);
}

static uint32_t buckets_for(uint32_t limit)
{
    uint32_t buckets = 16;

    while (buckets < limit)
        buckets *= 2;
    return buckets;
}

static size_t size(const struct wrg_back *back)
{
    uint32_t limit = back->port->params.pool;

    return sizeof(struct pool) + limit * sizeof(struct entry) +
           buckets_for(limit) * sizeof(uint16_t);
}

static uint16_t *bucket_of(struct pool *pool, uint32_t gref)
{
    uint16_t *buckets = (uint16_t *)(void *)(pool->entries + pool->limit);

    return &buckets[(gref ^ gref >> 12) & pool->mask];
}

static void begin(struct back_queue *queue)
{
    struct pool *pool = pool_of(queue);
    uint32_t buckets;

    pool->limit = queue->port->params.pool;
    buckets = buckets_for(pool->limit);
    pool->count = 0;
    pool->newest = pool->oldest = NOBODY;
    pool->mask = (uint16_t)(buckets - 1);
    pool->timer = pool->overflow = false;
    pool->tick = 0;
    pool->free = pool->limit ? 0 : NOBODY;
    for (uint32_t i = 0; i < pool->limit; i++)
        pool->entries[i].next = (uint16_t)(i + 1u < pool->limit ? i + 1u : NOBODY);
    memset(pool->entries + pool->limit, 0xff, buckets * sizeof(uint16_t));
}

static void leave_order(struct pool *pool, const struct entry *entry)
{
    if (entry->newer == NOBODY)
        pool->newest = entry->older;
    else
        pool->entries[entry->newer].older = entry->older;
    if (entry->older == NOBODY)
        pool->oldest = entry->newer;
    else
        pool->entries[entry->older].newer = entry->newer;
}

static void become_newest(struct pool *pool, struct entry *entry)
{
    uint16_t at = (uint16_t)(entry - pool->entries);

    entry->newer = NOBODY;
    entry->older = pool->newest;
    if (pool->newest == NOBODY)
        pool->oldest = at;
    else
        pool->entries[pool->newest].newer = at;
    pool->newest = at;
}

static struct entry *find(struct pool *pool, uint32_t gref)
{
    uint16_t at = *bucket_of(pool, gref);

    while (at != NOBODY && pool->entries[at].gref != gref)
        at = pool->entries[at].next;
    return at == NOBODY ? NULL : &pool->entries[at];
}

static bool is_active(const struct entry *entry)
{
    return __atomic_load_n(&entry->active, __ATOMIC_ACQUIRE);
}

/* The caller's alone from now on; NULL: it is not there, or somebody else's. */
static struct entry *acquire_entry(struct pool *pool, uint32_t gref)
{
    struct entry *entry = find(pool, gref);

    if (!entry || is_active(entry))
        return NULL;
    __atomic_store_n(&entry->active, true, __ATOMIC_RELAXED);
    leave_order(pool, entry);
    become_newest(pool, entry);
    return entry;
}

static void release_entry(struct pool *pool, struct entry *entry)
{
    __atomic_store_n(&entry->used, __atomic_load_n(&pool->tick, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&entry->active, false, __ATOMIC_RELEASE);
}

static void look_within(struct back_queue *queue, uint64_t delay_ns)
{
    struct wrg_timer_set timer = { .task = queue->purge_task, .delay_ns = delay_ns };

    pool_of(queue)->timer = wrg_port_timer_set(queue->port, &timer) == 0;
}

/* A page that was just mapped, active; NULL: there is no room, or an entry of that gref. */
static struct entry *add_entry(struct back_queue *queue, uint32_t gref, uint32_t page)
{
    struct pool *pool = pool_of(queue);
    uint16_t *bucket = bucket_of(pool, gref);

    if (find(pool, gref))
        return NULL;
    if (pool->free == NOBODY) {
        if (!pool->overflow)
            look_within(queue, SOON_NS);
        pool->overflow = true;
        return NULL;
    }
    struct entry *entry = &pool->entries[pool->free];
    pool->free = entry->next;
    *entry = (struct entry){ .gref = gref, .page = page, .next = *bucket, .active = true };
    *bucket = (uint16_t)(entry - pool->entries);
    become_newest(pool, entry);
    pool->count++;
    if (!pool->timer)
        look_within(queue, LOOK_NS);
    return entry;
}

static void remove_entry(struct pool *pool, struct entry *entry)
{
    uint16_t at = (uint16_t)(entry - pool->entries);
    uint16_t *link = bucket_of(pool, entry->gref);

    while (*link != at)
        link = &pool->entries[*link].next;
    *link = entry->next;
    leave_order(pool, entry);
    entry->next = pool->free;
    pool->free = at;
    pool->count--;
}

/* ---- requests ---- */

/* Entries that a request uses, behind its pages. */
static uint16_t *pooled_of(const struct back_request *req)
{
    return (uint16_t *)(void *)(req->pages + req->nseg);
}

static void use(struct back_request *req, uint32_t i, const struct entry *entry)
{
    pooled_of(req)[req->npooled++] = (uint16_t)(entry - pool_of(req->queue)->entries);
    req->vecs[i] = wrg_back_vec(&req->segs[i], entry->page);
}

/* A new mapping of segment i goes into the pool, or ends with the request. */
static void keep(struct back_request *req, uint32_t i, uint32_t page)
{
    const struct entry *entry = add_entry(req->queue, req->segs[i].gref, page);

    if (entry) {
        use(req, i, entry);
        return;
    }
    req->pages[req->nmapped++] = page;
    req->vecs[i] = wrg_back_vec(&req->segs[i], page);
}

/* Of this many segments from `first` on, those that the pool does not have; how many. */
static uint32_t take_pooled(struct back_request *req, uint32_t first, uint32_t count,
                            struct wrg_gnttab_map_op *ops, uint32_t *which)
{
    struct pool *pool = pool_of(req->queue);
    uint32_t missing = 0;

    for (uint32_t i = first; i < first + count; i++) {
        const struct entry *entry = acquire_entry(pool, req->segs[i].gref);
        if (entry) {
            use(req, i, entry);
            continue;
        }
        which[missing] = i;
        ops[missing++] = (struct wrg_gnttab_map_op){ .gref = req->segs[i].gref };
    }
    return missing;
}

static int acquire_batch(struct back_request *req, uint32_t first, uint32_t count)
{
    struct wrg_gnttab_map_op ops[BACK_BATCH];
    uint32_t which[BACK_BATCH];
    struct wrg_gnttab_map map = { .domid = req->queue->back->bus.other_domid, .ops = ops };
    int result = 0;

    map.count = take_pooled(req, first, count, ops, which);
    if (map.count && wrg_port_gnttab_map(req->queue->port, &map))
        return -EFAULT;
    for (uint32_t k = 0; k < map.count; k++) {
        if (ops[k].status == BACK_GNTST_OKAY)
            keep(req, which[k], ops[k].page);
        else
            result = -EFAULT;
    }
    return result;
}

static int acquire(struct back_request *req)
{
    for (uint32_t first = 0; first < req->nseg; first += BACK_BATCH) {
        uint32_t left = req->nseg - first;
        int result = acquire_batch(req, first, left < BACK_BATCH ? left : BACK_BATCH);
        if (result)
            return result;
    }
    return 0;
}

static int is_there(struct back_request *req)
{
    return 0;
}

/* Whatever became of the request: what it has acquired is still right. */
static void release(struct back_request *req)
{
    struct pool *pool = pool_of(req->queue);

    while (req->npooled)
        release_entry(pool, &pool->entries[pooled_of(req)[--req->npooled]]);
    wrg_back_unmap(req->queue, req->pages, req->nmapped);
    req->nmapped = 0;
}

static int segments(struct back_queue *queue, uint32_t gref, void *bytes, uint32_t len)
{
    struct pool *pool = pool_of(queue);
    struct entry *entry = acquire_entry(pool, gref);
    struct wrg_gnttab_map_op op = { .gref = gref };
    struct wrg_gnttab_map map = { .domid = queue->back->bus.other_domid, .count = 1, .ops = &op };

    if (entry)
        op.page = entry->page;
    else if (wrg_port_gnttab_map(queue->port, &map) || op.status != BACK_GNTST_OKAY)
        return -EFAULT;
    else
        entry = add_entry(queue, gref, op.page);
    wrg_page_load(queue->port, op.page, 0, bytes, len, WRG_SITE_INDIRECT);
    if (entry)
        release_entry(pool, entry);
    else
        wrg_back_unmap(queue, &op.page, 1);
    return 0;
}

/* ---- housekeeping ---- */

/* Nobody finds them meanwhile: that takes ring_lock. */
static void give_up(struct back_queue *queue, struct entry **entries, uint32_t count)
{
    uint32_t pages[BACK_BATCH] = { 0 }; /* gcc does not see that all that is used is set */

    for (uint32_t i = 0; i < count; i++)
        pages[i] = entries[i]->page;
    wrg_back_unmap(queue, pages, count);
    for (uint32_t i = 0; i < count; i++)
        remove_entry(pool_of(queue), entries[i]);
}

/* Unmaps entries, the oldest first, until so many are left that are not idle; active ones stay. */
static void purge(struct back_queue *queue, uint32_t keep_count, uint32_t idle_ticks)
{
    struct pool *pool = pool_of(queue);
    struct entry *batch[BACK_BATCH];
    uint32_t n = 0;

    for (uint16_t at = pool->oldest; at != NOBODY;) {
        struct entry *entry = &pool->entries[at];
        at = entry->newer;
        if (is_active(entry))
            continue;
        if (pool->count - n <= keep_count && pool->tick - entry->used < idle_ticks)
            break;
        batch[n++] = entry;
        if (n == BACK_BATCH) {
            give_up(queue, batch, n);
            n = 0;
        }
    }
    give_up(queue, batch, n);
}

static void keep_house(struct back_queue *queue)
{
    struct pool *pool = pool_of(queue);
    uint32_t clean = pool->overflow ? (pool->limit * CLEAN_PERCENT + 99u) / 100 : 0;

    if (!pool->overflow)
        __atomic_store_n(&pool->tick, pool->tick + 1, __ATOMIC_RELAXED);
    purge(queue, pool->limit - clean, IDLE_TICKS);
    pool->overflow = pool->timer = false;
    if (pool->count)
        look_within(queue, LOOK_NS);
}

void wrg_back_purge(void *arg)
{
    struct back_queue *queue = arg;

    /* The ring's task must not find what is just being unmapped. */
    wrg_port_lock(queue->port, queue->ring_lock);
    if (queue->ring && queue->back->way == BACK_PERSISTENT)
        keep_house(queue);
    wrg_port_unlock(queue->port, queue->ring_lock);
}

static void end(struct back_queue *queue)
{
    struct wrg_timer_set off = { .task = queue->purge_task, .delay_ns = WRG_FOREVER };

    purge(queue, 0, 0);
    (void)wrg_port_timer_set(queue->port, &off);
}

const struct back_data wrg_back_persistent = {
    .size = size,
    .each = sizeof(uint16_t),
    .begin = begin,
    .end = end,
    .segments = segments,
    .acquire = acquire,
    .deliver = is_there,
    .release = release,
};
