/* SPDX-License-Identifier: MIT */
/*
 * What sectors are counted in, where a block of the disk is larger than 512 bytes.
 *
 * The protocol's last word is that everything is in 512 bytes and that the node sector-size is a
 * matter of alignment only. Before that was said, drivers came to count this or that in blocks of
 * sector-size, and they are all in use: five ways, as a pair of drivers may have agreed upon.
 *
 * Layer:   public; header only, no state, any thread.
 * Shapes:  a block is 512 << n bytes, n from 0 to 3. With n = 0 all ways are the same.
 * Units:   `number` is what stands in a node or a request, `sectors` are of 512 bytes.
 * Errors:  none: what is too large to be counted in 512 bytes saturates, beyond any disk.
 * Source:  xen/io/blkif.h, sector-size and sectors, before and after Xen 4.20; xen.git 221f2748e8.
 */
#ifndef WRINGER_UNITS_H
#define WRINGER_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include <wringer/wire.h>

/* Which of them are counted in blocks; the others are in 512 bytes. */
enum wrg_counting {
    WRG_COUNTS_512,         /* none */
    WRG_COUNTS_NODE,        /* the node sectors */
    WRG_COUNTS_NUMBER,      /* sector_number and nr_sectors of requests */
    WRG_COUNTS_ALL,         /* both, and first_sect and last_sect */
    WRG_COUNTS_NODE_NUMBER, /* both */
};

/* Shifts from numbers to sectors: log2 of the sectors of a block, or 0. */
struct wrg_units {
    uint8_t block; /* whatever is counted in it: what all lengths are a multiple of */
    uint8_t node, number, segment;
};

/* A power of two from 512 to a page: no segment is longer. */
static inline bool wrg_block_is_valid(uint64_t bytes)
{
    return bytes >= WRG_BLKIF_SECTOR_BYTES && bytes <= WRG_BLKIF_PAGE_BYTES &&
           (bytes & (bytes - 1)) == 0;
}

/* block_bytes must be valid. */
static inline struct wrg_units wrg_units_of(uint8_t counting, uint32_t block_bytes)
{
    uint8_t shift = (uint8_t)__builtin_ctz(block_bytes / WRG_BLKIF_SECTOR_BYTES);
    bool all = counting == WRG_COUNTS_ALL;
    bool both = all || counting == WRG_COUNTS_NODE_NUMBER;

    return (struct wrg_units){ .block = shift,
                               .node = both || counting == WRG_COUNTS_NODE ? shift : 0,
                               .number = both || counting == WRG_COUNTS_NUMBER ? shift : 0,
                               .segment = all ? shift : 0 };
}

/* Sectors of a block, less one. */
static inline uint32_t wrg_block_mask(const struct wrg_units *units)
{
    return (1u << units->block) - 1;
}

static inline uint64_t wrg_sectors_of(uint64_t number, uint8_t shift)
{
    return number > UINT64_MAX >> shift ? UINT64_MAX : number << shift;
}

/*
 * A segment of a request, in sectors from now on. One that is out of its page, or ends before it
 * begins, still is and does.
 */
static inline void wrg_segment_to_sectors(struct wrg_blkif_segment *seg, uint8_t shift)
{
    uint32_t first = (uint32_t)seg->first_sect << shift;
    uint32_t last = (((uint32_t)seg->last_sect + 1) << shift) - 1;

    if (seg->first_sect > seg->last_sect || last >= WRG_BLKIF_SECTORS_PER_PAGE) {
        first = UINT8_MAX;
        last = 0;
    }
    seg->first_sect = (uint8_t)first;
    seg->last_sect = (uint8_t)last;
}

/* The other way round, of a segment of whole blocks that begins at one. */
static inline void wrg_segment_from_sectors(struct wrg_blkif_segment *seg, uint8_t shift)
{
    seg->first_sect = (uint8_t)(seg->first_sect >> shift);
    seg->last_sect = (uint8_t)(((seg->last_sect + 1u) >> shift) - 1);
}

#endif
