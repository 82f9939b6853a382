/* SPDX-License-Identifier: MIT */
/*
 * A filter with a volatile cache: a write is done when the cache has it, a flush makes it durable,
 * and a power cut loses any of what was not flushed.
 *
 * What it is    What is below holds what a reader sees; the cache keeps the bytes that each write
 *               since the last flush has covered, and a power cut uses them to put the medium back
 *               to any state that it may have been left in. So reads and the trace are those of a
 *               disk without a cache until there is a cut.
 * Layer         disk
 * Bounds        WRG_CACHE_WRITES writes and WRG_CACHE_SECTORS sectors; a cache that is full writes
 *               everything back, and a write larger than all of it goes straight to the medium
 * Units         sectors
 * Ownership     the memory is the filter's own; fini gives it back. Nothing is allocated after init
 * Threads       one task at a time
 * Errors        those of what is below; a write that fails below may have been done in part, and is
 *               in the cache like any other
 * Events        of a power cut: disk-left for each run of sectors that a write covered, then
 *               disk-cut
 * Source        xen/io/blkif.h: BLKIF_OP_FLUSH_DISKCACHE; the order in which a cache writes back
 *               between two flushes is free
 * Left out      a write-back of its own choice before it is full; forced unit access
 */
#ifndef WRG_DISK_CACHE_H
#define WRG_DISK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "disk/disk.h"

#define WRG_CACHE_WRITES  4096u
#define WRG_CACHE_SECTORS 16384u /* 8 MiB: a quarter of the memory of a usual guest */

struct wrg_cached_write {
    uint64_t sector;
    uint32_t count;
    uint32_t at; /* its first sector in bytes */
};

struct wrg_cache_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    struct wrg_cached_write *writes;
    uint8_t *bytes;
    uint32_t nwrites, nsectors;
};

enum wrg_cut {
    WRG_CUT_ALL,  /* everything that was not flushed is lost */
    WRG_CUT_NONE, /* the cache had been written back by chance */
    WRG_CUT_SOME  /* some writes are lost, and the others came in any order */
};

struct wrg_cut_args {
    enum wrg_cut lost;
    bool torn;     /* each sector of a write has a fate of its own; only with WRG_CUT_SOME */
    uint64_t seed; /* of WRG_CUT_SOME */
};

/* -ENOMEM */
WRG_MUST_USE int wrg_cache_disk_init(struct wrg_cache_disk *cache, struct wrg_disk *next);
void wrg_cache_disk_fini(struct wrg_cache_disk *cache);
/* No request may be in progress. The cache is empty then, and what is left is durable. */
void wrg_cache_disk_cut(struct wrg_cache_disk *cache, const struct wrg_cut_args *args,
                        const struct wrg_disk_context *context);

#endif
