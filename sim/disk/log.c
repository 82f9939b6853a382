/* SPDX-License-Identifier: MIT */
#include "disk/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/errno_name.h"

static int execute(struct wrg_disk *disk, const struct wrg_disk_request *request,
                   struct wrg_disk_context *context)
{
    const struct wrg_log_disk *log = (const struct wrg_log_disk *)(const void *)disk;
    struct wrg_disk_record record = { .ticket = context->ticket,
                                      .op = request->op,
                                      .sector = request->sector,
                                      .nsectors = wrg_disk_request_sectors(request) };

    record.error = wrg_disk_execute(disk->next, request, context);
    log->log(log->ctx, &record);
    return record.error;
}

static const struct wrg_disk_ops ops = { .execute = execute,
                                         .transfer = wrg_disk_pass_transfer,
                                         .info = wrg_disk_pass_info,
                                         .reset = wrg_disk_pass_reset };

void wrg_log_disk_init(struct wrg_log_disk *log, struct wrg_disk *next, wrg_disk_log_fn *fn,
                       void *ctx)
{
    *log = (struct wrg_log_disk){ .disk = { .ops = &ops, .next = next }, .log = fn, .ctx = ctx };
}

int wrg_disk_record_print(const struct wrg_disk_record *record, char *out, size_t size)
{
    static const char *const names[] = {
        [WRG_IO_READ] = "read",       [WRG_IO_WRITE] = "write",
        [WRG_IO_FLUSH] = "flush",     [WRG_IO_BARRIER] = "barrier",
        [WRG_IO_DISCARD] = "discard", [WRG_IO_SECURE_ERASE] = "secure-erase",
    };
    const char *name = record->op < WRG_ARRAY_LEN(names) ? names[record->op] : "unknown";
    const char *result = record->error == 0              ? "ok"
                         : record->error == -EINPROGRESS ? "started"
                                                         : wrg_errno_name(-record->error);

    return snprintf(out, size, "%" PRIu32 " %s %" PRIu64 "+%" PRIu64 " %s", record->ticket, name,
                    record->sector, record->nsectors, result);
}
