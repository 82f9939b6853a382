/* SPDX-License-Identifier: MIT */
#include "disk/readonly.h"

#include <errno.h>

static const struct wrg_readonly_disk *self_of(const struct wrg_disk *disk)
{
    return (const struct wrg_readonly_disk *)(const void *)disk;
}

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    if (self_of(disk)->on && (request->op == WRG_IO_WRITE || wrg_disk_discards(request->op)))
        return -EROFS;
    return wrg_disk_execute(disk->next, request, context);
}

static void info(const struct wrg_disk *disk, struct wrg_disk_info *out)
{
    wrg_disk_info(disk->next, out);
    out->readonly |= self_of(disk)->on;
}

static const struct wrg_disk_ops ops = { .execute = execute,
                                         .transfer = wrg_disk_pass_transfer,
                                         .info = info,
                                         .reset = wrg_disk_pass_reset };

void wrg_readonly_disk_init(struct wrg_readonly_disk *ro, struct wrg_disk *next)
{
    *ro = (struct wrg_readonly_disk){ .disk = { .ops = &ops, .next = next }, .on = true };
}
