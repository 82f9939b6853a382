/* SPDX-License-Identifier: MIT */
#include "disk/faulty.h"

#include <errno.h>

static const uint8_t sites[] = {
    [WRG_IO_READ] = WRG_FAULT_DISK_READ,       [WRG_IO_WRITE] = WRG_FAULT_DISK_WRITE,
    [WRG_IO_FLUSH] = WRG_FAULT_DISK_FLUSH,     [WRG_IO_BARRIER] = WRG_FAULT_DISK_WRITE,
    [WRG_IO_DISCARD] = WRG_FAULT_DISK_DISCARD, [WRG_IO_SECURE_ERASE] = WRG_FAULT_DISK_DISCARD,
};

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    int32_t status;

    if (request->op >= WRG_ARRAY_LEN(sites))
        return -EINVAL;
    uint8_t site = sites[request->op];
    uint8_t row = wrg_xen_fault_row(context->xen, context->dom);
    wrg_xen_lock(context->xen);
    status = wrg_fault_point(context->xen->fault, (enum wrg_fault_site)site, row);
    wrg_xen_unlock(context->xen);
    if (!status)
        return wrg_disk_execute(disk->next, request, context);
    wrg_xen_emit(context->xen, .kind = WRG_EV_FAULT, .role = context->dom->role, .a = site,
                 .b = wrg_fault_nth(context->xen->fault, (enum wrg_fault_site)site, row),
                 .c = (uint32_t)status);
    return status;
}

static const struct wrg_disk_ops ops = { .execute = execute,
                                         .transfer = wrg_disk_pass_transfer,
                                         .info = wrg_disk_pass_info,
                                         .reset = wrg_disk_pass_reset };

void wrg_faulty_disk_init(struct wrg_faulty_disk *faulty, struct wrg_disk *next)
{
    *faulty = (struct wrg_faulty_disk){ .disk = { .ops = &ops, .next = next } };
}
