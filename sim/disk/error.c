/* SPDX-License-Identifier: MIT */
#include "disk/error.h"

#include <errno.h>

static bool touches(const struct wrg_error_disk *bad, const struct wrg_disk_request *request)
{
    uint64_t sectors;

    if (bad->sectors == 0 || request->op == WRG_IO_FLUSH)
        return false;
    sectors = wrg_disk_request_sectors(request);
    /* Distances, not ends: an end may lie beyond 2^64. */
    if (request->sector >= bad->first_sector)
        return sectors && request->sector - bad->first_sector < bad->sectors;
    return bad->first_sector - request->sector < sectors;
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    if (touches((const struct wrg_error_disk *)(const void *)disk, request))
        return -EIO;
    return wrg_disk_execute(disk->next, request, context);
}

static const struct wrg_disk_ops ops = { .execute = execute,
                                         .transfer = wrg_disk_pass_transfer,
                                         .info = wrg_disk_pass_info,
                                         .reset = wrg_disk_pass_reset };

void wrg_error_disk_init(struct wrg_error_disk *bad, struct wrg_disk *next)
{
    *bad = (struct wrg_error_disk){ .disk = { .ops = &ops, .next = next } };
}

void wrg_error_disk_set(struct wrg_error_disk *bad, uint64_t first_sector, uint64_t sectors)
{
    bad->first_sector = first_sector;
    bad->sectors = sectors;
}
