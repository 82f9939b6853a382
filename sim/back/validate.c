/* SPDX-License-Identifier: MIT */
/*
 * What a request must satisfy. Everything here works on private copies: the peer cannot change
 * them.
 */
#include <stddef.h>
#include <string.h>

#include "back/back.h"

static bool moves_data(uint8_t operation)
{
    return operation == WRG_BLKIF_OP_READ || operation == WRG_BLKIF_OP_WRITE;
}

int16_t wrg_back_check_header(const struct wrg_back *back, const struct wrg_blkif_request *wire)
{
    switch (wire->operation) {
    case WRG_BLKIF_OP_READ:
    case WRG_BLKIF_OP_WRITE:
        if (wire->nr_segments == 0 || wire->nr_segments > WRG_BLKIF_MAX_DIRECT_SEGMENTS)
            return WRG_BLKIF_RSP_ERROR;
        return WRG_BLKIF_RSP_OKAY;
    case WRG_BLKIF_OP_WRITE_BARRIER:
        if (!__atomic_load_n(&back->barrier, __ATOMIC_ACQUIRE))
            return WRG_BLKIF_RSP_EOPNOTSUPP;
        return wire->nr_segments > WRG_BLKIF_MAX_DIRECT_SEGMENTS ? WRG_BLKIF_RSP_ERROR
                                                                 : WRG_BLKIF_RSP_OKAY;
    case WRG_BLKIF_OP_FLUSH_DISKCACHE:
        if (!__atomic_load_n(&back->flush, __ATOMIC_ACQUIRE))
            return WRG_BLKIF_RSP_EOPNOTSUPP;
        return wire->nr_segments ? WRG_BLKIF_RSP_ERROR : WRG_BLKIF_RSP_OKAY;
    case WRG_BLKIF_OP_INDIRECT:
        if (back->indirect_max == 0)
            return WRG_BLKIF_RSP_EOPNOTSUPP;
        if (!moves_data(wire->indirect_op) || wire->nr_segments == 0 ||
            wire->nr_segments > back->indirect_max)
            return WRG_BLKIF_RSP_ERROR;
        return WRG_BLKIF_RSP_OKAY;
    case WRG_BLKIF_OP_DISCARD: return back->discard ? WRG_BLKIF_RSP_OKAY : WRG_BLKIF_RSP_EOPNOTSUPP;
    default: /* unknown, or reserved */ return WRG_BLKIF_RSP_EOPNOTSUPP;
    }
}

/* No sectors are nowhere; what is no whole granule is the disk's to leave. */
int16_t wrg_back_check_discard(const struct wrg_back *back, const struct back_request *req)
{
    if (back->readonly)
        return WRG_BLKIF_RSP_ERROR;
    if (req->nsectors &&
        (req->sector > back->sectors || req->nsectors > back->sectors - req->sector ||
         ((req->sector | req->nsectors) & wrg_block_mask(&back->units))))
        return WRG_BLKIF_RSP_ERROR;
    return WRG_BLKIF_RSP_OKAY;
}

/* Whole blocks, wherever they lie in their page. */
static bool is_aligned(const struct wrg_back *back, struct back_request *req)
{
    uint64_t all = req->sector;

    for (uint32_t i = 0; i < req->nseg; i++) {
        struct wrg_blkif_segment *seg = &req->segs[i];
        if (back->units.segment)
            wrg_segment_to_sectors(seg, back->units.segment);
        all |= seg->last_sect - seg->first_sect + 1u;
    }
    return (all & wrg_block_mask(&back->units)) == 0;
}

/* First and last sector of a segment as one number, so that compilers take several at a time. */
static uint32_t sectors_word(const struct wrg_blkif_segment *seg)
{
    uint32_t word;

    memcpy(&word, (const uint8_t *)seg + offsetof(struct wrg_blkif_segment, first_sect),
           sizeof(word));
    return word;
}

/* False: a segment is none. Looks at all of them, without a branch: there may be 4096. */
static bool count_sectors(struct back_request *req)
{
    const struct wrg_blkif_segment *segs = req->segs;
    const uint32_t nseg = req->nseg;
    uint32_t sectors = nseg, bad = 0;

    for (uint32_t i = 0; i < nseg; i++) {
        uint32_t word = sectors_word(&segs[i]);
        uint32_t first = word & 0xff, last = word >> 8 & 0xff;
        sectors += last - first;
        bad |= (last - first) | (WRG_BLKIF_SECTORS_PER_PAGE - 1 - last);
    }
    req->nsectors = sectors;
    return bad < WRG_BLKIF_SECTORS_PER_PAGE; /* nothing was below zero */
}

int16_t wrg_back_check_segments(const struct wrg_back *back, struct back_request *req)
{
    if (__builtin_expect(back->units.block != 0, 0) && !is_aligned(back, req))
        return WRG_BLKIF_RSP_ERROR;
    if (!count_sectors(req))
        return WRG_BLKIF_RSP_ERROR;
    if (req->io_op == WRG_IO_WRITE && back->readonly)
        return WRG_BLKIF_RSP_ERROR;
    if (req->sector > back->sectors || req->nsectors > back->sectors - req->sector)
        return WRG_BLKIF_RSP_ERROR;
    return WRG_BLKIF_RSP_OKAY;
}
