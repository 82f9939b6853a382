/* SPDX-License-Identifier: MIT */
#include "disk/block.h"

#include <errno.h>

#include <wringer/units.h>

static uint64_t mask_of(const struct wrg_disk *disk)
{
    const struct wrg_block_disk *self = (const struct wrg_block_disk *)(const void *)disk;

    return self->block_bytes / WRG_SECTOR_SIZE - 1;
}

static bool is_aligned(const struct wrg_disk_request *request, uint64_t mask)
{
    uint64_t parts = wrg_disk_request_sectors(request);

    if (request->op == WRG_IO_FLUSH)
        return true;
    for (uint32_t i = 0; i < request->nvec; i++)
        parts |= request->vec[i].len / WRG_SECTOR_SIZE;
    return ((request->sector | parts) & mask) == 0;
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    return is_aligned(request, mask_of(disk)) ? wrg_disk_execute(disk->next, request, context)
                                              : -EINVAL;
}

static void info(const struct wrg_disk *disk, struct wrg_disk_info *out)
{
    const struct wrg_block_disk *self = (const struct wrg_block_disk *)(const void *)disk;

    wrg_disk_info(disk->next, out);
    out->sectors &= ~mask_of(disk);
    out->block_bytes = self->block_bytes;
}

static const struct wrg_disk_ops ops = { .execute = execute,
                                         .transfer = wrg_disk_pass_transfer,
                                         .info = info,
                                         .reset = wrg_disk_pass_reset };

void wrg_block_disk_init(struct wrg_block_disk *block, struct wrg_disk *next)
{
    *block = (struct wrg_block_disk){ .disk = { .ops = &ops, .next = next },
                                      .block_bytes = WRG_SECTOR_SIZE };
}

void wrg_block_disk_set(struct wrg_block_disk *block, uint32_t block_bytes)
{
    WRG_ASSERT(wrg_block_is_valid(block_bytes));
    block->block_bytes = block_bytes;
}
