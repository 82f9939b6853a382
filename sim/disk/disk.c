/* SPDX-License-Identifier: MIT */
#include "disk/disk.h"

#include <errno.h>

uint64_t wrg_disk_request_sectors(const struct wrg_disk_request *request)
{
    uint64_t sectors = 0;

    if (wrg_disk_discards(request->op))
        return request->nsectors;
    for (uint32_t i = 0; i < request->nvec; i++)
        sectors += request->vec[i].len >> WRG_DISK_SECTOR_SHIFT;
    return sectors;
}

int wrg_disk_check(const struct wrg_disk_request *request, uint64_t sectors)
{
    for (uint32_t i = 0; i < request->nvec; i++)
        if (request->vec[i].len % WRG_SECTOR_SIZE || request->vec[i].len > WRG_PAGE_SIZE)
            return -EINVAL;
    if (request->sector > sectors || wrg_disk_request_sectors(request) > sectors - request->sector)
        return -EIO;
    return 0;
}

void wrg_disk_tell(const struct wrg_disk_context *context, const struct wrg_disk_request *request,
                   uint64_t sector, const struct wrg_vec *vec, const uint8_t *page,
                   const uint64_t *digests)
{
    uint64_t frame = (uint64_t)(page - context->xen->memory.base) >> WRG_PAGE_SHIFT;
    uint32_t count = vec->len >> WRG_DISK_SECTOR_SHIFT;

    wrg_xen_emit(context->xen, .kind = WRG_EV_DISK_DATA, .role = context->dom->role,
                 .a = context->ticket, .b = request->op, .c = sector,
                 .d = frame << 32 | (uint32_t)vec->off << 16 | vec->len, .payload = digests,
                 .len = count * (uint32_t)sizeof(*digests));
}

void wrg_disk_tell_discard(const struct wrg_disk_context *context,
                           const struct wrg_disk_request *request)
{
    wrg_xen_emit(context->xen, .kind = WRG_EV_DISK_DISCARD, .role = context->dom->role,
                 .a = context->ticket, .b = request->op, .c = request->sector,
                 .d = request->nsectors);
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
