/* SPDX-License-Identifier: MIT */
/* What a memory disk forgets: blocks that a discard covers whole, and no others. */
#include <errno.h>
#include <string.h>

#include "disk/memory_disk.h"

#define SECTORS_A_CHUNK (WRG_MEMORY_DISK_CHUNK_BYTES / WRG_SECTOR_SIZE)
#define SECTORS_A_BLOCK (WRG_MEMORY_DISK_GRANULARITY / WRG_SECTOR_SIZE)

/* Sectors [first, end) of a chunk. */
static void discard_in_chunk(struct wrg_disk_chunk *chunk, uint32_t first, uint32_t end,
                             bool secure)
{
    for (uint32_t block = first / SECTORS_A_BLOCK; block * SECTORS_A_BLOCK < end; block++) {
        uint32_t from = wrg_max_u32(first, block * SECTORS_A_BLOCK);
        uint32_t to = wrg_min_u32(end, (block + 1) * SECTORS_A_BLOCK);
        if (!(chunk->present >> block & 1))
            continue;
        if (to - from == SECTORS_A_BLOCK) {
            chunk->present &= ~(1u << block);
        } else if (secure) {
            memset(chunk->bytes + (size_t)from * WRG_SECTOR_SIZE, 0,
                   (size_t)(to - from) * WRG_SECTOR_SIZE);
        } else {
            continue;
        }
        chunk->digested &= ~(1u << block);
    }
}

/* Looks at the chunks that there are: a range may be as long as the disk. */
static void discard_range(struct wrg_memory_disk *md, uint64_t sector, uint64_t end, bool secure)
{
    for (uint32_t at = 0; at <= md->mask; at++) {
        const struct wrg_disk_bucket *bucket = &md->buckets[at];
        uint64_t base = bucket->number * SECTORS_A_CHUNK;
        if (bucket->epoch != md->epoch || base >= end || base + SECTORS_A_CHUNK <= sector)
            continue;
        discard_in_chunk(&md->chunk[bucket->slot], (uint32_t)(wrg_max_u64(sector, base) - base),
                         (uint32_t)(wrg_min_u64(end, base + SECTORS_A_CHUNK) - base), secure);
    }
}

int wrg_memory_disk_discard(struct wrg_memory_disk *md, const struct wrg_disk_request *request,
                            const struct wrg_disk_context *context)
{
    bool secure = request->op == WRG_IO_SECURE_ERASE;

    if (!md->discard || (secure && !md->secure))
        return -EOPNOTSUPP;
    if (request->sector > md->sectors || request->nsectors > md->sectors - request->sector)
        return -EIO;
    discard_range(md, request->sector, request->sector + request->nsectors, secure);
    wrg_disk_tell_discard(context, request);
    return 0;
}
