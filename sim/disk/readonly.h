/* SPDX-License-Identifier: MIT */
/*
 * A filter that makes a disk read-only: writes and discards get -EROFS and change nothing, info
 * says so. Flushes and reads pass. Layer: disk; no state, nothing allocated.
 */
#ifndef WRG_DISK_READONLY_H
#define WRG_DISK_READONLY_H

#include <stdbool.h>

#include "disk/disk.h"

struct wrg_readonly_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    bool on; /* off: everything passes, so that a world keeps one chain for all cases */
};

void wrg_readonly_disk_init(struct wrg_readonly_disk *ro, struct wrg_disk *next);

#endif
