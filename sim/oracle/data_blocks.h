/* SPDX-License-Identifier: MIT */
/*
 * The table of the shadow disk: blocks of eight sectors, and how ranges fall into them. Layer:
 * oracle, internal to data.c. Bounds: WRG_DATA_BLOCKS; what is beyond is counted as forgotten.
 */
#ifndef WRG_ORACLE_DATA_BLOCKS_H
#define WRG_ORACLE_DATA_BLOCKS_H

#include <string.h>

#include "oracle/checkers.h"

#define WRG_DATA_BUCKETS  (2u * WRG_DATA_BLOCKS)
#define WRG_BLOCK_DIGESTS (WRG_BLOCK_SECTORS * sizeof(uint64_t))

/* NULL: not known, and not taken either because the table is full. */
struct wrg_block *wrg_block_find(struct wrg_oracles *o, uint64_t number, bool take);

/* A sector of a block, with a state of its own. */
struct wrg_place {
    struct wrg_block *block;
    uint32_t i;
    struct wrg_sector *state;
};

static inline struct wrg_place wrg_place_of(struct wrg_block *block, uint32_t i)
{
    for (uint32_t k = 0; block->alike && k < WRG_BLOCK_SECTORS; k++)
        block->each[k] = block->all;
    block->alike = false;
    block->known |= (uint8_t)(1u << i);
    return (struct wrg_place){ .block = block, .i = i, .state = &block->each[i] };
}

/* After all sectors of a block were looked at one by one: they may be alike again. */
static inline void wrg_block_join(struct wrg_block *block)
{
    for (uint32_t i = 1; i < WRG_BLOCK_SECTORS; i++)
        if (memcmp(&block->each[i], &block->each[0], sizeof(block->each[0])) != 0)
            return;
    block->all = block->each[0];
    block->alike = true;
}

/* The part of a range that lies in one block. */
struct wrg_span {
    struct wrg_block *block; /* NULL: nothing is known of it */
    uint32_t first;          /* sector in the block */
    uint32_t done;           /* sectors of the range before it */
    uint32_t count;
};

/* To the next part, of a range of n sectors; begin with zeros. False: that was the last one. */
static inline bool wrg_span_next(struct wrg_oracles *o, struct wrg_span *span, uint64_t sector,
                                 uint32_t n, bool take)
{
    struct wrg_block *before = span->block;

    span->done += span->count;
    if (span->done >= n)
        return false;
    uint64_t number = (sector + span->done) / WRG_BLOCK_SECTORS;
    span->first = (sector + span->done) % WRG_BLOCK_SECTORS;
    span->count = wrg_min_u32(WRG_BLOCK_SECTORS - span->first, n - span->done);
    if (before && before[1].number == number && before[1].epoch == o->data.epoch)
        span->block = before + 1;
    else
        span->block = wrg_block_find(o, number, take);
    return true;
}

/* All of a block's sectors, and all in one state. */
static inline bool wrg_span_is_plain(const struct wrg_span *span)
{
    if (WRG_UNLIKELY(span->count != WRG_BLOCK_SECTORS || !span->block->alike))
        return false;
    span->block->known = (1u << WRG_BLOCK_SECTORS) - 1;
    return true;
}

static inline void wrg_span_join(const struct wrg_span *span)
{
    if (span->count == WRG_BLOCK_SECTORS)
        wrg_block_join(span->block);
}

typedef void wrg_place_fn(struct wrg_oracles *o, const struct wrg_place *place, uint32_t since);

/* All sectors that are known of a range, which may be as long as the disk. */
void wrg_blocks_each(struct wrg_oracles *o, uint64_t first, uint64_t n, wrg_place_fn *fn,
                     uint32_t since);

#endif
