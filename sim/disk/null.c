/* SPDX-License-Identifier: MIT */
#include "disk/null.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"

static bool fits(const struct wrg_null_disk *null, uint64_t sector, uint64_t count)
{
    return sector <= null->sectors && count <= null->sectors - sector;
}

static void emit_data(const struct wrg_null_disk *null, const struct wrg_disk_request *request,
                      const struct wrg_disk_context *context, const struct wrg_vec *vec,
                      uint64_t sector, uint64_t frame)
{
    uint64_t digests[WRG_PAGE_SIZE / WRG_SECTOR_SIZE];
    uint32_t count = vec->len >> WRG_DISK_SECTOR_SHIFT;

    for (uint32_t i = 0; i < count; i++)
        digests[i] = null->zero_digest;
    wrg_xen_emit(context->xen, .kind = WRG_EV_DISK_DATA, .role = context->dom->role,
                 .a = context->ticket, .b = request->op, .c = sector,
                 .d = frame << 32 | (uint32_t)vec->off << 16 | vec->len, .payload = digests,
                 .len = count * (uint32_t)sizeof(*digests));
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    const struct wrg_null_disk *null = (const struct wrg_null_disk *)(const void *)disk;
    bool read = request->op == WRG_IO_READ;
    uint64_t sector = request->sector;

    if (request->op == WRG_IO_FLUSH)
        return 0;
    if (!read && request->op != WRG_IO_WRITE)
        return -EINVAL;
    for (uint32_t i = 0; i < request->nvec; i++)
        if (request->vec[i].len % WRG_SECTOR_SIZE || request->vec[i].len > WRG_PAGE_SIZE)
            return -EINVAL;
    if (!fits(null, sector, wrg_disk_request_sectors(request)))
        return -EIO;
    for (uint32_t i = 0; i < request->nvec; i++) {
        const struct wrg_vec *vec = &request->vec[i];
        uint8_t *page = wrg_xen_dma(context->xen, context->dom, vec, read);
        if (!page)
            return -EFAULT;
        if (read)
            memset(page, 0, vec->len);
        if (context->xen->trace->on)
            emit_data(null, request, context, vec, sector,
                      (uint64_t)(page - context->xen->memory.base) >> WRG_PAGE_SHIFT);
        sector += vec->len >> WRG_DISK_SECTOR_SHIFT;
    }
    return 0;
}

static int transfer(struct wrg_disk *disk, const struct wrg_disk_run *run)
{
    if (!fits((const struct wrg_null_disk *)(const void *)disk, run->sector, run->count))
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
