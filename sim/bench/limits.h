/* SPDX-License-Identifier: MIT */
/*
 * What this machine could do at best: the bare loops that benchmarks stand beside.
 *
 * What it is  ring  a ring of 32 slots of 112 bytes in plain memory, one thread, batches of 32,
 *                   with one copy of 4 KiB a request between a page and the disk
 *             threads  such a ring between two threads, which spin (limits_threads.c)
 *             copy  the copies of big requests and nothing else, as long pieces as the disk has
 * Layer       bench
 * Units       bytes, seconds
 * Owner       a limit owns its memory, which is touched before it is measured
 */
#ifndef WRG_BENCH_LIMITS_H
#define WRG_BENCH_LIMITS_H

#include "base/base.h"

#define WRG_LIMIT_PAGE_BYTES  4096u
#define WRG_LIMIT_CHUNK_PAGES 16u /* that lie together on the disk */

struct wrg_limit {
    uint8_t *pages;
    uint8_t *disk_memory;
    uint8_t *disk; /* within it */
    uint32_t npages;
    uint32_t disk_pages;
};

WRG_MUST_USE int wrg_limit_init(struct wrg_limit *limit, uint32_t npages, uint64_t disk_bytes);
void wrg_limit_fini(struct wrg_limit *limit);

/* Requests of one page, a multiple of 32. */
void wrg_limit_ring(struct wrg_limit *limit, bool write, uint32_t requests);
/* Requests of `segments` pages each. */
void wrg_limit_copy(struct wrg_limit *limit, bool write, uint32_t requests, uint32_t segments);

/* Requests of one page between two threads. */
void wrg_limit_threads(struct wrg_limit *limit, bool write, uint32_t requests);
/* One copy between a page and a block of the disk. */
void wrg_limit_move(struct wrg_limit *limit, bool write, uint32_t page, uint32_t block);

#endif
