/* SPDX-License-Identifier: MIT */
#include "oracle/data_blocks.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

WRG_STATIC_ASSERT((WRG_DATA_BUCKETS & (WRG_DATA_BUCKETS - 1)) == 0, "buckets are masked");

enum { BLOCKS_TOGETHER = 64 };

/* Where the search begins. Blocks that follow each other lie side by side. */
static uint32_t home_of(uint64_t number)
{
    uint32_t group = (uint32_t)(((number / BLOCKS_TOGETHER) * GOLDEN) >> 40);

    return (group * BLOCKS_TOGETHER + number % BLOCKS_TOGETHER) & (WRG_DATA_BUCKETS - 1);
}

struct wrg_block *wrg_block_find(struct wrg_oracles *o, uint64_t number, bool take)
{
    struct wrg_data *data = &o->data;
    uint32_t at = home_of(number);

    /* Ends: at most half of the buckets are in use. */
    for (; data->blocks[at].epoch == data->epoch; at = (at + 1) & (WRG_DATA_BUCKETS - 1)) {
        if (data->blocks[at].number == number)
            return &data->blocks[at];
    }
    if (!take)
        return NULL;
    if (data->used == WRG_DATA_BLOCKS) {
        o->forgotten++;
        return NULL;
    }
    data->used++;
    struct wrg_block *block = &data->blocks[at];
    block->number = number;
    block->epoch = data->epoch;
    block->known = 0;
    block->alike = true;
    block->all = (struct wrg_sector){ 0 };
    return block;
}

static void for_block(struct wrg_oracles *o, struct wrg_block *block, uint64_t first, uint64_t n,
                      wrg_place_fn *fn, uint32_t since)
{
    for (uint32_t i = 0; i < WRG_BLOCK_SECTORS; i++) {
        if (!(block->known >> i & 1) || block->number * WRG_BLOCK_SECTORS + i - first >= n)
            continue;
        const struct wrg_place place = wrg_place_of(block, i);
        fn(o, &place, since);
    }
}

void wrg_blocks_each(struct wrg_oracles *o, uint64_t first, uint64_t n, wrg_place_fn *fn,
                     uint32_t since)
{
    struct wrg_data *data = &o->data;
    struct wrg_span span = { 0 };

    while (n <= WRG_DATA_BLOCKS && wrg_span_next(o, &span, first, (uint32_t)n, false))
        if (span.block)
            for_block(o, span.block, first, n, fn, since);
    for (uint32_t at = 0; n > WRG_DATA_BLOCKS && at < WRG_DATA_BUCKETS; at++)
        if (data->blocks[at].epoch == data->epoch)
            for_block(o, &data->blocks[at], first, n, fn, since);
}
