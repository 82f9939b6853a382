/* SPDX-License-Identifier: MIT */
/*
 * The end of a chain that keeps nothing: writes vanish, reads bring zeros, and it discards,
 * securely too, what it never had. For measuring what is above a disk; no case has it, because a
 * frontend would be right to complain. Layer: disk. Units: sectors. Errors and events as those of a
 * memory disk (memory_disk.h), with the digests of zeros for whatever was moved. Nothing is
 * allocated.
 */
#ifndef WRG_DISK_NULL_H
#define WRG_DISK_NULL_H

#include <stdint.h>

#include "disk/disk.h"

struct wrg_null_disk {
    struct wrg_disk disk; /* first: a link of a chain */
    uint64_t sectors;
    uint64_t zero_digest; /* of a sector of zeros */
};

void wrg_null_disk_init(struct wrg_null_disk *null, uint64_t sectors);

#endif
