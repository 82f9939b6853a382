/* SPDX-License-Identifier: MIT */
#include "disk/disk.h"

uint64_t wrg_disk_request_sectors(const struct wrg_disk_request *request)
{
    uint64_t sectors = 0;

    for (uint32_t i = 0; i < request->nvec; i++)
        sectors += request->vec[i].len >> WRG_DISK_SECTOR_SHIFT;
    return sectors;
}

int wrg_disk_pass_transfer(struct wrg_disk *disk, const struct wrg_disk_run *run)
{
    return wrg_disk_transfer(disk->next, run);
}

void wrg_disk_pass_info(const struct wrg_disk *disk, struct wrg_disk_info *info)
{
    wrg_disk_info(disk->next, info);
}

void wrg_disk_pass_reset(struct wrg_disk *disk)
{
    wrg_disk_reset(disk->next);
}
