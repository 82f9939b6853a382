/* SPDX-License-Identifier: MIT */
#include "bench/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS 32u

struct request { /* as wide as that of the native ring */
    uint8_t operation, nr_segments;
    uint16_t handle;
    uint64_t id, sector_number;
    struct {
        uint32_t gref;
        uint8_t first_sect, last_sect;
    } seg[11];
};

struct response {
    uint64_t id;
    uint8_t operation;
    int16_t status;
};

struct ring {
    uint32_t req_prod, rsp_prod;
    union {
        struct request req;
        struct response rsp;
    } slot[SLOTS];
};

WRG_STATIC_ASSERT(sizeof(struct request) == 112, "the limit moves what a ring moves");

/* Stands for the other side, which might look at memory here. */
static inline void publish(uint32_t *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
    __asm__ volatile("" ::: "memory");
}

#define HUGE_BYTES (UINT64_C(2) << 20)
/* A page and its block must not compete for one place of each cache: nothing aligns a world's. */
#define APART_PAGES 37u

/* In huge pages, as a world's memory and disk are: the limit misses the TLB as seldom as they do.
 * NULL: no memory. */
static uint8_t *touched(uint64_t bytes, int fill)
{
    bytes = (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
    uint8_t *at = aligned_alloc(HUGE_BYTES, bytes);

    if (!at)
        return NULL;
    (void)madvise(at, bytes, MADV_HUGEPAGE); /* advice */
    memset(at, fill, bytes);
    return at;
}

int wrg_limit_init(struct wrg_limit *limit, uint32_t npages, uint64_t disk_bytes)
{
    limit->npages = npages;
    limit->disk_pages = (uint32_t)(disk_bytes / WRG_LIMIT_PAGE_BYTES);
    limit->pages = touched((uint64_t)npages * WRG_LIMIT_PAGE_BYTES, 1);
    limit->disk_memory = touched(disk_bytes + APART_PAGES * WRG_LIMIT_PAGE_BYTES, 2);
    limit->disk = limit->disk_memory + APART_PAGES * WRG_LIMIT_PAGE_BYTES;
    if (!limit->pages || !limit->disk_memory) {
        wrg_limit_fini(limit);
        return -ENOMEM;
    }
    return 0;
}

void wrg_limit_fini(struct wrg_limit *limit)
{
    free(limit->pages);
    free(limit->disk_memory);
    *limit = (struct wrg_limit){ 0 };
}

void wrg_limit_move(struct wrg_limit *limit, bool write, uint32_t page, uint32_t block)
{
    uint8_t *p = limit->pages + (size_t)page * WRG_LIMIT_PAGE_BYTES;
    uint8_t *d = limit->disk + (size_t)block * WRG_LIMIT_PAGE_BYTES;

    if (write)
        memcpy(d, p, WRG_LIMIT_PAGE_BYTES);
    else
        memcpy(p, d, WRG_LIMIT_PAGE_BYTES);
}

static void front_submits(struct ring *ring, const struct wrg_limit *limit, bool write)
{
    uint32_t prod = ring->req_prod;

    for (uint32_t i = 0; i < SLOTS; i++) {
        struct request *req = &ring->slot[(prod + i) % SLOTS].req;

        req->operation = write;
        req->nr_segments = 1;
        req->handle = 0;
        req->id = prod + i;
        req->sector_number = (uint64_t)((prod + i) % limit->disk_pages) * 8;
        req->seg[0].gref = (prod + i) % limit->npages;
        req->seg[0].first_sect = 0;
        req->seg[0].last_sect = 7;
    }
    publish(&ring->req_prod, prod + SLOTS);
}

static void back_answers(struct ring *ring, struct wrg_limit *limit)
{
    uint32_t prod = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);

    for (uint32_t i = ring->rsp_prod; i != prod; i++) {
        struct request req = ring->slot[i % SLOTS].req;
        struct response *rsp = &ring->slot[i % SLOTS].rsp;

        wrg_limit_move(limit, req.operation, req.seg[0].gref, (uint32_t)(req.sector_number / 8));
        rsp->id = req.id;
        rsp->operation = req.operation;
        rsp->status = 0;
    }
    publish(&ring->rsp_prod, prod);
}

/* The sum of the ids, so that the responses are read. */
static uint64_t front_collects(struct ring *ring, uint32_t *cons)
{
    uint32_t prod = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE);
    uint64_t sum = 0;

    for (; *cons != prod; ++*cons)
        sum += ring->slot[*cons % SLOTS].rsp.id + (uint64_t)ring->slot[*cons % SLOTS].rsp.status;
    return sum;
}

void wrg_limit_ring(struct wrg_limit *limit, bool write, uint32_t requests)
{
    static const struct ring empty;
    struct ring ring = empty;
    uint64_t sum = 0;
    uint32_t cons = 0;

    for (uint32_t done = 0; done < requests; done += SLOTS) {
        front_submits(&ring, limit, write);
        back_answers(&ring, limit);
        sum += front_collects(&ring, &cons);
    }
    WRG_ASSERT(sum == (uint64_t)cons * (cons - 1) / 2);
}

/* Pages and blocks that follow each other, and lie in one chunk of the disk, are one copy. */
static uint32_t together(const struct wrg_limit *limit, uint32_t page, uint32_t block,
                         uint32_t segments)
{
    uint32_t n = wrg_min_u32(segments, WRG_LIMIT_CHUNK_PAGES - block % WRG_LIMIT_CHUNK_PAGES);

    return wrg_min_u32(n, wrg_min_u32(limit->npages - page, limit->disk_pages - block));
}

static void copy_request(struct wrg_limit *limit, bool write, uint32_t *page, uint32_t *block,
                         uint32_t segments)
{
    while (segments) {
        uint32_t n = together(limit, *page, *block, segments);
        uint8_t *p = limit->pages + (size_t)*page * WRG_LIMIT_PAGE_BYTES;
        uint8_t *d = limit->disk + (size_t)*block * WRG_LIMIT_PAGE_BYTES;
        memcpy(write ? d : p, write ? p : d, (size_t)n * WRG_LIMIT_PAGE_BYTES);
        *page = *page + n < limit->npages ? *page + n : 0;
        *block = *block + n < limit->disk_pages ? *block + n : 0;
        segments -= n;
    }
}

void wrg_limit_copy(struct wrg_limit *limit, bool write, uint32_t requests, uint32_t segments)
{
    uint32_t page = 0, block = 0;

    for (uint32_t r = 0; r < requests; r++) {
        copy_request(limit, write, &page, &block, segments);
        __asm__ volatile("" ::: "memory");
    }
}
