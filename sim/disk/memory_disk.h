/* SPDX-License-Identifier: MIT */
/*
 * A sparse disk in memory: the end of a chain.
 *
 * What it is    Chunks of 64 KiB from a pool, found by a hash of their number. What was never
 *               written reads as zeros. Nothing is allocated after init; a reset forgets all chunks
 *               at once, and a chunk that is taken anew is zeroed block by block, only where a
 *               write does not cover a block whole. A discard forgets the blocks of 4 KiB that
 *               it covers whole, which read as zeros, and keeps the rest of what it names; a
 *               secure one zeroes the rest.
 * Layer         disk
 * Bounds        1..2^55 sectors; as many chunks with data as init says
 * Ownership     the memory is the disk's own; fini gives it back
 * Threads       one task at a time
 * Errors        as disk.h; -EIO also beyond the end, and when the pool of chunks is used up (a
 *               sparse image on a full file system)
 */
#ifndef WRG_DISK_MEMORY_DISK_H
#define WRG_DISK_MEMORY_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"

#define WRG_MEMORY_DISK_CHUNK_BYTES (64u << 10)
#define WRG_MEMORY_DISK_SECTORS_MAX (UINT64_C(1) << 55)
#define WRG_MEMORY_DISK_GRANULARITY 4096u /* of discards, in bytes */

struct wrg_disk_chunk {
    uint8_t *bytes;
    uint64_t number;
    uint32_t present;  /* a bit a 4 KiB block: it holds data, else zeros */
    uint32_t digested; /* a bit a block that is present: its digests are those of its data */
    uint64_t *digests; /* a word a sector */
};

struct wrg_disk_bucket { /* free unless its epoch is the disk's */
    uint64_t number;
    uint32_t epoch;
    uint32_t slot;
};

struct wrg_memory_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    uint64_t sectors;
    uint32_t epoch;
    uint32_t used;   /* chunks taken, from slot 0 */
    uint32_t chunks; /* in the pool */
    uint32_t last;   /* slot of the chunk that a request used last */
    uint32_t mask;   /* buckets - 1 */
    uint32_t shift;  /* of the hash, to a bucket */
    uint8_t *pool;
    struct wrg_disk_chunk *chunk; /* by slot */
    struct wrg_disk_bucket *buckets;
    uint64_t *digests;    /* of all chunks */
    uint64_t zero_digest; /* of a sector of zeros */
    bool discard, secure; /* what it can do; the world sets it */
};

struct wrg_memory_disk_args {
    uint64_t sectors;
    uint32_t chunks; /* how many may hold data; memory is mapped lazily */
    bool prefault;
};

/* -ENOMEM, -EINVAL */
WRG_MUST_USE int wrg_memory_disk_init(struct wrg_memory_disk *md,
                                      const struct wrg_memory_disk_args *args);
void wrg_memory_disk_fini(struct wrg_memory_disk *md);
/* Another size. What lies beyond the end is kept, and is there again when the disk grows. */
void wrg_memory_disk_resize(struct wrg_memory_disk *md, uint64_t sectors);

/* For memory_disk.c (memory_discard.c). -EOPNOTSUPP, -EIO */
WRG_MUST_USE int wrg_memory_disk_discard(struct wrg_memory_disk *md,
                                         const struct wrg_disk_request *request,
                                         const struct wrg_disk_context *context);

#endif
