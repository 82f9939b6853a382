/* SPDX-License-Identifier: MIT */
/*
 * A filter that tells what passes through it: one record for each request, when the disk below has
 * taken it. Layer: disk. Units: sectors. It changes nothing, keeps nothing and allocates nothing;
 * the callback runs in the disk's task, and must neither block nor touch the disk. An error of
 * -EINPROGRESS says that the request is on its way (wrg_disk_context.land).
 */
#ifndef WRG_DISK_LOG_H
#define WRG_DISK_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "disk/disk.h"

struct wrg_disk_record {
    uint32_t ticket;
    uint8_t op; /* enum wrg_io_op */
    uint64_t sector, nsectors;
    int error;
};

typedef void wrg_disk_log_fn(void *ctx, const struct wrg_disk_record *record);

struct wrg_log_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    wrg_disk_log_fn *log;
    void *ctx;
};

/* `ctx` is the caller's, and outlives the filter. */
void wrg_log_disk_init(struct wrg_log_disk *log, struct wrg_disk *next, wrg_disk_log_fn *fn,
                       void *ctx);
/* A record as one line without an end: `7 write 16+8 ok`. Returns its length, as snprintf does. */
int wrg_disk_record_print(const struct wrg_disk_record *record, char *out, size_t size);

#endif
