/* SPDX-License-Identifier: MIT */
/*
 * What the scripted back demands of a request: honest answers need the honest checks.
 */
#include "hostile/back.h"

static bool moves_data(uint8_t operation)
{
    return operation == WRG_BLKIF_OP_READ || operation == WRG_BLKIF_OP_WRITE;
}

static int16_t within(uint32_t nseg, uint32_t max)
{
    return nseg == 0 || nseg > max ? WRG_BLKIF_RSP_ERROR : WRG_BLKIF_RSP_OKAY;
}

static int16_t check_discard(const struct hostile_back *back, const struct wrg_blkif_request *wire)
{
    if (!back->discard)
        return WRG_BLKIF_RSP_EOPNOTSUPP;
    uint64_t sector = wrg_sectors_of(wire->sector_number, back->units.number);
    uint64_t nsectors = wrg_sectors_of(wire->nr_sectors, back->units.number);

    if (back->readonly || sector > back->sectors || nsectors > back->sectors - sector ||
        ((sector | nsectors) & wrg_block_mask(&back->units)))
        return WRG_BLKIF_RSP_ERROR;
    return WRG_BLKIF_RSP_OKAY;
}

int16_t wrg_hostile_back_check(const struct hostile_back *back,
                               const struct wrg_blkif_request *wire)
{
    switch (wire->operation) {
    case WRG_BLKIF_OP_READ:
    case WRG_BLKIF_OP_WRITE: return within(wire->nr_segments, WRG_BLKIF_MAX_DIRECT_SEGMENTS);
    case WRG_BLKIF_OP_WRITE_BARRIER:
        if (!back->barrier)
            return WRG_BLKIF_RSP_EOPNOTSUPP;
        if (wire->nr_segments == 0)
            return back->readonly ? WRG_BLKIF_RSP_ERROR : WRG_BLKIF_RSP_OKAY;
        return within(wire->nr_segments, WRG_BLKIF_MAX_DIRECT_SEGMENTS);
    case WRG_BLKIF_OP_DISCARD: return check_discard(back, wire);
    case WRG_BLKIF_OP_FLUSH_DISKCACHE:
        if (!back->flush)
            return WRG_BLKIF_RSP_EOPNOTSUPP;
        return wire->nr_segments || back->readonly ? WRG_BLKIF_RSP_ERROR : WRG_BLKIF_RSP_OKAY;
    case WRG_BLKIF_OP_INDIRECT:
        if (!back->indirect_max)
            return WRG_BLKIF_RSP_EOPNOTSUPP;
        return moves_data(wire->indirect_op) ? within(wire->nr_segments, back->indirect_max)
                                             : WRG_BLKIF_RSP_ERROR;
    default: return WRG_BLKIF_RSP_EOPNOTSUPP;
    }
}

int16_t wrg_hostile_back_check_segments(const struct hostile_back *back, struct back_task *task)
{
    uint64_t all = task->sector;

    task->nsectors = 0;
    for (uint32_t i = 0; i < task->nseg; i++) {
        struct wrg_blkif_segment *seg = &task->segs[i];
        if (back->units.segment)
            wrg_segment_to_sectors(seg, back->units.segment);
        if (seg->first_sect > seg->last_sect || seg->last_sect >= WRG_BLKIF_SECTORS_PER_PAGE)
            return WRG_BLKIF_RSP_ERROR;
        task->nsectors += (uint64_t)seg->last_sect - seg->first_sect + 1;
        all |= seg->last_sect - seg->first_sect + 1u;
    }
    if (all & wrg_block_mask(&back->units))
        return WRG_BLKIF_RSP_ERROR;
    if (task->io_op == WRG_IO_WRITE && back->readonly &&
        task->answer.misdeed != WRG_HOSTILE_WRITE_ANYWAY)
        return WRG_BLKIF_RSP_ERROR;
    if (task->sector > back->sectors || task->nsectors > back->sectors - task->sector)
        return WRG_BLKIF_RSP_ERROR;
    return WRG_BLKIF_RSP_OKAY;
}
