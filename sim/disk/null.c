/* SPDX-License-Identifier: MIT */
#include "disk/null.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"

static int discard(const struct wrg_null_disk *null, const struct wrg_disk_request *request,
                   const struct wrg_disk_context *context)
{
    if (request->sector > null->sectors || request->nsectors > null->sectors - request->sector)
        return -EIO;
    wrg_disk_tell_discard(context, request);
    return 0;
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    const struct wrg_null_disk *null = (const struct wrg_null_disk *)(const void *)disk;
    uint64_t digests[WRG_PAGE_SIZE / WRG_SECTOR_SIZE];
    bool read = request->op == WRG_IO_READ;
    uint64_t sector = request->sector;
    int error;

    if (request->op == WRG_IO_FLUSH)
        return 0;
    if (wrg_disk_discards(request->op))
        return discard(null, request, context);
    if (!read && request->op != WRG_IO_WRITE)
        return -EINVAL;
    error = wrg_disk_check(request, null->sectors);
    if (error)
        return error;
    for (size_t i = 0; i < WRG_ARRAY_LEN(digests); i++)
        digests[i] = null->zero_digest;
    for (uint32_t i = 0; i < request->nvec; i++) {
        const struct wrg_vec *vec = &request->vec[i];
        uint8_t *page = wrg_xen_dma(context->xen, context->dom, vec, read);
        if (!page)
            return -EFAULT;
        if (read)
            memset(page, 0, vec->len);
        if (context->xen->trace->on)
            wrg_disk_tell(context, request, sector, vec, page, digests);
        sector += vec->len >> WRG_DISK_SECTOR_SHIFT;
    }
    return 0;
}

static int transfer(struct wrg_disk *disk, const struct wrg_disk_run *run)
{
    const struct wrg_null_disk *null = (const struct wrg_null_disk *)(const void *)disk;

    if (run->sector > null->sectors || run->count > null->sectors - run->sector)
        return -EIO;
    if (!run->write)
        memset(run->bytes, 0, (size_t)run->count << WRG_DISK_SECTOR_SHIFT);
    return 0;
}

static void info(const struct wrg_disk *disk, struct wrg_disk_info *out)
{
    out->sectors = ((const struct wrg_null_disk *)(const void *)disk)->sectors;
    out->readonly = false;
    out->flush = true;
    out->discard_granularity_bytes = WRG_SECTOR_SIZE;
    out->discard_secure = true; /* nothing of anything is left */
}

static void reset(struct wrg_disk *disk)
{
    (void)disk; /* it is as empty as ever */
}

static const struct wrg_disk_ops ops = {
    .execute = execute, .transfer = transfer, .info = info, .reset = reset
};

void wrg_null_disk_init(struct wrg_null_disk *null, uint64_t sectors)
{
    static const uint8_t zeros[WRG_SECTOR_SIZE];

    *null = (struct wrg_null_disk){ .disk = { .ops = &ops }, .sectors = sectors };
    wrg_digest_sectors(zeros, 1, &null->zero_digest);
}
