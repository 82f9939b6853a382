/* SPDX-License-Identifier: MIT */
/*
 * A filter with a bad spot: requests that touch a range of sectors fail with -EIO and move nothing.
 * Layer: disk. Units: sectors. Flushes pass. A reset of the chain keeps the range: it belongs to
 * the medium, and whoever sets up a run sets it (count 0: none). Nothing is allocated.
 */
#ifndef WRG_DISK_ERROR_H
#define WRG_DISK_ERROR_H

#include <stdint.h>

#include "disk/disk.h"

struct wrg_error_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    uint64_t first_sector;
    uint64_t sectors; /* 0: no bad spot */
};

void wrg_error_disk_init(struct wrg_error_disk *bad, struct wrg_disk *next);
/* Moves the bad spot. */
void wrg_error_disk_set(struct wrg_error_disk *bad, uint64_t first_sector, uint64_t sectors);

#endif
